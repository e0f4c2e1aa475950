"""What a probe would publish, from the settings and this machine's Nix alone: no server is asked, nothing is built."""

from dataclasses import dataclass

from gate import limits
from gate.errors import GateError
from gate.model.policy import Policy
from gate.observe.nix_build import evaluate
from gate.observe.nix_store import NixStore, nix_environment
from gate.probe.tools import find_programs
from gate.probe.world import World
from gate.settings import Settings


@dataclass(frozen=True, kw_only=True)
class PlannedPush:
    """One publication. ``paths`` and ``nar_bytes`` are counts, or None with the most that they may be in ``bounds``."""

    content: str
    cache: str
    paths: int | None
    nar_bytes: int | None
    bounds: str


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The publications of a probe, its requests, the rights that its secrets need, and what is not known beforehand."""

    profile: str
    confirm: str
    installable: str
    pushes: tuple[PlannedPush, ...]
    requests: tuple[str, ...]
    rights: tuple[str, ...]
    notes: tuple[str, ...]


def preview(settings: Settings, world: World, *, confirm: str) -> Preview:
    """Plan a probe. What Nix can't say becomes a note; only `RefusedError` of the settings goes on up."""
    policy = settings.policy
    profile, notes = _profile_push(settings, world)
    probe_cache = policy.caches[-1]
    canaries = PlannedPush(
        content="canaries, files of random bytes",
        cache=probe_cache,
        paths=2,
        nar_bytes=None,
        bounds=f"{limits.CANARY_SMALL_BYTES} and {limits.CANARY_LARGE_BYTES} bytes",
    )
    pushes = [canaries, profile]
    if policy.twin != "never" and policy.representative:
        pushes.append(
            PlannedPush(
                content="twin of the profile, where fewer than min-fresh of its paths are new to the cache",
                cache=probe_cache,
                paths=None,
                nar_bytes=None,
                bounds=f"as many as the profile, at most {policy.max_bytes} bytes of NARs",
            )
        )
    return Preview(
        profile=policy.profile,
        confirm=confirm,
        installable=policy.installable or "a fresh builtins.toFile path",
        pushes=tuple(pushes),
        requests=_requests(policy),
        rights=_rights(policy),
        notes=notes,
    )


def _profile_push(settings: Settings, world: World) -> tuple[PlannedPush, tuple[str, ...]]:
    policy = settings.policy
    count, size, notes = _known_push_set(settings, world) if policy.installable else (1, None, ())
    return (
        PlannedPush(
            content=f"the profile's {policy.push_set.replace('-', ' ')}",
            cache=policy.attic_cache,
            paths=count,
            nar_bytes=size,
            bounds=f"{policy.min_paths} to {policy.max_paths} paths, at most {policy.max_bytes} bytes of NARs",
        ),
        notes,
    )


def _known_push_set(settings: Settings, world: World) -> tuple[int | None, int | None, tuple[str, ...]]:
    """Paths and NAR bytes of the push set, where the profile is built already; else why they are not known."""
    policy = settings.policy
    programs = find_programs(settings, world)
    env = nix_environment(programs.environ(world.environ))
    store = NixStore(programs=programs.paths, env=env, cancel=world.cancel, clock=world.clock)
    if policy.push_set == "delta":
        return None, None, ("the push set is what the build adds to the store, so only a build shows it",)
    try:
        derivation = evaluate(store, (policy.installable,))
        outputs = store.outputs(derivation)
        store.path_facts(outputs)
        paths = store.closure(outputs) if policy.push_set == "closure" else store.build_closure(derivation)
        facts = store.path_facts(paths)
    except GateError as error:
        return None, None, (f"the profile is not built on this machine, so its paths are not known: {error}",)
    return len(facts), sum(fact.nar_size for fact in facts), ()


def _requests(policy: Policy) -> tuple[str, ...]:
    buckets = len(policy.buckets)
    sample = f"ListBuckets, {buckets} HeadBucket and {buckets} ListObjectsV2 of one key"
    return (
        f"{2 * policy.samples} bucket samples before and after, one a second while the client pushes: each {sample}",
        "one get-missing-paths for each publication, and what the attic client sends for each missing path",
        "each published path: its narinfo and its NAR, read by this gate and by Nix; after the samples some once more",
    )


def _rights(policy: Policy) -> tuple[str, ...]:
    """What the secrets must allow; the S3 key's as docs/getting-started.md grants them."""
    caches, buckets = ", ".join(policy.caches), ", ".join(policy.buckets)
    state = (
        ()
        if "state" in policy.absent
        else (f"S3 key: s3:GetObject of the state and its lock in {policy.state_bucket}",)
    )
    return (
        f"push-token: push (w) to {caches}",
        f"read-token: pull (r) from {caches}",
        "S3 key: s3:ListAllMyBuckets",
        f"S3 key: s3:ListBucket, s3:ListBucketMultipartUploads and s3:GetBucketVersioning of {buckets}",
        *state,
        "S3 key: nothing that writes",
    )
