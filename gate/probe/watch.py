"""``watch``: gentle samples until the index is lost, and then the evidence at once, before anybody restarts anything.

It writes nothing to the cache or the store. Memory is constant: only the newest samples are kept until an incident
needs them.
"""

import random
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from gate import __version__, limits
from gate.errors import GateError
from gate.evidence.buckets import WRONG_STATES, read_sample
from gate.evidence.codec import canonical
from gate.journal import UnwrittenJournal, make_folder, refuse_existing, write_file
from gate.judge.diff import epoch_rows
from gate.judge.watch import WatchState, next_spacing, next_watch
from gate.model.basics import BucketState, Phase
from gate.model.diff import Weight
from gate.model.document import BucketSample
from gate.model.time import rfc3339
from gate.model.watch import WATCH_SCHEMA, WatchCapture, WatchEvent, WatchIncident, WatchSample
from gate.observe.bucket_index import begin_sample
from gate.probe.context import NOWHERE, RunContext
from gate.probe.identify import refuse_other_cluster
from gate.probe.plan import capture
from gate.probe.world import Quiet, World, fresh_nonce
from gate.process import CancelToken
from gate.seal import verify
from gate.settings import Settings, refuse_incomplete

CAPTURE: Final = "capture"
AFTER: Final = "after"
INCIDENT: Final = "incident.json"
LASTING: Final = "back.json"  # of an incident that lasted longer than its close samples
SAMPLES: Final = {INCIDENT: "samples.jsonl", LASTING: "back-samples.jsonl"}  # the samples of each document


@dataclass(frozen=True, kw_only=True)
class WatchPlan:
    """How a watch goes: seconds between samples, how long it lasts (None: until it is ended), and when it ends early.

    ``close_seconds`` are between samples after a loss, for at most ``incident_seconds``. ``on_loss`` is called with the
    folder of each incident when its first capture is sealed; what it raises is a note.
    """

    interval: float = limits.WATCH_SPACING_SECONDS
    seconds: float | None = None
    until_loss: bool = False
    close_seconds: float = limits.WATCH_CLOSE_SECONDS
    incident_seconds: float = limits.WATCH_INCIDENT_SECONDS
    on_loss: Callable[[Path], None] | None = None


@dataclass
class WatchResult:
    """What a watch saw: samples, those with a bucket that was unknown, losses, and the folder of each incident."""

    samples: int = 0
    unknown: int = 0
    losses: int = 0
    incidents: list[Path] = field(default_factory=list)


@dataclass
class _Incident:
    """An incident that is open: nothing of it is written before it is over but its captures."""

    folder: Path
    events: list[WatchEvent]
    samples: deque[WatchSample]
    captures: list[WatchCapture] = field(default_factory=list)


def watch(settings: Settings, directory: Path, world: World, plan: WatchPlan) -> WatchResult:
    """Watch the buckets; ``directory`` gets a folder for each incident. Ends by itself as the plan says, or by cancel.

    Raises `RefusedError` before anything is asked: for settings, and for a folder that exists.
    """
    refuse_incomplete(settings, "capture")
    refuse_existing(directory)
    refuse_other_cluster(settings, world, shut=(directory,))
    make_folder(directory)
    with closing(RunContext(settings, NOWHERE, world, UnwrittenJournal(world.clock))) as context:
        return _Watch(settings, directory, world, plan, context).run()


class _Watch:
    def __init__(self, settings: Settings, directory: Path, world: World, plan: WatchPlan, context: RunContext) -> None:
        self._settings = settings
        self._directory = directory
        self._world = world
        self._plan = plan
        self._context = context
        self._state = WatchState()
        self._newest: deque[WatchSample] = deque(maxlen=limits.WATCH_SAMPLES)
        self._result = WatchResult()
        self._lasting: _Incident | None = None

    def run(self) -> WatchResult:
        plan, clock = self._plan, self._world.clock
        begin, spacing = clock.monotonic(), plan.interval
        self._world.progress.stage("watch")
        jitter = random.Random(self._world.nonce)  # noqa: S311  # so that many watches do not ask at one moment
        while not self._world.cancel.cancelled:
            rows, events = self._sample()
            if any(event.kind == "lost" for event in events):
                self._guarded(self._begin, list(events))
                if plan.until_loss:
                    break
            elif self._lasting is not None and not self._state.missing:
                self._guarded(self._end_lasting, list(events))
            is_observed = all(row.state is not BucketState.UNOBSERVABLE for row in rows.values())
            spacing = next_spacing(spacing, plan.interval, limits.WATCH_SLOW_SECONDS, is_observed=is_observed)
            remaining = None if plan.seconds is None else plan.seconds - (clock.monotonic() - begin)
            if remaining is not None and remaining <= 0:
                break
            wait = spacing * jitter.uniform(0.9, 1.1)
            self._world.cancel.wait(wait if remaining is None else min(wait, remaining))
        return self._result

    def _guarded(self, step: Callable[[list[WatchEvent]], None], events: list[WatchEvent]) -> None:
        """Take a step of an incident. A full disk must not end the watch; the loss counts all the same."""
        try:
            step(events)
        except GateError as error:
            self._world.progress.note(f"not all of the incident could be kept, and the watch goes on: {error}")

    def _sample(self) -> tuple[Mapping[str, BucketSample], tuple[WatchEvent, ...]]:
        """Take one sample: its rows, and what changed, which is said at once."""
        self._result.samples += 1
        number, policy = self._result.samples, self._context.policy
        sample = begin_sample(self._context.sources, phase=Phase.DURING, number=number)()
        rows = {name: read_sample(sample, name, seconds=policy.sample_deadline) for name in policy.buckets}
        self._world.progress.buckets({name: row.state for name, row in rows.items()})
        self._result.unknown += any(row.state not in {BucketState.INDEXED, *WRONG_STATES} for row in rows.values())
        for name, row in rows.items():
            self._newest.append(
                WatchSample(
                    at=row.at,
                    bucket=name,
                    state=row.state,
                    listed=row.listed,
                    head=row.head,
                    get=row.get,
                    marker=row.marker,
                    ready=row.ready,
                )
            )
        self._state, events = next_watch(self._state, rows)
        for event in events:
            self._result.losses += event.kind == "lost"
            self._world.progress.note(_event_text(event))
        return rows, events

    def _begin(self, events: list[WatchEvent]) -> None:
        """Capture at once and sample closely, until the index is back or the time for that is over."""
        began = self._world.clock.monotonic()
        number = len(self._result.incidents) + 1
        if number > limits.WATCH_INCIDENTS:
            self._world.progress.note(f"no capture: this watch has {limits.WATCH_INCIDENTS} incidents; start another")
            return
        stamp = "".join(letter for letter in events[0].at if letter.isdigit())[:14]
        folder = self._directory / f"incident-{stamp}-{number}"
        make_folder(folder)
        self._result.incidents.append(folder)
        newest = limits.WATCH_SAMPLES + round(self._plan.incident_seconds) * 4 * len(self._context.policy.buckets)
        incident = _Incident(folder, events, deque(self._newest, maxlen=newest))
        self._capture(incident, CAPTURE)
        hook = threading.Thread(target=self._call_hook, args=(folder,), name="on-loss", daemon=True)
        hook.start()
        while self._state.missing and not self._world.cancel.cancelled:
            if self._world.clock.monotonic() - began > self._plan.incident_seconds:
                self._lasting = incident
                break
            self._sample_closely(incident)
        hook.join(limits.WATCH_HOOK_SECONDS)
        self._end(incident, INCIDENT)

    def _end_lasting(self, events: list[WatchEvent]) -> None:
        """The end of an incident that was longer than the time of close samples: a second document."""
        incident, self._lasting = self._lasting, None
        if incident is not None:
            incident.events += events
            self._end(incident, LASTING)

    def _end(self, incident: _Incident, name: str) -> None:
        is_back = not self._state.missing
        if is_back and not self._world.cancel.cancelled:
            self._capture(incident, AFTER)
        restarts: tuple[str, ...] = ()
        if len(incident.captures) > 1 and not any(each.trouble for each in incident.captures):
            restarts = _restarts(incident.folder)
        text = b"".join(canonical(WatchSample, sample) + b"\n" for sample in incident.samples)
        document = WatchIncident(
            schema=WATCH_SCHEMA,
            tool=__version__,
            events=tuple(incident.events),
            samples=len(incident.samples),
            samples_sha256=sha256(text).hexdigest(),
            captures=tuple(incident.captures),
            restarts=restarts,
            is_back=is_back,
            ended_at=rfc3339(self._world.clock.now()),
        )
        write_file(incident.folder / SAMPLES[name], text)
        write_file(incident.folder / name, canonical(WatchIncident, document))
        ending = "the index is back" if is_back else "the index is still lost"
        changed = ", ".join(restarts) or "nothing that was seen"
        self._world.progress.note(f"{ending}; restarted: {changed}; see {incident.folder}")

    def _capture(self, incident: _Incident, name: str) -> None:
        """Take a capture, and sample closely meanwhile."""
        thread = _CaptureThread(self._settings, incident.folder / name, self._world)
        while thread.is_running and not self._world.cancel.cancelled:
            self._sample_closely(incident)
        incident.captures.append(thread.finish(self._world.cancel))
        result = incident.captures[-1]
        self._world.progress.note(f"captured: {incident.folder / name} ({result.verdict or result.trouble})")

    def _sample_closely(self, incident: _Incident) -> None:
        self._world.cancel.wait(self._plan.close_seconds)
        _, events = self._sample()
        incident.events += events
        incident.samples += list(self._newest)[-len(self._context.policy.buckets) :]

    def _call_hook(self, folder: Path) -> None:
        if self._plan.on_loss is not None:
            try:
                self._plan.on_loss(folder)
            except GateError as error:
                self._world.progress.note(f"the hook failed, and the watch goes on: {error}")


class _CaptureThread:
    """A capture on its own thread and with its own end, so that neither its deadline nor a defect ends the watch."""

    def __init__(self, settings: Settings, directory: Path, world: World) -> None:
        self._cancel = CancelToken()
        self._directory = directory
        self._result = WatchCapture(
            folder=directory.name, verdict="", evidence_digest="", trouble="the capture ended with a defect of the gate"
        )
        inner = replace(world, cancel=self._cancel, progress=Quiet(), nonce=fresh_nonce())
        self._thread = threading.Thread(target=self._run, args=(settings, inner), name="capture", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def finish(self, cancel: CancelToken) -> WatchCapture:
        """Wait for its end; a cancelled watch cancels it, and what it has is sealed."""
        while self._thread.is_alive():
            self._thread.join(limits.POLL_SECONDS)
            if cancel.cancelled:
                self._cancel.cancel(cancel.reason or "cancelled")
        return self._result

    def _run(self, settings: Settings, world: World) -> None:
        try:
            evidence = capture(settings, self._directory, world)
            _, digest = verify(self._directory)
        except GateError as error:
            self._result = replace(self._result, trouble=str(error))
        else:
            self._result = replace(
                self._result, verdict=evidence.verdict.word.value, evidence_digest=digest, trouble=""
            )


def _restarts(folder: Path) -> tuple[str, ...]:
    """The servers and replicas that are others after the loss than in it, or of which that can't be said."""
    (before, _), (after, _) = verify(folder / CAPTURE), verify(folder / AFTER)
    return tuple(
        f"{row.subject}: {row.before} → {row.after}"
        for row in epoch_rows(before, after)
        if row.weight is not Weight.SAME
    )


def _event_text(event: WatchEvent) -> str:
    if event.kind == "back":
        return f"BACK {event.bucket}: in the index again at {event.at}, lost at {event.last_at}"
    since = f"it was there at {event.last_at}" if event.last_at else "it was never seen in the index"
    return f"LOST {event.bucket} ({event.state.value}): at {event.at}; {since}; capturing now"
