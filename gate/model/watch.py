"""What a watch keeps of an index that was lost: the samples around the loss, and the captures that it took."""

from typing import Final, Literal

from gate.model.basics import BucketState, Truth, value

WATCH_SCHEMA: Final = "publication-gate/watch/v1"


@value
class WatchSample:
    """One bucket in one sample: when it began, its class, and what each source said."""

    at: str
    bucket: str
    state: BucketState
    listed: Truth
    head: Truth
    get: Truth
    marker: Truth
    ready: Truth


@value
class WatchEvent:
    """A bucket that was lost or came back. ``last_at``: the newest sample of the state before; empty without one."""

    kind: Literal["lost", "back"]
    bucket: str
    state: BucketState
    at: str
    last_at: str


@value
class WatchCapture:
    """A sealed capture of an incident: its folder's name, its verdict and digest, or why there is none."""

    folder: str
    verdict: str
    evidence_digest: str
    trouble: str


@value
class WatchIncident:
    """``incident.json``. ``samples_sha256`` is of its samples' file; ``restarts`` names each server that is another.

    The onset lies between ``last_at`` and ``at`` of the first event. ``is_back`` is false where a bucket was still lost
    when the incident ended.
    """

    schema: str
    tool: str
    events: tuple[WatchEvent, ...]
    samples: int
    samples_sha256: str
    captures: tuple[WatchCapture, ...]
    restarts: tuple[str, ...]
    is_back: bool
    ended_at: str
