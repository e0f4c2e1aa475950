"""What a person sees while a command works: lines for a log, a live block on a terminal, or nothing (``--quiet``).

All of it goes to stderr. Text that comes from outside is escaped, so that no server can move a cursor.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TextIO

from gate.cli.flags import VERBOSITY
from gate.cli.terminal import cancelling, progress_stream
from gate.clock import Clock, SystemClock
from gate.limits import ERROR_TEXT_CHARS
from gate.model.basics import BucketState, Label, Phase
from gate.render.escape import plain
from gate.render.view import size

if TYPE_CHECKING:
    from rich.text import Text

    from gate.process import CancelToken

HEARTBEAT_SECONDS = 10.0  # between two lines of a stage that goes on
_REFRESHES: Final = 4  # of the live block, a second
_DUMB: Final = ("dumb", "unknown")  # values of TERM for a terminal that can't move its cursor

# How a bucket's state is shown; every state that is not here is a loss.
_LIGHTS: Final = {
    BucketState.INDEXED: ("✓", "bold green"),
    BucketState.UNOBSERVABLE: ("?", "bold yellow"),
    BucketState.NOT_READY: ("?", "bold yellow"),
}


class ProgressLines:
    """One line an event, with the seconds since the start."""

    def __init__(self, stream: TextIO, clock: Clock, *, verbose: bool = False) -> None:
        self._stream = stream
        self._clock = clock
        self._start = clock.monotonic()
        self._stage = "start"
        self._count = ""
        self._verbose = verbose
        self._over = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()

    def stage(self, name: str) -> None:
        """A stage begins."""
        self._stage, self._count = name, ""
        self._line(name)

    def sample(self, phase: Phase, number: int) -> None:
        """A bucket sample is about to be taken."""
        if phase is not Phase.DURING or self._verbose:
            self._line(f"{phase.value}: bucket sample {number}")

    def buckets(self, states: Mapping[str, BucketState]) -> None:
        """A sample ended; the lines name only what `note` says of it."""

    def push_running(self, label: Label) -> None:
        """The client was started."""
        self._line(f"push of the {label.value} is running")

    def paths_done(self, done: int, total: int, wire_bytes: int) -> None:
        """So many of the paths of this stage are done; the next heartbeat says it."""
        self._count = f"{done} of {total} paths, {size(wire_bytes)}"

    def record(self, number: int, kind: str) -> None:
        """The journal has one record more."""
        if self._verbose:
            self._line(f"record {number}: {kind}")

    def note(self, text: str) -> None:
        """Something worth a line."""
        self._line(text)

    def _beat(self) -> None:
        while not self._over.wait(HEARTBEAT_SECONDS):
            self._line(f"{self._stage}: {self._count or 'still running'}")

    def _line(self, text: str) -> None:
        try:
            self._stream.write(f"{self._stamp()} {plain(text, ERROR_TEXT_CHARS)}\n")
            self._stream.flush()
        except (OSError, ValueError):
            return

    def _stamp(self) -> str:
        return f"[{self._clock.monotonic() - self._start:7.1f}s]"


class LiveBlock(ProgressLines):
    """The lines, and below them a block that is redrawn: stage, elapsed time, paths, and a light for each bucket."""

    def __init__(
        self, stream: TextIO, clock: Clock, cancel: "CancelToken", *, deadline: float | None, verbose: bool = False
    ) -> None:
        from rich.console import Console  # only on a terminal
        from rich.live import Live  # the same

        super().__init__(stream, clock, verbose=verbose)
        self._cancel = cancel
        self._deadline = deadline
        self._done = 0
        self._states: Mapping[str, BucketState] = {}
        self._console: Console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._live: Live = Live(
            console=self._console, get_renderable=self._block, refresh_per_second=_REFRESHES, transient=True
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def stage(self, name: str) -> None:
        """A stage begins."""
        self._done += self._stage != "start"
        super().stage(name)

    def buckets(self, states: Mapping[str, BucketState]) -> None:
        """A sample ended: the lights change."""
        self._states = dict(states)

    def _line(self, text: str) -> None:
        self._console.print(f"{self._stamp()} {plain(text, ERROR_TEXT_CHARS)}", soft_wrap=True)

    def _block(self) -> "Text":
        from rich.text import Text

        elapsed = _clock_text(self._clock.monotonic() - self._start)
        limit = f" of {_clock_text(self._deadline)}" if self._deadline is not None else ""
        ending = (
            "; cancelling: what was recorded is sealed now" if self._cancel.cancelled else "; Ctrl-C ends and seals"
        )
        block = Text(no_wrap=True, overflow="ellipsis")
        block.append(f"{elapsed}{limit}{ending}\n", style="dim")
        block.append(f"stage  {self._stage} ({self._done} done){f': {self._count}' if self._count else ''}")
        if self._states:
            block.append("\nindex  ")
            for name, state in self._states.items():
                mark, style = _LIGHTS.get(state, ("✗", "bold red"))
                block.append(mark, style=style).append(f" {plain(name, 40)}  ")
        return block


@dataclass(frozen=True, kw_only=True)
class CommandConsole:
    """What each command that works for a while is given: its clock, its cancellation, and whom it tells of progress."""

    clock: Clock
    cancel: "CancelToken"
    progress: ProgressLines


@contextmanager
def command_console(*, deadline: float | None = None) -> Iterator[CommandConsole]:
    """Open a command: SIGINT and SIGTERM cancel it, and its progress is shown as `VERBOSITY` and stderr have it.

    ``deadline`` is in seconds, None for a command without one for the whole.
    """
    from gate.process import CancelToken

    clock, cancel, verbosity = SystemClock(), CancelToken(), VERBOSITY.get()
    stream = progress_stream() if verbosity != "quiet" else StringIO()
    is_live = stream.isatty() and os.environ.get("TERM") not in _DUMB
    progress = (
        LiveBlock(stream, clock, cancel, deadline=deadline, verbose=verbosity == "verbose")
        if is_live
        else ProgressLines(stream, clock, verbose=verbosity == "verbose")
    )
    with cancelling(cancel, announce=not is_live), progress:
        yield CommandConsole(clock=clock, cancel=cancel, progress=progress)


def _clock_text(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"
