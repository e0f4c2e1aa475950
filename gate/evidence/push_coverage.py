"""Counts what is proved of a push: paths and bytes read back, and bucket samples taken while it ran."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from gate import limits
from gate.evidence.bodies import is_whole
from gate.evidence.buckets import WRONG_STATES, bucket_of, fold_pace, in_order, is_slow, read_sample
from gate.evidence.pushes import child_name
from gate.evidence.store_log import fold_drives
from gate.model.basics import BucketState, Claim, Label, Truth
from gate.model.bodies import Body
from gate.model.captures import DiskSeen
from gate.model.document import Bucket, BucketSample, Coverage, During, PushWatch, Watched
from gate.model.facts import Push, PushPath
from gate.model.records import BucketSampled, ChildEnded, StageMark
from gate.model.time import parse_time

_WHOLE_NAR: Final = 1000  # thousandths


def fold_coverage(push: Push, bodies: Sequence[Body]) -> Coverage:
    """The coverage over all labels. Fresh bytes are uploaded ones that the server did not have before."""
    fresh = [(path, part) for label in Label for path, part in written_paths(push.paths, label)]
    proved = [body for body in bodies if is_whole(body)]
    return Coverage(
        expected_paths=len(bodies),
        expected_bytes=sum(body.nar_size for body in bodies),
        fresh_paths=len(fresh),
        fresh_bytes=sum(path.nar_size * part // _WHOLE_NAR for path, part in fresh),
        proved_paths=len(proved),
        proved_bytes=sum(body.nar_size for body in proved),
        skipped_paths=sum(1 for body in bodies if not body.reads),
        upstream_paths=sum(1 for path in push.paths if path.claim is Claim.IN_UPSTREAM),
        fresh_profile=fresh_count(push.paths, Label.PROFILE),
        fresh_twin=fresh_count(push.paths, Label.TWIN),
    )


def fresh_count(paths: Sequence[PushPath], label: Label) -> int:
    """How many paths of a publication were written; a path of which one half was written counts as a half."""
    return sum(part for _, part in written_paths(paths, label)) // _WHOLE_NAR


def written_paths(paths: Sequence[PushPath], label: Label) -> Iterator[tuple[PushPath, int]]:
    """The paths of a publication that are shown to be written, each with how much of its NAR, in thousandths."""
    uploaded = [path for path in paths if path.label is label and path.claim is Claim.UPLOADED]
    doubted = any(is_wholly_deduplicated(path) for path in uploaded)
    for path in uploaded:
        silent = path.deduplicated_permille is None and path.nar_size < limits.ATTIC_CHUNKED_BYTES
        part = _WHOLE_NAR - (path.deduplicated_permille or 0)
        if part > 0 and not (doubted and silent):
            yield path, part


def is_wholly_deduplicated(path: PushPath) -> bool:
    """Whether the server says of an uploaded path that it had all of it before."""
    return path.claim is Claim.UPLOADED and (path.deduplicated_permille or 0) >= _WHOLE_NAR


_LONGEST_MILLIS = 10**12  # 32 years: no journal of the gate has more, and Python's dates end


def fold_during(
    samples: Sequence[BucketSampled],
    ended: Sequence[tuple[str, ChildEnded]],
    marks: Sequence[tuple[str, StageMark]],
    buckets: Sequence[str],
    pushed: Iterable[Label],
    *,
    seconds: float = limits.SAMPLE_SECONDS,
    disks: tuple[DiskSeen, ...] = (),
) -> During:
    """The samples of the phase ``during``, the ended children and the marks of the stages with their times.

    ``pushed`` are the publications whose push began. Each source of a sample had ``seconds`` to answer.
    """
    ordered = in_order(samples)
    rows = {name: tuple(read_sample(sample, name, seconds=seconds) for sample in ordered) for name in sorted(buckets)}
    pushes = tuple(_watches(rows, ended, marks))
    labels = tuple(pushed)
    folded: dict[str, Bucket] = {}
    for name, row in rows.items() if ordered else ():
        watches = {watch.label: watch.buckets[name] for watch in pushes}
        state, doubts = _during_state(row, {label: watches.get(label) for label in labels})
        folded[name] = bucket_of(name, ordered, row, state, doubts)
    losses = [sample.at for row in rows.values() for sample in row if sample.state in WRONG_STATES]
    return During(
        buckets=folded,
        first_loss_at=min(losses, default=None),
        pushes=pushes,
        drives=fold_drives(ordered),
        pace=fold_pace(ordered, folded),
        disks=disks,
    )


def _during_state(
    samples: Sequence[BucketSample], watches: Mapping[Label, Watched | None]
) -> tuple[BucketState, tuple[str, ...]]:
    """The worst state of a bucket while pushes ran, else whether every push was watched; and the doubts.

    Samples of several pushes differ where a bucket is lost during one, so each sample counts by itself.
    """
    wrong = {sample.state for sample in samples} - {BucketState.INDEXED, BucketState.UNOBSERVABLE}
    if wrong:
        return min(wrong, key=list(BucketState).index), ()
    doubts = (*_unread(samples), *_unwatched(watches))
    return (BucketState.UNOBSERVABLE if doubts else BucketState.INDEXED), doubts


def _unread(samples: Sequence[BucketSample]) -> Iterator[str]:
    """Samples that could not be read for another reason than a slow answer."""
    for sample in samples:
        if sample.state is BucketState.UNOBSERVABLE and not is_slow(sample):
            absent = Truth.ABSENT in (sample.listed, sample.head, sample.get, sample.marker)
            problem = "says absent, and not all of it could be read" if absent else "could not be read"
            yield f"sample {sample.number} {problem}"


def _unwatched(watches: Mapping[Label, Watched | None]) -> Iterator[str]:
    """A sentence for each push without a whole sample, or with too long a time between two of them."""
    if not watches:
        yield "no push ran"
    for label, watch in watches.items():
        if watch is None or not watch.whole:
            yield f"the push of the {label.value} has no whole sample"
        elif watch.gap_millis > limits.STALL_BRIDGE_SECONDS * 1000:
            yield (
                f"the push of the {label.value} has {watch.gap_millis} ms without a whole sample, expected at most "
                f"{limits.STALL_BRIDGE_SECONDS:g} s"
            )
        elif not watch.bridged:
            yield f"the push of the {label.value} begins or ends with a sample that the store did not answer in time"


def _watches(
    samples: Mapping[str, Sequence[BucketSample]],
    ended: Sequence[tuple[str, ChildEnded]],
    marks: Sequence[tuple[str, StageMark]],
) -> Iterator[PushWatch]:
    """The watch of each push, from the mark of its stage to the record of its end, which never waits for a sample.

    Without a mark, its length is the one that its client's record gives.
    """
    pushes = {child.name: (at, child) for at, child in ended}
    starts = {mark.name: datetime.fromisoformat(at) for at, mark in marks if mark.state == "started"}
    for label in Label:
        if child_name(label) in pushes:
            at, child = pushes[child_name(label)]
            end = datetime.fromisoformat(at)
            longest = timedelta(milliseconds=min(max(child.millis, 0), _LONGEST_MILLIS))
            start = starts.get(child.name, end - longest)
            yield PushWatch(
                label=label,
                began_at=_written(start),
                ended_at=at,
                buckets={name: _watched(start, end, rows) for name, rows in samples.items()},
            )


def _watched(start: datetime, end: datetime, samples: Sequence[BucketSample]) -> Watched:
    timed = [(at, sample.state) for sample in samples if (at := parse_time(sample.at)) is not None]
    inside = [(at, state) for at, state in timed if start <= at <= end]
    whole = [at for at, state in inside if state is not BucketState.UNOBSERVABLE]
    gaps = (later - earlier for earlier, later in pairwise([start, *whole, end]))
    edges = (inside[0][0], inside[-1][0]) if inside else ()
    return Watched(
        samples=len(inside),
        whole=len(whole),
        gap_millis=max(gaps) // timedelta(milliseconds=1),
        bridged=set(edges) <= set(whole),
    )


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
