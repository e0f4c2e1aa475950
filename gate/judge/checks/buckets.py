"""Bucket truth: one row for each bucket, before and after, and one for a loss while a push ran."""

from collections.abc import Iterator
from itertools import groupby

from gate.evidence.buckets import WRONG_STATES
from gate.judge.finding import finding, pointer
from gate.model.basics import BucketState, Phase, Status
from gate.model.document import Bucket, BucketSample, Facts, Finding


def check_buckets(facts: Facts) -> Iterator[Finding]:
    """Judge every watched bucket in every phase."""
    for name in facts.policy.buckets:
        for phase, seen in ((Phase.PRE, facts.pre), (Phase.POST, facts.post)):
            yield _row(facts, name, phase, seen.buckets[name])
        if name in facts.during.buckets:
            yield from _during(name, facts.during.buckets[name])


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


def _during(name: str, bucket: Bucket) -> Iterator[Finding]:
    """The worst that was seen of a bucket while a push ran; samples of several pushes differ when it is lost in one."""
    seen = {sample.state for sample in bucket.samples} & WRONG_STATES
    if seen:
        worst = min(seen, key=list(BucketState).index)
        yield finding(
            f"bucket-{worst.value}",
            name,
            f"{worst.value} while a push ran: {_told(bucket)}",
            phase=Phase.DURING,
            status=Status.FAIL if worst is BucketState.MISSING else None,
            evidence=(pointer("during", "buckets", name),),
        )


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
