"""The terminal: output that survives a closed stream, progress lines, and signals that cancel."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import StringIO
from shutil import get_terminal_size
from types import FrameType
from typing import TYPE_CHECKING, Self, TextIO

from gate.limits import ERROR_TEXT_CHARS
from gate.model.basics import Label, Phase
from gate.render.escape import plain, runner_safe

if TYPE_CHECKING:
    from gate.clock import Clock
    from gate.process import CancelToken


def records(text: str) -> None:
    """Write a result to stdout; what can't be written there is lost, and the exit code stays what it is."""
    _write(sys.stdout, text)


def present(text: str, environ: Mapping[str, str]) -> None:
    """Write a result for a person: fitted to a terminal's width, and in color where that is wanted."""
    stream = sys.stdout
    if stream is not None and not stream.closed and (stream.isatty() or environ.get("FORCE_COLOR")):
        from gate.cli.paint import fitted, painted, wants_color

        text = fitted(text, get_terminal_size().columns) if stream.isatty() else text
        text = painted(text) if wants_color(stream, environ) else text
    _write(stream, text)


def complain(sentence: str) -> None:
    """Write one sentence to stderr, made safe for a runner's log: it may quote foreign text."""
    _write(sys.stderr, runner_safe(f"publication-gate: {plain(sentence, ERROR_TEXT_CHARS)}") + "\n")


def progress_stream() -> TextIO:
    """Where progress goes: stderr, or nowhere when it is closed."""
    return sys.stderr if sys.stderr is not None else StringIO()


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:
        return
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        _discard(stream)


def _discard(stream: TextIO) -> None:
    """Point a broken stream at nowhere, so that Python's own flush at the end does not turn into exit code 120."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


@contextmanager
def cancelling(cancel: "CancelToken") -> Iterator[None]:
    """While inside, the two signals cancel the token; outside, they are as they were before."""

    def stop(number: int, _frame: FrameType | None) -> None:
        if not cancel.cancelled:
            os.write(2, b"publication-gate: cancelling; what was recorded is sealed now\n")
        cancel.cancel(f"signal {signal.Signals(number).name}")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


HEARTBEAT_SECONDS = 10.0


class Lines:
    """One line an event, with the seconds since the start. Nothing foreign is ever written."""

    def __init__(self, stream: TextIO, clock: "Clock") -> None:
        self._stream = stream
        self._clock = clock
        self._start = clock.monotonic()
        self._stage = "start"
        self._count = ""
        self._over = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def stage(self, name: str) -> None:
        """A stage begins."""
        self._stage, self._count = name, ""
        self._line(name)

    def sample(self, phase: Phase, number: int) -> None:
        """A bucket sample is about to be taken."""
        if phase is not Phase.DURING:
            self._line(f"{phase.value}: bucket sample {number}")

    def push_running(self, label: Label) -> None:
        """The client was started."""
        self._line(f"push of the {label.value} is running")

    def paths_done(self, done: int, total: int) -> None:
        """So many of the paths of this stage are done; the next heartbeat says it."""
        self._count = f"{done} of {total} paths"

    def note(self, text: str) -> None:
        """Something worth a line."""
        self._line(text)

    def _beat(self) -> None:
        while not self._over.wait(HEARTBEAT_SECONDS):
            self._line(f"{self._stage}: {self._count or 'still running'}")

    def _line(self, text: str) -> None:
        seconds = self._clock.monotonic() - self._start
        try:
            self._stream.write(f"[{seconds:7.1f}s] {text}\n")
            self._stream.flush()
        except (OSError, ValueError):
            return
