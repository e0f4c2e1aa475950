"""Bucket truth: one row for each bucket before the publication, while pushes ran, and after it."""

from collections.abc import Iterator
from itertools import groupby

from gate import limits
from gate.evidence.buckets import pace_in_words
from gate.judge.codes.registry import BY_CODE
from gate.judge.finding import finding, pointer
from gate.model.basics import BucketState, Phase, Status, Truth
from gate.model.document import Bucket, BucketSample, Facts, Finding, SamplePace

STORE = "store"


def check_buckets(facts: Facts) -> Iterator[Finding]:
    """Judge every watched bucket in every phase, and how promptly the store answered."""
    for name in facts.policy.buckets:
        for phase, observation in ((Phase.PRE, facts.pre), (Phase.POST, facts.post)):
            before = facts.pre.buckets[name] if phase is Phase.POST else None
            yield _row(facts, name, phase, observation.buckets[name], before)
        yield _during(facts, name)
    for phase, pace in ((Phase.PRE, facts.pre.pace), (Phase.DURING, facts.during.pace), (Phase.POST, facts.post.pace)):
        if pace is not None:
            yield from _stalls(facts, phase, pace)
    for phase, observation in ((Phase.PRE, facts.pre), (Phase.POST, facts.post)):
        for number, row in enumerate(observation.slow):
            summary = f"an answer of the store ({row.source}) took {row.millis} ms and had come at {row.at}"
            yield finding(
                "store-slow", row.source, summary, phase=phase, evidence=(pointer(phase.value, "slow", str(number)),)
            )


def _row(facts: Facts, name: str, phase: Phase, bucket: Bucket, before: Bucket | None) -> Finding:
    summary = "; ".join((*bucket.doubts, samples_in_words(bucket)))
    return finding(
        f"bucket-{bucket.state.value}",
        name,
        f"{bucket.state.value}: {summary} ({len(bucket.samples)} of {facts.policy.samples} samples)",
        phase=phase,
        status=bucket_status(bucket, before),
        evidence=(pointer(phase.value, "buckets", name),),
    )


def _during(facts: Facts, name: str) -> Finding:
    """The class of a bucket while pushes ran (`gate.evidence.push_coverage`); unobservable without samples."""
    bucket = facts.during.buckets.get(name)
    if bucket is None:
        return finding("bucket-unobservable", name, "no sample was taken while a push ran", phase=Phase.DURING)
    if bucket.state is BucketState.INDEXED:
        summary = f"indexed in {_number(bucket)} while {len(facts.during.pushes)} pushes ran"
        summary += f"; {pace_in_words(facts.during.pace)}" if facts.during.pace else ""
    elif bucket.doubts:
        summary = f"{'; '.join(bucket.doubts)}: {samples_in_words(bucket)}"
    else:
        summary = f"{bucket.state.value} while a push ran: {samples_in_words(bucket)}"
    return finding(
        f"bucket-{bucket.state.value}",
        name,
        summary,
        phase=Phase.DURING,
        status=Status.FAIL if bucket.state is BucketState.MISSING else None,
        evidence=(pointer("during", "buckets", name),),
    )


def _stalls(facts: Facts, phase: Phase, pace: SamplePace) -> Iterator[Finding]:
    """A store that did not answer in time, but for a short time between whole samples of a push; and a slow answer."""
    observation = {Phase.PRE: facts.pre.buckets, Phase.POST: facts.post.buckets, Phase.DURING: facts.during.buckets}[
        phase
    ]
    where = (pointer(phase.value, "pace"),)
    unbridged = any(bucket.state is not BucketState.INDEXED for bucket in observation.values())
    if pace.stalled and unbridged:
        numbers = ", ".join(f"#{number}" for number in pace.stalled)
        summary = f"a source gave no answer in time in {numbers}; {pace_in_words(pace)}"
        yield finding("store-stalled", STORE, summary, phase=phase, evidence=where)
    elif pace.slowest_millis > limits.STORE_SLOW_SECONDS * 1000:
        yield finding("store-slow", STORE, pace_in_words(pace), phase=phase, evidence=where)


def _number(bucket: Bucket) -> str:
    whole = sum(sample.state is BucketState.INDEXED for sample in bucket.samples)
    return f"{whole} of {len(bucket.samples)} samples"


def bucket_status(bucket: Bucket, before: Bucket | None = None) -> Status:
    """The status of a bucket's class over the samples of a phase; ``before`` is the same bucket before a publication.

    Samples that differ fail only with a loss among them. A bucket that is nowhere fails only where it was seen before:
    else its name may be wrong.
    """
    if bucket.state is BucketState.FLAPPING:
        return Status.FAIL if bucket.index_lost_seen else Status.INCONCLUSIVE
    if bucket.state is BucketState.MISSING:
        was_there = before is not None and any(row.state is BucketState.INDEXED for row in before.samples)
        return Status.FAIL if was_there else Status.INCONCLUSIVE
    return BY_CODE[f"bucket-{bucket.state.value}"].statuses[0]


def samples_in_words(bucket: Bucket) -> str:
    """The samples in words, equal ones in a row once."""
    summary = []
    for words, group in groupby(bucket.samples, key=sample_in_words):
        numbers = [sample.number for sample in group]
        which = f"#{numbers[0]}" if len(numbers) == 1 else f"#{numbers[0]}-{numbers[-1]}"
        summary.append(f"{which} {words}")
    return "; ".join(summary) or "no sample"


def sample_in_words(sample: BucketSample) -> str:
    """What the sources of one sample say; the store's own readiness where it says that it is not ready."""
    summary = (
        f"list {sample.listed.value}, head {sample.head.value}, get {sample.get.value}, marker {sample.marker.value}"
    )
    summary += ", not ready" if sample.ready is Truth.ABSENT else ""
    return summary + (f" ({'; '.join(sample.notes)})" if sample.notes else "")
