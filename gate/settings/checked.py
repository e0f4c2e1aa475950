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

    def __init__(self, name: str, content: object, known: Iterable[str]) -> None:
        if not isinstance(content, Mapping):
            raise RefusedError(f"gate.toml [{name}] is {_kind(content)}: expected a table")
        self.name = name
        self._content: Mapping[str, Any] = content
        expected = sorted(known)
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
        given = self._content.get(key, default)
        if not isinstance(given, str) or not given.strip() or len(given) > _TEXT_CHARS or not given.isprintable():
            raise self.wrong(key, given, "one line of text")
        return given.strip()

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        given = self._content.get(key, default)
        if not isinstance(given, bool):
            raise self.wrong(key, given, "true or false")
        return given

    def whole(self, key: str, default: int, *, least: int, most: int) -> int:
        """A whole number within its bounds."""
        given = self._content.get(key, default)
        if not isinstance(given, int) or isinstance(given, bool) or not least <= given <= most:
            raise self.wrong(key, given, f"a whole number from {least} to {most}")
        return given

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A list of texts, none of them empty."""
        given = self._content.get(key, default)
        if not isinstance(given, list | tuple) or not all(isinstance(row, str) and row.strip() for row in given):
            raise self.wrong(key, given, "a list of texts")
        return tuple(given)

    def moment(self, key: str) -> str:
        """A time as RFC 3339 UTC text; TOML's own date-times are taken too, when they name a zone."""
        given = self._content.get(key)
        if isinstance(given, datetime) and given.tzinfo is not None:
            given = given.isoformat().replace("+00:00", "Z")
        if not isinstance(given, str) or not is_moment(given):
            raise self.wrong(key, given, "a time in UTC such as 2026-05-06T00:00:00Z")
        return given

    def wrong(self, key: str, given: object, expected: str) -> RefusedError:
        """The error for a value that is not what it has to be."""
        return RefusedError(f"gate.toml [{self.name}] {key} is {ascii(given)[:80]}: expected {expected}")


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
