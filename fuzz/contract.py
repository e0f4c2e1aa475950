"""What every parser of foreign text promises, whatever the bytes."""

from collections.abc import Callable, Iterator
from typing import Final, ParamSpec, TypeVar

from gate.errors import ForeignTextError

P = ParamSpec("P")
T = TypeVar("T")
_SENTENCE_CHARS: Final = 1500


def tried(parse: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T | None:
    """What a parser gives, or None when it says that the text is foreign; anything else that it raises gets out.

    What it says must be one short printable line: it goes to terminals and into evidence.
    """
    try:
        return parse(*arguments, **options)
    except ForeignTextError as error:
        sentence = str(error)
        assert sentence.isprintable(), "an error's sentence has control characters"
        assert len(sentence) <= _SENTENCE_CHARS, f"an error's sentence has {len(sentence)} characters"
        return None


def pieces(data: bytes) -> Iterator[bytes]:
    """The same bytes in pieces of many sizes, which the bytes themselves decide, and an empty one."""
    yield b""
    at = turn = 0
    while at < len(data):
        size = data[(turn * 7919 + at) % len(data)]
        size = 1 + (size * size // 16 if turn % 3 else size % 5)
        yield data[at : at + size]
        at += size
        turn += 1


def text(data: bytes) -> str:
    """The bytes as text of any kind, lone surrogates among it."""
    return data.decode("utf-8", "surrogateescape")
