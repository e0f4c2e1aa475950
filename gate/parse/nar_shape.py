"""Whether a stream of bytes is one whole NAR: its grammar alone, in constant memory.

Format: https://nix.dev/manual/nix/2.34/protocols/nix-archive. A string is its length (8 bytes, little-endian), its
bytes, and zeros up to a multiple of 8. Contents, names and link targets are passed over; how names are ordered is not
looked at.
"""

from collections.abc import Generator
from typing import Final

MAGIC: Final = b"nix-archive-1"
_WORD_BYTES: Final = 16  # the longest word of the grammar, nix-archive-1, has 13

# Yields how many bytes it wants next, or minus how many it passes over; is sent those that it wanted.
_Steps = Generator[int, bytes, None]


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
        self._steps = _nar()
        self._want = next(self._steps)
        self._have = bytearray()

    def feed(self, piece: bytes) -> None:
        """Read on. Never raises."""
        at = 0
        while at < len(piece) and not self.broken:
            if self.whole:
                self.whole, self.broken = False, True
            elif self._want < 0:
                passed = min(-self._want, len(piece) - at)
                at += passed
                self._want += passed
                if not self._want:
                    self._advance(b"")
            else:
                taken = piece[at : at + self._want - len(self._have)]
                at += len(taken)
                self._have += taken
                if len(self._have) == self._want:
                    had = bytes(self._have)
                    self._have.clear()
                    self._advance(had)

    def _advance(self, had: bytes) -> None:
        try:
            self._want = self._steps.send(had)
        except StopIteration:
            self.whole = True
        except _ShapeError:
            self.broken = True


def _nar() -> _Steps:
    yield from _expect(MAGIC)
    depth = 0  # how many directories are open
    while True:
        yield from _expect(b"(", b"type")
        kind = yield from _word()
        if kind == b"directory":
            depth += 1
        else:
            yield from _leaf(kind)
            if depth:
                yield from _expect(b")")
        while depth:
            word = yield from _word()
            if word == b"entry":
                break
            _check(word == b")")
            depth -= 1
            if depth:
                yield from _expect(b")")
        if not depth:
            return
        yield from _expect(b"(", b"name")
        yield from _pass_string()
        yield from _expect(b"node")


def _leaf(kind: bytes) -> _Steps:
    """The rest of a file or a link, its closing bracket included."""
    if kind == b"symlink":
        yield from _expect(b"target")
        yield from _pass_string()
        yield from _expect(b")")
        return
    _check(kind == b"regular")
    word = yield from _word()
    if word == b"executable":
        yield from _expect(b"")
        word = yield from _word()
    if word == b"contents":
        yield from _pass_string()
        word = yield from _word()
    _check(word == b")")


def _expect(*words: bytes) -> _Steps:
    for expected in words:
        word = yield from _word()
        _check(word == expected)


def _word() -> Generator[int, bytes, bytes]:
    length = int.from_bytes((yield 8), "little")
    _check(length <= _WORD_BYTES)
    word = (yield length) if length else b""
    yield from _padding(length)
    return word


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
