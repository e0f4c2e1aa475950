"""Measuring one piece of a large body while the next is received.

libcurl, the hash and the decompressors all let other threads run meanwhile.
"""

from concurrent.futures import Future, ThreadPoolExecutor

from gate.parse.nar import NarMeter


class Ahead:
    """A meter that is one piece behind, in a thread of its own, one piece at a time.

    What it measures does not depend on the threads: a piece is begun only when the one before is done and was good.
    """

    def __init__(self, meter: NarMeter) -> None:
        self._meter = meter
        self._thread: ThreadPoolExecutor | None = None
        self._running: Future[bool] | None = None

    def feed(self, piece: bytes) -> bool:
        """Begin a piece; False when one before it ended the measure, and this one is then not looked at."""
        if not self.settle():
            return False
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nar")
        self._running = self._thread.submit(self._meter.feed, piece)
        return True

    def settle(self) -> bool:
        """Wait for the piece that was begun; False when the measure is over."""
        return self._running is None or self._running.result()

    def close(self) -> None:
        """Wait, and let the thread go."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
            self._thread = None
