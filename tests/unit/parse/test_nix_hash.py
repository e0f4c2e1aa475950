import base64
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import ForeignTextError
from gate.parse.store_path import ALPHABET, base64_bytes, from_nix32, sha256_nix32, to_nix32

# printf hello | sha256sum; nix hash to-base32
HEX = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
NIX32 = "094qif9n4cq4fdg459qzbhg1c6wywawwaaivx0k0x8xhbyx4vwic"
BASE64 = base64.b64encode(bytes.fromhex(HEX)).decode()


def test_known_digests() -> None:
    assert to_nix32(bytes.fromhex(HEX)) == NIX32
    assert from_nix32(NIX32) == bytes.fromhex(HEX)
    assert to_nix32(b"") == ""
    assert from_nix32("") == b""
    assert to_nix32(bytes(20)) == "0" * 32
    assert to_nix32(b"\x01") == "01"


@pytest.mark.parametrize("text", [f"sha256:{HEX}", f"sha256:{NIX32}", f"sha256:{BASE64}", f"sha256-{BASE64}"])
def test_every_form_becomes_one(text: str) -> None:
    assert sha256_nix32(text) == f"sha256:{NIX32}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEX,
        NIX32,
        BASE64,
        "sha256:",
        "sha256-",
        f"sha256-{HEX}",
        f"sha256-{NIX32}",
        f"sha256:{HEX.upper()}",
        f"sha256:{HEX[:-1]}",
        f"sha256:{HEX}0",
        f"sha256:{NIX32[:-1]}",
        f"sha256:{NIX32[:-1]}e",
        f"sha256:z{NIX32[1:]}",
        f"sha256:{NIX32}\n",
        f"sha256-{BASE64}\n",
        f"sha256-{BASE64}?opt",
        f"sha256-{BASE64} sha256-{BASE64}",
        f"sha256-{BASE64[:-1]}",
        f"sha256-{BASE64[:-2]}N=",  # the same bytes, with padding bits that a canonical writer leaves 0
        "sha256-" + base64.b64encode(bytes(31)).decode(),
        "sha256-" + base64.b64encode(bytes(33)).decode(),
        "sha256-é" + BASE64[1:],
        f"sha512:{HEX}{HEX}",
        f"sha1:{HEX[:40]}",
        f"md5:{HEX[:32]}",
        f"SHA256:{HEX}",
        f" sha256:{HEX}",
    ],
)
def test_everything_else_is_foreign(text: str) -> None:
    with pytest.raises(ForeignTextError, match="is not"):
        sha256_nix32(text)


@pytest.mark.parametrize("text", ["e", "0A", "01\n", "0", "80", "zz", "0" * 51, "0" * 54])
def test_nix32_that_writes_no_digest(text: str) -> None:
    with pytest.raises(ForeignTextError, match="is not Nix base 32"):
        from_nix32(text)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=70))
def test_nix32_there_and_back(digest: bytes) -> None:
    text = to_nix32(digest)
    assert set(text) <= set(ALPHABET)
    assert from_nix32(text) == digest


@settings(deadline=None, max_examples=200)
@given(st.text(ALPHABET, max_size=60))
def test_nix32_has_one_text_for_each_digest(text: str) -> None:
    try:
        digest = from_nix32(text)
    except ForeignTextError:
        return
    assert to_nix32(digest) == text


@settings(deadline=None, max_examples=100)
@given(st.binary(min_size=32, max_size=32))
def test_the_forms_agree(digest: bytes) -> None:
    plain = base64.b64encode(digest).decode()
    forms = [f"sha256:{digest.hex()}", f"sha256:{to_nix32(digest)}", f"sha256:{plain}", f"sha256-{plain}"]
    assert {sha256_nix32(form) for form in forms} == {f"sha256:{to_nix32(digest)}"}
    assert base64_bytes(plain, 32) == digest
    assert base64_bytes(plain, 31) is None


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.text(), st.text().map(lambda tail: f"sha256:{tail}"), st.text().map(lambda tail: f"sha256-{tail}")))
def test_any_text_is_a_hash_or_foreign(text: str) -> None:
    with suppress(ForeignTextError):
        assert len(sha256_nix32(text)) == 59
