#!/usr/bin/env bash
# Sees that the programs which only the tests need are there, or installs Debian's when it may.
#   npm      fetches the kubectl that the Kubernetes tests run, and GitHub's own upload client
#   busybox  is all that a container under test has
#   strace   gives the errors of a failing disk
#   chromium opens the report in the tests of the page
#   postgresql is Attic's database in the tests of the audit
#   systemd  has journalctl, and systemd-journal-remote writes the journals that it reads
set -euo pipefail

declare -A packages=([npm]=npm [busybox]=busybox [strace]=strace [journalctl]=systemd [chromium]=chromium)
missing=()
for command in "${!packages[@]}"; do
  command -v "$command" >/dev/null || missing+=("${packages[$command]}")
done
compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null || missing+=(postgresql)
[[ -x /lib/systemd/systemd-journal-remote ]] || missing+=(systemd-journal-remote)
if [[ ${#missing[@]} -eq 0 ]]; then
  exit
fi
if ! command -v apt-get >/dev/null; then
  printf 'tests: missing: %s. Install them as your system does, then try again\n' "${missing[*]}" >&2
  exit 1
fi
if [[ $(id -u) -ne 0 ]]; then
  printf 'tests: missing programs. Run: sudo apt-get install %s\n' "${missing[*]}" >&2
  exit 1
fi

printf "tests: installing Debian's %s\n" "${missing[*]}" >&2
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
if ! { apt-get -qq update &&
  DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
