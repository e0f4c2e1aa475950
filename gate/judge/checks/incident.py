"""What a capture looks at besides. It can only lower a verdict, and never to a fail.

A full disk is no wrong index and no wrong body, which alone are failures; but it makes writes fail and can look like a
loss, so it is more than a note: inconclusive, with its own remedy.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from gate.evidence.capture import is_full, lacks_room, used_percent
from gate.judge.finding import finding, pointer
from gate.model.basics import Phase
from gate.model.captures import DiskRoom, DiskSeen, EventsSeen, PreviousLogSeen
from gate.model.document import Facts, Finding

_PREVIOUS: Final = "previous logs"


def check_incident(facts: Facts) -> Iterator[Finding]:
    """A row for each place, each workload's events and each previous log; none for a run that is no capture."""
    incident = facts.incident
    if incident is None:
        return
    for number, disk in enumerate(incident.disks):
        yield from _disk(disk, f"/incident/disks/{number}")
    for number, observation in enumerate(incident.events):
        yield _events(observation, f"/incident/events/{number}")
    for number, log in enumerate(incident.previous_logs):
        yield _previous(log, f"/incident/previous_logs/{number}")
    if incident.previous_codes:
        text = ", ".join(f"{count} × {code}" for code, count in sorted(incident.previous_codes.items()))
        summary = f"before their last restart containers logged {text}"
        yield finding("incident-storage-error", _PREVIOUS, summary, evidence=("/incident/previous_codes",))
    if incident.previous_unread:
        lines, are = ("a line", "is") if incident.previous_unread == 1 else (f"{incident.previous_unread} lines", "are")
        summary = f"{lines} of what containers logged before {are} not understood, the first: {incident.first_unread}"
        yield finding("log-unreadable", _PREVIOUS, summary, evidence=("/incident/previous_unread",))


def check_disks(facts: Facts) -> Iterator[Finding]:
    """Each drive of the store in each phase of a run, as it was looked at.

    A full one is doubt whatever the index says; little room is a note. So is a look that failed: what was written and
    read back whole had its room.
    """
    for phase, observation in ((Phase.PRE, facts.pre), (Phase.DURING, facts.during), (Phase.POST, facts.post)):
        for number, disk in enumerate(observation.disks):
            code, summary = _use(disk, facts.policy.max_bytes)
            where = (pointer(phase.value, "disks", number),)
            yield finding(code, disk.place, summary, phase=phase, evidence=where)


def full_disks(facts: Facts, needed: int = 0) -> tuple[DiskSeen, ...]:
    """The drives that had no room for a write of ``needed`` bytes at some look of the run, each once."""
    disks = (disk for observation in (facts.pre, facts.during, facts.post) for disk in observation.disks)
    return tuple({disk.place: disk for disk in disks if lacks_room(disk, needed)}.values())


def disk_words(disk: DiskSeen) -> str:
    """How much of a drive is taken."""
    summary = [f"{used_percent(room)} % of its {what} taken" for what, room in _rooms(disk) if room is not None]
    free = [] if disk.space is None else [f"{disk.space.free:,} bytes free"]
    return f"{disk.place}: {', '.join([*summary, *free]) or 'nothing is known of its room'}"


def _use(disk: DiskSeen, most: int) -> tuple[str, str]:
    """The code and the words of one look; ``most`` bytes may be published in a run."""
    summary = disk_words(disk)
    if is_full(disk.space) or is_full(disk.inodes):
        return "disk-full", summary
    if disk.space is None or disk.error:
        return "disk-use-unknown", f"{summary}: {disk.error or 'its size is not given'}"
    if disk.space.free < 2 * most:
        return "disk-tight", f"{summary}, expected at least {2 * most:,}: twice the profile's max-bytes"
    return "disk-room", summary


def _disk(disk: DiskSeen, where: str) -> Iterator[Finding]:
    text = [f"{used_percent(room)} % of its {what} taken" for what, room in _rooms(disk) if room is not None]
    summary = f"{disk.place}: {', '.join(text) or 'nothing told'}"
    if is_full(disk.space) or is_full(disk.inodes):
        yield finding("disk-full", disk.place, summary, evidence=(where,))
    elif disk.space is not None and not disk.error:
        yield finding("disk-room", disk.place, summary, evidence=(where,))
    if disk.error:
        yield finding("disk-unobservable", disk.place, f"{disk.place}: {disk.error}", evidence=(where,))


def _rooms(disk: DiskSeen) -> tuple[tuple[str, DiskRoom | None], ...]:
    return ("bytes", disk.space), ("inodes", disk.inodes)


def _events(observation: EventsSeen, where: str) -> Finding:
    subject = f"events of the {observation.role}"
    if observation.error:
        return finding("incident-unobservable", subject, f"{observation.place}: {observation.error}", evidence=(where,))
    warnings = Counter(event.reason for event in observation.events if event.type == "Warning")
    text = ", ".join(f"{count} × {reason}" for reason, count in sorted(warnings.items()))
    more = ", and there are older ones" if observation.cut else ""
    summary = f"{observation.place}: {len(observation.events)} events{more}; warnings: {text or 'none'}"
    return finding("incident-seen", subject, summary, evidence=(where,))


def _previous(log: PreviousLogSeen, where: str) -> Finding:
    subject = f"previous log of {log.place}"
    if log.error:
        return finding("incident-unobservable", subject, f"{log.place}: {log.error}", evidence=(where,))
    ended = f"; it ended: {log.ended}" if log.ended else ""
    cut = ", its last lines" if log.cut else ""
    summary = f"{log.place}: {log.restarts} restarts{ended}; {log.bytes} bytes logged before{cut}"
    return finding("incident-seen", subject, summary, evidence=(where,))
