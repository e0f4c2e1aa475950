"""``attic push`` (attic b7c9056 ``client/src/command/push.rs``, ``client/src/push.rs``): same plan, same lines."""

import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from gate.lab.attic import localstore
from gate.lab.attic.client_api import ApiClient
from gate.lab.attic.client_config import ClientError
from gate.lab.attic.localstore import PathInfo

UNITS: Final = ("KiB", "MiB", "GiB", "TiB", "PiB")
KIBI: Final = 1024
SHOWN_FRACTION: Final = 0.01  # less deduplication than this is not mentioned
_output = threading.Lock()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be uploaded, and why the rest is not."""

    missing: tuple[PathInfo, ...]
    all_paths: int
    already_cached: int
    upstream: int


@dataclass(frozen=True, slots=True)
class Target:
    """Where to push to."""

    api: ApiClient
    server: str
    cache: str
    upstream_keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Options:
    """How to push."""

    jobs: int = 5
    whole_closure: bool = True
    skip_upstream: bool = True


def say(line: str) -> None:
    """Write one line to standard error, where all of the client's output goes."""
    with _output:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def push(target: Target, paths: Sequence[str], options: Options) -> None:
    """Push paths named on the command line."""
    if not paths:
        say("🤷 Nothing specified.")
        if not sys.stdin.isatty():
            say("Hint: Pass --stdin to read the list of store paths from standard input.")
        return
    planned = plan(target, [localstore.follow(path) for path in paths], options)
    counts = f"({planned.already_cached} already cached, {planned.upstream} in upstream)"
    if not planned.missing:
        say(f"✅ All done! {counts}" if planned.all_paths else "🤷 Nothing selected.")
        return
    say(f'⚙️ Pushing {len(planned.missing)} paths to "{target.cache}" on "{target.server}" {counts}...')
    _upload_all(target, planned.missing, options.jobs)


def push_stdin(target: Target, options: Options) -> None:
    """Push paths read from standard input, without a header (recording ``stdin-uploaded``)."""
    roots = [localstore.follow(line) for line in sys.stdin.read().splitlines() if line]
    if roots:
        _upload_all(target, plan(target, roots, options).missing, options.jobs)


def plan(target: Target, roots: Sequence[str], options: Options) -> Plan:
    """Find out what to upload: the closure, without upstream paths, without what the server has."""
    paths = localstore.closure(roots) if options.whole_closure else list(dict.fromkeys(roots))
    infos = localstore.query(paths)
    wanted = [info for info in infos if not (options.skip_upstream and _is_upstream(info, target.upstream_keys))]
    missing: set[str] = set()
    if wanted:
        missing = target.api.missing_paths(target.cache, [info.store_path_hash() for info in wanted])
    chosen = tuple(info for info in wanted if info.store_path_hash() in missing)
    return Plan(chosen, len(infos), len(wanted) - len(chosen), len(infos) - len(wanted))


def human_bytes(count: int) -> str:
    """Write a number of bytes as indicatif's ``HumanBytes`` does: ``255 B``, ``8.31 KiB``."""
    if count < KIBI:
        return f"{count} B"
    value = float(count)
    for unit in UNITS:
        value /= KIBI
        if value < KIBI or unit == UNITS[-1]:
            return f"{value:.2f} {unit}"
    raise AssertionError


def _is_upstream(info: PathInfo, keys: frozenset[str]) -> bool:
    """Tell whether a local signature names an upstream cache's key; the signature itself is not checked."""
    return any(name in keys for name, colon, _ in (sig.partition(":") for sig in info.sigs) if colon)


def _upload_all(target: Target, infos: Sequence[PathInfo], jobs: int) -> None:
    """Upload in parallel, to the end, then raise the first failure in the plan's order."""
    with ThreadPoolExecutor(jobs) as pool:
        failures = [failure for failure in pool.map(lambda info: _upload(target, info), infos) if failure is not None]
    if failures:
        raise failures[0]


def _upload(target: Target, info: PathInfo) -> ClientError | None:
    """Upload one path and say how it went."""
    started = time.monotonic()
    try:
        result = target.api.upload(_nar_info(target.cache, info), localstore.dump(info.path))
    except ClientError as error:
        say(f"❌ {info.name}: {error}")
        return error
    say(f"✅ {info.name} ({_outcome(result or {}, info.nar_size, time.monotonic() - started)})")
    return None


def _outcome(result: dict[str, Any], nar_size: int, seconds: float) -> str:
    """Say how a successful upload went; an answer without a known kind counts as uploaded."""
    if result.get("kind") == "Deduplicated":
        return "deduplicated"
    speed = f"{human_bytes(int(nar_size / seconds))}/s"
    fraction = result.get("frac_deduplicated")
    if isinstance(fraction, (int, float)) and fraction > SHOWN_FRACTION:
        return f"{speed}, {fraction * 100:.1f}% deduplicated"
    return speed


def _nar_info(cache: str, info: PathInfo) -> dict[str, Any]:
    """Describe a path for ``upload-path``."""
    return {
        "cache": cache,
        "store_path_hash": info.store_path_hash(),
        "store_path": info.path,
        "references": info.references,
        "system": None,
        "deriver": None,
        "sigs": info.sigs,
        "ca": info.ca,
        "nar_hash": info.nar_hash,
        "nar_size": info.nar_size,
    }
