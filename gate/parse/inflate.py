"""Where a zstd stream may be cut, so that no part of it can decompress into more than a known size.

The library gives at once all that its input holds, and 4 bytes can hold a block of 128 KiB. A frame's blocks tell their
own sizes (RFC 8878 section 3.1.1), so counting them bounds what a part can become, without making every part tiny.
Nothing else rests on what is read here: whether a stream is right is the library's word.
"""

import bz2
import lzma
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from typing import Final, Protocol

from gate.limits import (
    INFLATE_COPY_BYTES,
    INFLATE_PIECE_BYTES,
    INFLATE_SLICE_BYTES,
    XZ_MEMORY_BYTES,
    ZSTD_BLOCKS,
    ZSTD_SLICE_BYTES,
    ZSTD_WINDOW_BYTES,
    ZSTD_WRITE_BYTES,
)

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


_ZSTD_MAGIC_BYTES: Final = 4


class InflateError(Exception):
    """The bytes can't be decompressed; the message is a short sentence. Stays inside of `gate.parse.nar`."""


class TooMuchMemoryError(InflateError):
    """Decompressing would take more memory than is allowed here: the bytes may be good, and can't be determined."""


class Inflater(Protocol):
    """One codec's decompressor."""

    @property
    def skipped(self) -> int:
        """Bytes of frames that came to their end and that hold nothing for a reader."""
        ...

    def feed(self, data: bytes | memoryview) -> Iterator[bytes | memoryview]:
        """The decompressed pieces of ``data``, each bounded; drain it. Raises `InflateError`."""
        ...

    def ended(self) -> bool:
        """Whether the last frame ended and nothing of a next one has come. False before the first."""
        ...


class _Plain:
    """No compression: every byte is content, and nothing says where the end should be."""

    skipped = 0

    def feed(self, data: bytes | memoryview) -> Iterator[bytes | memoryview]:
        yield data

    def ended(self) -> bool:
        return True


class _Framed(ABC):
    """Shared by the codecs whose frames may follow one another."""

    skipped = 0
    codec: str
    errors: tuple[type[Exception], ...]
    too_much: tuple[str, ...] = ()  # the library's words for memory that it was not allowed

    def __init__(self) -> None:
        self.frames = 0
        self.inside = False  # some bytes of a frame have come, but not its end

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        for start in range(0, len(data), INFLATE_COPY_BYTES):
            for part in self.parts(bytes(data[start : start + INFLATE_COPY_BYTES])):
                rest = part
                while rest := rest if self.inside else self.begin(rest):
                    self.inside = True
                    try:
                        rest = yield from self.read(rest)
                    except self.errors as error:
                        raise self._trouble(error) from None

    def _trouble(self, error: Exception) -> InflateError:
        if isinstance(error, MemoryError) or any(words in str(error) for words in self.too_much):
            return TooMuchMemoryError(f"{self.codec}: decompressing takes more memory than is allowed here ({error})")
        where = "what follows a frame is not a frame" if self.frames else "the stream is corrupt"
        return InflateError(f"{self.codec}: {where} ({error})")

    def ended(self) -> bool:
        return self.frames > 0 and not self.inside

    def parts(self, data: bytes) -> Iterator[bytes]:
        """``data`` in parts that are fed one by one.

        The libraries copy what follows the end of a frame: at once, many tiny frames would cost the square of it.
        """
        for start in range(0, len(data), INFLATE_SLICE_BYTES):
            yield data[start : start + INFLATE_SLICE_BYTES]

    def begin(self, data: bytes) -> bytes:
        """What of ``data``, which follows a frame or is the first, belongs to the next frame."""
        return data

    @abstractmethod
    def read(self, data: bytes) -> Generator[bytes, None, bytes]:
        """Decompress until the end of ``data`` or of the frame; gives back what follows the frame."""
        ...

    def end_frame(self) -> None:
        self.frames += 1
        self.inside = False


class _Zstd(_Framed):
    """zstd, RFC 8878. The library gives at once all that its input holds, so what it is given is cut by blocks."""

    codec = "zstd"
    too_much = ("too much memory",)  # ZSTD_error_frameParameter_windowTooLarge, lib/common/error_private.c

    def __init__(self) -> None:
        import zstandard  # noqa: PLC0415  # only where a body is read

        super().__init__()
        self.errors = (zstandard.ZstdError, MemoryError)
        self._context = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
        self._frame = self._context.decompressobj(write_size=ZSTD_WRITE_BYTES)
        self._cuts = ZstdCuts()
        self._magic = b""
        self._size = 0  # of the frame being read, so far

    def parts(self, data: bytes) -> Iterator[bytes]:
        return self._cuts.parts(data)

    def read(self, data: bytes) -> Generator[bytes, None, bytes]:
        yield self._frame.decompress(data)
        self._magic += data[: _ZSTD_MAGIC_BYTES - len(self._magic)]
        self._size += len(data)
        if not self._frame.eof:
            return b""
        unused = self._frame.unused_data
        self._frame = self._context.decompressobj(write_size=ZSTD_WRITE_BYTES)
        if is_skippable(self._magic):
            self.skipped += self._size - len(unused)
        self._magic, self._size = b"", 0
        self.end_frame()
        return unused


class _Streams(_Framed):
    """xz or bzip2, whose decompressors in the standard library are alike."""

    errors = (lzma.LZMAError, OSError, MemoryError)

    def __init__(self, fresh: Callable[[], lzma.LZMADecompressor | bz2.BZ2Decompressor]) -> None:
        super().__init__()
        self._fresh = fresh
        self._stream = fresh()

    def read(self, data: bytes) -> Generator[bytes, None, bytes]:
        yield self._stream.decompress(data, INFLATE_PIECE_BYTES)
        while not self._stream.needs_input and not self._stream.eof:
            yield self._stream.decompress(b"", INFLATE_PIECE_BYTES)
        if not self._stream.eof:
            return b""
        unused = self._stream.unused_data
        self._stream = self._fresh()
        self.end_frame()
        return unused


class _Bzip2(_Streams):
    """bzip2."""

    codec = "bzip2"

    def __init__(self) -> None:
        super().__init__(bz2.BZ2Decompressor)


class _Xz(_Streams):
    """xz: each stream may be followed by zeros in fours (https://tukaani.org/xz/xz-file-format.txt, section 2.2)."""

    codec = "xz"
    too_much = ("Memory usage limit exceeded",)  # LZMA_MEMLIMIT_ERROR, CPython Modules/_lzmamodule.c

    def __init__(self) -> None:
        super().__init__(lambda: lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=XZ_MEMORY_BYTES))
        self._zeros = 0

    def begin(self, data: bytes) -> bytes:
        if not self.frames:
            return data
        rest = data.lstrip(b"\0")
        self._zeros = (self._zeros + len(data) - len(rest)) % 4
        if rest and self._zeros:
            raise InflateError("xz: the zeros after a stream are not a multiple of four")
        return rest

    def ended(self) -> bool:
        return super().ended() and not self._zeros


class _Gzip(_Framed):
    """gzip, RFC 1952: members in a row."""

    codec = "gzip"
    errors = (zlib.error, MemoryError)

    def __init__(self) -> None:
        super().__init__()
        self._member = self._fresh()

    def _fresh(self) -> "zlib._Decompress":
        return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    def read(self, data: bytes) -> Generator[bytes, None, bytes]:
        yield self._member.decompress(data, INFLATE_PIECE_BYTES)
        if not self._member.eof:
            return self._member.unconsumed_tail
        unused = self._member.unused_data
        self._member = self._fresh()
        self.end_frame()
        return unused


class _Brotli:
    """Brotli, RFC 7932: one stream."""

    skipped = 0

    def __init__(self) -> None:
        import brotli  # noqa: PLC0415  # only where a body is read

        self._error = brotli.error
        self._stream = brotli.Decompressor()
        self._finished = False

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        if self._finished and data:
            raise InflateError("br: bytes follow the end of the stream")
        try:
            piece = self._stream.process(bytes(data), output_buffer_limit=INFLATE_PIECE_BYTES)
            # can_accept_more_data() is true while output is held back (measured with 1.2.1): ask until none comes.
            while piece:
                yield piece
                piece = self._stream.process(b"", output_buffer_limit=INFLATE_PIECE_BYTES)
        except MemoryError:
            raise TooMuchMemoryError("br: decompressing takes more memory than is allowed here") from None
        except self._error as error:
            raise InflateError(f"br: the stream is corrupt ({error})") from None
        self._finished = self._stream.is_finished()

    def ended(self) -> bool:
        return self._finished


_INFLATERS: Final[dict[str, Callable[[], Inflater]]] = {
    "none": _Plain,
    "zstd": _Zstd,
    "xz": _Xz,
    "bzip2": _Bzip2,
    "gzip": _Gzip,
    "br": _Brotli,
}


def inflater(codec: str) -> Inflater:
    """The decompressor for a narinfo's ``Compression``; raises `InflateError` for a codec that the gate can't read.

    Nix reads more: since 2.4 whatever libarchive does (lzip, lz4, lzma, …).
    """
    decompressor = _INFLATERS.get(codec)
    if decompressor is None:
        raise InflateError("the gate can't read this compression")
    return decompressor()
