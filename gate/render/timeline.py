"""The timeline of the page: one axis of time, and lanes of stages, bucket samples, body reads and logged errors."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from gate.judge.body_class import class_status
from gate.model.basics import value
from gate.model.document import Evidence, Stage
from gate.model.time import parse_time
from gate.render.overview import STATUS_TONES, Tone, clock, sample_tone

LANE_NAME_UNITS: Final = 130  # units of the drawing that the names of the lanes take
WIDTH: Final = 1140
LANE: Final = 26  # a lane's height
_AXIS: Final = WIDTH - LANE_NAME_UNITS - 10
_BINS: Final = 250  # marks of reads, and bars of errors, over the whole axis at most
_LEAST: Final = 3  # so that an instant can be seen
_LABEL: Final = 30  # half of a label of the axis and some
_STEPS: Final = (1, 2, 5)
_TICKS: Final = 10  # steps on the axis at most
# The lane of a stage by the first part of its name; every other stage is of the first lane.
_LANES: Final = ("observe", "build", "publish", "read back")
_LANE_OF: Final = {"build": 1, "expect": 1, "push": 2, "read": 3, "bit-flip": 3}


@value
class Mark:
    """A bar, a dot or a tick of a lane, in units of the drawing; ``title`` is what a pointer on it shows."""

    x: int
    width: int
    height: int
    tone: str
    title: str


@value
class Lane:
    """A row of the drawing. ``shape`` is ``bar``, ``dot``, ``tick`` or ``column``."""

    name: str
    shape: str
    y: int
    marks: tuple[Mark, ...]


@value
class Timeline:
    """All lanes on one axis; ``loss`` is where the first loss during a push lies, when there was one."""

    lanes: tuple[Lane, ...]
    ticks: tuple[tuple[int, str], ...]
    loss: int | None
    loss_text: str
    height: int
    duration: str


def timeline(evidence: Evidence) -> Timeline | None:
    """The timeline; None for a run without any known time."""
    times = [
        at for stage in evidence.stages for at in (_millis(stage.started_at), _millis(stage.ended_at)) if at is not None
    ]
    if not times:
        return None
    axis = _Axis(first=min(times), span=max(max(times) - min(times), 1))
    lanes = list(_lanes(evidence, axis))
    loss = _millis(evidence.during.first_loss_at)
    return Timeline(
        lanes=tuple(lanes),
        ticks=tuple(axis.ticks()),
        loss=None if loss is None else axis.at(loss),
        loss_text=f"{clock(evidence.during.first_loss_at or '')} first loss",
        height=LANE * (len(lanes) + 2),
        duration=lasted(axis.span),
    )


def lasted(millis: int) -> str:
    """A duration for people."""
    seconds = max(millis, 0) / 1000
    if seconds < 60:  # noqa: PLR2004  # a minute
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


@value
class _Axis:
    first: int
    span: int

    def at(self, millis: int) -> int:
        """Where a time lies; one outside of the run lies at its edge."""
        return LANE_NAME_UNITS + min(max((millis - self.first) * _AXIS // self.span, 0), _AXIS)

    def ticks(self) -> Iterator[tuple[int, str]]:
        """The axis' marks, at steps of 1, 2 or 5 times a power of ten seconds."""
        power = 1
        while True:
            for step in _STEPS:
                if self.span // (1000 * step * power) <= _TICKS:
                    for second in range(0, self.span // 1000 + 1, step * power):
                        x = self.at(self.first + second * 1000)
                        if x < WIDTH - _LABEL:
                            yield x, f"+{second} s"
                    return
            power *= 10


def _lanes(evidence: Evidence, axis: _Axis) -> Iterator[Lane]:
    number = 1
    for place, name in enumerate(_LANES):
        stages = [stage for stage in evidence.stages if _LANE_OF.get(stage.name.partition(":")[0], 0) == place]
        yield Lane(name=name, shape="bar", y=number * LANE, marks=tuple(_bars(stages, axis)))
        number += 1
    phases = (evidence.pre.buckets, evidence.during.buckets, evidence.post.buckets)
    for bucket in sorted({name for phase in phases for name in phase}):
        samples = [sample for phase in phases if bucket in phase for sample in phase[bucket].samples]
        dots = [
            (at, sample_tone(sample.state), f"{clock(sample.at)} {sample.state.value}")
            for sample in samples
            if (at := _millis(sample.at)) is not None
        ]
        yield Lane(name=bucket, shape="dot", y=number * LANE, marks=tuple(_binned(dots, axis)))
        number += 1
    reads = [
        (at, STATUS_TONES[class_status(read.code)], f"{clock(read.at)} {read.code}")
        for body in evidence.bodies
        for read in body.reads
        if (at := _millis(read.at)) is not None
    ]
    yield Lane(name="body reads", shape="tick", y=number * LANE, marks=tuple(_binned(reads, axis)))
    errors = [at for event in evidence.server_log.events if (at := _millis(event.at)) is not None]
    yield Lane(name="Attic's errors", shape="column", y=(number + 1) * LANE, marks=tuple(_columns(errors, axis)))


def _bars(stages: Sequence[Stage], axis: _Axis) -> Iterator[Mark]:
    for stage in stages:
        begin, end = _millis(stage.started_at), _millis(stage.ended_at)
        if begin is None:
            continue
        x = axis.at(begin)
        width = max((axis.at(end) if end is not None else LANE_NAME_UNITS + _AXIS) - x, _LEAST)
        time = lasted(end - begin) if end is not None else "no end"
        tone = "plain" if stage.state == "ended" else "unsure"
        yield Mark(x=x, width=width, height=0, tone=tone, title=f"{stage.name}, {time}")


def _binned(rows: Iterable[tuple[int, Tone, str]], axis: _Axis) -> Iterator[Mark]:
    """At most one mark for each place on the axis: the worst of those that fall there."""
    worst: dict[int, tuple[int, Tone, str]] = {}
    order = ("bad", "unsure", "plain", "good")
    for at, tone, title in rows:
        x = axis.at(at)
        place = (x - LANE_NAME_UNITS) * _BINS // _AXIS
        if place not in worst or order.index(tone) < order.index(worst[place][1]):
            worst[place] = (x, tone, title)
    for x, tone, title in worst.values():
        yield Mark(x=x, width=0, height=0, tone=tone, title=title)


def _columns(times: Sequence[int], axis: _Axis) -> Iterator[Mark]:
    counts: dict[int, int] = {}
    for at in times:
        place = (axis.at(at) - LANE_NAME_UNITS) * _BINS // _AXIS
        counts[place] = counts.get(place, 0) + 1
    most = max(counts.values(), default=1)
    for place, count in sorted(counts.items()):
        height = max(count * (LANE - 8) // most, _LEAST)
        x = LANE_NAME_UNITS + place * _AXIS // _BINS
        events = "event" if count == 1 else "events"
        yield Mark(x=x, width=max(_AXIS // _BINS, _LEAST), height=height, tone="bad", title=f"{count} {events}")


def _millis(at: str | None) -> int | None:
    """Milliseconds since 1970, or None where the text is no time: the timeline then omits the mark."""
    time = parse_time(at)
    return None if time is None else round(time.timestamp() * 1000)
