"""Steps 2 and 7: everything that is seen before, and after, the publication."""

from gate.model.basics import Phase
from gate.model.records import BucketSampled
from gate.observe.bucket_index import sample_buckets
from gate.observe.kube_workload import look_at_replicas
from gate.observe.server_log import send_canary
from gate.observe.tofu_state import look as look_at_state
from gate.probe.site import Site
from gate.probe.world import World


def observe_phase(site: Site, world: World, phase: Phase) -> None:
    """Canary, workloads, state, and the spaced bucket samples; each is recorded as it is seen.

    The state is looked at on the outer side of the samples, so that the two looks span the whole window.
    """
    if "server-log" not in site.settings.absent:
        _send_canary(site, phase, f"gate-canary-{phase.value}-{world.nonce}")
    _observe_workloads(site, phase)
    if phase is Phase.PRE:
        _observe_state(site, phase)
    for number in range(1, site.settings.samples + 1):
        if number > 1 and world.cancel.wait(site.settings.sample_spacing):
            return
        take_sample(site, world, phase, number)
    if phase is Phase.POST:
        _observe_state(site, phase)


def _send_canary(site: Site, phase: Phase, nonce: str) -> None:
    url = site.cache_url(site.settings.attic_cache)
    site.write(send_canary(site.http, url, token=site.read_token, phase=phase, nonce=nonce))


def _observe_state(site: Site, phase: Phase) -> None:
    if "state" not in site.settings.absent:
        site.write(look_at_state(site.s3, site.settings.state_bucket, site.settings.state_key, phase=phase))


def _observe_workloads(site: Site, phase: Phase) -> None:
    places = {"store": site.settings.store_workload, "cache": site.settings.cache_workload}
    for role, place in places.items():
        if f"{role}-workload" not in site.settings.absent:
            rows = look_at_replicas("store" if role == "store" else "cache", place, phase=phase, kubectl=site.kubectl)
            for row in rows:
                site.write(row)


def take_sample(site: Site, world: World, phase: Phase, number: int) -> BucketSampled:
    """One bucket sample, recorded."""
    world.progress.sample(phase, number)
    sample = sample_buckets(
        site.s3,
        site.settings.buckets,
        site.settings.markers,
        phase=phase,
        number=number,
        http=site.http,
        kubectl=site.kubectl,
    )
    site.write(sample)
    return sample
