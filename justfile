# The operators' recipes, with the flags of their runbook. `make setup` comes first.
set positional-arguments

gate := justfile_directory() / ".venv/bin/publication-gate"

# list the recipes
default:
    @"{{just_executable()}}" --list

# is every published byte of a path there? e.g. --store-hash HASH
attic-nar-integrity-check *ARGS:
    @"{{gate}}" attic-nar-integrity-check "$@"

# is the state's store ready to be relied on? e.g. --expect-interim
tofu-state-ha-readiness *ARGS:
    @"{{gate}}" tofu-state-ha-readiness "$@"

# why is a bucket not in the index? e.g. --bucket attic
rustfs-bucket-index-rca *ARGS:
    @"{{gate}}" rustfs-bucket-index-rca "$@"

# a healthy run and the incident, on this machine
demo:
    @make --no-print-directory demo
