import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.parse.nar import NarShape
from tests.helpers.nars import File, Folder, Link, Tree, file_nar, nar, string

entry_names = st.text("abc.-_é", min_size=1, max_size=9)
trees = st.recursive(
    st.builds(File, st.binary(max_size=40), st.booleans()) | st.builds(Link, st.text("a/.", min_size=1, max_size=20)),
    lambda children: st.builds(Folder, st.dictionaries(entry_names, children, max_size=3)),
    max_leaves=8,
)


def shape_of(data: bytes, piece_bytes: int = 1 << 20) -> NarShape:
    shape = NarShape()
    for at in range(0, len(data), piece_bytes):
        shape.feed(data[at : at + piece_bytes])
    return shape


def words(*texts: bytes) -> bytes:
    return b"".join(map(string, texts))


HEAD = words(b"nix-archive-1", b"(", b"type")


@pytest.mark.parametrize(
    "tree",
    [
        File(b""),
        File(b"12345678"),
        File(b"x", executable=True),
        Link("/target"),
        Folder(),
        Folder({"a": Folder(), "b": Folder({"c": File(b"x"), "d": Folder({"e": Link("f")})}), "g": File(b"")}),
    ],
)
def test_a_nar_is_whole(tree: Tree) -> None:
    shape = shape_of(nar(tree))
    assert (shape.whole, shape.broken) == (True, False)


def test_a_file_may_lack_contents() -> None:
    assert shape_of(HEAD + words(b"regular", b")")).whole


def test_a_deep_nar_needs_no_deep_stack() -> None:
    tree: Tree = File(b"x")
    for _ in range(300):
        tree = Folder({"d": tree})
    assert shape_of(nar(tree)).whole


@pytest.mark.parametrize(
    "data",
    [
        b"<html><body>not found</body></html>",
        bytes(8),
        words(b"nix-archive-2"),
        words(b"nix-archive-1", b")"),
        words(b"nix-archive-1", b"(", b"kind"),
        HEAD + words(b"fifo"),
        HEAD + words(b"regular", b"executable", b"x"),
        HEAD + words(b"regular", b"target"),
        HEAD + words(b"regular", b"contents", b"x", b"("),
        HEAD + words(b"symlink", b"contents"),
        HEAD + words(b"symlink", b"target", b"x", b"("),
        HEAD + words(b"directory", b"node"),
        HEAD + words(b"directory", b"entry", b")"),
        HEAD + words(b"directory", b"entry", b"(", b"node"),
        HEAD + words(b"directory", b"entry", b"(", b"name", b"x", b")"),
        HEAD + words(b"directory", b"entry", b"(", b"name", b"x", b"node", b"(", b"type", b"directory", b")", b"("),
        HEAD + words(b"directory", b"entry", b"(", b"name", b"x", b"node", b"(", b"type", b"regular", b")", b"("),
        file_nar(b"abc").replace(b"abc\0", b"abc\1"),
        HEAD[:-1] + b"\1",
        file_nar(b"x") + b"\0",
        (2**63).to_bytes(8, "little"),
    ],
)
def test_what_can_be_no_nar_is_broken(data: bytes) -> None:
    for piece_bytes in (1, 1 << 20):
        shape = shape_of(data, piece_bytes)
        assert (shape.whole, shape.broken) == (False, True)
        shape.feed(b"more")
        assert (shape.whole, shape.broken) == (False, True)


@settings(deadline=None, max_examples=80)
@given(trees, st.integers(1, 30), st.data())
def test_every_cut_needs_more_and_every_tail_is_too_much(tree: Tree, piece_bytes: int, data: st.DataObject) -> None:
    whole = nar(tree)
    assert shape_of(whole, piece_bytes).whole
    cut = shape_of(whole[: data.draw(st.integers(0, len(whole) - 1))], piece_bytes)
    assert (cut.whole, cut.broken) == (False, False)
    assert shape_of(whole + data.draw(st.binary(min_size=1, max_size=9)), piece_bytes).broken


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes(data: bytes, headed: bool) -> None:
    shape = shape_of(HEAD + data if headed else data)
    assert not (shape.whole and shape.broken)
