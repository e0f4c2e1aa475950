"""The machine of the run: its programs, Nix's effective settings, and the upstream caches that it trusts."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qsl

from gate.errors import ForeignTextError
from gate.model.document import CacheFacts
from gate.model.machine import Machine, NixConfigSeen, NixRead, NixSetting, ToolsFound
from gate.model.policy import Policy
from gate.model.records import Entry, PathFacts, PushSetKnown, ReferencesKnown
from gate.parse.addresses import same_cache
from gate.parse.narinfo import fingerprint, key_name, verify


def fold_machine(programs: Sequence[ToolsFound], reads: Sequence[NixRead], configs: Sequence[NixConfigSeen]) -> Machine:
    """The programs that were found, each once however many jobs used it."""
    tools = dict.fromkeys(tool for record in programs for tool in record.tools if tool.path is not None)
    notes = dict.fromkeys(note for record in programs for note in record.passed_over)
    authorities = dict.fromkeys(authority for record in programs for authority in record.authorities)
    return Machine(
        tools=tuple(tools),
        passed_over=tuple(notes),
        nix_config=configs[-1] if configs else None,
        nix_reads=tuple(reads),
        authorities=tuple(authorities),
    )


# The values of each setting that weaken nothing. Nix's own default never does, except for `sandbox` and `builders`.
_GOOD: Final[Mapping[str, tuple[str, ...]]] = {
    "accept-flake-config": ("false",),
    "allow-new-privileges": ("false",),
    "allow-unsafe-native-code-during-evaluation": ("false",),
    "build-hook": (),
    "builders": ("",),
    "diff-hook": ("",),
    "external-builders": ("",),
    "filter-syscalls": ("true",),
    "impure-env": ("",),
    "plugin-files": ("",),
    "post-build-hook": ("",),
    "pre-build-hook": ("",),
    "require-sigs": ("true",),
    "run-diff-hook": ("false",),
    "sandbox": ("true",),
    "sandbox-paths": ("",),
    "secret-key-files": ("",),
    "store": ("auto", "daemon", "local"),
    "substitute": ("true",),
}
_TRUE: Final = ("1", "true", "yes")


def unapproved_settings(config: NixConfigSeen, approved: Sequence[str]) -> tuple[str, ...]:
    """Each setting, as ``name = value``, that weakens what a run proves and is not among the ``approved`` lines."""
    approved_lines = {" ".join(text.split()) for text in approved}
    weak_rows = (f"{row.name} = {row.value}".strip() for row in config.settings if _weakens(row, config))
    weak = [*weak_rows, *_trusted_by_parameter(config)]
    return tuple(dict.fromkeys(text for text in weak if " ".join(text.split()) not in approved_lines))


def further_substituters(config: NixConfigSeen, known_urls: Sequence[str]) -> tuple[str, ...]:
    """The substituters that are neither Nix's default nor among the known URLs."""
    row = next((row for row in config.settings if row.name == "substituters"), None)
    if row is None:
        return ()
    allowed = (*row.default.split(), *known_urls)
    return tuple(url for url in row.value.split() if not any(_is_same_url(url, one) for one in allowed))


def _weakens(row: NixSetting, config: NixConfigSeen) -> bool:
    if row.name not in _GOOD or row.value in _GOOD[row.name]:
        return False
    if row.name == "builders":
        return not row.value.startswith("@") or config.machines_file
    if row.name == "sandbox-paths":
        return row.value != row.default and any(not _is_harmless_path(part) for part in row.value.split())
    return row.value != row.default


def _is_harmless_path(part: str) -> bool:
    """Whether it is the shell in the sandbox, as on NixOS, or a path of the store itself."""
    inside, _, outside = part.rstrip("?").partition("=")
    return inside == "/bin/sh" or (outside or inside).startswith("/nix/store/")


def _trusted_by_parameter(config: NixConfigSeen) -> Iterator[str]:
    """``?trusted=true`` of a substituter is ``require-sigs = false`` for it (nix.conf(5), store settings)."""
    row = next((row for row in config.settings if row.name == "substituters"), None)
    for url in row.value.split() if row else ():
        bare, _, query = url.partition("?")
        if any(name == "trusted" and text.lower() in _TRUE for name, text in parse_qsl(query, keep_blank_values=True)):
            yield f"substituters = {bare}?trusted=true"


def _is_same_url(one: str, other: str) -> bool:
    return one.partition("?")[0].rstrip("/") == other.partition("?")[0].rstrip("/") or same_cache(one, other)


def is_upstream(fact: PathFacts, names: Collection[str | None], keys: Sequence[str]) -> bool:
    """Whether the local store has a signature by one of the upstreams that verifies by one of the ``keys``.

    Malformed facts or keys prove nothing.
    """
    by_upstream = [signature for signature in fact.signatures if key_name(signature) in names]
    try:
        signed = fingerprint(fact.store_path, fact.nar_hash, fact.nar_size, fact.references) if by_upstream else b""
        return any(verify(signed, signature, keys) for signature in by_upstream)
    except ForeignTextError:
        return False


def upstream_entries(entries: Sequence[Entry], policy: Policy, caches: Iterable[CacheFacts]) -> tuple[Entry, ...]:
    """The journal's entries with the upstream paths of each publication as their signatures have them.

    Only the cache itself names its upstreams. The cache is never one, else every path that it signed would be left out.
    """
    caches_by_name = {cache.name: cache for cache in caches}
    return tuple(
        replace(entry, record=_verified(entry.record, policy, caches_by_name))
        if isinstance(entry.record, PushSetKnown | ReferencesKnown)
        else entry
        for entry in entries
    )


def _verified(
    record: PushSetKnown | ReferencesKnown, policy: Policy, caches: Mapping[str, CacheFacts]
) -> PushSetKnown | ReferencesKnown:
    cache = caches.get(record.cache)
    names: set[str | None] = set()
    if cache is not None:
        names = {name for name in record.upstream_key_names if name in cache.upstream_key_names}
        names.discard(key_name(cache.public_key or ""))
    paths = (path.store_path for path in record.paths if is_upstream(path, names, policy.upstream_keys))
    return replace(record, upstream=tuple(paths))
