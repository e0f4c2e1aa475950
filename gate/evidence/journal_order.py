"""Checks the order of a journal: single records, observations before and after each push, and one clock."""

from collections.abc import Iterator, Sequence
from typing import Final

from gate import limits
from gate.evidence.pushes import child_name
from gate.model import records
from gate.model.basics import Label, Phase
from gate.model.captures import DiskLook, ReplicaCanaries, StoreLogRead
from gate.model.machine import NixConfigSeen
from gate.model.policy import Policy
from gate.model.time import epoch_millis, parse_time

# Each kind of record, and the fields that distinguish two of it. Reads of bodies, descriptions of caches, and looks for
# references and for open uploads may repeat, and each job of a split run names its programs: all of them are folded.
_KEY_FIELDS: Final[dict[type, tuple[str, ...]]] = {
    records.RunStarted: (),
    records.RunComplete: (),
    records.BuildFacts: (),
    NixConfigSeen: (),
    records.StateSeen: ("phase",),
    records.LogCanarySent: ("phase",),
    records.WorkloadSeen: ("phase", "role", "place"),
    records.BucketSampled: ("phase", "number"),
    records.ControlTried: ("name",),
    records.PushSetKnown: ("label",),
    records.ReferencesKnown: ("label",),
    records.MissingAsked: ("label",),
    records.ChildEnded: ("name",),
    records.CanaryObject: (),
    records.CaptureClosed: ("name",),
    ReplicaCanaries: ("phase",),
    StoreLogRead: (),
}


def repeated_records(rows: Sequence[records.Record]) -> Iterator[str]:
    """A sentence for each record that the journal has a second time."""
    keys = set()
    for record in rows:
        fields = _KEY_FIELDS.get(type(record))
        if fields is None:
            continue
        key = (record.kind, *(str(getattr(record, name)) for name in fields))
        if key in keys:
            yield (
                f"{key[1]} ran more than once" if isinstance(record, records.ChildEnded) else f"twice: {' '.join(key)}"
            )
        keys.add(key)


PHASED = (  # observations before and after the push, each with its phase
    records.BucketSampled,
    records.StateSeen,
    records.WorkloadSeen,
    records.UploadsSeen,
    records.LogCanarySent,
    ReplicaCanaries,
    DiskLook,
)
_EARLY_SECONDS = 0.01  # both times are cut to milliseconds
_PUSHES = frozenset(child_name(label) for label in Label)


def clock_jump_millis(entries: Sequence[records.Entry]) -> int:
    """By how much the wall clock moved against the steady clock: somebody set it, or the machine slept.

    ``at`` and ``mono_millis`` of an entry are of one moment, so without a jump their difference never changes.
    """
    apart = [epoch_millis(entry.at) - entry.mono_millis for entry in entries]
    return max(apart, default=0) - min(apart, default=0)


def disorder(entries: Sequence[records.Entry]) -> tuple[str, ...]:
    """A sentence for each record at a place where it proves nothing, by sequence number and not by time."""
    return tuple(dict.fromkeys(_disorder(entries)))


def _disorder(entries: Sequence[records.Entry]) -> Iterator[str]:
    rows = [entry.record for entry in entries]
    ended = [place for place, row in enumerate(rows) if isinstance(row, records.ChildEnded) and row.name in _PUSHES]
    planned = next((place for place, row in enumerate(rows) if isinstance(row, records.PushSetKnown)), len(rows))
    yield from repeated_records(rows)
    yield from _around_pushes(rows)
    yield from _untimely(entries)
    for place, row in enumerate(rows):
        if isinstance(row, PHASED):
            if row.phase is Phase.PRE and place > planned:
                yield f"a record of kind {row.kind} of the phase pre comes after the first plan of a push"
            if row.phase is Phase.POST and ended and place < ended[-1]:
                yield f"a record of kind {row.kind} of the phase post comes before the end of a push"
        elif isinstance(row, StoreLogRead) and ended and place < ended[-1]:
            yield "the store's log was read before the end of a push"


def _untimely(entries: Sequence[records.Entry]) -> Iterator[str]:
    """Samples that were not recorded right after they ended by their own times, so their spacing proves nothing."""
    for entry in entries:
        if not isinstance(entry.record, records.BucketSampled):
            continue
        ended, written = parse_time(entry.record.ended_at), parse_time(entry.at)
        late = None if ended is None or written is None else (written - ended).total_seconds()
        if late is None or not -_EARLY_SECONDS <= late <= limits.RECORDING_SECONDS:
            yield (
                f"sample {entry.record.number} of the phase {entry.record.phase.value} ended at "
                f"{ascii(entry.record.ended_at)[1:-1][:40]} as it says, and was recorded at {entry.at}"
            )


def _around_pushes(rows: Sequence[records.Record]) -> Iterator[str]:
    """Records on the wrong side of a push, or of another cache than the policy's."""
    places = {row.name: place for place, row in enumerate(rows) if isinstance(row, records.ChildEnded)}
    policy = next((row.policy for row in rows if isinstance(row, records.RunStarted)), None)
    for place, row in enumerate(rows):
        if not isinstance(row, records.PushSetKnown | records.MissingAsked | records.BodyRead):
            continue
        end = places.get(child_name(row.label))
        if end is not None and isinstance(row, records.BodyRead) and place < end:
            yield f"a body of the {row.label.value} was read before the end of its push"
        if end is not None and isinstance(row, records.MissingAsked) and end < place:
            yield f"what the cache lacks of the {row.label.value} was asked after its push"
        if policy is not None and row.cache != _cache_of(policy, row.label):
            yield f"a record of kind {row.kind} of the {row.label.value} is of another cache than the policy's"


def _cache_of(policy: Policy, label: Label) -> str:
    return policy.attic_cache if label is Label.PROFILE else policy.caches[-1]
