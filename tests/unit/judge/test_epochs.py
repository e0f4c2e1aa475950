"""Replicas before and after: a restart of the store is changed, a replica more or less of the cache is noted."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gate.model import records
from gate.model.basics import Phase, Truth
from gate.model.records import Listening
from tests.helpers import runs
from tests.helpers.runs import Run, healthy

ONE, TWO, THREE = (f"kubectl://n/pod/{name}?container=c" for name in ("one", "two", "three"))


def replica(place: str, **changes: object) -> records.WorkloadSeen:
    result = records.WorkloadSeen(
        phase=Phase.PRE,
        role="cache",
        place=place,
        truth=Truth.PRESENT,
        identity=f"uid of {place}, restarts 0, image a@sha256:1",
        started="2026-11-24T00:00:00Z",
        image="a@sha256:1",
        owner="ReplicaSet/c-1",
    )
    return replace(result, **changes)  # type: ignore[arg-type]  # test


def run(role: str, pre: list[records.WorkloadSeen], post: list[records.WorkloadSeen], base: Run | None = None) -> Run:
    """A healthy run with these replicas of a role, each phase's in place of the one that it had."""
    result: list[records.Record] = []
    for record in (base or healthy()).records:
        if isinstance(record, records.WorkloadSeen) and record.role == role:
            rows = pre if record.phase is Phase.PRE else post
            result.extend(replace(row, phase=record.phase, role=record.role) for row in rows)
        else:
            result.append(record)
    return Run(tuple(result), (base or healthy()).files)


def epoch(made: Run, role: str) -> tuple[str, str, str]:
    (row,) = [row for row in made.judged()[0] if row.code.startswith("epoch-") and row.subject == role]
    return row.code, row.status.value, made.word()


restarted = replica(ONE, identity="uid of one, restarts 1, image a@sha256:1")
stopped = replica(ONE, truth=Truth.ABSENT, identity=None, started=None, image=None, error="is waiting, 1 restarts")
starting = replica(TWO, truth=Truth.ABSENT, identity=None, started=None, image=None, error="has no status yet")
unknown = replica(TWO, truth=Truth.UNKNOWN, identity=None, started=None, image=None, error="Forbidden")
other_image = replica(TWO, image="a@sha256:2", identity="uid of two, image a@sha256:2")

other_owner = replica(TWO, owner="ReplicaSet/c-2")

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
        ([replica(ONE)], [replica(ONE), other_owner], CHANGED, CHANGED),
        ([replica(ONE), replica(TWO)], [replica(ONE), replica(THREE)], CHANGED, CHANGED),
        ([replica(ONE), replica(TWO)], [replica(ONE), replace(starting, place=THREE)], CHANGED, CHANGED),
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
        *(
            "same",
            "more",
            "less",
            "starting",
            "started",
            "rollout",
            "template",
            "evicted",
            "evicted a moment ago",
            "restart",
            "stopped",
            "replaced",
            "down",
            "up",
        ),
        *("unknown before", "unknown after", "not looked at after", "not looked at before"),
    ],
)
@pytest.mark.parametrize("role", ["cache", "store"])
@pytest.mark.row("TRU-13")
def test_replicas(
    role: str,
    pre: list[records.WorkloadSeen],
    post: list[records.WorkloadSeen],
    cache: tuple[str, str, str],
    store: tuple[str, str, str],
) -> None:
    assert epoch(run(role, pre, post), role) == (cache if role == "cache" else store)


def pre_lost(made: Run) -> Run:
    def edit(record: records.BucketSampled) -> records.BucketSampled:
        return runs.lost(record) if record.phase is Phase.PRE else record

    return made.change(records.BucketSampled, edit)


def body_wrong(made: Run) -> Run:
    target = runs.SOURCES[0].store_path

    def edit(record: records.BodyRead) -> records.BodyRead:
        if record.store_path != target or record.nar is None:
            return record
        return replace(record, nar=replace(record.nar, nar_bytes=0, wire_bytes=0))

    return made.change(records.BodyRead, edit)


@pytest.mark.parametrize("wrong", [pre_lost, body_wrong], ids=["bucket", "body"])
def test_a_restart_of_the_store_after_something_was_wrong_fails(wrong: Callable[[Run], Run]) -> None:
    result = run("store", [replica(ONE)], [restarted], wrong(healthy()))
    assert epoch(result, "store") == ("epoch-changed", "fail", "quarantine")


def test_a_scaled_cache_after_something_was_wrong_is_still_a_note() -> None:
    result = run("cache", [replica(ONE)], [replica(ONE), replica(TWO)], body_wrong(healthy()))
    assert epoch(result, "cache") == ("epoch-replicas-changed", "pass", "quarantine")


def test_both_sides_are_told() -> None:
    result = run("cache", [replica(ONE)], [replica(ONE), starting])
    (row,) = [row for row in result.judged()[0] if row.code == "epoch-same" and row.subject == "cache"]
    answer = f"uid of {ONE}, restarts 0, image a@sha256:1 since 2026-11-24T00:00:00Z"
    assert row.summary == f"cache: before {answer}; after {ONE}: {answer}, {TWO}: has no status yet since unknown"


def with_workloads(edit: Callable[[records.WorkloadSeen], records.WorkloadSeen], phases: tuple[Phase, ...]) -> Run:
    return healthy().change(records.WorkloadSeen, lambda row: edit(row) if row.phase in phases else row)


@pytest.mark.row("TRU-15")
@pytest.mark.parametrize("phases", [(Phase.PRE,), (Phase.POST,), (Phase.PRE, Phase.POST)])
def test_two_workloads_that_are_one_process_prove_nothing(phases: tuple[Phase, ...]) -> None:
    result = with_workloads(lambda row: replace(row, identity="1:2"), (Phase.PRE, Phase.POST))
    if len(phases) == 1:  # in the other phase each is its own, and the same before and after cannot be
        result = with_workloads(lambda row: replace(row, identity="1:2"), phases)
    for role in ("store", "cache"):
        code, status, word = epoch(result, role)
        assert (status, word) == ("inconclusive", "inconclusive")
        assert code in ("epoch-shared", "epoch-changed")
    rows = {row.code for row in result.judged()[0]}
    assert "epoch-shared" in rows


def listening(role: str, seen: Listening, *phases: Phase) -> Run:
    return with_workloads(lambda row: replace(row, listening=seen) if row.role == role else row, phases)


@pytest.mark.row("TRU-15")
@pytest.mark.parametrize("phase", [Phase.PRE, Phase.POST])
@pytest.mark.parametrize("role", ["store", "cache"])
def test_a_process_that_is_not_the_one_that_listens(role: str, phase: Phase) -> None:
    other = Listening(truth=Truth.ABSENT, note="process 9 listens on port 9000")
    assert epoch(listening(role, other, phase), role) == ("epoch-other-process", "inconclusive", "inconclusive")
    identity = {"store": "3:4", "cache": "1:2"}[role]
    swapped = Listening(truth=Truth.UNKNOWN, listener=identity, note="process 3 listens on port 9000")
    assert epoch(listening(role, swapped, phase), role) == ("epoch-other-process", "inconclusive", "inconclusive")


@pytest.mark.parametrize(
    "seen",
    [
        Listening(truth=Truth.PRESENT),
        Listening(truth=Truth.UNKNOWN, note="the endpoint's host is not an address of this machine"),
        Listening(truth=Truth.UNKNOWN, listener="77:8", note="is a proxy of this machine before it?"),
    ],
)
def test_the_listener_and_what_is_unknown_of_it_are_a_note(seen: Listening) -> None:
    result = listening("store", seen, Phase.PRE, Phase.POST)
    assert epoch(result, "store") == ("epoch-same", "pass", "pass")
    (row,) = [row for row in result.judged()[0] if row.code == "epoch-same" and row.subject == "store"]
    assert seen.note in row.summary
