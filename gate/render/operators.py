"""The two operators' commands for a person: plain text, the first line says what to do and what not to do."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final

from gate.evidence.buckets import pace_in_words
from gate.judge.bucket_rca import RUNBOOK
from gate.model.basics import BucketState, Status, Truth, VerdictWord
from gate.model.document import BucketSample
from gate.model.operators import BucketCause, Decision, Rca, RcaSample, Readiness, ScratchResult, StateObject
from gate.model.records import MarkerSeen, PlaceSeen
from gate.render.escape import plain, runner_safe

_WIDTH: Final = 14
_CELL_CHARS: Final = 200
_SENTENCE_CHARS: Final = 1000
_FIRST_WORDS: Final = {
    VerdictWord.PASS: "PASS",
    VerdictWord.INCONCLUSIVE: "INCONCLUSIVE",
    VerdictWord.QUARANTINE: "QUARANTINE",
    VerdictWord.REFUSED: "REFUSED",
}


def rca_text(rca: Rca) -> str:
    """The answer of ``rustfs-bucket-index-rca``: table, class and runbook of each bucket, then the scratch probe."""
    lines = [
        *_head(rca.verdict),
        _row("endpoint", rca.endpoint),
        _row("samples", f"{rca.samples_taken} of {rca.samples_requested}"),
    ]
    if rca.pace is not None:
        lines.append(_row("answers", pace_in_words(rca.pace)))
    for name, cause in rca.buckets.items():
        lines += ["", *_bucket(name, cause)]
    if rca.scratch is not None:
        lines += ["", *_scratch(rca.scratch)]
    if rca.leftovers:
        lines += ["", "left over by other runs, to be looked at and removed by hand if no other probe is running:"]
        lines += [f"  - {plain(name, _CELL_CHARS)}" for name in rca.leftovers]
    states = dict.fromkeys(cause.state for cause in rca.buckets.values())
    for state in states:
        lines += ["", *_runbook(state)]
    return runner_safe("\n".join(lines)) + "\n"


def readiness_text(ready: Readiness) -> str:
    """The answer of ``tofu-state-ha-readiness``."""
    lines = [
        *_head(ready.verdict),
        _row("level", f"{ready.level.value}: {ready.why}"),
        _row("bucket", f"{ready.bucket} at {ready.endpoint}: {ready.bucket_state.value}"),
        _row("samples", _samples(ready)),
        _row("versioning", ready.versioning),
        _row("beside cache", f"{_YES_NO[ready.beside_cache]}: {ready.beside_why}"),
    ]
    for row in ready.state_objects:
        lines += ["", *_state(row)]
    lines += ["", "notes:", *(f"  - {plain(note, _SENTENCE_CHARS)}" for note in ready.notes)]
    if ready.bucket_state is not BucketState.INDEXED and ready.verdict.word is not VerdictWord.PASS:
        lines += ["", *_runbook(ready.bucket_state)]
    return runner_safe("\n".join(lines)) + "\n"


def fenced(text: str) -> str:
    """A text as a code block of Markdown; no run of tildes in it can end the block."""
    longest = max((len(list(run)) for char, run in groupby(text) if char == "~"), default=0)
    fence = "~" * max(3, longest + 1)
    return f"{fence}text\n{text}{fence}\n"


_YES_NO: Final = {Truth.PRESENT: "yes", Truth.ABSENT: "no", Truth.UNKNOWN: "unknown"}


def _head(verdict: Decision) -> Iterator[str]:
    yield plain(f"{_FIRST_WORDS[verdict.word]}: {verdict.headline}", _SENTENCE_CHARS)
    yield ""
    blocks = "blocks" if verdict.blocks else "does not block"
    yield _row("verdict", f"{verdict.word.value} (exit code {verdict.exit_code}, {blocks})")


def _row(name: str, text: str) -> str:
    return f"{name + ':':<{_WIDTH}}{plain(text, _SENTENCE_CHARS)}"


def _bucket(name: str, cause: BucketCause) -> Iterator[str]:
    yield f"bucket {plain(name, _CELL_CHARS)}: {cause.state.value}"
    rows = [("source", [f"#{row.sample.number}" for row in cause.samples])]
    rows += [(source, [text(row.sample) for row in cause.samples]) for source, text in _SOURCES]
    for place in dict.fromkeys(place.place for row in cause.samples for place in row.places):
        rows.append((f"data at {place}", [_mark(row, place, lambda mark: mark.data) for row in cause.samples]))
        rows.append((f"metadata at {place}", [_mark(row, place, lambda mark: mark.meta) for row in cause.samples]))
    rows.append(("class", [row.sample.state.value for row in cause.samples]))
    yield from _table([(plain(source, _CELL_CHARS), cells) for source, cells in rows])
    for doubt in cause.doubts:
        yield f"  {plain(doubt, _SENTENCE_CHARS)}"
    for note, numbers in _notes(cause.samples).items():
        yield f"  {numbers}: {plain(note, _SENTENCE_CHARS)}"
    yield from _volumes(cause.samples)


_SOURCES: Final[tuple[tuple[str, Callable[[BucketSample], str]], ...]] = (
    ("ListBuckets", lambda sample: sample.listed.value),
    ("HeadBucket", lambda sample: sample.head.value),
    ("GET of the bucket", lambda sample: sample.get.value),
    ("/health/ready", lambda sample: sample.ready.value),
)


def _mark(row: RcaSample, place: str, of: Callable[[MarkerSeen], Truth]) -> str:
    marks = [mark for observation in row.places if observation.place == place for mark in observation.markers]
    return of(marks[0]).value if len(marks) == 1 else Truth.UNKNOWN.value


def _notes(samples: Sequence[RcaSample]) -> dict[str, str]:
    """Each note once, with the numbers of its samples."""
    rows: dict[str, list[int]] = {}
    for row in samples:
        for note in row.sample.notes:
            rows.setdefault(note, []).append(row.sample.number)
    return {note: ", ".join(f"#{number}" for number in numbers) for note, numbers in rows.items()}


def _volumes(samples: Sequence[RcaSample]) -> Iterator[str]:
    """The drives by the names that they have of themselves: another one in another sample is another drive."""
    rows: dict[str, dict[str, None]] = {}
    places: list[PlaceSeen] = [place for row in samples for place in row.places if place.volume]
    for place in places:
        rows.setdefault(place.place, {})[str(place.volume)] = None
    for name, volumes in rows.items():
        yield f"  drive at {plain(name, _CELL_CHARS)}: {plain(', '.join(volumes), _CELL_CHARS)}"


def _table(rows: Sequence[tuple[str, Sequence[str]]]) -> Iterator[str]:
    first = max(len(name) for name, _ in rows)
    width = max((len(cell) for _, cells in rows for cell in cells), default=0)
    for name, cells in rows:
        yield "  ".join((f"  {name:<{first}}", *(f"{cell:<{width}}" for cell in cells))).rstrip()


def _scratch(result: ScratchResult) -> Iterator[str]:
    word = _SCRATCH[result.status] if result.steps else "not made"
    note = f" ({plain(result.note, _SENTENCE_CHARS)})" if result.note else ""
    yield f"scratch probe {result.bucket}: {word}{note}"
    for step in result.steps:
        yield f"  {step.name + ':':<22} {step.status.value:<13} {plain(step.detail, _SENTENCE_CHARS)}"
    if not result.removed:
        yield f"  {result.bucket} may still be there: remove it by hand when the store answers again"


_SCRATCH: Final = {Status.PASS: "works", Status.FAIL: "FAILED", Status.INCONCLUSIVE: "not finished"}


def _runbook(state: BucketState) -> Iterator[str]:
    book = RUNBOOK[state]
    yield f"{state.value} means: {book.meaning}."
    yield from (f"  {number}. {step}" for number, step in enumerate(book.steps, 1))


def _samples(ready: Readiness) -> str:
    summary = [
        f"#{row.number} {row.state.value} (list {row.listed.value}, head {row.head.value}, get {row.get.value}, "
        f"marker {row.marker.value})"
        for row in ready.samples
    ]
    return f"{len(ready.samples)} of {ready.samples_requested}: {'; '.join(summary) or 'none'}"


def _state(row: StateObject) -> Iterator[str]:
    yield f"state {plain(row.key, _SENTENCE_CHARS)}: {row.level.value}"
    yield f"  {plain(row.why, _SENTENCE_CHARS)}"
    version = "encrypted" if row.encrypted else f"version {_fact_text(row.version)}"
    lineage = f"sha256 {row.lineage[:16]}…" if row.lineage else "unknown"
    yield f"  {version}, serial {_fact_text(row.serial)}, lineage {lineage}, {_fact_text(row.size)} bytes"
    etag, version_id = plain(_fact_text(row.etag), _CELL_CHARS), plain(_fact_text(row.version_id), _CELL_CHARS)
    yield f"  ETag {etag}, object version {version_id}, {_ago(row.age_seconds)}"
    lock_age = f", {_ago(row.lock_age_seconds)}" if row.locked is Truth.PRESENT else ""
    yield f"  lock {row.locked.value}{lock_age}"


def _fact_text(fact: object) -> str:
    return "unknown" if fact is None else str(fact)


def _ago(seconds: int | None) -> str:
    return "changed at an unknown time" if seconds is None else f"changed {seconds} s ago"
