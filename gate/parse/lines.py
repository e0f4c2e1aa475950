"""Lines out of hostile bytes: cut at line feeds alone, bounded, and stripped of what a terminal would eat.

``str.splitlines`` is not used anywhere: it also cuts at U+2028, U+0085, VT, FF and FS, which lets text inside a line
look like a line of its own.
"""

import re
from collections.abc import Iterator

from gate import limits

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
    """UTF-8 as text; bytes that are none stay readable as hexadecimal escapes."""
    return line.decode("utf-8", "backslashreplace")
