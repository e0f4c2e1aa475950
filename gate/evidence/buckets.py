"""Bucket truth: raw answers of one sample → what list, head, get and markers say → the state of a phase.

Only documented answers are classed: 200 and 404 of HeadBucket, a whole ListAllMyBucketsResult, the fault NoSuchBucket.
RustFS filters ListBuckets by IAM and leaves out buckets under quorum in a 200 answer (rustfs local.rs
``list_volumes``),
so absence from the list alone is not loss.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from gate.errors import ForeignTextError
from gate.model.basics import BucketState, Truth
from gate.model.document import Bucket, BucketSample
from gate.model.records import BucketSampled, HttpAnswer, PlaceSeen
from gate.parse.s3 import parse_fault, parse_listing
from gate.parse.strict_json import loads

_OK = 200
_NOT_FOUND = 404
_UNAVAILABLE = 503
# The states that speak of a wrong index; all but the first need the disk only to tell them from one another.
WRONG_STATES: Final = frozenset(
    {BucketState.INDEX_LOST, BucketState.UNSERVED, BucketState.UNLISTED, BucketState.MISSING}
)


def fold_buckets(samples: Sequence[tuple[str, BucketSampled]], buckets: Iterable[str]) -> Mapping[str, Bucket]:
    """The buckets of a phase by name, from its samples with their times; a bucket without samples is unobservable."""
    return {bucket: _fold_bucket(samples, bucket) for bucket in sorted(set(buckets))}


def _fold_bucket(samples: Sequence[tuple[str, BucketSampled]], bucket: str) -> Bucket:
    seen = tuple(read_sample(at, sample, bucket) for at, sample in samples)
    last = samples[-1][1] if samples else None
    return Bucket(
        state=phase_state([row.state for row in seen]),
        index_lost_seen=any(row.state is BucketState.INDEX_LOST for row in seen),
        samples=seen,
        places=_places_of(last, bucket),
    )


def _places_of(sample: BucketSampled | None, bucket: str) -> tuple[PlaceSeen, ...]:
    if sample is None:
        return ()
    return tuple(
        PlaceSeen(
            place=place.place,
            markers=tuple(marker for marker in place.markers if marker.bucket == bucket),
            volume=place.volume,
            error=place.error,
        )
        for place in sample.places
    )


def phase_state(states: Sequence[BucketState]) -> BucketState:
    """The state over the samples of a phase: differing ones flap; an unknown one spoils good ones, never bad ones."""
    known = set(states) - {BucketState.UNOBSERVABLE}
    if len(known) > 1:
        return BucketState.FLAPPING
    if not known or (len(known) < len(set(states)) and not known <= WRONG_STATES):
        return BucketState.UNOBSERVABLE
    return known.pop()


def read_sample(at: str, sample: BucketSampled, bucket: str) -> BucketSample:
    """One bucket in one sample, classed."""
    notes: list[str] = []
    names = _listed_names(sample.listing, notes)
    listed = Truth.UNKNOWN if names is None else _truth(there=bucket in names)
    head = _head(sample.heads.get(bucket), notes)
    get = _get(sample.gets.get(bucket), notes)
    marker, trace = _markers(sample.places, bucket, notes)
    ready = _readiness(sample, notes)
    return BucketSample(
        number=sample.number,
        at=at,
        listed=listed,
        head=head,
        get=get,
        marker=marker,
        trace=trace,
        ready=ready,
        state=sample_state(listed=listed, head=head, get=get, marker=marker, trace=trace, ready=ready),
        notes=tuple(notes),
    )


def sample_state(*, listed: Truth, head: Truth, get: Truth, marker: Truth, trace: Truth, ready: Truth) -> BucketState:
    """The class of one sample (design section 4). Loss is told first: it rests on three positive answers."""
    if listed is Truth.ABSENT and head is Truth.ABSENT and trace is Truth.PRESENT:
        return BucketState.INDEX_LOST
    if Truth.UNKNOWN in (listed, head, get, marker):
        return BucketState.UNOBSERVABLE
    if listed is Truth.ABSENT and head is Truth.ABSENT:
        return BucketState.MISSING
    if head is Truth.ABSENT or get is Truth.ABSENT:
        return BucketState.UNSERVED
    if listed is Truth.ABSENT:
        return BucketState.UNLISTED
    if marker is Truth.ABSENT:
        return BucketState.MARKER_MISSING
    return BucketState.NOT_READY if ready is Truth.ABSENT else BucketState.INDEXED


def _truth(*, there: bool) -> Truth:
    return Truth.PRESENT if there else Truth.ABSENT


def _listed_names(pages: Sequence[HttpAnswer], notes: list[str]) -> frozenset[str] | None:
    if not pages:
        notes.append("list: not asked")
        return None
    names: set[str] = set()
    token: str | None = None
    for page in pages:
        if page.status != _OK or page.body_cut or page.error:
            notes.append(f"list: {_why(page)}")
            return None
        try:
            listing = parse_listing(page.body.encode())
        except ForeignTextError as error:
            notes.append(f"list: {error}")
            return None
        if not names.isdisjoint(listing.names):
            notes.append("list: a page names a bucket that an earlier one has")
            return None
        names.update(listing.names)
        token = listing.next_token
    if token is not None:
        notes.append("list: the last page names a further one")
        return None
    return frozenset(names)


def _head(answer: HttpAnswer | None, notes: list[str]) -> Truth:
    if answer is not None and answer.error is None and answer.status in (_OK, _NOT_FOUND):
        return _truth(there=answer.status == _OK)
    notes.append(f"head: {_why(answer)}")
    return Truth.UNKNOWN


def _get(answer: HttpAnswer | None, notes: list[str]) -> Truth:
    if answer is not None and answer.error is None:
        if answer.status == _OK and _is_whole_list(answer) and parse_fault(answer.body.encode()) is None:
            return Truth.PRESENT
        fault = parse_fault(answer.body.encode())
        if answer.status == _NOT_FOUND and fault is not None and fault.code == "NoSuchBucket":
            return Truth.ABSENT
    notes.append(f"get: {_why(answer)}")
    return Truth.UNKNOWN


def _is_whole_list(answer: HttpAnswer) -> bool:
    """Whether it is a ListBucketResult to its end: without a length, HTTP does not tell where one was cut."""
    whole = answer.body.rstrip().endswith("</ListBucketResult>") and not answer.body_cut
    return whole and "<ListBucketResult" in answer.body


def _why(answer: HttpAnswer | None) -> str:
    if answer is None:
        return "not asked"
    if answer.error:
        return answer.error
    fault = parse_fault(answer.body.encode())
    return f"HTTP {answer.status}" + (f" {fault.code}" if fault else "")


def _markers(places: Sequence[PlaceSeen], bucket: str, notes: list[str]) -> tuple[Truth, Truth]:
    """Whether a drive has the whole marker, and whether any drive has a part of it.

    A drive that gave an error is unknown as a whole, whatever was seen on it, and one unknown drive makes the whole
    marker unknown: a disk that fails with EIO is no healthy one. A part that was seen stays seen: it is what tells a
    lost index from a bucket that never was.
    """
    whole: list[Truth] = []
    parts: list[Truth] = []
    for place in places:
        found = [marker for marker in place.markers if marker.bucket == bucket]
        both = (found[0].data, found[0].meta) if len(found) == 1 else (Truth.UNKNOWN, Truth.UNKNOWN)
        error = place.error or (found[0].error if len(found) == 1 else "not looked at")
        if error:
            notes.append(f"markers at {place.place}: {error}")
        parts.extend(both)
        whole.append(Truth.UNKNOWN if error else _all_of(both))
    if not places:
        notes.append("markers: no place is known")
    return Truth.UNKNOWN if Truth.UNKNOWN in whole else _any_of(whole), _any_of(parts)


def _all_of(truths: Sequence[Truth]) -> Truth:
    if Truth.UNKNOWN in truths:
        return Truth.UNKNOWN
    return _truth(there=all(truth is Truth.PRESENT for truth in truths))


def _any_of(truths: Sequence[Truth]) -> Truth:
    if Truth.PRESENT in truths:
        return Truth.PRESENT
    return Truth.ABSENT if truths and Truth.UNKNOWN not in truths else Truth.UNKNOWN


def _readiness(sample: BucketSampled, notes: list[str]) -> Truth:
    """What the store says of itself: not ready where one of its two words is so, ready where one is and none is not."""
    ready, writable = _ready(sample.ready), _writable(sample.writable)
    if writable is Truth.ABSENT and ready is not Truth.ABSENT:
        notes.append("ready: /minio/health/cluster says that it can't be written to")
    if Truth.ABSENT in (ready, writable):
        return Truth.ABSENT
    return writable if ready is Truth.UNKNOWN else ready


def _writable(answer: HttpAnswer | None) -> Truth:
    """MinIO's ``/minio/health/cluster``: RustFS answers in JSON, as to ``/health/ready``, MinIO without any body."""
    if answer is not None and not answer.error and not answer.body and not answer.body_cut:
        return {_OK: Truth.PRESENT, _UNAVAILABLE: Truth.ABSENT}.get(answer.status or 0, Truth.UNKNOWN)
    return _ready(answer)


def _ready(answer: HttpAnswer | None) -> Truth:
    """RustFS's ``/health/ready``: only its own JSON is a witness; a server without that route says nothing."""
    if answer is None or answer.error or answer.status not in (_OK, _UNAVAILABLE):
        return Truth.UNKNOWN
    try:
        said = loads(answer.body.encode(), cap=len(answer.body) * 4 + 1)
    except ForeignTextError:
        return Truth.UNKNOWN
    ready = said.get("ready") if isinstance(said, dict) else None
    return _truth(there=ready) if isinstance(ready, bool) else Truth.UNKNOWN
