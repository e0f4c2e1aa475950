"""NAR bodies as they stream: decompressed, counted, hashed, looked at, never kept.

HTTP 200 and a well-ended transfer prove nothing about a body: Attic sends the status before it fetches the first chunk
(attic b7c9056 server/src/api/binary_cache.rs, ``get_nar``). What counts is how many bytes come out of the decompressor,
their hash, and how the stream ended; all three are measured here and judged elsewhere.
"""

import hashlib
from typing import Final

from gate.model.parsed import NarMeasure
from gate.parse.inflate import InflateError, Inflater, TooMuchMemoryError, inflater
from gate.parse.nar_shape import MAGIC, NarShape
from gate.parse.nix_hash import to_nix32

SNIFF_BYTES: Final = 24

# Magic numbers by the codec names of narinfos. Brotli has none.
_MAGICS: Final = (
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"\x1f\x8b\x08", "gzip"),
    (len(MAGIC).to_bytes(8, "little") + MAGIC, "none"),
)


def sniff(first: bytes) -> str | None:
    """The codec that the first bytes of a body (`SNIFF_BYTES` are enough) speak of, or None when they speak of none."""
    return next((codec for magic, codec in _MAGICS if first.startswith(magic)), None)


class NarMeter:
    """Measures one body of a declared codec against the size, in bytes, that the NAR should have.

    Feed it what arrives, then `finish` it. Memory is constant whatever the bytes; nothing that they hold makes it
    raise. At one byte over ``nar_size`` it stops decompressing: a bomb costs no more than the NAR would.
    """

    def __init__(self, codec: str, nar_size: int) -> None:
        self._nar_size = nar_size
        self._codec = codec
        self._head = b""
        self._wire_bytes = 0
        self._nar_bytes = 0
        self._hash = hashlib.sha256()
        self._shape = NarShape()
        self._error: str | None = None
        self._too_much = False
        self._inflater: Inflater | None = None
        try:
            self._inflater = inflater(codec)
        except InflateError as error:
            self._error = str(error)

    @property
    def readable(self) -> bool:
        """Whether nothing has come, or been declared, that can't be decompressed."""
        return self._error is None

    @property
    def too_much(self) -> bool:
        """Whether it ended for memory that is not allowed here, which says nothing of the body."""
        return self._too_much

    @property
    def overrun(self) -> bool:
        """Whether more has come out than the NAR should have."""
        return self._overrun()

    def feed(self, data: bytes | memoryview) -> bool:
        """Measure on; False when nothing that may still come can make the body right, so the transfer may end.

        Nothing of ``data`` is kept, so what a view shows may change afterwards.
        """
        self._wire_bytes += len(data)
        if len(self._head) < SNIFF_BYTES:
            self._head += bytes(data[: SNIFF_BYTES - len(self._head)])
        if self._inflater is None or self._error or self._overrun():
            return False
        try:
            for piece in self._inflater.feed(data):
                self._count(piece)
                if self._overrun():
                    return False
        except InflateError as error:
            self._error = str(error)
            self._too_much = isinstance(error, TooMuchMemoryError)
            return False
        return True

    def finish(self) -> NarMeasure:
        """What the body was. Changes nothing, so it may be asked at any time."""
        return NarMeasure(
            wire_bytes=self._wire_bytes,
            nar_bytes=self._nar_bytes,
            sha256=to_nix32(self._hash.digest()),
            clean_end=self._clean_end(),
            overrun=self._overrun(),
            well_formed=self._shape.whole or (self._overrun() and not self._shape.broken),
            sniffed=sniff(self._head),
            error=self._error,
            skipped_bytes=0 if self._inflater is None else self._inflater.skipped,
        )

    def _overrun(self) -> bool:
        return self._nar_bytes > self._nar_size

    def _count(self, piece: bytes | memoryview) -> None:
        room = self._nar_size + 1 - self._nar_bytes
        counted = piece if len(piece) <= room else piece[:room]
        self._nar_bytes += len(counted)
        self._hash.update(counted)
        self._shape.feed(counted)

    def _clean_end(self) -> bool:
        if self._inflater is None or self._error or self._overrun():
            return False
        # Without compression nothing in the body marks its end: only the expected size does.
        return self._inflater.ended() and (self._codec != "none" or self._nar_bytes == self._nar_size)
