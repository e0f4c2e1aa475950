"""Values of those tables of ``gate.toml`` that are no rows of the table of settings; unknown keys are refused."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from gate.errors import RefusedError

REQUIRE_KEYS: Final = (
    "guarded",
    "workflow",
    "workflow-id",
    "repository-id",
    "events",
    "profiles",
    "max-age-hours",
    "min-gate-version",
    "attested",
    "signer-workflow",
    "owners",
)
QUARANTINE_KEYS: Final = (
    "held",
    "incident",
    "since",
    "passes",
    "days",
    "history-days",
    "statements",
    "break-glass",
)
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z", re.ASCII)
_TEXT_CHARS: Final = 1000


class Table:
    """One table of ``gate.toml``; every method gives a checked value or raises `RefusedError` that names the key."""

    def __init__(self, name: str, content: object, keys: Iterable[str]) -> None:
        if not isinstance(content, Mapping):
            raise RefusedError(f"gate.toml [{name}] is {_kind(content)}: expected a table")
        self.name = name
        self._content: Mapping[str, Any] = content
        expected = sorted(keys)
        unknown = sorted(set(content) - set(expected))
        if unknown:
            raise RefusedError(
                f"gate.toml [{name}] has the unknown key {ascii(unknown[0])[:80]}: expected {', '.join(expected)}"
            )

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._content

    def raw(self, key: str) -> Any:  # noqa: ANN401  # whatever TOML holds there
        """The value as TOML has it, or None."""
        return self._content.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        """One line of text that is not empty."""
        entry = self._content.get(key, default)
        if not isinstance(entry, str) or not entry.strip() or len(entry) > _TEXT_CHARS or not entry.isprintable():
            raise self.wrong(key, entry, "one line of text")
        return entry.strip()

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        entry = self._content.get(key, default)
        if not isinstance(entry, bool):
            raise self.wrong(key, entry, "true or false")
        return entry

    def whole(self, key: str, default: int, *, least: int, most: int) -> int:
        """A whole number within its bounds."""
        entry = self._content.get(key, default)
        if not isinstance(entry, int) or isinstance(entry, bool) or not least <= entry <= most:
            raise self.wrong(key, entry, f"a whole number from {least} to {most}")
        return entry

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A list of texts, none of them empty."""
        entry = self._content.get(key, default)
        if not isinstance(entry, list | tuple) or not all(isinstance(row, str) and row.strip() for row in entry):
            raise self.wrong(key, entry, "a list of texts")
        return tuple(entry)

    def moment(self, key: str) -> str:
        """A time as RFC 3339 UTC text; TOML's own date-times are taken too, when they name a zone."""
        entry = self._content.get(key)
        if isinstance(entry, datetime) and entry.tzinfo is not None:
            entry = entry.isoformat().replace("+00:00", "Z")
        if not isinstance(entry, str) or not is_moment(entry):
            raise self.wrong(key, entry, "a time in UTC such as 2026-05-06T00:00:00Z")
        return entry

    def wrong(self, key: str, entry: object, expected: str) -> RefusedError:
        """The error for a value that is not what it has to be."""
        return RefusedError(f"gate.toml [{self.name}] {key} is {ascii(entry)[:80]}: expected {expected}")


def is_moment(text: str) -> bool:
    """Whether a text is a time in UTC that there is."""
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _kind(content: object) -> str:
    return type(content).__name__
