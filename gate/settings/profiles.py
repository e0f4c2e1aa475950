"""Profiles: bounded things to publish, built in or from ``[profiles.<name>]`` of ``gate.toml``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from gate import limits
from gate.errors import RefusedError
from gate.model.policy import POLICY_SETTINGS
from gate.model.setting import PROFILES as PROFILES_TABLE
from gate.settings.table import refuse_credentials

CONFIRM_PREFIX = "probe-attic-publication-"


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A bounded thing to publish: floor and cap of its push set, and how many fresh paths make it representative."""

    name: str
    push_set: Literal["delta", "build-closure", "closure"]
    installable: str
    min_paths: int
    max_paths: int
    max_bytes: int
    min_fresh: int
    require_cache_push: bool = False

    @property
    def representative(self) -> bool:
        """Whether this profile's passing says something of real closures."""
        return self.min_fresh > 1

    @property
    def confirm(self) -> str:
        """The phrase without which nothing is published; compared whole."""
        return CONFIRM_PREFIX + self.name


PROFILES: tuple[Profile, ...] = (
    Profile(
        name="synthetic",
        push_set="closure",
        installable="",
        min_paths=1,
        max_paths=1,
        max_bytes=1024 * 1024,
        min_fresh=1,
    ),
    Profile(
        name="small-check",
        push_set="build-closure",
        installable=".#checks.{system}.statix",
        min_paths=5,
        max_paths=500,
        max_bytes=2 * 1024**3,
        min_fresh=5,
    ),
    Profile(
        name="medium-check",
        push_set="build-closure",
        installable=".#checks.{system}.deadnix",
        min_paths=5,
        max_paths=2000,
        max_bytes=8 * 1024**3,
        min_fresh=10,
        require_cache_push=True,
    ),
)
PROFILE_KEYS: Final = tuple(row for row in POLICY_SETTINGS if row.table == PROFILES_TABLE)
_KEYS: Final = {**{row.toml_key: row.name for row in PROFILE_KEYS}, "installable": "installable"}
_PUSH_SETS: Final = next(row.choices for row in PROFILE_KEYS if row.name == "push_set")
# What a profile of gate.toml's own has where its table says nothing.
_NEW: Final[Mapping[str, Any]] = {row.name: row.default for row in PROFILE_KEYS}


def find_profile(name: str, toml: Mapping[str, Any]) -> Profile:
    """The profile of that name, built in or from ``[profiles.<name>]``; raises `RefusedError` with the known names."""
    by_name = {row.name: row for row in PROFILES}
    tables = toml.get(PROFILES_TABLE, {})
    refuse_odd_profiles(tables)
    if name in tables:
        return _toml_profile(name, tables[name], by_name.get(name))
    if name in by_name:
        return by_name[name]
    names = ", ".join(sorted({*by_name, *tables}))
    raise RefusedError(
        f"profile {name!r} is not known: expected one of {names}, or a table [profiles.{name}] in gate.toml"
    )


def refuse_odd_profiles(tables: object) -> None:
    """Raise `RefusedError` where ``[profiles]`` is no table of tables."""
    if not isinstance(tables, Mapping):
        raise RefusedError(
            f"gate.toml [profiles] is {ascii(tables)[:80]}: expected tables such as [profiles.small-check]"
        )
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            where = ascii(name)[1:-1][:80]
            raise RefusedError(
                f"gate.toml [profiles] {where} is {ascii(table)[:80]}: expected a table [profiles.{where}]"
            )


def check_confirm(profile: Profile, phrase: str) -> None:
    """Compare the confirm phrase whole; raises `RefusedError` that gives the phrase wanted for this profile."""
    if phrase != profile.confirm:
        raise RefusedError(
            f"the confirm phrase for profile {profile.name} is {profile.confirm!r}, got {phrase[:80]!r}: "
            "nothing was built or published; start again with the whole phrase"
        )


def _toml_profile(name: str, table: Mapping[str, Any], base: Profile | None) -> Profile:
    unknown = sorted(set(table) - set(_KEYS))
    if unknown:
        raise RefusedError(f"[profiles.{name}] has the unknown key {unknown[0]!r}: expected {', '.join(sorted(_KEYS))}")
    overrides = {_KEYS[key]: entry for key, entry in table.items()}
    merged = {**({key: getattr(base, key) for key in _KEYS.values()} if base else _NEW), **overrides}
    if not isinstance(merged.get("installable"), str) or (base is None and not merged["installable"]):
        raise RefusedError(
            f"[profiles.{name}] needs installable: the flake attribute to build, such as '.#checks.x86_64-linux.statix'"
        )
    refuse_credentials(merged["installable"], f"[profiles.{name}] installable")
    if merged["push_set"] not in _PUSH_SETS:
        raise RefusedError(
            f"[profiles.{name}] push-set is {merged['push_set']!r}: expected one of {', '.join(_PUSH_SETS)}"
        )
    if not isinstance(merged["require_cache_push"], bool):
        excerpt = ascii(merged["require_cache_push"])[:80]
        raise RefusedError(f"[profiles.{name}] require-cache-push is {excerpt}: expected true or false")
    _refuse_odd_bounds(name, merged)
    return Profile(name=name, **merged)


def _refuse_odd_bounds(name: str, merged: Mapping[str, Any]) -> None:
    for key in ("min_paths", "max_paths", "max_bytes", "min_fresh"):
        if isinstance(merged[key], bool) or not isinstance(merged[key], int) or merged[key] < 1:
            raise RefusedError(
                f"[profiles.{name}] {key.replace('_', '-')} is {merged[key]!r}: expected a whole number of at least 1"
            )
    if merged["min_fresh"] > merged["max_paths"] or merged["max_bytes"] > limits.PUSH_BYTES_MAX:
        raise RefusedError(
            f"[profiles.{name}] min-fresh {merged['min_fresh']} and max-bytes {merged['max_bytes']}: expected at most "
            f"max-paths {merged['max_paths']} and {limits.PUSH_BYTES_MAX}"
        )
    if not merged["min_paths"] <= merged["max_paths"] <= limits.PATHS_MAX:
        raise RefusedError(
            f"[profiles.{name}] min-paths {merged['min_paths']} and max-paths {merged['max_paths']}: "
            f"expected min-paths <= max-paths <= {limits.PATHS_MAX}"
        )
