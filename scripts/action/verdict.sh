#!/usr/bin/env bash
# The action's last step: it ends with the verdict's exit code, and with 3 where any step before gave no answer.
set -euo pipefail

# The outputs that decide are written here, last, so that none says pass where a later step took it back.
put() {
  printf 'verdict=%s\noutcome=%s\nexit-code=%s\n' "$1" "$2" "$3" >>"${GITHUB_OUTPUT:-/dev/null}"
}

say() { printf '%s\n' "verdict: $*" >&2; }

code="${GATE_ACTION_EXIT_CODE:-}" verdict="${GATE_ACTION_VERDICT:-}" outcome="${GATE_ACTION_OUTCOME:-}"
if [[ ${GATE_ACTION_FINISH:-} != success || ! $code =~ ^[0234]$ || ! $verdict$outcome =~ ^[a-z-]+$ ]]; then
  put inconclusive fail 3
  say 'inconclusive: the evidence was not finished; see the steps above'
  exit 3
fi
if [[ -n ${GATE_ACTION_ARTIFACT_URL:-} && -n ${GITHUB_STEP_SUMMARY:-} ]]; then
  # Both go into Markdown: only what needs no escape there.
  if [[ $GATE_ACTION_ARTIFACT_URL =~ ^https?://[A-Za-z0-9._:/-]+$ && $GATE_ACTION_ARTIFACT_NAME =~ ^[A-Za-z0-9._-]+$ ]]; then
    printf 'Evidence: [%s](%s)\n' "$GATE_ACTION_ARTIFACT_NAME" "$GATE_ACTION_ARTIFACT_URL" >>"$GITHUB_STEP_SUMMARY"
  fi
fi
if [[ ${GATE_ACTION_UPLOAD:-} == failure || ${GATE_ACTION_UPLOAD:-} == cancelled ]]; then
  say 'the evidence was not uploaded: nothing later can rely on this run'
  if [[ $code == 0 ]]; then
    code=3 verdict=inconclusive outcome=fail
  fi
fi
put "$verdict" "$outcome" "$code"
say "exit code $code"
exit "$code"
