"""What a run records once. A second record would be read in the place of the first, and could hide what that says."""

from collections.abc import Iterator, Sequence
from typing import Final

from gate.model import records as say
from gate.model.captures import ReplicaCanaries, StoreLogRead
from gate.model.machine import NixConfigSeen

# Each kind, and what tells two of it apart. Reads of bodies, descriptions of caches, and looks for references and for
# open uploads may come again, and each job of a split run names its programs: all are folded.
_TOLD_BY: Final[dict[type, tuple[str, ...]]] = {
    say.RunStarted: (),
    say.RunComplete: (),
    say.BuildFacts: (),
    NixConfigSeen: (),
    say.StateSeen: ("phase",),
    say.LogCanarySent: ("phase",),
    say.WorkloadSeen: ("phase", "role", "place"),
    say.BucketSampled: ("phase", "number"),
    say.ControlTried: ("name",),
    say.PushSetKnown: ("label",),
    say.ReferencesKnown: ("label",),
    say.MissingAsked: ("label",),
    say.ChildEnded: ("name",),
    say.CanaryObject: (),
    say.CaptureClosed: ("name",),
    ReplicaCanaries: ("phase",),
    StoreLogRead: (),
}


def doubled(records: Sequence[say.Record]) -> Iterator[str]:
    """A sentence for each record that stands a second time."""
    seen = set()
    for record in records:
        fields = _TOLD_BY.get(type(record))
        if fields is None:
            continue
        told = (record.kind, *(str(getattr(record, name)) for name in fields))
        if told in seen:
            yield f"{told[1]} ran more than once" if isinstance(record, say.ChildEnded) else f"twice: {' '.join(told)}"
        seen.add(told)
