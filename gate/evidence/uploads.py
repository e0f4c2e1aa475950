"""Looks at a bucket's open multipart uploads → those that the run left behind, and how many older ones there are.

Attic aborts an upload that fails (attic b7c9056 server/src/storage/s3.rs, ``upload_file``), so one that stays open is
of a server that died in it. The right to list them is granted apart, and not every store lists them at all: what can't
be told is said so, and nothing rests on it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from gate.errors import ForeignTextError
from gate.evidence.origin import server_time
from gate.model.basics import Phase, Truth
from gate.model.parsed import OpenUpload, UploadListing
from gate.model.records import Uploads, UploadsSeen
from gate.parse.s3 import parse_fault, parse_uploads

_OK = 200


@dataclass(frozen=True, kw_only=True)
class _Look:
    """One look that told what is open, and when that was by the store's own clock."""

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
    told = [_look(row) for row in rows]
    notes = [f"{row.phase.value}: {why}" for row, why in zip(rows, told, strict=True) if isinstance(why, str)]
    asked = {row.phase for row in rows}
    notes += [f"{phase.value}: not asked" for phase in (Phase.PRE, Phase.POST) if phase not in asked]
    if notes:
        return _row(bucket, note="; ".join(dict.fromkeys(notes)))
    looks = [look for look in told if isinstance(look, _Look)]
    last = looks[-1]
    left = tuple(_left(looks))
    others = [upload for upload in last.listing.uploads if upload not in left]
    oldest = min(map(_time, others), default=last.at)
    return _row(
        bucket,
        truth=Truth.PRESENT,
        left=left,
        others=len(others),
        oldest_seconds=max(0, int((last.at - oldest).total_seconds())),
        more=last.listing.truncated,
    )


def _row(
    bucket: str,
    *,
    truth: Truth = Truth.UNKNOWN,
    note: str = "",
    left: tuple[OpenUpload, ...] = (),
    others: int = 0,
    oldest_seconds: int = 0,
    more: bool = False,
) -> Uploads:
    return Uploads(
        bucket=bucket, truth=truth, note=note, left=left, others=others, oldest_seconds=oldest_seconds, more=more
    )


def _left(looks: Sequence[_Look]) -> Iterator[OpenUpload]:
    """What began after the look before, and is open in every look after: others' uploads come to their end between."""
    before = [look for look in looks if look.phase is Phase.PRE]
    after = [look for look in looks if look.phase is Phase.POST]
    known = {upload for look in before for upload in look.listing.uploads}
    for upload in after[-1].listing.uploads:
        new = upload not in known and _time(upload) >= before[-1].at
        if new and all(upload in look.listing.uploads for look in after):
            yield upload


def _look(row: UploadsSeen) -> _Look | str:
    """The look, or why it told nothing."""
    answer = row.answer
    if answer.error or answer.status != _OK or answer.body_cut:
        fault = parse_fault(answer.body.encode())
        return answer.error or f"HTTP {answer.status}" + (f" {fault.code}" if fault else "")
    at = server_time(answer)
    if at is None:
        return "the store does not tell its time"
    try:
        return _Look(phase=row.phase, listing=parse_uploads(answer.body.encode()), at=at)
    except ForeignTextError as error:
        return str(error)


def _time(upload: OpenUpload) -> datetime:
    return datetime.fromisoformat(upload.initiated)
