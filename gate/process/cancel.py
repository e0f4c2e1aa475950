"""How the parts of a run are told to end."""

import time

from gate import limits


class CancelToken:
    """Says once, from any thread or signal handler, that the work is to end.

    It holds no lock: a signal handler that runs while its own thread waits here would wait for itself.
    """

    def __init__(self) -> None:
        self._reasons: list[str] = []

    def cancel(self, reason: str) -> None:
        """Ask for the end; the first reason stands."""
        self._reasons.append(reason)

    @property
    def cancelled(self) -> bool:
        """Whether the end was asked for."""
        return bool(self._reasons)

    @property
    def reason(self) -> str | None:
        """Why, or None."""
        return self._reasons[0] if self._reasons else None

    def wait(self, seconds: float) -> bool:
        """Wait for so long, or until the end is asked for; the answer says whether it was."""
        until = time.monotonic() + seconds
        while not self._reasons and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, limits.POLL_SECONDS))
        return self.cancelled
