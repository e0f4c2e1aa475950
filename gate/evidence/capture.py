"""Folds the disk use, events and previous logs of a capture, and says how full a file system is."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from gate.model.captures import DiskRoom, DiskSeen, EventsSeen, Incident, PreviousLogSeen
from gate.parse.server_log import ServerLogParser, speaks_of_storage

PREVIOUS_LOG: Final = "previous.log"
FULL_PERCENT: Final = 99


def fold_incident(
    disks: Sequence[DiskSeen],
    events: Sequence[EventsSeen],
    logs: Sequence[PreviousLogSeen],
    previous: Iterable[bytes] | None,
) -> Incident | None:
    """The disks, events and previous logs of a capture; None where nothing of them was read.

    Of the logs of ended containers only storage errors count: lines with a status are answers to clients.
    """
    if not (disks or events or logs):
        return None
    parser = ServerLogParser()
    for chunk in previous or ():
        parser.feed(chunk)
    codes = Counter(str(event.code) for event in parser.finish() if speaks_of_storage(event))
    return Incident(
        disks=tuple(disks),
        events=tuple(events),
        previous_logs=tuple(logs),
        previous_codes=dict(sorted(codes.items())),
        previous_unread=parser.unread_lines,
        first_unread=parser.first_unread,
    )


def used_percent(room: DiskRoom) -> int:
    """How full a file system is, rounded up, as df shows it: the used part of what an unprivileged process can use.

    Blocks that are reserved for root are neither used nor free for a store that runs without privileges.
    """
    within_reach = room.used + room.free
    return -(-room.used * 100 // within_reach) if within_reach else 100


def lacks_room(disk: DiskSeen, needed: int) -> bool:
    """Whether a drive is full, of bytes or of files, or has less room than a write of ``needed`` bytes takes."""
    short = disk.space is not None and disk.space.free < needed
    return short or is_full(disk.space) or is_full(disk.inodes)


def is_full(room: DiskRoom | None) -> bool:
    """Whether a file system has practically no room left."""
    return room is not None and used_percent(room) >= FULL_PERCENT
