"""SIGINT and SIGTERM cancel the run: the runner grants 7.5 s, then 2.5 s (actions/runner ProcessInvoker.cs:32)."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from gate.process import CancelToken


@contextmanager
def cancelling(cancel: CancelToken) -> Iterator[None]:
    """While inside, the two signals cancel the token; outside, they are as they were before."""

    def stop(number: int, _frame: FrameType | None) -> None:
        cancel.cancel(f"signal {signal.Signals(number).name}")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
