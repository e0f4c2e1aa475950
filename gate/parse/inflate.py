"""Decompressors for NAR bodies: bounded pieces out, and an honest word on how the stream ended.

No library's own verdict is trusted: zstandard and brotli are silent about a cut stream, zstandard stops at the end of
a frame while Attic sends a frame a chunk, lzma stops at the end of a stream. So each decompressor here goes on from one
frame to the next and says whether the last one ended with nothing left over. Brotli alone has one stream and no more:
Nix reads no second (``src/libutil/compression.cc``).
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
    ZSTD_WINDOW_BYTES,
    ZSTD_WRITE_BYTES,
)
from gate.parse.zstd_cuts import ZstdCuts, is_skippable

_ZSTD_MAGIC_BYTES: Final = 4


class InflateError(Exception):
    """The bytes can't be decompressed; the message is a short sentence. Stays inside of `gate.parse.nar`."""


class TooMuchMemoryError(InflateError):
    """Decompressing would take more memory than is allowed here: the bytes may be good, and can't be told."""


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
        where = "what follows a frame is none" if self.frames else "the stream is corrupt"
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
    made = _INFLATERS.get(codec)
    if made is None:
        raise InflateError("the gate can't read this compression")
    return made()
