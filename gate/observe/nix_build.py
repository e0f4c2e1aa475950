"""Which commit a flake on this machine is built of, by Nix's own account: evidence must name what was built."""

import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from gate import limits
from gate.errors import ForeignTextError, InconclusiveError
from gate.model.basics import Truth, value
from gate.model.parsed import NixBuilt
from gate.model.records import BuildFacts, ChildEnded
from gate.observe.nix_store import DERIVATION, FEATURES, NixStore
from gate.parse.addresses import same_cache
from gate.parse.nix_commands import parse_build
from gate.parse.store_path import store_path
from gate.parse.strict_json import as_object, loads
from gate.parse.text import decode, excerpt
from gate.process import Capture, run

# A flake on this machine (https://nix.dev/manual/nix/stable/command-ref/new-cli/nix3-flake#flake-references); all
# others are fetched, and Nix locks those by revision or hash.
_LOCAL: Final = re.compile(r"(?:\.|/|path:|git\+file:)[^#]*")
_REVISION: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@value
class Tree:
    """A local flake in git; ``revision`` is None where the tree has changes that no commit has."""

    url: str
    revision: str | None


def tree_of(store: NixStore, installable: str) -> Tree | None:
    """The tree that an installable is built of; None for what is no flake in a git tree of this machine.

    Raises `InconclusiveError` when Nix can't tell.
    """
    flake = installable.partition("#")[0] or "."
    if not _LOCAL.fullmatch(flake):
        return None
    argv = (store.program("nix"), *FEATURES, "flake", "metadata", "--json", "--no-write-lock-file", flake)
    words = store.ask(argv, name="nix-flake", cap=limits.NIX_JSON_BYTES, seconds=limits.EVALUATE_SECONDS)
    try:
        text = as_object(loads(words, cap=limits.NIX_JSON_BYTES), "nix flake metadata")
    except ForeignTextError as error:
        raise InconclusiveError(str(error)) from None
    url, revision = text.get("resolvedUrl"), text.get("revision")
    if not isinstance(url, str) or (revision is not None and not isinstance(revision, str)):
        raise InconclusiveError(
            f"nix flake metadata of {excerpt(flake)} names no URL: expected resolvedUrl and revision"
        )
    if not url.startswith("git+file:"):
        return None
    return Tree(url=url, revision=revision if revision is not None and _REVISION.fullmatch(revision) else None)


_LOG: Final = ("--log-format", "internal-json", "-v")  # -v: the plan of what is fetched, on Nix before 2.26


def evaluate(
    store: NixStore, installable: Sequence[str], *, cwd: Path | None = None, seconds: float = limits.EVALUATE_SECONDS
) -> str:
    """The derivation of an installable; it is written to the store.

    What an evaluation needs built (import from derivation) is built too. Raises `InconclusiveError` when it can't be
    evaluated or is not exactly one derivation.
    """
    argv = (store.program("nix"), *FEATURES, "path-info", "--derivation", *installable)
    text = store.ask(argv, name="nix-evaluate", cap=limits.ANSWER_BODY_BYTES, seconds=seconds, cwd=cwd)
    lines = [decode(line) for line in text.split(b"\n") if line]
    if len(lines) != 1 or not lines[0].endswith(DERIVATION):
        what = shlex.join(installable)
        raise InconclusiveError(f"{excerpt(what)} evaluates to {excerpt(lines)}: expected one derivation.")
    try:
        return store_path(lines[0])
    except ForeignTextError as error:
        raise InconclusiveError(str(error)) from None


def build(
    store: NixStore,
    installable: Sequence[str],
    *,
    name: str,
    capture: Capture,
    cache_urls: Iterable[str],
    deadline_seconds: float,
    cwd: Path | None = None,
) -> tuple[ChildEnded, BuildFacts]:
    """Build, with the log going into ``capture``; how the build ended, and what is known of it.

    ``cache_urls`` are the names under which the cache under test may stand among the substituters. What can't be
    determined is None, empty or unknown in the facts; nothing is raised for it.
    """
    ended = run(
        (store.program("nix"), *FEATURES, "build", "--fallback", *_LOG, "--no-link", *installable),
        name=name,
        env=store.env,
        cwd=cwd,
        capture=capture,
        deadline_seconds=deadline_seconds,
        cancel=store.cancel,
        clock=store.clock,
    )
    good = ended.exit == 0 and ended.ended_by is None
    results, problem = _results(store, installable, cwd) if good else ((), None)
    derivations = {result.derivation for result in results}
    substituters, among, trusted = _substituters(store, cache_urls)
    facts = BuildFacts(
        installable=shlex.join(installable),
        derivation=derivations.pop() if len(derivations) == 1 else None,
        outputs=tuple(sorted({path for result in results for path in result.outputs.values()})),
        substituters=substituters,
        cache_among_substituters=among,
        fallback=True,
        nix_version=_version(store),
        problem=problem,
        trusted_public_keys=trusted,
    )
    return ended, facts


def _results(store: NixStore, installable: Sequence[str], cwd: Path | None) -> tuple[tuple[NixBuilt, ...], str | None]:
    """What was built: asked again, with everything forbidden that would do anything.

    Nothing, and why, where Nix names what no build of one installable can give: such paths would be published.
    """
    nothing = ("--max-jobs", "0", "--option", "substitute", "false", "--option", "builders", "")
    argv = (store.program("nix"), *FEATURES, "build", "--json", "--no-link", *nothing, *installable)
    try:
        text = store.ask(
            argv, name="nix-build-outputs", cap=limits.NIX_JSON_BYTES, seconds=limits.EVALUATE_SECONDS, cwd=cwd
        )
        results = parse_build(text)
    except InconclusiveError:
        return (), None
    except ForeignTextError as error:
        return (), str(error)
    if len(results) != 1:
        return (), f"nix build named {len(results)} things as built: expected the one that was asked for."
    return results, None


def _substituters(store: NixStore, cache_urls: Iterable[str]) -> tuple[tuple[str, ...], Truth, tuple[str, ...] | None]:
    try:
        settings = store.settings()
    except InconclusiveError:
        return (), Truth.UNKNOWN, None
    names = tuple(cache_urls)
    among = any(same_cache(substituter, name) for substituter in settings.substituters for name in names)
    substituters = tuple(_without_secrets(url) for url in settings.substituters)
    return substituters, Truth.PRESENT if among else Truth.ABSENT, settings.trusted_public_keys


def _version(store: NixStore) -> str | None:
    try:
        return store.version()
    except InconclusiveError:
        return None


def _without_secrets(url: str) -> str:
    """A substituter as a record may have it: without user info; of its parameters only the names."""
    bare, _, query = url.partition("?")
    scheme, separator, rest = bare.partition("://")
    host, slash, path = rest.partition("/")
    names = "&".join(pair.partition("=")[0] for pair in query.split("&"))
    shown_url = f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}" if separator else bare
    return f"{shown_url}?{names}" if query else shown_url
