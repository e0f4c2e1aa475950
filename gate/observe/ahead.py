"""Measuring one part of a large body while the next is received.

libcurl, the hash and the decompressors all let other threads run meanwhile.
"""

from concurrent.futures import Future, ThreadPoolExecutor

from gate import limits
from gate.parse.nar import NarMeter


class Ahead:
    """A meter that is one part behind, in a thread of its own, one part of `limits.AHEAD_BYTES` at a time.

    What it measures does not depend on the threads: a part is begun only when the one before is done and was good. Two
    buffers are used in turn, for libcurl gives 16 KiB at a time: kept as they come, its pieces cost more than the hash.
    """

    def __init__(self, meter: NarMeter) -> None:
        self._meter = meter
        self._thread: ThreadPoolExecutor | None = None
        self._running: Future[bool] | None = None
        self._filling = self._other = memoryview(b"")
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
        if self._done() and self._filled:
            part, self._filled = self._filling[: self._filled], 0
            self._good = self._meter.feed(part)
        return self._good

    def close(self) -> None:
        """Wait, and let the thread and the buffers go."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
            self._thread = None
        self._filling = self._other = memoryview(b"")

    def _hand_over(self, size: int) -> bool:
        """Begin to measure what was taken, and make room for a piece of ``size`` bytes."""
        if not self._done():
            return False
        if self._filled:
            if self._thread is None:
                self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nar")
            self._running = self._thread.submit(self._meter.feed, self._filling[: self._filled])
            self._filling, self._other, self._filled = self._other, self._filling, 0
        if len(self._filling) < size:
            self._filling = memoryview(bytearray(max(size, limits.AHEAD_BYTES)))
        return True

    def _done(self) -> bool:
        if self._running is not None:
            self._good = self._running.result()
            self._running = None
        return self._good
