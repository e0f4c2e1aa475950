import pytest

from gate.parse.text import LineSplitter, decode, strip_escapes


def _lines(data: bytes, chunk: int, cap: int = 8) -> tuple[list[bytes], bytes]:
    splitter = LineSplitter(cap)
    lines: list[bytes] = []
    for start in range(0, len(data), chunk):
        lines += splitter.feed(data[start : start + chunk])
    return lines, splitter.rest()


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 100])
def test_lines_are_cut_at_line_feeds_alone_and_at_the_cap_whatever_the_chunks(chunk: int) -> None:
    data = b"one\n\n\x0b\x0c\x1c\r\n12345678\n123456789\n1234567890123\n\xe2\x80\xa8x\nrest of it, long"
    lines, rest = _lines(data, chunk)
    assert lines == [b"one", b"", b"\x0b\x0c\x1c\r", b"12345678", b"123456789", b"123456789", b"\xe2\x80\xa8x"]
    assert rest == b"rest of i"


def test_a_chunk_larger_than_the_read_size_gives_the_same_lines() -> None:
    data = b"".join(b"line %d\n" % number for number in range(60_000))
    assert _lines(data, len(data), cap=64) == ([b"line %d" % number for number in range(60_000)], b"")


def test_escapes_are_stripped_and_bad_utf_8_stays_readable() -> None:
    assert strip_escapes(b"\x1b[31;1merror:\x1b[0m \x1b]0;title\x07x\x1b]8;;u\x1b\\y\x1b7z") == b"error: xyz"
    assert strip_escapes(b"plain [31m") == b"plain [31m"
    assert decode(b"a\xff\xe2\x9c\x85\x00") == "a\\xff✅\x00"
