"""What a scratch bucket showed: which steps went well, which are the failure class, and whether it is gone."""

from collections.abc import Iterator, Sequence

from gate.errors import ForeignTextError
from gate.evidence.buckets import read_sample
from gate.evidence.origin import of_origin
from gate.judge.verdict import worst
from gate.model.basics import Status, Truth
from gate.model.operators import SCRATCH_PREFIX, ScratchResult, ScratchSeen, Step
from gate.model.records import BucketSampled, HttpAnswer, PlaceSeen
from gate.parse.s3 import parse_fault, parse_listing

_OK = 200
_DELETED = (200, 204)
_NOT_FOUND = 404
_LOST = ("NoSuchBucket", "NoSuchKey")


def leftovers(samples: Sequence[BucketSampled], mine: str | None) -> tuple[str, ...]:
    """Scratch buckets of other runs that any of the lists names; a list that can't be read names none."""
    rows: set[str] = set()
    for page in (page for sample in samples for page in sample.listing):
        try:
            rows.update(parse_listing(page.body.encode()).names)
        except ForeignTextError:
            continue
    return tuple(sorted(name for name in rows if name.startswith(SCRATCH_PREFIX) and name != mine))


def judge_scratch(observation: ScratchSeen) -> ScratchResult:
    """The steps with their statuses; a step that was not reached is inconclusive, and so is a probe that was ended.

    A signal may come when every answer is there already, so its own field, not a step, says that a probe was ended
    that it lacks.
    """
    observation = of_origin(observation)
    if observation.skipped is not None:
        return ScratchResult(
            bucket=observation.bucket, status=Status.INCONCLUSIVE, steps=(), removed=True, note=observation.skipped
        )
    removed = _removed(observation)
    steps = (*_steps(observation), removed[1])
    return ScratchResult(
        bucket=observation.bucket,
        status=worst([*(step.status for step in steps), *([Status.INCONCLUSIVE] if observation.cut_short else [])]),
        steps=steps,
        removed=removed[0],
        note=f"ended early: {observation.cut_short}" if observation.cut_short else "",
    )


def _steps(observation: ScratchSeen) -> Iterator[Step]:
    yield _written("make", observation.created)
    yield _index_step(observation)
    if observation.strict:
        yield _marked(observation.places)
    yield _written("put", observation.put)
    yield _read(observation)
    yield _written("delete the object", observation.deleted)


def _written(name: str, answer: HttpAnswer | None) -> Step:
    """A write succeeded by its documented status and no body; S3 does not answer with a page of HTML."""
    if answer is not None and answer.status in _DELETED and not answer.body:
        return Step(name=name, status=Status.PASS, detail=f"HTTP {answer.status}")
    lost = name != "make" and _fault(answer) == "NoSuchBucket"
    return Step(name=name, status=Status.FAIL if lost else Status.INCONCLUSIVE, detail=_answer_text(answer))


def _index_step(observation: ScratchSeen) -> Step:
    name = "find in the index"
    if observation.sample is None:
        return Step(name=name, status=Status.INCONCLUSIVE, detail="not reached")
    row = read_sample(observation.sample, observation.bucket)
    text = (row.listed, row.head, row.get)
    summary = f"list {row.listed.value}, head {row.head.value}, get {row.get.value} (look {row.number})"
    if set(text) == {Truth.PRESENT}:
        return Step(name=name, status=Status.PASS, detail=summary)
    result = _written("make", observation.created).status is Status.PASS
    lost = result and Truth.ABSENT in text and Truth.UNKNOWN not in text and observation.cut_short is None
    notes = "; ".join(note for note in row.notes if not note.startswith("markers"))
    return Step(
        name=name, status=Status.FAIL if lost else Status.INCONCLUSIVE, detail=summary + (f": {notes}" if notes else "")
    )


def _marked(places: Sequence[PlaceSeen]) -> Step:
    name = "find on every drive"
    if not places:
        return Step(name=name, status=Status.INCONCLUSIVE, detail="no drive was looked at")
    marks = [(place.place, mark) for place in places for mark in place.markers]
    whole = all(mark.data is mark.meta is Truth.PRESENT for _, mark in marks)
    summary = "; ".join(
        f"{place}: data {mark.data.value}, metadata {mark.meta.value}" + (f" ({mark.error})" if mark.error else "")
        for place, mark in marks
    )
    return Step(name=name, status=Status.PASS if whole else Status.INCONCLUSIVE, detail=summary)


def _read(observation: ScratchSeen) -> Step:
    name = "get"
    if observation.got is not None and observation.got.status == _OK:
        if observation.same is Truth.PRESENT:
            return Step(name=name, status=Status.PASS, detail="HTTP 200, the same bytes")
        ours = (
            observation.put is not None
            and observation.put.etag is not None
            and observation.put.etag == observation.got.etag
        )
        return Step(
            name=name, status=Status.FAIL if ours else Status.INCONCLUSIVE, detail="HTTP 200, other bytes than were put"
        )
    lost = _written("put", observation.put).status is Status.PASS and _fault(observation.got) in _LOST
    return Step(name=name, status=Status.FAIL if lost else Status.INCONCLUSIVE, detail=_answer_text(observation.got))


def _removed(observation: ScratchSeen) -> tuple[bool, Step]:
    """Gone when DeleteBucket said so, asked again found nothing, and nothing shows the bucket any more."""
    name = "remove"
    if not observation.removals:
        return True, Step(name=name, status=Status.PASS, detail="nothing was made")
    last = observation.removals[-1]
    row = read_sample(observation.after, observation.bucket) if observation.after else None
    there = row is None or row.listed is not Truth.ABSENT or row.head is not Truth.ABSENT
    summary = _answer_text(last) + (f"; then list {row.listed.value}, head {row.head.value}" if row else "")
    marks = [mark for place in observation.places_after for mark in place.markers]
    if any(Truth.PRESENT in (mark.data, mark.meta) for mark in marks):
        summary += "; a drive still has a marker of it"
    is_deleted = any(removal.status in _DELETED for removal in observation.removals) and last.status in (
        *_DELETED,
        _NOT_FOUND,
    )
    if is_deleted and not there:
        return True, Step(name=name, status=Status.PASS, detail=summary)
    return False, Step(name=name, status=Status.INCONCLUSIVE, detail=summary)


def _answer_text(answer: HttpAnswer | None) -> str:
    if answer is None:
        return "not reached"
    if answer.error:
        return answer.error
    fault = _fault(answer)
    return f"HTTP {answer.status}" + (f" {fault}" if fault else "")


def _fault(answer: HttpAnswer | None) -> str | None:
    fault = parse_fault(answer.body.encode()) if answer is not None and answer.error is None else None
    return fault.code if fault else None
