from dataclasses import replace

import pytest

from gate.judge.bucket_rca import RUNBOOK, any_failed, judge_rca
from gate.judge.verdict import decide, worst
from gate.model.basics import BucketState, Phase, Status, Truth, VerdictWord
from gate.model.operators import ScratchSeen
from gate.model.records import BucketSampled, HttpAnswer, MarkerSeen, PlaceSeen
from tests.helpers.scripted_s3 import listing, objects

PRESENT, ABSENT, UNKNOWN = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN
READY = '{"ready":true}'
NO_BUCKET = "<Error><Code>NoSuchBucket</Code></Error>"


def answer(status: int | None, body: str = "", error: str | None = None) -> HttpAnswer:
    return HttpAnswer(url="http://s3/", status=status, body=body, error=error)


def sampled(
    *,
    listed: Truth = PRESENT,
    head: Truth = PRESENT,
    get: Truth = PRESENT,
    marks: tuple[Truth, Truth] = (PRESENT, PRESENT),
    ready: Truth = PRESENT,
    number: int = 1,
    extra: tuple[str, ...] = (),
) -> BucketSampled:
    """A sample of bucket ``b`` in which the sources say so."""
    pages = {PRESENT: answer(200, listing(["b", *extra]).decode()), ABSENT: answer(200, listing([*extra]).decode())}
    heads = {PRESENT: answer(200), ABSENT: answer(404), UNKNOWN: answer(403)}
    gets = {
        PRESENT: answer(200, objects([]).decode()),
        ABSENT: answer(404, NO_BUCKET),
        UNKNOWN: answer(None, error="timeout"),
    }
    readies = {PRESENT: answer(200, READY), ABSENT: answer(503, '{"ready":false}'), UNKNOWN: answer(404)}
    mark = MarkerSeen(bucket="b", data=marks[0], meta=marks[1], error="EIO" if UNKNOWN in marks else None)
    return BucketSampled(
        phase=Phase.PRE,
        number=number,
        began_at="2026-11-24T00:00:00.000Z",
        ended_at="2026-11-24T00:00:00.020Z",
        listing=(pages.get(listed, answer(None, error="cut")),),
        heads={"b": heads[head]},
        gets={"b": gets[get]},
        places=(PlaceSeen(place="file:///data", markers=(mark,)),),
        ready=readies[ready],
    )


ONE = {
    BucketState.INDEXED: sampled(),
    BucketState.INDEX_LOST: sampled(listed=ABSENT, head=ABSENT, get=ABSENT),
    BucketState.DATA_MISSING: sampled(listed=ABSENT, head=ABSENT, get=ABSENT, marks=(ABSENT, PRESENT)),
    BucketState.UNSERVED: sampled(head=ABSENT, get=ABSENT),
    BucketState.UNLISTED: sampled(listed=ABSENT),
    BucketState.MISSING: sampled(listed=ABSENT, head=ABSENT, get=ABSENT, marks=(ABSENT, ABSENT)),
    BucketState.MARKER_MISSING: sampled(marks=(ABSENT, PRESENT)),
    BucketState.NOT_READY: sampled(ready=ABSENT),
    BucketState.UNOBSERVABLE: sampled(listed=UNKNOWN),
}
FAILED = {BucketState.INDEX_LOST, BucketState.DATA_MISSING, BucketState.UNSERVED, BucketState.UNLISTED}


def timed(*samples: BucketSampled) -> list[BucketSampled]:
    def at(second: float) -> str:
        return f"2026-11-24T00:00:{second:06.3f}Z"

    return [replace(row, number=n, began_at=at(n), ended_at=at(n + 0.02)) for n, row in enumerate(samples, 1)]


@pytest.mark.parametrize("state", ONE)
def test_each_class_and_its_exit_code(state: BucketState) -> None:
    rca = judge_rca(
        timed(ONE[state], ONE[state]), ["b"], endpoint="e", samples_requested=2, spacing_millis=500, scratch=None
    )
    assert rca.buckets["b"].state is state
    word = {True: VerdictWord.QUARANTINE, False: VerdictWord.INCONCLUSIVE}[state in FAILED]
    word = VerdictWord.PASS if state is BucketState.INDEXED else word
    assert (rca.verdict.word, rca.verdict.exit_code) == (
        word,
        {VerdictWord.PASS: 0, VerdictWord.INCONCLUSIVE: 3}.get(word, 4),
    )
    assert rca.verdict.blocks is (word is not VerdictWord.PASS)
    assert state is BucketState.INDEXED or state.value in rca.verdict.headline
    assert any_failed(timed(ONE[state]), ["b"]) == (("b",) if state in FAILED else ())


@pytest.mark.parametrize(
    ("states", "word"),
    [
        ((BucketState.INDEXED, BucketState.INDEX_LOST), VerdictWord.QUARANTINE),
        ((BucketState.MISSING, BucketState.INDEX_LOST), VerdictWord.QUARANTINE),
        ((BucketState.INDEXED, BucketState.UNSERVED), VerdictWord.INCONCLUSIVE),
        ((BucketState.INDEXED, BucketState.MARKER_MISSING), VerdictWord.INCONCLUSIVE),
    ],
)
def test_flapping_fails_only_with_a_loss_among_it(states: tuple[BucketState, ...], word: VerdictWord) -> None:
    rca = judge_rca(
        timed(*(ONE[state] for state in states)),
        ["b"],
        endpoint="e",
        samples_requested=2,
        spacing_millis=500,
        scratch=None,
    )
    assert rca.buckets["b"].state is BucketState.FLAPPING
    assert rca.verdict.word is word


def test_too_few_samples_and_no_buckets_are_no_pass() -> None:
    few = judge_rca(timed(sampled()), ["b"], endpoint="e", samples_requested=2, spacing_millis=500, scratch=None)
    assert (few.buckets["b"].state, few.verdict.exit_code, few.samples_taken) == (BucketState.UNOBSERVABLE, 3, 1)
    none = judge_rca([], ["b"], endpoint="e", samples_requested=2, spacing_millis=500, scratch=None)
    assert (none.buckets["b"].state, none.verdict.exit_code) == (BucketState.UNOBSERVABLE, 3)
    nothing = judge_rca(timed(sampled()), [], endpoint="e", samples_requested=1, spacing_millis=500, scratch=None)
    assert nothing.verdict.exit_code == 3
    assert "no bucket was named" in nothing.verdict.headline


def test_each_sample_keeps_its_places_and_the_worst_bucket_counts() -> None:
    good, bad = sampled(), sampled(listed=ABSENT, head=ABSENT, get=ABSENT, marks=(PRESENT, ABSENT))
    rca = judge_rca(timed(good, bad), ["b"], endpoint="e", samples_requested=2, spacing_millis=500, scratch=None)
    assert [row.places[0].markers[0].meta for row in rca.buckets["b"].samples] == [PRESENT, ABSENT]
    both = judge_rca(timed(good), ["b", "other"], endpoint="e", samples_requested=1, spacing_millis=500, scratch=None)
    assert {name: cause.status for name, cause in both.buckets.items()} == {
        "b": Status.PASS,
        "other": Status.INCONCLUSIVE,
    }
    assert both.verdict.word is VerdictWord.INCONCLUSIVE


def test_leftovers_are_named_and_lower_nothing() -> None:
    mine, other = "publication-gate-scratch-0000000000000001", "publication-gate-scratch-0000000000000002"
    observation = timed(sampled(extra=(mine, other)), sampled(listed=UNKNOWN))
    rca = judge_rca(
        observation,
        ["b"],
        endpoint="e",
        samples_requested=2,
        spacing_millis=500,
        scratch=ScratchSeen(bucket=mine, strict=False, skipped="why"),
    )
    assert rca.leftovers == (other,)
    assert (
        judge_rca(
            timed(sampled(extra=(other,))), ["b"], endpoint="e", samples_requested=1, spacing_millis=500, scratch=None
        ).verdict.exit_code
        == 0
    )


def test_a_scratch_probe_that_was_not_made_is_no_pass() -> None:
    skipped = ScratchSeen(bucket="s", strict=False, skipped="why")
    rca = judge_rca(timed(sampled()), ["b"], endpoint="e", samples_requested=1, spacing_millis=500, scratch=skipped)
    assert (rca.verdict.exit_code, rca.scratch and rca.scratch.note) == (3, "why")
    assert "the scratch probe could not be finished" in rca.verdict.headline


def test_the_worst_status_decides_and_silence_is_no_pass() -> None:
    assert worst([]) is Status.INCONCLUSIVE
    assert worst([Status.PASS, Status.NOT_APPLICABLE]) is Status.NOT_APPLICABLE
    assert worst([Status.INCONCLUSIVE, Status.FAIL, Status.PASS]) is Status.FAIL
    assert decide(Status.NOT_APPLICABLE, "h").word is VerdictWord.INCONCLUSIVE
    assert (decide(Status.PASS, "h").outcome, decide(Status.FAIL, "h").outcome) == ("pass", "fail")


def test_every_class_has_its_runbook() -> None:
    assert set(RUNBOOK) == set(BucketState)
    for state, book in RUNBOOK.items():
        assert book.meaning
        assert book.steps
        restarts = [n for n, step in enumerate(book.steps) if "one controlled restart" in step]
        captures = [n for n, step in enumerate(book.steps) if "publication-gate capture" in step]
        assert captures or state not in FAILED, state
        assert not restarts or captures[0] < restarts[0], state
