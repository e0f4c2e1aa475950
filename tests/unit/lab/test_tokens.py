"""The lab's tokens carry Attic's claims and nothing more."""

import base64
import time

import jwt
import pytest

from gate.lab.place import CLAIM, Mint
from gate.model.basics import Secret


def claims(mint: Mint, token: Secret, *, check: bool = True) -> dict[str, object]:
    key = base64.b64decode(mint.key.reveal())
    result: dict[str, object] = jwt.decode(
        token.reveal(), key, algorithms=["HS256"], options={"verify_exp": check, "verify_nbf": check}
    )
    return result


def test_each_mint_has_a_secret_of_its_own() -> None:
    one, two = Mint(), Mint()
    assert len(base64.b64decode(one.key.reveal())) == 64
    with pytest.raises(jwt.InvalidSignatureError):
        claims(two, one.admin())


def test_push_may_write_and_read_may_not() -> None:
    mint = Mint()
    assert claims(mint, mint.push(("a", "b")))[CLAIM] == {"caches": {"a": {"r": 1, "w": 1}, "b": {"r": 1, "w": 1}}}
    assert claims(mint, mint.read(("a",)))[CLAIM] == {"caches": {"a": {"r": 1}}}


def test_an_admin_may_make_caches_of_any_name() -> None:
    mint = Mint()
    assert claims(mint, mint.admin())[CLAIM] == {
        "caches": {"*": {"r": 1, "w": 1, "d": 1, "cc": 1, "cr": 1, "cq": 1, "cd": 1}}
    }


def test_tokens_are_back_dated_since_attic_tolerates_no_skew() -> None:
    mint = Mint()
    result = claims(mint, mint.read(("a",)))
    assert int(str(result["nbf"])) <= time.time() - 59


def test_an_expired_token_is_one_whose_time_is_over_and_nothing_else() -> None:
    mint = Mint()
    token = mint.push(("a",), seconds=-60)
    with pytest.raises(jwt.ExpiredSignatureError):
        claims(mint, token)
    result = claims(mint, token, check=False)
    assert int(str(result["nbf"])) < int(str(result["exp"])) <= time.time() - 59
