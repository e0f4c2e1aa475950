"""Two evidences compared: what weighs what, and that unknown equals nothing."""

from dataclasses import replace
from typing import Any

import pytest

from gate import limits
from gate.judge.diff import compare, disk_rows, epoch_rows, event_rows, finding_rows, log_rows, setting_rows, tool_rows
from gate.judge.diff_store import bucket_rows, marker_rows, state_rows
from gate.model import records
from gate.model.basics import BucketState, Status, Truth, VerdictWord
from gate.model.captures import DiskRoom, DiskSeen, EventsSeen, Incident, KubeEvent, StoreLog
from gate.model.diff import Difference, DiffRow
from gate.model.document import Bucket, Evidence, ServerEvent, Workload
from gate.model.parsed import LogEvent
from gate.model.records import StateTold
from gate.seal import assemble
from tests.helpers import runs

HEALTHY = assemble(runs.healthy().facts(), ())
LATER = replace(HEALTHY, started_at="2026-11-25T00:00:00.000Z")


def both(a: Evidence = HEALTHY, b: Evidence = LATER) -> Difference:
    return compare(a, b, digests=("a" * 64, "b" * 64))


def heavy(rows: Any, *, same: bool = False) -> list[tuple[str, str, str]]:
    """Subject, phase and weight of the rows that are not the same."""
    return [(row.subject, row.phase, row.weight.value) for row in rows if same or row.weight.value != "same"]


def only(rows: Any) -> DiffRow:
    (result,) = [row for row in rows if row.weight.value != "same"]
    assert isinstance(result, DiffRow)
    return result


# --------------------------------------------------------------------------------------------------------------- whole


def test_the_same_evidence_differs_in_nothing() -> None:
    result = both()
    assert (result.weight.value, result.exit_code, heavy(result.rows)) == ("same", 0, [])
    assert result.headline == "Nothing was lost between A and B (0 notes); B's own verdict is pass."
    assert (result.a.run_id, result.a.verdict, result.a.digest, result.b.started_at) == (
        "r1",
        "pass",
        "a" * 64,
        "2026-11-25T00:00:00.000Z",
    )


def test_the_earlier_one_as_the_second_is_no_all_clear() -> None:
    result = both(LATER, HEALTHY)
    assert (result.exit_code, only(result.rows).subject) == (3, "began at")
    assert result.headline == "It can't be said that nothing was lost between A and B: order began at."


@pytest.mark.parametrize(
    ("one", "two", "weight"),
    [
        ("pass", "pass", "same"),
        ("quarantine", "quarantine", "same"),
        ("pass", "inconclusive", "unsure"),
        ("pass", "refused", "unsure"),
        ("inconclusive", "refused", "note"),
        ("inconclusive", "quarantine", "worse"),
        ("quarantine", "inconclusive", "note"),
    ],
)
def test_the_verdicts(one: str, two: str, weight: str) -> None:
    a, b = (
        replace(of, verdict=replace(of.verdict, word=VerdictWord(word))) for of, word in ((HEALTHY, one), (LATER, two))
    )
    rows = [row for row in both(a, b).rows if row.matter == "verdict"]
    assert [row.weight.value for row in rows] == [weight]


def test_a_loss_is_told_first_whatever_else_is_unknown() -> None:
    run = runs.healthy().change(records.BucketSampled, runs.lost).change(records.WorkloadSeen, lambda record: None)
    result = both(HEALTHY, replace(assemble(run.facts(), ()), started_at=LATER.started_at))
    assert (result.weight.value, result.exit_code) == ("worse", 4)
    assert result.headline == (
        "B is worse than A: verdict of the run, bucket attic and 1 more. Don't push, don't restart."
    )
    assert {"epoch store file:///s.pid", "epoch cache file:///c.pid"} <= {
        f"{row.matter} {row.subject}" for row in result.rows if row.weight.value == "unsure"
    }


# ------------------------------------------------------------------------------------------------------------- buckets


def bucket(state: str, *, lost: bool = False) -> Bucket:
    (result,) = [result for name, result in HEALTHY.post.buckets.items() if name == "attic"]
    return replace(result, state=BucketState(state), index_lost_seen=lost)


def with_bucket(of: Evidence, made: Bucket | None, phase: str = "post") -> Evidence:
    facts = getattr(of, phase)
    buckets = {name: observation for name, observation in facts.buckets.items() if name != "attic"}
    return replace(of, **{phase: replace(facts, buckets=buckets | ({"attic": made} if made else {}))})


@pytest.mark.parametrize(
    ("one", "two", "weight"),
    [
        ("indexed", "indexed", "same"),
        ("indexed", "index-lost", "worse"),
        ("indexed", "unserved", "worse"),
        ("indexed", "unlisted", "worse"),
        ("indexed", "missing", "worse"),
        ("indexed", "not-ready", "unsure"),
        ("indexed", "marker-missing", "unsure"),
        ("indexed", "flapping", "unsure"),
        ("indexed", "unobservable", "unsure"),
        ("unobservable", "indexed", "unsure"),
        ("unobservable", "unobservable", "unsure"),
        ("unobservable", "index-lost", "worse"),
        ("not-ready", "indexed", "note"),
        ("not-ready", "not-ready", "same"),
        ("index-lost", "indexed", "note"),
        ("index-lost", "not-ready", "unsure"),
        ("index-lost", "unobservable", "unsure"),
        ("index-lost", "index-lost", "same"),
        ("index-lost", "missing", "worse"),
        ("missing", "index-lost", "note"),
    ],
)
def test_the_class_of_a_bucket(one: str, two: str, weight: str) -> None:
    a, b = with_bucket(HEALTHY, bucket(one)), with_bucket(LATER, bucket(two))
    (result,) = [row for row in bucket_rows(a, b) if (row.subject, row.phase) == ("attic", "post")]
    assert (result.before, result.after, result.weight.value) == (one, two, weight)


def test_a_bucket_that_was_lost_in_a_sample() -> None:
    lost = bucket("flapping", lost=True)
    worse = only(bucket_rows(HEALTHY, with_bucket(LATER, lost)))
    assert (worse.after, worse.weight.value) == ("flapping, lost in a sample", "worse")
    assert only(bucket_rows(with_bucket(HEALTHY, lost), LATER)).weight.value == "note"
    deeper = with_bucket(HEALTHY, replace(lost, state=BucketState.UNOBSERVABLE)), with_bucket(LATER, bucket("unserved"))
    assert only(bucket_rows(*deeper)).weight.value == "worse"


def test_a_bucket_of_one_side_only() -> None:
    absence = list(bucket_rows(HEALTHY, with_bucket(LATER, None)))
    assert heavy(absence) == [
        ("attic", "post", "unsure"),
        *((f"attic {source}", "post", "unsure") for source in ("list", "head", "get", "marker")),
        ("attic ready", "post", "note"),
    ]
    (result,) = [row for row in absence if (row.subject, row.phase) == ("attic", "post")]
    assert (result.before, result.after) == ("indexed", "not looked at")
    assert heavy(bucket_rows(with_bucket(HEALTHY, None), with_bucket(LATER, bucket("index-lost"))))[0] == (
        "attic",
        "post",
        "worse",
    )


def test_samples_during_a_push_are_not_asked_of_a_capture() -> None:
    quiet = replace(LATER, during=replace(LATER.during, buckets={}))
    assert heavy(bucket_rows(HEALTHY, quiet)) == [("attic", "during", "note"), ("tofu-state", "during", "note")]
    lost = with_bucket(LATER, bucket("index-lost"), "during")
    before = replace(HEALTHY, during=replace(HEALTHY.during, buckets={}))
    assert heavy(bucket_rows(before, lost)) == [("attic", "during", "worse"), ("tofu-state", "during", "note")]


def test_the_sources_of_a_bucket() -> None:
    result = bucket("indexed")
    first, second = result.samples
    changed = replace(
        result,
        samples=(
            replace(first, listed=Truth.ABSENT, get=Truth.UNKNOWN, ready=Truth.UNKNOWN),
            replace(second, head=Truth.ABSENT),
        ),
    )
    rows = {row.subject: row for row in bucket_rows(HEALTHY, with_bucket(LATER, changed)) if row.phase == "post"}
    assert {name: (row.before, row.after, row.weight.value) for name, row in rows.items() if "attic " in name} == {
        "attic list": ("present", "present and absent", "note"),
        "attic head": ("present", "present and absent", "note"),
        "attic get": ("present", "present and unknown", "unsure"),
        "attic marker": ("present", "present", "same"),
        "attic ready": ("present", "present and unknown", "note"),
    }


# ------------------------------------------------------------------------------------------------------------- markers


def with_place(of: Evidence, **changes: Any) -> Evidence:
    """The place of attic's post phase, its marker, or both changed."""
    result = of.post.buckets["attic"]
    (place,) = result.places
    mark = replace(place.markers[0], **{name: changes.pop(name) for name in ("data", "meta") if name in changes})
    return with_bucket(of, replace(result, places=(replace(place, **{"markers": (mark,), **changes}),)))


@pytest.mark.parametrize(
    ("one", "two", "weight"),
    [
        ({}, {}, None),
        ({}, {"data": Truth.ABSENT}, "worse"),
        ({}, {"meta": Truth.ABSENT}, "worse"),
        ({}, {"meta": Truth.UNKNOWN}, "unsure"),
        ({"meta": Truth.UNKNOWN}, {"data": Truth.ABSENT, "meta": Truth.UNKNOWN}, "worse"),
        ({"meta": Truth.UNKNOWN}, {}, "unsure"),
        ({"meta": Truth.ABSENT}, {}, "note"),
        ({"volume": "v/1"}, {"volume": "v/1"}, None),
        ({"volume": "v/1"}, {"volume": "v/2"}, "unsure"),
        ({}, {"volume": "v/2"}, "unsure"),
        ({}, {"markers": ()}, "unsure"),
    ],
)
def test_markers(one: dict[str, Any], two: dict[str, Any], weight: str | None) -> None:
    rows = heavy(marker_rows(with_place(HEALTHY, **one), with_place(LATER, **two)))
    assert rows == ([("attic at file:///data", "post", weight)] if weight else [])


def test_a_place_of_one_side_only() -> None:
    moved = with_place(LATER, place="file:///other", volume="v/1")
    rows = [row for row in marker_rows(HEALTHY, moved) if row.weight.value != "same"]
    assert [(row.subject, row.before, row.after, row.weight.value) for row in rows] == [
        ("attic at file:///data", "data present, metadata present", "not looked at", "unsure"),
        ("attic at file:///other", "not looked at", "data present, metadata present, drive v/1", "unsure"),
    ]
    assert len(heavy(marker_rows(HEALTHY, with_bucket(LATER, None)))) == 1


# --------------------------------------------------------------------------------------------------------------- state


def with_state(of: Evidence, **changes: Any) -> Evidence:
    state = of.post.state
    assert state is not None
    return replace(of, post=replace(of.post, state=replace(state, **changes)))


def told(serial: int | None = 7, lineage: str | None = "a" * 64, content: Any = "state") -> StateTold:
    return StateTold(content=content, version=4, serial=serial, lineage=lineage)


CHANGED = {"etag": '"e2"', "size": 440}


@pytest.mark.parametrize(
    ("one", "two", "weight"),
    [
        ({}, {}, None),
        ({}, CHANGED, "unsure"),
        ({}, {"version_id": "v2"}, "unsure"),
        ({"etag": None}, {"etag": None}, "unsure"),
        ({}, {"truth": Truth.ABSENT}, "worse"),
        ({}, {"truth": Truth.UNKNOWN, "note": "HTTP 403"}, "unsure"),
        ({"truth": Truth.ABSENT}, {}, "note"),
        ({"truth": Truth.ABSENT}, {"truth": Truth.ABSENT}, None),
        ({}, {"key": "other"}, "unsure"),
        ({"contents": told()}, {"contents": told()}, None),
        ({"contents": told()}, {**CHANGED, "contents": told(serial=8)}, "note"),
        ({"contents": told()}, {**CHANGED, "contents": told(serial=7)}, "unsure"),
        ({"contents": told()}, {**CHANGED, "contents": told(serial=6)}, "unsure"),
        ({"contents": told()}, {"contents": told(serial=6)}, "unsure"),
        ({"contents": told()}, {**CHANGED, "contents": told(lineage="b" * 64)}, "worse"),
        ({"contents": told()}, {**CHANGED, "contents": told(lineage=None)}, "unsure"),
        ({"contents": told(serial=None)}, {**CHANGED, "contents": told()}, "unsure"),
        ({"contents": told()}, CHANGED, "unsure"),
        ({"contents": told()}, {"contents": told(content="no-state", lineage=None, serial=None)}, "worse"),
        ({"contents": told()}, {"contents": told(content="gone", lineage=None, serial=None)}, "worse"),
        ({}, {"contents": told(content="gone", lineage=None)}, "worse"),
        (
            {"contents": told(content="gone", lineage=None)},
            {"contents": told(content="gone", lineage=None)},
            "unsure",
        ),
        ({"contents": told()}, {"contents": told(content="unread", lineage=None)}, "unsure"),
        ({"contents": told()}, {"contents": told(content="unsteady", lineage="b" * 64)}, "worse"),
    ],
)
def test_the_state(one: dict[str, Any], two: dict[str, Any], weight: str | None) -> None:
    rows = [
        row.weight.value
        for row in state_rows(with_state(HEALTHY, **one), with_state(LATER, **two))
        if row.phase == "post" and not row.subject.endswith(" lock") and row.weight.value != "same"
    ]
    assert rows == ([weight] if weight else [])


def test_the_words_of_a_state() -> None:
    a = with_state(HEALTHY, contents=told(), version_id="v1", size=None)
    b = with_state(LATER, truth=Truth.ABSENT, note="HTTP 404")
    row = only(state_rows(a, b))
    assert row.before == f'ETag "e1", unknown bytes, version v1, content state, serial 7, lineage {"a" * 12}'
    assert (row.after, row.subject) == ("absent (HTTP 404)", "tofu-state/runners/terraform.tfstate")
    row = only(
        state_rows(with_state(HEALTHY, etag=None, contents=told(None, None)), with_state(LATER, truth=Truth.ABSENT))
    )
    assert row.before == "ETag unknown, 432 bytes, content state, serial unknown, lineage unknown"
    assert row.after == "absent"


@pytest.mark.parametrize(
    ("one", "two", "weight"),
    [
        (Truth.ABSENT, Truth.PRESENT, "note"),
        (Truth.UNKNOWN, Truth.UNKNOWN, "unsure"),
        (Truth.PRESENT, Truth.UNKNOWN, "unsure"),
    ],
)
def test_the_lock(one: Truth, two: Truth, weight: str) -> None:
    row = only(state_rows(with_state(HEALTHY, locked=one), with_state(LATER, locked=two)))
    assert (row.subject, row.weight.value) == ("tofu-state/runners/terraform.tfstate lock", weight)


def test_a_state_that_was_not_looked_at() -> None:
    def without(of: Evidence) -> Evidence:
        return replace(of, post=replace(of.post, state=None))

    assert heavy(state_rows(without(HEALTHY), without(LATER))) == [
        ("state", "post", "unsure"),
        ("state lock", "post", "unsure"),
    ]
    assert heavy(state_rows(HEALTHY, without(LATER)))[0][2] == "unsure"
    absent = [replace(without(of), policy=replace(of.policy, absent=("state",))) for of in (HEALTHY, LATER)]
    assert list(state_rows(*absent)) == []
    assert len(list(state_rows(HEALTHY, absent[1]))) == 4


def test_two_objects_are_both_named() -> None:
    subjects = {row.subject for row in state_rows(HEALTHY, with_state(LATER, key="k")) if row.phase == "post"}
    assert "tofu-state/runners/terraform.tfstate or tofu-state/k" in subjects


# -------------------------------------------------------------------------------------------------------------- epochs

POD = "uid u-1, started 2026-11-24T00:00:00Z, restarts 0, image app@sha256:aa, node n-1"


def workload(place: str, identity: str | None = POD, role: str = "cache", **changes: Any) -> Workload:
    result = Workload(
        role=role, place=place, truth=Truth.PRESENT, identity=identity, started="s", error=None, image="app@sha256:aa"
    )
    return replace(result, **changes)


def with_workloads(of: Evidence, *rows: Workload) -> Evidence:
    """These servers as both phases saw them, beside those of the other role."""
    roles = {row.role for row in rows}
    remaining = tuple(row for row in of.post.workloads if row.role not in roles)
    return replace(of, post=replace(of.post, workloads=(*remaining, *rows)))


def epochs(one: list[Workload], two: list[Workload]) -> list[DiffRow]:
    rows = epoch_rows(with_workloads(HEALTHY, *one), with_workloads(LATER, *two))
    return [row for row in rows if row.weight.value != "same"]


def test_a_restarted_pod_shows_what_changed() -> None:
    again = POD.replace("restarts 0", "restarts 1").replace("00:00:00Z", "00:05:00Z")
    (row,) = epochs([workload("p", role="store")], [workload("p", again, role="store")])
    assert (row.subject, row.before, row.after, row.weight.value) == ("store p", POD, again, "unsure")
    assert row.why == "changed: started, restarts; a restart can heal what it hides"


def test_a_process_that_is_another() -> None:
    (row,) = epochs([workload("p", "1:2", role="store")], [workload("p", "3:4", role="store", started="t")])
    assert (row.weight.value, row.why) == ("unsure", "changed: process, start; a restart can heal what it hides")
    (row,) = epochs([workload("p", "1:2")], [workload("p", None, started=None)])
    assert (row.after, row.weight.value) == ("running, and it is not told who", "unsure")


def test_replicas_of_the_cache_come_and_go_by_scaling() -> None:
    a, b, c = (workload(name, POD.replace("u-1", f"u-{name}")) for name in "abc")
    assert [(row.subject, row.weight.value) for row in epochs([a, b], [b, c])] == [
        ("cache a", "note"),
        ("cache c", "note"),
    ]
    assert {row.weight.value for row in epochs([a, b], [c])} == {"unsure"}
    new = replace(c, image="app@sha256:bb")
    assert {row.weight.value for row in epochs([a, b], [a, b, new])} == {"unsure"}
    stores = [replace(row, role="store") for row in (a, b, c)]
    assert [(row.subject, row.why) for row in epochs(stores[:2], stores[1:])] == [
        ("store a", "only in A: a restart can heal what it hides"),
        ("store c", "only in B: a restart can heal what it hides"),
    ]


def test_servers_that_do_not_run_or_are_unknown() -> None:
    stopped = workload("p", None, truth=Truth.ABSENT, error="waiting")
    hidden = workload("p", None, truth=Truth.UNKNOWN, error=None)
    (row,) = epochs([workload("p")], [stopped])
    assert (row.after, row.weight.value) == ("not running: waiting", "unsure")
    (row,) = epochs([hidden], [hidden])
    assert (row.before, row.after, row.weight.value) == ("unknown", "unknown", "unsure")
    assert epochs([stopped], [stopped]) == []


def test_servers_that_were_not_looked_at() -> None:
    def bare(of: Evidence, absent: tuple[str, ...] = ()) -> Evidence:
        none = replace(of, pre=replace(of.pre, workloads=()), post=replace(of.post, workloads=()))
        return replace(none, policy=replace(of.policy, absent=absent))

    assert heavy(epoch_rows(bare(HEALTHY), bare(LATER))) == [("store", "", "unsure"), ("cache", "", "unsure")]
    roles = ("store-workload", "cache-workload")
    assert list(epoch_rows(bare(HEALTHY, roles), bare(LATER, roles))) == []
    early = replace(LATER, post=replace(LATER.post, workloads=()))
    assert heavy(epoch_rows(HEALTHY, early)) == []


# ----------------------------------------------------------------------------------------------------- disks and events

ROOM = DiskRoom(total=1000, used=200, free=800)
FULL = DiskRoom(total=1000, used=995, free=5)
NOTHING = Incident(disks=(), events=(), previous_logs=(), previous_codes={})


def disks(one: DiskSeen | None, two: DiskSeen | None) -> list[tuple[str, str, str, str]]:
    a, b = (
        replace(of, incident=replace(NOTHING, disks=(disk,) if disk else ()))
        for of, disk in ((HEALTHY, one), (LATER, two))
    )
    rows = disk_rows(a, b)
    return [(row.subject, row.before, row.after, row.weight.value) for row in rows if row.weight.value != "same"]


def disk(space: DiskRoom | None = ROOM, inodes: DiskRoom | None = ROOM, error: str | None = None) -> DiskSeen:
    return DiskSeen(place="d", space=space, inodes=inodes, error=error)


def test_disk_use() -> None:
    assert disks(disk(), disk()) == []
    assert disks(disk(inodes=None), disk(inodes=None)) == []
    assert disks(disk(), disk(FULL)) == [("d bytes", "20 % of 1000", "100 % of 1000", "unsure")]
    assert disks(disk(FULL), disk()) == [("d bytes", "100 % of 1000", "20 % of 1000", "note")]
    assert disks(disk(FULL), disk(replace(FULL, total=2000))) == [("d bytes", "100 % of 1000", "100 % of 2000", "note")]
    assert disks(disk(), disk(inodes=None, error="x")) == [("d inodes", "20 % of 1000", "unknown: x", "unsure")]
    assert disks(disk(), disk(inodes=None)) == [("d inodes", "20 % of 1000", "unknown", "unsure")]
    absence = [
        ("d bytes", "20 % of 1000", "not looked at", "unsure"),
        ("d inodes", "20 % of 1000", "not looked at", "unsure"),
    ]
    assert disks(disk(), None) == absence
    blind = disk(None, None, "x")
    assert disks(blind, blind) == [
        ("d bytes", "unknown: x", "unknown: x", "unsure"),
        ("d inodes", "unknown: x", "unknown: x", "unsure"),
    ]


def test_a_capture_against_a_run_that_is_none() -> None:
    captured = replace(LATER, incident=NOTHING)
    for pair, answer in (
        ((HEALTHY, captured), ("not looked at", "looked at")),
        ((captured, LATER), ("looked at", "not looked at")),
    ):
        row = only(disk_rows(*pair))
        assert (row.before, row.after, row.weight.value) == (*answer, "unsure")
        assert list(event_rows(*pair)) == []


def event(number: int, count: int = 1) -> KubeEvent:
    return KubeEvent(
        involved="Pod/a", type="Warning", reason="BackOff", count=count, first=None, last=None, message=f"m{number:03}"
    )


def events(one: EventsSeen | None, two: EventsSeen | None) -> list[tuple[str, str, str, str]]:
    a, b = (
        replace(of, incident=replace(NOTHING, events=(observation,) if observation else ()))
        for of, observation in ((HEALTHY, one), (LATER, two))
    )
    return [(row.subject, row.before, row.after, row.weight.value) for row in event_rows(a, b)]


def seen(*made: KubeEvent, error: str | None = None) -> EventsSeen:
    return EventsSeen(role="store", place="p", events=made, error=error)


def test_events_of_one_side_only() -> None:
    assert events(None, None) == []
    assert events(seen(), seen()) == []
    assert events(seen(event(1), event(2)), seen(event(2), event(3, 4))) == [
        ("Pod/a: Warning BackOff: m001", "1 time", "none", "note"),
        ("Pod/a: Warning BackOff: m003", "none", "4 times", "note"),
        ("of the store", "1 alike", "1 alike", "same"),
    ]
    assert events(seen(event(1)), seen(event(1), event(1, 5))) == [
        ("Pod/a: Warning BackOff: m001", "1 time", "6 times", "note")
    ]


def test_events_that_could_not_be_asked_for() -> None:
    assert events(seen(event(1)), seen(error="forbidden")) == [
        ("of the store", "1 events", "forbidden", "unsure"),
        ("Pod/a: Warning BackOff: m001", "1 time", "none", "note"),
    ]
    assert events(seen(error="forbidden"), seen()) == [("of the store", "forbidden", "0 events", "unsure")]
    assert events(None, seen()) == [("of the store", "not looked at", "0 events", "unsure")]
    assert events(seen(), None) == [("of the store", "0 events", "not looked at", "unsure")]


def test_many_events_are_counted() -> None:
    many = seen(*(event(number) for number in range(limits.DIFF_EVENTS + 3)))
    rows = events(seen(), many)
    assert len(rows) == limits.DIFF_EVENTS + 1
    a = replace(HEALTHY, incident=replace(NOTHING, events=(seen(),)))
    last = list(event_rows(a, replace(LATER, incident=replace(NOTHING, events=(many,)))))[-1]
    assert (last.weight.value, last.why) == ("note", "3 more differ")


# ---------------------------------------------------------------------------------------------------------------- logs


def with_log(of: Evidence, *codes: str | None, truth: Truth = Truth.PRESENT) -> Evidence:
    result = tuple(ServerEvent(at=None, level="ERROR", target="t", code=code, message="m") for code in codes)
    return replace(of, server_log=replace(of.server_log, events=result, truth=truth))


def logs(a: Evidence, b: Evidence) -> list[tuple[str, str, str, str]]:
    return [(row.subject, row.before, row.after, row.weight.value) for row in log_rows(a, b)]


def test_codes_of_the_server_log() -> None:
    a = with_log(HEALTHY, "NoSuchKey", "NoSuchKey", None, "HTTP 500", "dispatch")
    b = with_log(LATER, "NoSuchKey", "NoSuchBucket", "HTTP 500", "HTTP 502")
    assert logs(a, b) == [
        ("server log", "present", "present", "same"),
        ("server log HTTP 500", "1 time", "1 time", "same"),
        ("server log HTTP 502", "none", "1 time", "note"),
        ("server log NoSuchBucket", "none", "1 time", "unsure"),
        ("server log NoSuchKey", "2 times", "1 time", "note"),
        ("server log dispatch", "1 time", "none", "note"),
    ]


def test_a_log_that_is_unknown_equals_nothing() -> None:
    hidden = with_log(HEALTHY, truth=Truth.UNKNOWN)
    assert logs(hidden, hidden) == [("server log", "unknown", "unknown", "unsure")]
    absent = [replace(of, policy=replace(of.policy, absent=("server-log",))) for of in (hidden, LATER)]
    assert logs(*absent) == []
    assert logs(absent[0], LATER)[0][3] == "unsure"


def store_log(*codes: str | None, truth: Truth = Truth.PRESENT, troubles: int = 0) -> StoreLog:
    events = tuple(LogEvent(at=None, level="ERROR", target="t", code=code, message="m") for code in codes)
    return StoreLog(
        place="file:///l", truth=truth, events=events, event_count=len(events), troubles=troubles, cut=False, notes=()
    )


def test_codes_of_the_stores_log() -> None:
    a = replace(HEALTHY, store_log=store_log("timeout", "NoSuchKey", None))
    b = replace(LATER, store_log=store_log("timeout", "drive-faulty", "AccessDenied", troubles=2))
    assert logs(a, b)[1:] == [
        ("store log", "present", "present", "same"),
        ("store log AccessDenied", "none", "1 time", "note"),
        ("store log NoSuchKey", "1 time", "none", "note"),
        ("store log drive-faulty", "none", "1 time", "unsure"),
        ("store log timeout", "1 time", "1 time", "same"),
    ]
    hidden = replace(LATER, store_log=store_log(truth=Truth.UNKNOWN))
    assert logs(a, hidden)[1] == ("store log", "present", "unknown", "unsure")
    assert logs(a, replace(b, store_log=None))[1] == ("store log", "present", "not looked at", "unsure")
    assert logs(replace(a, store_log=None), b)[1] == ("store log", "not looked at", "present", "unsure")


def test_codes_of_previous_logs() -> None:
    a = replace(with_log(HEALTHY), incident=replace(NOTHING, previous_codes={"dispatch": 1, "timeout": 2}))
    b = replace(with_log(LATER), incident=replace(NOTHING, previous_codes={"NoSuchBucket": 3, "timeout": 2}))
    assert logs(a, b)[1:] == [
        ("previous logs NoSuchBucket", "none", "3 times", "unsure"),
        ("previous logs dispatch", "1 time", "none", "note"),
        ("previous logs timeout", "2 times", "2 times", "same"),
    ]
    assert logs(a, replace(b, incident=None)) == [("server log", "present", "present", "same")]


# --------------------------------------------------------------------------------------- findings, tools and settings


def test_failing_findings_of_one_side_only() -> None:
    (row,) = [row for row in HEALTHY.findings if row.code == "run-complete"]
    bad = [
        replace(row, code=code, subject="s", status=Status.FAIL)
        for code in ("body-empty", "push-path-failed", "bucket-index-lost", "state-lost", "epoch-changed")
    ]
    a, b = (replace(of, findings=result) for of, result in ((HEALTHY, tuple(bad[:1])), (LATER, tuple(bad[1:]))))
    assert [(row.subject, row.before, row.after, row.weight.value) for row in finding_rows(a, b)] == [
        ("body-empty s", "fail", "–", "note"),
        ("push-path-failed s", "–", "fail", "worse"),
    ]


def test_tools_are_of_no_weight() -> None:
    run = replace(LATER.run, tool_version="1", versions={"nix": "unknown", "attic": "0.1"})
    assert [
        (row.subject, row.before, row.after, row.weight.value) for row in tool_rows(HEALTHY, replace(LATER, run=run))
    ] == [
        ("publication-gate", "0", "1", "note"),
        ("judge revision", str(HEALTHY.judge_revision), str(LATER.judge_revision), "same"),
        ("python", "3.11", "3.11", "same"),
        ("attic", "not looked at", "0.1", "note"),
        ("nix", "2.8.0", "unknown", "note"),
    ]


def test_settings() -> None:
    policy = replace(LATER.policy, samples=9, markers=("file:///data", "file:///data1"), absent=(), probe_cache="")
    rows = list(setting_rows(HEALTHY, replace(LATER, policy=policy)))
    assert [(row.subject, row.before, row.after, row.weight.value) for row in rows[:-1]] == [
        ("probe-cache", "probe", "none", "unsure"),
        ("markers", "file:///data", "file:///data, file:///data1", "unsure"),
        ("samples", "2", "9", "note"),
    ]
    assert (rows[-1].subject, rows[-1].weight.value) == ("all others", "same")
    bare = replace(LATER, policy=replace(LATER.policy, absent=("state",)))
    assert only(setting_rows(HEALTHY, bare)).before == "none"
