"""The course of a run by its own journal: what was seen before and after stands there in order, and by one clock."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from gate.evidence.pushes import child_name
from gate.model import records as say
from gate.model.basics import Label, Phase

_PHASED = (say.BucketSampled, say.StateSeen, say.WorkloadSeen, say.LogCanarySent)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PUSHES = frozenset(child_name(label) for label in Label)


def clock_jump_millis(entries: Sequence[say.Entry]) -> int:
    """By how much the clock of the day moved against the steady one: a step, or a machine that slept.

    ``at`` and ``mono_millis`` of each entry are of one moment, so their difference stays as it was at the first entry.
    """
    apart = [_millis(entry.at) - entry.mono_millis for entry in entries]
    return max(apart, default=0) - min(apart, default=0)


def disorder(entries: Sequence[say.Entry]) -> tuple[str, ...]:
    """A sentence for each thing that stands where it proves nothing, by sequence and not by time."""
    return tuple(dict.fromkeys(_disorder(entries)))


def _disorder(entries: Sequence[say.Entry]) -> Iterator[str]:
    rows = [entry.record for entry in entries]
    ended = [place for place, row in enumerate(rows) if isinstance(row, say.ChildEnded) and row.name in _PUSHES]
    names = [row.name for row in rows if isinstance(row, say.ChildEnded) and row.name in _PUSHES]
    planned = next((place for place, row in enumerate(rows) if isinstance(row, say.PushSetKnown)), len(rows))
    yield from (f"{name} ran more than once" for name in names if names.count(name) > 1)
    for place, row in enumerate(rows):
        if isinstance(row, _PHASED):
            if row.phase is Phase.PRE and place > planned:
                yield f"a record of kind {row.kind} of the phase pre stands behind the first plan of a push"
            if row.phase is Phase.POST and ended and place < ended[-1]:
                yield f"a record of kind {row.kind} of the phase post stands before the end of a push"


def _millis(at: str) -> int:
    return (datetime.fromisoformat(at) - _EPOCH) // timedelta(milliseconds=1)
