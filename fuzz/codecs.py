"""The codecs of NAR bodies by their own libraries, a whole body at once: what the streaming reader is held against."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from typing import Final, Protocol

import brotli
import zstandard

CODECS: Final = ("none", "zstd", "xz", "bzip2", "gzip", "br")


def compressed(codec: str, data: bytes) -> bytes:
    """The data as one whole body of that codec, the same each time."""
    match codec:
        case "zstd":
            return zstandard.ZstdCompressor(level=1).compress(data)
        case "xz":
            return lzma.compress(data, preset=0)
        case "bzip2":
            return bz2.compress(data, 1)
        case "gzip":
            return gzip.compress(data, 1, mtime=0)
        case "br":
            return bytes(brotli.compress(data, quality=1))
    return data


def inflated(codec: str, body: bytes, most: int) -> bytes | None:
    """All that is in a body, or None: it is broken, it is cut, or there is more in it than ``most`` bytes."""
    try:
        whole = _inflated(codec, body, most)
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error, zstandard.ZstdError, brotli.error, MemoryError):
        return None
    return whole if whole is not None and len(whole) <= most else None


def _inflated(codec: str, body: bytes, most: int) -> bytes | None:
    if codec == "none":
        return body
    if codec == "br":
        return _brotli(body, most)
    plain = b""
    while body:
        reader = _READERS[codec]()
        plain += reader.decompress(body, most + 1 - len(plain))
        if not reader.eof or len(plain) > most:
            return None
        body = reader.unused_data
        if codec == "xz":  # its streams may be followed by zeros in fours
            zeros = len(body) - len(body.lstrip(b"\0"))
            if zeros % 4:
                return None
            body = body[zeros:]
    return plain


class _Reader(Protocol):
    """One frame, stream or member: the interface of the standard library's decompressors."""

    def decompress(self, data: bytes, max_length: int) -> bytes: ...

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._member.decompress(data, max_length)

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data


class _Zstd:
    def __init__(self) -> None:
        self._frame = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
        self._rest = b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        plain = b""
        for at in range(0, len(data), 64):  # which can't give much more than 2 MiB at once
            plain += self._frame.decompress(data[at : at + 64])
            if self._frame.eof or len(plain) > max_length:
                self._rest = data[at + 64 :]
                break
        return plain

    @property
    def eof(self) -> bool:
        return bool(self._frame.eof)

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data + self._rest


def _brotli(body: bytes, most: int) -> bytes | None:
    stream = brotli.Decompressor()
    plain = piece = stream.process(body, output_buffer_limit=1 << 16)
    while piece and len(plain) <= most:
        piece = stream.process(b"", output_buffer_limit=1 << 16)
        plain += piece
    return bytes(plain) if stream.is_finished() else None


_READERS: Final[dict[str, Callable[[], _Reader]]] = {
    "zstd": _Zstd,
    "xz": lambda: lzma.LZMADecompressor(format=lzma.FORMAT_XZ),
    "bzip2": bz2.BZ2Decompressor,
    "gzip": _Gzip,
}
