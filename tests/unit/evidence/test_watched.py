"""How well a bucket was watched while a push ran: by the times of samples and pushes, whoever wrote them."""

from dataclasses import replace

from gate.evidence.watched import fold_during
from gate.model.basics import Phase
from gate.model.document import Watched
from gate.model.records import StageMark
from tests.helpers import tapes

BUCKETS = ("attic", "tofu-state")


def at(second: float) -> str:
    return f"2026-11-24T00:00:{second:06.3f}Z"


def watched(*seconds: float, unknown: tuple[float, ...] = ()) -> Watched:
    good = tapes.sample(Phase.DURING, 1)
    blind = replace(good, places=())
    samples = [(at(second), good) for second in seconds] + [(at(second), blind) for second in unknown]
    during = fold_during(samples, [(at(40), tapes.child("push:canary", "push-canary.log", millis=30000))], [], BUCKETS)
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
    assert watched(12, unknown=(20, 30)) == Watched(samples=3, whole=1, gap_millis=28000)


def test_without_a_push_there_is_no_watch() -> None:
    assert fold_during([], [(at(1), tapes.child("build", "build.log"))], [], BUCKETS).pushes == ()


def test_a_push_that_took_longer_than_time_is_still_folded() -> None:
    for millis in (10**30, -5):
        during = fold_during([], [(at(40), tapes.child("push:canary", "push-canary.log", millis=millis))], [], BUCKETS)
        assert during.pushes[0].ended_at == at(40)


def test_a_push_begins_with_its_stage_however_late_its_end_is_written() -> None:
    """A busy machine may write the end long after the client's own; the first sample is of this push all the same."""
    samples = [(at(10.2), tapes.sample(Phase.DURING, 1))]
    ended = [(at(12), tapes.child("push:canary", "push-canary.log", millis=300))]
    marks = [
        (at(10), StageMark(name="push:canary", state="started")),
        (at(13), StageMark(name="push:canary", state="ended")),
    ]
    assert fold_during(samples, ended, [], BUCKETS).pushes[0].buckets["attic"].whole == 0
    (push,) = fold_during(samples, ended, marks, BUCKETS).pushes
    assert (push.began_at, push.buckets["attic"]) == (at(10), Watched(samples=1, whole=1, gap_millis=1800))
