#!/usr/bin/env bash
# The two answers that matter, on this machine, against real nix: a healthy stack passes, the incident is quarantined.
# Succeeds only if the first run exits 0 and the second exits 4.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

gate=.venv/bin/publication-gate
profile=medium-check
out="build/demo/$(date -u +%Y%m%dT%H%M%SZ)-$$"

# run NAME EXPECTED-EXIT ARGUMENT…
run() {
  local name=$1 expected=$2 got=0
  shift 2
  printf '\n== %s: publication-gate lab %s\n\n' "$name" "$*"
  "$gate" lab --profile "$profile" --output "$out/$name" "$@" || got=$?
  printf '\n-- exit code %s, expected %s; evidence: %s\n' "$got" "$expected" "$out/$name"
  [[ $got -eq $expected ]]
}

nix_bin="$(scripts/ensure-nix.sh)"
export PATH="$nix_bin:$PATH"
mkdir -p "$out"

failed=()
run healthy 0 || failed+=(healthy)
run incident 4 --fault index-lost-during-push --finish-push || failed+=(incident)

if [[ ${#failed[@]} -gt 0 ]]; then
  printf '\ndemo: NOT as expected: %s\n' "${failed[*]}" >&2
  exit 1
fi
printf '\ndemo: both as expected. The report of the incident: %s/incident/report.html\n' "$out"
