"""How foreign text is shown inside our own sentences: short, ASCII, and unable to break a line."""

from typing import Final

SHOWN_CHARS: Final = 80


def shown(text: object) -> str:
    """A value of foreign text for an error message: quoted, escaped to ASCII, cut at `SHOWN_CHARS`."""
    whole = text if isinstance(text, str) else repr(text)
    cut = ascii(whole[:SHOWN_CHARS])
    return cut if len(whole) <= SHOWN_CHARS else f"{cut}… ({len(whole)} characters)"
