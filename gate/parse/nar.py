"""NAR archives as a stream: their grammar, their size and their hash."""

import hashlib
from collections.abc import Generator
from typing import Final

from gate.model.parsed import NarMeasure
from gate.parse.inflate import InflateError, Inflater, TooMuchMemoryError, inflater
from gate.parse.store_path import to_nix32

MAGIC: Final = b"nix-archive-1"
_WORD_BYTES: Final = 16  # the longest word of the grammar, nix-archive-1, has 13

# Yields how many bytes it wants next, or minus how many it passes over, or the bytes that must come; is sent those that
# it wanted.
_Steps = Generator[int | bytes, bytes, None]


class _ShapeError(Exception):
    """Raised inside of the grammar only: these bytes are no NAR."""


class NarShape:
    """Reads a NAR in pieces of any size.

    ``whole``: the NAR ended, and nothing has come after it. ``broken``: what came can't be the beginning of a NAR, or
    goes on after its end. Neither: more is needed.
    """

    def __init__(self) -> None:
        self.whole = False
        self.broken = False
        self._fresh = True
        self._steps = _nar()
        self._want = 0
        self._must = b""
        self._have = bytearray()
        self._next(next(self._steps))

    def feed(self, piece: bytes | memoryview) -> None:
        """Read on. Never raises."""
        at = 0
        if self._fresh and piece:
            self._fresh = False
            if _is_one_file(piece):
                self.whole = True
                return
        while at < len(piece) and not self.broken:
            if self.whole:
                self.whole, self.broken = False, True
            elif self._must:
                at = self._compare(piece, at)
            elif self._want < 0:
                passed = min(-self._want, len(piece) - at)
                at += passed
                self._want += passed
                if not self._want:
                    self._advance(b"")
            else:
                part = piece[at : at + self._want - len(self._have)]
                at += len(part)
                self._have += part
                if len(self._have) == self._want:
                    had = bytes(self._have)
                    self._have.clear()
                    self._advance(had)

    def _compare(self, piece: bytes | memoryview, at: int) -> int:
        arrivals = bytes(piece[at : at + len(self._must)])
        if not self._must.startswith(arrivals):
            self.broken = True
        elif len(arrivals) == len(self._must):
            self._advance(b"")
        else:
            self._must = self._must[len(arrivals) :]
        return at + len(arrivals)

    def _next(self, step: int | bytes) -> None:
        self._want, self._must = (step, b"") if isinstance(step, int) else (0, step)

    def _advance(self, had: bytes) -> None:
        try:
            self._next(self._steps.send(had))
        except StopIteration:
            self.whole = True
        except _ShapeError:
            self.broken = True


def _strings(*words: bytes) -> bytes:
    return b"".join(len(word).to_bytes(8, "little") + word + bytes(-len(word) % 8) for word in words)


_MAGIC: Final = _strings(MAGIC)
_TYPE: Final = _strings(b"(", b"type")
_NAME: Final = _strings(b"(", b"name")
_NODE: Final = _strings(b"node")
_TARGET: Final = _strings(b"target")
_CLOSE: Final = _strings(b")")
_EMPTY: Final = _strings(b"")
_ONE_FILE: Final = _strings(MAGIC, b"(", b"type", b"regular", b"contents")


def _is_one_file(piece: bytes | memoryview) -> bool:
    """Whether this is a whole NAR of one plain file. Many NARs are, and step by step they take 20 times as long."""
    start = len(_ONE_FILE) + 8
    if len(piece) < start or piece[: len(_ONE_FILE)] != _ONE_FILE:
        return False
    end = start + int.from_bytes(piece[len(_ONE_FILE) : start], "little")
    padded = end + -end % 8  # everything before the content is of whole eights
    return len(piece) == padded + len(_CLOSE) and piece[end:] == bytes(padded - end) + _CLOSE


def _nar() -> _Steps:
    yield _MAGIC
    depth = 0  # how many directories are open
    while True:
        yield _TYPE
        kind = yield from _word()
        if kind == b"directory":
            depth += 1
        else:
            yield from _leaf(kind)
            if depth:
                yield _CLOSE
        while depth:
            word = yield from _word()
            if word == b"entry":
                break
            _check(word == b")")
            depth -= 1
            if depth:
                yield _CLOSE
        if not depth:
            return
        yield _NAME
        yield from _pass_string()
        yield _NODE


def _leaf(kind: bytes) -> _Steps:
    """The rest of a file or a link, its closing bracket included."""
    if kind == b"symlink":
        yield _TARGET
        yield from _pass_string()
        yield _CLOSE
        return
    _check(kind == b"regular")
    word = yield from _word()
    if word == b"executable":
        yield _EMPTY
        word = yield from _word()
    if word == b"contents":
        yield from _pass_string()
        word = yield from _word()
    _check(word == b")")


def _word() -> Generator[int | bytes, bytes, bytes]:
    length = int.from_bytes((yield 8), "little")
    _check(length <= _WORD_BYTES)
    padded = (yield length + -length % 8) if length else b""
    _check(not any(padded[length:]))
    return padded[:length]


def _pass_string() -> _Steps:
    length = int.from_bytes((yield 8), "little")
    if length:
        yield -length
    yield from _padding(length)


def _padding(length: int) -> _Steps:
    if length % 8:
        zeros = yield 8 - length % 8
        _check(not any(zeros))


def _check(fits: bool) -> None:  # noqa: FBT001  # one comparison, named where it is made
    if not fits:
        raise _ShapeError


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
