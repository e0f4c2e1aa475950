"""`gate.parse.nix_commands`: what Nix is read to say of paths is in canonical form, or is foreign."""

from fuzz.contract import tried
from fuzz.target import Target, recordings
from gate.parse.nix_commands import parse_build, parse_path_info, parse_settings
from gate.parse.store_path import sha256_nix32, store_path


def check(data: bytes) -> None:
    """Any answer."""
    facts = tried(parse_path_info, data)
    for fact in facts or ():
        assert store_path(fact.store_path) == fact.store_path
        assert sha256_nix32(fact.nar_hash) == fact.nar_hash
        assert fact.nar_size >= 0
        assert all(store_path(path) == path for path in fact.references)
        assert list(fact.references) == sorted(set(fact.references))
    if facts:
        assert [fact.store_path for fact in facts] == sorted(fact.store_path for fact in facts)
    for built in tried(parse_build, data) or ():
        assert built.derivation is None or store_path(built.derivation)
        assert all(store_path(path) for path in built.outputs.values())
    tried(parse_settings, data)


def seeds() -> list[bytes]:
    """Every recorded answer of path-info and build, and settings."""
    settings = (
        b'{"substituters":{"value":["http://a"]},"trusted-public-keys":{"value":["a:b"]},"fallback":{"value":true}}'
    )
    return [*recordings("nix/*/*.stdout"), settings]


TARGET = Target(
    check,
    seeds,
    parsers=("nix_commands",),
    words=(
        b'"narHash":"sha256-',
        b'"narSize":',
        b'"references":[',
        b'"path":"/nix/store/',
        b'"drvPath":"',
        b'"valid":',
    ),
)
