import base64
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import ForeignTextError
from gate.parse.narinfo import fingerprint, key_name, public_key, trusts, verify

# A public narinfo of cache.nixos.org (quoted in https://github.com/nix-community/lila/issues/4) and that cache's key.
PATH = "/nix/store/5lrsc92ci8mk4bm2g08x00lqb5siw26j-linux-5.10.105"
NAR_HASH = "sha256:0k16qm8j5np49idnq3g0js2brarwjbvqcl9mpn84qzky2hrb861h"
SIGNATURE = "cache.nixos.org-1:rXoVjXzZxG8AfXEjnkZg0mRTjkw4phcVTnGaxd8cAfqNQ0+uw2lz9NXpfjow0A0FXbsaC3hgL/ZXYBteV1jXDA=="
KEY = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
PRINT = fingerprint(PATH, NAR_HASH, 83173784, [])

A = "/nix/store/0d71ygfwbmy1xjlbj1v027dfmy9cqavy-libffi-3.3"
B = "/nix/store/0dbbrvlw2rahvzi69bmpqy1z9mvzg62s-gdbm-1.19"


def make_key(seed: int, name: str = "t-1") -> tuple[Ed25519PrivateKey, str]:
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return private, f"{name}:{base64.b64encode(private.public_key().public_bytes_raw()).decode()}"


def sign(private: Ed25519PrivateKey, message: bytes, name: str = "t-1") -> str:
    return f"{name}:{base64.b64encode(private.sign(message)).decode()}"


def test_a_signature_of_the_real_cache() -> None:
    assert fingerprint(PATH, NAR_HASH, 83173784, []) == f"1;{PATH};{NAR_HASH};83173784;".encode()
    assert verify(PRINT, SIGNATURE, [KEY])
    assert not verify(fingerprint(PATH, NAR_HASH, 83173785, []), SIGNATURE, [KEY])
    assert not verify(fingerprint(PATH, NAR_HASH, 83173784, [PATH]), SIGNATURE, [KEY])


def test_references_are_a_set_in_order() -> None:
    expected = f"1;{PATH};{NAR_HASH};7;{A},{B}".encode()
    assert fingerprint(PATH, NAR_HASH, 7, [B, A]) == expected
    assert fingerprint(PATH, NAR_HASH, 7, (A, B, A)) == expected


def test_the_hash_may_be_written_in_any_form() -> None:
    # as Attic's narinfos have it: base 16
    hex_form = "sha256:" + bytes(32).hex()
    assert fingerprint(PATH, hex_form, 7, []) == f"1;{PATH};sha256:{'0' * 52};7;".encode()


@pytest.mark.parametrize(("path", "references"), [("x", []), (PATH, ["0d71ygfwbmy1xjlbj1v027dfmy9cqavy-libffi-3.3"])])
def test_a_fingerprint_is_of_full_paths_only(path: str, references: list[str]) -> None:
    with pytest.raises(ForeignTextError, match="is not a store path"):
        fingerprint(path, NAR_HASH, 7, references)


def test_the_key_is_found_among_others() -> None:
    one, one_key = make_key(1)
    _, other_key = make_key(2)
    _, third_key = make_key(3, "t-3")
    signature = sign(one, b"message")
    assert verify(b"message", signature, [third_key, other_key, one_key])
    assert not verify(b"message", signature, [third_key, other_key])
    assert not verify(b"message", signature, [])


def test_the_name_must_be_the_keys() -> None:
    private, key = make_key(1)
    assert not verify(b"message", sign(private, b"message", "t-2"), [key])
    assert not verify(b"message", sign(private, b"message", "T-1"), [key])


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "t-1",
        "t-1:",
        ":" + "A" * 86 + "==",
        "t-1:" + "A" * 85 + "==",
        "t-1:" + "A" * 86,
        "t-1:" + "A" * 86 + "==\n",
        "t-1:" + "A" * 85 + "B==",
        "t-1:" + base64.b64encode(bytes(63)).decode(),
        "t-1:" + base64.b64encode(bytes(64)).decode(),
        "t 1:" + base64.b64encode(bytes(64)).decode(),
        "t-1:t-1:" + base64.b64encode(bytes(64)).decode(),
    ],
)
def test_a_malformed_signature_is_none(signature: str) -> None:
    assert not verify(b"message", signature, [make_key(1)[1]])


@pytest.mark.parametrize(
    "key",
    [
        "",
        "t-1",
        "t-1:",
        KEY.partition(":")[2],
        ":" + KEY.partition(":")[2],
        KEY + "\n",
        KEY[:-1],
        "t-1:" + base64.b64encode(bytes(31)).decode(),
        "t-1:" + base64.b64encode(bytes(64)).decode(),
    ],
)
def test_a_malformed_key_is_refused_even_when_another_fits(key: str) -> None:
    with pytest.raises(ForeignTextError, match="is not a public key: expected <name>:<base 64 of 32 bytes>"):
        verify(PRINT, SIGNATURE, [KEY, key])


def test_names() -> None:
    assert key_name(SIGNATURE) == "cache.nixos.org-1"
    assert key_name("a:b:c") == "a"
    assert [key_name(text) for text in ("", "a", ":b", "a b:c", "é:c", "a\n:c")] == [None] * 6
    assert public_key(KEY) == ("cache.nixos.org-1", base64.b64decode(KEY.partition(":")[2]))


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200), st.integers(0, 511), st.integers(1, 255))
def test_any_flipped_bit_is_caught(message: bytes, bit: int, seed: int) -> None:
    private, key = make_key(seed)
    raw = bytearray(private.sign(message))
    assert verify(message, f"t-1:{base64.b64encode(bytes(raw)).decode()}", [key])
    raw[bit // 8] ^= 1 << bit % 8
    assert not verify(message, f"t-1:{base64.b64encode(bytes(raw)).decode()}", [key])
    assert not verify(message + b"x", sign(private, message), [key])


@settings(deadline=None, max_examples=100)
@given(st.text(), st.text(), st.binary(max_size=40))
def test_any_text_is_no_signature_and_no_key(signature: str, key: str, message: bytes) -> None:
    assert not verify(message, signature, [])
    with suppress(ForeignTextError):
        assert not verify(message, signature, [key])


def test_of_keys_of_one_name_nix_trusts_the_first() -> None:
    _, old = make_key(1)
    _, new = make_key(2)
    _, other = make_key(2, "t-2")
    assert trusts([other, old], old)
    assert trusts([new, old], new)
    assert not trusts([new, old], old)
    assert not trusts([other], new)
    assert not trusts([], new)
