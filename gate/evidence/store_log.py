"""The store's own log: what RustFS says of its drives while the cache is published to.

RustFS logs at ERROR what is an answer to a client, too (an object that is not there: rustfs issue 1146), so of its
lines those count that speak of its own trouble. One that names an absent key, or a refused access, is such an answer.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from gate import limits
from gate.model.basics import Truth
from gate.model.log_records import StoreLog, StoreLogRead
from gate.model.parsed import LogEvent
from gate.parse.server_log import PANIC, ServerLogParser, speaks_of_storage

STORE_LOG: Final = "store.log"
_ANSWERS: Final = frozenset({"NoSuchKey", "AccessDenied"})


def fold_store_log(read: Sequence[StoreLogRead], log: Iterable[bytes] | None, *, cut: bool) -> StoreLog | None:
    """The store's log of the window; None where it was not read, and nothing of it was captured."""
    if not read:
        return None
    parser = ServerLogParser()
    for chunk in log or ():
        parser.feed(chunk)
    events = parser.finish()
    troubles = [event for event in events if is_trouble(event)]
    others = [event for event in events if not is_trouble(event)]
    cut = cut or parser.dropped > 0
    return StoreLog(
        place=read[-1].place,
        truth=Truth.UNKNOWN if log is None or cut or read[-1].notes else Truth.PRESENT,
        events=tuple([*troubles, *others][: limits.LOG_EVENTS_SHOWN]),
        event_count=len(events) + parser.dropped,
        troubles=len(troubles),
        cut=cut,
        notes=read[-1].notes,
    )


def is_trouble(event: LogEvent) -> bool:
    """Whether a line of the store's own log is one of its trouble, and no answer to a client."""
    return event.code == PANIC or (speaks_of_storage(event) and event.code not in _ANSWERS)
