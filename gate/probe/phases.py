"""Steps 2 and 7: everything that is seen before, and after, the publication."""

from gate.model.basics import Phase
from gate.model.records import BucketSampled
from gate.observe.bucket_index import sample_buckets
from gate.observe.server_log import send_canary
from gate.observe.tofu_state import look as look_at_state
from gate.observe.workload import look as look_at_workload
from gate.probe.site import Site
from gate.probe.world import World


def observe_phase(site: Site, world: World, phase: Phase) -> None:
    """Canary, state, workloads, and the spaced bucket samples; each is recorded as it is seen."""
    absent = site.settings.absent
    if "server-log" not in absent:
        nonce = f"gate-canary-{phase.value}-{world.nonce}"
        site.write(
            send_canary(
                site.http, site.cache_url(site.settings.attic_cache), token=site.read_token, phase=phase, nonce=nonce
            )
        )
    if "state" not in absent:
        site.write(look_at_state(site.s3, site.settings.state_bucket, site.settings.state_key, phase=phase))
    _observe_workloads(site, phase)
    for number in range(1, site.settings.samples + 1):
        if number > 1 and world.cancel.wait(site.settings.sample_spacing):
            return
        take_sample(site, world, phase, number)


def _observe_workloads(site: Site, phase: Phase) -> None:
    places = {"store": site.settings.store_workload, "cache": site.settings.cache_workload}
    for role, place in places.items():
        if f"{role}-workload" not in site.settings.absent:
            site.write(look_at_workload("store" if role == "store" else "cache", place, phase=phase))


def take_sample(site: Site, world: World, phase: Phase, number: int) -> BucketSampled:
    """One bucket sample, recorded."""
    world.progress.sample(phase, number)
    sample = sample_buckets(
        site.s3, site.settings.buckets, site.settings.markers, phase=phase, number=number, http=site.http
    )
    site.write(sample)
    return sample
