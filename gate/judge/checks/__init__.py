"""One file for each family of checks; `CHECKS` is the one tuple of them, in the order of the findings."""

from collections.abc import Callable, Iterator

from gate.judge.checks.bodies import check_bodies, check_closure, check_second_reader
from gate.judge.checks.buckets import check_buckets
from gate.judge.checks.build import check_build, check_builders
from gate.judge.checks.epochs import check_epochs
from gate.judge.checks.incident import check_disks, check_incident
from gate.judge.checks.origin import check_origin
from gate.judge.checks.push import check_push, check_uploads
from gate.judge.checks.run import check_caches, check_captures, check_controls, check_machine, check_run
from gate.judge.checks.server_log import check_server_log
from gate.judge.checks.split import check_parts
from gate.judge.checks.state import check_state
from gate.judge.checks.store import check_drives, check_store, check_store_log, check_volumes
from gate.model.document import Facts, Finding

Check = Callable[[Facts], Iterator[Finding]]
CHECKS: tuple[Check, ...] = (
    check_buckets,
    check_volumes,
    check_drives,
    check_store,
    check_disks,
    check_origin,
    check_uploads,
    check_state,
    check_epochs,
    check_caches,
    check_builders,
    check_machine,
    check_build,
    check_push,
    check_bodies,
    check_second_reader,
    check_closure,
    check_server_log,
    check_store_log,
    check_controls,
    check_incident,
    check_captures,
    check_parts,
    check_run,
)
