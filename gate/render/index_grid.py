"""The grid of the page that shows each source of bucket truth in each sample, and what a source never said."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from gate.model.basics import Truth, value
from gate.model.document import BucketSample, Evidence
from gate.render.overview import Strip, clock, strips

_MOST: Final = 40  # samples with a column of their own; beyond it equal ones in a row share one
_PHASES: Final = ("before", "while pushing", "after")
_SOURCES: Final = ("ListBuckets", "HeadBucket", "GET", "marker on disk", "store says ready")
_NEVER: Final = {"store says ready": "the store never said whether it is ready: not judged"}


@value
class Column:
    """One sample, or ``count`` equal ones in a row; ``at`` is the time of day of the first."""

    at: str
    count: int
    truths: tuple[Truth, ...]
    notes: tuple[str, ...]


@value
class GridRow:
    """A source, and what it said in each column; ``never``: why none of it is shown, empty where it is."""

    source: str
    truths: tuple[Truth, ...]
    never: str


@value
class Grid:
    """One bucket. ``phases`` are the names of the phases that have columns, each with their number."""

    strip: Strip
    phases: tuple[tuple[str, int], ...]
    columns: tuple[Column, ...]
    rows: tuple[GridRow, ...]
    notes: tuple[str, ...]


def index_grids(evidence: Evidence) -> tuple[Grid, ...]:
    """A grid for each watched bucket, by name."""
    phases = (evidence.pre.buckets, evidence.during.buckets, evidence.post.buckets)
    return tuple(
        _grid(strip, [phase[strip.bucket].samples if strip.bucket in phase else () for phase in phases])
        for strip in strips(evidence)
    )


def _grid(strip: Strip, phases: Sequence[Sequence[BucketSample]]) -> Grid:
    merged = sum(map(len, phases)) > _MOST
    columns = [list(_columns(samples, merged=merged)) for samples in phases]
    every = [column for phase in columns for column in phase]
    return Grid(
        strip=strip,
        phases=tuple((name, len(phase)) for name, phase in zip(_PHASES, columns, strict=True) if phase),
        columns=tuple(every),
        rows=tuple(_row(number, source, every) for number, source in enumerate(_SOURCES)),
        notes=tuple(dict.fromkeys(note for column in every for note in column.notes)),
    )


def _columns(samples: Sequence[BucketSample], *, merged: bool) -> Iterator[Column]:
    def key(sample: BucketSample) -> object:
        return _truths(sample) if merged else sample.number

    for _, group in groupby(samples, key=key):
        listed = list(group)
        notes = tuple(dict.fromkeys(note for sample in listed for note in sample.notes))
        yield Column(at=clock(listed[0].at), count=len(listed), truths=_truths(listed[0]), notes=notes)


def _truths(sample: BucketSample) -> tuple[Truth, ...]:
    return (sample.listed, sample.head, sample.get, sample.marker, sample.ready)


def _row(number: int, source: str, columns: Sequence[Column]) -> GridRow:
    truths = tuple(column.truths[number] for column in columns)
    silent = source in _NEVER and set(truths) == {Truth.UNKNOWN}
    return GridRow(source=source, truths=truths, never=_NEVER[source] if silent else "")
