"""The answer of ``rustfs-bucket-index-rca``: the class of each bucket over its samples, and what that comes to."""

from collections.abc import Iterable, Sequence

from gate import limits
from gate.evidence.buckets import fold_buckets, fold_pace, in_order, places_of
from gate.evidence.origin import of_origin
from gate.judge.checks.buckets import bucket_status
from gate.judge.command_verdict import decide, worst
from gate.judge.scratch import judge_scratch, leftovers
from gate.model.basics import Status
from gate.model.document import Bucket
from gate.model.operators import BucketCause, Rca, RcaSample, ScratchResult, ScratchSeen
from gate.model.records import BucketSampled


def judge_rca(
    samples: Sequence[BucketSampled],
    buckets: Iterable[str],
    *,
    endpoint: str,
    wanted: int,
    spacing_millis: int,
    seconds: float = limits.SAMPLE_SECONDS,
    scratch: ScratchSeen | None,
) -> Rca:
    """Judge the samples of some buckets.

    ``wanted`` samples were to be taken, ``spacing_millis`` apart; each source had so many seconds to answer.
    """
    ordered, scratch = of_origin(in_order(samples)), of_origin(scratch)
    folded = fold_buckets(ordered, buckets, wanted=wanted, spacing_millis=spacing_millis, seconds=seconds)
    causes = {name: _cause(name, bucket, ordered) for name, bucket in folded.items()}
    result = judge_scratch(scratch) if scratch else None
    left = leftovers(ordered, scratch.bucket if scratch else None)
    status = worst([*(cause.status for cause in causes.values()), *([result.status] if result else [])])
    return Rca(
        endpoint=endpoint,
        wanted=wanted,
        taken=len(samples),
        buckets=causes,
        scratch=result,
        leftovers=left,
        pace=fold_pace(ordered, folded),
        verdict=decide(status, _headline(status, causes, result)),
    )


def any_failed(samples: Sequence[BucketSampled], buckets: Iterable[str]) -> tuple[str, ...]:
    """The buckets that are of the failure class by these samples."""
    folded = fold_buckets(of_origin(samples), buckets, wanted=0, spacing_millis=0).items()
    return tuple(name for name, bucket in folded if bucket_status(bucket) is Status.FAIL)


def _cause(name: str, bucket: Bucket, samples: Sequence[BucketSampled]) -> BucketCause:
    return BucketCause(
        state=bucket.state,
        status=bucket_status(bucket),
        doubts=bucket.doubts,
        samples=tuple(
            RcaSample(seen=seen, places=places_of(sample, name))
            for seen, sample in zip(bucket.samples, samples, strict=True)
        ),
    )


def _headline(status: Status, causes: dict[str, BucketCause], scratch: ScratchResult | None) -> str:
    rows = [f"{name} is {cause.state.value}" for name, cause in causes.items() if cause.status is status]
    if scratch is not None and scratch.status is status:
        rows.append("the scratch probe failed" if status is Status.FAIL else "the scratch probe could not be finished")
    told = ", ".join(rows)
    if status is Status.PASS:
        scratched = ", and a scratch bucket was made, used and removed" if scratch else ""
        return f"The index is whole: {', '.join(causes)} indexed in every sample{scratched}. This proves no body."
    if status is Status.FAIL:
        return f"Don't push, don't restart, don't create a bucket by hand: {told}. Capture first."
    return f"Hold trusted writes: it could not be told whether the index is whole ({told or 'no bucket was named'})."
