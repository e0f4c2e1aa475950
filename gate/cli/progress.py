"""Progress on stderr: a plain line for each stage, and a heartbeat, so that no CI takes the run for dead."""

import threading
from typing import Self, TextIO

from gate.clock import Clock
from gate.model.basics import Label, Phase

HEARTBEAT_SECONDS = 30.0


class Lines:
    """One line an event, with the seconds since the start. Nothing foreign is ever written."""

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._start = clock.monotonic()
        self._stage = "start"
        self._over = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def stage(self, name: str) -> None:
        """A stage begins."""
        self._stage = name
        self._line(name)

    def sample(self, phase: Phase, number: int) -> None:
        """A bucket sample is about to be taken."""
        if phase is not Phase.DURING:
            self._line(f"{phase.value}: bucket sample {number}")

    def push_running(self, label: Label) -> None:
        """The client was started."""
        self._line(f"push of the {label.value} is running")

    def note(self, text: str) -> None:
        """Something worth a line."""
        self._line(text)

    def _beat(self) -> None:
        while not self._over.wait(HEARTBEAT_SECONDS):
            self._line(f"{self._stage}: still at it")

    def _line(self, text: str) -> None:
        seconds = self._clock.monotonic() - self._start
        try:
            self._stream.write(f"[{seconds:7.1f}s] {text}\n")
            self._stream.flush()
        except (OSError, ValueError):
            return
