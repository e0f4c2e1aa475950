#!/usr/bin/env bash
# The action's first step: a new folder, and a Python 3.11 or later for the environment.
# Order: the input, PATH, uv; the outputs say when setup-python is to fetch one, which only a hosted runner is given.
set -euo pipefail

say() { printf '%s\n' "python: $*" >&2; }

# A line end in a value would begin another output.
put() {
  if [[ $2 == *[$'\n\r']* ]]; then
    say "$1 has a line end in it: give one line"
    exit 2
  fi
  printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
}

# Whether a folder or a program is the checkout's, which a pull request writes: relative, or in the workspace by any link.
of_checkout() {
  local real workspace="${GITHUB_WORKSPACE:-}"
  [[ $1 == /* ]] || return 0
  [[ -n $workspace ]] || return 1
  workspace="$(cd -P -- "$workspace" 2>/dev/null && pwd)" || return 1
  if [[ -d $1 ]]; then
    real="$(cd -P -- "$1" 2>/dev/null && pwd)" || real="$1"
  else
    real="$(cd -P -- "${1%/*}/" 2>/dev/null && pwd)/${1##*/}"
    ! command -v readlink >/dev/null || real="$(readlink -f -- "$1")"
  fi
  [[ "$1/" == "$GITHUB_WORKSPACE"/* || "$1/" == "$workspace"/* || "$real/" == "$workspace"/* ]]
}

# PATH without what the checkout decides: nothing of it is run in these steps.
clean_path() {
  local entry kept='' left="$PATH:"
  while [[ -n $left ]]; do
    entry="${left%%:*}" left="${left#*:}"
    if of_checkout "$entry"; then
      say "the PATH entry '${entry//[^A-Za-z0-9\/._-]/?}' is of the checkout, or relative: passed over"
    else
      kept+="${kept:+:}$entry"
    fi
  done
  PATH="${kept:-/usr/bin:/bin}"
}

fits() { "$1" -I -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' >/dev/null 2>&1; }

on_path() {
  local name
  for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
    if command -v "$name" >/dev/null && ! of_checkout "$(command -v "$name")" && fits "$name"; then
      command -v "$name"
      return
    fi
  done
  return 1
}

by_uv() {
  local setting
  if ! command -v uv >/dev/null || of_checkout "$(command -v uv)"; then return 1; fi
  # The caller's own settings for uv are about the caller's project.
  for setting in "${!UV_@}" VIRTUAL_ENV; do unset "$setting"; done
  export UV_PYTHON_INSTALL_DIR="$work/python"
  cd "$work"
  uv python find --quiet --no-project '>=3.11,<3.15' 2>/dev/null && return
  uv python install --quiet --no-bin 3.13 >&2 && uv python find --quiet --no-project 3.13
}

clean_path
work="$(mktemp -d "${RUNNER_TEMP:?is not set: this is a step of the action}/trusted-publication-probe.XXXXXXXXXX")"
put work "$work"
evidence="${GATE_ACTION_EVIDENCE_DIR:-$work/evidence}"
[[ $evidence == /* ]] || evidence="${GITHUB_WORKSPACE:-$PWD}/$evidence"
put evidence "$evidence"

if [[ -n ${GATE_ACTION_PYTHON:-} ]]; then
  python="$(command -v -- "$GATE_ACTION_PYTHON")" || python=''
  if [[ $python == */* ]] && of_checkout "$python"; then
    say "the input python is of the checkout, or relative: name a Python outside of it by an absolute path"
    exit 2
  fi
  if [[ -z $python ]] || ! fits "$python"; then
    say "the input python names no Python of 3.11 to 3.14"
    exit 2
  fi
elif ! python="$(on_path)" && ! python="$(by_uv)"; then
  if [[ ${RUNNER_ENVIRONMENT:-} == github-hosted ]]; then
    put setup true
    exit
  fi
  say "no Python of 3.11 to 3.14 and no uv on PATH: install one on this runner, or name it by the input python"
  exit 3
fi
put python "$python"
