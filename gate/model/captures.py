"""Records of captures: logs, disk use, cluster events and logs of ended containers."""

from collections.abc import Mapping
from typing import Literal

from gate.model.basics import Phase, Truth, value
from gate.model.parsed import LogEvent

Role = Literal["store", "cache"]


@value
class DiskRoom:
    """Use of one file system, bytes or inodes, as df counts it.

    ``free`` is what a process without privileges may still take; ``used`` and ``free`` may be less than ``total``.
    """

    total: int
    used: int
    free: int


@value
class DiskSeen:
    """Disk use at one place of the store's data. A side is None where it is not told; ``error`` says why.

    ``inodes`` is None without an error on a file system that has no such limit (btrfs says 0 of 0).
    """

    kind: Literal["disk-use"] = "disk-use"
    place: str
    space: DiskRoom | None = None
    inodes: DiskRoom | None = None
    error: str | None = None


@value
class DiskLook:
    """Disk use at one place in a phase of a run; in the phase ``during`` it was looked at when a push failed."""

    kind: Literal["disk-look"] = "disk-look"
    phase: Phase
    disk: DiskSeen


@value
class KubeEvent:
    """One event of the cluster (API v1 ``Event``): ``involved`` is ``<kind>/<name>`` of what it is about.

    ``count`` is how often it came, ``message`` is ASCII, escaped.
    ``first`` and ``last`` are RFC 3339 by the cluster's clock, None where it does not say.
    """

    involved: str
    type: str
    reason: str
    count: int
    first: str | None
    last: str | None
    message: str


@value
class EventsSeen:
    """The events of a workload, its replica sets and its pods, newest last.

    ``cut``: there are more than are kept. ``error`` says which could not be asked for; there may be some all the
    same.
    """

    kind: Literal["kube-events"] = "kube-events"
    role: Role
    place: str
    events: tuple[KubeEvent, ...] = ()
    cut: bool = False
    error: str | None = None


@value
class PreviousLogSeen:
    """What a container logged before its last restart, by size; its lines are in the capture ``previous.log``.

    ``ended`` is what the cluster says of that end: reason, exit code and time. ``cut``: only its last lines were kept.
    """

    kind: Literal["previous-log"] = "previous-log"
    role: Role
    place: str
    restarts: int
    ended: str
    bytes: int
    cut: bool = False
    error: str | None = None


@value
class Incident:
    """Disk use, events and previous logs of one capture; ``previous_codes`` counts the storage errors in those logs.

    ``previous_unread`` counts the lines of those logs that were not understood; ``first_unread`` is the first of them.
    """

    disks: tuple[DiskSeen, ...]
    events: tuple[EventsSeen, ...]
    previous_logs: tuple[PreviousLogSeen, ...]
    previous_codes: Mapping[str, int]
    previous_unread: int = 0
    first_unread: str = ""


Route = Literal["address", "proxy"]


@value
class ReplicaCanary:
    """One replica of the Attic server, and the canary that it was sent without any token.

    ``route``: by the pod's own ``address``, or through the API server's ``proxy`` (pods/proxy); None where no way led
    there, and then ``error`` says why. ``answered``: it gave Attic's 500, so the nonce must be in its own log.
    ``nonce`` is empty for one that was sent none. Times are ours: ``answered_at`` RFC 3339.
    """

    pod: str
    uid: str
    nonce: str = ""
    route: Route | None = None
    answered: bool = False
    answered_at: str | None = None
    millis: int = 0
    error: str = ""


@value
class ReplicaCanaries:
    """The canaries of all replicas in one phase; ``error`` says why the replicas could not be determined."""

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
    route: Route | None
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
