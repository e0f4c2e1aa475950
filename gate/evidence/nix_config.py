"""Which effective settings of Nix weaken what a run proves, and are not stated in ``gate.toml``. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl

from gate.model.machine import NixConfigSeen, NixSetting
from gate.parse.addresses import same_cache

# The values that weaken nothing, by setting; Nix's own default never does, but for `sandbox` and `builders`.
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


def unstated(seen: NixConfigSeen, stated: Sequence[str]) -> tuple[str, ...]:
    """Each setting, as ``name = value``, that weakens what a run proves and is not among the ``stated`` ones."""
    allowed = {" ".join(text.split()) for text in stated}
    found = (f"{row.name} = {row.value}".strip() for row in seen.settings if _weakens(row, seen))
    weak = [*found, *_trusted_by_parameter(seen)]
    return tuple(dict.fromkeys(text for text in weak if " ".join(text.split()) not in allowed))


def further_substituters(seen: NixConfigSeen, known: Sequence[str]) -> tuple[str, ...]:
    """The substituters that are neither Nix's default nor among the known URLs."""
    row = next((row for row in seen.settings if row.name == "substituters"), None)
    if row is None:
        return ()
    allowed = (*row.default.split(), *known)
    return tuple(url for url in row.value.split() if not any(_same(url, one) for one in allowed))


def _weakens(row: NixSetting, seen: NixConfigSeen) -> bool:
    if row.name not in _GOOD or row.value in _GOOD[row.name]:
        return False
    if row.name == "builders":
        return not row.value.startswith("@") or seen.machines_file
    if row.name == "sandbox-paths":
        return row.value != row.default and any(not _is_harmless_path(part) for part in row.value.split())
    return row.value != row.default


def _is_harmless_path(part: str) -> bool:
    """A shell in the sandbox, as NixOS has it, or what lies in the store itself."""
    inside, _, outside = part.rstrip("?").partition("=")
    return inside == "/bin/sh" or (outside or inside).startswith("/nix/store/")


def _trusted_by_parameter(seen: NixConfigSeen) -> Iterator[str]:
    """``?trusted=true`` of a substituter is ``require-sigs = false`` for it (nix.conf(5), store settings)."""
    row = next((row for row in seen.settings if row.name == "substituters"), None)
    for url in row.value.split() if row else ():
        bare, _, query = url.partition("?")
        if any(name == "trusted" and text.lower() in _TRUE for name, text in parse_qsl(query, keep_blank_values=True)):
            yield f"substituters = {bare}?trusted=true"


def _same(one: str, other: str) -> bool:
    return one.partition("?")[0].rstrip("/") == other.partition("?")[0].rstrip("/") or same_cache(one, other)
