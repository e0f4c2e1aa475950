"""What each answer to the scratch probe comes to: loss is told apart from what is nobody's loss."""

from dataclasses import replace
from typing import Any

import pytest

from gate.judge.bucket_rca import judge_rca
from gate.judge.scratch import judge_scratch, leftovers
from gate.model.basics import Phase, Status, Truth
from gate.model.operators import ScratchSeen
from gate.model.records import BucketSampled, HttpAnswer, MarkerSeen, PlaceSeen
from tests.helpers.scripted_s3 import listing, objects
from tests.unit.judge.test_bucket_rca import sampled, timed

NAME = "publication-gate-scratch-00000000000000ff"
PRESENT, ABSENT, UNKNOWN = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN


def said(status: int | None, body: str = "", error: str | None = None, etag: str | None = None) -> HttpAnswer:
    return HttpAnswer(url="http://s3/", status=status, body=body, error=error, etag=etag)


def fault(code: str, status: int = 404) -> HttpAnswer:
    return said(status, f"<Error><Code>{code}</Code></Error>")


def index(*names: str, head: HttpAnswer | None = None, get: HttpAnswer | None = None) -> BucketSampled:
    there = NAME in names
    return BucketSampled(
        phase=Phase.PRE,
        number=3,
        began_at="2026-11-24T00:00:00.000Z",
        ended_at="2026-11-24T00:00:00.010Z",
        listing=(said(200, listing(names).decode()),),
        heads={NAME: head or said(200 if there else 404)},
        gets={NAME: get or (said(200, objects([]).decode()) if there else fault("NoSuchBucket"))},
        places=(),
    )


def place(data: Truth = PRESENT, meta: Truth = PRESENT, error: str | None = None) -> PlaceSeen:
    return PlaceSeen(
        place="file:///data", markers=(MarkerSeen(bucket=NAME, data=data, meta=meta, error=error),), error=error
    )


WELL = ScratchSeen(
    bucket=NAME,
    strict=True,
    created=said(200),
    sample=index(NAME),
    places=(place(), place()),
    put=said(200, etag='"e"'),
    got=said(200, etag='"e"'),
    same=PRESENT,
    deleted=said(204),
    removals=(said(204),),
    after=index(),
    places_after=(place(ABSENT, ABSENT),),
)


def status_of(name: str, **changes: Any) -> Status:
    (step,) = (step for step in judge_scratch(replace(WELL, **changes)).steps if step.name == name)
    return step.status


def test_a_whole_way_passes() -> None:
    result = judge_scratch(WELL)
    assert [step.name for step in result.steps] == [
        *("make", "find in the index", "find on every drive", "put", "get", "delete the object", "remove"),
    ]
    assert {step.status for step in result.steps} == {Status.PASS}
    assert (result.status, result.removed, result.note) == (Status.PASS, True, "")
    loose = judge_scratch(replace(WELL, strict=False, places=()))
    assert "find on every drive" not in [step.name for step in loose.steps]
    assert loose.status is Status.PASS


FAIL, UNCLEAR = Status.FAIL, Status.INCONCLUSIVE


@pytest.mark.parametrize(
    ("name", "changes", "status"),
    [
        ("make", {"created": fault("AccessDenied", 403)}, UNCLEAR),
        ("make", {"created": fault("NoSuchBucket")}, UNCLEAR),
        ("make", {"created": said(200, "<html>")}, UNCLEAR),
        ("make", {"created": said(None, error="timeout")}, UNCLEAR),
        ("make", {"created": None}, UNCLEAR),
        ("find in the index", {"sample": index()}, FAIL),
        ("find in the index", {"sample": index(NAME, head=said(404))}, FAIL),
        ("find in the index", {"sample": index(NAME, get=fault("NoSuchBucket"))}, FAIL),
        ("find in the index", {"sample": index(head=said(403))}, UNCLEAR),
        ("find in the index", {"sample": index(), "created": said(200, "<html>")}, UNCLEAR),
        ("find in the index", {"sample": index(), "cut_short": "SIGTERM"}, UNCLEAR),
        ("find in the index", {"sample": None}, UNCLEAR),
        ("find on every drive", {"places": ()}, UNCLEAR),
        ("find on every drive", {"places": (place(), place(meta=ABSENT))}, UNCLEAR),
        ("find on every drive", {"places": (place(UNKNOWN, UNKNOWN, "EIO"),)}, UNCLEAR),
        ("put", {"put": fault("NoSuchBucket")}, FAIL),
        ("put", {"put": fault("AccessDenied", 403)}, UNCLEAR),
        ("put", {"put": None}, UNCLEAR),
        ("get", {"same": ABSENT}, FAIL),
        ("get", {"same": ABSENT, "got": said(200, etag='"other"')}, UNCLEAR),
        ("get", {"same": ABSENT, "put": said(200), "got": said(200)}, UNCLEAR),
        ("get", {"same": ABSENT, "put": None}, UNCLEAR),
        ("get", {"got": fault("NoSuchKey"), "same": UNKNOWN}, FAIL),
        ("get", {"got": fault("NoSuchBucket"), "same": UNKNOWN}, FAIL),
        ("get", {"got": fault("NoSuchKey"), "same": UNKNOWN, "put": said(200, "<html>")}, UNCLEAR),
        ("get", {"got": said(None, error="cut"), "same": UNKNOWN}, UNCLEAR),
        ("get", {"got": None, "same": UNKNOWN}, UNCLEAR),
        ("delete the object", {"deleted": fault("NoSuchBucket")}, FAIL),
        ("delete the object", {"deleted": None}, UNCLEAR),
        ("remove", {"removals": (fault("BucketNotEmpty", 409),), "after": index(NAME)}, UNCLEAR),
        ("remove", {"removals": (fault("NoSuchBucket"),)}, UNCLEAR),
        ("remove", {"after": index(NAME)}, UNCLEAR),
        ("remove", {"after": index(head=said(403))}, UNCLEAR),
        ("remove", {"after": None}, UNCLEAR),
    ],
)
def test_each_step_that_did_not_go_well(name: str, changes: dict[str, Any], status: Status) -> None:
    result = judge_scratch(replace(WELL, **changes))
    assert status_of(name, **changes) is status
    assert result.status in (status, FAIL)
    assert result.removed is (name != "remove")


def test_a_marker_that_outlives_its_bucket_is_told() -> None:
    remaining = judge_scratch(replace(WELL, places_after=(place(PRESENT, ABSENT),)))
    assert remaining.steps[-1].detail == "HTTP 204; then list absent, head absent; a drive still has a marker of it"
    assert remaining.status is Status.PASS


def test_a_bucket_that_was_removed_and_then_not_found_again_is_gone() -> None:
    remaining = judge_scratch(replace(WELL, removals=(said(204), fault("NoSuchBucket"), fault("NoSuchBucket"))))
    assert (remaining.removed, remaining.steps[-1].detail) == (
        True,
        "HTTP 404 NoSuchBucket; then list absent, head absent",
    )
    back = judge_scratch(replace(WELL, removals=(said(204), fault("BucketNotEmpty", 409))))
    assert (back.removed, back.steps[-1].status) == (False, UNCLEAR)


def test_nothing_made_needs_no_removal() -> None:
    result = judge_scratch(ScratchSeen(bucket=NAME, strict=False, created=fault("AccessDenied", 403)))
    assert (result.removed, result.status, result.steps[-1].detail) == (True, UNCLEAR, "nothing was made")
    skipped = judge_scratch(ScratchSeen(bucket=NAME, strict=False, skipped="the index is wrong"))
    assert (skipped.removed, skipped.status, skipped.steps, skipped.note) == (True, UNCLEAR, (), "the index is wrong")


def test_a_run_that_was_ended_says_by_what() -> None:
    assert judge_scratch(replace(WELL, put=None, cut_short="signal SIGTERM")).note == "ended early: signal SIGTERM"


def test_a_failed_scratch_probe_fails_the_whole() -> None:
    lost = replace(WELL, sample=index())
    rca = judge_rca(timed(sampled()), ["b"], endpoint="e", samples_requested=1, spacing_millis=0, scratch=lost)
    assert rca.verdict.exit_code == 4
    assert "the scratch probe failed" in rca.verdict.headline
    good = judge_rca(timed(sampled()), ["b"], endpoint="e", samples_requested=1, spacing_millis=0, scratch=WELL)
    assert good.verdict.exit_code == 0
    assert "a scratch bucket was made, used and removed" in good.verdict.headline


def test_leftovers_come_from_any_list_that_can_be_read() -> None:
    torn = replace(index(NAME), listing=(said(200, "<html>"), said(200, listing(["b", NAME]).decode())))
    assert leftovers([torn, index()], None) == (NAME,)
    assert leftovers([torn], NAME) == ()
