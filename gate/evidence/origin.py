"""Decides for every interface which answers the server itself gave just now.

An answer that a cache on the way may have kept, or that came before, does not count: it loses its status, and
`HttpAnswer.error` says why, so whatever reads the status takes it as unknown. Reads of bodies are left as they are:
builders get what a cache delivers, and `gate.evidence.bodies` classes it.

A kept answer is recognized by the headers of caches (`gate.parse.http_cache`), and by what never repeats: the id that
S3 gives each request, and a ``Date`` (RFC 9110, 6.6.1) that does not move while our clock does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from gate import limits
from gate.model.records import BodyRead, ChildEnded, Entry, HttpAnswer, PushSetKnown, ReferencesKnown
from gate.model.time import parse_http_date
from gate.parse.http_cache import from_a_cache

_T = TypeVar("_T")
_UNCHANGED: Final = (
    BodyRead,
    ChildEnded,
    PushSetKnown,
    ReferencesKnown,
)  # body reads, and records without answers
_REQUEST_IDS: Final = ("x-amz-request-id", "x-request-id", "request-id")


def of_origin(value: _T) -> _T:
    """The same value, in which each answer that a cache may have given has no status, however deep it is nested."""
    changed: _T = with_answers(value, _fresh)
    return changed


def origin_entries(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The journal's entries as `of_origin` gives them, and without the answers that came before."""
    memory = _Memory(entries)
    return tuple(
        entry if isinstance(entry.record, _UNCHANGED) else memory.without_replays(of_origin(entry)) for entry in entries
    )


def server_time(answer: HttpAnswer) -> datetime | None:
    """The answer's ``Date``; None where it has none that can be read."""
    return parse_http_date(answer.date)


def header_values(answer: HttpAnswer, name: str) -> tuple[str, ...]:
    """The values of one of the kept headers, by its lower-case name."""
    return tuple(line.removeprefix(f"{name}: ") for line in answer.headers if line.startswith(f"{name}: "))


def answers_in(value: object) -> Iterator[HttpAnswer]:
    """All answers in a value, in the order of its fields."""
    if isinstance(value, HttpAnswer):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from answers_in(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from answers_in(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from answers_in(item)


def with_answers(value: Any, change: Callable[[HttpAnswer], HttpAnswer]) -> Any:  # noqa: ANN401  any record's field
    """The value with ``change`` made to each answer in it; the very same value where nothing changes."""
    if isinstance(value, HttpAnswer):
        return change(value)
    if is_dataclass(value) and not isinstance(value, type):
        old = {field.name: getattr(value, field.name) for field in fields(value)}
        new = {name: with_answers(item, change) for name, item in old.items()}
        return value if all(new[name] is old[name] for name in old) else replace(value, **new)
    if isinstance(value, Mapping):
        changed = {name: with_answers(item, change) for name, item in value.items()}
        return value if all(changed[name] is value[name] for name in value) else changed
    if isinstance(value, (tuple, list)):
        items = [with_answers(item, change) for item in value]
        is_same = all(new is old for new, old in zip(items, value, strict=True))
        return value if is_same else type(value)(items)
    return value


def _fresh(answer: HttpAnswer) -> HttpAnswer:
    line = None if answer.error else from_a_cache(answer.headers)
    return answer if line is None else _without_status(answer, f"an HTTP cache may have answered ({line})")


def _without_status(answer: HttpAnswer, reason: str) -> HttpAnswer:
    return replace(answer, status=None, error=reason)


def _request_id(answer: HttpAnswer) -> str | None:
    return next((request_id for name in _REQUEST_IDS for request_id in header_values(answer, name)), None)


class _Memory:
    """Request ids and dates of earlier answers, in the order of a journal."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        urls: dict[str, set[str]] = {}
        lags: list[timedelta] = []
        for entry in entries:
            for answer in () if isinstance(entry.record, _UNCHANGED) else answers_in(entry.record):
                urls.setdefault(_request_id(answer) or "", set()).add(answer.url)
                lag = _lag(entry, answer)
                lags += [] if lag is None else [lag]
        # An id that a server gives to several URLs identifies no request.
        self._constant = {request_id for request_id, places in urls.items() if len(places) > 1}
        self._least_lag = min(lags, default=timedelta())
        self._ids: set[tuple[str, str]] = set()
        self._dates: dict[tuple[str, str], int] = {}  # of a URL and a date: when that answer was recorded first

    def without_replays(self, entry: Entry) -> Entry:
        """The entry, in which each answer that came before has no status."""
        slowest = max((answer.millis for answer in answers_in(entry.record)), default=0)
        began = entry.mono_millis - 2 * slowest  # a record's answers are asked one after the other, or side by side

        def change(answer: HttpAnswer) -> HttpAnswer:
            reason = None if answer.error else self._replay_reason(entry, answer, began)
            return answer if reason is None else _without_status(answer, reason)

        return replace(entry, record=with_answers(entry.record, change))

    def _replay_reason(self, entry: Entry, answer: HttpAnswer, began: int) -> str | None:
        """Why an answer is not a new one; its request id and date are remembered."""
        request_id = _request_id(answer)
        if request_id is not None and request_id not in self._constant:
            if (answer.url, request_id) in self._ids:
                return f"an answer that came before came again (request id {request_id})"
            self._ids.add((answer.url, request_id))
        lag = _lag(entry, answer)
        if lag is None:
            return None
        first = self._dates.setdefault((answer.url, answer.date or ""), entry.mono_millis)
        if began - first > limits.DATE_STILL_SECONDS * 1000:
            return f"an answer that came before came again (Date {answer.date}, {(began - first) // 1000} s later)"
        if lag - self._least_lag > timedelta(seconds=limits.DATE_LAG_SECONDS):
            return f"the answer is old (Date {answer.date}, at {entry.at})"
        return None


def _lag(entry: Entry, answer: HttpAnswer) -> timedelta | None:
    """By how much the answer's date is behind our clock."""
    date = server_time(answer)
    return None if date is None else datetime.fromisoformat(entry.at) - date
