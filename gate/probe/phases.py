"""Steps 2 and 7: everything that is seen before, and after, the publication."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from gate import limits
from gate.model.basics import Phase
from gate.model.captures import DiskLook
from gate.model.records import BucketSampled, UploadsSeen, WorkloadSeen
from gate.observe.bucket_index import SampleSeries, begin_sample
from gate.observe.disk_use import look_at_disk
from gate.observe.kube_workload import Role, look_at_replicas
from gate.observe.replica_canary import Asking, send_to_replicas
from gate.observe.server_log import send_canary
from gate.observe.state_object import look as look_at_state
from gate.probe.site import Site
from gate.probe.world import World


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
