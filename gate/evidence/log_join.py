"""Joins the events of the server's log to the failures of the run, by time, corrected for the difference of the clocks.

The join is a correlation, never a cause. Attic's lines have no store path (attic b7c9056
``server/src/api/v1/upload_path.rs``, ``skip_all``), and other clients fail at the same time too. It serves the reverse:
an error at a time when nothing of the run failed has no explanation. Whatever explains an event (a failed path, a
failed read, a question without an answer) blocks a pass by itself, except for the canaries.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from gate import limits
from gate.evidence.bodies import WHOLE
from gate.evidence.pushes import child_name
from gate.model import records
from gate.model.basics import Claim, Label
from gate.model.bodies import Body
from gate.model.document import NearFailure, Skew
from gate.model.facts import Push, PushPath
from gate.model.parsed import LogEvent
from gate.model.time import parse_time
from gate.parse.server_log import speaks_of_storage

FailureKind = Literal["push", "read", "ask"]
Explanation = Literal["canary", "other-canary", "push", "read", "ask", "answer"]
_SERVER_ERROR: Final = 500
# A malformed hash is refused before anything is looked up (attic b7c9056 server/src/nix_store/mod.rs:229), so an event
# of such a request says nothing of the store, whoever sent it.
_CANARY: Final = re.compile(r"GET /[^/\s]+/gate-canary-(?:pre|post)-[0-9a-z]{1,64}\.narinfo")
_ANSWER: Final = "on_failure"  # tower_http::trace::on_failure: the HTTP status, right after the error itself
_UPLOAD: Final = "upload_path.rs:"
_READING: Final = "::binary_cache"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A failure of the run, by the run's own clock. ``label`` and ``store_path`` are those of the path, if any."""

    what: FailureKind
    began: datetime
    ended: datetime
    label: Label = Label.CANARY
    store_path: str = ""


def failures_of(entries: Iterable[records.Entry], push: Push, bodies: Iterable[Body]) -> tuple[Failure, ...]:
    """Every failed path, failed read and unanswered question of the run.

    Attic logs an error of an upload when it answers (attic b7c9056 server/src/error.rs), and the client prints it then:
    the failure of a path is at the time of its line. Without that time it is as long as its publication.
    """
    failed: dict[str, list[PushPath]] = {}
    for path in push.paths:
        if path.claim is Claim.FAILED or path.error is not None:
            failed.setdefault(child_name(path.label), []).append(path)
    bad = {
        (body.label, body.store_path, read.attempt, read.after_post, read.at_origin)
        for body in bodies
        for read in body.reads
        if read.code != WHOLE
    }
    failures: list[Failure] = []
    for entry in entries:
        ended, record = parse_time(entry.at), entry.record
        if ended is None:
            continue
        if isinstance(record, records.ChildEnded):
            own = parse_time(record.ended_at)
            ended = ended if own is None else min(own, ended)
            failures += [_failed_push(path, ended, record.millis) for path in failed.get(record.name, ())]
        elif isinstance(record, records.BodyRead):
            read = (record.label, record.store_path, record.attempt, record.again_after_post, record.at_origin)
            if read in bad:
                began = _before(ended, record.narinfo.millis + (record.nar.millis if record.nar else 0))
                failures.append(
                    Failure(what="read", began=began, ended=ended, label=record.label, store_path=record.store_path)
                )
        elif isinstance(record, records.MissingAsked | records.CacheConfigSeen) and _failed(record.answer):
            failures.append(Failure(what="ask", began=_before(ended, record.answer.millis), ended=ended))
    return tuple(failures)


def _failed_push(path: PushPath, ended: datetime, millis: int) -> Failure:
    """The failure of a path whose client ended at ``ended`` and ran for ``millis``."""
    began, over = _before(ended, millis), ended
    if path.failure_millis is not None:
        rest = min(max(0, millis - path.failure_millis), millis)
        began, over = _before(ended, rest), _before(ended, max(0, rest - limits.OUTPUT_TIME_MILLIS))
    return Failure(what="push", began=began, ended=over, label=path.label, store_path=path.store_path)


def _before(ended: datetime, millis: int) -> datetime:
    try:
        return ended - timedelta(milliseconds=millis)
    except OverflowError:  # a forged record; the journal's own times are those of a clock
        return ended


def _failed(answer: records.HttpAnswer) -> bool:
    return answer.status is None or answer.status >= _SERVER_ERROR


def measure_skew(canaries: Iterable[tuple[records.Entry, LogEvent]]) -> Skew | None:
    """By how much the server's clock is ahead of ours, from the log lines of canaries whose answers the entries have.

    A canary is logged between the request and its answer, which bounds the difference on both sides. Where the bounds
    of two don't overlap, because a clock was set in between or two replicas differ, the result covers all of them.
    """
    bounds: list[tuple[int, int]] = []
    for entry, event in canaries:
        answered, logged = parse_time(entry.at), parse_time(event.at)
        if isinstance(entry.record, records.LogCanarySent) and answered is not None and logged is not None:
            lead = round((logged - answered).total_seconds() * 1000)
            bounds.append((lead, lead + entry.record.answer.millis))
    if not bounds:
        return None
    low, high = max(low for low, _ in bounds), min(high for _, high in bounds)
    if low > high:
        low, high = min(low for low, _ in bounds), max(high for _, high in bounds)
    return Skew(low_millis=low, high_millis=high)


class LogJoin:
    """A log's events and the run's failures. ``canaries`` are the indices of the events of the run's canaries."""

    def __init__(
        self, events: Sequence[LogEvent], canaries: Iterable[int], failures: Sequence[Failure], skew: Skew | None
    ) -> None:
        self._events = events
        self._failures = failures
        low, high = (skew.low_millis, skew.high_millis) if skew else (0, 0)
        self._lead = timedelta(milliseconds=(low + high) // 2)
        self._tolerance = timedelta(seconds=limits.LOG_JOIN_SECONDS, milliseconds=(high - low + 1) // 2)
        self._partner = dict(_answers(events))
        self._canary: dict[int, Explanation] = dict.fromkeys(canaries, "canary")
        for index, event in enumerate(events):
            if index not in self._canary and not speaks_of_storage(event) and _CANARY.fullmatch(event.request or ""):
                self._canary[index] = "other-canary"
        kinds: tuple[FailureKind, ...] = ("push", "read", "ask")
        self._at = {what: self._times(what) for what in kinds}

    def explanations(self) -> tuple[Explanation | None, ...]:
        """For each event the kind of failure that explains it, if any."""
        explanations: dict[int, Explanation] = {}
        for what, (times, order) in self._at.items():
            spans = ((each.began, each.ended) for each in self._failures if each.what == what)
            for began, ended in _merged(spans, self._tolerance):
                for index in order[bisect_left(times, began) : bisect_right(times, ended)]:
                    explanations.setdefault(index, what)
        explanations.update(self._canary)
        explanations.update(dict.fromkeys(self._partner, "answer"))
        return tuple(explanations.get(index) for index in range(len(self._events)))

    def near_failures(self, numbers: Mapping[int, int]) -> tuple[NearFailure, ...]:
        """The events at the time of each failed push and read; ``numbers`` maps the indices of shown events."""
        spans: dict[tuple[Label, str, Literal["push", "read"]], list[tuple[datetime, datetime]]] = {}
        for each in self._failures:
            if each.what != "ask":
                spans.setdefault((each.label, each.store_path, each.what), []).append((each.began, each.ended))
        return tuple(self._near(key, times, numbers) for key, times in sorted(spans.items()))

    def _near(
        self,
        key: tuple[Label, str, Literal["push", "read"]],
        spans: Sequence[tuple[datetime, datetime]],
        numbers: Mapping[int, int],
    ) -> NearFailure:
        label, store_path, what = key
        times, order = self._at[what]
        indices = [
            index
            for first, last in _merged(spans, self._tolerance)
            for index in order[bisect_left(times, first) : bisect_right(times, last)]
        ]
        listed = (numbers[index] for index in indices if index in numbers)
        return NearFailure(
            label=label,
            store_path=store_path,
            what=what,
            began=_rfc3339(min(began for began, _ in spans)),
            ended=_rfc3339(max(ended for _, ended in spans)),
            events=tuple(number for number, _ in zip(listed, range(limits.NEAR_EVENTS), strict=False)),
            count=len(indices),
        )

    def _times(self, what: FailureKind) -> tuple[list[datetime], list[int]]:
        """The times, by the run's clock, of events that may belong to a failure of this kind, and their indices."""
        rows: list[tuple[datetime, int]] = []
        for index, event in enumerate(self._events):
            at = parse_time(event.at)
            owner = self._partner.get(index, index)
            if at is not None and owner not in self._canary and _may_be(self._events[owner], what):
                rows.append((_shifted(at, -self._lead), index))
        rows.sort()
        return [at for at, _ in rows], [index for _, index in rows]


def _answers(events: Sequence[LogEvent]) -> Iterator[tuple[int, int]]:
    """Each line of an HTTP status with its error event: the last one before it that has no such line yet."""
    waiting: dict[str | None, list[int]] = {}
    for index, event in enumerate(events):
        before = waiting.setdefault(event.origin, [])
        if not event.target.endswith(_ANSWER):
            if event.level == "ERROR":
                before.append(index)
        elif before and _soon(events[before[-1]], event):
            yield index, before.pop()


def _soon(error: LogEvent, answer: LogEvent) -> bool:
    one, other = parse_time(error.at), parse_time(answer.at)
    if one is None or other is None:
        return one is other
    return timedelta() <= other - one <= timedelta(seconds=limits.LOG_ANSWER_SECONDS)


def _may_be(event: LogEvent, what: FailureKind) -> bool:
    """Whether an event can belong to a failure of this kind, by its request or its place in the source."""
    if event.request is not None:
        method, _, uri = event.request.partition(" ")
        kind: FailureKind = "push" if uri.endswith("/upload-path") else "ask" if uri.startswith("/_api/") else "read"
        return kind == what and (what != "read" or method == "GET")
    if _UPLOAD in (event.source or ""):
        return what == "push"
    return what == "read" if event.target.endswith(_READING) else True


def _merged(spans: Iterable[tuple[datetime, datetime]], tolerance: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """The spans, each longer by the tolerance on both sides, and merged where they then overlap."""
    wide = sorted((_shifted(began, -tolerance), _shifted(ended, tolerance)) for began, ended in spans)
    last: tuple[datetime, datetime] | None = None
    for began, ended in wide:
        if last is not None and began <= last[1]:
            last = (last[0], max(last[1], ended))
        else:
            if last is not None:
                yield last
            last = (began, ended)
    if last is not None:
        yield last


def _shifted(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:  # year 1 or 9999 in a forged line
        return at


def _rfc3339(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
