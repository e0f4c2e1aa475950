#!/usr/bin/env bash
# The action's first step: a folder of its own, and a Python of 3.11 or later to make the environment with.
# Order: the input, PATH, uv; the outputs say when setup-python is to fetch one, which only a hosted runner is given.
set -euo pipefail

say() { printf '%s\n' "python: $*" >&2; }

# A line end in a value would be an output of its own.
put() {
  if [[ $2 == *[$'\n\r']* ]]; then
    say "$1 has a line end in it: give one line"
    exit 2
  fi
  printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
}

fits() { "$1" -I -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' >/dev/null 2>&1; }

on_path() {
  local name
  for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
    if command -v "$name" >/dev/null && fits "$name"; then
      command -v "$name"
      return
    fi
  done
  return 1
}

by_uv() {
  local setting
  command -v uv >/dev/null || return 1
  # The caller's own settings for uv are about the caller's project.
  for setting in "${!UV_@}" VIRTUAL_ENV; do unset "$setting"; done
  export UV_PYTHON_INSTALL_DIR="$work/python"
  cd "$work"
  uv python find --quiet --no-project '>=3.11,<3.15' 2>/dev/null && return
  uv python install --quiet --no-bin 3.13 >&2 && uv python find --quiet --no-project 3.13
}

work="$(mktemp -d "${RUNNER_TEMP:?is not set: this is a step of the action}/trusted-publication-probe.XXXXXXXXXX")"
put work "$work"
evidence="${GATE_ACTION_EVIDENCE_DIR:-$work/evidence}"
[[ $evidence == /* ]] || evidence="${GITHUB_WORKSPACE:-$PWD}/$evidence"
put evidence "$evidence"

if [[ -n ${GATE_ACTION_PYTHON:-} ]]; then
  if ! python="$(command -v -- "$GATE_ACTION_PYTHON")" || ! fits "$python"; then
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
