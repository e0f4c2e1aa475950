"""The same evidence with every text of it replaced: what a server, a log or a branch name could put there."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar

from hypothesis import strategies as st

_T = TypeVar("_T")
_PIECES = (
    "::error::",
    "::add-mask::quarantine",
    "::set-output name=verdict::pass",
    "::",
    ":",
    "##[",
    "##[error]",
    "##[set-output name=verdict;]pass",
    "#",
    "[",
    "]",
    "\n",
    "\r",
    "\r\n",
    "\x0b",
    "\x1b[31m",
    "\x1b]8;;http://x\x07",
    "\x00",
    "\x7f",
    "\x85",
    "\u00a0",
    "\u00ad",
    "\u061c",
    "\u200b",
    "\u200d",
    "\u200e",
    "\u202e",
    "\u2028",
    "\u2066",
    "\u3000",
    "\ufe0f",
    "\ufeff",
    "\ud800",
    "\U000e0041",
    "|",
    "`",
    "``",
    "<script>alert(1)</script>",
    "</style>",
    "</details>",
    "<!--",
    "&lt;",
    '"',
    "'",
    "\\",
    "\\u{",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "**",
    "[a](http://x)",
    "![a](http://x)",
    "@all",
    "www.x.org",
    "$$",
    " ",
    "a",
    "é",
    "-",
    "/",
)

hostile_text = st.lists(st.sampled_from(_PIECES), min_size=1, max_size=12).map("".join)


def everywhere(made: _T, text: str) -> _T:
    """A copy of a value in which every text that is no enum's word is ``text``; what is empty stays so."""
    copied: Any = _copied(made, text)
    return copied  # type: ignore[no-any-return]  # of the same type by construction


def _copied(made: Any, text: str) -> Any:
    if isinstance(made, Enum):
        return made
    if isinstance(made, str):
        return text if made else made
    if is_dataclass(made) and not isinstance(made, type):
        return replace(made, **{field.name: _copied(getattr(made, field.name), text) for field in fields(made)})
    if isinstance(made, tuple):
        return tuple(_copied(item, text) for item in made)
    if isinstance(made, Mapping):
        return {
            (key if isinstance(key, Enum) else text + "x" * number): _copied(item, text)
            for number, (key, item) in enumerate(made.items())
        }
    return made
