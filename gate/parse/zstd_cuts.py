"""Where a zstd stream may be cut, so that no part of it can decompress into more than a known size.

The library gives at once all that its input holds, and 4 bytes can hold a block of 128 KiB. A frame's blocks tell their
own sizes (RFC 8878 section 3.1.1), so counting them bounds what a part can become, without making every part tiny.
Nothing else rests on what is read here: whether a stream is right is the library's word.
"""

from collections.abc import Generator, Iterator
from typing import Final

from gate.limits import ZSTD_BLOCKS, ZSTD_SLICE_BYTES

_FRAME: Final = 0xFD2FB528
_SKIPPABLE: Final = 0x184D2A50  # and the 15 after it
_RLE, _RESERVED = 1, 3  # block types
_ID_BYTES: Final = (0, 1, 2, 4)
_SIZE_BYTES: Final = (0, 2, 4, 8)

# Yields how many bytes it wants next, or minus how many it passes over; is sent those that it wanted.
_Steps = Generator[int, bytes, None]


def is_skippable(magic: bytes) -> bool:
    """Whether the first four bytes of a frame are those of one that readers pass over (RFC 8878 section 3.1.2)."""
    return int.from_bytes(magic, "little") & ~15 == _SKIPPABLE


class ZstdCuts:
    """Cuts a stream that comes in pieces of any size.

    Each part ends with a frame or earlier, and begins at most `ZSTD_BLOCKS` blocks, of 128 KiB each at most when
    decompressed. What is no zstd, and what has tinier blocks than that, is cut into parts of `ZSTD_SLICE_BYTES`.
    """

    def __init__(self) -> None:
        self._blocks = 0  # that began in this part
        self._frame_over = False
        self._have = bytearray()
        self._steps = self._walk()
        self._want = next(self._steps)

    def parts(self, data: bytes) -> Iterator[bytes]:
        """The parts of the next piece; together they are the piece."""
        start = at = 0
        while at < len(data):
            if not self._want:
                yield from (data[cut : cut + ZSTD_SLICE_BYTES] for cut in range(start, len(data), ZSTD_SLICE_BYTES))
                return
            at = self._step(data, at)
            if self._frame_over or self._blocks >= ZSTD_BLOCKS:
                if not self._frame_over and at - start < ZSTD_SLICE_BYTES:
                    self._want = 0  # counting such blocks costs more than it saves
                yield data[start:at]
                start = at
                self._blocks, self._frame_over = 0, False
        if start < len(data):
            self._blocks = 0
            yield data[start:] if start else data

    def _step(self, data: bytes, at: int) -> int:
        """Take or pass over what is wanted, as far as it is there; where the next step begins."""
        if self._want < 0:
            end = min(at - self._want, len(data))
            self._want += end - at
            if not self._want:
                self._want = self._steps.send(b"")
            return end
        end = min(at + self._want - len(self._have), len(data))
        self._have += data[at:end]
        if len(self._have) == self._want:
            had = bytes(self._have)
            self._have.clear()
            self._want = self._steps.send(had)
        return end

    def _walk(self) -> _Steps:
        """The frames of a stream, one after the other; it wants nothing more once it has lost its way."""
        while True:
            first = yield 4
            if is_skippable(first):
                if size := int.from_bytes((yield 4), "little"):
                    yield -size
            elif int.from_bytes(first, "little") == _FRAME:
                yield from self._frame()
            else:
                break
            self._frame_over = True
        while True:
            yield 0

    def _frame(self) -> _Steps:
        flags = (yield 1)[0]
        single = flags >> 5 & 1
        header = _ID_BYTES[flags & 3] + (_SIZE_BYTES[flags >> 6] or single) + (0 if single else 1)
        yield -header  # which has at least a byte
        last = 0
        while not last:
            block = int.from_bytes((yield 3), "little")
            self._blocks += 1
            last, kind, size = block & 1, block >> 1 & 3, block >> 3
            if kind == _RESERVED:  # the library will refuse it
                while True:
                    yield 0
            if kind == _RLE:
                yield -1
            elif size:
                yield -size
        if flags & 4:  # a checksum
            yield -4
