"""The framed answer of the marker script (`gate/observe/markers.sh`), out of whatever stands around it.

`kubectl exec` can cut stdout and exit 0 (kubernetes#124571, #73056), and a shell may print a banner. So an answer is

    gate-markers START <nonce>⏎ <record>NUL … COUNT <records> SHA256 <hex over records and NULs> END <nonce>⏎

and only a whole one is read. A record is ``<kind> <path>``, ``error <path> <text>`` or ``format <content>``.
"""

import re
from hashlib import sha256
from typing import Final, Literal

from gate import limits
from gate.errors import ForeignTextError
from gate.model.kube import Looked, MarkerFrame
from gate.parse.lines import decode
from gate.parse.quoting import shown

NONCE_CHARS: Final = 64
_NONCE: Final = rb"[0-9A-Za-z-]{1,%d}" % NONCE_CHARS
_START: Final = re.compile(rb"gate-markers START (%s)\n" % _NONCE)
_END: Final = re.compile(rb"COUNT ([0-9]{1,6}) SHA256 ([0-9a-f]{64}|none) END (%s)\n" % _NONCE)
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
    starts = [start for start in _START.finditer(data) if start[1] == nonce.encode()]
    if len(starts) != 1:
        raise ForeignTextError(f"the answer of the marker script begins {len(starts)} times: expected once.")
    frame = _frame(data[starts[0].end() :], starts[0][1])
    if frame is None:
        raise ForeignTextError("the answer of the marker script has no end: it was cut.")
    return frame


def newest_frame(data: bytes) -> MarkerFrame:
    """The last whole answer of a log of answers; `ForeignTextError` when there is none, or when it is damaged.

    The very last one may still be in the writing, so one without an end is passed over.
    """
    for start in reversed(list(_START.finditer(data))):
        frame = _frame(data[start.end() :], start[1])
        if frame is not None:
            return frame
    raise ForeignTextError("the log has no whole answer of the marker script.")


def _frame(rest: bytes, nonce: bytes) -> MarkerFrame | None:
    end = next((end for end in _END.finditer(rest) if end[3] == nonce), None)
    if end is None:
        return None
    content, count, digest = rest[: end.start()], int(end[1]), end[2].decode()
    if digest == "none":
        raise ForeignTextError("the container has no sha256sum: the answer of the marker script can't be verified.")
    if sha256(content).hexdigest() != digest or content.count(b"\0") != count or not content.endswith(b"\0"):
        raise ForeignTextError("the answer of the marker script does not have its own sha256 and count.")
    records = content[:-1].split(b"\0")
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
    if kind not in _KINDS or text:
        raise ForeignTextError(f"the marker script gave {shown(record)}: expected a kind and an absolute path.")
    return Looked(path=path, kind=_KINDS[kind])
