"""The terminal: output that survives a closed stream, and signals that cancel."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import StringIO
from shutil import get_terminal_size
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from gate.limits import ERROR_TEXT_CHARS
from gate.render.escape import plain, runner_safe

if TYPE_CHECKING:
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
def cancelling(cancel: "CancelToken", *, announce: bool) -> Iterator[None]:
    """While inside, the two signals cancel the token; outside, they are as they were before.

    ``announce``: say so on stderr, where no live block does.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        if announce and not cancel.cancelled:
            os.write(2, b"publication-gate: cancelling; what was recorded is sealed now\n")
        cancel.cancel(f"signal {signal.Signals(number).name}")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
