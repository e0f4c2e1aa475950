"""The words that every room uses: three-valued truth, statuses, claims, states, verdict words."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar, dataclass_transform

_T = TypeVar("_T")


def _equal(self: object, other: object) -> bool:
    return self.__dict__ == other.__dict__ if other.__class__ is self.__class__ else NotImplemented


def _hash(self: object) -> int:
    return hash(tuple(self.__dict__.values()))  # in the order of the fields, as __init__ sets them


def _repr(self: object) -> str:
    fields = ", ".join(f"{name}={content!r}" for name, content in self.__dict__.items())
    return f"{self.__class__.__qualname__}({fields})"


@dataclass_transform(frozen_default=True, kw_only_default=True)
def value(cls: type[_T]) -> type[_T]:
    """Make a class a frozen, keyword-only value whose JSON form refuses unknown fields.

    ``__pydantic_config__`` is what pydantic reads from a plain dataclass
    (https://docs.pydantic.dev/latest/concepts/dataclasses/); the model itself imports no pydantic. What compares,
    hashes and shows a value is shared by all of them: to have it generated for each takes 50 ms of every start.
    """
    frozen: Any = dataclass(frozen=True, kw_only=True, repr=False, eq=False)(cls)
    frozen.__eq__, frozen.__hash__, frozen.__repr__ = _equal, _hash, _repr
    frozen.__pydantic_config__ = {"extra": "forbid"}
    return frozen  # type: ignore[no-any-return]  # dataclass() of an Any-typed class is Any


class Truth(StrEnum):
    """A fact is there, is not there, or could not be determined; unknown is never read as absent."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Status(StrEnum):
    """What a check says of one subject."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not_applicable"


class VerdictWord(StrEnum):
    """The verdict in one word; see `EXIT_CODES`."""

    PASS = "pass"
    REFUSED = "refused"
    INCONCLUSIVE = "inconclusive"
    QUARANTINE = "quarantine"


EXIT_CODES = {VerdictWord.PASS: 0, VerdictWord.REFUSED: 2, VerdictWord.INCONCLUSIVE: 3, VerdictWord.QUARANTINE: 4}


class Phase(StrEnum):
    """When, around the publication, a fact was seen."""

    PRE = "pre"
    DURING = "during"
    POST = "post"


class Label(StrEnum):
    """Which of the three publications of a run a path belongs to, in the order of harm."""

    CANARY = "canary"
    TWIN = "twin"
    PROFILE = "profile"


class Claim(StrEnum):
    """What the push says of a path. All but ``failed`` and ``unaccounted`` are claims of a database."""

    UPLOADED = "uploaded"
    DEDUPLICATED = "deduplicated"
    ALREADY_CACHED = "already-cached"
    IN_UPSTREAM = "in-upstream"
    FAILED = "failed"
    UNACCOUNTED = "unaccounted"


class BucketState(StrEnum):
    """The class of one bucket over the samples of a phase (design section 4)."""

    INDEXED = "indexed"
    INDEX_LOST = "index-lost"
    DATA_MISSING = "data-missing"
    UNSERVED = "unserved"
    UNLISTED = "unlisted"
    MISSING = "missing"
    MARKER_MISSING = "marker-missing"
    FLAPPING = "flapping"
    NOT_READY = "not-ready"
    UNOBSERVABLE = "unobservable"


class Kind(StrEnum):
    """Lab evidence never counts for ``require``, history or quarantine."""

    LAB = "lab"
    PRODUCTION = "production"


class Secret:
    """A credential that can't be printed: every textual form of it is ``***``.

    ``reveal`` is the only way to its text, so each use can be found by that word.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret's text, for the one place that sends it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        raise TypeError("a Secret can't be pickled")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)
