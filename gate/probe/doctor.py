"""``doctor`` at work: one look at everything that a run observes, in memory. It writes, builds and pushes nothing."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TypeVar

from gate import limits
from gate.errors import CancelledError, ForeignTextError, InconclusiveError, RefusedError, StoppedError
from gate.evidence.fold import SERVER_LOG
from gate.evidence.machine import unapproved_settings
from gate.evidence.pushes import missing_hashes
from gate.evidence.store_log import STORE_LOG
from gate.journal import UnwrittenJournal
from gate.model.basics import Label, Phase, Secret
from gate.model.captures import ReplicaCanaries, StoreLogRead
from gate.model.doctor import (
    ClockOf,
    ClockSeen,
    ClusterSeen,
    Examined,
    LogSeen,
    NixSeen,
    RightSeen,
    TokenSeen,
    TokenUse,
)
from gate.model.machine import NixRead
from gate.model.parsed import KubectlLocator
from gate.model.policy import Policy
from gate.model.records import BucketSampled, HttpAnswer, LogCanarySent, StateSeen
from gate.model.time import rfc3339
from gate.observe.kube_workload import client_version, distrust, may, server_version
from gate.observe.kubectl import Kubectl
from gate.observe.nix_reader import Reading, ask_nix
from gate.parse.addresses import same_cache
from gate.parse.locator import parse_locator
from gate.parse.narinfo import trusts
from gate.parse.store_path import STORE_DIR, hash_part, to_nix32
from gate.probe.building import facts_so_far, tree_trouble
from gate.probe.context import NOWHERE, RunContext
from gate.probe.controls import try_access_controls
from gate.probe.identify import identify_caches, start
from gate.probe.observing import observe_phase
from gate.probe.tools import NIX_PROGRAMS
from gate.probe.world import World
from gate.process import Capture
from gate.settings import Settings
from gate.token import read_claims

_Right = tuple[str, str, str, str]  # namespace, verb, resource, name of the one object or empty


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What the cluster showed, None where no place is in one, and its clock."""

    cluster: ClusterSeen | None
    clock: ClockSeen


def visit_cluster(context: RunContext, world: World) -> Visit:
    """Ask the cluster. One that is not to be trusted is not asked, and the site's kubectl is not used from then on."""
    kubectl = context.kubectl
    if kubectl is None:
        now = rfc3339(world.clock.now())
        return Visit(cluster=None, clock=ClockSeen(of="cluster", before=now, after=now, date=None))
    client, client_error = _client(kubectl)
    trouble = distrust(
        kubectl,
        server=context.policy.kube_server,
        authority=context.policy.kube_authority,
        plugins=context.settings.tools.kube_plugins,
    )
    server, date, error = None, None, trouble or ""
    before = rfc3339(world.clock.now())
    if trouble is None:
        try:
            server, date = server_version(kubectl)
        except InconclusiveError as reason:
            error = str(reason)
    else:
        context.kubectl = None
        context.places = replace(context.places, kubectl=None)
        context.sources = replace(context.sources, kubectl=None)
    clock = ClockSeen(of="cluster", before=before, after=rfc3339(world.clock.now()), date=date)
    rights = tuple(_right(kubectl, right, sources, error) for right, sources in rights_needed(context.policy).items())
    observation = ClusterSeen(
        client=client, client_error=client_error, distrust=trouble, server=server, error=error, rights=rights
    )
    return Visit(cluster=observation, clock=clock)


def rights_needed(policy: Policy) -> Mapping[_Right, tuple[str, ...]]:
    """Every right that the places of a policy need, with the sources that need it."""
    needed: dict[_Right, tuple[str, ...]] = {}
    for source, place in _in_cluster(policy):
        for verb, resource, name in _verbs(source, place):
            right = (place.namespace, verb, resource, name)
            needed[right] = tuple(dict.fromkeys((*needed.get(right, ()), source)))
    return needed


def _in_cluster(policy: Policy) -> Iterator[tuple[str, KubectlLocator]]:
    places = [("markers", place) for place in policy.markers]
    places += [("store-workload", policy.store_workload), ("cache-workload", policy.cache_workload)]
    places += [("server-log", policy.server_log), ("store-log", policy.store_log)]
    for source, place in places:
        if source in policy.absent:
            continue
        try:
            locator = parse_locator(place)
        except ForeignTextError:  # its own check says so
            continue
        if isinstance(locator, KubectlLocator):
            yield source, locator


def _verbs(source: str, place: KubectlLocator) -> Iterator[tuple[str, str, str]]:
    """What the observers ask for (docs/kubernetes/README.md): logs and exec look their pod up first."""
    pod = place.name if place.workload == "pod" else ""
    if pod:
        yield "get", "pods", pod
    else:
        yield "get", f"{place.workload}s", place.name
        yield "list", "pods", ""
    if source in ("server-log", "store-log", "markers"):
        by_log = source != "markers" or place.by == "log"
        yield "get", "pods", pod
        yield "get", "pods/log" if by_log else "pods/exec", pod
        if not by_log:
            yield "create", "pods/exec", pod


def _client(kubectl: Kubectl) -> tuple[str | None, str]:
    try:
        return client_version(kubectl), ""
    except InconclusiveError as error:
        return None, str(error)


def _right(kubectl: Kubectl, right: _Right, sources: tuple[str, ...], unasked: str) -> RightSeen:
    """One right; ``unasked`` says why the cluster is not asked, empty: it is."""
    namespace, verb, resource, name = right
    granted, error = None, unasked
    if not unasked:
        try:
            granted = may(kubectl, namespace, verb, resource, name)
        except InconclusiveError as reason:
            error = str(reason)
    return RightSeen(
        namespace=namespace,
        verb=verb,
        resource=resource,
        object=name,
        sources=sources,
        granted=granted,
        error=error,
    )


_R = TypeVar("_R")
_LOCAL_PATHS = 500  # of this machine's store, of which the cache is asked whether it has them
_KNOWN_PATHS = 20  # of those that it has, of which the smallest is read


class _InMemory(Capture):
    """A capture in memory, up to a cap: no file is made by a doctor."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cut = False
        self.trouble = None
        self._text = bytearray()

    def write(self, piece: bytes) -> bytes:
        room = limits.POD_LOG_BYTES - len(self._text)
        self._text += piece[:room]
        if len(piece) > room:
            self.cut, self.trouble = True, f"the log of the visit has more than {limits.POD_LOG_BYTES} bytes"
        return piece

    def text(self) -> bytes:
        """What was taken."""
        return bytes(self._text)


def visit(settings: Settings, world: World) -> Examined:
    """Look once at everything. Raises `RefusedError` for settings that can't be used, `CancelledError` by a signal."""
    one_sample = replace(settings, policy=replace(settings.policy, samples=1))
    with closing(RunContext(one_sample, NOWHERE, world, UnwrittenJournal(world.clock))) as context:
        observation = _visit(context, world)
    if world.cancel.cancelled:
        raise CancelledError(f"{world.cancel.reason or 'cancelled'}: nothing can be said of what was not looked at")
    return observation


def _visit(context: RunContext, world: World) -> Examined:
    world.progress.stage("tools")
    start(context, world)
    world.progress.stage("cluster")
    cluster = visit_cluster(context, world)
    world.progress.stage("cache")
    refusal = _refusal(context)
    nix = _nix(context)
    tree = _tree(context, world)
    reached, cache_clock = _timed(world, "cache", lambda: _ask_cache(context))
    try_access_controls(context)
    world.progress.stage("store and places")
    observe_phase(context, world, Phase.PRE, open_logs=lambda began: context.open_log_windows(since=began))
    _, store_clock = _timed(world, "store", lambda: context.s3.head_bucket(context.policy.buckets[0]))
    world.progress.stage("server log")
    texts: dict[str, bytes] = {}
    log = _log(context, world, texts)
    store_log = _store_log(context, world, texts)
    sample = _last(context, BucketSampled)
    if sample is None:  # it was cancelled before
        raise CancelledError(world.cancel.reason or "cancelled")
    return Examined(
        facts=facts_so_far(context.entries, texts),
        keys_given=None
        not in (context.settings.secrets.s3_access_key_id, context.settings.secrets.s3_secret_access_key),
        missing_tools=tuple(name for name in (*NIX_PROGRAMS, "attic") if name not in context.programs.paths),
        nix=nix,
        refusal=refusal,
        reached=reached,
        tokens=tuple(_tokens(context)),
        push=_push(context),
        listing=sample.listing,
        heads=sample.heads,
        gets=sample.gets,
        places=sample.places,
        state=_last(context, StateSeen),
        log=log,
        cluster=cluster.cluster,
        clocks=(cache_clock, store_clock, cluster.clock),
        store_log=store_log,
        tree=tree,
    )


def _tree(context: RunContext, world: World) -> str | None:
    try:
        return tree_trouble(context.nix, context.policy.installable, world)
    except InconclusiveError as error:
        return str(error)


def _nix(context: RunContext) -> NixSeen:
    """What Nix on this machine makes of the cache under test, by the name and the key that it has of itself."""
    try:
        settings = context.nix.settings()
    except InconclusiveError as error:
        return NixSeen(among=None, trusted=None, error=str(error))
    config = context.nix.config()
    context.write(config)
    cache = context.policy.attic_cache
    key = context.public_keys.get(cache)
    trouble, probe_path = _nix_reads(context) if key else ("", "")
    return NixSeen(
        weak=unapproved_settings(config, context.policy.nix_settings),
        trouble=trouble,
        known_path=probe_path,
        among=any(same_cache(one, url) for one in settings.substituters for url in context.cache_urls(cache)),
        trusted=None if key is None else trusts(settings.trusted_public_keys, key),
        error="" if key else "the cache did not tell its key",
    )


def _nix_reads(context: RunContext) -> tuple[str, str]:
    """What keeps Nix from reading the cache as it must, and the path of it that Nix read whole."""
    cache = context.policy.attic_cache
    absent = f"{STORE_DIR}/{to_nix32(os.urandom(20))}-publication-gate-absent"
    try:
        absent_read = _ask_nix(context, absent)
        probe_path = _known_path(context)
        read = _ask_nix(context, probe_path) if probe_path and absent_read.outcome == "absent" else None
    except (InconclusiveError, OSError) as error:
        return f"Nix could not be asked: {error}", ""
    bad = (
        absent_read
        if absent_read.outcome != "absent"
        else read
        if read is not None and read.outcome != "whole"
        else None
    )
    if bad is None:
        return "", probe_path if read is not None else ""
    if bad.outcome == "denied":
        return f"Nix gets 401 there: run `attic use {cache}`, or add a netrc ({bad.words})", ""
    return f"Nix reads {bad.store_path} as {bad.outcome} ({bad.words or 'no words'})", ""


def _ask_nix(context: RunContext, path: str) -> NixRead:
    cache = context.policy.attic_cache
    url = context.cache_urls(cache)[-1]
    return ask_nix(context.nix, Reading(label=Label.PROFILE, cache=cache, url=url, paths=(path,), trust=True))


def _known_path(context: RunContext) -> str:
    """The smallest of some local paths that the cache says it has; empty where it says so of none."""
    local = sorted(context.nix.valid_paths_now())[:_LOCAL_PATHS]
    claims = context.attic.missing_paths(
        context.policy.attic_cache, context.settings.secrets.push_token, local, Label.PROFILE
    )
    missing = missing_hashes(claims)
    if missing is None:
        return ""
    there = [path for path in local if hash_part(path) not in missing][:_KNOWN_PATHS]
    return min(context.nix.path_facts(there), key=lambda fact: fact.nar_size).store_path if there else ""


def _refusal(context: RunContext) -> str | None:
    try:
        identify_caches(context)
    except StoppedError as error:
        return str(error)
    return None


def _ask_cache(context: RunContext) -> HttpAnswer:
    return context.attic.cache_config(context.policy.attic_cache, context.read_token).answer


def _timed(world: World, of: ClockOf, ask: Callable[[], HttpAnswer]) -> tuple[HttpAnswer, ClockSeen]:
    before = rfc3339(world.clock.now())
    answer = ask()
    return answer, ClockSeen(of=of, before=before, after=rfc3339(world.clock.now()), date=answer.date)


def _tokens(context: RunContext) -> Iterator[TokenSeen]:
    settings = context.settings
    yield _token("read", context.read_token, minted=settings.secrets.read_token is None)
    yield _token("push", settings.secrets.push_token, minted=False)


def _token(use: TokenUse, token: Secret | None, *, minted: bool) -> TokenSeen:
    if token is None:
        return TokenSeen(use=use, origin="missing")
    try:
        claims = read_claims(token)
    except RefusedError as error:
        return TokenSeen(use=use, origin="given", error=str(error))
    return TokenSeen(
        use=use,
        origin="minted" if minted else "given",
        caches=claims.caches,
        rights=claims.rights,
        grants=claims.grants,
        expires=None if claims.expires is None else rfc3339(claims.expires),
    )


def _push(context: RunContext) -> dict[str, HttpAnswer]:
    """The answer to the emptiest question that needs the right to push, of each cache."""
    token = context.settings.secrets.push_token
    return {} if token is None else {cache: context.attic.may_push(cache, token) for cache in context.policy.caches}


def _log(context: RunContext, world: World, texts: dict[str, bytes]) -> LogSeen | None:
    if context.log_window is None:
        return None
    canary, sent = _last(context, LogCanarySent), _last(context, ReplicaCanaries)
    nonces = [] if canary is None else [canary.nonce]
    replicas = {row.nonce: row.pod for row in (sent.replicas if sent else ()) if row.answered}
    capture = _InMemory(SERVER_LOG)
    notes = context.log_window.capture(capture, [*nonces, *replicas], clock=world.clock)
    texts[SERVER_LOG] = capture.text()
    late = {nonce: note for nonce in (*nonces, *replicas) for note in notes if nonce in note}
    return LogSeen(
        lacking=tuple(note for note in notes if note not in late.values()),
        late=any(nonce in late for nonce in nonces),
        silent=tuple(pod for nonce, pod in replicas.items() if nonce in late),
    )


def _store_log(context: RunContext, world: World, texts: dict[str, bytes]) -> tuple[str, ...] | None:
    window = context.store_log_window
    if window is None:
        return None
    capture = _InMemory(STORE_LOG)
    notes = window.capture(capture, (), clock=world.clock)
    texts[STORE_LOG] = capture.text()
    context.write(StoreLogRead(place=context.policy.store_log, notes=notes))
    return notes


def _last(context: RunContext, kind: type[_R]) -> _R | None:
    return next((entry.record for entry in reversed(context.entries) if isinstance(entry.record, kind)), None)
