"""Progress of many reads on stderr: a bar on a terminal, plain lines elsewhere. Nothing foreign is ever written."""

from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from gate.cli.progress import Lines
from gate.clock import Clock
from gate.judge.integrity import Named
from gate.model.basics import Status

if TYPE_CHECKING:
    from rich.progress import Progress

_LINE_SECONDS = 10.0  # between two lines that only count
_WRONG = (Status.FAIL, Status.INCONCLUSIVE)


class Reads:
    """Tells of each read as it ends; what is wrong gets a line at once. ``total`` may grow while it runs."""

    def __init__(self, stream: TextIO, clock: Clock, total: int) -> None:
        self._clock = clock
        self._stream = stream
        self._total = total
        self._done = 0
        self._bytes = 0
        self._wrong = 0
        self._told = clock.monotonic()
        self._lines = None if stream.isatty() else Lines(stream, clock)
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if self._lines is not None:
            self._lines.__enter__()
            self._lines.stage(f"paths to read: {self._total}")
        else:
            from rich.console import Console  # only on a terminal
            from rich.progress import BarColumn, Progress, TimeElapsedColumn  # the same

            console = Console(file=self._stream, highlight=False)
            self._bar = Progress(BarColumn(), "{task.description}", TimeElapsedColumn(), console=console)
            self._bar.add_task(self._sum(), total=self._total)
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._lines is not None:
            self._lines.note(self._sum())
            self._lines.__exit__(kind, error, at)

    def read(self, row: Named) -> None:
        """A read ended."""
        self._done += 1
        self._total = max(self._total, self._done)
        self._bytes += row.wire_bytes
        if row.status in _WRONG:
            self._wrong += 1
            self._say(f"{row.status.value} {row.code} {row.store_path}")
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done, total=self._total, description=self._sum())
        elif self._lines is not None and self._clock.monotonic() - self._told >= _LINE_SECONDS:
            self._told = self._clock.monotonic()
            self._lines.note(self._sum())

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, markup=False, soft_wrap=True)
        elif self._lines is not None:
            self._lines.note(text)

    def _sum(self) -> str:
        return f"{self._done} of {self._total} paths, {self._bytes} bytes, {self._wrong} not whole"
