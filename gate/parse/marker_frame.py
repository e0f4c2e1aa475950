"""The framed answer of the marker script (`gate/observe/markers.sh`); the frame is that of `gate.parse.exec_frame`.

A record is ``<kind> <path>``, ``directory <path> <number of its file system>``, ``error <path> <text>`` or
``format <content>``.
"""

import re
from typing import Final, Literal

from gate import limits
from gate.errors import ForeignTextError
from gate.model.kube import Looked, MarkerFrame
from gate.parse.exec_frame import framed_records, newest_records
from gate.parse.lines import decode
from gate.parse.quoting import shown

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


def _looked(record: str) -> Looked:
    kind, _, rest = record.partition(" ")
    path, _, text = rest.partition(" ")
    if not path.startswith("/"):
        raise ForeignTextError(f"the marker script gave {shown(record)}: expected a kind and an absolute path.")
    if kind == "error":
        return Looked(path=path, kind="error", text=text[: limits.ERROR_TEXT_CHARS])
    device = text if kind == "directory" and _DEVICE.fullmatch(text) else ""
    if kind not in _KINDS or text != device:
        raise ForeignTextError(f"the marker script gave {shown(record)}: expected a kind and an absolute path.")
    return Looked(path=path, kind=_KINDS[kind], device=device)
