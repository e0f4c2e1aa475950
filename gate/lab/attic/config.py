"""Settings of the stand-in server, read from the very TOML file that ``atticd -f`` takes.

Names and defaults: attic b7c9056 ``server/src/config.rs``. Only what the lab uses is served (S3, zstd, HS256 and
RS256 secrets); anything else in the file is refused, so that a stand-in never quietly ignores what the real server
would do.
"""

import base64
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gate.lab.attic.access import TokenKey

ZSTD_LEVEL: Final = 8  # the level Attic picks when none is set (attic b7c9056 server/src/config.rs)
NAR_INFO_BYTES: Final = 1024 * 1024  # default of max-nar-info-size (attic b7c9056 server/src/config-template.toml)
SECRETS: Final = {"HS256": "token-hs256-secret-base64", "RS256": "token-rs256-secret-base64"}
SECRET_VARIABLES: Final = {
    "HS256": "ATTIC_SERVER_TOKEN_HS256_SECRET_BASE64",
    "RS256": "ATTIC_SERVER_TOKEN_RS256_SECRET_BASE64",
}
KNOWN_KEYS: Final = frozenset(
    {
        "allowed-hosts",
        "api-endpoint",
        "chunking",
        "compression",
        "database",
        "garbage-collection",
        "jwt",
        "listen",
        "max-nar-info-size",
        "require-proof-of-possession",
        "soft-delete-caches",
        "storage",
        "substituter-endpoint",
    }
)


class ConfigError(ValueError):
    """The file has a setting that the stand-in does not serve, or lacks one that Attic demands."""


@dataclass(frozen=True, slots=True)
class BucketConfig:
    """Where chunks go: ``[storage]`` of type ``s3``."""

    region: str
    name: str
    endpoint: str | None
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """All settings of one server."""

    host: str
    port: int
    allowed_hosts: tuple[str, ...]
    """Accepted ``Host`` headers; empty accepts all."""
    api_endpoint: str | None
    """What cache-config tells clients, ending in a slash; ``None`` makes it from the ``Host`` header."""
    substituter_endpoint: str | None
    database: Path
    create_database: bool
    """Whether the URL carries ``mode=rwc``."""
    bucket: BucketConfig
    nar_size_threshold: int
    """NARs of this many bytes or more are chunked; 0 never chunks."""
    chunk_bytes: int
    """Size of every chunk but the last: ``avg-size`` (the real boundaries depend on the content)."""
    zstd_level: int
    nar_info_bytes: int
    proof_of_possession: bool
    token_key: TokenKey = field(repr=False)


def load(path: Path) -> ServerConfig:
    """Read a server file; :class:`ConfigError` names the setting that is wrong."""
    with path.open("rb") as file:
        table = tomllib.load(file)
    unknown = sorted(set(table) - KNOWN_KEYS)
    if unknown:
        raise ConfigError(f"unknown setting {unknown[0]!r} in {path.name}")
    host, port = _listen(table.get("listen", "[::]:8080"))
    database, create = _database(_need(table, "database", "url"))
    chunking = table.get("chunking", {})
    return ServerConfig(
        host=host,
        port=port,
        allowed_hosts=tuple(table.get("allowed-hosts", ())),
        api_endpoint=table.get("api-endpoint"),
        substituter_endpoint=table.get("substituter-endpoint"),
        database=database,
        create_database=create,
        bucket=_bucket(table.get("storage", {})),
        nar_size_threshold=_need({"chunking": chunking}, "chunking", "nar-size-threshold"),
        chunk_bytes=_need({"chunking": chunking}, "chunking", "avg-size"),
        zstd_level=_zstd_level(table.get("compression", {})),
        nar_info_bytes=table.get("max-nar-info-size", NAR_INFO_BYTES),
        proof_of_possession=table.get("require-proof-of-possession", True),
        token_key=_token_key(table.get("jwt", {}).get("signing", {})),
    )


def _need(table: Mapping[str, Any], section: str, key: str) -> Any:  # noqa: ANN401  TOML values have any type
    """Return ``[section] key``, which has no default."""
    try:
        return table[section][key]
    except KeyError:
        raise ConfigError(f"missing setting [{section}] {key}") from None


def _listen(address: str) -> tuple[str, int]:
    """Split ``127.0.0.1:8080`` or ``[::]:8080``."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(f"listen must be ADDRESS:PORT, got {address!r}")
    return host.strip("[]"), int(port)


def _database(url: str) -> tuple[Path, bool]:
    """Return the file of a ``sqlite:`` URL and whether it may be created, as sqlx reads it."""
    parts = urlsplit(url)
    if parts.scheme != "sqlite":
        raise ConfigError(f"the stand-in keeps its database in SQLite, got a {parts.scheme!r} URL")
    return Path(unquote(parts.netloc + parts.path)), "mode=rwc" in parts.query.split("&")


def _bucket(storage: Mapping[str, Any]) -> BucketConfig:
    """Read ``[storage]``."""
    if storage.get("type") != "s3":
        raise ConfigError(f'[storage] type must be "s3", got {storage.get("type")!r}')
    credentials = storage.get("credentials", {})
    return BucketConfig(
        region=_need({"storage": storage}, "storage", "region"),
        name=_need({"storage": storage}, "storage", "bucket"),
        endpoint=storage.get("endpoint"),
        access_key_id=credentials.get("access_key_id") or os.environ.get("AWS_ACCESS_KEY_ID", ""),
        secret_access_key=credentials.get("secret_access_key") or os.environ.get("AWS_SECRET_ACCESS_KEY", ""),
    )


def _zstd_level(compression: Mapping[str, Any]) -> int:
    """Read ``[compression]``."""
    if compression.get("type", "zstd") != "zstd":
        raise ConfigError(f'[compression] type must be "zstd", got {compression["type"]!r}')
    return int(compression.get("level", ZSTD_LEVEL))


def _token_key(signing: Mapping[str, Any]) -> TokenKey:
    """Return what tokens are checked with: by the secret in the file, else by that in the environment."""
    configured = {kind: str(signing[name]) for kind, name in SECRETS.items() if signing.get(name)}
    secrets = configured or {kind: os.environ[name] for kind, name in SECRET_VARIABLES.items() if os.environ.get(name)}
    if len(secrets) != 1:
        raise ConfigError(f"expected one of the settings [jwt.signing] {' and '.join(SECRETS.values())}")
    ((kind, text),) = secrets.items()
    raw = base64.b64decode(text, validate=True)
    if kind == "HS256":
        return TokenKey("HS256", raw)
    private = load_pem_private_key(raw, password=None)
    if not isinstance(private, RSAPrivateKey):
        raise ConfigError(f"[jwt.signing] {SECRETS[kind]} must be the PEM of a private RSA key, in base64")
    return TokenKey("RS256", private.public_key())
