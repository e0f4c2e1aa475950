"""``attic-nar-integrity-check`` at work: named paths, their closure in the local store, and one read of each."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from gate import limits
from gate.clock import Clock
from gate.errors import CancelledError, ForeignTextError, InconclusiveError, RefusedError
from gate.evidence.machine import is_upstream
from gate.judge.integrity import PathReading, ReadRequest, judge_read, not_read
from gate.model.basics import Label, Secret, value
from gate.model.parsed import CacheConfig
from gate.model.records import PathFacts
from gate.net import HostList, Http
from gate.observe.attic import AtticApi
from gate.observe.nar_bodies import Access, NarTarget, read_bodies
from gate.observe.nix_store import DERIVATION, NixStore
from gate.parse.attic_json import parse_attic_error, parse_cache_config
from gate.parse.store_path import HASH_CHARS, STORE_DIR, store_path
from gate.process import CancelToken

HASH_END = len(STORE_DIR) + 1 + HASH_CHARS
_THIS_MACHINE = ("", "auto", "daemon", "local")  # values of NIX_REMOTE whose store is /nix/store here
_AT_A_TIME = 300  # paths of at most 255 characters in one argument list


@value
class Local:
    """The local Nix store's view. ``facts`` by hash of the path; ``note`` says why there is nothing, else None.

    ``closure``: paths that a closure adds to those that were named. ``unknown``: roots of closures that are not valid
    here, so that their closure must be learnt from signed narinfos.
    """

    facts: Mapping[str, PathFacts]
    closure: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    note: str | None = None


def look_locally(nix: NixStore, names: Iterable[str], roots: Sequence[str]) -> Local:
    """What the local Nix database says of paths and closures. A Nix that can't be asked is a note, and no yardstick."""
    try:
        text = _whole_closure(nix, roots)
        valid = _valid(nix, names if text else (*names, *roots))
        valid_roots = [root for root in roots if text or root in valid]
        closure = tuple(text) if text else nix.closure(valid_roots) if valid_roots else ()
        unknown = (valid | set(closure)) - set(text)
        facts = {hash_of(fact.store_path): fact for fact in (*text.values(), *nix.path_facts(unknown))}
    except CancelledError:
        raise
    except InconclusiveError as error:
        return Local(facts={}, unknown=tuple(roots), note=str(error))
    return Local(facts=facts, closure=closure, unknown=tuple(root for root in roots if root not in valid_roots))


def _whole_closure(nix: NixStore, roots: Sequence[str]) -> dict[str, PathFacts]:
    """The closure of roots that are all valid, by one question in place of three; {} where that does not do."""
    if not roots or len(roots) > _AT_A_TIME or not all(map(_is_store_path, roots)):
        return {}
    try:
        return {fact.store_path: fact for fact in nix.closure_facts(roots)}
    except CancelledError:
        raise
    except InconclusiveError:
        return {}


def _valid(nix: NixStore, names: Iterable[str]) -> set[str]:
    """Those of the paths that are valid, in full.

    No command of Nix finds a path by its hash, and listing all valid paths takes it some 40 µs each. So what has the
    hash in its name is looked for in the store's own folder, where that is this machine's.
    """
    full = {name for name in names if "-" in name}
    hashes = {hash_of(name) for name in names} - {hash_of(name) for name in full}
    if hashes and nix.env.get("NIX_REMOTE", "") not in _THIS_MACHINE:
        return {path for path in nix.valid_paths_now() if path in full or hash_of(path) in hashes}
    if hashes:
        with suppress(OSError), os.scandir(STORE_DIR) as entries:
            full |= {f"{STORE_DIR}/{entry.name}" for entry in entries if entry.name[:HASH_CHARS] in hashes}
    paths = sorted(name for name in full if _is_store_path(name))
    for at in range(0, len(paths), _AT_A_TIME):
        argv = (nix.program("nix-store"), "--check-validity", "--print-invalid", *paths[at : at + _AT_A_TIME])
        text = nix.ask(argv, name="nix-store-check-validity", cap=limits.NIX_JSON_BYTES)
        full -= set(text.decode("utf-8", "replace").split("\n"))
    return full & set(paths)


def _is_store_path(name: str) -> bool:
    """Whether it is one that bodies are read of: the store's folder holds other files, and derivations, too."""
    try:
        return store_path(name) == name and not name.endswith(DERIVATION)
    except ForeignTextError:
        return False


def hash_of(path: str) -> str:
    """The hash in a store path that was checked, or in ``/nix/store/<hash>``."""
    return path[len(STORE_DIR) + 1 : HASH_END]


__all__ = ["Cache", "Local", "ask_cache_config", "check_paths", "hash_of", "look_locally", "plan_reads"]

_OK = 200
_NOT_FOUND = 404


@value
class Cache:
    """The cache to read. ``public_key`` None: not known. ``token`` gives one that is good for ``batch`` reads."""

    url: str
    name: str
    attic: bool
    hosts: HostList
    public_key: str | None
    token: Callable[[], Secret | None]
    batch: int = limits.NAMED_PATHS


def ask_cache_config(http: Http, server: str, cache: str, token: Secret | None) -> tuple[CacheConfig | None, str]:
    """What Attic says of the cache, or None and why not. Raises `RefusedError` when the server has no such cache."""
    answer = AtticApi(http, server).cache_config(cache, token).answer
    text = parse_attic_error(answer.body.encode())
    if answer.status == _NOT_FOUND and text is not None and text[1] == "NoSuchCache":
        raise RefusedError(f"the server has no cache {cache}: give the name of one by --cache")
    if not answer.ok:
        why = answer.error or f"HTTP {answer.status}{f' {text[1]}' if text else ''}"
        return None, f"the cache's configuration was not given: {why}"
    try:
        return parse_cache_config(answer.body.encode()), ""
    except ForeignTextError as error:
        return None, str(error)


def plan_reads(
    names: Iterable[str], local: Local, upstream_names: Sequence[str], upstream_keys: Sequence[str]
) -> tuple[ReadRequest, ...]:
    """What is to be read, each path once: the named ones, and what closures add.

    Only what a closure adds may be left to an upstream: a path that was named must be in the cache itself.
    """
    planned: dict[str, ReadRequest] = {}
    for path in names:
        planned.setdefault(hash_of(path), _read_request(path, local))
    upstreams = (upstream_names, upstream_keys) if upstream_names and upstream_keys else None
    for path in local.closure:
        if hash_of(path) not in planned:
            planned[hash_of(path)] = _read_request(path, local, upstreams)
    return tuple(planned.values())


def _read_request(path: str, local: Local, upstreams: tuple[Sequence[str], Sequence[str]] | None = None) -> ReadRequest:
    """The path with what the local store knows of it; with ``upstreams``, their names and keys, it may be theirs."""
    fact = local.facts.get(hash_of(path))
    if fact is None or path not in (fact.store_path, fact.store_path[:HASH_END]):
        return ReadRequest(store_path=path)
    is_left = upstreams is not None and is_upstream(fact, *upstreams)
    return ReadRequest(store_path=fact.store_path, local=fact, upstream=is_left)


def check_paths(
    reads: Sequence[ReadRequest],
    *,
    walk: Sequence[str] = (),
    cache: Cache,
    jobs: int,
    deadline_seconds: float,
    cancel: CancelToken,
    clock: Clock,
) -> Iterator[PathReading]:
    """Read and class each path once, in the order in which the reads end; every path gets its row.

    ``walk`` are roots whose closure is found by following the references of narinfos that are signed by the cache.
    Raises `InconclusiveError` when that leads to more than `limits.NAMED_PATHS` paths.
    """
    until = clock.monotonic() + deadline_seconds
    waiting = {hash_of(one.store_path): one for one in (*reads, *(ReadRequest(store_path=root) for root in walk))}
    following = {hash_of(root) for root in walk}
    hashes = set(waiting)
    while waiting:
        batch = [waiting.pop(name) for name in list(waiting)[: cache.batch]]
        for row in _read(batch, cache, jobs=jobs, seconds=until - clock.monotonic(), cancel=cancel, clock=clock):
            if hash_of(row.store_path) in following:
                fresh = {hash_of(path): path for path in row.references if hash_of(path) not in hashes}
                hashes.update(fresh)
                following.update(fresh)
                waiting.update({name: ReadRequest(store_path=path) for name, path in fresh.items()})
            yield row
        if len(hashes) > limits.NAMED_PATHS:
            raise InconclusiveError(f"the closure has more than {limits.NAMED_PATHS} paths: check a part of it")


def _read(
    batch: Sequence[ReadRequest], cache: Cache, *, jobs: int, seconds: float, cancel: CancelToken, clock: Clock
) -> Iterator[PathReading]:
    remaining = {one.store_path: one for one in batch}
    targets = [
        NarTarget(
            label=Label.PROFILE,  # the reader's word for what is no canary and no twin
            cache=cache.name,
            store_path=one.store_path,
            nar_size=one.local.nar_size if one.local else limits.NAR_BYTES,
            attic=cache.attic,
        )
        for one in batch
    ]
    access = Access(cache_url=cache.url, token=cache.token(), hosts=cache.hosts)
    for read in read_bodies(targets, access=access, jobs=jobs, deadline_seconds=seconds, cancel=cancel, clock=clock):
        yield judge_read(remaining.pop(read.store_path), read, public_key=cache.public_key, attic=cache.attic)
    for one in remaining.values():
        yield not_read(one)
