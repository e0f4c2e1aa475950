"""Whether the evidence before is clean enough to publish: the last push of the incident left both buckets absent."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from gate.evidence.fold import Tape, fold
from gate.judge.checks.buckets import check_buckets
from gate.judge.checks.incident import disk_words, full_disks
from gate.judge.checks.run import check_caches
from gate.model.basics import Phase, Status, Truth
from gate.model.document import Facts
from gate.model.records import Entry


def facts_so_far(entries: Sequence[Entry], logs: Mapping[str, bytes] | None = None) -> Facts:
    """The facts of what is journalled so far, with these logs as captures, and without any other."""
    captures = {name: partial(_one, text) for name, text in (logs or {}).items()}
    return fold(Tape(entries=tuple(entries), torn=False), captures)


def _one(text: bytes) -> Iterable[bytes]:
    return (text,)


def unclean(facts: Facts) -> tuple[str, ...]:
    """What forbids publishing, one sentence each; empty when nothing does."""
    rows = [row for row in check_buckets(facts) if row.phase == Phase.PRE.value and row.status is not Status.PASS]
    rows += [row for row in check_caches(facts) if row.status is not Status.PASS]
    full = (f"the drive at {disk_words(disk)}: writes would fail" for disk in full_disks(facts))
    return (*(row.summary for row in rows), *_state(facts), *full)


def _state(facts: Facts) -> tuple[str, ...]:
    if "state" in facts.policy.absent:
        return ()
    state = facts.pre.state
    if state is None or state.truth is not Truth.PRESENT:
        return ("the OpenTofu state is not there, or could not be read",)
    if facts.policy.representative and state.locked is not Truth.ABSENT:
        return ("the OpenTofu state is locked, or its lock could not be read",)
    if facts.policy.state_contents and (state.told is None or state.told.content != "state"):
        return ("the content of the OpenTofu state could not be read as one",)
    return ()
