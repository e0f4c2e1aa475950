"""A store that answers late: what it may pass for, and what the run says of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gate.evidence.bodies import longest_wait
from gate.evidence.buckets import is_slow, read_sample
from gate.judge.bucket_rca import judge_rca
from gate.model import records
from gate.model.basics import BucketState, Phase, Truth
from tests.helpers import runs
from tests.helpers.runs import Run, answer, healthy

HUNG = answer(None, error="timeout", millis=3000)
Edit = Callable[[records.BucketSampled], records.BucketSampled]


def at(second: float) -> str:
    return f"2026-11-24T00:00:{second:06.3f}Z"


def edited(phase: Phase, edit: Edit, number: int | None = None) -> Run:
    def change(record: records.BucketSampled) -> records.BucketSampled:
        return edit(record) if record.phase is phase and number in (None, record.number) else record

    return healthy().change(records.BucketSampled, change)


def list_hangs(seen: records.BucketSampled) -> records.BucketSampled:
    return replace(seen, listing=(HUNG,), ended_at="3.2")


def disk_hangs(seen: records.BucketSampled) -> records.BucketSampled:
    bare = tuple(replace(mark, data=Truth.UNKNOWN, meta=Truth.UNKNOWN) for mark in seen.places[0].markers)
    return replace(
        seen,
        places=(records.PlaceSeen(place="file:///data", markers=bare, error="the disk did not answer within 3 s"),),
    )


def ready_hangs(seen: records.BucketSampled) -> records.BucketSampled:
    return replace(seen, ready=HUNG)


def words(run: Run, code: str) -> str:
    return next(row.summary for row in run.judged()[0] if row.code == code)


@pytest.mark.parametrize("phase", [Phase.PRE, Phase.POST])
@pytest.mark.parametrize("edit", [list_hangs, disk_hangs, ready_hangs])
def test_a_source_that_hung_leaves_the_phase_unobservable(phase: Phase, edit: Edit) -> None:
    run = edited(phase, edit, number=2)
    assert run.word() == "inconclusive"
    assert run.rows() == {("bucket-unobservable", "inconclusive"), ("store-stalled", "inconclusive")}
    assert "a source gave no answer in time in #2" in words(run, "store-stalled")


@pytest.mark.row("TRU-19")
def test_a_head_that_says_404_while_the_list_hangs_is_a_loss_that_was_seen() -> None:
    """The recorded stall: two S3 answers deny the bucket, its marker is on disk, and later all is well again."""
    run = edited(Phase.PRE, lambda seen: list_hangs(runs.lost(seen)), number=1)
    assert run.word() == "quarantine"
    assert ("bucket-flapping", "fail") in run.rows()
    assert (
        "#1 list unknown, head absent, get absent, marker present (list: no answer in time); #2 list present"
        in words(run, "bucket-flapping")
    )
    pre = run.facts().pre.buckets["attic"]
    assert [sample.state for sample in pre.samples] == [BucketState.INDEX_LOST, BucketState.INDEXED]


@pytest.mark.parametrize("get", [answer(), HUNG, answer(500)], ids=["served", "hangs", "500"])
def test_a_head_alone_that_says_404_while_the_list_hangs_is_doubt(get: records.HttpAnswer) -> None:
    def edit(seen: records.BucketSampled) -> records.BucketSampled:
        absence = runs.lost(seen)
        return replace(list_hangs(absence), gets={**absence.gets, "attic": get})

    assert edited(Phase.PRE, edit, number=1).word() == "inconclusive"


@pytest.mark.row("TRU-17")
@pytest.mark.row("TRU-20")
@pytest.mark.parametrize("edit", [list_hangs, disk_hangs, ready_hangs])
def test_a_push_whose_only_sample_hung_is_stalled(edit: Edit) -> None:
    run = edited(Phase.DURING, edit, number=3)
    assert run.rows() == {("bucket-unobservable", "inconclusive"), ("store-stalled", "inconclusive")}
    assert "the push of the profile has no whole sample" in words(run, "bucket-unobservable")


def test_a_bridged_stall_passes_and_says_how_long_it_was() -> None:
    run = healthy()
    (place,) = [n for n, row in enumerate(run.records) if isinstance(row, records.BucketSampled) and row.number == 3]
    around = [replace(runs.sample(Phase.DURING, number), ended_at="") for number in (10, 11)]
    stalled = replace(runs.sample(Phase.DURING, 12), listing=(HUNG,), ended_at="0.5")
    more = Run((*run.records[:place], around[0], stalled, *run.records[place:]), run.files)
    more = more.change(records.ChildEnded, lambda row: replace(row, millis=3500) if row.name == "push:profile" else row)
    assert (more.word(), more.rows()) == ("pass", set())
    row = next(row for row in more.judged()[0] if row.code == "bucket-indexed" and row.phase == "during")
    assert "indexed in 3 of 4 samples" in row.summary
    assert "the longest answer took 3000 ms (list, asked at " in row.summary
    assert "the longest time between two whole samples is " in row.summary


@pytest.mark.parametrize("phase", list(Phase))
def test_an_answer_slower_than_the_stores_own_limit_is_doubt(phase: Phase) -> None:
    """RustFS gives up a disk operation after 5 s: an answer that took longer came out of a stall."""

    def slow(seen: records.BucketSampled) -> records.BucketSampled:
        return replace(seen, heads={**seen.heads, "attic": answer(millis=5001)})

    run = edited(phase, slow)
    assert run.rows() == {("store-slow", "inconclusive")}
    assert "the longest answer took 5001 ms (head of attic, asked at " in words(run, "store-slow")


@pytest.mark.parametrize("spacing", [0.0, 0.2, 0.44], ids=["all at one moment", "under half", "just under nine tenths"])
def test_samples_closer_than_the_policy_wants_prove_nothing(spacing: float) -> None:
    """False passes 6: the judge never looked at the times that samples really have."""

    def close(seen: records.BucketSampled) -> records.BucketSampled:
        second = 10 + seen.number * spacing
        return replace(seen, began_at=at(second), ended_at=at(second))

    run = edited(Phase.PRE, close)
    assert ("bucket-unobservable", "inconclusive") in run.rows()
    assert "after sample 1, expected 500 ms" in words(run, "bucket-unobservable")


def test_samples_whose_times_are_not_those_of_their_record_prove_nothing() -> None:
    late = edited(Phase.PRE, lambda seen: replace(seen, began_at=at(seen.number * 20), ended_at=at(seen.number * 20)))
    assert late.word() == "inconclusive"
    assert "as it says, and was recorded at" in " ".join(late.facts().journal.disorder)


@pytest.mark.parametrize(
    ("began", "ended"),
    [(at(1), at(5.5)), (at(5), at(4)), ("x", at(4)), (at(4), "x")],
    ids=["long", "backwards", "no begin", "no end"],
)
def test_a_sample_of_no_moment_is_not_whole(began: str, ended: str) -> None:
    row = read_sample(replace(runs.sample(Phase.PRE, 1), began_at=began, ended_at=ended), "attic")
    assert (row.state, row.unanswered) == (BucketState.UNOBSERVABLE, ("sample",))
    assert "its answers are not of one moment" in row.notes[-1]
    lost = read_sample(replace(runs.lost(runs.sample(Phase.PRE, 1)), began_at=began, ended_at=ended), "attic")
    assert lost.state is BucketState.INDEX_LOST


@pytest.mark.parametrize(
    ("error", "slow"),
    [
        ("the disk did not answer within 3 s", True),
        ("the StatefulSet nix/rustfs: kubectl did not answer within 2.5 s", True),
        ("rustfs-0: Input/output error; the disk did not answer within 3 s", False),
        ("/data: Permission denied", False),
    ],
)
def test_only_silence_is_a_slow_answer(error: str, *, slow: bool) -> None:
    observation = disk_hangs(runs.sample(Phase.DURING, 1))
    row = read_sample(
        replace(observation, began_at=at(1), ended_at=at(1), places=(replace(observation.places[0], error=error),)),
        "attic",
    )
    assert (row.state, is_slow(row)) == (BucketState.UNOBSERVABLE, slow)


def test_flapping_names_the_readiness_that_differed() -> None:
    """Walk M7: three equal samples that flap; what differed was /health/ready."""
    run = edited(Phase.POST, lambda seen: replace(seen, ready=answer(503, '{"ready":false}')), number=2)
    assert (
        "#1 list present, head present, get present, marker present; #2 list present, head present, get present, "
        in (words(run, "bucket-flapping"))
    )
    assert "marker present, not ready" in words(run, "bucket-flapping")


def test_the_table_shows_what_was_judged() -> None:
    """House R2: a bucket lost during a push was `flapping` in the table and `index-lost` in the finding."""
    more = healthy().with_record(runs.lost(runs.sample(Phase.DURING, 9)))
    assert more.facts().during.buckets["attic"].state is BucketState.INDEX_LOST
    few = healthy().change(
        records.BucketSampled, lambda row: None if (row.phase, row.number) == (Phase.PRE, 2) else row
    )
    assert few.facts().pre.buckets["attic"].state is BucketState.UNOBSERVABLE
    assert "1 of 2 samples were taken" in words(few, "bucket-unobservable")


def test_a_data_folder_that_is_gone_is_no_index_loss() -> None:
    """Walk M8: the metadata stays, the folder was renamed; "one controlled restart" would bring nothing back."""

    def gone(seen: records.BucketSampled) -> records.BucketSampled:
        place = seen.places[0]
        return replace(
            runs.lost(seen),
            places=(replace(place, markers=tuple(replace(mark, data=Truth.ABSENT) for mark in place.markers)),),
        )

    assert ("bucket-data-missing", "fail") in edited(Phase.POST, gone).rows()
    mixed = edited(Phase.POST, gone, number=2)
    assert ("bucket-flapping", "fail") in mixed.rows()


def test_half_a_marker_is_an_older_version_and_no_loss() -> None:
    """rustfs#8003: the data folder is there, .metadata.bin was never written."""

    def half(seen: records.BucketSampled) -> records.BucketSampled:
        place = seen.places[0]
        return replace(
            seen, places=(replace(place, markers=tuple(replace(mark, meta=Truth.ABSENT) for mark in place.markers)),)
        )

    run = edited(Phase.PRE, half)
    assert run.rows() == {("bucket-marker-missing", "inconclusive")}
    row = next(row for row in run.judged()[0] if row.code == "bucket-marker-missing")
    assert "the data folder is there, and .metadata.bin is not" in row.summary
    assert "rustfs#8003" in row.remedy


def test_an_operators_stall_is_no_pass() -> None:
    """Walk: "rca while a 22 s stall ran: pass"."""
    observation = [
        replace(runs.sample(Phase.PRE, number), began_at=at(number), ended_at=at(number + 0.1)) for number in (1, 2, 3)
    ]
    remaining = {"endpoint": "e", "samples_requested": 3, "spacing_millis": 500, "scratch": None}
    assert judge_rca(observation, ["attic"], **remaining).verdict.word.value == "pass"  # type: ignore[arg-type]  # test
    observation[1] = replace(list_hangs(observation[1]), ended_at=at(5.1))
    rca = judge_rca(observation, ["attic"], **remaining)  # type: ignore[arg-type]  # test
    assert (rca.verdict.word.value, rca.pace and rca.pace.stalled) == ("inconclusive", (2,))


def test_the_servers_own_message_is_told() -> None:
    """False alarms E: a store that starts says what it waits for; rights, endpoint and clocks are not its trouble."""
    fault = "<Error><Code>ServiceUnavailable</Code><Message>waiting for storage_quorum</Message></Error>"
    run = edited(Phase.PRE, lambda seen: replace(seen, listing=(answer(503, fault),)))
    assert "list: HTTP 503 ServiceUnavailable, waiting for storage_quorum" in words(run, "bucket-unobservable")
    bare = edited(Phase.PRE, lambda seen: replace(seen, listing=(answer(503, "waiting for\nstorage_quorum\x1b[31m"),)))
    assert r"list: HTTP 503, waiting for storage_quorum\x1b[31m" in words(bare, "bucket-unobservable")


@pytest.mark.parametrize("phase", [Phase.PRE, Phase.POST])
def test_a_slow_answer_beside_the_samples_is_doubt_too(phase: Phase) -> None:
    def slow(record: records.StateSeen) -> records.StateSeen:
        return replace(record, head=replace(record.head, millis=11_400)) if record.phase is phase else record

    run = healthy().change(records.StateSeen, slow)
    assert run.rows() == {("store-slow", "inconclusive")}
    assert "an answer of the store (state) took 11400 ms" in words(run, "store-slow")


def test_a_state_that_was_deleted_says_by_which_marker() -> None:
    absence = replace(answer(404), deleted=True, version_id="v9")
    run = healthy().change(
        records.StateSeen, lambda record: replace(record, head=absence) if record.phase is Phase.POST else record
    )
    assert "HTTP 404: a delete marker v9 hides an older version" in words(run, "state-lost")
    bare = healthy().change(records.StateSeen, lambda record: replace(record, head=replace(absence, version_id=None)))
    assert "HTTP 404: a delete marker hides an older version" in words(bare, "state-absent")


# ------------------------------------------------------------------------------------------------------ slow bodies


def waited(narinfo: int = 3, first: int | None = 3, pause: int = 3) -> Run:
    slow = runs.SOURCES[0].store_path

    def change(record: records.BodyRead) -> records.BodyRead:
        if record.store_path != slow or record.nar is None:
            return record
        nar = replace(record.nar, first_byte_millis=first, pause_millis=pause)
        return replace(record, narinfo=replace(record.narinfo, millis=narinfo), nar=nar)

    return healthy().change(records.BodyRead, change)


@pytest.mark.parametrize(
    ("choices", "text"),
    [
        ({"narinfo": 5001}, "the narinfo took 5001 ms (the read was over at 2026-11-24T00:00:"),
        ({"first": 7000, "pause": 7000}, "the body's first byte took 7000 ms (the read was over at 2026-11-24T00:00:"),
        ({"first": 3, "pause": 12_000}, "a further byte of the body took 12000 ms (the read was over"),
        ({"first": None, "pause": 6000}, "the body's first byte took 6000 ms"),
    ],
)
def test_a_stall_while_a_body_is_read_is_seen_though_every_byte_comes(choices: dict[str, int], text: str) -> None:
    run = waited(**choices)
    assert run.rows() == {("body-slow", "inconclusive")}
    assert run.word() == "inconclusive"
    assert text in words(run, "body-slow")
    assert next(row for row in run.judged()[0] if row.code == "body-slow").subject == runs.SOURCES[0].store_path


def test_a_body_that_is_no_slower_than_a_disk_operation_may_be_is_whole() -> None:
    assert waited(narinfo=5000, first=5000, pause=5000).word() == "pass"


def test_the_longest_wait_of_all_reads_is_known_and_of_none_there_is_none() -> None:
    wait = longest_wait(waited(first=3, pause=4000).facts().bodies)
    assert wait is not None
    assert (wait.millis, wait.store_path, wait.what) == (
        4000,
        runs.SOURCES[0].store_path,
        "a further byte of the body",
    )
    assert longest_wait(()) is None
