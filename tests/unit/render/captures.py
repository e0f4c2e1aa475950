"""A capture to render: disk use, events, and a container that was killed."""

from dataclasses import replace

from gate.model.captures import DiskRoom, DiskSeen, EventsSeen, Incident, KubeEvent, PreviousLogSeen
from gate.model.document import Evidence
from tests.unit.render import samples

STORE = "kubectl://nix-cache/statefulset/rustfs?container=rustfs"
ROOM = DiskRoom(total=10 * 1024**3, used=6 * 1024**3, free=4 * 1024**3)
FILES = DiskRoom(total=1_000_000, used=990_000, free=10_000)
EVENTS = tuple(
    KubeEvent(
        involved="Pod/rustfs-0",
        type="Warning" if number % 2 else "Normal",
        reason="BackOff" if number % 2 else "Pulled",
        count=number,
        first=f"2026-05-13T09:{number:02}:00Z" if number else None,
        last=f"2026-05-13T10:{number:02}:00Z" if number else None,
        message=f"message {number}",
    )
    for number in range(12)
)
INCIDENT = Incident(
    disks=(
        DiskSeen(place="file:///data", space=ROOM, inodes=FILES),
        DiskSeen(place="file:///data1", space=ROOM),
        DiskSeen(place="file:///data2", error="the disk did not answer within 10 s"),
    ),
    events=(
        EventsSeen(role="store", place=STORE, events=EVENTS, cut=True),
        EventsSeen(role="cache", place="kubectl://nix-cache/deployment/attic", error="forbidden"),
    ),
    previous_logs=(
        PreviousLogSeen(role="store", place=STORE, restarts=2, ended="OOMKilled, exit 137", bytes=1234, cut=True),
        PreviousLogSeen(role="store", place=STORE, restarts=1, ended="", bytes=0, error="not found"),
    ),
    previous_codes={"NoSuchBucket": 3, "dispatch": 1},
)


def captured() -> Evidence:
    """The incident's evidence with all of it."""
    return replace(samples.quarantined(), incident=INCIDENT)
