"""``diff`` of the store: classes and sources of each bucket, its markers on each drive, and the state object."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from gate.evidence.buckets import WRONG_STATES
from gate.model.basics import BucketState, Truth
from gate.model.diff import DiffRow, Weight
from gate.model.document import Bucket, BucketSample, Evidence, State
from gate.model.records import MarkerSeen, PlaceSeen, StateTold

NOT_LOOKED_AT = "not looked at"


def row(
    matter: str, subject: str, summary: tuple[str, str], weight: Weight, why: str = "", *, phase: str = ""
) -> DiffRow:
    """A row of what A and B tell; ``why`` says what its weight rests on where the two don't show it."""
    before, after = summary
    return DiffRow(matter=matter, subject=subject, phase=phase, before=before, after=after, weight=weight, why=why)


def plain_row(matter: str, subject: str, before: str, after: str) -> DiffRow:
    """A row that is no more than a note, whatever it says."""
    return row(matter, subject, (before, after), Weight.SAME if before == after else Weight.NOTE)


# From the lightest: one that comes and goes, to one whose data is gone too.
_DEPTH: Final = (
    BucketState.FLAPPING,
    BucketState.UNLISTED,
    BucketState.UNSERVED,
    BucketState.INDEX_LOST,
    BucketState.MISSING,
)
_SOURCES: Final[tuple[tuple[str, Callable[[BucketSample], Truth]], ...]] = (
    ("list", lambda row: row.listed),
    ("head", lambda row: row.head),
    ("get", lambda row: row.get),
    ("marker", lambda row: row.marker),
    ("ready", lambda row: row.ready),
)
_OPTIONAL: Final = "ready"  # a store without that route says nothing, and no class but not-ready needs it
_STATE: Final = "state"
_UNREAD: Final = StateTold(content="unread")


def bucket_rows(a: Evidence, b: Evidence) -> Iterator[DiffRow]:
    """Class and sources of each bucket, phase by phase."""
    for phase, one, two in _phases(a, b):
        for name in sorted({*one, *two}):
            before, after = one.get(name), two.get(name)
            if phase == "during" and None in (before, after):
                yield _only_once_pushed(name, before, after)
                continue
            weight, why = _weigh(before, after)
            yield row("bucket", name, (_class(before), _class(after)), weight, why, phase=phase)
            yield from _sources(name, before, after, phase)


def _phases(a: Evidence, b: Evidence) -> Iterator[tuple[str, Mapping[str, Bucket], Mapping[str, Bucket]]]:
    yield "pre", a.pre.buckets, b.pre.buckets
    yield "during", a.during.buckets, b.during.buckets
    yield "post", a.post.buckets, b.post.buckets


def _only_once_pushed(name: str, before: Bucket | None, after: Bucket | None) -> DiffRow:
    """One of the two pushed nothing, as a capture does: no sample during a push is then no lack of one."""
    weight = Weight.WORSE if _is_wrong(after) else Weight.NOTE
    return row("bucket", name, (_class(before), _class(after)), weight, "only one of the two pushed", phase="during")


def _class(bucket: Bucket | None) -> str:
    if bucket is None:
        return NOT_LOOKED_AT
    return f"{bucket.state.value}{', lost in a sample' if bucket.index_lost_seen else ''}"


def _is_wrong(bucket: Bucket | None) -> bool:
    return bucket is not None and (bucket.state in WRONG_STATES or bucket.index_lost_seen)


def _weigh(before: Bucket | None, after: Bucket | None) -> tuple[Weight, str]:
    if after is not None and _is_wrong(after):
        if before is None or not _is_wrong(before):
            return Weight.WORSE, "the failure class in B, and not known to be so in A"
        if _depth(after) > _depth(before):
            return Weight.WORSE, "lost in both, and more is gone in B"
        return (Weight.SAME, "wrong in both") if after.state is before.state else (Weight.NOTE, "wrong in both")
    if before is None or after is None or BucketState.UNOBSERVABLE in (before.state, after.state):
        return Weight.UNSURE, "not known on a side"
    if _is_wrong(before):
        good = after.state is BucketState.INDEXED
        return Weight.NOTE if good else Weight.UNSURE, "it was wrong in A; what was published then is still to be read"
    if before.state is after.state:
        return Weight.SAME, ""
    good = after.state is BucketState.INDEXED
    return (Weight.NOTE, "") if good else (Weight.UNSURE, "no longer plainly indexed")


def _depth(bucket: Bucket) -> int:
    return _DEPTH.index(bucket.state) if bucket.state in _DEPTH else 0


def _sources(name: str, before: Bucket | None, after: Bucket | None, phase: str) -> Iterator[DiffRow]:
    for source, of in _SOURCES:
        one, two = (_over(bucket, of) for bucket in (before, after))
        both_known = not {Truth.UNKNOWN.value, NOT_LOOKED_AT} & {*one, *two}
        weight, why = Weight.SAME if one == two else Weight.NOTE, "the class of the bucket weighs it"
        if not both_known:
            weight = Weight.NOTE if source == _OPTIONAL else Weight.UNSURE
            why = "a store may not have this route" if source == _OPTIONAL else "not known on a side"
        summary = "" if weight is Weight.SAME else why
        yield row("bucket", f"{name} {source}", (" and ".join(one), " and ".join(two)), weight, summary, phase=phase)


def _over(bucket: Bucket | None, of: Callable[[BucketSample], Truth]) -> tuple[str, ...]:
    """What a source said over the samples of a phase, each answer once."""
    observation = {of(sample) for sample in bucket.samples} if bucket else set()
    return tuple(truth.value for truth in Truth if truth in observation) or (NOT_LOOKED_AT,)


# ------------------------------------------------------------------------------------------------------------- markers


def marker_rows(a: Evidence, b: Evidence) -> Iterator[DiffRow]:
    """Both markers of each bucket at each place, as the last sample of a phase saw them."""
    for phase, one, two in (("pre", a.pre.buckets, b.pre.buckets), ("post", a.post.buckets, b.post.buckets)):
        for name in sorted({*one, *two}):
            before, after = _places(one.get(name)), _places(two.get(name))
            for place in sorted({*before, *after}):
                yield _marker(f"{name} at {place}", before.get(place), after.get(place), phase)


def _places(bucket: Bucket | None) -> dict[str, PlaceSeen]:
    return {place.place: place for place in bucket.places} if bucket else {}


def _marker(subject: str, before: PlaceSeen | None, after: PlaceSeen | None, phase: str) -> DiffRow:
    one, two = (_mark(place) for place in (before, after))
    is_lost = (
        one is not None and two is not None and any(_went(*pair) for pair in zip(_pair(one), _pair(two), strict=True))
    )
    weight, why = Weight.SAME, ""
    if is_lost:
        weight, why = Weight.WORSE, "a marker that was on this drive in A is not there in B"
    elif one is None or two is None or Truth.UNKNOWN in (*_pair(one), *_pair(two)):
        weight, why = Weight.UNSURE, "not known on a side"
    elif (before.volume if before else None) != (after.volume if after else None):
        weight, why = Weight.UNSURE, "the place has another drive"
    elif _pair(one) != _pair(two):
        weight = Weight.NOTE
    return row("marker", subject, (_mark_text(before), _mark_text(after)), weight, why, phase=phase)


def _mark(place: PlaceSeen | None) -> MarkerSeen | None:
    return place.markers[0] if place is not None and len(place.markers) == 1 else None


def _pair(mark: MarkerSeen) -> tuple[Truth, Truth]:
    return mark.data, mark.meta


def _went(before: Truth, after: Truth) -> bool:
    return before is Truth.PRESENT and after is Truth.ABSENT


def _mark_text(place: PlaceSeen | None) -> str:
    mark = _mark(place)
    if place is None or mark is None:
        return NOT_LOOKED_AT
    drive = f", drive {place.volume}" if place.volume else ""
    return f"data {mark.data.value}, metadata {mark.meta.value}{drive}"


# --------------------------------------------------------------------------------------------------------------- state


def state_rows(a: Evidence, b: Evidence) -> Iterator[DiffRow]:
    """The OpenTofu state object and its lock, phase by phase; none for sites that keep no state there."""
    if "state" in a.policy.absent and "state" in b.policy.absent:
        return
    for phase, one, two in (("pre", a.pre.state, b.pre.state), ("post", a.post.state, b.post.state)):
        subject = (
            " or ".join(
                dict.fromkeys(f"{observation.bucket}/{observation.key}" for observation in (one, two) if observation)
            )
            or "state"
        )
        weight, why = _weigh_state(one, two)
        yield row("state", subject, (_state_text(one), _state_text(two)), weight, why, phase=phase)
        locks = (_lock(one), _lock(two))
        weight = Weight.SAME if locks[0] == locks[1] else Weight.NOTE
        if {Truth.UNKNOWN.value, NOT_LOOKED_AT} & {*locks}:
            weight = Weight.UNSURE
        yield row("state", f"{subject} lock", locks, weight, phase=phase)


def _lock(observation: State | None) -> str:
    return observation.locked.value if observation else NOT_LOOKED_AT


def _weigh_state(before: State | None, after: State | None) -> tuple[Weight, str]:
    if before is None or after is None:
        return Weight.UNSURE, "not known on a side"
    if (before.bucket, before.key) != (after.bucket, after.key):
        return Weight.UNSURE, "two different objects"
    worse = _state_loss(before, after)
    if worse:
        return Weight.WORSE, worse
    if Truth.UNKNOWN in (before.truth, after.truth):
        return Weight.UNSURE, "not known on a side"
    if before.truth is not after.truth:
        return Weight.NOTE, "it is there again"
    if before.truth is Truth.ABSENT:
        return Weight.SAME, ""
    return _weigh_contents(before, after)


def _state_loss(before: State, after: State) -> str:
    if before.truth is Truth.PRESENT and after.truth is Truth.ABSENT:
        return "the state was there in A and is not in B"
    one, two = before.contents or _UNREAD, after.contents or _UNREAD
    if None not in (one.lineage, two.lineage) and one.lineage != two.lineage:
        return "another lineage: not the same state"
    if two.content == "gone" and before.truth is Truth.PRESENT and one.content != "gone":
        return "a GET says in B that it is not there"
    return "its content is no state in B" if two.content == "no-state" and one.content == _STATE else ""


def _weigh_contents(before: State, after: State) -> tuple[Weight, str]:
    one, two = before.contents, after.contents
    unread = {summary.content for summary in (one, two) if summary is not None} - {_STATE}
    if unread:
        return Weight.UNSURE, f"its content could not be read for what it is: {', '.join(sorted(unread))}"
    moved = _serials(one, two)
    if moved is not None and moved[1] < moved[0]:
        return Weight.UNSURE, "its serial went back"
    marks = [(observation.etag, observation.size, observation.version_id) for observation in (before, after)]
    if marks[0] == marks[1] and before.etag is not None:
        return Weight.SAME, ""
    if moved is not None and moved[1] > moved[0]:
        return Weight.NOTE, "the same lineage, some writes later"
    return Weight.UNSURE, "another object of which neither lineage nor serial is known to follow"


def _serials(one: StateTold | None, two: StateTold | None) -> tuple[int, int] | None:
    """Both serials, where both are of one known lineage."""
    if one is None or two is None or one.serial is None or two.serial is None:
        return None
    return (one.serial, two.serial) if one.lineage is not None and one.lineage == two.lineage else None


def _state_text(observation: State | None) -> str:
    if observation is None:
        return NOT_LOOKED_AT
    if observation.truth is not Truth.PRESENT:
        return f"{observation.truth.value}{f' ({observation.note})' if observation.note else ''}"
    summary = observation.contents
    parts = [
        f"ETag {observation.etag or 'unknown'}",
        f"{'unknown' if observation.size is None else observation.size} bytes",
    ]
    parts += [f"version {observation.version_id}"] if observation.version_id else []
    if summary is not None:
        lineage = summary.lineage[:12] if summary.lineage else "unknown"
        serial = "unknown" if summary.serial is None else summary.serial
        parts += [f"content {summary.content}, serial {serial}, lineage {lineage}"]
    return ", ".join(parts)
