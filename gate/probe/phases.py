"""Steps 2 and 7: everything that is seen before, and after, the publication."""

from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from gate.model.basics import Phase
from gate.model.records import BucketSampled
from gate.observe.bucket_index import sample_buckets
from gate.observe.kube_workload import Role, look_at_replicas
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
        bucket, key = site.settings.state_bucket, site.settings.state_key
        site.write(look_at_state(site.s3, bucket, key, phase=phase, contents=site.settings.state_contents))


def _observe_workloads(site: Site, phase: Phase) -> None:
    places: tuple[tuple[Role, str], ...] = (
        ("store", site.settings.store_workload),
        ("cache", site.settings.cache_workload),
    )
    asked = [(role, place) for role, place in places if f"{role}-workload" not in site.settings.absent]
    with ThreadPoolExecutor(len(places)) as threads:
        looks = threads.map(lambda of: look_at_replicas(*of, phase=phase, kubectl=site.kubectl), asked)
        for row in chain.from_iterable(looks):
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
