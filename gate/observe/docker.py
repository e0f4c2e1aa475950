"""docker and podman on this machine, by the Engine API over its Unix socket: a container's process and its log.

Three questions are asked, all GET: ``/containers/{name}/json``, and its ``/logs`` for the last line and from it on. The
API serves logs of the drivers ``json-file``, ``local`` and ``journald``, and of others by its dual logging. A window
begins at a remembered line with docker's own time stamp, and must find that line again: what was rotated away is lost.
"""

import threading
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal
from urllib.parse import quote, urlencode

from gate import limits
from gate.clock import Clock
from gate.errors import ForeignTextError, InconclusiveError
from gate.model.basics import Phase, Truth
from gate.model.parsed import ContainerState, DockerLocator
from gate.model.records import WorkloadSeen
from gate.model.split import ContainerStood, LogPosition
from gate.net import Http
from gate.observe.kube_log import behind_line
from gate.parse.server_log import find_nonces, kubectl_time
from gate.parse.service_manager import parse_container, stream_text
from gate.process import CancelToken, Capture

SOCKET: Final = "/var/run/docker.sock"
_ORIGIN: Final = "http://docker"
_OK: Final = 200


class Docker:
    """Questions to the engines of this machine.

    The methods raise `InconclusiveError`, one sentence, for whatever kept them from an answer.
    """

    def __init__(self, *, cancel: CancelToken, clock: Clock) -> None:
        self._cancel = cancel
        self._clock = clock
        self._lock = threading.Lock()
        self._engines: dict[str, Http] = {}

    def container(self, place: DockerLocator) -> ContainerState:
        """The container as its engine has it."""
        data = self._get(place, "json", {}, cap=limits.CONTAINER_JSON_BYTES)
        try:
            return parse_container(data)
        except ForeignTextError as error:
            raise InconclusiveError(str(error)) from None

    def logs(self, place: DockerLocator, query: dict[str, str], *, tty: bool) -> tuple[bytes, bool]:
        """Lines of both streams with docker's time before each, and whether they are whole."""
        whole = {"stdout": "1", "stderr": "1", "timestamps": "1", **query}
        return stream_text(self._get(place, "logs", whole, cap=limits.POD_LOG_BYTES), tty=tty)

    def close(self) -> None:
        """End all connections."""
        for engine in self._engines.values():
            engine.close()

    def _get(self, place: DockerLocator, what: str, query: dict[str, str], *, cap: int) -> bytes:
        socket = place.socket or SOCKET
        url = f"{_ORIGIN}/containers/{quote(place.name, safe='')}/{what}{'?' + urlencode(query) if query else ''}"
        answer, body = self._engine(socket).ask("GET", url, cap=cap, keep_body=False)
        if answer.status == _OK:
            return body
        if answer.error == "connect":
            raise InconclusiveError(
                f"the engine at {socket} can't be asked: it must run, and this user needs the right to its socket "
                "(group docker)"
            )
        why = answer.error or f"HTTP {answer.status}"
        missing = " (no such container)" if answer.status == 404 else ""  # noqa: PLR2004  # the API's own answer
        raise InconclusiveError(f"the engine at {socket} answered {what} of {place.name} with {why}{missing}")

    def _engine(self, socket: str) -> Http:
        with self._lock:
            if socket not in self._engines:
                self._engines[socket] = Http(
                    ("docker:80",),
                    ("docker:80",),
                    clock=self._clock,
                    cancel=self._cancel,
                    seconds=limits.DOCKER_SECONDS,
                    socket=socket,
                )
            return self._engines[socket]


def look_at_container(
    role: Literal["store", "cache"], place: str, locator: DockerLocator, *, phase: Phase, docker: Docker
) -> WorkloadSeen:
    """The container as a workload: its id, its start, the restarts by its policy and its image.

    Whether it is the one that answers at the endpoint is not known from here: its ports are another namespace's.
    Everything that can't be determined is unknown, with ``error``.
    """
    try:
        state = docker.container(locator)
    except InconclusiveError as error:
        return WorkloadSeen(phase=phase, role=role, place=place, truth=Truth.UNKNOWN, error=str(error))
    if not state.running:
        why = f"the container {locator.name} is {state.status}: expected running"
        return WorkloadSeen(phase=phase, role=role, place=place, truth=Truth.UNKNOWN, error=why)
    return WorkloadSeen(
        phase=phase,
        role=role,
        place=place,
        truth=Truth.PRESENT,
        identity=f"id {state.id}, started {state.started}, restarts {state.restarts}, image {state.image}",
        started=state.started,
        image=state.image,
    )


class DockerLogWindow:
    """What a container logs from now on. Nothing is raised: `capture` says what is missing."""

    def __init__(self, place: DockerLocator, docker: Docker, start: LogPosition | None = None) -> None:
        self._place = place
        self._docker = docker
        self._trouble = ""
        self._mark: ContainerStood | None = None
        if start is not None:
            self._mark = next(iter(start.containers), None)
            self._trouble = start.trouble or ("" if self._mark else "it was not told where the log stood before")
            return
        try:
            state = docker.container(place)
            text, _ = docker.logs(place, {"tail": "1"}, tty=state.tty)
        except InconclusiveError as error:
            self._trouble = str(error)
            return
        line = text.rstrip(b"\n").rpartition(b"\n")[2]
        self._mark = ContainerStood(
            pod=state.id,
            container=place.name,
            uid=state.id,
            restarts=state.restarts,
            at=kubectl_time(line) if line else None,
            line=sha256(line).hexdigest() if line else None,
            trouble="",
        )

    def position(self) -> LogPosition:
        """The time and the digest of the last line when the window was opened; no text of a log."""
        return LogPosition(
            offset=None, before="", containers=(self._mark,) if self._mark is not None else (), trouble=self._trouble
        )

    def close(self) -> None:
        """Nothing is held."""

    def capture(
        self,
        capture: Capture,
        until_nonces: Iterable[str],
        *,
        clock: Clock,
        seconds: float = limits.LOG_SETTLE_SECONDS,
    ) -> tuple[str, ...]:
        """Copy what the container logged since, until every nonce is in it, for at most ``seconds``.

        The answer says why the copy may lack lines; it is empty when it does not.
        """
        if self._mark is None or self._trouble:
            return (self._trouble,)
        nonces = frozenset(until_nonces)
        until = clock.monotonic() + seconds
        while True:
            try:
                text, notes = self._since(self._mark)
            except InconclusiveError as error:
                return (str(error),)
            missing = sorted(nonces - find_nonces(text, nonces))
            if not missing or clock.monotonic() >= until:
                break
            clock.sleep(limits.LOG_POLL_SECONDS)
        capture.write(text)
        late = [f"{nonce} is not in the log of {self._place.name} after {seconds:g} s" for nonce in missing]
        return (*notes, *late, *([capture.trouble] if capture.trouble else []))

    def _since(self, mark: ContainerStood) -> tuple[bytes, list[str]]:
        """What came behind the remembered line, or all with a note where that line is not there any more."""
        state = self._docker.container(self._place)
        if state.id != mark.uid:
            return b"", [f"the container {self._place.name} was replaced: what the one before logged is lost"]
        text, whole = self._docker.logs(self._place, {"since": _unix(mark.at)} if mark.at else {}, tty=state.tty)
        notes = [] if whole else [f"the log of {self._place.name} ends within a piece: lines may be lost"]
        if mark.line is None:
            return text, notes
        new = behind_line(text, mark.line)
        if new is not None:
            return new, notes
        lost = f"the log of {self._place.name} was rotated or cut: the line at which the window begins is not in it"
        return text, [*notes, lost]


def _unix(at: str) -> str:
    """Docker's own time of a line as the API takes it: seconds since 1970 with nanoseconds behind a point."""
    whole, _, fraction = at.removesuffix("Z").partition(".")
    return f"{int(datetime.fromisoformat(f'{whole}+00:00').timestamp())}.{fraction:0<9}"
