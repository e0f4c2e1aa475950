"""A server process: its start, its program, and the process that listens on a port."""

import os
import re
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from gate import limits
from gate.errors import ForeignTextError
from gate.model.basics import Phase, Truth
from gate.model.parsed import FileLocator, TcpSocket
from gate.model.records import Listening, WorkloadSeen
from gate.model.time import rfc3339
from gate.observe.small_file import read_small
from gate.parse.host_files import parse_tcp_sockets
from gate.parse.locator import parse_locator
from gate.parse.text import excerpt

_SOCKET: Final = re.compile(r"socket:\[([0-9]+)\]")
_STAT_BYTES: Final = 64 * 1024
_PARENT, _GROUP, _START_TICKS = 1, 2, 19  # fields 4, 5 and 22 of /proc/<pid>/stat, counted after the command's name
_ANY: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  # what the kernel calls every address
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class _Process:
    pid: int
    parent: int
    group: int
    start: str


def look_at_listener(pid: int, endpoint: str, *, served: bool, proc: Path = Path("/proc")) -> Listening:
    """Who listens at the endpoint's port, seen from a process that should.

    ``served``: requests were answered at the endpoint just now. Then a process that is not the listener, and had no
    connection within the last minute (the kernel keeps ended ones so long), did not answer them.
    """
    target, why = _target(endpoint)
    if target is None:
        return Listening(truth=Truth.UNKNOWN, note=why)
    try:
        if (proc / str(pid) / "ns/net").readlink() != (proc / "self/ns/net").readlink():
            return Listening(truth=Truth.UNKNOWN, note="the process is in another network namespace, as of a container")
        sockets = _sockets(proc)
        processes = dict(_processes(proc))
        own, whole = _open_sockets(_family(pid, processes), proc)
    except (OSError, ForeignTextError) as error:
        why = error.strerror or "unreadable" if isinstance(error, OSError) else str(error)
        return Listening(truth=Truth.UNKNOWN, note=f"the process's sockets could not be looked at: {why}")
    addresses, port = target
    there = {row.inode for row in sockets if row.listening and row.port == port and row.address in addresses | _ANY}
    if there & own:
        return Listening(truth=Truth.PRESENT)
    if not there:
        return Listening(truth=Truth.UNKNOWN, note=f"no process on this machine is seen to listen on port {port}")
    if not whole:
        return Listening(
            truth=Truth.UNKNOWN, note="the process's descriptors can't be read: run as its user, or as root"
        )
    return _another(port, own, sockets, _holder(there, processes, proc), served=served)


def _another(
    port: int, own: set[int], sockets: Iterable[TcpSocket], holder: _Process | None, *, served: bool
) -> Listening:
    """Another process listens there: a proxy on this machine where the workload is seen to be talked to."""
    rows = tuple(sockets)
    ports = {row.port for row in rows if row.listening and row.inode in own}
    joined = any(not row.listening and {row.port, row.peer_port} & ports for row in rows)
    who = f"process {holder.pid}" if holder else "a process that can't be named"
    listener = f"{holder.pid}:{holder.start}" if holder else None
    if not ports:
        note = f"{who} listens on port {port}, and the workload's process listens on no port"
    elif served and not joined:
        note = f"{who} listens on port {port}, and the workload's process had no connection in the last minute"
    else:
        text = ", ".join(map(str, sorted(ports)))
        note = f"{who} listens on port {port}, the workload's process on {text}: is a proxy of this machine before it?"
        return Listening(truth=Truth.UNKNOWN, listener=listener, note=note)
    return Listening(truth=Truth.ABSENT, listener=listener, note=note)


def _target(endpoint: str) -> tuple[tuple[frozenset[str], int] | None, str]:
    """Addresses and port of an endpoint on this machine, or why it has none."""
    parts = urlsplit(endpoint)
    try:
        port = parts.port or _PORTS.get(parts.scheme.lower(), 0)
    except ValueError:
        port = 0
    host = parts.hostname or ""
    addresses = _addresses(host, port) if host and port else frozenset()
    if not addresses:
        return None, f"the endpoint's host {ascii(host)[:80]} could not be resolved"
    if not all(map(_is_here, addresses)):
        return None, f"the endpoint's host {ascii(host)[:80]} is not an address of this machine"
    return (addresses, port), ""


def _addresses(host: str, port: int) -> frozenset[str]:
    """The addresses of a host; asked in a separate thread, because a resolver can't be ended."""
    with suppress(ValueError):
        return frozenset({str(ip_address(host))})
    addresses: list[str] = []

    def ask() -> None:
        with suppress(OSError, UnicodeError):
            addresses.extend(str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))

    thread = threading.Thread(target=ask, name="resolve an endpoint", daemon=True)
    thread.start()
    thread.join(limits.RESOLVE_SECONDS)
    return frozenset(addresses)


def _is_here(address: str) -> bool:
    """Whether an address is one of this machine's: only those can be bound to."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _sockets(proc: Path) -> tuple[TcpSocket, ...]:
    rows = parse_tcp_sockets(read_small(proc / "net/tcp", cap=limits.PROC_NET_BYTES))
    with suppress(FileNotFoundError):  # a kernel without IPv6
        rows += parse_tcp_sockets(read_small(proc / "net/tcp6", cap=limits.PROC_NET_BYTES))
    return rows


def _processes(proc: Path) -> Iterator[tuple[int, _Process]]:
    for name in os.listdir(proc):  # noqa: PTH208  # names alone
        if not name.isdigit():
            continue
        with suppress(OSError):  # it ended meanwhile
            fields = read_small(proc / name / "stat", cap=_STAT_BYTES).rpartition(b")")[2].split()
            if len(fields) > _START_TICKS:
                parent, group, start = (fields[at].decode() for at in (_PARENT, _GROUP, _START_TICKS))
                yield int(name), _Process(pid=int(name), parent=int(parent), group=int(group), start=start)


def _family(pid: int, processes: dict[int, _Process]) -> frozenset[int]:
    """The process, those that it started, and the parent that it shares a process group with."""
    family = {pid}
    before = 0
    while len(family) > before:
        before = len(family)
        family |= {process.pid for process in processes.values() if process.parent in family}
    parent = processes.get(processes[pid].parent) if pid in processes else None
    if parent is not None and parent.group == processes[pid].group:
        family.add(parent.pid)
    return frozenset(family)


def _open_sockets(pids: Iterable[int], proc: Path) -> tuple[set[int], bool]:
    """The sockets that these processes hold, and whether all of their descriptors could be read."""
    sockets: set[int] = set()
    whole = True
    for pid in pids:
        try:
            names = os.listdir(proc / str(pid) / "fd")  # noqa: PTH208  # names alone
        except FileNotFoundError:
            continue  # it ended meanwhile
        except OSError:
            whole = False
            continue
        for name in names:
            with suppress(OSError):
                match = _SOCKET.fullmatch(str((proc / str(pid) / "fd" / name).readlink()))
                if match is not None:
                    sockets.add(int(match[1]))
    return sockets, whole


def _holder(inodes: set[int], processes: dict[int, _Process], proc: Path) -> _Process | None:
    return next((process for pid, process in sorted(processes.items()) if _open_sockets([pid], proc)[0] & inodes), None)


_PID: Final = re.compile(rb"\s*([1-9][0-9]{0,9})\s*")
_STATE, _STAT_START_TICKS = 0, 19  # fields 3 and 22 of /proc/<pid>/stat, counted after the command's name
_ENDED: Final = (b"Z", b"X", b"x")


def look(
    role: Literal["store", "cache"], place: str, *, phase: Phase, endpoint: str = "", proc: Path = Path("/proc")
) -> WorkloadSeen:
    """The workload at a place: for ``file:///path/to/pidfile`` its ``<pid>:<start in kernel ticks>`` and start time.

    With ``endpoint``, the URL that it should answer at, also whether it is the one that listens there.
    Everything that can't be determined is unknown, with ``error``. The start time is of the machine's current
    clock and may differ by a second from one look to the next; the identity does not.
    """
    try:
        pidfile = _pidfile(place)
        identity, started = process_identity(_pid_in(pidfile), proc, named_by=str(pidfile))
    except (OSError, ForeignTextError) as error:
        why = f"{excerpt(place)}: {error.strerror}" if isinstance(error, OSError) else str(error)
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


def _pid_in(pidfile: Path) -> str:
    match = _PID.fullmatch(read_small(pidfile, cap=32))
    if match is None:
        raise ForeignTextError(f"{pidfile} holds no process id: expected one number")
    return match[1].decode()


def process_identity(pid: str, proc: Path, *, named_by: str = "systemd") -> tuple[str, datetime]:
    """``<pid>:<start in kernel ticks>`` of a running process, and when it started.

    Raises `ForeignTextError` where it does not run, with the place that it was ``named_by``; `OSError` as reading does.
    """
    try:
        line = read_small(proc / pid / "stat", cap=_STAT_BYTES)
    except FileNotFoundError:
        raise ForeignTextError(f"{named_by} names process {pid}, which does not run on this machine") from None
    fields = line.rpartition(b")")[2].split()  # the name before may hold blanks and parentheses
    if len(fields) <= _STAT_START_TICKS or not fields[_STAT_START_TICKS].isdigit():
        raise ForeignTextError(f"{proc / pid / 'stat'} can't be read: expected the fields of proc(5)")
    if fields[_STATE] in _ENDED:
        raise ForeignTextError(f"{named_by} names process {pid}, which ended and was not reaped")
    ticks = int(fields[_STAT_START_TICKS])
    return f"{pid}:{ticks}", datetime.fromtimestamp(_booted(proc) + ticks / os.sysconf("SC_CLK_TCK"), tz=UTC)


def _booted(proc: Path) -> int:
    """When the machine started, in seconds since 1970."""
    for line in read_small(proc / "stat", cap=16 * _STAT_BYTES).split(b"\n"):
        name, _, text = line.partition(b" ")
        if name == b"btime" and text.isdigit():
            return int(text)
    raise ForeignTextError(f"{proc / 'stat'} has no btime: expected the time of the boot")
