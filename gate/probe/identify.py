"""Steps 0 and 1: the tools, who runs, and what the caches say of themselves."""

import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gate import __version__
from gate.errors import ForeignTextError, InconclusiveError, NoNameError, RefusedError, StoppedError
from gate.evidence.machine import unapproved_settings
from gate.model.parsed import CacheConfig, KubectlLocator
from gate.model.policy import Identity, Policy
from gate.model.records import CacheConfigSeen, RunStarted
from gate.model.split import PartBegun
from gate.observe.kube_workload import distrust
from gate.observe.kubectl import kubectl_environment
from gate.observe.nix_store import NixStore, nix_environment
from gate.parse.attic_json import parse_attic_error, parse_cache_config
from gate.parse.locator import parse_locator
from gate.parse.text import excerpt
from gate.probe.context import RunContext, hosts_of, kubectl_of
from gate.probe.tools import NIX_PROGRAMS, Programs, find_programs, identify_programs, places_of
from gate.probe.world import World
from gate.settings import Settings

_OK = 200
_NOT_FOUND = 404
_NAMED_VERSIONS: Final = ("attic", "nix")
_NIX_VERSION: Final = re.compile(r"nix \([^()\n]{1,60}\) ([0-9]+\.[0-9]+[0-9A-Za-z.+_-]*)")


def refuse_missing_tools(settings: Settings, world: World, *, shut: Iterable[Path] = ()) -> None:
    """Raise `RefusedError` naming the first tool that is missing, or that leads elsewhere: nothing was done."""
    refuse_missing_programs(settings, world, shut=shut)
    refuse_other_cluster(settings, world, shut=shut)


def refuse_missing_programs(settings: Settings, world: World, *, shut: Iterable[Path] = ()) -> None:
    """Raise `RefusedError` for a program of a publication that is missing, or whose settings weaken it."""
    programs = find_programs(settings, world, shut=shut)
    for note in programs.passed_over:
        world.progress.note(note)
    for name, program in (*((name, name) for name in NIX_PROGRAMS), ("attic", settings.tools.attic_bin)):
        if name not in programs.paths:
            message = f"{program} is not on PATH: install it, or name the attic client by GATE_ATTIC_BIN"
            raise RefusedError(f"{message}; nothing was done")
    _refuse_nix_settings(settings, world, programs)


def _refuse_nix_settings(settings: Settings, world: World, programs: Programs) -> None:
    """Raise `RefusedError` for an effective setting of Nix that weakens the run and that gate.toml does not state."""
    env = nix_environment(programs.environ(world.environ))
    nix = NixStore(programs=programs.paths, env=env, cancel=world.cancel, clock=world.clock)
    weak = unapproved_settings(nix.config(), settings.policy.nix_settings)
    if weak:
        message = (
            f"Nix's effective settings on this machine weaken what a run proves: {excerpt('; '.join(weak))}: expected "
            "them to be unset, or each stated in nix-settings of [nix] in gate.toml"
        )
        raise RefusedError(f"{message}; nothing was done")


def refuse_other_cluster(settings: Settings, world: World, *, shut: Iterable[Path] = ()) -> None:
    """Raise `RefusedError` when kubectl leads to another cluster than the settings state."""
    kubectl = kubectl_of(settings, world, find_programs(settings, world, shut=shut))
    if kubectl is None:
        return
    trouble = distrust(
        kubectl,
        server=settings.policy.kube_server,
        authority=settings.policy.kube_authority,
        plugins=settings.tools.kube_plugins,
    )
    if trouble is not None:
        raise RefusedError(f"{trouble}; nothing was done")


def refuse_impossible_names(settings: Settings, world: World) -> None:
    """Raise `RefusedError` when a place's pods have names that Kubernetes does not allow, such as ``--help``.

    What answers there is no Kubernetes, and its names would come to stand in commands. That none of them does is
    `gate.parse.kubernetes`'s matter; here nothing is begun. A cluster that can't be asked is told of later, as unknown.
    """
    kubectl = kubectl_of(settings, world, find_programs(settings, world))
    if kubectl is None:
        return
    try:
        for place in _workloads(settings.policy):
            kubectl.pods(place)
    except NoNameError as error:
        raise RefusedError(
            f"{error}; what answers kubectl is no Kubernetes API: look where it leads to; nothing was done"
        ) from None
    except InconclusiveError:
        return


def _workloads(policy: Policy) -> Iterator[KubectlLocator]:
    """The workloads of all places, each once."""
    observation: dict[tuple[str, str, str], KubectlLocator] = {}
    for text in places_of(policy):
        try:
            place = parse_locator(text) if text else None
        except ForeignTextError:
            continue
        if isinstance(place, KubectlLocator):
            observation.setdefault((place.namespace, place.workload, place.name), place)
    yield from observation.values()


def start(context: RunContext, world: World, *, capture: bool = False, part: PartBegun | None = None) -> None:
    """Write the first records: who runs what by which policy, which part of a split run it is, and the programs."""
    programs = identify_programs(context.programs, context.settings, world)
    versions = {tool.name: tool.version or "unknown" for tool in programs.tools if tool.name in _NAMED_VERSIONS}
    nix = _NIX_VERSION.fullmatch(versions["nix"])
    run = identity(world, versions | {"nix": nix[1] if nix else "unknown"})
    context.write(RunStarted(run=run, policy=context.policy, tools=context.settings.tools, capture=capture))
    if part is not None:
        context.write(part)
    context.write(programs)


def identity(world: World, versions: Mapping[str, str]) -> Identity:
    """Who runs what, where. The GitHub variables are what its runner sets, empty elsewhere."""
    env = world.environ
    return Identity(
        run_id=_run_id(world),
        nonce=world.nonce,
        tool_version=__version__,
        repository=env.get("GITHUB_REPOSITORY") or None,
        repository_id=env.get("GITHUB_REPOSITORY_ID") or None,
        commit=env.get("GITHUB_SHA") or None,
        ref=env.get("GITHUB_REF") or None,
        event=env.get("GITHUB_EVENT_NAME") or None,
        workflow_ref=env.get("GITHUB_WORKFLOW_REF") or None,
        workflow_run=env.get("GITHUB_RUN_ID") or None,
        workflow_attempt=env.get("GITHUB_RUN_ATTEMPT") or None,
        actor=env.get("GITHUB_ACTOR") or None,
        actor_id=env.get("GITHUB_ACTOR_ID") or None,
        runner=env.get("RUNNER_NAME") or None,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        versions=versions,
        environment=tuple(sorted({*nix_environment(env), *kubectl_environment(env)})),
    )


def _run_id(world: World) -> str:
    run = world.environ.get("GITHUB_RUN_ID")
    attempt = world.environ.get("GITHUB_RUN_ATTEMPT", "1")
    return f"{run}.{attempt}-{world.nonce[:8]}" if run else f"local-{world.nonce[:16]}"


def identify_caches(context: RunContext) -> None:
    """Ask each cache for its description; a host that is not allowed, or no such cache, stops the run.

    The client follows the endpoint that the description names, with the token (attic b7c9056
    client/src/command/push.rs:156), so it must be one of ours.
    """
    for cache in context.policy.caches:
        observation = context.attic.cache_config(
            cache, context.read_tokens[cache] or context.settings.secrets.push_token
        )
        context.write(observation)
        config = described(cache, observation)
        if config is not None:
            _check_endpoints(context, cache, config)
            context.public_keys[cache] = config.public_key
            context.upstream_key_names[cache] = config.upstream_cache_key_names
            if config.substituter_endpoint:
                context.substituter_urls[cache] = config.substituter_endpoint


def described(cache: str, observation: CacheConfigSeen) -> CacheConfig | None:
    """The cache by its own whole description, else None; raises `StoppedError` when the server has no such cache."""
    answer = observation.answer
    text = parse_attic_error(answer.body.encode())
    if answer.status == _NOT_FOUND and text is not None and text[1] == "NoSuchCache":
        message = f"the server has no cache {cache}: check attic-cache and probe-cache; nothing was published"
        raise StoppedError("cache-missing", message)
    if not answer.ok:
        return None
    try:
        return parse_cache_config(answer.body.encode())
    except ForeignTextError:
        return None


def _check_endpoints(context: RunContext, cache: str, config: CacheConfig) -> None:
    for url in (config.api_endpoint, config.substituter_endpoint):
        if url and context.http.hosts.read(url) is None:
            host = ascii(urlsplit(url).netloc.rpartition("@")[2])[:100]
            message = (
                f"cache {cache} sends its clients to {host}, expected one of {', '.join(hosts_of(context.policy))}: "
                "nothing was published; add the host to hosts if it is yours"
            )
            raise StoppedError("cache-leads-elsewhere", message)
