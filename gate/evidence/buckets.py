"""Classes buckets: the answers of a sample give what list, head, get and markers say, and samples give a phase's state.

Only documented answers are classed: 200 and 404 of HeadBucket, a whole ListAllMyBucketsResult, the fault NoSuchBucket.
RustFS filters ListBuckets by IAM and leaves out buckets under quorum in a 200 answer (rustfs local.rs
``list_volumes``), so a bucket that only the list lacks is not lost.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Final

from gate import limits
from gate.errors import ForeignTextError
from gate.model.basics import BucketState, Truth
from gate.model.document import Bucket, BucketSample, SamplePace
from gate.model.records import BucketSampled, HttpAnswer, OriginSampled, PlaceSeen
from gate.model.time import parse_time
from gate.parse.host_files import NO_ANSWER
from gate.parse.s3 import parse_fault, parse_listing
from gate.parse.strict_json import loads

_OK = 200
_NOT_FOUND = 404
_UNAVAILABLE = 503
_SERVER_ERROR = 500
_NO_ANSWER: Final = "timeout"
_SILENT: Final = re.compile(rf"(?:[^;]*: )?(?:the disk|kubectl) {NO_ANSWER} [0-9.]+ s")
# The states that speak of a wrong index; all but the first need the disk only to tell them from one another.
_LOST: Final = (BucketState.INDEX_LOST, BucketState.DATA_MISSING)
WRONG_STATES: Final = frozenset(
    {
        BucketState.INDEX_LOST,
        BucketState.DATA_MISSING,
        BucketState.UNSERVED,
        BucketState.UNLISTED,
        BucketState.MISSING,
    }
)


def fold_buckets(
    samples: Sequence[BucketSampled],
    buckets: Iterable[str],
    *,
    samples_requested: int,
    spacing_millis: int,
    seconds: float = limits.SAMPLE_SECONDS,
) -> Mapping[str, Bucket]:
    """The buckets before or after a publication by name; one without samples is unobservable.

    The policy requires ``samples_requested`` samples whose starts are ``spacing_millis`` apart. Each source of a sample
    has ``seconds`` to answer.
    """
    ordered = in_order(samples)
    doubts = tuple(_too_few_or_close(ordered, samples_requested, spacing_millis))
    folded = {}
    for name in sorted(set(buckets)):
        rows = tuple(read_sample(sample, name, seconds=seconds) for sample in ordered)
        state = phase_state([row.state for row in rows])
        if doubts and state is BucketState.INDEXED:
            state = BucketState.UNOBSERVABLE
        folded[name] = bucket_of(name, ordered, rows, state, doubts)
    return folded


def in_order(samples: Iterable[BucketSampled]) -> list[BucketSampled]:
    """Samples by their start. Samples that overlap are recorded in the order of their ends."""
    return sorted(samples, key=lambda sample: (sample.began_at, sample.number))


def bucket_of(
    name: str,
    samples: Sequence[BucketSampled],
    rows: tuple[BucketSample, ...],
    state: BucketState,
    doubts: tuple[str, ...],
) -> Bucket:
    """A bucket over the samples of a phase."""
    return Bucket(
        state=state,
        index_lost_seen=any(row.state in _LOST for row in rows),
        samples=rows,
        places=places_of(samples[-1], name) if samples else (),
        doubts=doubts,
    )


def _too_few_or_close(samples: Sequence[BucketSampled], samples_requested: int, spacing_millis: int) -> Iterator[str]:
    """Why the samples do not cover the time that the policy requires."""
    if len(samples) < samples_requested:
        yield f"{len(samples)} of {samples_requested} samples were taken"
    for one, other in pairwise(samples):
        apart = _millis_between(one.began_at, other.began_at)
        if apart is None or apart < spacing_millis * limits.SPACING_TOLERANCE:
            when = "at an unknown time" if apart is None else f"{apart} ms"
            yield f"sample {other.number} began {when} after sample {one.number}, expected {spacing_millis} ms"


def _millis_between(begin: str, end: str) -> int | None:
    one, other = parse_time(begin), parse_time(end)
    return None if one is None or other is None else (other - one) // timedelta(milliseconds=1)


def places_of(sample: BucketSampled, bucket: str) -> tuple[PlaceSeen, ...]:
    """What each drive showed of one bucket in a sample."""
    return tuple(
        PlaceSeen(
            place=place.place,
            markers=tuple(marker for marker in place.markers if marker.bucket == bucket),
            volume=place.volume,
            error=place.error,
        )
        for place in sample.places
    )


def fold_pace(samples: Sequence[BucketSampled], buckets: Mapping[str, Bucket]) -> SamplePace | None:
    """How promptly the store answered the samples of a phase; None without a sample."""
    timed = [(answer.millis, source, sample.began_at) for sample in samples for source, answer in _answers(sample)]
    if not timed:
        return None
    slowest, source, at = max(timed)
    rows = [row for bucket in buckets.values() for row in bucket.samples]
    unobserved = {row.number for row in rows if row.state is BucketState.UNOBSERVABLE}
    whole = sorted(at for at in (parse_time(row.at) for row in rows if row.number not in unobserved) if at is not None)
    gaps = (later - earlier for earlier, later in pairwise(whole))
    return SamplePace(
        slowest_millis=slowest,
        slowest=source,
        slowest_at=at,
        gap_millis=max(gaps, default=timedelta()) // timedelta(milliseconds=1),
        stalled=tuple(sorted({row.number for row in rows if row.unanswered})),
    )


def pace_in_words(pace: SamplePace) -> str:
    """How promptly the store answered, in words."""
    longest = f"the longest answer took {pace.slowest_millis} ms ({pace.slowest}, asked at {pace.slowest_at})"
    return f"{longest}, the longest time between two whole samples is {pace.gap_millis} ms"


def _answers(sample: BucketSampled) -> Iterator[tuple[str, HttpAnswer]]:
    """Every answer of a sample with the name of its source."""
    yield from (("list", page) for page in sample.listing)
    yield from ((f"head of {bucket}", answer) for bucket, answer in sample.heads.items())
    yield from ((f"get of {bucket}", answer) for bucket, answer in sample.gets.items())
    if sample.origin is not None:
        yield from (("list at the origin", page) for page in sample.origin.listing)
        yield from ((f"head of {bucket} at the origin", answer) for bucket, answer in sample.origin.heads.items())
        yield from ((f"get of {bucket} at the origin", answer) for bucket, answer in sample.origin.gets.items())
    yield from (("readiness", answer) for answer in (sample.ready, sample.writable) if answer is not None)


def phase_state(states: Sequence[BucketState]) -> BucketState:
    """The state over the samples of a phase.

    States that differ are flapping. An unknown state makes good ones unknown, and never bad ones.
    """
    observed = set(states) - {BucketState.UNOBSERVABLE}
    if len(observed) > 1:
        return BucketState.FLAPPING
    if not observed or (len(observed) < len(set(states)) and not observed <= WRONG_STATES):
        return BucketState.UNOBSERVABLE
    return observed.pop()


def read_sample(sample: BucketSampled, bucket: str, *, seconds: float = limits.SAMPLE_SECONDS) -> BucketSample:
    """One bucket in one sample, classed. ``seconds`` was the deadline of each source."""
    notes: list[str] = []
    listed, head, get = _index(sample, bucket, notes)
    marker, trace, data = _markers(sample.places, bucket, notes)
    ready = _readiness(sample, notes)
    unanswered = tuple(_unanswered(sample, bucket))
    if "ready" in unanswered:
        notes.append("ready: no answer in time")
    state = sample_state(listed=listed, head=head, get=get, marker=marker, trace=trace, data=data, ready=ready)
    endpoint = origin = None
    if sample.origin is not None:
        endpoint = state
        origin_notes: list[str] = []
        index = _index(sample.origin, bucket, origin_notes)
        origin = sample_state(
            listed=index[0], head=index[1], get=index[2], marker=marker, trace=trace, data=data, ready=ready
        )
        words = ", ".join(f"{name} {truth.value}" for name, truth in zip(("list", "head", "get"), index, strict=True))
        if origin is not state or origin_notes:
            notes.append(f"origin: {origin.value} ({'; '.join((words, *origin_notes))})")
        state = _with_origin(state, origin)
    millis = _millis_between(sample.began_at, sample.ended_at)
    longest = round((seconds + limits.SAMPLE_SLACK_SECONDS) * 1000)
    if millis is None or not 0 <= millis <= longest:
        took = "an unknown time" if millis is None else f"{millis} ms"
        notes.append(f"the sample took {took}, expected at most {longest} ms, so its answers are not of one moment")
        unanswered = (*unanswered, "sample")
    if unanswered and state not in WRONG_STATES:
        state = BucketState.UNOBSERVABLE
    return BucketSample(
        number=sample.number,
        at=sample.began_at,
        ended_at=sample.ended_at,
        listed=listed,
        head=head,
        get=get,
        marker=marker,
        trace=trace,
        data=data,
        ready=ready,
        state=state,
        notes=tuple(notes),
        unanswered=unanswered,
        endpoint=endpoint,
        origin=origin,
    )


def _index(server: BucketSampled | OriginSampled, bucket: str, notes: list[str]) -> tuple[Truth, Truth, Truth]:
    """What list, HeadBucket and GET of one server say of a bucket."""
    names = _listed_names(server.listing, notes)
    listed = Truth.UNKNOWN if names is None else _truth(is_there=bucket in names)
    return listed, _head(server.heads.get(bucket), notes), _get(server.gets.get(bucket), notes)


def _with_origin(state: BucketState, origin: BucketState) -> BucketState:
    """The state by both servers: a loss that one of them shows, else the state on which they agree.

    A bucket that only the origin lacks, with its markers, is not a loss: the origin may be another store.
    """
    if state in WRONG_STATES or state is origin:
        return state
    return origin if origin in WRONG_STATES - {BucketState.MISSING} else BucketState.UNOBSERVABLE


def sample_state(
    *, listed: Truth, head: Truth, get: Truth, marker: Truth, trace: Truth, data: Truth, ready: Truth
) -> BucketState:
    """The state that one sample shows (design section 4). Loss comes first: it needs three positive answers.

    These are the list, HeadBucket and the disk. Where the list is unknown, a GET that says NoSuchBucket replaces it if
    the marker is whole. No restart brings back a bucket without any data folder, so that is another state.
    """
    unserved = head is Truth.ABSENT and get is Truth.ABSENT
    hidden = listed is Truth.UNKNOWN and unserved and marker is Truth.PRESENT
    if hidden or (listed is Truth.ABSENT and head is Truth.ABSENT and trace is Truth.PRESENT):
        return BucketState.DATA_MISSING if data is Truth.ABSENT else BucketState.INDEX_LOST
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


def is_slow(sample: BucketSample) -> bool:
    """Whether a sample is not whole only because sources gave no answer in time, and no source gave a bad answer.

    A refused connection, an error and an absence are answers.
    """
    truths = {"list": sample.listed, "head": sample.head, "get": sample.get, "markers": sample.marker}
    unknown = {source for source, truth in truths.items() if truth is Truth.UNKNOWN}
    bad = Truth.ABSENT in (*truths.values(), sample.ready)
    bad = bad or (sample.origin not in (None, BucketState.INDEXED) and "origin" not in sample.unanswered)
    return bool(sample.unanswered) and unknown <= set(sample.unanswered) and not bad


def _unanswered(sample: BucketSampled, bucket: str) -> Iterator[str]:
    """The sources of a sample that gave no answer in time."""
    if any(page.error == _NO_ANSWER for page in sample.listing):
        yield "list"
    for source, answers in (("head", sample.heads), ("get", sample.gets)):
        if bucket in answers and answers[bucket].error == _NO_ANSWER:
            yield source
    if sample.origin is not None:
        tables = (sample.origin.heads, sample.origin.gets)
        origin_answers = (*sample.origin.listing, *(table[bucket] for table in tables if bucket in table))
        late = [answer.error == _NO_ANSWER for answer in origin_answers]
        if any(late) and all(slow or answer.status == _OK for slow, answer in zip(late, origin_answers, strict=True)):
            yield "origin"
    if any(_SILENT.fullmatch(place.error or "") for place in sample.places):
        yield "markers"
    if any(answer is not None and answer.error == _NO_ANSWER for answer in (sample.ready, sample.writable)):
        yield "ready"


def _truth(*, is_there: bool) -> Truth:
    return Truth.PRESENT if is_there else Truth.ABSENT


def _listed_names(pages: Sequence[HttpAnswer], notes: list[str]) -> frozenset[str] | None:
    if not pages:
        notes.append("list: not asked")
        return None
    names: set[str] = set()
    token: str | None = None
    for page in pages:
        if page.status != _OK or page.body_cut or page.error:
            notes.append(f"list: {_problem(page)}")
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
        return _truth(is_there=answer.status == _OK)
    notes.append(f"head: {_problem(answer)}")
    return Truth.UNKNOWN


def _get(answer: HttpAnswer | None, notes: list[str]) -> Truth:
    if answer is not None and answer.error is None:
        if answer.status == _OK and _is_whole_list(answer) and parse_fault(answer.body.encode()) is None:
            return Truth.PRESENT
        fault = parse_fault(answer.body.encode())
        if answer.status == _NOT_FOUND and fault is not None and fault.code == "NoSuchBucket":
            return Truth.ABSENT
    notes.append(f"get: {_problem(answer)}")
    return Truth.UNKNOWN


def _is_whole_list(answer: HttpAnswer) -> bool:
    """Whether it is a ListBucketResult to its end: without a length, HTTP does not show that an answer was cut."""
    whole = answer.body.rstrip().endswith("</ListBucketResult>") and not answer.body_cut
    return whole and "<ListBucketResult" in answer.body


def _problem(answer: HttpAnswer | None) -> str:
    return "not asked" if answer is None else answer_words(answer)


def answer_words(answer: HttpAnswer) -> str:
    """An S3 answer in words: its status and fault, and for a 5xx the server's own message."""
    if answer.error:
        return "no answer in time" if answer.error == _NO_ANSWER else answer.error
    fault = parse_fault(answer.body.encode())
    words = f"HTTP {answer.status}" + (f" {fault.code}" if fault else "")
    if (answer.status or 0) < _SERVER_ERROR:
        return words
    message = " ".join((fault.message if fault else answer.body).split())
    return f"{words}, {ascii(message)[1:-1][: limits.ERROR_MESSAGE_CHARS]}" if message else words


def _markers(places: Sequence[PlaceSeen], bucket: str, notes: list[str]) -> tuple[Truth, Truth, Truth]:
    """Whether a drive has the whole marker, whether any drive has a part of it, and whether any has the data folder.

    A drive that gave an error is unknown, whatever was seen on it, and one unknown drive makes the whole marker
    unknown: a disk that fails with EIO is not healthy. A part that was seen still counts: it distinguishes a lost index
    from a bucket that never existed.
    """
    whole: list[Truth] = []
    parts: list[Truth] = []
    folders: list[Truth] = []
    for place in places:
        markers = [marker for marker in place.markers if marker.bucket == bucket]
        marker_files = (markers[0].data, markers[0].meta) if len(markers) == 1 else (Truth.UNKNOWN, Truth.UNKNOWN)
        error = place.error or (markers[0].error if len(markers) == 1 else "not looked at")
        if error:
            notes.append(f"markers at {place.place}: {error}")
        elif marker_files == (Truth.PRESENT, Truth.ABSENT):
            notes.append(f"markers at {place.place}: the data folder is there, and .metadata.bin is not")
        parts.extend(marker_files)
        folders.append(marker_files[0])
        whole.append(Truth.UNKNOWN if error else _all_of(marker_files))
    if not places:
        notes.append("markers: no place is configured")
    return Truth.UNKNOWN if Truth.UNKNOWN in whole else _any_of(whole), _any_of(parts), _any_of(folders)


def _all_of(truths: Sequence[Truth]) -> Truth:
    if Truth.UNKNOWN in truths:
        return Truth.UNKNOWN
    return _truth(is_there=all(truth is Truth.PRESENT for truth in truths))


def _any_of(truths: Sequence[Truth]) -> Truth:
    if Truth.PRESENT in truths:
        return Truth.PRESENT
    return Truth.ABSENT if truths and Truth.UNKNOWN not in truths else Truth.UNKNOWN


def _readiness(sample: BucketSampled, notes: list[str]) -> Truth:
    """What the store says of itself: absent where one of its two answers is, else present where one of them is."""
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
    """RustFS's ``/health/ready``: only its own JSON counts; a server without that route says nothing."""
    if answer is None or answer.error or answer.status not in (_OK, _UNAVAILABLE):
        return Truth.UNKNOWN
    try:
        document = loads(answer.body.encode(), cap=len(answer.body) * 4 + 1)
    except ForeignTextError:
        return Truth.UNKNOWN
    ready = document.get("ready") if isinstance(document, dict) else None
    return _truth(is_there=ready) if isinstance(ready, bool) else Truth.UNKNOWN
