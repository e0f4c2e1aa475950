"""Step 6: every path that the cache must serve, to its last byte; failed reads are repeated at spaced times."""

import random
from collections.abc import Iterable

from gate import limits
from gate.evidence.bodies import WHOLE, Expected, fold_body
from gate.evidence.references import is_served
from gate.model.basics import Claim
from gate.model.records import BodyRead
from gate.observe.nar_bodies import Target, read_bodies
from gate.observe.references import look_at_references
from gate.observe.stored_object import find_canary
from gate.probe.publishing import Publication
from gate.probe.site import Site
from gate.probe.world import World

_AGAIN_SHARE = 10  # one path in ten is read once more after the last bucket sample, and at least
_AGAIN_LEAST = 4


def read_back(site: Site, world: World, what: Publication) -> bool:
    """Read every path of a publication; True when each came back whole. The first failure stays in the journal."""
    return _read(site, world, what, what.served, after_post=False)


def look_for_references(site: Site, world: World, what: Publication) -> None:
    """Look for what a publication needs beside itself; what does not come back as served is looked for again."""
    token = site.read_tokens[what.cache]
    until = world.clock.monotonic() + min(limits.REFERENCE_SECONDS, site.seconds_left())
    left = list(what.references)
    for attempt in range(1, site.policy.read_attempts + 1):
        if not left or (attempt > 1 and world.cancel.wait(site.policy.read_spacing)):
            return
        good: set[str] = set()
        for look in look_at_references(
            left,
            lambda path: site.attic.narinfo(what.cache, token, path),
            label=what.label,
            cache=what.cache,
            attempt=attempt,
            stop=lambda: world.cancel.cancelled or world.clock.monotonic() > until,
        ):
            site.write(look)
            if is_served(look.store_path, look.narinfo):
                good.add(look.store_path)
        left = [path for path in left if path not in good]


def look_for_canary(site: Site, world: World, what: Publication) -> None:
    """Look for what the push of the canary pair wrote: the small one's object, in the bucket and on the disks."""
    small = min(what.served, key=lambda path: what.facts[path].nar_size, default=None)
    reads = [
        entry.record
        for entry in site.entries
        if isinstance(entry.record, BodyRead)
        and entry.record.label is what.label
        and entry.record.store_path == small
        and not world.cancel.cancelled
    ]
    seen = find_canary(
        reads[-1] if reads else None,
        site.policy.buckets,
        site.policy.markers,
        head=site.s3.head_object,
        kubectl=site.kubectl,
    )
    if seen is not None:
        site.write(seen)


def read_once_more(site: Site, world: World) -> None:
    """Read a random part of what was published once more, after the last bucket sample."""
    chance = random.Random(world.nonce)  # noqa: S311  # which paths are read again is no secret
    for what in site.published:
        count = min(len(what.served), max(_AGAIN_LEAST, len(what.served) // _AGAIN_SHARE))
        _read(site, world, what, chance.sample(what.served, count), after_post=True)


def _read(site: Site, world: World, what: Publication, paths: Iterable[str], *, after_post: bool) -> bool:
    left = list(paths)
    good = True
    for attempt in range(1, site.policy.read_attempts + 1):
        if attempt > 1 and world.cancel.wait(site.policy.read_spacing):
            return False
        left = _attempt(site, world, what, left, attempt=attempt, after_post=after_post)
        good = good and not left
        if not left:
            break
    return good


def _attempt(
    site: Site, world: World, what: Publication, paths: list[str], *, attempt: int, after_post: bool
) -> list[str]:
    """One read of each path; gives those that did not come back whole."""
    targets = [
        Target(label=what.label, cache=what.cache, store_path=path, nar_size=what.facts[path].nar_size)
        for path in paths
    ]
    bad = set(paths)
    for read in read_bodies(
        targets,
        access=site.access(what.cache),
        jobs=site.policy.jobs,
        attempt=attempt,
        again_after_post=after_post,
        deadline_seconds=site.seconds_left(),
        cancel=world.cancel,
        clock=world.clock,
    ):
        entry = site.write(read)
        if _is_whole(site, what, entry.at, read):
            bad.discard(read.store_path)
    return sorted(bad)


def _is_whole(site: Site, what: Publication, at: str, read: BodyRead) -> bool:
    expected = Expected(
        label=what.label,
        cache=what.cache,
        facts=what.facts[read.store_path],
        claim=Claim.UPLOADED,
        public_key=site.public_keys.get(what.cache),
    )
    return fold_body(expected, [(at, read)]).reads[0].code == WHOLE
