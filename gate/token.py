"""Short-lived Attic tokens for one cache: HS256, the rights in a claim of Attic's own.

Claims: attic b7c9056 ``token/src/lib.rs``: ``https://jwt.attic.rs/v1`` holds ``{"caches": {NAME: {"r": 1, "w": 1}}}``.
"""

import re
from base64 import b64decode
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, Final, Literal

from gate import limits
from gate.errors import RefusedError
from gate.model.basics import Secret, value

CLAIM: Final = "https://jwt.attic.rs/v1"
_FIELD: Final = "The token secret (base64)"
_CACHE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,49}")  # attic b7c9056 attic/src/cache.rs: 50 characters
_KEY_BYTES: Final = 32  # RFC 7518 section 3.2: at least as long as the hash


@value
class TokenFacts:
    """What a token says of itself, unverified: for display alone. ``rights`` are those of any of its caches."""

    caches: tuple[str, ...]
    rights: tuple[str, ...]
    expires: datetime | None


def mint(
    secret_base64: Secret, *, cache: str, rights: AbstractSet[Literal["r", "w"]], seconds: int, now: datetime
) -> Secret:
    """A token that may read (``r``), or read and push (``r``, ``w``), one cache for ``seconds`` from ``now``.

    ``nbf`` and ``iat`` are back-dated by `limits.TOKEN_BACKDATE_SECONDS`, because Attic has no tolerance for clocks.
    Raises `RefusedError` for a secret that is no base64 or too short, a cache name with a wildcard, other rights, or a
    life over `limits.TOKEN_SECONDS_MAX`.
    """
    import jwt  # noqa: PLC0415  # it loads cryptography: only where it is used

    if not _CACHE.fullmatch(cache):
        raise RefusedError("The cache of a token must be the name of one cache, without wildcards.")
    if set(rights) not in ({"r"}, {"r", "w"}):
        raise RefusedError(f"A token can't have the rights {sorted(rights)}: expected r, or r and w.")
    if not 0 < seconds <= limits.TOKEN_SECONDS_MAX:
        raise RefusedError(f"A token can't live {seconds} s: expected 1 to {limits.TOKEN_SECONDS_MAX}.")
    at = int(now.timestamp())
    claims = {
        "sub": "publication-gate",
        "iat": at - limits.TOKEN_BACKDATE_SECONDS,
        "nbf": at - limits.TOKEN_BACKDATE_SECONDS,
        "exp": at + seconds,
        CLAIM: {"caches": {cache: dict.fromkeys(sorted(rights), 1)}},
    }
    return Secret(jwt.encode(claims, _key(secret_base64), algorithm="HS256"))


def read_claims(token: Secret) -> TokenFacts:
    """What a token says of itself; its signature is not checked. Raises `RefusedError` when it is no such token."""
    import jwt  # noqa: PLC0415  # as above

    try:
        claims = jwt.decode(
            token.reveal().strip(), options={"verify_signature": False}
        )  # which leaves the times unchecked too
    except (jwt.PyJWTError, ValueError):
        claims = {}
    caches = _mapping(_mapping(claims.get(CLAIM)).get("caches"))
    if not caches:
        raise RefusedError(f"The token is no token of Attic: expected a JWT with the claim {CLAIM}.")
    rights = {right for granted in caches.values() for right, given in _mapping(granted).items() if given}
    return TokenFacts(caches=tuple(sorted(caches)), rights=tuple(sorted(rights)), expires=_moment(claims.get("exp")))


def _key(secret_base64: Secret) -> bytes:
    key = _decoded(secret_base64)
    if key is None:
        raise RefusedError(f"{_FIELD} can't be read: expected base64, as atticd's configuration has it.")
    if len(key) < _KEY_BYTES:
        raise RefusedError(f"{_FIELD} is too short: expected at least {_KEY_BYTES} bytes (RFC 7518 section 3.2).")
    return key


def _decoded(secret_base64: Secret) -> bytes | None:
    """The bytes, or None: the error of the decoder is not passed on, since it may quote the secret."""
    try:
        return b64decode(secret_base64.reveal().strip(), validate=True)
    except ValueError:
        return None


def _mapping(given: object) -> dict[str, Any]:
    return given if isinstance(given, dict) else {}


def _moment(given: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(given, tz=UTC) if isinstance(given, int | float) else None
    except (OverflowError, OSError, ValueError):
        return None
