"""Nix's own account of its effective settings: ``nix config show --json``, ``nix show-config --json`` before 2.20.

Each setting comes as an object with ``value`` and, since 2.4, ``defaultValue``. Only the settings that decide how
builds and substitution work are kept; ``access-tokens`` and the like never are.
"""

from typing import Final

from gate.errors import ForeignTextError
from gate.limits import NIX_JSON_BYTES
from gate.model.machine import NixSetting
from gate.parse.strict_json import as_object, loads

# What a run looks at, in the order of nix.conf(5). What this Nix does not have is left out.
WATCHED: Final = (
    *("accept-flake-config", "allow-new-privileges", "allow-unsafe-native-code-during-evaluation"),
    *("build-hook", "builders", "diff-hook", "external-builders", "fallback", "filter-syscalls", "hashed-mirrors"),
    *("impure-env", "plugin-files", "post-build-hook", "pre-build-hook", "require-sigs", "run-diff-hook", "sandbox"),
    *("sandbox-paths", "secret-key-files", "store", "substitute", "substituters", "trusted-public-keys"),
    *("trusted-substituters",),
)
_VALUE_CHARS: Final = 4096


def parse_nix_config(body: bytes) -> tuple[NixSetting, ...]:
    """The watched settings, by name; `ForeignTextError` when the answer is none of Nix's."""
    what = "The settings of Nix"
    settings = as_object(loads(body, cap=NIX_JSON_BYTES, what=what), what)
    rows = []
    for name in WATCHED:
        if name not in settings:
            continue
        row = as_object(settings[name], f"{what}: {name}")
        if "value" not in row:
            raise ForeignTextError(f"{what}: {name} has no value: expected one.")
        rows.append(NixSetting(name=name, value=_text(row["value"]), default=_text(row.get("defaultValue"))))
    missing = {"require-sigs", "sandbox", "substituters"} - {row.name for row in rows}
    if missing:
        raise ForeignTextError(f"{what} lack {min(missing)}: expected those of Nix 2.4 or later.")
    return tuple(rows)


def _text(value: object) -> str:
    """A value as nix.conf has it: words apart by blanks, flags as true and false."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        text = " ".join(_text(each) for each in value)
    elif isinstance(value, dict):
        text = " ".join(f"{name}={_text(each)}" for name, each in sorted(value.items()))
    else:
        text = str(value)
    if len(text) > _VALUE_CHARS:
        raise ForeignTextError(f"A setting of Nix has {len(text)} characters: expected at most {_VALUE_CHARS}.")
    return text
