"""The logs of every replica of a workload, from a line that was remembered to the last canary.

A window by time would lie: clocks of nodes differ (``--since`` cuts by the node's), and ``kubectl logs`` does not look
into rotated files (kubernetes#59902, #115701), without a word. So the last line of each container is remembered with
the node's own time stamp when the window opens, and must be the line at which the part of the window begins.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256

from gate import limits
from gate.clock import Clock
from gate.errors import InconclusiveError
from gate.model.kube import ContainerSeen, PodSeen
from gate.model.parsed import KubectlLocator
from gate.model.split import ContainerStood, LogPosition
from gate.observe.kubectl import Kubectl
from gate.parse.server_log import find_nonces, kubectl_time
from gate.process import Capture


@dataclass(frozen=True, kw_only=True)
class _Mark:
    """Where one container's log stood: its last line's time and digest (None: an empty log), or the trouble in it."""

    uid: str
    restarts: int
    at: str | None
    line: str | None
    trouble: str


def _mark_of(uid: str, restarts: int, line: bytes = b"", trouble: str = "") -> _Mark:
    digest = sha256(line).hexdigest() if line else None
    at = kubectl_time(line) if line else None
    return _Mark(uid=uid, restarts=restarts, at=at, line=digest, trouble=trouble)


@dataclass(frozen=True, kw_only=True)
class _Part:
    """What one container logged since; ``notes`` say what may be missing of it."""

    text: bytes
    notes: tuple[str, ...]


class KubeLogWindow:
    """The part of a workload's logs that is written from now on, by every replica.

    Where a container restarts, what the previous one logged is read too. Nothing is raised: `capture` says what is
    missing.
    """

    def __init__(
        self, locator: KubectlLocator, kubectl: Kubectl, start: LogPosition | None = None, *, since: float | None = None
    ) -> None:
        self._place = locator
        self._kubectl = kubectl
        self._trouble = ""
        self._marks: dict[tuple[str, str], _Mark] = {}
        if start is not None:
            self._go_back_to(start)
            return
        try:
            containers = self._containers(since)
        except InconclusiveError as error:
            self._trouble = str(error)
            return
        with ThreadPoolExecutor(limits.READ_JOBS) as threads:
            marks = threads.map(lambda each: self._mark(*each), containers)
            self._marks = {(pod.name, each.name): mark for (pod, each), mark in zip(containers, marks, strict=True)}

    def position(self) -> LogPosition:
        """The time and the digest of each container's last line when the window was opened; no text of a log."""
        return LogPosition(
            offset=None,
            before="",
            containers=tuple(
                ContainerStood(
                    pod=pod,
                    container=container,
                    uid=mark.uid,
                    restarts=mark.restarts,
                    at=mark.at,
                    line=mark.line,
                    trouble=mark.trouble,
                )
                for (pod, container), mark in sorted(self._marks.items())
            ),
            trouble=self._trouble,
        )

    def _go_back_to(self, start: LogPosition) -> None:
        self._trouble = start.trouble or ("" if start.containers else "it was not told where the logs stood before")
        self._marks = {
            (row.pod, row.container): _Mark(
                uid=row.uid, restarts=row.restarts, at=row.at, line=row.line, trouble=row.trouble
            )
            for row in start.containers
        }

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
        """Copy what every replica logged since, each line with ``[pod/NAME/CONTAINER] `` before it.

        Reads again for at most ``seconds`` until every nonce is in one of them: a request through a Service reaches
        one replica, nobody knows which. The answer says why the copy may lack lines; it is empty when it does not.
        """
        if self._trouble:
            return (self._trouble,)
        nonces = frozenset(until_nonces)
        until = clock.monotonic() + seconds
        while True:
            parts, notes = self._read()
            text = b"".join(part.text for part in parts)
            missing = sorted(nonces - find_nonces(text, nonces))
            if not missing or clock.monotonic() >= until:
                break
            clock.sleep(limits.LOG_POLL_SECONDS)
        capture.write(text)
        late = [f"{nonce} is not in the log of any replica after {seconds:g} s" for nonce in missing]
        words = dict.fromkeys([*notes, *(note for part in parts for note in part.notes), *late])
        return (*words, *([capture.trouble] if capture.trouble else []))

    def _containers(self, since: float | None = None) -> list[tuple[PodSeen, ContainerSeen]]:
        """Each replica's containers: the one that the locator names, or all."""
        pods = self._kubectl.pods(self._place, since=since)
        expected = self._place.container
        containers = [(pod, each) for pod in pods for each in pod.containers if expected in (None, each.name)]
        if not containers or {pod.name for pod in pods} != {pod.name for pod, _ in containers}:
            where = f"{self._place.workload} {self._place.namespace}/{self._place.name}"
            raise InconclusiveError(
                f"{where} has {len(pods)} pods, and not each of them has the container {expected or 'that is named'}: "
                "expected at least one pod, and container= with a name that all have"
            )
        return containers

    def _mark(self, pod: PodSeen, container: ContainerSeen) -> _Mark:
        line, trouble = b"", ""
        if container.started is not None:
            last, trouble = self._logs(pod, container, ("--tail=1",), cap=limits.LINE_BYTES * 2)
            line = last.rstrip(b"\n").rpartition(b"\n")[2]
        return _mark_of(pod.uid, container.restarts, line, trouble)

    def _read(self) -> tuple[list[_Part], list[str]]:
        try:
            containers = self._containers()
        except InconclusiveError as error:
            return [], [str(error)]
        with ThreadPoolExecutor(limits.READ_JOBS) as threads:
            parts = list(threads.map(lambda each: self._part(*each), containers))
        now = {(pod.name, each.name): pod.uid for pod, each in containers}
        lost = [key for key, mark in self._marks.items() if now.get(key) != mark.uid]
        return parts, [
            f"pod {pod} is gone: what {container} logged there in the window is lost" for pod, container in lost
        ]

    def _part(self, pod: PodSeen, container: ContainerSeen) -> _Part:
        mark = self._marks.get((pod.name, container.name))
        if mark is None or mark.uid != pod.uid:  # it came within the window
            mark = _mark_of(pod.uid, 0)
        notes = [mark.trouble] if mark.trouble else []
        who = f"{container.name} of pod {pod.name}"
        again = container.restarts - mark.restarts
        if again not in (0, 1):
            notes.append(f"{who} restarted {again} times in the window: the logs between are lost")
        previous = self._since(mark, pod, container, ("--previous",), notes) if again == 1 else b""
        start = mark if again == 0 else _mark_of(mark.uid, 0)
        running = container.started is not None or again == 0
        current = self._since(start, pod, container, (), notes) if running else b""
        if container.started is None:
            notes.append(f"{who} {container.trouble}")
        return _Part(text=previous + current, notes=tuple(notes))

    def _since(
        self, mark: _Mark, pod: PodSeen, container: ContainerSeen, options: Sequence[str], notes: list[str]
    ) -> bytes:
        """What came after the remembered line, or all of it with a note where that line is not there any more."""
        since = (f"--since-time={mark.at}",) if mark.at else ()
        text, trouble = self._logs(pod, container, (*options, *since), cap=limits.POD_LOG_BYTES)
        if trouble:
            notes.append(trouble)
        if mark.line is None:
            return text
        new = behind_line(text, mark.line)
        if new is not None:
            return new
        if not trouble:
            notes.append(
                f"the log of {container.name} of pod {pod.name} was rotated or cut: the line at which the window "
                "begins is not in it"
            )
        return text

    def _logs(self, pod: PodSeen, container: ContainerSeen, options: Sequence[str], *, cap: int) -> tuple[bytes, str]:
        return self._kubectl.logs(
            self._place.namespace,
            pod.name,
            container.name,
            ("--timestamps", "--prefix", *options),
            cap=cap,
            seconds=limits.POD_LOG_SECONDS,
        )


def behind_line(text: bytes, digest: str) -> bytes | None:
    """What follows the first line with this sha256; None where there is no such line."""
    lines = text.split(b"\n")  # the last one is what follows the last line end
    begin = next((at for at, line in enumerate(lines[:-1]) if sha256(line).hexdigest() == digest), None)
    return None if begin is None else b"\n".join(lines[begin + 1 :])
