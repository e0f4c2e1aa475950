"""A loss and a return are positive observations; what is unknown is neither."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gate.evidence.buckets import WRONG_STATES, read_sample
from gate.judge.watch import WatchState, next_spacing, next_watch
from gate.model.basics import BucketState, Phase
from gate.model.document import BucketSample
from gate.model.watch import WatchEvent
from tests.helpers import runs

ROW = read_sample(runs.sample(Phase.DURING, 1), "attic")
UNKNOWN = sorted(set(BucketState) - WRONG_STATES - {BucketState.INDEXED})


def row(state: BucketState, second: int) -> BucketSample:
    return replace(ROW, state=state, at=f"2026-11-24T00:00:{second:02d}.000Z")


def events(*states: BucketState) -> list[WatchEvent]:
    state = WatchState()
    changes: list[WatchEvent] = []
    for second, each in enumerate(states):
        state, more = next_watch(state, {"attic": row(each, second)})
        changes += more
    return changes


def test_a_loss_names_the_last_good_sample_and_a_return_the_last_lost_one() -> None:
    good, lost = BucketState.INDEXED, BucketState.INDEX_LOST
    first, second = events(good, good, lost, lost, good, good)
    assert (first.kind, first.state, first.last_at[-7:], first.at[-7:]) == ("lost", lost, "01.000Z", "02.000Z")
    assert (second.kind, second.state, second.last_at[-7:], second.at[-7:]) == ("back", good, "03.000Z", "04.000Z")


def test_a_bucket_that_was_never_there_has_no_last_good_sample() -> None:
    (only,) = events(BucketState.INDEX_LOST)
    assert (only.kind, only.last_at) == ("lost", "")


def test_buckets_are_watched_each_for_itself() -> None:
    good, lost = (row(each, 1) for each in (BucketState.INDEXED, BucketState.UNSERVED))
    state, some = next_watch(WatchState(), {"tofu-state": lost, "attic": good})
    assert [(event.kind, event.bucket) for event in some] == [("lost", "tofu-state")]
    assert state.missing == {"tofu-state"}


@given(st.lists(st.sampled_from(BucketState), max_size=12))
def test_unknown_samples_change_nothing_and_events_alternate(states: list[BucketState]) -> None:
    some = events(*states)
    assert [(event.kind, event.state) for event in some] == [
        (event.kind, event.state) for event in events(*(each for each in states if each not in UNKNOWN))
    ]
    assert all(one.kind != two.kind for one, two in pairwise(some))
    assert all(event.kind == "lost" for event in some[:1])
    assert all((event.state in WRONG_STATES) == (event.kind == "lost") for event in some)


def test_a_store_that_does_not_answer_is_asked_less_often_and_then_as_before() -> None:
    assert next_spacing(10, 10, 60, is_observed=False) == 20
    assert next_spacing(40, 10, 60, is_observed=False) == 60
    assert next_spacing(60, 10, 60, is_observed=True) == 10
    assert next_spacing(120, 120, 60, is_observed=False) == 120, "never more often than asked for"
