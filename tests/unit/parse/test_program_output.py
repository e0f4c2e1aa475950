"""Wrappings of a program's output: the same bytes as before, whatever the pieces, and nothing lost."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.contract import pieces
from gate import limits
from gate.parse.program_output import JournalExport, ProgramOutput, is_export

TIME = b"2026-09-07T12:06:00.123456Z "
BARE = "one\n✅ two\nthree\n".encode()


def output(data: bytes) -> tuple[bytes, int]:
    """The output and the count of wrapped lines; the same in one piece and in many."""
    whole, parts = ProgramOutput(), ProgramOutput()
    text = whole.feed(data) + whole.finish()
    assert b"".join(parts.feed(piece) for piece in pieces(data)) + parts.finish() == text
    assert parts.lines == whole.lines
    return text, whole.lines


def field(name: bytes, text: bytes) -> bytes:
    return name + b"\n" + len(text).to_bytes(8, "little") + text + b"\n"


def headed(head: bytes) -> bytes:
    return b"".join(head + line for line in BARE.splitlines(keepends=True))


def in_frames(frame: Callable[[str], object]) -> bytes:
    return b"".join(json.dumps(frame(line)).encode() + b"\n" for line in BARE.decode().splitlines())


@pytest.mark.parametrize(
    "data",
    [
        headed(TIME),
        headed(b"job\tRun it\t\xef\xbb\xbf" + TIME),
        headed(TIME + b"0aE "),
        headed(b"Feb 03 19:30:32 mini push[7]: "),
        headed(b"2025-12-01T06:20:01+0000 mini push[77]: "),
        headed(b"[pod/push-0/push] " + TIME),
        headed(b"<27>1 2024-02-03T19:30:32.310145Z mini push 7 - - "),
        headed(TIME + b"stderr F "),
        in_frames(lambda line: {"log": line + "\n", "stream": "stderr", "time": "2026"}),
        in_frames(lambda line: {"__CURSOR": "s=1", "MESSAGE": list(line.encode())}),
        b"".join(b"__CURSOR=s\n_PID=7\nMESSAGE=" + line + b"\n\n" for line in BARE.splitlines()),
        b"".join(b"__CURSOR=s\n" + field(b"MESSAGE", line) + b"_PID=7\n\n" for line in BARE.splitlines()),
    ],
)
def test_the_bare_lines_of_each_wrapping(data: bytes) -> None:
    assert output(data) == (BARE, 3)
    assert output(b"\xef\xbb\xbf" + data) == (BARE, 3)


@pytest.mark.parametrize(
    "data", [BARE, b"", b"\n\n", b"a | b\n", b"x y z\n", b'{"action":"stop","id":1}\n', b"[1] x\n"]
)
def test_what_has_no_wrapping_stays(data: bytes) -> None:
    assert output(data) == (data, 0)


def test_lines_of_journalctl_itself_decide_nothing() -> None:
    first = b"-- Journal begins at Mon 2026-11-23 --\n\n"
    assert output(first + headed(b"Feb 03 19:30:32 mini push[7]: ")) == (first + BARE, 3)
    assert output(b"\n" * 20 + headed(TIME)) == (b"\n" * 20 + BARE, 3)
    assert output(b"\n" * 21 + headed(TIME)) == (b"\n" * 21 + headed(TIME), 0)


def test_at_most_four_heads_are_taken_off() -> None:
    head = b"Feb 03 19:30:32 mini push[7]: "
    assert output(head * 6 + b"x\n") == (head * 2 + b"x\n", 1)
    assert output(head) == (b"", 1)


def test_a_sentence_behind_a_time_is_no_head() -> None:
    text = b"Error running: x\n" + BARE
    assert output(b"".join(TIME + line for line in text.splitlines(keepends=True))) == (text, 4)


def test_gitlab_lines_are_continued_and_their_markers_taken_off() -> None:
    lines = [
        b"00O section_start:1716381826:step_script",
        b"00O+\x1b[0KExecuting",
        b"01E one ",
        b"01E+two",
        b"02O other",
        b"01E+three",
        b"00O section_end:1716381826:step_script\r\x1b[0Ksection_start:17:a[collapsed=true]\r\x1b[0KNext",
        b"00O a section_start:1:x",
    ]
    text = b"".join(TIME + line + b"\n" for line in lines)
    assert output(text) == (b"\x1b[0KExecuting\none two\nother\nthree\nNext\na section_start:1:x\n", 8)


def test_gitlab_without_times() -> None:
    first = b"\x1b[0KRunning with gitlab-runner 17.5.0 (abc)\x1b[0;m\n"
    marker = b"section_end:17:a\r\x1b[0Ksection_start:17:b\r\x1b[0K"
    assert output(first + marker + BARE) == (first + BARE, 0)
    assert output(marker + BARE) == (BARE, 0)


def test_a_last_line_without_its_end_stays_so() -> None:
    for start in (TIME, b"Feb 03 19:30:32 mini push[7]: ", TIME + b"stdout F "):
        assert output(start + b"a\n" + start + b"b") == (b"a\nb", 2)
    assert output(TIME + b"stdout P a\n" + TIME + b"stdout P b\n") == (b"ab", 2)
    assert output(TIME + b"stdout F a\n") == (b"a\n", 1)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"__CURSOR=s\nMESSAGE=cut", b"cut"),
        (b"__CURSOR=s\nPRIO", b"PRIO"),
        (b"__CURSOR=s\n" + field(b"MESSAGE", b"whole")[:-3], b"who"),
        (b"__CURSOR=s\n" + field(b"MESSAGE", b"whole")[:-1], b"whole"),
        (b"__CURSOR=s\nMESSAGE\n\x05\0", b"MESSAGE\n\x05\0"),
        (b"__CURSOR=s\n" + field(b"MESSAGE", b""), b"\n"),
        (b"__CURSOR=s\n" + field(b"DATA", b"MESSAGE=no\n"), b""),
        (b"__CURSOR=s\nDATA\n" + b"\xff" * 8 + BARE, b"the export of the journal ends within a field"),
        (b"__CURSOR=s\n\nnot a field\nMESSAGE=x\n", b"not a field\nx\n"),
        (b"__CURSOR=s\n" + field(b"MESSAGE", b"x")[:-1] + b"MESSAGE=y\n", b"xy\n"),
    ],
)
def test_damaged_exports_lose_nothing_silently(data: bytes, text: bytes) -> None:
    result = output(data)[0]
    assert result in (text, text.replace(b"xy", b"x\ny"))


def test_a_long_line_of_an_export_is_bounded() -> None:
    export = JournalExport()
    long = b"MESSAGE=" + b"x" * limits.NIX_EVENT_BYTES
    out = export.feed(b"__CURSOR=s\n" + long) + export.feed(b"x" * 99) + export.feed(b"\nMESSAGE=y\n")
    assert out == long[8 : limits.NIX_EVENT_BYTES + 1] + b"\ny\n"
    assert is_export(b"\xef\xbb\xbf__CURSOR=s")


@given(messages=st.lists(st.binary(max_size=40).filter(lambda text: b"\n" not in text), max_size=5))
def test_any_message_comes_out_of_an_export(messages: list[bytes]) -> None:
    data = b"".join(b"__CURSOR=s\n" + field(b"MESSAGE", text) + b"\n" for text in messages)
    assert output(data) == (b"".join(text + b"\n" for text in messages), len(messages))


@given(data=st.binary(max_size=300), start=st.sampled_from([b"", b"__CURSOR=s\n", TIME, TIME + b"00O+", b'{"log":"x"']))
def test_the_pieces_make_no_difference(data: bytes, start: bytes) -> None:
    output(start + data)
