#!/usr/bin/env bash
# Makes .venv from the hashed lock and installs this project into it, editable.
# Safe to run again: it fixes what is there. PYTHON=… names the interpreter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=.venv
lock=requirements/dev.txt

say() { printf '%s\n' "setup: $*" >&2; }

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
    if is_new_enough "$candidate"; then
      command -v -- "$candidate"
      return
    fi
    if [[ -n ${PYTHON:-} ]]; then
      say "PYTHON=$PYTHON is not a Python of 3.11 or later"
      return 1
    fi
  done
  say "no Python of 3.11 or later on PATH; install one, or name it: make setup PYTHON=/path/to/python3.12"
  return 1
}

make_venv() {
  local python=$1 log
  if "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    "$python" -m venv --clear "$venv"
    return
  fi
  # Debian and Ubuntu split ensurepip off into another package.
  local package
  package="$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
  if ! command -v apt-get >/dev/null; then
    say "$python lacks venv or ensurepip; install your system's package for them and try again"
    return 1
  fi
  if [[ $(id -u) -ne 0 ]]; then
    say "$python lacks ensurepip; run: sudo apt-get install $package"
    return 1
  fi
  say "installing $package"
  log="$(mktemp)"
  if ! { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes "$package"; } >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
  "$python" -m venv --clear "$venv"
}

# The lock names every package: without --no-deps pip would ask the index for an extra such as coverage[toml] again, take
# a newer release than the lock has, and refuse it for want of a hash.
install_lock() {
  if command -v uv >/dev/null; then
    uv pip install --quiet --python "$venv/bin/python" --require-hashes --only-binary :all: --no-deps --requirement "$lock"
  else
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
      --require-hashes --only-binary :all: --no-deps --requirement "$lock"
  fi
}

if ! is_new_enough "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  python="$(find_python)"
  say "making $venv with $python"
  make_venv "$python"
fi

say "installing $lock"
install_lock

# The build backend is in the lock too, so this step asks no index for anything.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
  --no-deps --no-index --no-build-isolation --editable .

"$venv/bin/python" -m pip --disable-pip-version-check check >/dev/null || {
  "$venv/bin/python" -m pip --disable-pip-version-check check >&2
  exit 1
}
say "ready: $venv"
