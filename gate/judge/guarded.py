"""Whether a change relies on trusted publication, by what the changed files say at the head.

So a change that takes the trust away is never blocked.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from gate.model.gating import Guard, TreeEntry

_PLAIN_FILES: Final = ("100644", "100755")


def guarded_changes(
    before: Iterable[TreeEntry], after: Iterable[TreeEntry], guards: Sequence[Guard]
) -> tuple[tuple[TreeEntry, tuple[Guard, ...]], ...]:
    """The paths that the head adds or changes and some guard names, with those guards; removed ones are none."""
    known = {(entry.path, entry.mode, entry.blob) for entry in before}
    matchers = [(guard, path_pattern(guard.path)) for guard in guards]
    found = []
    for entry in sorted(after, key=lambda row: row.path):
        if (entry.path, entry.mode, entry.blob) not in known:
            hit = tuple(guard for guard, matcher in matchers if matcher.fullmatch(entry.path))
            if hit:
                found.append((entry, hit))
    return tuple(found)


def must_be_read(entry: TreeEntry, guards: Sequence[Guard]) -> bool:
    """Whether the file's text decides: else its being there does."""
    return entry.mode in _PLAIN_FILES and all(guard.pattern is not None for guard in guards)


def relies(entry: TreeEntry, guards: Sequence[Guard], content: bytes | None) -> str | None:
    """In words why this path relies on trusted publication, or None. ``content`` None: it was not or can't be read."""
    if entry.mode not in _PLAIN_FILES:
        return f"{entry.path} is no plain file (mode {entry.mode}), so what it says can't be told"
    for guard in guards:
        if guard.pattern is None:
            return f"{entry.path} is guarded as a whole ({guard.path})"
        if content is None:
            return f"{entry.path} is too large to be read for {guard.pattern}"
        if re.search(guard.pattern, content.decode("utf-8", "backslashreplace"), re.MULTILINE):
            return f"{entry.path} matches {guard.pattern}"
    return None


def path_pattern(glob: str) -> re.Pattern[str]:
    """A path pattern as a regular expression: ``**`` is any number of segments, ``*`` and ``?`` stay within one."""
    return re.compile("".join(_pieces(glob.split("/"))), re.DOTALL)


def _pieces(segments: Sequence[str]) -> Iterator[str]:
    last = len(segments) - 1
    for number, segment in enumerate(segments):
        if segment == "**":
            yield ".+" if number == last else "(?:[^/]+/)*"
        else:
            parts = re.split(r"([*?])", segment)
            yield "".join({"*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part)) for part in parts)
            yield "" if number == last else "/"
