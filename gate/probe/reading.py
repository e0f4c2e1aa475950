"""Step 6: every path that the cache must serve, read to its last byte, and some of them by the machine's own Nix."""

import random
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from gate import limits
from gate.errors import GateError
from gate.evidence.bodies import WHOLE, Expected, fold_body
from gate.evidence.pushes import missing_hashes
from gate.evidence.references import is_served
from gate.model.basics import Claim, Label
from gate.model.machine import NixRead
from gate.model.records import BodyRead, BuildFacts, MissingAsked, StageMark, Trouble
from gate.observe.nar_bodies import NarTarget, read_bodies
from gate.observe.nix_reader import Reading, read_by_nix
from gate.observe.stored_object import find_canary, look_at_references
from gate.parse.addresses import same_cache
from gate.parse.store_path import hash_part
from gate.probe.context import Publication, RunContext
from gate.probe.world import World

STAGE = "nix-reader"


@contextmanager
def nix_reading(context: RunContext, world: World) -> Iterator[None]:
    """Let Nix read while the block runs, and record what it read at the end of the block."""
    readings = tuple(_readings(context, world))
    if not readings:
        yield
        return
    with ThreadPoolExecutor(len(readings)) as threads:
        reads = [threads.submit(_read, context, reading) for reading in readings]
        try:
            yield
        finally:
            for read in reads:
                for record in read.result():
                    context.write(record)


def _read(context: RunContext, reading: Reading) -> tuple[NixRead | Trouble, ...]:
    try:
        return read_by_nix(context.nix, reading, seconds=min(limits.NIX_READ_SECONDS, context.seconds_left()))
    except GateError as error:
        return (Trouble(stage=STAGE, message=str(error)),)


def _readings(context: RunContext, world: World) -> Iterator[Reading]:
    for what in context.published:
        paths = _chosen(context, world, what)
        if paths:
            yield Reading(
                label=what.label,
                cache=what.cache,
                url=_place(context, what.cache),
                paths=paths,
                trust=what.cache == context.policy.attic_cache,
            )


def _chosen(context: RunContext, world: World, what: Publication) -> tuple[str, ...]:
    """All canaries; of the profile some that are not too large, fresh ones first; of the twin none."""
    if what.label is Label.CANARY:
        return what.served
    if what.label is not Label.PROFILE:
        return ()
    claims = [entry.record for entry in context.entries if isinstance(entry.record, MissingAsked)]
    missing = next((missing_hashes(record) for record in reversed(claims) if record.label is what.label), None) or ()
    small = [path for path in what.served if what.facts[path].nar_size <= limits.NIX_READ_BYTES]
    order = random.Random(world.nonce).sample(small, len(small))  # noqa: S311  # which are read is no secret
    order.sort(key=lambda path: hash_part(path) not in missing)
    return tuple(order[: limits.NIX_READ_PATHS])


def _place(context: RunContext, cache: str) -> str:
    """The URL that this machine's Nix has for a cache, without its parameters; else where its readers are sent."""
    builds = [entry.record for entry in context.entries if isinstance(entry.record, BuildFacts)]
    names = context.cache_urls(cache)
    urls = (url.partition("?")[0] for facts in builds for url in facts.substituters)
    return next((url for url in urls if any(same_cache(url, name) for name in names)), names[-1])


_AGAIN_SHARE = 10  # one path in ten is read once more after the last bucket sample, and at least
_AGAIN_LEAST = 4
_CANARY_PUSH = f"push:{Label.CANARY.value}"  # the stage's name


def read_back(context: RunContext, world: World, what: Publication) -> bool:
    """Read every path of a publication; True when each came back whole. The first failure stays in the journal.

    A part of them is read at the origin at the same time, where the policy names one.
    """
    return _read_both(context, world, what, what.served, after_post=False)


def look_for_references(context: RunContext, world: World, what: Publication) -> None:
    """Look for what a publication needs beside itself; what does not come back as served is looked for again."""
    token = context.read_tokens[what.cache]
    until = world.clock.monotonic() + min(limits.REFERENCE_SECONDS, context.seconds_left())
    remaining = list(what.references)
    for attempt in range(1, context.policy.read_attempts + 1):
        if not remaining or (attempt > 1 and world.cancel.wait(context.policy.read_spacing)):
            return
        good: set[str] = set()
        for look in look_at_references(
            remaining,
            lambda path: context.attic.narinfo(what.cache, token, path),
            label=what.label,
            cache=what.cache,
            attempt=attempt,
            stop=lambda: world.cancel.cancelled or world.clock.monotonic() > until,
        ):
            context.write(look)
            if is_served(look.store_path, look.narinfo):
                good.add(look.store_path)
        remaining = [path for path in remaining if path not in good]


def look_for_canary(context: RunContext, world: World) -> None:
    """Look for the object of the small canary, in the bucket and on the disks, after the last sample of the buckets.

    Before that sample it would say nothing of the store that answers it: a name may lead to another store by then.
    Of its reads the newest counts that names an object; a read at the origin may, where a proxy does not.
    """
    what = next((what for what in context.published if what.label is Label.CANARY), None)
    if what is None:
        return
    small = min(what.served, key=lambda path: what.facts[path].nar_size, default=None)
    reads = [
        entry.record
        for entry in context.entries
        if isinstance(entry.record, BodyRead)
        and entry.record.label is what.label
        and entry.record.store_path == small
        and not world.cancel.cancelled
    ]
    pushes = [e.at for e in context.entries if isinstance(e.record, StageMark) and e.record.name == _CANARY_PUSH]
    observation = find_canary(
        reads,
        context.policy.buckets,
        context.policy.markers,
        window=(pushes[0], pushes[-1]) if len(pushes) > 1 else None,
        head=context.s3.head_object,
        listing=context.s3.list_objects,
        kubectl=context.kubectl,
    )
    if observation is not None:
        context.write(observation)


def read_once_more(context: RunContext, world: World) -> None:
    """Read a random part of what was published once more, after the last bucket sample."""
    chance = random.Random(world.nonce)  # noqa: S311  # which paths are read again is no secret
    for what in context.published:
        count = min(len(what.served), max(_AGAIN_LEAST, len(what.served) // _AGAIN_SHARE))
        _read_both(context, world, what, chance.sample(what.served, count), after_post=True)


def _read_both(context: RunContext, world: World, what: Publication, paths: Iterable[str], *, after_post: bool) -> bool:
    """Read paths where builders do, and those for the origin there, side by side; True when all came back whole."""
    with ThreadPoolExecutor(1) as threads:
        there = threads.submit(
            _read_path, context, world, what, _origin_paths(context, world, what), after_post=after_post, at_origin=True
        )
        here = _read_path(context, world, what, paths, after_post=after_post)
        return there.result() and here


def _origin_paths(context: RunContext, world: World, what: Publication) -> tuple[str, ...]:
    """The paths of a publication that are read at the origin too: the canary pair, and some fresh ones by chance.

    The publishing job of a split run reads nothing there: its reads prove nothing.
    """
    if not context.policy.origin_server or context.split:
        return ()
    if what.label not in context.origin_paths:
        others = sum(len(paths) for label, paths in context.origin_paths.items() if label is not Label.CANARY)
        count = min(len(what.fresh), limits.ORIGIN_PATHS - others)
        chance = random.Random(f"{world.nonce} {what.label.value}")  # noqa: S311  as below: no secret
        chosen = what.served if what.label is Label.CANARY else chance.sample(what.fresh, count)
        context.origin_paths[what.label] = tuple(chosen)
    return context.origin_paths[what.label]


def _read_path(
    context: RunContext,
    world: World,
    what: Publication,
    paths: Iterable[str],
    *,
    after_post: bool,
    at_origin: bool = False,
) -> bool:
    remaining = list(paths)
    good = True
    for attempt in range(1, context.policy.read_attempts + 1):
        if not remaining:
            break
        if attempt > 1 and world.cancel.wait(context.policy.read_spacing):
            return False
        remaining = _attempt(
            context, world, what, remaining, attempt=attempt, after_post=after_post, at_origin=at_origin
        )
        good = good and not remaining
    return good


def _attempt(
    context: RunContext,
    world: World,
    what: Publication,
    paths: list[str],
    *,
    attempt: int,
    after_post: bool,
    at_origin: bool,
) -> list[str]:
    """One read of each path; gives those that did not come back whole."""
    targets = [
        NarTarget(label=what.label, cache=what.cache, store_path=path, nar_size=what.facts[path].nar_size)
        for path in paths
    ]
    bad = set(paths)
    reads = read_bodies(
        targets,
        access=context.access(what.cache, at_origin=at_origin),
        jobs=context.policy.jobs,
        attempt=attempt,
        again_after_post=after_post,
        deadline_seconds=context.seconds_left(),
        cancel=world.cancel,
        clock=world.clock,
    )
    wire_bytes = 0
    for number, read in enumerate(reads, 1):
        entry = context.write(replace(read, at_origin=at_origin))
        wire_bytes += read.nar.wire_bytes if read.nar is not None else 0
        world.progress.paths_done(number, len(paths), wire_bytes)
        if _is_whole(context, what, entry.at, read):
            bad.discard(read.store_path)
    return sorted(bad)


def _is_whole(context: RunContext, what: Publication, at: str, read: BodyRead) -> bool:
    expected = Expected(
        label=what.label,
        cache=what.cache,
        facts=what.facts[read.store_path],
        claim=Claim.UPLOADED,
        public_key=context.public_keys.get(what.cache),
    )
    return fold_body(expected, [(at, read)]).reads[0].code == WHOLE
