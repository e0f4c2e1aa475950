#!/usr/bin/env bash
# Builds the sdist, the wheel and SHA256SUMS into the folder of the first argument (default: dist).
# The same tree gives the same bytes: every time stamp is the commit's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out="$(realpath -m "${1:-dist}")"
python="${GATE_DIST_PYTHON:-.venv/bin/python}"
if [[ -e $out && -n "$(ls -A "$out")" ]]; then
  printf '%s\n' "dist: $out is not empty; name a new folder, or remove it" >&2
  exit 2
fi

SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
export SOURCE_DATE_EPOCH
"$python" -m hatchling build --directory "$out" >&2
cd "$out"
sha256sum -- *.tar.gz *.whl >SHA256SUMS
cat SHA256SUMS
