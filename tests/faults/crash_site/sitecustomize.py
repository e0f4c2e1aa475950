"""Counts what a process does to the outside: writes, fsyncs, renames, processes, connections. Loaded by Python itself.

At each of them it keeps the evidence folder as a SIGKILL at that moment would leave it, or, at the one that it is told
of, it kills the process. It is no part of the product: a test puts this folder on the path of the process it starts.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Crash:
    """``folder`` is the run's own, ``states`` where its states are kept; ``kill`` is the point to die at, or 0."""

    def __init__(self, folder: str, states: str, kill: int) -> None:
        self.folder, self.states, self.kill = Path(folder), Path(states), kill
        self.points = self.kept = 0
        self.last: object = None
        self.lock = threading.RLock()
        self.write = os.write

    def point(self) -> None:
        with self.lock:
            self.points += 1
            if self.kill:
                if self.points == self.kill:
                    os.kill(os.getpid(), signal.SIGKILL)
                return
            now = self.signature()
            if now and now != self.last:
                self.last = now
                shutil.copytree(self.folder, self.states / f"{self.kept:05}")
                self.kept += 1
            (self.states / "points").write_text(str(self.points))

    def signature(self) -> object:
        try:
            return sorted((entry.name, entry.stat().st_size) for entry in os.scandir(self.folder))
        except OSError:
            return None

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """Before and after the call: a kill may come on either side of it."""

        def counted(*given: Any, **named: Any) -> Any:
            if getattr(_INSIDE, "busy", False):
                return real(*given, **named)
            _INSIDE.busy = True
            try:
                self.point()
            finally:
                _INSIDE.busy = False
            return real(*given, **named)

        return counted


_INSIDE = threading.local()


def install() -> None:
    answer = os.environ.pop("GATE_TEST_CRASH", "")
    if not answer:
        return
    crash = Crash(**json.loads(answer))
    for place, name in ((os, "write"), (os, "fsync"), (os, "replace"), (os, "rename"), (os, "unlink")):
        setattr(place, name, crash.around(getattr(place, name)))
    for owner, method in ((subprocess.Popen, "__init__"), (socket.socket, "connect")):
        setattr(owner, method, crash.around(getattr(owner, method)))


install()
