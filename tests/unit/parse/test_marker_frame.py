from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import ForeignTextError
from gate.model.kube import MarkerEntry, MarkerFrame
from gate.parse.exec_frames import newest_frame, parse_frame

RECORDS = (
    b"directory /data",
    b"directory /data/x 64769",
    b"absent /data/attic",
    b"error /data/x ls: /data/x: I/O error\nagain",
    b'format {"id":\n1}',
)


def framed(records: tuple[bytes, ...] = RECORDS, nonce: str = "n-1", **foreign_excerpt: str) -> bytes:
    content = b"".join(record + b"\0" for record in records)
    count = foreign_excerpt.get("count", str(len(records)))
    digest = foreign_excerpt.get("digest", sha256(content).hexdigest())
    start, end = (
        f"gate-markers START {nonce}\n",
        f"COUNT {count} SHA256 {digest} END {foreign_excerpt.get('end', nonce)}\n",
    )
    return start.encode() + content + end.encode()


WHOLE = MarkerFrame(
    looks=(
        MarkerEntry(path="/data", kind="directory"),
        MarkerEntry(path="/data/x", kind="directory", device="64769"),
        MarkerEntry(path="/data/attic", kind="absent"),
        MarkerEntry(path="/data/x", kind="error", text="ls: /data/x: I/O error\nagain"),
    ),
    format=b'{"id":\n1}',
)


def test_a_whole_answer() -> None:
    assert parse_frame(framed(), "n-1") == WHOLE


def test_banners_around_the_frame_are_ignored() -> None:
    banner = b'Defaulted container "rustfs" out of: rustfs, sidecar (init)\nWelcome!\n'
    assert parse_frame(banner + framed() + banner, "n-1") == WHOLE


def test_every_cut_point_is_unknown() -> None:
    whole = framed()
    for cut in range(len(whole)):
        with pytest.raises(ForeignTextError, match=r"begins 0 times|has no end"):
            parse_frame(whole[:cut], "n-1")


def test_every_lost_byte_is_unknown() -> None:
    whole = framed()
    for at in range(len(whole)):
        with pytest.raises(ForeignTextError):
            parse_frame(whole[:at] + whole[at + 1 :], "n-1")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "begins 0 times"),
        (framed() * 2, "begins 2 times"),
        (framed(nonce="n-2"), "begins 0 times"),
        (framed(end="n-2"), "has no end: it was cut"),
        (framed(count="4"), "does not have its own sha256 and count"),
        (framed(digest="0" * 64), "does not have its own sha256 and count"),
        (framed(digest="none"), "the container has no sha256sum"),
        (framed(()), "does not have its own sha256 and count"),
        (framed((b"directory data",)), "gave 'directory data': expected a kind and an absolute path"),
        (framed((b"strange /data",)), "gave 'strange /data'"),
        (framed((b"directory /data and more",)), "gave 'directory /data and more'"),
        (framed((b"directory /data 64769 1",)), "gave 'directory /data 64769 1'"),
        (framed((b"file /data 64769",)), "gave 'file /data 64769'"),
        (framed((b"",)), "gave ''"),
        (framed((b"\xff\xfe /data",)), r"gave '\\\\xff\\\\xfe /data'"),
    ],
)
def test_what_is_no_answer(data: bytes, message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        parse_frame(data, "n-1")


def test_a_format_that_is_given_twice_is_none() -> None:
    assert parse_frame(framed((b"directory /data", b"format a", b"format b")), "n-1").format is None


def test_a_long_error_is_cut() -> None:
    looked = parse_frame(framed((b"error /data " + b"x" * 9000,)), "n-1").looks[0]
    assert len(looked.text) == 2048


def test_the_newest_answer_of_a_log() -> None:
    old, new = framed((b"absent /data",), nonce="1-1"), framed(nonce="1-2")
    assert newest_frame(old + new) == WHOLE
    assert newest_frame(old + new + new[:40]) == WHOLE
    for cut in range(len(new)):
        assert newest_frame(old + new[:cut]).looks == (MarkerEntry(path="/data", kind="absent"),)


@pytest.mark.parametrize("data", [b"", b"lines\n", framed()[:-1]])
def test_a_log_without_an_answer(data: bytes) -> None:
    with pytest.raises(ForeignTextError, match="the log has no whole answer"):
        newest_frame(data)


def test_a_damaged_newest_answer_is_not_passed_over() -> None:
    with pytest.raises(ForeignTextError, match="its own sha256"):
        newest_frame(framed(nonce="1") + framed(nonce="2", digest="0" * 64))


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_foreign(before: bytes, after: bytes) -> None:
    for data in (before, before + framed()[:-1] + after):
        try:
            parse_frame(data, "n-1")
        except ForeignTextError:
            continue
        assert after.startswith(b"\n")
