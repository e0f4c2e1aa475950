import base64
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from gate.errors import RefusedError
from gate.model.basics import Secret
from gate.token import CLAIM, TokenFacts, mint, read_claims

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = Secret(base64.b64encode(KEY).decode())
NOW = datetime(2026, 11, 24, 5, 0, 0, 900_000, tzinfo=UTC)
AT = int(NOW.timestamp())


def minted(**rest: Any) -> Secret:
    given: dict[str, Any] = {"secret_base64": SECRET, "cache": "main", "rights": {"r", "w"}, "seconds": 900, "now": NOW}
    return mint(**(given | rest))


def test_claims_and_signature() -> None:
    token = minted()
    assert jwt.get_unverified_header(token.reveal()) == {"alg": "HS256", "typ": "JWT"}
    assert jwt.decode(
        token.reveal(),
        KEY,
        algorithms=["HS256"],
        options={"verify_nbf": False, "verify_exp": False, "verify_iat": False},
    ) == {
        "sub": "publication-gate",
        "iat": AT - 60,
        "nbf": AT - 60,
        "exp": AT + 900,
        CLAIM: {"caches": {"main": {"r": 1, "w": 1}}},
    }


def test_a_token_for_reading_has_no_right_to_push() -> None:
    assert jwt.decode(minted(rights={"r"}).reveal(), options={"verify_signature": False})[CLAIM] == {
        "caches": {"main": {"r": 1}}
    }


def test_the_rights_are_present_only_in_the_claim_of_attic() -> None:
    assert CLAIM == "https://jwt.attic.rs/v1"


@pytest.mark.parametrize("cache", ["*", "main*", "", "a b", "main/x", "-main", "x" * 51, "main\n"])
def test_only_one_plain_cache_name(cache: str) -> None:
    with pytest.raises(RefusedError, match="the name of one cache, without wildcards"):
        minted(cache=cache)


@pytest.mark.parametrize("rights", [set(), {"w"}, {"r", "d"}, {"r", "w", "cc"}])
def test_only_reading_or_pushing(rights: set[str]) -> None:
    with pytest.raises(RefusedError, match="expected r, or r and w"):
        minted(rights=rights)


@pytest.mark.parametrize("seconds", [0, -1, 901])
def test_only_a_short_life(seconds: int) -> None:
    with pytest.raises(RefusedError, match="expected 1 to 900"):
        minted(seconds=seconds)


@pytest.mark.parametrize("text", ["not base64 at all!", "QUJD*Q==", "QUJDR", "geheim-geheim-geheim\u00e9"])
def test_a_secret_that_is_no_base64_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(RefusedError) as raised:
        minted(secret_base64=Secret(text))
    assert str(raised.value) == (
        "The token secret (base64) can't be read: expected base64, as atticd's configuration has it."
    )
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_a_secret_that_is_too_short_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"The token secret \(base64\) is too short: expected at least 32 bytes"):
        minted(secret_base64=Secret(base64.b64encode(KEY[:31]).decode()))


def test_a_line_break_after_the_secret_does_no_harm() -> None:
    assert minted(secret_base64=Secret(SECRET.reveal() + "\n")) == minted()


def test_what_a_token_says_of_itself() -> None:
    assert read_claims(minted()) == TokenFacts(
        caches=("main",), rights=("r", "w"), expires=datetime(2026, 11, 24, 5, 15, tzinfo=UTC)
    )


def test_a_foreign_token_with_several_caches() -> None:
    claims = {CLAIM: {"caches": {"b-*": {"r": 1, "w": 0}, "a": {"cc": 1}, "odd": 7}}, "exp": 10**30, "nbf": 10**12}
    assert read_claims(Secret(jwt.encode(claims, KEY, algorithm="HS256"))) == TokenFacts(
        caches=("a", "b-*", "odd"), rights=("cc", "r"), expires=None
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
