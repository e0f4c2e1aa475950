import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import ForeignTextError
from gate.parse.store_path import base_name, from_base_name, hash_part, store_hash, store_path

HASH = "bpp32kp401f40ggfd62nfhnws7q301ki"
NAME = "runner-dashboard-0.1.0"
PATH = f"/nix/store/{HASH}-{NAME}"

hashes = st.text("0123456789abcdfghijklmnpqrsvwxyz", min_size=32, max_size=32)
names = st.from_regex(r"[0-9a-zA-Z+_?=][0-9a-zA-Z+._?=-]{0,210}", fullmatch=True)


def test_a_path_is_given_back_and_taken_apart() -> None:
    assert store_path(PATH) == PATH
    assert base_name(PATH) == f"{HASH}-{NAME}"
    assert hash_part(PATH) == HASH
    assert store_hash(HASH) == HASH
    assert from_base_name(f"{HASH}-{NAME}") == PATH
    assert from_base_name(f"{HASH}-x", "/other/store") == f"/other/store/{HASH}-x"


@pytest.mark.parametrize("name", ["a", "A+.-_?=9", "...", ".a", "..a", "-", "--x", "x" * 211, "x.drv", ".hidden-1"])
def test_every_name_that_nix_allows(name: str) -> None:
    assert store_path(f"/nix/store/{HASH}-{name}") == f"/nix/store/{HASH}-{name}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        HASH,
        f"{HASH}-{NAME}",
        "/nix/store/",
        f"/nix/store/{HASH}",
        f"/nix/store/{HASH}-",
        f"/nix/store/{HASH}-{'x' * 212}",
        f"/nix/store/{HASH}-.",
        f"/nix/store/{HASH}-..",
        f"/nix/store/{HASH}-.-x",
        f"/nix/store/{HASH}-..-x",
        f"/nix/store/{HASH}-a/b",
        f"/nix/store/{HASH}-a b",
        f"/nix/store/{HASH}-a\n",
        f"/nix/store/{HASH}-a\u0661",
        f"/nix/store/{HASH}-é",
        f"/nix/store/{HASH[:-1]}-x",
        f"/nix/store/{HASH}0-x",
        f"/nix/store/{HASH[:-1]}e-x",
        f"/nix/store/{HASH.upper()}-x",
        f"/nix/store//{HASH}-x",
        f"/other/store/{HASH}-x",
        f" /nix/store/{HASH}-x",
    ],
)
def test_everything_else_is_foreign(text: str) -> None:
    with pytest.raises(ForeignTextError, match="is not a store path: expected /nix/store/<hash>-<name>"):
        store_path(text)


@pytest.mark.parametrize("name", ["", "x", PATH, f"{HASH}-", f"{HASH}-a\n", f"../{HASH}-a"])
def test_a_base_name_is_checked(name: str) -> None:
    with pytest.raises(ForeignTextError, match="is not the base name of a store path"):
        from_base_name(name)


@pytest.mark.parametrize("text", ["", HASH[:-1], f"{HASH}0", f"{HASH[:-1]}u", f"{HASH}\n"])
def test_a_hash_part_is_checked(text: str) -> None:
    with pytest.raises(ForeignTextError, match="is not the hash of a store path"):
        store_hash(text)


def test_the_message_can_neither_be_long_nor_break_a_line() -> None:
    with pytest.raises(ForeignTextError) as caught:
        store_path("::error::x\r\n\x1b[31m" + "y" * 9999)
    assert len(str(caught.value)) < 250
    assert str(caught.value).isprintable()


@settings(deadline=None, max_examples=100)
@given(hashes, names)
def test_taking_apart_and_putting_together(hash_text: str, name: str) -> None:
    path = from_base_name(f"{hash_text}-{name}")
    assert store_path(path) == path
    assert (hash_part(path), base_name(path)) == (hash_text, f"{hash_text}-{name}")


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.text(), st.text().map(lambda tail: f"/nix/store/{tail}")))
def test_any_text_is_a_path_or_foreign(text: str) -> None:
    try:
        assert store_path(text) == text
    except ForeignTextError:
        return
    assert text.isascii()
    assert "\n" not in text
