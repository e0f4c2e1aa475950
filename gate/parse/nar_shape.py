"""Whether a stream of bytes is one whole NAR: its grammar alone, in constant memory.

Format: https://nix.dev/manual/nix/2.34/protocols/nix-archive. A string is its length (8 bytes, little-endian), its
bytes, and zeros up to a multiple of 8. Contents, names and link targets are passed over; how names are ordered is not
looked at.
"""

from collections.abc import Generator
from typing import Final

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
                taken = piece[at : at + self._want - len(self._have)]
                at += len(taken)
                self._have += taken
                if len(self._have) == self._want:
                    had = bytes(self._have)
                    self._have.clear()
                    self._advance(had)

    def _compare(self, piece: bytes | memoryview, at: int) -> int:
        came = bytes(piece[at : at + len(self._must)])
        if not self._must.startswith(came):
            self.broken = True
        elif len(came) == len(self._must):
            self._advance(b"")
        else:
            self._must = self._must[len(came) :]
        return at + len(came)

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
