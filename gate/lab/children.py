"""Long-lived children of the lab: servers with a log, a PID file and a port, that never outlive the lab.

Each gets SIGKILL from the kernel when the lab dies (prctl(2), PR_SET_PDEATHSIG). That signal follows the *thread* that
started the child, so all are started from one thread that lives as long as the process.
"""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gate.errors import InconclusiveError
from gate.process.children import dying_with_us

READY_SECONDS: Final = 20.0  # the slowest, Python's imports on a busy machine, takes about two
ANSWER_SECONDS: Final = 5.0
STOP_SECONDS: Final = 2.0
POLL_SECONDS: Final = 0.02
PORT_ATTEMPTS: Final = 5
LOG_TAIL_BYTES: Final = 2000
_STARTER: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lab-starter")


def free_port(host: str) -> int:
    """A TCP port of ``host`` that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def can_bind(host: str) -> bool:
    """Whether this machine has the loopback address ``host``."""
    try:
        free_port(host)
    except OSError:
        return False
    return True


@dataclass
class Server:
    """One server process, with a PID file and a log; ``host`` and ``port`` are where it must answer HTTP."""

    name: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    log: Path
    pid_file: Path
    host: str
    port: int
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def pid(self) -> int | None:
        """The process's number while it runs."""
        return self._child.pid if self._child and self._child.poll() is None else None

    @property
    def address(self) -> str:
        """``host:port``, as in URLs."""
        return f"{self.host}:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers; raises `InconclusiveError` with its log's end when it doesn't."""
        with self.log.open("ab") as log:
            self._child = _STARTER.submit(
                subprocess.Popen,
                (*dying_with_us(self.environ.get("PATH", os.defpath)), *self.argv),
                env=dict(self.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the gate: the evidence after still needs its servers
            ).result()
        self.pid_file.write_text(f"{self._child.pid}\n", encoding="ascii")
        self._wait_ready()

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.pid is None:
                break
            if answers(self.host, self.port):
                return
            time.sleep(POLL_SECONDS)
        state = "does not answer" if self.pid else "ended"
        tail = self.log.read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "backslashreplace").strip()
        self.stop()
        raise InconclusiveError(
            f"the lab's {self.name} {state} at {self.address}: its log {self.log} ends with {tail!r}"
        )

    def stop(self) -> None:
        """End it and its group: SIGTERM, then SIGKILL; a paused one too. Nothing happens when it is not running."""
        child, self._child = self._child, None
        if child is None:
            return
        _signal_group(child.pid, signal.SIGTERM)
        _signal_group(child.pid, signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(STOP_SECONDS)
        _signal_group(child.pid, signal.SIGKILL)
        child.wait()
        self.pid_file.unlink(missing_ok=True)

    def restart(self) -> None:
        """Stop it and start it again, on its port."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it: its port still takes connections, and nothing answers."""
        if self.pid:
            _signal_group(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen one go on."""
        if self.pid:
            _signal_group(self.pid, signal.SIGCONT)


def start_anywhere(make: Callable[[int], Server], host: str) -> Server:
    """Start a server on a free port, on another one when somebody else was quicker; ``make`` gets the port."""
    for attempts_left in reversed(range(PORT_ATTEMPTS)):
        server = make(free_port(host))
        try:
            server.start()
        except InconclusiveError:
            if not attempts_left:
                raise
        else:
            return server
    raise AssertionError


def answers(host: str, port: int) -> bool:
    """Whether something speaks HTTP there, whatever it says."""
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
