"""Steps 2, 7 and 8: the observations before and after the publication, and the logs of the time between."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from gate import limits
from gate.evidence.capture import PREVIOUS_LOG
from gate.evidence.fold import SERVER_LOG
from gate.evidence.replicas import nonces_of
from gate.evidence.store_log import STORE_LOG
from gate.model.basics import Phase
from gate.model.captures import DiskLook, StoreLogRead
from gate.model.records import BucketSampled, Entry, LogCanarySent, Trouble, UploadsSeen, WorkloadSeen
from gate.observe.bucket_index import SampleSeries, begin_sample
from gate.observe.disk_use import look_at_disk
from gate.observe.kube_incident import look_at_past
from gate.observe.kube_workload import Role, look_at_replicas
from gate.observe.replica_canary import Asking, send_to_replicas
from gate.observe.server_log import send_canary
from gate.observe.state_object import look as look_at_state
from gate.probe.context import Site
from gate.probe.world import World
from gate.process import Capture


def capture_logs(site: Site, world: World, before: Sequence[Entry] = ()) -> None:
    """Capture what both servers wrote since pre; what is missing of it is recorded.

    ``before`` are the entries of an earlier job of the same run: its canaries must be in the server's log too.
    """
    _capture_server_log(site, world, (*before, *site.entries))
    _capture_store_log(site, world)


def _capture_server_log(site: Site, world: World, entries: Sequence[Entry]) -> None:
    if site.log_window is None:
        return
    nonces = [entry.record.nonce for entry in entries if isinstance(entry.record, LogCanarySent)]
    capture = Capture(site.directory, SERVER_LOG, secrets=site.secrets)
    lacking = site.log_window.capture(capture, (*nonces, *nonces_of(entries)), clock=world.clock)
    site.write(capture.close())
    for note in lacking:
        site.write(Trouble(stage="logs", message=note))


def _capture_store_log(site: Site, world: World) -> None:
    """The store has no canary, so nothing is waited for."""
    if site.store_log_window is None:
        return
    capture = Capture(site.directory, STORE_LOG, secrets=site.secrets)
    lacking = site.store_log_window.capture(capture, (), clock=world.clock)
    site.write(capture.close())
    site.write(StoreLogRead(place=site.policy.store_log, notes=lacking))


def look_deeper(site: Site) -> None:
    """Record all of it; nothing here can make the capture's verdict better."""
    policy = site.policy
    with ThreadPoolExecutor(limits.READ_JOBS) as threads:
        disks = threads.map(lambda place: look_at_disk(place, kubectl=site.kubectl), policy.markers)
        for rows in disks:
            for disk in rows:
                site.write(disk)
    if site.kubectl is None:
        return
    capture = Capture(site.directory, PREVIOUS_LOG, secrets=site.secrets)
    for role, place in (("store", policy.store_workload), ("cache", policy.cache_workload)):
        past = look_at_past("store" if role == "store" else "cache", place, kubectl=site.kubectl, capture=capture)
        if past is not None:
            site.write(past.events)
            for log in past.logs:
                site.write(log)
    site.write(capture.close())
    if capture.trouble:
        site.write(Trouble(stage="incident", message=capture.trouble))


def observe_phase(site: Site, world: World, phase: Phase, *, open_logs: Callable[[float], None] | None = None) -> None:
    """Canaries, workloads, state, and the spaced bucket samples; each is recorded as it is seen.

    ``open_logs`` opens the windows on the logs, which the canaries of this phase must be in; it is given the moment
    when the phase began. The state is looked at on the outer side of the samples, so that the two looks span the whole
    window.
    """
    began = world.clock.monotonic()
    workloads, disks = _places(site, phase)
    if open_logs is not None:
        open_logs(began)
    if "server-log" not in site.policy.absent:
        _send_canary(site, phase, f"gate-canary-{phase.value}-{world.nonce}")
        _send_to_replicas(site, world, phase, began)
    for row in workloads:
        site.write(row)
    for look in disks:
        site.write(look)
    if phase is Phase.PRE:
        _observe_state(site, phase)
    _observe_uploads(site, phase)
    numbers = range(1, site.policy.samples + 1)
    for number in sample_series(site, phase).take(numbers, site.policy.sample_spacing, world.cancel):
        world.progress.sample(phase, number)
    if world.cancel.cancelled:
        return
    if phase is Phase.POST:
        _observe_uploads(site, phase)
        _observe_state(site, phase)


def _observe_uploads(site: Site, phase: Phase) -> None:
    """The open uploads of the buckets that bodies are in; after the publication twice, the samples' window apart."""
    for bucket in site.policy.buckets:
        if bucket != site.policy.state_bucket:
            site.write(UploadsSeen(phase=phase, bucket=bucket, answer=site.s3.list_uploads(bucket)))


def _send_canary(site: Site, phase: Phase, nonce: str) -> None:
    url = site.cache_url(site.policy.attic_cache)
    site.write(send_canary(site.http, url, token=site.read_token, phase=phase, nonce=nonce))


def _send_to_replicas(site: Site, world: World, phase: Phase, began: float) -> None:
    policy = site.policy
    asking = Asking(
        endpoint=policy.attic_server,
        cache=policy.attic_cache,
        nonce=world.nonce,
        inside=site.in_cluster,
        cancel=world.cancel,
        since=began,
    )
    sent = send_to_replicas(policy.server_log, asking, phase=phase, kubectl=site.kubectl)
    if sent is not None:
        site.write(sent)


def _observe_state(site: Site, phase: Phase) -> None:
    if "state" not in site.policy.absent:
        bucket, key = site.policy.state_bucket, site.policy.state_key
        site.write(look_at_state(site.s3, bucket, key, phase=phase, contents=site.policy.state_contents))


def _places(site: Site, phase: Phase) -> tuple[tuple[WorkloadSeen, ...], tuple[DiskLook, ...]]:
    """The workloads, and how full the store's drives are, looked at side by side."""
    with ThreadPoolExecutor(1) as threads:
        disks = threads.submit(look_at_disks, site, phase)
        return _workloads(site, phase), disks.result()


def look_at_disks(site: Site, phase: Phase) -> tuple[DiskLook, ...]:
    """How full each drive of the store is."""
    with ThreadPoolExecutor(limits.READ_JOBS) as threads:
        looks = threads.map(lambda place: look_at_disk(place, kubectl=site.kubectl), site.policy.markers)
        return tuple(DiskLook(phase=phase, disk=disk) for disk in chain.from_iterable(looks))


def _workloads(site: Site, phase: Phase) -> tuple[WorkloadSeen, ...]:
    policy = site.policy
    places: tuple[tuple[Role, str, str], ...] = (
        ("store", policy.store_workload, policy.s3_endpoint),
        ("cache", policy.cache_workload, policy.attic_server),
    )
    asked = [row for row in places if f"{row[0]}-workload" not in policy.absent]

    def look(row: tuple[Role, str, str]) -> tuple[WorkloadSeen, ...]:
        role, place, endpoint = row
        return look_at_replicas(role, place, phase=phase, kubectl=site.kubectl, endpoint=endpoint)

    with ThreadPoolExecutor(len(places)) as threads:
        looks = threads.map(look, asked)
        return tuple(chain.from_iterable(looks))


def sample_series(site: Site, phase: Phase, notice: Callable[[BucketSampled], None] | None = None) -> SampleSeries:
    """The bucket samples of a phase, each recorded when it is over and then shown to ``notice``."""

    def keep(sample: BucketSampled) -> None:
        site.write(sample)
        if notice is not None:
            notice(sample)

    return SampleSeries(lambda number: begin_sample(site.sources, phase=phase, number=number), keep)


def watch_buckets(
    site: Site,
    world: World,
    over: Callable[[float], bool],
    notice: Callable[[BucketSampled], None] | None = None,
) -> None:
    """Sample while pushes run, until ``over``, which waits so many seconds, says so; one sample is taken at least.

    A sample that hangs is left to its deadline, and the next one begins beside it.
    """
    series = sample_series(site, Phase.DURING, notice)
    try:
        ended = world.cancel.cancelled
        while not ended:
            site.during_samples += 1
            world.progress.sample(Phase.DURING, site.during_samples)
            series.begin(site.during_samples)
            ended = over(limits.DURING_SPACING_SECONDS if series.over(limits.DURING_OVERLAP_SECONDS) else 0.0)
    finally:
        series.finish()
