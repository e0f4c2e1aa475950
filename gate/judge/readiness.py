"""How far the OpenTofu state may be relied on: ``ha``, ``interim``, ``broken`` or ``unknown``.

``interim`` is a state that is served whole by an index that is whole: guarded, but on one store. ``ha`` takes an
operator's statement besides, since S3 can't prove it, and a store that is not the cache's, whose failures it would
share. ``broken`` is positively seen: an index that lost the bucket, or an object whose bytes are no state.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal
from urllib.parse import urlsplit

from gate.errors import ForeignTextError
from gate.evidence.buckets import WRONG_STATES, fold_buckets, read_sample
from gate.evidence.origin import of_origin
from gate.judge.command_verdict import decide
from gate.model.basics import BucketState, Status, Truth
from gate.model.document import Bucket, BucketSample
from gate.model.operators import Decision, Level, Readiness, ReadinessSeen, StateObject, StateRead
from gate.model.records import HttpAnswer
from gate.parse.s3 import parse_versioning

_OK = 200
_NOT_FOUND = 404
_PORTS: Final = {"http": 80, "https": 443}
_BROKEN: Final = WRONG_STATES - {BucketState.MISSING}
_GRADES: Final = list(Level)  # the worst first
_Grade = tuple[Level | None, str]  # None: nothing against it

NOT_HA: Final = (
    "interim is not HA: the state lives on one store and shares its failures; OpenTofu state needs a dedicated HA "
    "authority"
)


def judge_readiness(seen: ReadinessSeen, *, expect_interim: bool) -> Readiness:
    """Judge what was seen; with ``expect_interim`` the level ``interim`` passes too."""
    seen = of_origin(seen)
    bucket = _bucket(seen)
    grade = _bucket_grade(seen, bucket)
    beside, beside_why = _beside_cache(seen)
    good = Level.HA if seen.statement and beside is Truth.ABSENT else Level.INTERIM
    traced = any(sample.trace is Truth.PRESENT for sample in bucket.samples)
    others = tuple(read for read in seen.reads if read.content == "other-file" and _steady(read))
    reads = (read for read in seen.reads if read not in others)
    objects = tuple(_object(read, grade, good, seen.now, traced=traced) for read in reads)
    level, why = _overall(seen, objects, grade)
    return Readiness(
        endpoint=seen.endpoint,
        bucket=seen.bucket,
        bucket_state=bucket.state,
        level=level,
        why=why,
        state_objects=objects,
        samples=bucket.samples,
        wanted=seen.wanted,
        versioning=_versioning(seen.versioning),
        beside_cache=beside,
        beside_why=beside_why,
        statement=seen.statement,
        notes=(*_notes(seen, objects, beside), *(f"{read.key} was passed over: {read.problem}" for read in others)),
        verdict=_decision(level, why, expect_interim=expect_interim),
    )


def _bucket(seen: ReadinessSeen) -> Bucket:
    folded = fold_buckets(seen.samples, [seen.bucket], wanted=seen.wanted, spacing_millis=seen.spacing_millis)
    return folded[seen.bucket]


def _overall(seen: ReadinessSeen, objects: Sequence[StateObject], bucket: _Grade) -> tuple[Level, str]:
    grades = [(row.level, f"{row.key}: {row.why}") for row in objects]
    if bucket[0] is not None:
        grades.append((bucket[0], bucket[1]))
    if seen.trouble is not None:
        grades.append((Level.UNKNOWN, seen.trouble))
    if not objects:
        grades.append((Level.UNKNOWN, "no state object was found, so nothing is proved"))
    return min(grades, key=lambda grade: _GRADES.index(grade[0]))


def _decision(level: Level, why: str, *, expect_interim: bool) -> Decision:
    if level is Level.HA:
        return decide(Status.PASS, "The state is served whole, and an operator states that its store is HA.")
    if level is Level.INTERIM and expect_interim:
        return decide(Status.PASS, f"The state is served whole, as expected of an interim store; {NOT_HA}.")
    if level is Level.INTERIM:
        told = "Don't rely on it as HA: the state is served whole, but nothing shows a dedicated HA store"
        return decide(Status.INCONCLUSIVE, f"{told}; --expect-interim accepts that, and says so.")
    if level is Level.BROKEN:
        return decide(Status.FAIL, f"Don't run tofu, and don't restart the store before a capture: {why}.")
    return decide(Status.INCONCLUSIVE, f"Don't run tofu on this: it could not be told ({why}).")


def _bucket_grade(seen: ReadinessSeen, bucket: Bucket) -> _Grade:
    if bucket.state in _BROKEN or bucket.index_lost_seen:
        return Level.BROKEN, f"bucket {seen.bucket} is {bucket.state.value}"
    if len(seen.samples) < seen.wanted:
        return Level.UNKNOWN, f"only {len(seen.samples)} of {seen.wanted} samples were taken"
    if bucket.state is BucketState.INDEXED or (not seen.places and all(map(_served, bucket.samples))):
        return None, ""
    return Level.UNKNOWN, f"bucket {seen.bucket} is {bucket.state.value}"


def _served(sample: BucketSample) -> bool:
    """Whether S3 serves the bucket, for a site that named no place of the markers."""
    known = (sample.listed, sample.head, sample.get)
    return set(known) == {Truth.PRESENT} and sample.ready is not Truth.ABSENT


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
    if not _steady(read):
        return Level.UNKNOWN, "it changed while it was read, or its answers don't fit together: read it again"
    if read.content == "no-state":
        return Level.BROKEN, f"its {read.size} bytes are no state ({read.problem})"
    if read.content != "state":
        return Level.UNKNOWN, f"it was not read whole as a state: {read.problem or 'it was cut'}"
    if _there(read.lock) is Truth.UNKNOWN:
        return Level.UNKNOWN, f"its lock could not be looked for ({_told(read.lock)})"
    return None, ""


def _refused_grade(read: StateRead) -> _Grade:
    if read.fault == "NoSuchKey" and read.get.status == _NOT_FOUND:
        if _same_object(read.head, read.again):
            return Level.BROKEN, "HEAD serves it and GET says NoSuchKey, both before and after"
        if read.head.status == read.again.status == _NOT_FOUND:
            return Level.UNKNOWN, "there is no such object, and S3 can't say whether there ever was: check the key"
    return Level.UNKNOWN, f"it could not be read ({_told(read.get)}{f' {read.fault}' if read.fault else ''})"


def _steady(read: StateRead) -> bool:
    """Whether one and the same object of S3 was read to its end: a page of a proxy has no such ETag and size."""
    return (
        _same_object(read.head, read.get)
        and _same_object(read.head, read.again)
        and read.head.content_length == read.size
    )


def _same_object(one: HttpAnswer, other: HttpAnswer) -> bool:
    return one.status == other.status == _OK and one.etag is not None and one.etag == other.etag


def _there(answer: HttpAnswer) -> Truth:
    return {_OK: Truth.PRESENT, _NOT_FOUND: Truth.ABSENT}.get(answer.status or 0, Truth.UNKNOWN)


def _told(answer: HttpAnswer) -> str:
    return answer.error or f"HTTP {answer.status}"


def _age(answer: HttpAnswer, now: str) -> int | None:
    """Seconds since an object's last change, by the server's own clock where it tells it."""
    changed = _moment(answer.last_modified)
    if answer.status != _OK or changed is None:
        return None
    asked = _moment(answer.date) or datetime.fromisoformat(now)
    return round((asked - changed).total_seconds())


def _moment(text: str | None) -> datetime | None:
    """A time of an HTTP header (RFC 9110 section 5.6.7)."""
    try:
        read = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)


def _versioning(answer: HttpAnswer) -> Literal["enabled", "suspended", "off", "unknown"]:
    if answer.status != _OK:
        return "unknown"
    try:
        return parse_versioning(answer.body.encode())
    except ForeignTextError:
        return "unknown"


def _beside_cache(seen: ReadinessSeen) -> tuple[Truth, str]:
    """Whether the state lives on the cache's store: by the endpoint, and by the cache's buckets in its list."""
    if seen.cache_endpoint and _origin(seen.endpoint) == _origin(seen.cache_endpoint):
        return Truth.PRESENT, "the same S3 endpoint as the cache's"
    listed = {name: {read_sample(sample, name).listed for sample in seen.samples} for name in seen.cache_buckets}
    shared = [name for name, truths in listed.items() if Truth.PRESENT in truths]
    if shared:
        return Truth.PRESENT, f"its endpoint also lists {', '.join(shared)} of the cache"
    if not seen.cache_endpoint:
        return Truth.UNKNOWN, "no s3-endpoint of the cache is set to compare with"
    if not listed or any(truths != {Truth.ABSENT} for truths in listed.values()):
        return Truth.UNKNOWN, "another endpoint than the cache's, and its list does not tell of the cache's buckets"
    return Truth.ABSENT, "another endpoint than the cache's, without the cache's buckets"


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None  # no port at all: it counts as the same place rather than as another
    return parts.scheme.lower(), (parts.hostname or "").lower(), port or _PORTS.get(parts.scheme.lower())


def _notes(seen: ReadinessSeen, objects: Sequence[StateObject], beside: Truth) -> tuple[str, ...]:
    notes = [
        f"HA is an operator's statement ([state] state-ha-statement), which S3 can't prove: {seen.statement}"
        if seen.statement
        else "no operator states that this store is HA ([state] state-ha-statement in gate.toml is empty)"
    ]
    if seen.statement and beside is not Truth.ABSENT:
        notes.append("the statement alone gives no ha: nothing shows that the state lives apart from the cache")
    if not seen.places:
        notes.append("no place of the disk markers is set, so only S3's own word for the bucket was heard")
    if _versioning(seen.versioning) != "enabled":
        notes.append(f"versioning is {_versioning(seen.versioning)}: a bad write of the state could not be undone")
    for row in objects:
        if row.locked is Truth.PRESENT:
            notes.append(f"{row.key} is locked: somebody works on it, or a run died with its lock")
        if row.encrypted:
            notes.append(f"{row.key} is encrypted: only its envelope was judged")
    return tuple(notes)
