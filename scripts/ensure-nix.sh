#!/usr/bin/env bash
# Finds a nix, or installs Debian's when it may, and prints the folder that nix is in (for PATH) on stdout.
set -euo pipefail

say() { printf '%s\n' "nix: $*" >&2; }

find_nix() {
  local candidate
  if candidate="$(command -v nix)"; then
    dirname -- "$candidate"
    return
  fi
  for candidate in \
    /nix/var/nix/profiles/default/bin \
    /run/current-system/sw/bin \
    "${HOME:-/nonexistent}/.nix-profile/bin" \
    "${XDG_STATE_HOME:-${HOME:-/nonexistent}/.local/state}/nix/profile/bin"; do
    if [[ -x $candidate/nix ]]; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}

if find_nix; then
  exit
fi

if ! command -v apt-get >/dev/null; then
  say "no nix found. Install it as your system does, then try again"
  exit 1
fi
if [[ $(id -u) -ne 0 ]]; then
  say "no nix found. Run: sudo apt-get install nix-bin"
  exit 1
fi

say "installing Debian's nix-bin"
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
if ! { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes nix-bin; } >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
find_nix || {
  say "nix-bin is installed, but nix is not where it should be"
  exit 1
}
