"""What a run takes from outside: environment, clock, cancellation, randomness, and who is told of its progress."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Protocol

from gate.clock import Clock
from gate.model.basics import BucketState, Label, Phase
from gate.process import CancelToken


class Progress(Protocol):
    """Told, synchronously, of what comes next: a person watches by it, and the lab's drills act by it."""

    def stage(self, name: str) -> None:
        """A stage begins."""
        ...

    def sample(self, phase: Phase, number: int) -> None:
        """A bucket sample is about to be taken."""
        ...

    def push_running(self, label: Label) -> None:
        """The client of this publication was started."""
        ...

    def paths_done(self, done: int, total: int, wire_bytes: int) -> None:
        """So many of the paths of this stage are done, and so many bytes came for them."""
        ...

    def buckets(self, states: Mapping[str, BucketState]) -> None:
        """A bucket sample ended: the state of each bucket."""
        ...

    def record(self, number: int, kind: str) -> None:
        """The journal has one record more."""
        ...

    def note(self, text: str) -> None:
        """Something worth a line."""
        ...


class Quiet:
    """Tells nobody."""

    def stage(self, name: str) -> None:
        """Say nothing."""

    def sample(self, phase: Phase, number: int) -> None:
        """Say nothing."""

    def push_running(self, label: Label) -> None:
        """Say nothing."""

    def paths_done(self, done: int, total: int, wire_bytes: int) -> None:
        """Say nothing."""

    def buckets(self, states: Mapping[str, BucketState]) -> None:
        """Say nothing."""

    def record(self, number: int, kind: str) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""


def fresh_nonce() -> str:
    """128 random bits in hex: names the run, its canaries and its synthetic path."""
    return token_hex(16)


@dataclass(frozen=True, kw_only=True)
class World:
    """The outside of one run."""

    environ: Mapping[str, str]
    cancel: CancelToken
    progress: Progress
    clock: Clock
    nonce: str = field(default_factory=fresh_nonce)
