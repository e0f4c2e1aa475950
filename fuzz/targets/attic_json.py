"""`gate.parse.attic_json`: an answer is one that can be relied on, or is foreign."""

import json

from fuzz.contract import tried
from fuzz.target import Target, recordings
from gate.limits import ERROR_TEXT_CHARS
from gate.parse.attic_json import parse_attic_error, parse_cache_config, parse_missing_paths
from gate.parse.narinfo import public_key
from gate.parse.store_path import store_hash


def check(data: bytes) -> None:
    """Any body."""
    config = tried(parse_cache_config, data)
    if config is not None:
        assert public_key(config.public_key)
        assert isinstance(config.is_public, bool)
        assert all(isinstance(name, str) for name in config.upstream_cache_key_names)
        assert json.loads(data)["public_key"] == config.public_key
    missing = tried(parse_missing_paths, data)
    if missing is not None:
        assert all(store_hash(part) == part for part in missing)
        assert missing == set(json.loads(data)["missing_paths"])
    error = tried(parse_attic_error, data)
    if error is not None:
        code, name = error
        assert code is None or code >= 0
        assert name.isascii(), name
        assert name.isalnum(), name
        assert len(name) <= ERROR_TEXT_CHARS


def seeds() -> list[bytes]:
    """Every recorded answer."""
    hashes = [digit * 32 for digit in "01"]
    return [
        *recordings("attic/cache-config/body"),
        *recordings("attic/get-missing-paths-*/body"),
        *recordings("attic/narinfo-*/body"),
        json.dumps({"missing_paths": hashes}).encode(),
    ]


TARGET = Target(
    check,
    seeds,
    parsers=("attic_json",),
    words=(b'"public_key":"', b'"is_public":', b'"missing_paths":[', b'"error":"', b'"code":', b"null", b"true"),
)
