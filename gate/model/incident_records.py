"""What a capture looks at beyond a probe, for the minutes before a restart: disks, events, logs of ended containers.

None of it can make a verdict better. `Incident` is what ``evidence.json`` says of the records. Disk use is looked at
in each phase of every run as well.
"""

from collections.abc import Mapping
from typing import Literal

from gate.model.basics import Phase, value

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

    ``cut``: there are more than are kept. ``error`` says what of them could not be asked for; they may be some all the
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
