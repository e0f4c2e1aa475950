"""Text for a terminal: colored and fitted to its width, or left as it is."""

import re
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Final, TextIO

_RESET: Final = "\x1b[0m"
_TONES: Final = {"good": "\x1b[1;32m", "bad": "\x1b[1;31m", "unsure": "\x1b[1;33m"}
_WORDS: Final = {
    "PASS": "good",
    "QUARANTINE": "bad",
    "REFUSED": "unsure",
    "INCONCLUSIVE": "unsure",
    "CAPTURED": "unsure",
    "LAB RUN": "unsure",
    "BLOCKED": "bad",
}
_MARKS: Final = {"✓": "good", "✗": "bad"}
_WORD: Final = re.compile(rf"^({'|'.join(_WORDS)})(?=:)")
_MARK: Final = re.compile("[✓✗]+")
_LABEL: Final = re.compile(r"^(\s*\S+(?: \S+)*? {2,}|\s*- |\s+)?")  # what the continued lines of a line stand under
_LEAST: Final = 40  # columns under which nothing is fitted


def wants_color(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a stream gets color: https://no-color.org and https://force-color.org, else when it is a terminal."""
    if environ.get("NO_COLOR"):
        return False
    return bool(environ.get("FORCE_COLOR")) or (stream.isatty() and environ.get("TERM") != "dumb")


def painted(text: str) -> str:
    """The text with the verdict's word and the marks of samples in color."""
    return "\n".join(_painted(line) for line in text.split("\n"))


def fitted(text: str, width: int) -> str:
    """The text with longer lines wrapped at blanks, continued under the text of their line."""
    if width < _LEAST:
        return text
    return "\n".join(part for line in text.split("\n") for part in _fitted(line, width))


def _painted(line: str) -> str:
    line = _WORD.sub(lambda match: f"{_TONES[_WORDS[match[1]]]}{match[1]}{_RESET}", line)
    return _MARK.sub(lambda match: "".join(_run(match[0])), line)


def _run(marks: str) -> Iterator[str]:
    for part in re.findall("✓+|✗+", marks):
        yield f"{_TONES[_MARKS[part[0]]]}{part}{_RESET}"


def _fitted(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    label = _LABEL.match(line)
    hang = min(len(label[0]) if label else 0, width // 2)
    return wrap(line, width, subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False) or [line]
