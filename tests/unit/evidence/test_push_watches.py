"""How well a bucket was watched while a push ran: by the times of samples and pushes, whoever wrote them."""

from dataclasses import replace

import pytest

from gate.evidence.push_coverage import fold_during
from gate.model.basics import BucketState, Label, Phase
from gate.model.document import Watched
from gate.model.records import BucketSampled, StageMark
from tests.helpers import runs

PUSHED = (Label.CANARY,)
BUCKETS = ("attic", "tofu-state")


def at(second: float) -> str:
    return f"2026-11-24T00:00:{second:06.3f}Z"


def timed(second: float, sample: BucketSampled, *, number: int = 1) -> BucketSampled:
    return replace(sample, number=number, began_at=at(second), ended_at=at(second + 0.02))


def watched(*seconds: float, unknown: tuple[float, ...] = ()) -> Watched:
    good = runs.sample(Phase.DURING, 1)
    blind = replace(good, places=())
    samples = [timed(second, good) for second in seconds] + [timed(second, blind) for second in unknown]
    ended = [(at(40), runs.child("push:canary", "push-canary.log", millis=30000))]
    during = fold_during(samples, ended, [], BUCKETS, PUSHED)
    (push,) = during.pushes
    assert (push.began_at, push.ended_at) == (at(10), at(40))
    assert push.buckets["attic"] == push.buckets["tofu-state"]
    return push.buckets["attic"]


def test_the_longest_silence_counts_begin_and_end() -> None:
    assert watched() == Watched(samples=0, whole=0, gap_millis=30000)
    assert watched(20) == Watched(samples=1, whole=1, gap_millis=20000)
    assert watched(10, 25, 40) == Watched(samples=3, whole=3, gap_millis=15000)
    assert watched(38.5, 12.25) == Watched(samples=2, whole=2, gap_millis=26250)


def test_a_sample_outside_the_push_is_none_of_its() -> None:
    assert watched(9.999, 40.001) == Watched(samples=0, whole=0, gap_millis=30000)


def test_a_sample_that_could_not_be_read_ends_no_silence() -> None:
    assert watched(12, unknown=(20, 30)) == Watched(samples=3, whole=1, gap_millis=28000, bridged=False)
    assert watched(12, 35, unknown=(20, 30)) == Watched(samples=4, whole=2, gap_millis=23000)


def test_without_a_push_there_is_no_watch() -> None:
    assert fold_during([], [(at(1), runs.child("build", "build.log"))], [], BUCKETS, PUSHED).pushes == ()


def test_a_push_that_took_longer_than_time_is_still_folded() -> None:
    for millis in (10**30, -5):
        ended = [(at(40), runs.child("push:canary", "push-canary.log", millis=millis))]
        during = fold_during([], ended, [], BUCKETS, PUSHED)
        assert during.pushes[0].ended_at == at(40)


def test_a_push_begins_with_its_stage_however_late_its_end_is_written() -> None:
    """A busy machine may write the end long after the client's own; the first sample is of this push all the same."""
    samples = [timed(10.2, runs.sample(Phase.DURING, 1))]
    ended = [(at(12), runs.child("push:canary", "push-canary.log", millis=300))]
    marks = [
        (at(10), StageMark(name="push:canary", state="started")),
        (at(13), StageMark(name="push:canary", state="ended")),
    ]
    assert fold_during(samples, ended, [], BUCKETS, PUSHED).pushes[0].buckets["attic"].whole == 0
    (push,) = fold_during(samples, ended, marks, BUCKETS, PUSHED).pushes
    assert (push.began_at, push.buckets["attic"]) == (at(10), Watched(samples=1, whole=1, gap_millis=1800))


def stalled(second: float, number: int) -> BucketSampled:
    """A sample in which the list alone hung."""
    sample = timed(second, runs.sample(Phase.DURING, 1), number=number)
    return replace(sample, listing=(runs.answer(None, error="timeout", millis=3000),), ended_at=at(second + 3.2))


def during(*samples: BucketSampled, begin: float = 10, end: float = 30) -> tuple[BucketState, tuple[str, ...]]:
    ended = [(at(end), runs.child("push:canary", "push-canary.log", millis=round((end - begin) * 1000)))]
    bucket = fold_during(samples, ended, [], BUCKETS, PUSHED).buckets["attic"]
    return bucket.state, bucket.doubts


def good(*seconds: float) -> list[BucketSampled]:
    return [timed(second, runs.sample(Phase.DURING, 1), number=100 + n) for n, second in enumerate(seconds)]


def test_a_short_stall_is_bridged_by_whole_samples_of_the_same_push() -> None:
    state, doubts = during(*good(10, 11, 20, 25), stalled(12, 3), stalled(16, 4))
    assert (state, doubts) == (BucketState.INDEXED, ())


@pytest.mark.row("TRU-17")
def test_a_longer_stall_is_not() -> None:
    state, doubts = during(*good(10, 11, 21.1, 25), stalled(12, 3), stalled(16, 4))
    assert (state, len(doubts)) == (BucketState.UNOBSERVABLE, 1)
    assert "10100 ms without a whole sample, expected at most 10 s" in doubts[0]


@pytest.mark.row("TRU-20")
@pytest.mark.parametrize("second", [10.5, 29.5], ids=["begin", "end"])
def test_a_stall_at_either_end_of_a_push_is_not_bridged(second: float) -> None:
    """What the store did before or after the push says nothing of that time."""
    state, doubts = during(*good(11, 20, 29), stalled(second, 9), begin=10.5)
    assert (state, len(doubts)) == (BucketState.UNOBSERVABLE, 1)
    assert "begins or ends with a sample that the store did not answer in time" in doubts[0]


@pytest.mark.parametrize("error", ["connect", "tls", "cut", "other"])
def test_a_refused_connection_is_no_slow_answer(error: str) -> None:
    """False passes 13: the store was killed and started anew during the push, and one refused sample was forgiven."""
    refused = replace(timed(15, runs.sample(Phase.DURING, 1), number=7), listing=(runs.answer(None, error=error),))
    assert during(*good(10, 12, 18, 25), refused) == (BucketState.UNOBSERVABLE, ("sample 7 could not be read",))


def test_a_stall_with_an_error_or_an_absence_beside_it_is_not_bridged() -> None:
    both = replace(stalled(15, 7), gets={"attic": runs.answer(500), "tofu-state": runs.answer(500)})
    assert during(*good(10, 12, 19, 25), both)[0] is BucketState.UNOBSERVABLE
    absent = replace(stalled(15, 7), heads={"attic": runs.answer(404), "tofu-state": runs.answer(404)})
    state, doubts = during(*good(10, 12, 19, 25), absent)
    assert (state, doubts) == (
        BucketState.UNOBSERVABLE,
        ("sample 7 says absent, and not all of it could be read",),
    )


def test_samples_count_by_their_beginning_in_whatever_order_they_ended() -> None:
    """The samples of a stall overlap: an older one that hangs is recorded after a newer one."""
    samples = [*good(10, 15, 20, 25), stalled(11, 2)]
    assert during(*reversed(samples)) == during(*samples) == (BucketState.INDEXED, ())
