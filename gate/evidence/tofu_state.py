"""Folds the OpenTofu state object of a phase from HEAD answers and, where it was read, from its content.

Only documented answers are classed. A page of a proxy has no ETag of the object, so what was read counts as the content
of the state only between two HEADs of the same ETag.
"""

from typing import Final

from gate.model import records
from gate.model.basics import Truth
from gate.model.document import State
from gate.model.records import StateTold

_OK: Final = 200
_NOT_FOUND: Final = 404
_ABSENCE_CODES: Final = ("NoSuchKey", "NoSuchBucket")


def fold_state(record: records.StateSeen) -> State:
    """The state as it was seen in one phase."""
    head = record.head
    truth = _presence(head)
    return State(
        bucket=record.bucket,
        key=record.key,
        truth=truth,
        etag=head.etag,
        size=head.content_length if truth is Truth.PRESENT else None,
        version_id=head.version_id,
        locked=_presence(record.lock),
        note=head.error or ("" if head.status == _OK else f"HTTP {head.status}{_deletion(head)}"),
        contents=None if record.contents is None else _contents(head, record.contents),
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


def _presence(answer: records.HttpAnswer) -> Truth:
    if answer.error is None and answer.status in (_OK, _NOT_FOUND):
        return Truth.PRESENT if answer.status == _OK else Truth.ABSENT
    return Truth.UNKNOWN


def _contents(head: records.HttpAnswer, record: records.StateContents) -> StateTold:
    answer = record.get
    problem = answer.error or f"HTTP {answer.status}{f' {record.fault}' if record.fault else ''}"
    if answer.error is None and answer.status == _NOT_FOUND and record.fault in _ABSENCE_CODES:
        return StateTold(content="gone", note=problem)
    if answer.error is not None or answer.status != _OK or record.content == "unread":
        return StateTold(content="unread", note=_unread_note(record, problem))
    steady = _is_one_object(head, record)
    note = "" if steady else "the answers to HEAD, GET and HEAD are not of one object"
    facts = record.facts
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
    note = f"{record.size} bytes: {record.problem}"
    return StateTold(content="other-version" if record.content == "other-version" else "no-state", note=note)


def _unread_note(record: records.StateContents, problem: str) -> str:
    if record.get.body_cut:
        return f"{problem}, cut"
    return f"{problem}: {record.problem}" if record.get.status == _OK and record.problem else problem


def _is_one_object(head: records.HttpAnswer, record: records.StateContents) -> bool:
    """Whether all three answers name one ETag; a whole state must also have the size that HEAD names."""
    is_same = same_etag(head, record.get) and same_etag(head, record.again)
    served = head.status == record.again.status == _OK and head.error is None and record.again.error is None
    return is_same and served and (record.content != "state" or head.content_length in (None, record.size))
