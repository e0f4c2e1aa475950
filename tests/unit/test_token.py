import base64
import hmac
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from gate.errors import RefusedError
from gate.model.basics import Secret
from gate.token import CLAIM, TokenFacts, mint, read_claims, verify

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = Secret(base64.b64encode(KEY).decode())
OTHER = Secret(base64.b64encode(KEY[::-1]).decode())
NOW = datetime(2026, 11, 24, 5, 0, 0, 900_000, tzinfo=UTC)
AT = int(NOW.timestamp())
RSA = rsa.generate_private_key(65537, 2048)
TRADITIONAL, PKCS8 = PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8
PUBLIC_PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
FACTS = TokenFacts(caches=("main",), rights=("r",), expires=datetime(2026, 11, 24, 5, 15, tzinfo=UTC), grants=(("r",),))


def secret_of(raw: bytes) -> Secret:
    return Secret(base64.b64encode(raw).decode())


def pem(key: Any, form: PrivateFormat = PKCS8, *, password: bytes | None = None) -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    result: bytes = key.private_bytes(Encoding.PEM, form, encryption)
    return result


RS_SECRET = secret_of(pem(RSA, TRADITIONAL))  # as `openssl genrsa -traditional | base64` makes it


def minted(**rest: Any) -> Secret:
    value: dict[str, Any] = {"secret_base64": SECRET, "cache": "main", "seconds": 900, "now": NOW}
    return mint(**(value | rest))


def claims_of(**changes: Any) -> dict[str, Any]:
    plain = {"sub": "x", "iat": AT - 60, "nbf": AT - 60, "exp": AT + 900, CLAIM: {"caches": {"main": {"r": 1}}}}
    return {name: value for name, value in {**plain, **changes}.items() if value is not None}


def unverified(token: Secret) -> dict[str, Any]:
    result: dict[str, Any] = jwt.decode(token.reveal(), options={"verify_signature": False})
    return result


@pytest.mark.row("JWT-04")
@pytest.mark.parametrize(
    ("secret", "algorithm", "key"), [(SECRET, "HS256", KEY), (RS_SECRET, "RS256", PUBLIC_PEM)], ids=["HS256", "RS256"]
)
def test_claims_and_signature(secret: Secret, algorithm: str, key: bytes) -> None:
    token = minted(secret_base64=secret)
    assert jwt.get_unverified_header(token.reveal()) == {"alg": algorithm, "typ": "JWT"}
    assert jwt.decode(
        token.reveal(),
        key,
        algorithms=[algorithm],
        options={"verify_nbf": False, "verify_exp": False, "verify_iat": False},
    ) == {
        "sub": "publication-gate",
        "iat": AT - 60,
        "nbf": AT - 60,
        "exp": AT + 900,
        CLAIM: {"caches": {"main": {"r": 1}}},
    }


@pytest.mark.row("JWT-04")
@pytest.mark.parametrize("ahead", [0, 5, 59])
def test_a_clock_that_is_ahead_makes_no_token_of_the_future(ahead: int) -> None:
    """A verifier without any tolerance, whose clock is right, takes it at once."""
    real = datetime.now(tz=UTC)
    token = minted(now=real + timedelta(seconds=ahead))
    assert jwt.decode(token.reveal(), KEY, algorithms=["HS256"], leeway=0)["nbf"] <= real.timestamp()
    assert verify(token, SECRET, cache="main", now=real + timedelta(seconds=ahead)).caches == ("main",)


@pytest.mark.row("JWT-04")
def test_without_the_back_dating_the_fault_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.limits.TOKEN_BACKDATE_SECONDS", 0)
    token = minted(now=datetime.now(tz=UTC) + timedelta(seconds=50))
    with pytest.raises(jwt.ImmatureSignatureError):
        jwt.decode(token.reveal(), KEY, algorithms=["HS256"], leeway=0)


@pytest.mark.row("JWT-07")
def test_its_only_right_is_to_read_the_one_cache() -> None:
    assert unverified(minted())[CLAIM] == {"caches": {"main": {"r": 1}}}
    assert CLAIM == "https://jwt.attic.rs/v1"


@pytest.mark.row("JWT-07")
@pytest.mark.parametrize("cache", ["*", "main*", "", "a b", "main/x", "-main", "x" * 51, "main\n"])
def test_only_one_plain_cache_name(cache: str) -> None:
    with pytest.raises(RefusedError, match="the name of one cache, without wildcards") as refused:
        minted(cache=cache)
    assert refused.value.exit_code == 2


@pytest.mark.row("JWT-06")
@pytest.mark.parametrize("seconds", [0, -1, 901, 10 * 365 * 86400])
def test_only_a_short_life(seconds: int) -> None:
    with pytest.raises(RefusedError, match="expected 1 to 900") as refused:
        minted(seconds=seconds)
    assert refused.value.exit_code == 2


# ------------------------------------------------------------------------------------------------------- the secret


@pytest.fixture
def quiet() -> Callable[[BaseException, str], None]:
    """Says that an error holds nothing of a secret, and drags no other error along."""

    def check(error: BaseException, secret: str) -> None:
        assert secret.strip() not in str(error) + repr(error)
        assert error.__cause__ is None
        assert error.__context__ is None

    return check


@pytest.mark.row("JWT-02")
@pytest.mark.parametrize(
    "text", ["!!canary!!", "not base64 at all!", "QUJD*Q==", "QUJDR", "geheim-geheim-geheim\u00e9"]
)
def test_a_secret_that_is_no_base64_is_refused_without_being_quoted(text: str, quiet: Any) -> None:
    with pytest.raises(RefusedError) as raised:
        minted(secret_base64=Secret(text))
    assert str(raised.value) == (
        "The token secret (base64) can't be read: expected base64, as atticd's configuration has it."
    )
    quiet(raised.value, text)


@pytest.mark.row("JWT-03")
@pytest.mark.parametrize("raw", [b"", KEY[:31]], ids=["empty", "short"])
def test_a_secret_that_is_too_short_is_refused(raw: bytes) -> None:
    with pytest.raises(RefusedError, match=r"The token secret \(base64\) is too short: expected at least 32 bytes"):
        minted(secret_base64=secret_of(raw))


@pytest.mark.row("JWT-03")
@pytest.mark.parametrize("secret", [SECRET, RS_SECRET])
def test_a_line_break_after_the_secret_does_no_harm(secret: Secret) -> None:
    assert minted(secret_base64=Secret(secret.reveal() + "\n")) == minted(secret_base64=secret)


@pytest.mark.parametrize("form", [TRADITIONAL, PKCS8])
def test_both_forms_of_an_rsa_key_are_one_key(form: PrivateFormat) -> None:
    assert minted(secret_base64=secret_of(pem(RSA, form))) == minted(secret_base64=RS_SECRET)
    assert minted(secret_base64=secret_of(b"\n" + pem(RSA, form) + b"\n")) == minted(secret_base64=RS_SECRET)


@pytest.mark.row("JWT-09")
@pytest.mark.parametrize(
    "raw",
    [
        PUBLIC_PEM,
        RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        pem(RSA, password=b"geheim"),
        pem(ec.generate_private_key(ec.SECP256R1())),
        pem(RSA).replace(b"PRIVATE", b"PRIVAT3"),
        pem(RSA)[:-100],
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ],
    ids=["public", "public-pkcs1", "encrypted", "ec", "unknown", "cut", "certificate"],
)
def test_a_pem_text_is_never_taken_for_the_bytes_of_an_hs256_secret(raw: bytes, quiet: Any) -> None:
    with pytest.raises(RefusedError, match="is a PEM text, and no plain private RSA key") as raised:
        minted(secret_base64=secret_of(raw))
    quiet(raised.value, secret_of(raw).reveal())


def test_a_weak_rsa_key_is_refused() -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505  # which is the point
    with pytest.raises(RefusedError, match="expected an RSA key of 2048 bits or more"):
        minted(secret_base64=secret_of(pem(weak)))


def test_a_key_made_ready_shows_nothing() -> None:
    from gate import token as module

    assert KEY.decode() not in repr(module._key(SECRET))


# ---------------------------------------------------------------------------------------------------- the own reader


@pytest.mark.parametrize("secret", [SECRET, RS_SECRET], ids=["HS256", "RS256"])
def test_the_own_reader_takes_what_was_minted(secret: Secret) -> None:
    assert verify(minted(secret_base64=secret), secret, cache="main", now=NOW) == FACTS


def test_the_own_reader_is_asked_before_a_token_is_given_away(monkeypatch: pytest.MonkeyPatch) -> None:
    real = jwt.encode
    monkeypatch.setattr(jwt, "encode", lambda claims, key, algorithm: real({**claims, "exp": AT}, key, algorithm))
    with pytest.raises(RefusedError, match="is not valid now"):
        minted()


def by_hand(header: dict[str, str], claims: dict[str, Any], sign: bytes | None) -> Secret:
    """A token that no library would make."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    result = b".".join(parts)
    signature = hmac.digest(sign, result, "sha256") if sign is not None else b""
    return Secret((result + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode())


CONFUSED = {
    "none": (by_hand({"alg": "none"}, claims_of(), None), SECRET),
    "None, with a signature": (by_hand({"alg": "None"}, claims_of(), KEY), SECRET),
    "none for RS256": (by_hand({"alg": "none"}, claims_of(), None), RS_SECRET),
    "HS256 by the public key": (by_hand({"alg": "HS256"}, claims_of(), PUBLIC_PEM), RS_SECRET),
    "RS256 said, HS256 made": (by_hand({"alg": "RS256"}, claims_of(), PUBLIC_PEM), RS_SECRET),
    "RS256 of another key": (
        Secret(jwt.encode(claims_of(), rsa.generate_private_key(65537, 2048), algorithm="RS256")),
        RS_SECRET,
    ),
    "RS256 for HS256": (Secret(jwt.encode(claims_of(), RSA, algorithm="RS256")), SECRET),
    "RS512 of the key": (Secret(jwt.encode(claims_of(), RSA, algorithm="RS512")), RS_SECRET),
    "HS512 of the secret": (Secret(jwt.encode(claims_of(), KEY * 2, algorithm="HS512")), secret_of(KEY * 2)),
    "HS256 of another secret": (minted(secret_base64=OTHER), SECRET),
    "no token": (Secret("garbage"), SECRET),
    "latin": (Secret("\u00e9.b.c"), SECRET),
}


@pytest.mark.row("JWT-09")
@pytest.mark.parametrize("name", CONFUSED)
def test_the_algorithm_is_the_secrets_and_never_the_tokens(name: str) -> None:
    token, secret = CONFUSED[name]
    kind = "RS256" if secret is RS_SECRET else "HS256"
    with pytest.raises(RefusedError, match=f"not signed by this secret with {kind}") as refused:
        verify(token, secret, cache="main", now=NOW)
    assert refused.value.exit_code == 2
    assert token.reveal() not in str(refused.value)
    assert refused.value.__context__ is None


@pytest.mark.row("JWT-09")
def test_the_confusions_are_ones() -> None:
    """The fault is active: a reader that lets the token choose takes two of them."""
    for name, key in (("HS256 by the public key", PUBLIC_PEM), ("HS512 of the secret", KEY * 2)):
        head, body, signature = CONFUSED[name][0].reveal().split(".")
        hashed = {"HS256": "sha256", "HS512": "sha512"}[name[:5]]
        signed = hmac.digest(key, f"{head}.{body}".encode(), hashed)
        assert base64.urlsafe_b64encode(signed).rstrip(b"=").decode() == signature
    assert unverified(CONFUSED["none"][0]) == claims_of()


@pytest.mark.parametrize("secret", [SECRET, RS_SECRET], ids=["HS256", "RS256"])
@pytest.mark.parametrize("bit", range(8))
def test_a_changed_token_is_refused(secret: Secret, bit: int) -> None:
    head, body, signature = minted(secret_base64=secret).reveal().split(".")
    claims = bytearray(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    claims[len(claims) // 2] ^= 1 << bit
    changed = base64.urlsafe_b64encode(bytes(claims)).rstrip(b"=").decode()
    with pytest.raises(RefusedError, match="not signed by this secret"):
        verify(Secret(f"{head}.{changed}.{signature}"), secret, cache="main", now=NOW)


@pytest.mark.row("JWT-07")
@pytest.mark.parametrize(
    "changes",
    [
        {CLAIM: {"caches": {"main": {"r": 1, "w": 1}}}},
        {CLAIM: {"caches": {"main": {"r": 1, "d": 1}}}},
        {CLAIM: {"caches": {"main": {"w": 1}}}},
        {CLAIM: {"caches": {"*": {"r": 1}}}},
        {CLAIM: {"caches": {"main": {"r": 1}, "other": {"r": 1}}}},
        {CLAIM: {"caches": {"other": {"r": 1}}}},
        {CLAIM: {"caches": {}}},
        {CLAIM: {"caches": {"main": {"r": 1}}, "more": 1}},
        {CLAIM: None},
        {"aud": "x"},
        {"sub": None},
    ],
    ids=str,
)
def test_a_token_with_more_than_the_one_right_is_refused(changes: dict[str, Any]) -> None:
    token = Secret(jwt.encode(claims_of(**changes), KEY, algorithm="HS256"))
    with pytest.raises(RefusedError, match="other claims than the right to read the one cache") as refused:
        verify(token, SECRET, cache="main", now=NOW)
    assert refused.value.exit_code == 2


@pytest.mark.row("JWT-06")
@pytest.mark.parametrize(
    "changes",
    [{"exp": AT + 901}, {"exp": AT + 10 * 365 * 86400}, {"exp": AT}, {"nbf": AT + 1}, {"exp": str(AT + 9)}],
    ids=str,
)
def test_a_token_out_of_its_time_or_with_a_long_one_is_refused(changes: dict[str, Any]) -> None:
    token = Secret(jwt.encode(claims_of(**changes), KEY, algorithm="HS256"))
    moment = datetime.fromtimestamp(AT, tz=UTC)
    with pytest.raises(RefusedError, match=r"not valid now, or for more than 900 s"):
        verify(token, SECRET, cache="main", now=moment)


# ------------------------------------------------------------------------------------------------ foreign tokens, shown


def test_what_a_token_says_of_itself() -> None:
    assert read_claims(minted()) == FACTS


def test_a_foreign_token_with_several_caches() -> None:
    claims = {CLAIM: {"caches": {"b-*": {"r": 1, "w": 0}, "a": {"cc": 1}, "odd": 7}}, "exp": 10**30, "nbf": 10**12}
    assert read_claims(Secret(jwt.encode(claims, KEY, algorithm="HS256"))) == TokenFacts(
        caches=("a", "b-*", "odd"), rights=("cc", "r"), expires=None, grants=(("cc",), ("r",), ())
    )


def encoded(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, KEY, algorithm="HS256")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "a.b.c",
        encoded({"sub": "x"}),
        encoded({CLAIM: []}),
        encoded({CLAIM: {"caches": {}}}),
        "\u00e9.b.c",
    ],
    ids=["empty", "word", "dots", "no claim", "list", "no cache", "latin"],
)
def test_what_is_no_token_of_attic(text: str) -> None:
    with pytest.raises(RefusedError, match="The token is no token of Attic"):
        read_claims(Secret(text))


def test_no_two_secrets_of_these_tests_are_one() -> None:
    assert len({sha256(secret.reveal().encode()).digest() for secret in (SECRET, OTHER, RS_SECRET)}) == 3
    assert re.match(rb"-----BEGIN RSA PRIVATE KEY-----\n", base64.b64decode(RS_SECRET.reveal()))
