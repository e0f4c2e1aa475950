"""Folds the listed keys and the open multipart uploads of a bucket."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from gate.errors import ForeignTextError
from gate.evidence.origin import server_time
from gate.model.basics import Phase, Truth
from gate.model.parsed import OpenUpload, UploadListing
from gate.model.records import HttpAnswer, Uploads, UploadsSeen
from gate.parse.s3 import parse_fault, parse_objects, parse_uploads

_OK = 200


def fold_keys(pages: Sequence[HttpAnswer]) -> tuple[tuple[str, ...], str | None]:
    """The keys of the pages that could be read, and why there may be others; None: these are all."""
    keys: list[str] = []
    last = b""
    token: str | None = None
    for page in pages:
        if page.status != _OK or page.body_cut or page.error:
            return tuple(keys), f"the list of objects: {_problem(page)}"
        try:
            listing = parse_objects(page.body.encode())
        except ForeignTextError as error:
            return tuple(keys), str(error)
        if any(key.encode() <= last for key in listing.keys):
            return tuple(keys), "the list of objects goes back: a page repeats or precedes keys of the one before"
        keys.extend(listing.keys)
        last = max((key.encode() for key in listing.keys), default=last)
        token = listing.next_token
    return tuple(keys), "the list of objects has no end" if token is not None or not pages else None


def _problem(page: HttpAnswer) -> str:
    fault = parse_fault(page.body.encode())
    return (page.error or f"HTTP {page.status}") + (f" {fault.code}" if fault else "")


@dataclass(frozen=True, kw_only=True)
class _Look:
    """One readable list of open uploads, with its time by the store's own clock."""

    phase: Phase
    listing: UploadListing
    at: datetime


def fold_uploads(looks: Iterable[UploadsSeen]) -> tuple[Uploads, ...]:
    """One row for each bucket that was looked at."""
    by_bucket: dict[str, list[UploadsSeen]] = {}
    for look in looks:
        by_bucket.setdefault(look.bucket, []).append(look)
    return tuple(_uploads(bucket, rows) for bucket, rows in sorted(by_bucket.items()))


def _uploads(bucket: str, rows: Sequence[UploadsSeen]) -> Uploads:
    results = [_look(row) for row in rows]
    notes = [
        f"{row.phase.value}: {reason}" for row, reason in zip(rows, results, strict=True) if isinstance(reason, str)
    ]
    phases = {row.phase for row in rows}
    notes += [f"{phase.value}: not asked" for phase in (Phase.PRE, Phase.POST) if phase not in phases]
    if notes:
        return Uploads(
            bucket=bucket,
            truth=Truth.UNKNOWN,
            note="; ".join(dict.fromkeys(notes)),
            left_open=(),
            others=0,
            oldest_seconds=0,
            more=False,
        )
    looks = [look for look in results if isinstance(look, _Look)]
    last = looks[-1]
    remaining = tuple(_left_open(looks))
    others = [upload for upload in last.listing.uploads if upload not in remaining]
    oldest = min(map(_time, others), default=last.at)
    return Uploads(
        bucket=bucket,
        truth=Truth.PRESENT,
        note="",
        left_open=remaining,
        others=len(others),
        oldest_seconds=max(0, int((last.at - oldest).total_seconds())),
        more=last.listing.truncated,
    )


def _left_open(looks: Sequence[_Look]) -> Iterator[OpenUpload]:
    """Uploads that began after the first look and are open in every later one; those of other clients end meanwhile."""
    before = [look for look in looks if look.phase is Phase.PRE]
    after = [look for look in looks if look.phase is Phase.POST]
    earlier = {upload for look in before for upload in look.listing.uploads}
    for upload in after[-1].listing.uploads:
        new = upload not in earlier and _time(upload) >= before[-1].at
        if new and all(upload in look.listing.uploads for look in after):
            yield upload


def _look(row: UploadsSeen) -> _Look | str:
    """The look, or the reason why it shows nothing."""
    answer = row.answer
    if answer.error or answer.status != _OK or answer.body_cut:
        fault = parse_fault(answer.body.encode())
        return answer.error or f"HTTP {answer.status}" + (f" {fault.code}" if fault else "")
    at = server_time(answer)
    if at is None:
        return "the store's answer has no date"
    try:
        return _Look(phase=row.phase, listing=parse_uploads(answer.body.encode()), at=at)
    except ForeignTextError as error:
        return str(error)


def _time(upload: OpenUpload) -> datetime:
    return datetime.fromisoformat(upload.initiated)
