"""The bucket samples of the time of each push → how well each bucket was watched while it ran.

A sample belongs to a push by its time: the watch may stand in another process than the push.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from gate.evidence.buckets import WRONG_STATES, fold_buckets
from gate.evidence.drives import fold_drives
from gate.evidence.pushes import child_name
from gate.model.basics import BucketState, Label
from gate.model.document import Bucket, BucketSample, During, PushWatch, Watched
from gate.model.records import BucketSampled, ChildEnded, StageMark

_LONGEST_MILLIS = 10**12  # 32 years: a journal that claims more is none of ours, and Python's dates end


def fold_during(
    samples: Sequence[tuple[str, BucketSampled]],
    ended: Sequence[tuple[str, ChildEnded]],
    marks: Sequence[tuple[str, StageMark]],
    buckets: Sequence[str],
) -> During:
    """The samples of the phase ``during``, the ended children and the marks of the stages, each with its time."""
    seen = fold_buckets(samples, buckets) if samples else {}
    losses = [sample.at for bucket in seen.values() for sample in bucket.samples if sample.state in WRONG_STATES]
    return During(
        buckets=seen,
        first_loss_at=min(losses, default=None),
        pushes=tuple(_watches(seen, ended, marks, buckets)),
        drives=fold_drives(sample for _, sample in samples),
    )


def _watches(
    seen: Mapping[str, Bucket],
    ended: Sequence[tuple[str, ChildEnded]],
    marks: Sequence[tuple[str, StageMark]],
    buckets: Sequence[str],
) -> Iterator[PushWatch]:
    """A push lasts from the mark of its stage to the record of its end, which is written when its watch is over.

    Without a mark it is as long as its client says.
    """
    pushes = {child.name: (at, child) for at, child in ended}
    begun = {mark.name: datetime.fromisoformat(at) for at, mark in marks if mark.state == "started"}
    for label in Label:
        if child_name(label) in pushes:
            at, child = pushes[child_name(label)]
            end = datetime.fromisoformat(at)
            longest = timedelta(milliseconds=min(max(child.millis, 0), _LONGEST_MILLIS))
            begin = begun.get(child.name, end - longest)
            yield PushWatch(
                label=label,
                began_at=_written(begin),
                ended_at=at,
                buckets={
                    name: _watched(begin, end, seen[name].samples if name in seen else ()) for name in sorted(buckets)
                },
            )


def _watched(begin: datetime, end: datetime, samples: Sequence[BucketSample]) -> Watched:
    timed = sorted((datetime.fromisoformat(sample.at), sample.state) for sample in samples)
    inside = [(at, state) for at, state in timed if begin <= at <= end]
    whole = [at for at, state in inside if state is not BucketState.UNOBSERVABLE]
    gaps = (later - earlier for earlier, later in pairwise([begin, *whole, end]))
    return Watched(samples=len(inside), whole=len(whole), gap_millis=max(gaps) // timedelta(milliseconds=1))


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
