"""Bucket truth: one row for each bucket before the publication, while pushes ran, and after it."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from gate import limits
from gate.judge.finding import finding, pointer
from gate.model.basics import BucketState, Phase, Status, Truth
from gate.model.document import Bucket, BucketSample, Facts, Finding


def check_buckets(facts: Facts) -> Iterator[Finding]:
    """Judge every watched bucket in every phase."""
    for name in facts.policy.buckets:
        for phase, seen in ((Phase.PRE, facts.pre), (Phase.POST, facts.post)):
            yield _row(facts, name, phase, seen.buckets[name])
        yield _during(facts, name)


def _row(facts: Facts, name: str, phase: Phase, bucket: Bucket) -> Finding:
    state = bucket.state
    if len(bucket.samples) < facts.policy.samples and state is BucketState.INDEXED:
        state = BucketState.UNOBSERVABLE
    return finding(
        f"bucket-{state.value}",
        name,
        f"{state.value}: {_told(bucket)} ({len(bucket.samples)} of {facts.policy.samples} samples)",
        phase=phase,
        status=_status(facts, name, phase, bucket, state),
        evidence=(pointer(phase.value, "buckets", name),),
    )


def _during(facts: Facts, name: str) -> Finding:
    """The worst that was seen of a bucket while a push ran, else whether every push was watched.

    Samples of several pushes differ when a bucket is lost in one, so each counts by itself. One that could not be read
    may pass between good ones, unless a source of it said that the bucket is absent.
    """
    bucket = facts.during.buckets.get(name)
    samples = bucket.samples if bucket else ()
    told = _told(bucket) if bucket else "no sample"
    wrong = {sample.state for sample in samples} - {BucketState.INDEXED, BucketState.UNOBSERVABLE}
    if wrong:
        state = min(wrong, key=list(BucketState).index)
        summary = f"{state.value} while a push ran: {told}"
    elif unwatched := [*_doubts(samples), *_unwatched(facts, name)]:
        state, summary = BucketState.UNOBSERVABLE, f"{'; '.join(unwatched)}: {told}"
    else:
        state = BucketState.INDEXED
        summary = f"indexed in {_number(samples)} while {len(facts.during.pushes)} pushes ran"
    return finding(
        f"bucket-{state.value}",
        name,
        summary,
        phase=Phase.DURING,
        status=Status.FAIL if state is BucketState.MISSING else None,
        evidence=(pointer("during", "buckets", name),) if bucket else (),
    )


def _doubts(samples: Sequence[BucketSample]) -> Iterator[str]:
    for sample in samples:
        absent = Truth.ABSENT in (sample.listed, sample.head, sample.get, sample.marker)
        if sample.state is BucketState.UNOBSERVABLE and absent:
            yield f"sample {sample.number} says absent, and not all of it could be read"


def _unwatched(facts: Facts, name: str) -> Iterator[str]:
    """Each begun push without a whole sample, or with too long a silence."""
    watches = {watch.label: watch.buckets.get(name) for watch in facts.during.pushes}
    begun = [attempt.label for attempt in facts.push.attempts if attempt.started]
    if not begun:
        yield "no push ran"
    for label in begun:
        seen = watches.get(label)
        if seen is None or not seen.whole:
            yield f"the push of the {label.value} has no whole sample"
        elif seen.gap_millis > limits.DURING_GAP_SECONDS * 1000:
            yield (
                f"the push of the {label.value} has {seen.gap_millis} ms without a whole sample, "
                f"at most {limits.DURING_GAP_SECONDS:.0f} s may be"
            )


def _number(samples: Sequence[BucketSample]) -> str:
    whole = sum(sample.state is BucketState.INDEXED for sample in samples)
    return f"{whole} of {len(samples)} samples"


def _status(facts: Facts, name: str, phase: Phase, bucket: Bucket, state: BucketState) -> Status | None:
    if state is BucketState.FLAPPING:
        return Status.FAIL if bucket.index_lost_seen else Status.INCONCLUSIVE
    if state is BucketState.MISSING:
        before = facts.pre.buckets[name].samples
        was_there = phase is Phase.POST and any(sample.state is BucketState.INDEXED for sample in before)
        return Status.FAIL if was_there else Status.INCONCLUSIVE
    return None


def _told(bucket: Bucket) -> str:
    """The samples in words, equal ones in a row told once."""
    told = []
    for words, group in groupby(bucket.samples, key=_words):
        numbers = [sample.number for sample in group]
        which = f"#{numbers[0]}" if len(numbers) == 1 else f"#{numbers[0]}-{numbers[-1]}"
        told.append(f"{which} {words}")
    return "; ".join(told) or "no sample"


def _words(sample: BucketSample) -> str:
    told = f"list {sample.listed.value}, head {sample.head.value}, get {sample.get.value}, marker {sample.marker.value}"
    return told + (f" ({'; '.join(sample.notes)})" if sample.notes else "")
