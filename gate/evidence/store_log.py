"""Folds the store's own log, and the errors of drives that bucket samples show."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from gate import limits
from gate.model.basics import Truth
from gate.model.captures import StoreLog, StoreLogRead
from gate.model.parsed import LogEvent
from gate.model.records import BucketSampled, DriveTrouble, PlaceSeen
from gate.model.time import parse_time
from gate.parse.host_files import is_io_error, is_other_file_system
from gate.parse.server_log import ServerLogParser, is_routine_of_store

STORE_LOG: Final = "store.log"
_START: Final = timedelta(seconds=limits.STORE_START_SECONDS)


def fold_store_log(read: Sequence[StoreLogRead], log: Iterable[bytes] | None, *, cut: bool) -> StoreLog | None:
    """The store's log of the window; None where it was not read, and nothing of it was captured."""
    if not read:
        return None
    parser = ServerLogParser()
    for chunk in log or ():
        parser.feed(chunk)
    events = parser.finish()
    starts = [at for at in map(parse_time, parser.main_times) if at is not None]
    routine = [is_routine_of_store(event, at_start=_is_at_start(event, starts)) for event in events]
    troubles = [event for event, is_routine in zip(events, routine, strict=True) if not is_routine]
    others = [event for event, is_routine in zip(events, routine, strict=True) if is_routine]
    cut = cut or parser.dropped > 0
    return StoreLog(
        place=read[-1].place,
        truth=Truth.UNKNOWN if log is None or cut or read[-1].notes else Truth.PRESENT,
        events=tuple([*troubles, *others][: limits.LOG_EVENTS_SHOWN]),
        event_count=len(events) + parser.dropped,
        troubles=len(troubles),
        cut=cut,
        notes=read[-1].notes,
        parsed_count=parser.seen,
        unread_lines=parser.unread_lines,
        first_unread=parser.first_unread,
    )


def _is_at_start(event: LogEvent, starts: Sequence[datetime]) -> bool:
    """Whether RustFS started when it said this: its main thread logs at its start, and serves no request."""
    at = parse_time(event.at)
    return at is not None and any(abs(at - start) <= _START for start in starts)


def troubles_of(log: StoreLog) -> tuple[LogEvent, ...]:
    """The shown events of the store's log that are not known to be routine."""
    return log.events[: log.troubles]


_Kind = Literal["scan-io", "other-file-system"]


def fold_drives(samples: Iterable[BucketSampled]) -> tuple[DriveTrouble, ...]:
    """One row for each place and kind of error, over all samples: one failed sample is enough to suspect the disk."""
    errors_by_place: dict[tuple[str, _Kind], list[str]] = {}
    for sample in samples:
        for place in sample.places:
            for kind, error in _troubles(place).items():
                errors_by_place.setdefault((place.place, kind), []).append(error)
    return tuple(
        DriveTrouble(place=place, what=kind, error=errors[0], samples=len(errors))
        for (place, kind), errors in sorted(errors_by_place.items())
    )


def _troubles(place: PlaceSeen) -> dict[_Kind, str]:
    """The first error of each kind at a place in one sample."""
    errors: dict[_Kind, str] = {}
    for error in _sentences(place):
        if is_io_error(error):
            errors.setdefault("scan-io", error[: limits.ERROR_TEXT_CHARS])
        elif is_other_file_system(error):
            errors.setdefault("other-file-system", error[: limits.ERROR_TEXT_CHARS])
    return errors


def _sentences(place: PlaceSeen) -> Iterator[str]:
    for error in (place.error, *(marker.error for marker in place.markers)):
        yield from (error or "").split("; ")
