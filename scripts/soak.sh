#!/usr/bin/env bash
# Every drill three times in a row, each healthy profile ten times in a row: all as expected, or a failure with the rows.
#   DRILL_ROUNDS=1 HEALTHY_ROUNDS=2 make soak     a shorter one
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

gate=.venv/bin/publication-gate
out="build/soak/$(date -u +%Y%m%dT%H%M%SZ)-$$"
mkdir -p "$out"
failed=0
began=$SECONDS

for round in $(seq "${DRILL_ROUNDS:-3}"); do
  printf '== drills, round %s\n' "$round"
  "$gate" lab --fault all --output "$out/drills-$round" 2>"$out/drills-$round.stderr" || failed=$((failed + 1))
done
for profile in synthetic small-check medium-check; do
  passes=0
  for round in $(seq "${HEALTHY_ROUNDS:-10}"); do
    into="$out/$profile-$round"
    if "$gate" lab --profile "$profile" --output "$into" >"$into.stdout" 2>"$into.stderr"; then
      passes=$((passes + 1))
    else
      failed=$((failed + 1))
      printf 'NOT A PASS: %s (see %s.stdout)\n' "$into" "$into"
    fi
  done
  printf '== healthy %s: %s of %s passed\n' "$profile" "$passes" "${HEALTHY_ROUNDS:-10}"
done

printf 'soak: %s failures in %s s; evidence: %s\n' "$failed" "$((SECONDS - began))" "$out"
[[ $failed -eq 0 ]]
