"""The forms of names in Attic and in the Nix store."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Final, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gate.lab.attic.errors import ServerError

# attic b7c9056 attic/src/nix_store/mod.rs
STORE_PATH_HASH: Final = re.compile(r"[0123456789abcdfghijklmnpqrsvwxyz]{32}")
# attic b7c9056 attic/src/cache.rs; only tokens have patterns, and "*" is the one wildcard
CACHE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-+_]{0,49}")
CACHE_PATTERN: Final = re.compile(r"[A-Za-z0-9*][A-Za-z0-9\-+_*]{0,49}")


def is_store_path_hash(text: object) -> bool:
    """Tell whether ``text`` has the form of the hash in a store path."""
    return isinstance(text, str) and STORE_PATH_HASH.fullmatch(text) is not None


def is_cache_name(text: object) -> bool:
    """Tell whether ``text`` may name a cache."""
    return isinstance(text, str) and CACHE_NAME.fullmatch(text) is not None


def is_cache_pattern(text: object) -> bool:
    """Return whether ``text`` may name caches in a token: a name, in which ``*`` matches any characters."""
    return isinstance(text, str) and CACHE_PATTERN.fullmatch(text) is not None


CLAIM: Final = "https://jwt.attic.rs/v1"


@dataclass(frozen=True, slots=True)
class Permission:
    """Rights on one cache; the comments give their names in a token."""

    pull: bool = False  # r
    push: bool = False  # w
    delete: bool = False  # d
    create_cache: bool = False  # cc
    configure_cache: bool = False  # cr
    configure_cache_retention: bool = False  # cq
    destroy_cache: bool = False  # cd

    def can_discover(self) -> bool:
        """Tell whether the caller may learn that the cache exists: any right at all grants that."""
        return self != Permission()

    def require(self, right: str) -> None:
        """Raise 403 if ``right`` (a field's name) is missing, or 401 if the caller may not even discover."""
        if not getattr(self, right):
            raise ServerError("AccessError" if self.can_discover() else "Unauthorized")

    def with_public(self, *, public: bool) -> "Permission":
        """Return these rights, plus pull if the cache is public."""
        return replace(self, pull=True) if public else self


RIGHTS: Final = {
    "r": "pull",
    "w": "push",
    "d": "delete",
    "cc": "create_cache",
    "cr": "configure_cache",
    "cq": "configure_cache_retention",
    "cd": "destroy_cache",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """The bearer of a request's token; an anonymous caller has no grants."""

    subject: str | None = None
    grants: Mapping[str, Permission] = field(default_factory=dict)
    """Rights by cache name or pattern (``team-*``)."""

    def permission(self, cache: str) -> Permission:
        """Return the rights on ``cache``: an exact entry wins over a pattern."""
        if cache in self.grants:
            return self.grants[cache]
        matches = (grant for pattern, grant in self.grants.items() if fnmatchcase(cache, pattern))
        return next(matches, Permission())


@dataclass(frozen=True, slots=True)
class TokenKey:
    """What tokens are checked with, by the one algorithm of the configured secret (``token/src/lib.rs``)."""

    algorithm: Literal["HS256", "RS256"]
    key: bytes | RSAPublicKey = field(repr=False)


def caller(authorization: str | None, key: TokenKey) -> Caller:
    """Return the bearer named by an ``Authorization`` header, or an anonymous caller."""
    token = _token(authorization or "")
    if token is None:
        return Caller()
    try:
        claims = jwt.decode(
            token,
            key.key,
            algorithms=[key.algorithm],
            leeway=0,
            options={"verify_aud": False, "require": [CLAIM]},
        )
        return Caller(claims.get("sub"), _grants(claims[CLAIM]["caches"]))
    except (jwt.InvalidTokenError, KeyError, TypeError, AttributeError, ValueError):
        return Caller()


def _token(header: str) -> str | None:
    """Return the token in a header, or ``None``."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest
    if scheme.lower() != "basic":
        return None
    try:
        _, colon, password = base64.b64decode(rest, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return password if colon else None


def _grants(caches: Mapping[str, Mapping[str, Any]]) -> dict[str, Permission]:
    """Read the ``caches`` object of a claim, as serde does: one bad name or right spoils the whole token.

    A right that Attic knows is the number 0 or 1, not ``true``; one that it does not know may be anything.
    """
    grants = {}
    for pattern, rights in caches.items():
        permissions = {RIGHTS[key]: value for key, value in rights.items() if key in RIGHTS}
        numbers = all(type(value) is int and value in (0, 1) for value in permissions.values())
        if not (numbers and is_cache_pattern(pattern)):
            raise ValueError(f"the rights on {pattern!r} are not of the form that Attic reads")
        grants[pattern] = Permission(**{name: bool(value) for name, value in permissions.items()})
    return grants
