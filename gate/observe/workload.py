"""Who a server process is and since when, from its pid file and the kernel (proc(5))."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from gate.clock import rfc3339
from gate.errors import ForeignTextError
from gate.model.basics import Phase, Truth
from gate.model.parsed import FileLocator
from gate.model.records import WorkloadSeen
from gate.observe.listener import look_at_listener
from gate.observe.small_file import read_small
from gate.parse.locator import parse_locator
from gate.parse.text import shown

_PID: Final = re.compile(rb"\s*([1-9][0-9]{0,9})\s*")
_STAT_BYTES: Final = 64 * 1024
_STATE, _START_TICKS = 0, 19  # fields 3 and 22 of /proc/<pid>/stat, counted after the command's name
_ENDED: Final = (b"Z", b"X", b"x")


def look(
    role: Literal["store", "cache"], place: str, *, phase: Phase, endpoint: str = "", proc: Path = Path("/proc")
) -> WorkloadSeen:
    """The workload at a place: for ``file:///path/to/pidfile`` its ``<pid>:<start in kernel ticks>`` and start time.

    With ``endpoint``, the URL that it should answer at, also whether it is the one that listens there.
    Everything that can't be told is unknown, with ``error``. The start time is of the machine's clock as it stands and
    may differ by a second from one look to the next; the identity does not.
    """
    try:
        identity, started = _process(_pidfile(place), proc)
    except (OSError, ForeignTextError) as error:
        why = f"{shown(place)}: {error.strerror}" if isinstance(error, OSError) else str(error)
        return WorkloadSeen(phase=phase, role=role, place=place, truth=Truth.UNKNOWN, error=why)
    pid = int(identity.partition(":")[0])
    served = phase is Phase.POST  # a moment after bodies were read there
    return WorkloadSeen(
        phase=phase,
        role=role,
        place=place,
        truth=Truth.PRESENT,
        identity=identity,
        started=rfc3339(started),
        listening=look_at_listener(pid, endpoint, served=served, proc=proc) if endpoint else None,
    )


def _pidfile(place: str) -> Path:
    if not place:
        raise ForeignTextError("no place is set: expected file:///path/to/pidfile")
    locator = parse_locator(place)
    if not isinstance(locator, FileLocator):
        raise ForeignTextError("this place is in a cluster: expected file:///path/to/pidfile")
    return Path(locator.path)


def _process(pidfile: Path, proc: Path) -> tuple[str, datetime]:
    match = _PID.fullmatch(read_small(pidfile, cap=32))
    if match is None:
        raise ForeignTextError(f"{pidfile} holds no process id: expected one number")
    pid = match[1].decode()
    try:
        line = read_small(proc / pid / "stat", cap=_STAT_BYTES)
    except FileNotFoundError:
        raise ForeignTextError(f"{pidfile} names process {pid}, which does not run on this machine") from None
    fields = line.rpartition(b")")[2].split()  # the name before may hold blanks and parentheses
    if len(fields) <= _START_TICKS or not fields[_START_TICKS].isdigit():
        raise ForeignTextError(f"{proc / pid / 'stat'} can't be read: expected the fields of proc(5)")
    if fields[_STATE] in _ENDED:
        raise ForeignTextError(f"{pidfile} names process {pid}, which ended and was not reaped")
    ticks = int(fields[_START_TICKS])
    return f"{pid}:{ticks}", datetime.fromtimestamp(_booted(proc) + ticks / os.sysconf("SC_CLK_TCK"), tz=UTC)


def _booted(proc: Path) -> int:
    """When the machine started, in seconds since 1970."""
    for line in read_small(proc / "stat", cap=16 * _STAT_BYTES).split(b"\n"):
        name, _, text = line.partition(b" ")
        if name == b"btime" and text.isdigit():
            return int(text)
    raise ForeignTextError(f"{proc / 'stat'} has no btime: expected the time of the boot")
