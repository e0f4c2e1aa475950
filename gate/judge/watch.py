"""When a watched index is lost and when it is back, by the classes of single samples.

A loss is what a run calls one: `gate.evidence.buckets.WRONG_STATES`, each a positive answer of the store. A sample that
could not be had, a store that is not ready and a server that answers 503 are unknown, and neither a loss nor a return.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gate.evidence.buckets import WRONG_STATES
from gate.model.basics import BucketState
from gate.model.document import BucketSample
from gate.model.watch import WatchEvent


@dataclass(frozen=True)
class WatchState:
    """For each bucket when it was last seen in the index and last seen lost; the newest of the two says what it is."""

    good: Mapping[str, str] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()


def next_watch(state: WatchState, rows: Mapping[str, BucketSample]) -> tuple[WatchState, tuple[WatchEvent, ...]]:
    """The state after one more sample, and what changed with it, by bucket."""
    events = []
    for bucket, row in sorted(rows.items()):
        if row.state in WRONG_STATES:
            if bucket not in state.missing:
                events.append(_event("lost", bucket, row, state.good))
            state = replace(state, lost={**state.lost, bucket: row.at}, missing=state.missing | {bucket})
        elif row.state is BucketState.INDEXED:
            if bucket in state.missing:
                events.append(_event("back", bucket, row, state.lost))
            state = replace(state, good={**state.good, bucket: row.at}, missing=state.missing - {bucket})
    return state, tuple(events)


def _event(kind: str, bucket: str, row: BucketSample, before: Mapping[str, str]) -> WatchEvent:
    return WatchEvent(
        kind="lost" if kind == "lost" else "back",
        bucket=bucket,
        state=row.state,
        at=row.at,
        last_at=before.get(bucket, ""),
    )


def next_spacing(spacing: float, base: float, most: float, *, is_observed: bool) -> float:
    """Seconds to the next sample: ``base`` after one that answered, else twice as long as the last, up to ``most``."""
    return base if is_observed else max(base, min(spacing * 2, most))
