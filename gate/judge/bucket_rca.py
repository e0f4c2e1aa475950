"""The answer of ``rustfs-bucket-index-rca``: the class of each bucket over its samples, and what that comes to."""

from collections.abc import Iterable, Sequence

from gate.evidence.buckets import fold_buckets
from gate.evidence.origin import of_origin
from gate.judge.command_verdict import decide, worst
from gate.judge.registry import BY_CODE
from gate.judge.scratch import judge_scratch, leftovers
from gate.model.basics import BucketState, Status
from gate.model.document import Bucket
from gate.model.operators import BucketCause, Rca, RcaSample, ScratchResult, ScratchSeen
from gate.model.records import BucketSampled, PlaceSeen


def judge_rca(
    samples: Sequence[tuple[str, BucketSampled]],
    buckets: Iterable[str],
    *,
    endpoint: str,
    wanted: int,
    scratch: ScratchSeen | None,
) -> Rca:
    """Judge the samples, each with its time, of some buckets; ``wanted`` samples were to be taken."""
    samples, scratch = of_origin(samples), of_origin(scratch)
    causes = {name: _cause(name, bucket, samples, wanted) for name, bucket in fold_buckets(samples, buckets).items()}
    result = judge_scratch(scratch) if scratch else None
    left = leftovers([sample for _, sample in samples], scratch.bucket if scratch else None)
    status = worst([*(cause.status for cause in causes.values()), *([result.status] if result else [])])
    return Rca(
        endpoint=endpoint,
        wanted=wanted,
        taken=len(samples),
        buckets=causes,
        scratch=result,
        leftovers=left,
        verdict=decide(status, _headline(status, causes, result)),
    )


def any_failed(samples: Sequence[tuple[str, BucketSampled]], buckets: Iterable[str]) -> tuple[str, ...]:
    """The buckets that are of the failure class by these samples."""
    folded = fold_buckets(of_origin(samples), buckets).items()
    return tuple(name for name, bucket in folded if _status(bucket.state, bucket) is Status.FAIL)


def _cause(name: str, bucket: Bucket, samples: Sequence[tuple[str, BucketSampled]], wanted: int) -> BucketCause:
    state = bucket.state
    if state is BucketState.INDEXED and len(samples) < wanted:
        state = BucketState.UNOBSERVABLE
    return BucketCause(
        state=state,
        status=_status(state, bucket),
        samples=tuple(
            RcaSample(seen=seen, places=_places(sample, name))
            for seen, (_, sample) in zip(bucket.samples, samples, strict=True)
        ),
    )


def _places(sample: BucketSampled, bucket: str) -> tuple[PlaceSeen, ...]:
    return tuple(
        PlaceSeen(
            place=place.place,
            markers=tuple(mark for mark in place.markers if mark.bucket == bucket),
            volume=place.volume,
            error=place.error,
        )
        for place in sample.places
    )


def _status(state: BucketState, bucket: Bucket) -> Status:
    """The registry's status; without a look before, nobody knows whether a missing bucket was ever there."""
    if state is BucketState.FLAPPING:
        return Status.FAIL if bucket.index_lost_seen else Status.INCONCLUSIVE
    return Status.INCONCLUSIVE if state is BucketState.MISSING else BY_CODE[f"bucket-{state.value}"].statuses[0]


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
