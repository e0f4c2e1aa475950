"""The OpenTofu state object of a phase: HEAD answers, and where it was read, what its content told → facts.

Only documented answers are classed. A page of a proxy has no ETag of the object, so what was read counts as the state's
content only between two HEADs of the same ETag.
"""

from typing import Final

from gate.model import records
from gate.model.basics import Truth
from gate.model.document import State
from gate.model.records import StateTold

_OK: Final = 200
_NOT_FOUND: Final = 404
_GONE: Final = ("NoSuchKey", "NoSuchBucket")


def fold_state(record: records.StateSeen) -> State:
    """The state as it was seen in one phase."""
    head = record.head
    truth = _there(head)
    return State(
        bucket=record.bucket,
        key=record.key,
        truth=truth,
        etag=head.etag,
        size=head.content_length if truth is Truth.PRESENT else None,
        version_id=head.version_id,
        locked=_there(record.lock),
        note=head.error or ("" if head.status == _OK else f"HTTP {head.status}{_deletion(head)}"),
        contents=None if record.contents is None else _told(head, record.contents),
    )


def _deletion(head: records.HttpAnswer) -> str:
    return f": a delete marker{_version(head)} hides an older version" if head.deleted else ""


def _version(head: records.HttpAnswer) -> str:
    return f" {head.version_id}" if head.version_id else ""


def same_etag(one: records.HttpAnswer, other: records.HttpAnswer) -> bool:
    """Whether two answers name one ETag; a proxy that touches an answer makes it weak (RFC 9110, 8.8.3.2)."""
    return one.etag is not None and other.etag is not None and _opaque(one.etag) == _opaque(other.etag)


def _opaque(etag: str) -> str:
    return etag.strip().removeprefix("W/")


def _there(answer: records.HttpAnswer) -> Truth:
    if answer.error is None and answer.status in (_OK, _NOT_FOUND):
        return Truth.PRESENT if answer.status == _OK else Truth.ABSENT
    return Truth.UNKNOWN


def _told(head: records.HttpAnswer, seen: records.StateContents) -> StateTold:
    got = seen.get
    why = got.error or f"HTTP {got.status}{f' {seen.fault}' if seen.fault else ''}"
    if got.error is None and got.status == _NOT_FOUND and seen.fault in _GONE:
        return StateTold(content="gone", note=why)
    if got.error is not None or got.status != _OK or seen.content == "unread":
        return StateTold(content="unread", note=_unread(seen, why))
    steady = _one_object(head, seen)
    note = "" if steady else "the answers to HEAD, GET and HEAD are not of one object"
    facts = seen.facts
    if facts is not None:
        return StateTold(
            content="state" if steady else "unsteady",
            version=facts.version,
            serial=facts.serial,
            lineage=facts.lineage,
            encrypted=facts.encrypted,
            note=note,
        )
    if not steady:
        return StateTold(content="unsteady", note=note)
    note = f"{seen.size} bytes: {seen.problem}"
    return StateTold(content="other-version" if seen.content == "other-version" else "no-state", note=note)


def _unread(seen: records.StateContents, why: str) -> str:
    if seen.get.body_cut:
        return f"{why}, cut"
    return f"{why}: {seen.problem}" if seen.get.status == _OK and seen.problem else why


def _one_object(head: records.HttpAnswer, seen: records.StateContents) -> bool:
    """Whether all three answers name one ETag; a whole state must also have the size that HEAD names."""
    same = same_etag(head, seen.get) and same_etag(head, seen.again)
    served = head.status == seen.again.status == _OK and head.error is None and seen.again.error is None
    return same and served and (seen.content != "state" or head.content_length in (None, seen.size))
