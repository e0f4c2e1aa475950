"""stdout and stderr as a command may find them: closed, full, or read by nobody. None of it changes the answer."""

import os
import sys
from contextlib import suppress
from io import StringIO
from typing import TextIO

from gate.limits import ERROR_TEXT_CHARS
from gate.render.escape import plain, runner_safe


def say(text: str) -> None:
    """Write a result to stdout; what can't be written there is lost, and the exit code stays what it is."""
    _write(sys.stdout, text)


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
