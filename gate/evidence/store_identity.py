"""Whether endpoint, bucket and disk are of one store: what the S3 endpoint says of itself, and the canary's object.

Another cluster that answers after the publication (by DNS, a load balancer or a fail-over) says other things of
itself. RustFS 1.0.0-beta.2 gives neither ``Server`` nor a deployment id, but the owner and the date of each bucket. S3
lets that date change (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Bucket.html), and some servers give a
folder's own time: so it may go on within the run, and never back to what was before it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from gate import limits
from gate.errors import ForeignTextError
from gate.evidence.origin import header_values
from gate.evidence.stored_objects import fold_keys
from gate.model.basics import Truth
from gate.model.document import SelfDescription, Store, StoredCanary
from gate.model.records import BucketSampled, CanaryObject, Entry, HttpAnswer
from gate.parse.http_cache import network_before
from gate.parse.s3 import parse_owner

_OK: Final = 200
_NOT_FOUND: Final = 404
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DEPLOYMENT_ID: Final = re.compile(r"((?:x-[a-z0-9-]+-)?deployment-id): (.+)")
_REQUEST_ID: Final = re.compile(r"([a-z-]*request-id|x-amz-id-2): (.+)")
_NONE: Final = "none"


def fold_store(entries: Sequence[Entry], buckets: Iterable[str]) -> Store:
    """The store of a run. The entries are those of `gate.evidence.origin`: what a cache answered says nothing of it."""
    samples = [entry.record for entry in entries if isinstance(entry.record, BucketSampled)]
    sampled = max((at for at, entry in enumerate(entries) if isinstance(entry.record, BucketSampled)), default=0)
    looks = [(at, entry.record) for at, entry in enumerate(entries) if isinstance(entry.record, CanaryObject)]
    answers = [(door, answer) for sample in samples for door, answer in _doors(sample) if answer.status is not None]
    descriptions = (
        *_headers(answers),
        *_deployments(answers, samples),
        *_lists(samples, frozenset(buckets), entries[0].at if entries else ""),
    )
    networks = [line for _, answer in answers if (line := network_before(answer.headers)) is not None]
    return Store(
        samples=len(samples),
        self_descriptions=descriptions,
        peers=tuple(dict.fromkeys(answer.peer for _, answer in answers if answer.peer is not None)),
        network=networks[0] if networks else None,
        canary=_canary(looks[-1][1], is_last=looks[-1][0] > sampled) if looks else None,
        undated=any(answer.date is None and _form(answer) == _NONE for _, answer in answers),
    )


def _doors(sample: BucketSampled) -> Iterator[tuple[str, HttpAnswer]]:
    """The answers of S3 itself, each with its question's name."""
    yield from (("ListBuckets", page) for page in sample.listing)
    yield from (("HeadBucket", head) for head in sample.heads.values())
    yield from (("ListObjectsV2", got) for got in sample.gets.values())


def _headers(answers: Sequence[tuple[str, HttpAnswer]]) -> Iterator[SelfDescription]:
    """``Server``, and the names and form of request ids: of good answers to one question, since errors may differ."""
    for name, read in (("Server", _server), ("request id", _form)):
        by_door: dict[str, dict[str, None]] = {}
        for door, answer in answers:
            if answer.status == _OK:
                by_door.setdefault(door, {})[read(answer)] = None
        values = tuple(dict.fromkeys(value for answers_of_door in by_door.values() for value in answers_of_door))
        differs = [door for door, answers_of_door in by_door.items() if len(answers_of_door) > 1]
        if set(values) - {_NONE}:
            changed = f"it is not always the same in the answers to {', '.join(differs)}" if differs else ""
            yield SelfDescription(name=name, values=values, changed=changed)


def _server(answer: HttpAnswer) -> str:
    return ", ".join(header_values(answer, "server")) or _NONE


def _form(answer: HttpAnswer) -> str:
    forms = sorted(
        f"{match[1]} {'as a UUID' if _UUID.fullmatch(match[2]) else 'of another form'}"
        for line in answer.headers
        if (match := _REQUEST_ID.fullmatch(line)) is not None
    )
    return ", ".join(forms) or _NONE


def _deployments(
    answers: Sequence[tuple[str, HttpAnswer]], samples: Sequence[BucketSampled]
) -> Iterator[SelfDescription]:
    """The deployment by the endpoint's headers, and by ``format.json`` on the drives, where both can be had."""
    lines = [line for _, answer in answers for line in answer.headers]
    by_header = tuple(
        dict.fromkeys(match[2] for line in lines if (match := _DEPLOYMENT_ID.fullmatch(line)) is not None)
    )
    on_disk = {
        place.volume.partition("/")[0] for sample in samples for place in sample.places if place.volume is not None
    }
    if by_header:
        changed = "the endpoint names more than one" if len(by_header) > 1 else ""
        if on_disk and not on_disk & set(by_header):
            changed = f"the drives are of {', '.join(sorted(on_disk))}"
        yield SelfDescription(name="deployment", values=by_header, changed=changed)


def _lists(samples: Sequence[BucketSampled], buckets: frozenset[str], began: str) -> Iterator[SelfDescription]:
    """Owner and dates of the buckets; the server at ``origin-endpoint`` must have the same."""
    owners: dict[str, None] = {}
    dates: dict[str, list[str]] = {}
    at_origin = [page for sample in samples if sample.origin is not None for page in sample.origin.listing]
    pages = [("", page) for sample in samples for page in sample.listing]
    for suffix, page in (*pages, *((" at the origin", page) for page in at_origin)):
        if not page.ok:
            continue
        try:
            owner, created = parse_owner(page.body.encode())
        except ForeignTextError:
            continue
        owners |= {owner: None} if owner is not None else {}
        for bucket in sorted(buckets & created.keys()):
            history = dates.setdefault(f"{bucket}{suffix}", [])
            history += [created[bucket]] if created[bucket] not in history[-1:] else []
    if owners:
        changed = "the buckets have more than one owner" if len(owners) > 1 else ""
        yield SelfDescription(name="owner", values=tuple(owners), changed=changed)
    for bucket, created_dates in sorted(dates.items()):
        changed = _went_back(tuple(created_dates), began)
        origin_dates = dates.get(f"{bucket} at the origin", created_dates)
        if not changed and set(origin_dates).isdisjoint(created_dates):
            changed = f"at the origin it is {', '.join(origin_dates)}"
        yield SelfDescription(name=f"date of {bucket}", values=tuple(created_dates), changed=changed)


def _went_back(dates: Sequence[str], began: str) -> str:
    """Why the dates of one bucket are not of one bucket: a later one that is before the run, or well before an earlier.

    Answers that were under way together are recorded in either order, so a date may step back by as little as that.
    """
    slack = timedelta(seconds=limits.SAMPLE_SECONDS)
    oldest = _moment(began) - timedelta(seconds=limits.SKEW_SECONDS)
    for before, after in pairwise(dates):
        if _moment(after) < max(oldest, _moment(before) - slack):
            return f"it was {before} and then {after}, which is before"
    return ""


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _canary(look: CanaryObject, *, is_last: bool) -> StoredCanary:
    """A look that ``is_last``, after all samples, shows that the store which answered them has what was written."""
    if look.bucket is None and look.written is None:
        in_bucket, note = Truth.UNKNOWN, "its NAR came without a redirect to an object of a watched bucket"
    else:
        in_bucket, note = _in_bucket(look)
    truths = {place.truth for place in look.places}
    on_disk = Truth.ABSENT if truths == {Truth.ABSENT} else Truth.UNKNOWN
    if not is_last and in_bucket is Truth.PRESENT:
        in_bucket, note = Truth.UNKNOWN, "it was looked for before the last sample of the buckets"
    notes = [note, *(f"{place.place}: {place.error}" for place in look.places if place.error)]
    return StoredCanary(
        place=None if look.bucket is None else f"{look.bucket}/{look.key}",
        in_bucket=in_bucket,
        on_disk=Truth.PRESENT if Truth.PRESENT in truths else on_disk,
        disks=len(look.places),
        looked=not look.places or not all(place.denied for place in look.places),
        note="; ".join(filter(None, notes)),
    )


def _in_bucket(look: CanaryObject) -> tuple[Truth, str]:
    """By HeadObject, or by a whole list of the keys that begin with the object's, where HeadObject was denied."""
    head = look.head
    if head is not None and head.error is None and head.status in (_OK, _NOT_FOUND):
        return (Truth.PRESENT, "") if head.status == _OK else (Truth.ABSENT, "HeadObject: HTTP 404")
    reason = "not asked" if head is None else head.error or f"HTTP {head.status}"
    if not look.listing:
        return Truth.UNKNOWN, f"HeadObject: {reason}"
    keys, trouble = fold_keys(look.listing)
    if (look.key if look.bucket is not None else (look.written or "").partition("/")[2]) in keys:
        return Truth.PRESENT, ""
    if trouble is not None:
        return Truth.UNKNOWN, f"HeadObject: {reason}; {trouble}"
    return Truth.ABSENT, f"HeadObject: {reason}; ListObjectsV2 has no such key"
