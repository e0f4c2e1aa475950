"""Measuring parts of a large body while the next are received.

libcurl, the hash and the decompressors all let other threads run meanwhile.
"""

from collections import deque
from queue import SimpleQueue
from threading import Thread
from typing import Final

from gate import limits
from gate.parse.nar import NarMeter

_BUFFERS: Final = 3  # one is filled, one measured, and one waits, so that the thread need not


class Ahead:
    """A meter that is some parts of `limits.AHEAD_BYTES` behind, in a thread of its own.

    What it measures does not depend on the threads: no part is measured after one that was not good, and a result is
    looked at when its buffer is to be filled again, no sooner. Buffers are used in turn, for libcurl gives 16 KiB at a
    time: kept as they come, its pieces cost more than the hash.
    """

    def __init__(self, meter: NarMeter) -> None:
        self._meter = meter
        self._thread: Thread | None = None
        self._parts: SimpleQueue[memoryview | None] = SimpleQueue()  # None: there is none left
        self._results: SimpleQueue[bool] = SimpleQueue()  # of each part, whether all is good so far
        self._waiting_for = 0  # results that were not looked at
        self._trouble: BaseException | None = None
        self._buffers = _no_buffers()
        self._filling = self._buffers[0]
        self._filled = 0
        self._good = True

    def feed(self, piece: bytes) -> bool:
        """Take a piece; False when the measure ended before it, and what came since is then not looked at."""
        size = len(piece)
        if self._filled + size > len(self._filling) and not self._hand_over(size):
            return False
        self._filling[self._filled : self._filled + size] = piece
        self._filled += size
        return True

    def settle(self) -> bool:
        """Measure all that was taken; False when the measure is over."""
        while self._waiting_for:
            self._look()
        if self._good and self._filled:
            part, self._filled = self._filling[: self._filled], 0
            self._good = self._meter.feed(part)
        return self._good

    def close(self) -> None:
        """Wait, and let the thread and the buffers go."""
        if self._thread is not None:
            self._parts.put(None)
            self._thread.join()
            self._thread = None
        self._buffers = _no_buffers()
        self._filling = self._buffers[0]

    def _hand_over(self, size: int) -> bool:
        """Give what was taken to the thread, and make room for a piece of ``size`` bytes."""
        if self._good and self._filled:
            if self._thread is None:
                self._thread = Thread(target=self._measure, name="nar", daemon=True)
                self._thread.start()
            self._parts.put(self._filling[: self._filled])
            self._waiting_for += 1
            self._buffers.rotate()
            self._filled = 0
        if self._waiting_for == _BUFFERS:
            self._look()
        if self._good and len(self._buffers[0]) < size:
            self._buffers[0] = memoryview(bytearray(max(size, limits.AHEAD_BYTES)))
        self._filling = self._buffers[0] if self._good else memoryview(b"")
        return self._good

    def _look(self) -> None:
        """Wait for the next result."""
        self._good = self._results.get() and self._good
        self._waiting_for -= 1
        if self._trouble is not None:
            raise self._trouble

    def _measure(self) -> None:
        """The thread."""
        good = True
        while (part := self._parts.get()) is not None:
            try:
                good = good and self._meter.feed(part)
            except BaseException as error:  # noqa: BLE001  # a defect: raised again by `_look`
                self._trouble, good = error, False
            self._results.put(good)


def _no_buffers() -> deque[memoryview]:
    """They are made when they are filled for the first time: most bodies need one or none."""
    return deque([memoryview(b"")] * _BUFFERS)
