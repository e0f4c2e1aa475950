"""What a capture looked at besides, as short sentences and rows, not yet escaped."""

from gate.evidence.capture import used_percent
from gate.model.captures import DiskSeen, EventsSeen, KubeEvent, PreviousLogSeen
from gate.model.document import Evidence
from gate.render.view import Row, exact, size


def disks(evidence: Evidence) -> tuple[Row, ...]:
    """Disk use, a row a place."""
    observation = evidence.incident.disks if evidence.incident else ()
    return tuple(Row(name=disk.place, text=disk_text(disk)) for disk in observation)


def disk_text(disk: DiskSeen) -> str:
    """One place's disk use: bytes, inodes, and what could not be determined."""
    parts = []
    if disk.space is not None:
        parts.append(f"{used_percent(disk.space)} % of {size(disk.space.total)} taken, {size(disk.space.free)} free")
    if disk.inodes is not None:
        parts.append(f"{used_percent(disk.inodes)} % of {disk.inodes.total:,} inodes")
    elif not disk.error:
        parts.append("no limit of inodes")
    if disk.error:
        parts.append(f"unknown: {disk.error}")
    return "; ".join(parts)


def events(evidence: Evidence) -> tuple[EventsSeen, ...]:
    """The events of each workload."""
    return evidence.incident.events if evidence.incident else ()


def events_head(observation: EventsSeen) -> str:
    """How many events there are, and which could not be asked for."""
    more = ", and older ones that were left out" if observation.cut else ""
    error = f"; unknown: {observation.error}" if observation.error else ""
    return f"{len(observation.events)}{more}{error}"


def event_text(event: KubeEvent) -> str:
    """One event."""
    often = f" ({event.count} times since {event.first or 'unknown'})" if event.count > 1 else ""
    return f"{event.last or 'no time'} {event.type} {event.reason} {event.involved}{often}: {event.message}"


def previous(evidence: Evidence) -> tuple[Row, ...]:
    """What containers logged before their last restart, a row a container."""
    observation = evidence.incident.previous_logs if evidence.incident else ()
    return tuple(Row(name=log.place, text=_previous(log)) for log in observation)


def previous_codes(evidence: Evidence) -> str:
    """The storage errors in those logs; empty for none."""
    codes = evidence.incident.previous_codes if evidence.incident else {}
    return ", ".join(f"{count} × {code}" for code, count in sorted(codes.items()))


def _previous(log: PreviousLogSeen) -> str:
    times = f"{log.restarts} restart{'' if log.restarts == 1 else 's'}"
    ended = f"; ended by {log.ended}" if log.ended else ""
    cut = ", the last lines of more" if log.cut else ""
    error = f"; unknown: {log.error}" if log.error else ""
    return f"{times}{ended}; {exact(log.bytes)} in previous.log{cut}{error}"
