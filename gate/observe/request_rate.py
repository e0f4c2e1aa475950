"""How fast one shard may ask: its share of the plan's rate, and less while the store is overloaded."""

from typing import Final

from gate.clock import Clock

_BURST_SECONDS: Final = 0.25  # of saved permission, so that no ten seconds are above the rate by more than a fortieth
_LEAST: Final = 1 / 64
_HALVING_SECONDS: Final = 1.0  # answers of one overload count once
_GROWTH_SECONDS: Final = 60.0
_GROWTH: Final = 1.1


class RateLimit:
    """A bucket of permissions for requests and one for bytes, both filled by time; 0 means no limit.

    An overload (429, 5xx or a time-out) halves both, at most once a second; each minute without one gives a tenth back
    (additive-increase, multiplicative-decrease as of TCP, RFC 5681).
    """

    def __init__(self, requests: float, received: float, clock: Clock) -> None:
        self.factor = 1.0
        self._rates = (requests, received)
        self._clock = clock
        now = clock.monotonic()
        self._filled = now
        self._changed = now - _HALVING_SECONDS
        self._saved = [rate * _BURST_SECONDS for rate in self._rates]

    def take(self, size: int) -> bool:
        """Take the permission for one request of an answer of ``size`` bytes, if there is one now.

        A bucket may go below nothing by one request, and is then waited for.
        """
        self._fill()
        if any(rate and saved <= 0 for rate, saved in zip(self._rates, self._saved, strict=True)):
            return False
        self._saved[0] -= 1
        self._saved[1] -= size
        return True

    def wait_seconds(self) -> float:
        """Seconds until the next permission."""
        self._fill()
        return max(
            (
                (1e-4 - saved) / (rate * self.factor)
                for rate, saved in zip(self._rates, self._saved, strict=True)
                if rate and saved <= 0
            ),
            default=0.0,
        )

    def overloaded(self) -> None:
        """The store said that it has too much to do, or did not answer in time."""
        now = self._clock.monotonic()
        if now - self._changed >= _HALVING_SECONDS:
            self.factor = max(_LEAST, self.factor / 2)
            self._changed = now

    def healthy(self) -> None:
        """The store answered well."""
        if self.factor < 1 and self._clock.monotonic() - self._changed >= _GROWTH_SECONDS:
            self.factor = min(1.0, self.factor * _GROWTH)
            self._changed = self._clock.monotonic()

    def _fill(self) -> None:
        now = self._clock.monotonic()
        passed = (now - self._filled) * self.factor
        self._filled = now
        self._saved = [
            min(saved + rate * passed, rate * _BURST_SECONDS)
            for rate, saved in zip(self._rates, self._saved, strict=True)
        ]
