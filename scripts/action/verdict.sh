#!/usr/bin/env bash
# The action's last step: it ends with the verdict's exit code, and with 3 where any step before gave no answer.
set -euo pipefail

say() { printf '%s\n' "verdict: $*" >&2; }

code="${GATE_ACTION_EXIT_CODE:-}"
if [[ ${GATE_ACTION_FINISH:-} != success || ! $code =~ ^[0-9]$ ]]; then
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
  [[ $code != 0 ]] || code=3
fi
say "exit code $code"
exit "$code"
