"""What is said of logs beyond the Attic server's own canaries: each replica's canary, and the store's log.

The first three classes are the journal's, the others are what ``evidence.json`` says of them.
"""

from typing import Literal

from gate.model.basics import Phase, Truth, value
from gate.model.parsed import LogEvent

Way = Literal["address", "proxy"]


@value
class ReplicaCanary:
    """One replica of the Attic server, and the canary that it was sent without any token.

    ``way``: by the pod's own ``address``, or through the API server's ``proxy`` (pods/proxy); None where no way led
    there, and then ``error`` says why. ``answered``: it gave Attic's 500, so the nonce must be in its own log.
    ``nonce`` is empty for one that was sent none. Times are ours: ``answered_at`` RFC 3339.
    """

    pod: str
    uid: str
    nonce: str = ""
    way: Way | None = None
    answered: bool = False
    answered_at: str | None = None
    millis: int = 0
    error: str = ""


@value
class ReplicaCanaries:
    """The canaries of all replicas in one phase; ``error`` says why the replicas could not be told."""

    kind: Literal["replica-canaries"] = "replica-canaries"
    phase: Phase
    place: str
    replicas: tuple[ReplicaCanary, ...] = ()
    error: str = ""


@value
class StoreLogRead:
    """The store's log of the window is in the capture ``store.log``; ``notes`` say what may be missing of it."""

    kind: Literal["store-log"] = "store-log"
    place: str
    notes: tuple[str, ...] = ()


@value
class ReplicaLog:
    """Whether the log of one replica is known to be read, in one phase.

    ``logged`` is present where a canary of the phase, its own or the endpoint's, is an event of this very pod's log;
    absent where it answered its own canary and there is no such event; unknown where no canary is known to have come to
    it.
    ``skew``: its clock is ahead of ours by so many milliseconds, at least and at most, by its own canary.
    """

    pod: str
    way: Way | None
    answered: bool
    logged: Truth
    note: str
    skew: tuple[int, int] | None = None


@value
class StoreLog:
    """The store's own log of the window. ``truth`` is present when all of it was read, as far as can be told.

    A store has no canary: what it does not say proves nothing. ``events`` are those at WARN and ERROR, first those that
    are not known to be answers to clients (``troubles`` counts them), at most ``limits.LOG_EVENTS_SHOWN`` of
    ``event_count``. ``parsed_count`` counts the events at all levels, ``unread_lines`` the lines that were not
    understood; ``first_unread`` is the first of them, escaped and cut.
    """

    place: str
    truth: Truth
    events: tuple[LogEvent, ...]
    event_count: int
    troubles: int
    cut: bool
    notes: tuple[str, ...]
    parsed_count: int = 0
    unread_lines: int = 0
    first_unread: str = ""
