"""The second reader: the machine's own Nix reads the canary pair, and some paths of the profile, as a builder would."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from gate import limits
from gate.errors import GateError
from gate.evidence.pushes import missing_hashes
from gate.model.basics import Label
from gate.model.machine import NixRead
from gate.model.records import BuildFacts, MissingAsked, Trouble
from gate.observe.nix_reader import Reading, read_by_nix
from gate.parse.addresses import same_cache
from gate.parse.store_path import hash_part
from gate.probe.site import Publication, Site
from gate.probe.world import World

STAGE = "nix-reader"


@contextmanager
def nix_reading(site: Site, world: World) -> Iterator[None]:
    """Let Nix read while the block runs, and record what it read at the end of the block."""
    readings = tuple(_readings(site, world))
    if not readings:
        yield
        return
    with ThreadPoolExecutor(len(readings)) as threads:
        reads = [threads.submit(_read, site, reading) for reading in readings]
        try:
            yield
        finally:
            for read in reads:
                for record in read.result():
                    site.write(record)


def _read(site: Site, reading: Reading) -> tuple[NixRead | Trouble, ...]:
    try:
        return read_by_nix(site.nix, reading, seconds=min(limits.NIX_READ_SECONDS, site.seconds_left()))
    except GateError as error:
        return (Trouble(stage=STAGE, message=str(error)),)


def _readings(site: Site, world: World) -> Iterator[Reading]:
    for what in site.published:
        paths = _chosen(site, world, what)
        if paths:
            yield Reading(
                label=what.label,
                cache=what.cache,
                url=_place(site, what.cache),
                paths=paths,
                trust=what.cache == site.policy.attic_cache,
            )


def _chosen(site: Site, world: World, what: Publication) -> tuple[str, ...]:
    """All canaries; of the profile some that are not too large, fresh ones first; of the twin none."""
    if what.label is Label.CANARY:
        return what.served
    if what.label is not Label.PROFILE:
        return ()
    asked = [entry.record for entry in site.entries if isinstance(entry.record, MissingAsked)]
    missing = next((missing_hashes(record) for record in reversed(asked) if record.label is what.label), None) or ()
    small = [path for path in what.served if what.facts[path].nar_size <= limits.NIX_READ_BYTES]
    order = random.Random(world.nonce).sample(small, len(small))  # noqa: S311  # which are read is no secret
    order.sort(key=lambda path: hash_part(path) not in missing)
    return tuple(order[: limits.NIX_READ_PATHS])


def _place(site: Site, cache: str) -> str:
    """The URL that this machine's Nix has for a cache, without its parameters; else where its readers are sent."""
    builds = [entry.record for entry in site.entries if isinstance(entry.record, BuildFacts)]
    names = site.cache_urls(cache)
    known = (url.partition("?")[0] for facts in builds for url in facts.substituters)
    return next((url for url in known if any(same_cache(url, name) for name in names)), names[-1])
