"""``rustfs-bucket-index-rca``: the class of each bucket over its samples, and what an operator does about it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from gate import limits
from gate.evidence.buckets import fold_buckets, fold_pace, in_order, places_of
from gate.evidence.origin import of_origin
from gate.judge.checks.buckets import bucket_status
from gate.judge.scratch import judge_scratch, leftovers
from gate.judge.verdict import decide, worst
from gate.model.basics import BucketState, Status, value
from gate.model.document import Bucket
from gate.model.operators import BucketCause, Rca, RcaSample, ScratchResult, ScratchSeen
from gate.model.records import BucketSampled


@value
class Runbook:
    """``meaning`` is one sentence; ``steps`` are taken in their order, each only if the one before did not help."""

    meaning: str
    steps: tuple[str, ...]


_STOP: Final = (
    "Stop trusted writes now and don't push again: Attic skips what its database believes to have, so a push after a "
    "loss fixes nothing and hides what is lost."
)
_KEEP: Final = (
    "Don't restart the store yet and don't create the bucket by hand: both wipe what tells the cause. Take the "
    "evidence first: `publication-gate capture`."
)
_WAIT: Final = (
    "Wait 30 s and run this command again: RustFS asks a faulty drive again after about 15 s. If the bucket comes back "
    "by itself, the disk stalled: look at its latency, at the kernel's log and for `health is faulty` and `operation "
    "timed out` in RustFS's log."
)
_DISK: Final = (
    "If /health/ready is absent (503), free the drive: end what loads it, fix the volume or its node. RustFS "
    "1.0.0-beta.2 then takes it back without a restart; 1.0.0-beta.10 and beta.11 did not (rustfs #5938 and #5921), so "
    "with those go on to the restart below. RUSTFS_DRIVE_TIMEOUT_PROFILE=high_latency, or 1.0.0-beta.8 and later, bear "
    "slow disks."
)
_LAST: Final = (
    "Only when it stays so with a ready store, and the capture is made: one controlled restart, its time written "
    "down. It fixes the index, not the bodies and not the cause, and it lifts no quarantine."
)
_AFTER: Final = (
    "Afterwards: this command with --scratch-probe --strict-scratch-disk-markers, then tofu-state-ha-readiness, then "
    "attic-nar-integrity-check for what was published meanwhile."
)
_RIGHTS: Final = (
    "Ask again with a key that may list every bucket: RustFS leaves out of the list what a key has no right to. If the "
    "bucket is listed then, give the observer's key s3:ListAllMyBuckets and s3:ListBucket."
)
_QUORUM: Final = (
    "With several drives, compare the markers of each: RustFS also leaves out a bucket that too few drives have. Bring "
    "the missing drive back, and give its heal time before any restart."
)
_DATA_LOSS: Final = (
    "If it was there before, it is data loss, not index loss: stop trusted writes, take the evidence with "
    "`publication-gate capture`, and restore from a backup. A restart brings nothing back."
)
_DATA_GONE: Final = (
    "The bucket's data folder is gone: no restart brings it back. Find out what removed or moved it (a rename, an "
    "unmounted volume, a wrong mount), put it back where that is possible, else restore from a backup."
)
_HALF: Final = (
    "Where a note says that the data folder is there and .metadata.bin is not, this is no loss: an older RustFS wrote "
    "none, and an upgrade that broke off leaves such a bucket (rustfs#8003, #2227; #8008 repairs it). Bring RustFS to "
    "a version with that repair and ask again."
)
_FROM_MEMORY: Final = (
    "If they are, and no data folder is on any drive, the store serves what is not on its disks: don't restart it, "
    "which could lose the bucket. Copy out what matters, the state first, then treat it as data loss."
)
_SOURCES: Final = (
    "Read the notes of the samples. A 5xx has the server's own words: wait until it is ready, or fix what it names. A "
    "source without an answer in time is a stalled store or drive: look at its latency. Else fix the key's rights "
    "(403), the endpoint, the markers' place, the clocks (RequestTimeTooSkewed), or a proxy that answers in S3's place."
)

RUNBOOK: Final[Mapping[BucketState, Runbook]] = {
    BucketState.INDEXED: Runbook(
        meaning="list, head and get serve the bucket, and a drive has both of its markers, in every sample",
        steps=(
            "Nothing. This speaks of the index alone: bodies are proved by the probe and attic-nar-integrity-check.",
        ),
    ),
    BucketState.INDEX_LOST: Runbook(
        meaning="ListBuckets and HeadBucket lack the bucket while its marker is on disk: the incident's failure class",
        steps=(_STOP, _KEEP, _WAIT, _DISK, _LAST, _AFTER),
    ),
    BucketState.DATA_MISSING: Runbook(
        meaning="ListBuckets and HeadBucket lack the bucket, its metadata is on disk, and its data folder is gone",
        steps=(_STOP, _KEEP, _DATA_GONE, _AFTER),
    ),
    BucketState.UNSERVED: Runbook(
        meaning="ListBuckets names the bucket, and HeadBucket or a GET says that there is none: a stalled drive",
        steps=(_STOP, _KEEP, _WAIT, _DISK, _LAST, _AFTER),
    ),
    BucketState.UNLISTED: Runbook(
        meaning="HeadBucket serves the bucket, and ListBuckets lacks it",
        steps=(
            _STOP,
            _RIGHTS,
            _QUORUM,
            _KEEP,
            _LAST,
            _AFTER,
        ),
    ),
    BucketState.MISSING: Runbook(
        meaning="the bucket is absent from list, head and every drive",
        steps=(
            "Check the bucket's name, the endpoint and the markers' places: a wrong name looks the same.",
            _DATA_LOSS,
        ),
    ),
    BucketState.MARKER_MISSING: Runbook(
        meaning="the bucket is served, and no drive has both of its markers",
        steps=(
            "Check the markers' places: is each the data folder of this very store, and are all of its drives named?",
            _HALF,
            _FROM_MEMORY,
        ),
    ),
    BucketState.FLAPPING: Runbook(
        meaning="the samples differ: the index comes and goes",
        steps=(_STOP, _KEEP, "Take more samples (--samples 10): they date the changes.", _DISK, _LAST, _AFTER),
    ),
    BucketState.NOT_READY: Runbook(
        meaning="the bucket is served and marked, and the store says of itself that it is not ready",
        steps=(
            "Hold trusted writes until /health/ready is 200: a drive that is faulty now loses its buckets next.",
            _DISK,
            "Run this command again.",
        ),
    ),
    BucketState.UNOBSERVABLE: Runbook(
        meaning="a source could not be read, so nothing can be said: unknown is not absent, and not healthy",
        steps=(
            _SOURCES,
            "Run this command again. Hold trusted writes meanwhile.",
        ),
    ),
}


def judge_rca(
    samples: Sequence[BucketSampled],
    buckets: Iterable[str],
    *,
    endpoint: str,
    samples_requested: int,
    spacing_millis: int,
    seconds: float = limits.SAMPLE_SECONDS,
    scratch: ScratchSeen | None,
) -> Rca:
    """Judge the samples of some buckets.

    ``samples_requested`` samples were to be taken, ``spacing_millis`` apart; each source had so many seconds to answer.
    """
    ordered, scratch = of_origin(in_order(samples)), of_origin(scratch)
    folded = fold_buckets(
        ordered, buckets, samples_requested=samples_requested, spacing_millis=spacing_millis, seconds=seconds
    )
    causes = {name: _cause(name, bucket, ordered) for name, bucket in folded.items()}
    result = judge_scratch(scratch) if scratch else None
    remnants = leftovers(ordered, scratch.bucket if scratch else None)
    status = worst([*(cause.status for cause in causes.values()), *([result.status] if result else [])])
    return Rca(
        endpoint=endpoint,
        samples_requested=samples_requested,
        samples_taken=len(samples),
        buckets=causes,
        scratch=result,
        leftovers=remnants,
        pace=fold_pace(ordered, folded),
        verdict=decide(status, _headline(status, causes, result)),
    )


def any_failed(samples: Sequence[BucketSampled], buckets: Iterable[str]) -> tuple[str, ...]:
    """The buckets that are of the failure class by these samples."""
    folded = fold_buckets(of_origin(samples), buckets, samples_requested=0, spacing_millis=0).items()
    return tuple(name for name, bucket in folded if bucket_status(bucket) is Status.FAIL)


def _cause(name: str, bucket: Bucket, samples: Sequence[BucketSampled]) -> BucketCause:
    return BucketCause(
        state=bucket.state,
        status=bucket_status(bucket),
        doubts=bucket.doubts,
        samples=tuple(
            RcaSample(sample=observation, places=places_of(sample, name))
            for observation, sample in zip(bucket.samples, samples, strict=True)
        ),
    )


def _headline(status: Status, causes: dict[str, BucketCause], scratch: ScratchResult | None) -> str:
    rows = [f"{name} is {cause.state.value}" for name, cause in causes.items() if cause.status is status]
    if scratch is not None and scratch.status is status:
        rows.append("the scratch probe failed" if status is Status.FAIL else "the scratch probe could not be finished")
    summary = ", ".join(rows)
    if status is Status.PASS:
        scratched = ", and a scratch bucket was made, used and removed" if scratch else ""
        return f"The index is whole: {', '.join(causes)} indexed in every sample{scratched}. This proves no body."
    if status is Status.FAIL:
        return f"Don't push, don't restart, don't create a bucket by hand: {summary}. Capture first."
    why = summary or "no bucket was named"
    return f"Hold trusted writes: it could not be determined whether the index is whole ({why})."
