"""Steps 4 and 5: the yardstick of a publication, and its push, with the buckets watched while it runs."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from gate import limits
from gate.errors import GateError, InconclusiveError, StoppedError
from gate.evidence.buckets import WRONG_STATES, read_sample
from gate.evidence.machine import is_upstream
from gate.evidence.origin import of_origin
from gate.evidence.pushes import capture_name, child_name, missing_hashes
from gate.evidence.references import outside
from gate.model.basics import Label, Phase
from gate.model.records import BucketSampled, MissingAsked, PathFacts, PushSetKnown, ReferencesKnown
from gate.observe.attic import push
from gate.parse.store_path import hash_part
from gate.probe.context import Publication, RunContext
from gate.probe.observing import look_at_disks, watch_buckets
from gate.probe.world import World
from gate.process import Capture


def expect(context: RunContext, label: Label, paths: Sequence[str], outputs: Sequence[str]) -> Publication:
    """Record the push set, its local facts, and what the cache's database claims of it before the push.

    Raises `StoppedError`, with the numbers, when the profile's push set is over its cap or under its floor, and when
    the cache says that it has a canary already.
    """
    if label is Label.PROFILE:
        _check_count(context, len(paths))
    facts = context.nix.path_facts(paths)
    if label is Label.PROFILE:
        _check_bytes(context, sum(path.nar_size for path in facts))
    cache = context.cache_of(label)
    names = context.upstream_key_names.get(cache, ())
    upstream = tuple(path.store_path for path in facts if is_upstream(path, names, context.policy.upstream_keys))
    context.write(
        PushSetKnown(
            label=label,
            cache=cache,
            paths=facts,
            outputs=tuple(outputs),
            upstream=upstream,
            upstream_key_names=tuple(names),
        )
    )
    claims = context.attic.missing_paths(
        cache, context.settings.secrets.push_token, [path.store_path for path in facts], label
    )
    context.write(claims)
    if label is Label.CANARY:
        _check_nonce(claims, facts)
    served = tuple(path.store_path for path in facts if path.store_path not in upstream)
    missing = missing_hashes(claims)
    needed = tuple(outside(facts, upstream))[: limits.REFERENCES]
    return Publication(
        label=label,
        cache=cache,
        facts={path.store_path: path for path in facts},
        served=served,
        fresh=tuple(path for path in served if missing is None or hash_part(path) in missing),
        references=know_references(context, label, context.nix.path_facts(needed)) if needed else (),
    )


def know_references(context: RunContext, label: Label, facts: Sequence[PathFacts]) -> tuple[str, ...]:
    """Record what is known here of the paths that a push set refers to; those that the cache itself has to have."""
    cache = context.cache_of(label)
    names = context.upstream_key_names.get(cache, ())
    upstream = tuple(path.store_path for path in facts if is_upstream(path, names, context.policy.upstream_keys))
    context.write(
        ReferencesKnown(
            label=label, cache=cache, paths=tuple(facts), upstream=upstream, upstream_key_names=tuple(names)
        )
    )
    return tuple(path.store_path for path in facts if path.store_path not in upstream)


def _check_nonce(claims: MissingAsked, canaries: Sequence[PathFacts]) -> None:
    """Stop at a nonce that is not fresh: with a name that was used before a cache's old word would pass for a new one.

    The canaries are the first that is published, so nothing was yet; a twin that is known is judged instead.
    """
    missing = missing_hashes(claims)
    claimed = [] if missing is None else [path for path in canaries if hash_part(path.store_path) not in missing]
    if claimed:
        message = (
            f"the cache {claims.cache} says that it has {claimed[0].store_path}, whose name and content are this run's "
            "own random ones: nothing was published; look whether something answers in the cache's place, or whether "
            "this machine's random numbers come again, as after a snapshot was restored"
        )
        raise StoppedError("push-nonce-known", message)


def _check_count(context: RunContext, count: int) -> None:
    policy = context.policy
    if not policy.min_paths <= count <= policy.max_paths:
        message = (
            f"the push set of {policy.profile} has {count} paths, expected {policy.min_paths} to {policy.max_paths}: "
            "nothing was published; set the profile's bounds in gate.toml if this is right"
        )
        raise StoppedError("push-set-out-of-bounds", message)


def _check_bytes(context: RunContext, total: int) -> None:
    policy = context.policy
    if total > policy.max_bytes:
        message = (
            f"the push set of {policy.profile} has {total} bytes, expected at most {policy.max_bytes}: "
            "nothing was published; set max-bytes in gate.toml if this is right"
        )
        raise StoppedError("push-set-out-of-bounds", message)


def canaries(context: RunContext, world: World) -> Publication:
    """The canary pair: two fresh random paths, one under and one well over Attic's 64 KiB nar-size-threshold."""
    sizes = {"small": limits.CANARY_SMALL_BYTES, "large": limits.CANARY_LARGE_BYTES}
    paths = [
        context.nix.add_fixed(f"publication-gate-canary-{word}-{world.nonce}", size) for word, size in sizes.items()
    ]
    return expect(context, Label.CANARY, paths, paths)


def publish(context: RunContext, world: World, what: Publication) -> None:
    """Push a publication; sample the buckets meanwhile, and end the push at the first loss unless it is to finish.

    Never retried: a retry hides the fault, and Attic deduplicates what it wrongly believes to have.
    """
    if context.settings.secrets.push_token is None:
        raise InconclusiveError("no push token: set GATE_PUSH_TOKEN or GATE_PUSH_TOKEN_FILE")
    context.published.append(what)
    capture = Capture(context.directory, capture_name(what.label), secrets=context.secrets)
    with _unwatched() if context.split else _watching(context, world) as (lost, started):
        ended = push(
            tuple(what.facts),
            name=child_name(what.label),
            attic=context.programs.paths.get("attic", context.settings.tools.attic_bin),
            endpoint=context.policy.attic_server,
            cache=what.cache,
            token=context.settings.secrets.push_token,
            env=context.nix_environment,
            capture=capture,
            deadline_seconds=min(limits.PUSH_SECONDS, context.seconds_left()),
            cancel=world.cancel,
            stop=_stopper(context, world, what.label, lost, started),
            clock=world.clock,
        )
        if context.split:  # another job looks at the buckets now and then, and must see this push too
            world.cancel.wait(limits.PUSH_LINGER_SECONDS)
        context.write(ended)  # a sample that hangs must not put off the record of the end
    if ended.exit != 0 and not context.split:  # a full disk may have room again by the phase after
        for look in look_at_disks(context, Phase.DURING):
            context.write(look)
    context.write(capture.close())


@contextmanager
def _unwatched() -> Iterator[tuple[threading.Event, threading.Event]]:
    """A push of a job that has no eyes for the buckets; another job watches them."""
    yield threading.Event(), threading.Event()


def _stopper(
    context: RunContext, world: World, label: Label, lost: threading.Event, started: threading.Event
) -> Callable[[], bool]:
    def stop() -> bool:
        if not started.is_set():
            world.progress.push_running(label)
            started.set()
        return lost.is_set() and not context.policy.finish_push

    return stop


@contextmanager
def _watching(context: RunContext, world: World) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Sample the buckets from the moment the client runs until the block ends; the event tells of the first loss.

    The first sample is taken however soon the client ends: a push that nobody watched proves nothing.
    """
    lost, started, over = threading.Event(), threading.Event(), threading.Event()

    def notice(sample: BucketSampled) -> None:
        observation = of_origin(sample)
        rows = (
            read_sample(observation, name, seconds=context.policy.sample_deadline) for name in context.policy.buckets
        )
        if any(row.state in WRONG_STATES for row in rows):
            lost.set()

    def watch() -> None:
        started.wait()
        with suppress(GateError):  # a journal that can't be written ends the run itself
            watch_buckets(context, world, over.wait, notice)

    watcher = threading.Thread(target=watch, name="bucket-watch", daemon=True)
    watcher.start()
    try:
        yield lost, started
    finally:
        over.set()
        started.set()
        watcher.join(limits.ANSWER_SECONDS * 4)
