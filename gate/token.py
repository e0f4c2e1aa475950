"""Short-lived Attic tokens that may read one cache, and no more: minted, and read back by this module's own reader.

Claims: attic b7c9056 ``token/src/lib.rs``: ``https://jwt.attic.rs/v1`` holds ``{"caches": {NAME: {"r": 1}}}``.
Signing secrets are written as atticd takes them, in base64: random bytes for HS256
(``ATTIC_SERVER_TOKEN_HS256_SECRET_BASE64``), or the PEM of an RSA private key for RS256
(``ATTIC_SERVER_TOKEN_RS256_SECRET_BASE64``). Which of the two it is, the secret says and never a token.
"""

from base64 import b64decode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from gate import limits
from gate.errors import RefusedError
from gate.model.basics import Secret, value
from gate.parse.text import is_cache_name

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

CLAIM: Final = "https://jwt.attic.rs/v1"
_FIELD: Final = "The token secret (base64)"
_KEY_BYTES: Final = 32  # RFC 7518 section 3.2: at least as long as the hash
_RSA_BITS: Final = 2048  # RFC 7518 section 3.3
_PEM: Final = b"-----BEGIN "  # RFC 7468 section 2; no random secret begins so, and a public key is never one for HS256
_SUBJECT: Final = "publication-gate"
_TIMES: Final = ("iat", "nbf", "exp")


@value
class TokenFacts:
    """What a token says of itself. ``rights`` are those of any of its caches, ``grants`` those of each.

    The names of ``caches`` may be patterns.
    """

    caches: tuple[str, ...]
    rights: tuple[str, ...]
    expires: datetime | None
    grants: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class _Key:
    """A signing secret made ready; it can't be printed."""

    algorithm: Literal["HS256", "RS256"]
    signing: "bytes | RSAPrivateKey"
    verifying: "bytes | RSAPublicKey"


def mint(secret_base64: Secret, *, cache: str, seconds: int, now: datetime) -> Secret:
    """A token that may read one cache for ``seconds`` from ``now``, already read back by `verify`.

    ``nbf`` and ``iat`` are back-dated by `limits.TOKEN_BACKDATE_SECONDS`, because Attic has no tolerance for clocks.
    Raises `RefusedError` for a secret of neither kind or a weak one, a cache name with a wildcard, or a life over
    `limits.TOKEN_SECONDS_MAX`.
    """
    import jwt  # noqa: PLC0415  # it loads cryptography: only where it is used

    if not is_cache_name(cache):
        raise RefusedError("The cache of a token must be the name of one cache, without wildcards.")
    if not 0 < seconds <= limits.TOKEN_SECONDS_MAX:
        raise RefusedError(f"A token can't live {seconds} s: expected 1 to {limits.TOKEN_SECONDS_MAX}.")
    key = _key(secret_base64)
    at = int(now.timestamp())
    claims = {
        "sub": _SUBJECT,
        "iat": at - limits.TOKEN_BACKDATE_SECONDS,
        "nbf": at - limits.TOKEN_BACKDATE_SECONDS,
        "exp": at + seconds,
        CLAIM: {"caches": {cache: {"r": 1}}},
    }
    token = Secret(jwt.encode(claims, key.signing, algorithm=key.algorithm))
    _verify(token, key, cache=cache, now=now)
    return token


def verify(token: Secret, secret_base64: Secret, *, cache: str, now: datetime) -> TokenFacts:
    """What a token gives, when it is one that `mint` could have made with this secret and that holds ``now``.

    That is: signed with this very secret by the secret's own algorithm, valid without any tolerance for clocks, for at
    most `limits.TOKEN_SECONDS_MAX` more, and with the right to read ``cache`` and no other right. An RS256 secret's
    tokens are checked with its public key. Raises `RefusedError` otherwise; no message holds a piece of the token.
    """
    return _verify(token, _key(secret_base64), cache=cache, now=now)


def read_claims(token: Secret) -> TokenFacts:
    """What a token says of itself; its signature is not checked. Raises `RefusedError` when it is no such token."""
    import jwt  # noqa: PLC0415  # as above

    try:
        claims = jwt.decode(
            token.reveal().strip(), options={"verify_signature": False}
        )  # which leaves the times unchecked too
    except (jwt.PyJWTError, ValueError):
        claims = {}
    return _facts(claims)


def _verify(token: Secret, key: _Key, *, cache: str, now: datetime) -> TokenFacts:
    claims = _signed_claims(token, key)
    if claims is None:
        raise RefusedError(f"The token is not signed by this secret with {key.algorithm}: expected one that it signed.")
    if claims.get(CLAIM) != {"caches": {cache: {"r": 1}}} or set(claims) != {"sub", *_TIMES, CLAIM}:
        raise RefusedError("The token has other claims than the right to read the one cache: expected only that right.")
    nbf, exp = (claims[name] if type(claims[name]) is int else None for name in ("nbf", "exp"))
    at = now.timestamp()
    if nbf is None or exp is None or not nbf <= at < exp <= at + limits.TOKEN_SECONDS_MAX:
        raise RefusedError(
            f"The token is not valid now, or for more than {limits.TOKEN_SECONDS_MAX} s: expected a fresh one; "
            "check this machine's clock."
        )
    return _facts(claims)


def _signed_claims(token: Secret, key: _Key) -> dict[str, Any] | None:
    """The claims, when the secret's own algorithm says that the secret signed them: the token's header has no say."""
    import jwt  # noqa: PLC0415  # as above

    try:
        claims: dict[str, Any] = jwt.decode(
            token.reveal(),
            key.verifying,
            algorithms=[key.algorithm],
            options={
                "verify_signature": True,
                "verify_exp": False,  # the times are checked against the caller's clock
                "verify_nbf": False,
                "verify_iat": False,
                "verify_aud": False,
            },
        )
    except (jwt.PyJWTError, ValueError):
        return None
    return claims


def _facts(claims: dict[str, Any]) -> TokenFacts:
    caches = _mapping(_mapping(claims.get(CLAIM)).get("caches"))
    if not caches:
        raise RefusedError(f"The token is no token of Attic: expected a JWT with the claim {CLAIM}.")
    names = sorted(caches)
    grants = tuple(
        tuple(sorted(right for right, granted in _mapping(caches[name]).items() if granted)) for name in names
    )
    rights = {right for granted in grants for right in granted}
    expires = _moment(claims.get("exp"))
    return TokenFacts(caches=tuple(names), rights=tuple(sorted(rights)), expires=expires, grants=grants)


def _key(secret_base64: Secret) -> _Key:
    """The key, and by its kind the algorithm: whatever is a PEM text is a private RSA key or is refused."""
    raw = _decoded(secret_base64)
    if raw is None:
        raise RefusedError(f"{_FIELD} can't be read: expected base64, as atticd's configuration has it.")
    if raw.lstrip().startswith(_PEM):
        private = _rsa(raw)
        if private is None:
            raise RefusedError(f"{_FIELD} is a PEM text, and no plain private RSA key: expected one, as atticd has it.")
        if private.key_size < _RSA_BITS:
            raise RefusedError(f"{_FIELD} is too weak: expected an RSA key of {_RSA_BITS} bits or more (RFC 7518 3.3).")
        return _Key("RS256", private, private.public_key())
    if len(raw) < _KEY_BYTES:
        raise RefusedError(f"{_FIELD} is too short: expected at least {_KEY_BYTES} bytes (RFC 7518 section 3.2).")
    return _Key("HS256", raw, raw)


def _decoded(secret_base64: Secret) -> bytes | None:
    """The bytes, or None: the error of the decoder is not passed on, since it may quote the secret."""
    try:
        return b64decode(secret_base64.reveal().strip(), validate=True)
    except ValueError:
        return None


def _rsa(pem: bytes) -> "RSAPrivateKey | None":
    """A private RSA key of PKCS #1 or PKCS #8, not encrypted, or None; errors are not passed on, as above."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  # heavy, and for this kind alone
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415  # the same
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415  # the same

    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPrivateKey) else None


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(value, tz=UTC) if isinstance(value, int | float) else None
    except (OverflowError, OSError, ValueError):
        return None
