#!/usr/bin/env bash
# Writes requirements/*.txt from pyproject.toml: every version fixed, every file hashed, for Python 3.11 to 3.14 on any
# platform, and no word of where packages come from.
#   scripts/lock.sh            keep the versions that still fit
#   scripts/lock.sh --upgrade  take the newest
#   scripts/lock.sh --check    look at the files only: hashes everywhere, one version a package, no addresses, no paths
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

check() {
  local file bad=0
  for file in requirements/runtime.txt requirements/lab.txt requirements/dev.txt; do
    # A requirement's line goes on in a hash, or the file would install unhashed things.
    if grep -nE '^[A-Za-z0-9]' "$file" | grep -vE '\\$'; then
      printf '%s\n' "lock: $file has requirements without hashes" >&2
      bad=1
    fi
    if grep -nE '://|^--?[a-z]|(^|[^.])/(home|root|tmp|usr|opt|work)/' "$file"; then
      printf '%s\n' "lock: $file names an address, an option or a path of some machine" >&2
      bad=1
    fi
  done
  # What users install is what was tested: each line of the smaller locks is in the larger ones too.
  for file in requirements/runtime.txt requirements/lab.txt; do
    if grep -E '^[A-Za-z0-9]' "$file" | cut -d' ' -f1 | grep -vxFf <(grep -E '^[A-Za-z0-9]' requirements/dev.txt | cut -d' ' -f1); then
      printf '%s\n' "lock: $file and requirements/dev.txt differ; run: make lock" >&2
      bad=1
    fi
  done
  return "$bad"
}

find_uv() {
  if command -v uv; then
    return
  fi
  if [[ ! -x build/uv/bin/uv ]]; then
    "${PYTHON:-python3}" -m venv build/uv
    build/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
  fi
  printf '%s\n' build/uv/bin/uv
}

if [[ ${1:-} == --check ]]; then
  check
  exit
fi

uv="$(find_uv)"

# compile OUTPUT ARGUMENT…
compile() {
  local output=$1
  shift
  "$uv" pip compile pyproject.toml --quiet --universal --python-version 3.11 --only-binary :all: \
    --generate-hashes --no-emit-index-url --no-emit-find-links --annotation-style line \
    --custom-compile-command 'make lock' --output-file "$output" "$@" >/dev/null
}

# The largest set first; the others take its versions.
compile requirements/dev.txt --extra lab --extra attic-db --group dev ${1:+"$1"}
compile requirements/lab.txt --extra lab --constraints requirements/dev.txt
compile requirements/runtime.txt --constraints requirements/dev.txt
check
