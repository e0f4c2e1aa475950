"""Replicas before and after: a restart of the store is changed, a replica more or less of the cache is noted."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gate.model import records as say
from gate.model.basics import Phase, Truth
from tests.helpers import tapes
from tests.helpers.tapes import Run, healthy

ONE, TWO = "kubectl://n/pod/one?container=c", "kubectl://n/pod/two?container=c"


def replica(place: str, **changes: object) -> say.WorkloadSeen:
    made = say.WorkloadSeen(
        phase=Phase.PRE,
        role="cache",
        place=place,
        truth=Truth.PRESENT,
        identity=f"uid of {place}, restarts 0, image a@sha256:1",
        started="2026-11-24T00:00:00Z",
        image="a@sha256:1",
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # test


def run(role: str, pre: list[say.WorkloadSeen], post: list[say.WorkloadSeen], base: Run | None = None) -> Run:
    """A healthy run with these replicas of a role, each phase's in place of the one that it had."""
    made: list[say.Record] = []
    for record in (base or healthy()).records:
        if isinstance(record, say.WorkloadSeen) and record.role == role:
            rows = pre if record.phase is Phase.PRE else post
            made.extend(replace(row, phase=record.phase, role=record.role) for row in rows)
        else:
            made.append(record)
    return Run(tuple(made), (base or healthy()).files)


def epoch(made: Run, role: str) -> tuple[str, str, str]:
    (row,) = [row for row in made.judged()[0] if row.code.startswith("epoch-") and row.subject == role]
    return row.code, row.status.value, made.word()


restarted = replica(ONE, identity="uid of one, restarts 1, image a@sha256:1")
stopped = replica(ONE, truth=Truth.ABSENT, identity=None, started=None, image=None, error="is waiting, 1 restarts")
starting = replica(TWO, truth=Truth.ABSENT, identity=None, started=None, image=None, error="has no status yet")
unknown = replica(TWO, truth=Truth.UNKNOWN, identity=None, started=None, image=None, error="Forbidden")
other_image = replica(TWO, image="a@sha256:2", identity="uid of two, image a@sha256:2")

SAME = ("epoch-same", "pass", "pass")
NOTED = ("epoch-replicas-changed", "pass", "pass")
CHANGED = ("epoch-changed", "inconclusive", "inconclusive")
UNKNOWN = ("epoch-unobservable", "inconclusive", "inconclusive")


@pytest.mark.parametrize(
    ("pre", "post", "cache", "store"),
    [
        ([replica(ONE), replica(TWO)], [replica(TWO), replica(ONE)], SAME, SAME),
        ([replica(ONE)], [replica(ONE), replica(TWO)], NOTED, CHANGED),
        ([replica(ONE), replica(TWO)], [replica(ONE)], NOTED, CHANGED),
        ([replica(ONE)], [replica(ONE), starting], SAME, SAME),
        ([replica(ONE), starting], [replica(ONE), replica(TWO)], NOTED, CHANGED),
        ([replica(ONE)], [replica(ONE), other_image], CHANGED, CHANGED),
        ([replica(ONE), replica(TWO)], [restarted, replica(TWO)], CHANGED, CHANGED),
        ([replica(ONE), replica(TWO)], [stopped, replica(TWO)], CHANGED, CHANGED),
        ([replica(ONE)], [replica(TWO)], CHANGED, CHANGED),
        ([replica(ONE)], [stopped], CHANGED, CHANGED),
        ([stopped], [replica(ONE)], UNKNOWN, UNKNOWN),
        ([replica(ONE), unknown], [replica(ONE)], UNKNOWN, UNKNOWN),
        ([replica(ONE)], [replica(ONE), unknown], UNKNOWN, UNKNOWN),
        ([replica(ONE)], [], UNKNOWN, UNKNOWN),
        ([], [replica(ONE)], UNKNOWN, UNKNOWN),
    ],
    ids=[
        *("same", "more", "less", "starting", "started", "rollout", "restart", "stopped", "replaced", "down", "up"),
        *("unknown before", "unknown after", "not looked at after", "not looked at before"),
    ],
)
@pytest.mark.parametrize("role", ["cache", "store"])
def test_replicas(
    role: str,
    pre: list[say.WorkloadSeen],
    post: list[say.WorkloadSeen],
    cache: tuple[str, str, str],
    store: tuple[str, str, str],
) -> None:
    assert epoch(run(role, pre, post), role) == (cache if role == "cache" else store)


def pre_lost(made: Run) -> Run:
    def edit(record: say.BucketSampled) -> say.BucketSampled:
        return tapes.lost(record) if record.phase is Phase.PRE else record

    return made.change(say.BucketSampled, edit)


def body_wrong(made: Run) -> Run:
    target = tapes.SOURCES[0].store_path

    def edit(record: say.BodyRead) -> say.BodyRead:
        if record.store_path != target or record.nar is None:
            return record
        return replace(record, nar=replace(record.nar, nar_bytes=0, wire_bytes=0))

    return made.change(say.BodyRead, edit)


@pytest.mark.parametrize("wrong", [pre_lost, body_wrong], ids=["bucket", "body"])
def test_a_restart_of_the_store_after_something_was_wrong_fails(wrong: Callable[[Run], Run]) -> None:
    made = run("store", [replica(ONE)], [restarted], wrong(healthy()))
    assert epoch(made, "store") == ("epoch-changed", "fail", "quarantine")


def test_a_scaled_cache_after_something_was_wrong_is_still_a_note() -> None:
    made = run("cache", [replica(ONE)], [replica(ONE), replica(TWO)], body_wrong(healthy()))
    assert epoch(made, "cache") == ("epoch-replicas-changed", "pass", "quarantine")


def test_both_sides_are_told() -> None:
    made = run("cache", [replica(ONE)], [replica(ONE), starting])
    (row,) = [row for row in made.judged()[0] if row.code == "epoch-same" and row.subject == "cache"]
    told = f"uid of {ONE}, restarts 0, image a@sha256:1 since 2026-11-24T00:00:00Z"
    assert row.summary == f"cache: before {told}; after {ONE}: {told}, {TWO}: has no status yet since unknown"
