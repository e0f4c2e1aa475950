"""Logs as collectors write them: the same events as in the bare log, or lines that are counted as not understood."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate import limits
from gate.model.parsed import LogEvent
from gate.parse.log_heads import Bare, LogFrames, unheaded
from gate.parse.program_output import ProgramOutput
from gate.parse.server_log import ServerLogParser

RECORDINGS = Path(__file__).parents[3] / "fixtures/recordings"
BARE = (RECORDINGS / "attic/bucket-lost-mid-push/atticd.log").read_text("utf-8")
COLORED = "\x1b[2m2026-11-24T00:00:20.000000Z\x1b[0m \x1b[31mERROR\x1b[0m \x1b[2ma::b\x1b[0m\x1b[2m:\x1b[0m x\n"
Wrap = Callable[[str], str]


def parsed(data: bytes | str) -> tuple[tuple[LogEvent, ...], ServerLogParser]:
    parser = ServerLogParser()
    parser.feed(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
    return parser.finish(), parser


def wrapped(wrap: Wrap, text: str = BARE) -> str:
    return "".join(wrap(line) for line in text.splitlines())


def head(text: str) -> Wrap:
    return lambda line: f"{text}{line}\n"


def docker(line: str) -> str:
    return json.dumps({"log": f"{line}\n", "stream": "stderr", "time": "2026-11-23T23:00:42.862066123Z"}) + "\n"


def journal(line: str) -> str:
    raw = list(line.encode()) if "\x1b" in line else line
    entry = {"__CURSOR": "s=1", "MESSAGE": raw, "_HOSTNAME": "mini", "SYSLOG_IDENTIFIER": "atticd", "_PID": "7"}
    return json.dumps(entry) + "\n"


def export(line: str) -> str:
    return f"__CURSOR=s=1\n_PID=7\nPRIORITY=6\nSYSLOG_IDENTIFIER=atticd\nMESSAGE={line}\n\n"


HEADS: dict[str, tuple[Wrap, str | None]] = {
    "bare": (head(""), None),
    "CRLF": (lambda line: f"{line}\r\n", None),
    "journald short": (head("Feb 03 19:30:32 mini atticd[20804]: "), "mini atticd[20804]"),
    "journald short-precise": (head("Feb 03 19:30:32.310145 mini atticd[20804]: "), "mini atticd[20804]"),
    "journald short-iso": (head("2024-02-03T19:30:32+0100 mini atticd[20804]: "), "mini atticd[20804]"),
    "journald short-full": (head("Sat 2024-02-03 19:30:32 CET mini atticd[20804]: "), "mini atticd[20804]"),
    "journald short-unix": (head("1706985032.310145 mini atticd[20804]: "), "mini atticd[20804]"),
    "journald short-monotonic": (head("[ 1234.567890] mini atticd[20804]: "), "mini atticd[20804]"),
    "journald json": (journal, "mini atticd 7"),
    "journald export": (export, None),
    "rsyslog": (head("Feb  3 19:30:32 mini atticd: "), "mini atticd"),
    "rsyslog ISO": (head("2024-02-03T19:30:32.310145+01:00 mini atticd[7]: "), "mini atticd[7]"),
    "syslog with a priority": (head("<27>Feb 03 19:30:32 mini atticd[7]: "), "mini atticd[7]"),
    "RFC 5424": (head("<27>1 2024-02-03T19:30:32.310145Z mini atticd 7 - - "), "mini atticd 7"),
    "CRI": (head("2026-11-23T23:00:42.862066123Z stdout F "), None),
    "docker json-file": (docker, None),
    "docker with times": (head("2026-11-23T23:00:42.862066123Z "), None),
    "compose": (head("attic-1  | "), "attic-1"),
    "compose with times": (head("attic-1  | 2026-11-23T23:00:42.862066123Z "), "attic-1"),
    "kubectl": (head("[pod/attic-0/attic] 2026-11-23T23:00:42.862066123Z "), "pod/attic-0/attic"),
    "stern": (head("attic-7d4f-x2x attic "), "attic-7d4f-x2x attic"),
    "stern with times": (head("attic-7d4f-x2x attic 2026-11-23T23:00:42Z "), "attic-7d4f-x2x attic"),
    "GitHub": (head("2026-09-07T12:06:00.1234567Z "), None),
    "gh run view": (head("job\tRun it\t2026-09-07T12:06:00.1234567Z "), "job\tRun it"),
    "GitLab": (head("2026-09-07T12:06:00.123456Z 00O "), None),
    "two collectors": (
        lambda line: docker(f"Feb 03 19:30:32 mini atticd[7]: {line}"),
        "mini atticd[7]",
    ),
    "docker in compose": (lambda line: f"attic-1 | {docker(line)}", "attic-1"),
}


@pytest.mark.row("TRU-01")
@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("text", [BARE, COLORED], ids=["plain", "colored"])
def test_the_events_behind_usual_heads(name: str, text: str) -> None:
    wrap, origin = HEADS[name]
    events, parser = parsed(wrapped(wrap, text))
    assert events == tuple(replace(event, origin=origin) for event in parsed(text)[0])
    assert (parser.unread_lines, parser.first_unread, parser.seen) == (0, "", len(events))


@pytest.mark.parametrize("name", HEADS)
def test_a_byte_order_mark_makes_no_difference(name: str) -> None:
    text = wrapped(HEADS[name][0])
    assert parsed("\ufeff" + text)[0] == parsed(text)[0]


@pytest.mark.row("TRU-01")
@pytest.mark.parametrize(
    ("case", "events"),
    [
        ("journald-short", 1),
        ("journald-iso", 1),
        ("compose", 1),
        ("cri-file", 10),
        ("docker-json-file", 10),
    ],
)
def test_logs_of_public_reports(case: str, events: int) -> None:
    found, parser = parsed((RECORDINGS / f"wrapped/{case}.log").read_bytes())
    assert (len(found), parser.unread_lines) == (events, 0)
    assert {event.code for event in found} <= {"dispatch", "InternalError", "HTTP 500"}
    assert any(event.source == "server/src/api/v1/upload_path.rs:84" for event in found) == (events == 10)


def cut_in_pieces(line: str, size: int) -> list[str]:
    return [line[at : at + size] for at in range(0, len(line), size)]


@pytest.mark.parametrize("size", [1, 7, 90, 16384])
@pytest.mark.parametrize("form", ["CRI", "docker"])
def test_the_pieces_of_a_long_line_are_joined(form: str, size: int) -> None:
    lines: list[str] = []
    for line in BARE.splitlines()[:30]:
        *first, last = cut_in_pieces(line, size)
        if form == "CRI":
            lines += [f"2026-11-23T23:00:42.862066123Z stdout P {piece}" for piece in first]
            lines += ["2026-11-23T23:00:42.862066123Z stderr F  WARN a::b: x"]  # of the other stream, between them
            lines += [f"2026-11-23T23:00:42.862066123Z stdout F {last}"]
        else:
            made = [{"log": piece, "stream": "stdout", "time": "2026"} for piece in first]
            lines += [json.dumps(each) for each in (*made, {"log": f"{last}\n", "stream": "stdout", "time": "2026"})]
    events, parser = parsed("\n".join(lines))
    kept = tuple(event for event in events if event.level == "ERROR")
    assert [(event.at, event.message) for event in kept] == [
        (event.at, event.message) for event in parsed("\n".join(BARE.splitlines()[:30]))[0]
    ]
    assert parser.unread_lines == 0


def test_a_line_whose_end_never_came_is_read_as_far_as_it_goes() -> None:
    cri = "2026-11-23T23:00:42.862066123Z stdout P 2026-11-23T23:00:42.862066Z ERROR a::b: Storage error: dispatch fail"
    events, parser = parsed(cri)
    assert ([event.message for event in events], parser.unread_lines) == (["Storage error: dispatch fail"], 0)
    assert parsed(cri.replace("ERROR", "severity=err"))[1].unread_lines == 1


def test_joined_pieces_are_bounded() -> None:
    frames = LogFrames()
    piece = "2026-11-23T23:00:42Z stdout P " + "x" * limits.LINE_BYTES
    assert [list(frames.feed(piece)) for _ in range(5)] == [[]] * 5
    (rest,) = frames.rest()
    assert len(rest.text) == limits.LINE_BYTES + 1


def test_a_record_with_many_lines_is_all_of_them() -> None:
    both = docker(f"{BARE.splitlines()[0]}\r\n{BARE.splitlines()[1]}\nsomething else")
    events, parser = parsed(both)
    assert (len(events), parser.unread_lines, parser.first_unread) == (1, 1, "'something else'")


@pytest.mark.parametrize(
    "line",
    [
        '{"date":1.5,"log":"2026-11-23T23:00:42Z ERROR a::b: x","kubernetes":{"pod":"a"}}',
        '{"@timestamp":"2026-11-23T23:00:42Z","message":"2026-11-23T23:00:42Z ERROR a::b: x"}',
        '{"log":"ERROR a::b: x\\n","stream":"stdout","time":"2026","level":"info"}',
        '{"level":"info","msg":"2026-11-23T23:00:42Z ERROR a::b: x"}',
        '{"level":"INFO","fields":{"message":"a","record":{"log":"{\\"level\\":\\"error\\",\\"m\\":1}"}}}',
        '{"__CURSOR":"s","MESSAGE":null}',
        '{"__CURSOR":"s","MESSAGE":[[65],[66]]}',
        '{"__CURSOR":"s","MESSAGE":[65,300]}',
        '{"log":3,"stream":"stdout","time":"2026"}',
        '{"log":"x\\n","stream":1,"time":"2026"}',
        '{"log":' * 9000,
        'time="2026-11-23T23:00:42Z" level=error msg="Storage error"',
        'level=info ts=2026-11-23T23:00:42Z line="ERROR a::b: x"',
        "\t2026-11-23T23:00:42Z ERROR a::b: x",
        "2026-11-23T23:00:42Z  INFO vector::sink: 2026-11-23T23:00:42Z ERROR a::b: x",
        "2026-11-23T23:00:42Z  INFO vector::sink: thread 'main' panicked at x.rs:1:2:",
        "I1123 23:00:42.000000       1 proxy.go:1] ERROR a::b: x",
        "11/23/26 23:00:42 ERROR a::b: x",
        "unable to retrieve container logs for containerd://3bb6fd00e2a1",
        "[pod/attic-0/attic] unable to retrieve container logs for containerd://3bb6fd00e2a1",
        "             at server/src/x.rs:84 ERROR a::b: x",
        "   0: ERROR a::b: Storage error",
        "           with method=GET uri=/ ERROR attic_server::error: Storage error",
        "disk failure ",
        "disk\tfailure\t",
        "a b c d e f ERROR a::b: x",
        "2026-11-23T23:00:42Z stdout P ERROR a::b",
        "Error: something went wrong",
        "\ufeffERROR a::b: x",
        "_PID=7 ERROR attic_server::error: Storage error",
        "x" * (limits.LINE_BYTES + 9),
        "2026-11-23T23:00:42Z  INFO a::b: " + "x" * limits.LINE_BYTES,
        "/dev/sda1: I/O error",
    ],
)
def test_what_is_not_understood_is_counted_and_never_passed_over(line: str) -> None:
    """Whatever stands before and behind it."""
    good = "2026-11-23T23:00:42Z ERROR a::b: x\n"
    for before, after in (("", ""), (good, good), ("x\n", "")):
        events, parser = parsed(before + line + "\n" + after)
        assert parser.unread_lines == 1 + (before == "x\n") or events[len(events) // 2].level == "ERROR"
        assert parser.unread_lines > 0 or len(events) > before.count("ERROR") + after.count("ERROR")
    assert len(parsed(line)[1].first_unread) <= 120


@pytest.mark.parametrize(
    "data",
    [
        wrapped(head("")).encode("utf-16"),
        wrapped(head("")).encode("utf-16-be"),
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcd\x58" * 9,
        b"\x00" * 4096,
    ],
)
def test_bytes_that_are_no_text_are_not_understood(data: bytes) -> None:
    events, parser = parsed(data)
    assert (events, parser.seen) == ((), 0)
    assert parser.unread_lines > 0


def test_a_line_that_a_collector_split_without_a_mark_is_not_understood() -> None:
    first, *rest = BARE.splitlines()
    events, parser = parsed("\n".join([first[:100], first[100:], *rest]))
    assert len(events) == 42
    assert (parser.unread_lines, parser.first_unread[:20]) == (1, repr(first[100:])[:20])


SHORT = "".join(BARE.splitlines(keepends=True)[:30])
PIECES = (
    *(
        "ERROR ",
        "INFO ",
        "WARN a::b: ",
        "2026-11-23T23:00:42Z ",
        "stdout F ",
        '{"level":"info","m":"',
        " | ",
        "\t",
        "a ",
    ),
    *(
        "Feb 03 19:30:32 mini atticd[7]: ",
        "[pod/a/b] ",
        "x=",
        "  ",
        "\x1b[2m",
        "\ufeff",
        "{",
        "MESSAGE=",
        "0: ",
        "with ",
    ),
)
TEXTS = st.text(st.characters(exclude_characters="\n"), max_size=30)
ANY_HEAD = TEXTS | st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


@pytest.mark.row("TRU-01")
@settings(max_examples=400, deadline=None)
@given(before=ANY_HEAD, behind=st.sampled_from(["", "", '"}', "\r", " }"]))
def test_any_head_leaves_the_same_errors_or_lines_that_are_not_understood(before: str, behind: str) -> None:
    """An error of the bare log is an event at ERROR or WARN, or it is counted as not understood; none is lost."""
    bare, _ = parsed(SHORT)
    events, parser = parsed(wrapped(lambda line: f"{before}{line}{behind}\n", SHORT))
    assert len(events) >= len(bare) or parser.unread_lines > 0


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=60))
def test_a_line_without_heads_is_its_own_first_reading(text: str) -> None:
    readings = list(unheaded(Bare("o", text)))
    assert readings[0] == Bare("o", text)
    assert all(
        text.endswith(reading.text) and reading.origin == "o" for reading in readings if not text.startswith("{")
    )


def test_the_origins_whose_events_are_kept_apart_are_bounded() -> None:
    """The lines of an event that is let go of are read all the same."""
    error = "a-{} | 2026-11-23T23:00:42Z ERROR a::b: x\n"
    asked = "a-0 |            with method=GET uri=/x version=1\n"
    many = "".join(error.format(number) for number in range(limits.LOG_ORIGINS))
    assert parsed(many + asked)[0][0].request == "GET /x"
    events, parser = parsed(many + error.format("more") + asked)
    assert (events[0].request, len(events), parser.unread_lines) == (None, limits.LOG_ORIGINS + 1, 0)


JOB = {
    "GitHub": b"2026-09-07T12:06:00.1234567Z ",
    "gh run view": b"job\tRun it\t\xef\xbb\xbf2026-09-07T12:06:00.1234567Z ",
    "GitLab": b"2026-09-07T12:06:00.123456Z 00O ",
}


@pytest.mark.parametrize("name", JOB)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("size", [1, 50, 10_000])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_what_a_job_has_before_its_lines(name: str, mark: bytes, size: int, end: bytes) -> None:
    bare = b"one\r\n\n2026-09-07T12:06:00Z two\nthree" + end
    text = mark + b"".join(JOB[name] + line for line in bare.splitlines(keepends=True))
    heads = ProgramOutput()
    out = b"".join(heads.feed(text[at : at + size]) for at in range(0, len(text), size)) + heads.finish()
    assert (out, heads.lines) == (bare, 4)


@pytest.mark.parametrize(
    "text", [b"", b"x", b"one\n2026-09-07T12:06:00Z two\n", b"x" * (limits.LINE_BYTES + 5) + b"\n"]
)
@pytest.mark.parametrize("size", [1000, 100_000])
def test_a_text_whose_first_line_has_no_head_stays_as_it_is(text: bytes, size: int) -> None:
    for mark in (b"", b"\xef\xbb\xbf"):
        heads = ProgramOutput()
        whole = mark + text
        out = b"".join(heads.feed(whole[at : at + size]) for at in range(0, len(whole), size)) + heads.finish()
        assert (out, heads.lines) == (text, 0)


def test_a_lone_headed_line_without_its_end() -> None:
    heads = ProgramOutput()
    assert (heads.feed(JOB["GitHub"] + b"x"), heads.finish(), heads.lines) == (b"", b"x", 1)


def test_hostile_heads_take_no_time() -> None:
    for piece in ("a b ", "a | ", "[pod/a/b] ", "2026-11-23T23:00:42Z ", "<1>", "a\tb\t", '{"log":"'):
        parsed((piece * 20_000)[: limits.LINE_BYTES - 1])
