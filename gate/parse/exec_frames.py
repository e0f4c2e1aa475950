"""Framed answers of scripts that run through ``kubectl exec``."""

import re
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from typing import Final, Literal

from gate import limits
from gate.errors import ForeignTextError
from gate.model.kube import MarkerEntry, MarkerFrame
from gate.parse.text import decode, excerpt

NONCE_CHARS: Final = 64
_NONCE: Final = rb"[0-9A-Za-z-]{1,%d}" % NONCE_CHARS
_END: Final = re.compile(rb"COUNT ([0-9]{1,6}) SHA256 ([0-9a-f]{64}|none) END (%s)\n" % _NONCE)


def framed_records(data: bytes, nonce: str, *, word: str) -> tuple[bytes, ...]:
    """The records of the one answer with this nonce; `ForeignTextError` when it is not whole, or there more than once.

    ``word`` is that of the script: ``gate-markers`` or ``gate-disk``.
    """
    starts = [start for start in _start(word).finditer(data) if start[1] == nonce.encode()]
    if len(starts) != 1:
        raise ForeignTextError(f"the answer of the {_script(word)} begins {len(starts)} times: expected once.")
    records = _records(data[starts[0].end() :], starts[0][1], word)
    if records is None:
        raise ForeignTextError(f"the answer of the {_script(word)} has no end: it was cut.")
    return records


def newest_records(data: bytes, *, word: str) -> tuple[bytes, ...]:
    """The records of the last whole answer in a log of answers; `ForeignTextError` for none, or a damaged one.

    The very last one may still be in the writing, so one without an end is passed over.
    """
    for start in reversed(list(_start(word).finditer(data))):
        records = _records(data[start.end() :], start[1], word)
        if records is not None:
            return records
    raise ForeignTextError(f"the log has no whole answer of the {_script(word)}.")


def _records(rest: bytes, nonce: bytes, word: str) -> tuple[bytes, ...] | None:
    end = next(_ends(rest, nonce), None)
    if end is None:
        return None
    content, count, digest = rest[: end.start()], int(end[1]), end[2].decode()
    if digest == "none":
        raise ForeignTextError(f"the container has no sha256sum: the answer of the {_script(word)} can't be verified.")
    if sha256(content).hexdigest() != digest or content.count(b"\0") != count or not content.endswith(b"\0"):
        raise ForeignTextError(f"the answer of the {_script(word)} does not have its own sha256 and count.")
    return tuple(content[:-1].split(b"\0"))


def _ends(rest: bytes, nonce: bytes) -> Iterator[re.Match[bytes]]:
    return (end for end in _END.finditer(rest) if end[3] == nonce)


@cache
def _start(word: str) -> re.Pattern[bytes]:
    return re.compile(rb"%s START (%s)\n" % (re.escape(word.encode()), _NONCE))


def _script(word: str) -> str:
    return {"gate-markers": "marker script", "gate-disk": "disk script"}[word]


_WORD: Final = "gate-markers"
_DEVICE: Final = re.compile(r"[0-9]{1,20}")
_KINDS: Final[dict[str, Literal["directory", "link", "file", "fifo", "socket", "device", "absent"]]] = {
    "directory": "directory",
    "link": "link",
    "file": "file",
    "fifo": "fifo",
    "socket": "socket",
    "device": "device",
    "absent": "absent",
}


def parse_frame(data: bytes, nonce: str) -> MarkerFrame:
    """The one answer with this nonce; `ForeignTextError` when it is not there whole, or more than once."""
    return _frame(framed_records(data, nonce, word=_WORD))


def newest_frame(data: bytes) -> MarkerFrame:
    """The last whole answer of a log of answers; `ForeignTextError` when there is none, or when it is damaged."""
    return _frame(newest_records(data, word=_WORD))


def _frame(records: tuple[bytes, ...]) -> MarkerFrame:
    formats = [record.removeprefix(b"format ") for record in records if record.startswith(b"format ")]
    looks = tuple(_looked(decode(record)) for record in records if not record.startswith(b"format "))
    return MarkerFrame(looks=looks, format=formats[0] if len(formats) == 1 else None)


def _looked(record: str) -> MarkerEntry:
    kind, _, rest = record.partition(" ")
    path, _, text = rest.partition(" ")
    if not path.startswith("/"):
        raise ForeignTextError(f"the marker script gave {excerpt(record)}: expected a kind and an absolute path.")
    if kind == "error":
        return MarkerEntry(path=path, kind="error", text=text[: limits.ERROR_TEXT_CHARS])
    device = text if kind == "directory" and _DEVICE.fullmatch(text) else ""
    if kind not in _KINDS or text != device:
        raise ForeignTextError(f"the marker script gave {excerpt(record)}: expected a kind and an absolute path.")
    return MarkerEntry(path=path, kind=_KINDS[kind], device=device)
