"""Steps 2, 7 and 8: the observations before and after the publication, and the logs of the time between."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from gate import limits
from gate.evidence.buckets import WRONG_STATES, read_sample
from gate.evidence.capture import PREVIOUS_LOG
from gate.evidence.fold import SERVER_LOG
from gate.evidence.server_log import nonces_of
from gate.evidence.store_log import STORE_LOG
from gate.model.basics import BucketState, Phase, Truth
from gate.model.captures import DiskLook, StoreLogRead
from gate.model.records import BucketSampled, Entry, LogCanarySent, Trouble, UploadsSeen, WorkloadSeen
from gate.observe.bucket_index import SampleSeries, begin_sample
from gate.observe.disk_use import look_at_disk
from gate.observe.kube_incident import look_at_past
from gate.observe.kube_workload import Role
from gate.observe.replica_canary import Asking, send_to_replicas
from gate.observe.server_log import send_canary
from gate.observe.state_object import look as look_at_state
from gate.probe.context import RunContext
from gate.probe.world import World
from gate.process import Capture


def capture_logs(context: RunContext, world: World, before: Sequence[Entry] = ()) -> None:
    """Capture what both servers wrote since pre; what is missing of it is recorded.

    ``before`` are the entries of an earlier job of the same run: its canaries must be in the server's log too.
    """
    _capture_server_log(context, world, (*before, *context.entries))
    _capture_store_log(context, world)


def _capture_server_log(context: RunContext, world: World, entries: Sequence[Entry]) -> None:
    if context.log_window is None:
        return
    nonces = [entry.record.nonce for entry in entries if isinstance(entry.record, LogCanarySent)]
    capture = Capture(context.directory, SERVER_LOG, secrets=context.secrets)
    lacking = context.log_window.capture(capture, (*nonces, *nonces_of(entries)), clock=world.clock)
    context.write(capture.close())
    for note in lacking:
        context.write(Trouble(stage="logs", message=note))


def _capture_store_log(context: RunContext, world: World) -> None:
    """The store has no canary, so nothing is waited for."""
    if context.store_log_window is None:
        return
    capture = Capture(context.directory, STORE_LOG, secrets=context.secrets)
    lacking = context.store_log_window.capture(capture, (), clock=world.clock)
    context.write(capture.close())
    context.write(StoreLogRead(place=context.policy.store_log, notes=lacking))


def look_deeper(context: RunContext) -> None:
    """Record all of it; nothing here can make the capture's verdict better."""
    policy = context.policy
    with ThreadPoolExecutor(limits.READ_JOBS) as threads:
        disks = threads.map(lambda place: look_at_disk(place, kubectl=context.kubectl), policy.markers)
        for rows in disks:
            for disk in rows:
                context.write(disk)
    if context.kubectl is None:
        return
    capture = Capture(context.directory, PREVIOUS_LOG, secrets=context.secrets)
    for role, place in (("store", policy.store_workload), ("cache", policy.cache_workload)):
        past = look_at_past("store" if role == "store" else "cache", place, kubectl=context.kubectl, capture=capture)
        if past is not None:
            context.write(past.events)
            for log in past.logs:
                context.write(log)
    context.write(capture.close())
    if capture.trouble:
        context.write(Trouble(stage="incident", message=capture.trouble))


def observe_phase(
    context: RunContext, world: World, phase: Phase, *, open_logs: Callable[[float], None] | None = None
) -> None:
    """Canaries, workloads, state, and the spaced bucket samples; each is recorded as it is seen.

    ``open_logs`` opens the windows on the logs, which the canaries of this phase must be in; it is given the moment
    when the phase began. The state is looked at on the outer side of the samples, so that the two looks span the whole
    window.
    """
    began = world.clock.monotonic()
    workloads, disks = _places(context, phase)
    if open_logs is not None:
        open_logs(began)
    if "server-log" not in context.policy.absent:
        _send_canary(context, phase, f"gate-canary-{phase.value}-{world.nonce}")
        _send_to_replicas(context, world, phase, began)
    for row in workloads:
        context.write(row)
    for look in disks:
        context.write(look)
    if phase is Phase.PRE:
        _observe_state(context, phase)
    _observe_uploads(context, phase)
    numbers = range(1, context.policy.samples + 1)
    series = sample_series(context, phase, with_loss_notes(context, world))
    for number in series.take(numbers, context.policy.sample_spacing, world.cancel):
        world.progress.sample(phase, number)
    if world.cancel.cancelled:
        return
    if phase is Phase.POST:
        _observe_uploads(context, phase)
        _observe_state(context, phase)


def _observe_uploads(context: RunContext, phase: Phase) -> None:
    """The open uploads of the buckets that bodies are in; after the publication twice, the samples' window apart."""
    for bucket in context.policy.buckets:
        if bucket != context.policy.state_bucket:
            context.write(UploadsSeen(phase=phase, bucket=bucket, answer=context.s3.list_uploads(bucket)))


def _send_canary(context: RunContext, phase: Phase, nonce: str) -> None:
    url = context.cache_url(context.policy.attic_cache)
    context.write(send_canary(context.http, url, token=context.read_token, phase=phase, nonce=nonce))


def _send_to_replicas(context: RunContext, world: World, phase: Phase, began: float) -> None:
    policy = context.policy
    asking = Asking(
        endpoint=policy.attic_server,
        cache=policy.attic_cache,
        nonce=world.nonce,
        inside=context.in_cluster,
        cancel=world.cancel,
        since=began,
    )
    sent = send_to_replicas(policy.server_log, asking, phase=phase, kubectl=context.kubectl)
    if sent is not None:
        context.write(sent)


def _observe_state(context: RunContext, phase: Phase) -> None:
    if "state" not in context.policy.absent:
        bucket, key = context.policy.state_bucket, context.policy.state_key
        context.write(look_at_state(context.s3, bucket, key, phase=phase, contents=context.policy.state_contents))


def _places(context: RunContext, phase: Phase) -> tuple[tuple[WorkloadSeen, ...], tuple[DiskLook, ...]]:
    """The workloads, and how full the store's drives are, looked at side by side."""
    with ThreadPoolExecutor(1) as threads:
        disks = threads.submit(look_at_disks, context, phase)
        return _workloads(context, phase), disks.result()


def look_at_disks(context: RunContext, phase: Phase) -> tuple[DiskLook, ...]:
    """How full each drive of the store is."""
    with ThreadPoolExecutor(limits.READ_JOBS) as threads:
        looks = threads.map(lambda place: look_at_disk(place, kubectl=context.kubectl), context.policy.markers)
        return tuple(DiskLook(phase=phase, disk=disk) for disk in chain.from_iterable(looks))


def _workloads(context: RunContext, phase: Phase) -> tuple[WorkloadSeen, ...]:
    policy = context.policy
    places: tuple[tuple[Role, str, str], ...] = (
        ("store", policy.store_workload, policy.s3_endpoint),
        ("cache", policy.cache_workload, policy.attic_server),
    )
    rows = [row for row in places if f"{row[0]}-workload" not in policy.absent]

    def look(row: tuple[Role, str, str]) -> tuple[WorkloadSeen, ...]:
        role, place, endpoint = row
        return context.places.look(role, place, phase=phase, endpoint=endpoint)

    with ThreadPoolExecutor(len(places)) as threads:
        looks = threads.map(look, rows)
        return tuple(chain.from_iterable(looks))


def sample_series(
    context: RunContext, phase: Phase, notice: Callable[[BucketSampled], None] | None = None
) -> SampleSeries:
    """The bucket samples of a phase, each recorded when it is over and then shown to ``notice``."""

    def keep(sample: BucketSampled) -> None:
        context.write(sample)
        if notice is not None:
            notice(sample)

    return SampleSeries(lambda number: begin_sample(context.sources, phase=phase, number=number), keep)


def watch_buckets(
    context: RunContext,
    world: World,
    over: Callable[[float], bool],
    notice: Callable[[BucketSampled], None] | None = None,
) -> None:
    """Sample while pushes run, until ``over``, which waits so many seconds, says so; one sample is taken at least.

    A sample that hangs is left to its deadline, and the next one begins beside it.
    """
    series = sample_series(context, Phase.DURING, with_loss_notes(context, world, notice))
    try:
        ended = world.cancel.cancelled
        while not ended:
            context.during_samples += 1
            world.progress.sample(Phase.DURING, context.during_samples)
            series.begin(context.during_samples)
            ended = over(limits.DURING_SPACING_SECONDS if series.over(limits.DURING_OVERLAP_SECONDS) else 0.0)
    finally:
        series.finish()


def with_loss_notes(
    context: RunContext, world: World, notice: Callable[[BucketSampled], None] | None = None
) -> Callable[[BucketSampled], None]:
    """A notice that says at once when a bucket leaves the index, or is back in it, and then calls the other."""
    wrong = context.lost_buckets

    def say(sample: BucketSampled) -> None:
        rows = {bucket: read_sample(sample, bucket) for bucket in context.policy.buckets}
        world.progress.buckets({bucket: row.state for bucket, row in rows.items()})
        for bucket, row in rows.items():
            if row.state in WRONG_STATES and bucket not in wrong:
                wrong.add(bucket)
                answers = (("ListBuckets", row.listed), ("HeadBucket", row.head), ("GET", row.get))
                absent = ", ".join(name for name, truth in answers if truth is Truth.ABSENT)
                disk = "; its data is still on disk" if row.marker is Truth.PRESENT else ""
                world.progress.note(f"LOST {bucket} ({row.state.value}): absent from {absent}{disk}")
            elif row.state is BucketState.INDEXED and bucket in wrong:
                wrong.discard(bucket)
                world.progress.note(f"BACK {bucket}: it is in the index again")
        if notice is not None:
            notice(sample)

    return say
