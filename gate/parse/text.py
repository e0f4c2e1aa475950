"""Hostile text: bounded lines, safe quotations, credentials in it, and legal names of caches and buckets."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from gate import limits

SHOWN_CHARS: Final = 80


def excerpt(text: object) -> str:
    """A value of foreign text for an error message: quoted, escaped to ASCII, cut at `SHOWN_CHARS`."""
    whole = text if isinstance(text, str) else repr(text)
    cut = ascii(whole[:SHOWN_CHARS])
    return cut if len(whole) <= SHOWN_CHARS else f"{cut}… ({len(whole)} characters)"


# ECMA-48 control sequences (CSI … final byte), operating system commands (OSC … BEL or ST), and two-byte escapes.
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")


class LineSplitter:
    """Turn chunks of any size into lines without their line feed, in memory bounded by ``cap`` bytes.

    A line longer than ``cap`` is given as its first ``cap + 1`` bytes: ``len(line) > cap`` tells that it was cut.
    """

    def __init__(self, cap: int = limits.LINE_BYTES) -> None:
        self._keep = cap + 1
        self._tail = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that ``data`` ends, in order. Drain it before the next call."""
        for block in self.blocks(data):
            for line in block[:-1].split(b"\n"):
                yield line if len(line) <= self._keep else line[: self._keep]

    def blocks(self, data: bytes) -> Iterator[bytes]:
        """The same lines, many at a time and with their line feeds. Only the first of a block is surely cut at the cap.

        For a reader to whom a step for every line costs too much.
        """
        for start in range(0, len(data), limits.READ_CHUNK_BYTES):
            chunk = data[start : start + limits.READ_CHUNK_BYTES]
            first, end = chunk.find(b"\n"), chunk.rfind(b"\n") + 1
            self._tail += chunk[: min(self._keep - len(self._tail), first if end else len(chunk))]
            if end:
                block = bytes(self._tail) + chunk[first:end]
                self._tail = bytearray(chunk[end : end + self._keep])
                yield block

    def rest(self) -> bytes:
        """The text after the last line feed: a line that was not ended, so perhaps cut."""
        return bytes(self._tail)


def strip_escapes(line: bytes) -> bytes:
    """The line without terminal escapes. Linear in its length."""
    return _ESCAPES.sub(b"", line) if b"\x1b" in line else line


def decode(line: bytes) -> str:
    """UTF-8 as text; other bytes stay readable as hexadecimal escapes."""
    return line.decode("utf-8", "backslashreplace")


_SHAPES: Final = (
    (
        "a signed JSON web token",
        re.compile(rb"eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{20,2000}"),
    ),
    ("a presigned S3 query", re.compile(rb"X-Amz-Signature=[0-9a-fA-F]{64}")),
    ("a GitHub token", re.compile(rb"\bgh[pousr]_[A-Za-z0-9]{36,255}")),
    ("a private key", re.compile(rb"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")),
    (
        "a password in a URL",
        re.compile(rb"[a-z][a-z0-9+.-]{1,15}://[A-Za-z0-9._~%-]{1,80}:[A-Za-z0-9._~%!$&'()+,;=-]{8,200}@[A-Za-z0-9\[]"),
    ),
)
_OVERLAP: Final = 9000  # longer than any of the shapes


def leak_in(pieces: Iterable[bytes]) -> str | None:
    """What kind of credential a stream of bytes seems to hold, or None; shapes across two pieces are found."""
    tail = b""
    for piece in pieces:
        window = tail + piece
        for name, shape in _SHAPES:
            if shape.search(window):
                return name
        tail = window[-_OVERLAP:]
    return None


CACHE_RULE: Final = "1 to 50 letters, digits, '-', '_' and '+', the first a letter or a digit"
BUCKET_RULE: Final = "3 to 63 letters, digits, '-', '_' and '.', the first and the last a letter or a digit"
_CACHE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,49}")  # attic b7c9056 attic/src/cache.rs CACHE_NAME_REGEX
# RustFS and MinIO take capitals and '_' for old buckets, beside what S3's own rule has
# (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html).
_BUCKET: Final = re.compile(r"[A-Za-z0-9](?!.*\.\.)[A-Za-z0-9._-]{1,61}[A-Za-z0-9]")


def is_cache_name(text: str) -> bool:
    """Whether Attic takes a text as the name of one cache."""
    return _CACHE.fullmatch(text) is not None


def is_bucket_name(text: str) -> bool:
    """Whether a text can be the name of a bucket."""
    return _BUCKET.fullmatch(text) is not None
