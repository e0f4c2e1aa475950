"""Foreign text made safe to show: on a terminal, in a runner's log, in Markdown.

The tables are fixed code points, not ``unicodedata``: a rendering must have the same bytes under every Python,
or ``verify`` would call genuine evidence altered.
"""

import re
from itertools import accumulate
from typing import Final

_ELLIPSIS: Final = "…"

# Characters that move, hide or reorder what a reader sees: C0 and C1 controls, every blank but U+0020, line and
# paragraph separators, bidi controls, zero-width and default-ignorable ones (Unicode DerivedCoreProperties.txt),
# lone surrogates, private use, non-characters.
_UNSEEN: Final = re.compile(
    "["
    "\x00-\x1f\x7f-\xa0\xad"
    "\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164"
    "\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U0010ffff"
    "]"
)

# The runner looks for its commands with culture-sensitive .NET string search, in which ICU skips ignorable characters
# (actions/runner ActionCommand.cs:132, TryParseV2 and TryParse). So anything that is not printable ASCII counts as
# nothing between the characters of a command. TrimStart takes leading blanks away.
_LEADING_COLONS: Final = re.compile("^([^!-~]*):(?=[^!-~]*:)")
_LEGACY_BRACKET: Final = re.compile(r"(#[^ -~]*#[^ -~]*)\[")

# What GitHub's Markdown reads as structure, link, math, emoji or HTML. A numeric reference is never structure
# (CommonMark 0.31, section 2.5), and only a raw pipe separates the cells of a table.
_MARKDOWN: Final = re.compile(r"[\\`*_\[\]#!|<>&~@$]|:(?=\S)|(?<=[Ww]{3})\.")
_LINKABLE: Final = re.compile(r"https?://[A-Za-z0-9.:/_-]{1,400}")
# In a code span only its own end counts, and in a table the pipe.
_CODE: Final = re.compile("[`|]")


def plain(text: str, cap: int) -> str:
    r"""One line of at most ``cap`` characters, in which nothing is hidden: ``\xNN`` and ``\u{…}`` show what was there.

    ``cap`` is 1 or more. A longer text ends in ``…``; an escape is never cut in two.
    """
    # One character of text gives at least one of output: what lies beyond cap + 1 can't be shown.
    visible = _UNSEEN.sub(_visible, text[: cap + 1])
    if len(visible) <= cap:
        return visible
    pieces = [_UNSEEN.sub(_visible, char) for char in text[:cap]]
    fitting = sum(end < cap for end in accumulate(map(len, pieces)))
    return "".join(pieces[:fitting]) + _ELLIPSIS


def runner_safe(document: str) -> str:
    r"""The same lines, none of which a GitHub runner reads as a command.

    ``::`` at the start of a line becomes ``\x3a:`` and ``##[`` anywhere ``##\x5b``. Lines are separated by LF; foreign
    text has been through `plain` before, so no other line end is left.
    """
    return "\n".join(_commandless(line) for line in document.split("\n"))


def markdown_cell(text: str, cap: int) -> str:
    """`plain` text as prose of GitHub's Markdown: no markup and no HTML is left in it, pipes are safe in a table.

    ``cap`` is of the text, before it is escaped. Start no line with it.
    """
    return _MARKDOWN.sub(lambda rows: f"&#{ord(rows[0])};", plain(text, cap))


def markdown_code(text: str, cap: int) -> str:
    """`plain` text as a code span: for names, paths and codes, in which nothing is markup but the span's own end."""
    inner = _CODE.sub(_visible, plain(text, cap)).strip(" ")
    return f"`{inner}`" if inner else "–"


def is_linkable(url: str) -> bool:
    """Whether an address may be a link as it is: by http, of characters that are no markup anywhere."""
    return _LINKABLE.fullmatch(url) is not None


def _visible(rows: re.Match[str]) -> str:
    code = ord(rows[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}"  # noqa: PLR2004  # \xNN has two digits


def _commandless(line: str) -> str:
    return _LEGACY_BRACKET.sub(r"\1\\x5b", _LEADING_COLONS.sub(r"\1\\x3a", line))
