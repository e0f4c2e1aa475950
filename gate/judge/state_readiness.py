"""How far the OpenTofu state may be relied on: ``ha``, ``interim``, ``broken`` or ``unknown``.

``interim`` is a state that is served whole by an index that is whole: guarded, but on one store. ``ha`` takes an
operator's statement besides, since S3 can't prove it, and a store that is not the cache's, whose failures it would
share. ``broken`` is positively seen: an index that lost the bucket, or an object whose bytes are no state.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlsplit

from gate.errors import ForeignTextError
from gate.evidence.buckets import WRONG_STATES, answer_words, fold_buckets, read_sample
from gate.evidence.origin import of_origin
from gate.evidence.tofu_state import same_etag
from gate.judge.verdict import decide
from gate.model.basics import BucketState, Status, Truth
from gate.model.document import Bucket, BucketSample
from gate.model.operators import Decision, Level, Readiness, ReadinessSeen, StateObject, StateRead
from gate.model.records import HttpAnswer
from gate.model.time import parse_http_date
from gate.parse.s3 import parse_fault, parse_versioning

_OK = 200
_FORBIDDEN = 403
_NOT_FOUND = 404
_DENIED = "AccessDenied"
_PORTS: Final = {"http": 80, "https": 443}
_BROKEN: Final = WRONG_STATES - {BucketState.MISSING}
_GRADES: Final = list(Level)  # the worst first
_Grade = tuple[Level | None, str]  # None: nothing against it

NOT_HA: Final = (
    "interim is not HA: the state lives on one store and shares its failures; OpenTofu state needs a dedicated HA "
    "authority"
)


def judge_readiness(observation: ReadinessSeen, *, expect_interim: bool) -> Readiness:
    """Judge what was seen; with ``expect_interim`` the level ``interim`` passes too."""
    observation = of_origin(observation)
    bucket = _bucket(observation)
    grade = _bucket_grade(observation, bucket)
    neighbors, beside_why = _beside_cache(observation)
    good = Level.HA if observation.statement and _apart(observation, neighbors) else Level.INTERIM
    traced = any(sample.trace is Truth.PRESENT for sample in bucket.samples)
    others = tuple(read for read in observation.reads if read.content == "other-file" and _unsteady(read) is None)
    reads = (read for read in observation.reads if read not in others)
    objects = tuple(_object(read, grade, good, observation.now, traced=traced) for read in reads)
    level, why = _overall(observation, objects, grade)
    return Readiness(
        endpoint=observation.endpoint,
        bucket=observation.bucket,
        bucket_state=bucket.state,
        level=level,
        why=why,
        state_objects=objects,
        samples=bucket.samples,
        samples_requested=observation.samples_requested,
        versioning=_versioning(observation.versioning),
        beside_cache=neighbors,
        beside_why=beside_why,
        statement=observation.statement,
        notes=(
            *_notes(observation, objects, neighbors),
            *(f"{read.key} was passed over: {read.problem}" for read in others),
        ),
        verdict=_decision(level, why, expect_interim=expect_interim),
    )


def _bucket(observation: ReadinessSeen) -> Bucket:
    folded = fold_buckets(
        observation.samples,
        [observation.bucket],
        samples_requested=observation.samples_requested,
        spacing_millis=observation.spacing_millis,
        seconds=observation.sample_seconds,
    )
    return folded[observation.bucket]


def _overall(observation: ReadinessSeen, objects: Sequence[StateObject], bucket: _Grade) -> tuple[Level, str]:
    grades = [(row.level, f"{row.key}: {row.why}") for row in objects]
    if bucket[0] is not None:
        grades.append((bucket[0], bucket[1]))
    if observation.trouble is not None:
        grades.append((Level.UNKNOWN, observation.trouble))
    if not objects:
        grades.append((Level.UNKNOWN, "no state object was found, so nothing is proved"))
    return min(grades, key=lambda grade: _GRADES.index(grade[0]))


def _decision(level: Level, why: str, *, expect_interim: bool) -> Decision:
    if level is Level.HA:
        return decide(Status.PASS, "The state is served whole, and an operator states that its store is HA.")
    if level is Level.INTERIM and expect_interim:
        return decide(Status.PASS, f"The state is served whole, as expected of an interim store; {NOT_HA}.")
    if level is Level.INTERIM:
        summary = "Don't rely on it as HA: the state is served whole, but nothing shows a dedicated HA store"
        return decide(Status.INCONCLUSIVE, f"{summary}; --expect-interim accepts that, and says so.")
    if level is Level.BROKEN:
        return decide(Status.FAIL, f"Don't run tofu, and don't restart the store before a capture: {why}.")
    return decide(Status.INCONCLUSIVE, f"Don't run tofu on this: it could not be determined ({why}).")


def _bucket_grade(observation: ReadinessSeen, bucket: Bucket) -> _Grade:
    if bucket.state in _BROKEN or bucket.index_lost_seen:
        return Level.BROKEN, f"bucket {observation.bucket} is {bucket.state.value}"
    if len(observation.samples) < observation.samples_requested:
        return Level.UNKNOWN, f"only {len(observation.samples)} of {observation.samples_requested} samples were taken"
    if bucket.doubts:
        return Level.UNKNOWN, f"bucket {observation.bucket} is {bucket.state.value}: {'; '.join(bucket.doubts)}"
    may_list = not _list_denied(observation)
    served = all(_served(sample, may_list=may_list, marked=bool(observation.places)) for sample in bucket.samples)
    if bucket.state is BucketState.INDEXED or (bucket.samples and served):
        return None, ""
    notes = "; ".join(dict.fromkeys(note for row in bucket.samples for note in row.notes))
    return Level.UNKNOWN, f"bucket {observation.bucket} is {bucket.state.value}{f': {notes}' if notes else ''}"


def _list_denied(observation: ReadinessSeen) -> bool:
    """Whether the key is one of the state's bucket alone, as OpenTofu's documents make it: no sample has a list."""
    return bool(observation.samples) and all(_denied(sample.listing) for sample in observation.samples)


def _denied(pages: Sequence[HttpAnswer]) -> bool:
    faults = [parse_fault(page.body.encode()) for page in pages]
    return [page.status for page in pages] == [_FORBIDDEN] and [fault and fault.code for fault in faults] == [_DENIED]


def _served(sample: BucketSample, *, may_list: bool, marked: bool) -> bool:
    """Whether S3 serves the bucket, for a key that may not list buckets, or a site that named no place of the markers.

    HEAD and GET of the bucket suffice for a state; every source that may be asked must have answered.
    """
    answers = [sample.head, sample.get, *([sample.listed] if may_list else []), *([sample.marker] if marked else [])]
    return set(answers) == {Truth.PRESENT} and sample.ready is not Truth.ABSENT and not sample.unanswered


def _object(read: StateRead, bucket: _Grade, good: Level, now: str, *, traced: bool) -> StateObject:
    level, why = _object_grade(read, traced=traced)
    if bucket[0] is not None and (level is None or bucket[0] is Level.BROKEN):
        level, why = bucket
    locked = _there(read.lock)
    if locked is Truth.ABSENT and bucket[0] is not None:
        locked = Truth.UNKNOWN  # a bucket that is not served says 404 for every lock
    facts = read.facts
    return StateObject(
        key=read.key,
        level=level or good,
        why=why or "served whole, and the same before and after it was read",
        serial=facts.serial if facts else None,
        lineage=facts.lineage if facts else None,
        version=facts.version if facts else None,
        encrypted=facts.encrypted if facts else False,
        size=read.head.content_length if read.head.status == _OK else None,
        etag=read.head.etag,
        version_id=read.head.version_id,
        age_seconds=_age(read.head, now),
        locked=locked,
        lock_age_seconds=_age(read.lock, now),
    )


def _object_grade(read: StateRead, *, traced: bool) -> _Grade:
    if read.fault == "NoSuchBucket" and read.get.status == _NOT_FOUND and traced:
        return Level.BROKEN, "S3 says NoSuchBucket, and the bucket's marker is on disk"
    if read.get.status != _OK:
        return _refused_grade(read)
    unsteady = _unsteady(read)
    if unsteady is not None:
        return Level.UNKNOWN, unsteady
    if read.content == "no-state" and read.head.content_length is read.again.content_length is None:
        return Level.UNKNOWN, f"its {read.size} bytes are no state, and HEAD gives no length to hold them to"
    if read.content == "no-state":
        return Level.BROKEN, f"its {read.size} bytes are no state ({read.problem})"
    if read.content != "state":
        return Level.UNKNOWN, f"it was not read whole as a state: {read.problem or 'it was cut'}"
    if _there(read.lock) is Truth.UNKNOWN:
        return Level.UNKNOWN, f"its lock could not be looked for ({answer_words(read.lock)})"
    return None, ""


def _refused_grade(read: StateRead) -> _Grade:
    if read.fault == "NoSuchKey" and read.get.status == _NOT_FOUND:
        if _same_object(read.head, read.again):
            return Level.BROKEN, "HEAD serves it and GET says NoSuchKey, both before and after"
        if read.head.status == read.again.status == _NOT_FOUND:
            return Level.UNKNOWN, _absence(read)
    text = answer_words(read.get) + (f" {read.fault}" if read.fault else "")
    return Level.UNKNOWN, f"it could not be read ({text}{f', {read.message}' if read.message else ''})"


def _absence(read: StateRead) -> str:
    marker = next((answer for answer in (read.get, read.head, read.again) if answer.deleted), None)
    if marker is None:
        return "there is no such object, and S3 can't say whether there ever was: check the key"
    which = f"version {marker.version_id}" if marker.version_id else "the newest version"
    return (
        f"it was deleted: a delete marker ({which}) hides its older versions; who removes that marker brings back the "
        "newest of them (aws s3api delete-object with that --version-id), once it is known who deleted it"
    )


def _unsteady(read: StateRead) -> str | None:
    """Why it is not known that one and the same object was read to its end; None when it is.

    A page of a proxy has no such ETag and size. Some stores give HEAD no length (R2, Cloudflare).
    """
    for when, head in (("before", read.head), ("after", read.again)):
        if head.status != _OK:
            return f"HEAD {when} it was read gave {answer_words(head)}, and GET gave HTTP 200"
    if None in (read.head.etag, read.get.etag, read.again.etag):
        return "an answer names no ETag, so it is not known to be of one object"
    if not same_etag(read.head, read.again):
        return f"it changed while it was read: ETag {read.head.etag} before, {read.again.etag} after; read it again"
    if not same_etag(read.head, read.get):
        return f"HEAD names the ETag {read.head.etag}, and GET {read.get.etag}: read it again"
    lengths = {length for length in (read.head.content_length, read.again.content_length) if length is not None}
    if lengths - {read.size}:
        return f"HEAD says {', '.join(map(str, sorted(lengths)))} bytes, and {read.size} bytes came"
    return None


def _same_object(one: HttpAnswer, other: HttpAnswer) -> bool:
    return one.status == other.status == _OK and same_etag(one, other)


def _there(answer: HttpAnswer) -> Truth:
    return {_OK: Truth.PRESENT, _NOT_FOUND: Truth.ABSENT}.get(answer.status or 0, Truth.UNKNOWN)


def _age(answer: HttpAnswer, now: str) -> int | None:
    """Seconds since an object's last change, by the server's own clock where it tells it."""
    changed = parse_http_date(answer.last_modified)
    if answer.status != _OK or changed is None:
        return None
    answer_time = parse_http_date(answer.date) or datetime.fromisoformat(now)
    return round((answer_time - changed).total_seconds())


def _versioning(answer: HttpAnswer) -> Literal["enabled", "suspended", "off", "unknown"]:
    if answer.status != _OK:
        return "unknown"
    try:
        return parse_versioning(answer.body.encode())
    except ForeignTextError:
        return "unknown"


def _beside_cache(observation: ReadinessSeen) -> tuple[Truth, str]:
    """Whether the state lives on the cache's store: by the endpoint, and by the cache's buckets in its list."""
    if observation.cache_endpoint and _origin(observation.endpoint) == _origin(observation.cache_endpoint):
        return Truth.PRESENT, "the same S3 endpoint as the cache's"
    listed = {
        name: {read_sample(sample, name).listed for sample in observation.samples} for name in observation.cache_buckets
    }
    shared = [name for name, truths in listed.items() if Truth.PRESENT in truths]
    if shared:
        return Truth.PRESENT, f"its endpoint also lists {', '.join(shared)} of the cache"
    if not observation.cache_endpoint:
        return Truth.UNKNOWN, "no s3-endpoint of the cache is set to compare with"
    if not listed or any(truths != {Truth.ABSENT} for truths in listed.values()):
        return Truth.UNKNOWN, "another endpoint than the cache's, and its list does not tell of the cache's buckets"
    return Truth.ABSENT, "another endpoint than the cache's, without the cache's buckets"


def _apart(observation: ReadinessSeen, neighbors: Truth) -> bool:
    """Whether nothing speaks against a statement that the state's store is another than the cache's.

    A key of the state's bucket alone can't list the cache's; then the other endpoint and the statement are enough, and
    a note says so.
    """
    return neighbors is Truth.ABSENT or (
        neighbors is Truth.UNKNOWN and bool(observation.cache_endpoint) and _list_denied(observation)
    )


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None  # no port at all: it counts as the same place rather than as another
    return parts.scheme.lower(), (parts.hostname or "").lower(), port or _PORTS.get(parts.scheme.lower())


def _notes(observation: ReadinessSeen, objects: Sequence[StateObject], neighbors: Truth) -> tuple[str, ...]:
    notes = [
        f"HA is an operator's statement ([state] state-ha-statement), which S3 can't prove: {observation.statement}"
        if observation.statement
        else "no operator states that this store is HA ([state] state-ha-statement in gate.toml is empty)"
    ]
    if observation.statement and not _apart(observation, neighbors):
        notes.append("the statement alone gives no ha: nothing shows that the state lives apart from the cache")
    if _list_denied(observation):
        notes.append(
            "the key may not list buckets (s3:ListAllMyBuckets): HEAD and GET of the state's bucket were heard alone, "
            "and whether the cache's buckets are on this store too is unknown"
        )
    if not observation.places:
        notes.append("no place of the disk markers is set, so only S3 itself said that the bucket is there")
    if _versioning(observation.versioning) != "enabled":
        notes.append(
            f"versioning is {_versioning(observation.versioning)}: a bad write of the state could not be undone"
        )
    for row in objects:
        if row.locked is Truth.PRESENT:
            notes.append(f"{row.key} is locked: somebody works on it, or a run died with its lock")
        if row.encrypted:
            notes.append(f"{row.key} is encrypted: only its envelope was judged")
    return tuple(notes)
