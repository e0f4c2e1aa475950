"""`gate.parse.nix_commands`: settings are read as Nix gives them, or refused, and no other names are kept."""

import json

from fuzz.target import Target
from gate.errors import ForeignTextError
from gate.parse.nix_commands import WATCHED, parse_nix_config


def check(data: bytes) -> None:
    """Any bytes on stdout of ``nix config show --json``."""
    try:
        rows = parse_nix_config(data)
    except ForeignTextError:
        return
    names = [row.name for row in rows]
    assert len(names) == len(set(names))
    assert set(names) <= set(WATCHED)
    assert {"require-sigs", "sandbox", "substituters"} <= set(names)


def seeds() -> list[bytes]:
    """Nix's own form, and settings of each type."""
    base: dict[str, object] = {
        "require-sigs": {"value": True, "defaultValue": True},
        "sandbox": {"value": "true"},
        "substituters": {"value": ["https://cache.nixos.org"], "defaultValue": []},
    }
    more: list[dict[str, object]] = [
        {},
        {"sandbox": {"value": False}},
        {"builders": {"value": "ssh://b x86_64-linux"}},
        {"impure-env": {"value": {"A": "b"}}},
        {"access-tokens": {"value": "secret"}},
        {"plugin-files": {"value": None}},
    ]
    return [json.dumps({**base, **one}).encode() for one in more]


TARGET = Target(
    check,
    seeds,
    parsers=("nix_commands",),
    words=(b'"value"', b'"defaultValue"', b"true", b"null", b'"substituters"', b"[]", b"{}"),
)
