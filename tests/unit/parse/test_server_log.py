import itertools
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate import limits
from gate.model.parsed import LogEvent
from gate.parse.server_log import (
    ServerLogParser,
    find_nonces,
    is_error,
    kubectl_time,
    line_without_time,
    parse_server_log,
    speaks_of_storage,
)

RECORDINGS = Path(__file__).parents[3] / "fixtures/recordings/attic"
ERROR, FAILURE = "attic_server::error", "tower_http::trace::on_failure"
UPLOAD = "server/src/api/v1/upload_path.rs"


def recorded(case: str) -> bytes:
    return (RECORDINGS / case / "atticd.log").read_bytes()


def summary(events: tuple[LogEvent, ...]) -> Counter[tuple[str, str, str | None, str | None]]:
    return Counter((event.level, event.target, event.code, event.source) for event in events)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (
            "bucket-lost-mid-push",
            {
                ("ERROR", FAILURE, "HTTP 500", None): 21,
                ("ERROR", ERROR, "InternalError", f"{UPLOAD}:84"): 12,
                ("ERROR", ERROR, "InternalError", f"{UPLOAD}:342"): 9,
            },
        ),
        (
            "bucket-lost-multi-chunk-upload",
            {("ERROR", ERROR, "NoSuchBucket", f"{UPLOAD}:342"): 1, ("ERROR", FAILURE, "HTTP 500", None): 1},
        ),
        (
            "bucket-lost-synthetic-2",
            {("ERROR", ERROR, "NoSuchBucket", f"{UPLOAD}:84"): 1, ("ERROR", FAILURE, "HTTP 500", None): 1},
        ),
        (
            "log-canary-malformed-narinfo",
            {
                ("ERROR", ERROR, None, "server/src/api/binary_cache.rs:113"): 1,
                ("ERROR", FAILURE, "HTTP 500", None): 1,
            },
        ),
        (
            "nar-multi-chunk-bucket-lost",
            {("ERROR", "attic_server::api::binary_cache", "NoSuchBucket", "attic/src/io/mod.rs:75"): 1},
        ),
        (
            "nar-one-chunk-missing",
            {("ERROR", "attic_server::api::binary_cache", "NoSuchKey", "attic/src/io/mod.rs:75"): 1},
        ),
        ("nar-s3-down", {("ERROR", "attic_server::api::binary_cache", "dispatch", "attic/src/io/mod.rs:75"): 1}),
        (
            "s3-down",
            {("ERROR", ERROR, "dispatch", f"{UPLOAD}:84"): 1, ("ERROR", FAILURE, "HTTP 500", None): 1},
        ),
        ("medium-uploaded-22", {}),
    ],
)
def test_recorded_logs(case: str, expected: dict[tuple[str, str, str | None, str | None], int]) -> None:
    parser = ServerLogParser()
    parser.feed(recorded(case))
    events = parser.finish()
    assert summary(events) == expected
    assert parser.seen == len(events)
    assert parser.unread_lines == 0


def test_the_first_event_of_the_incident_in_full() -> None:
    assert parse_server_log(recorded("nar-multi-chunk-bucket-lost")) == (
        LogEvent(
            at="2026-11-23T23:00:42.862066Z",
            level="ERROR",
            target="attic_server::api::binary_cache",
            code="NoSuchBucket",
            message=(
                "Stream error e=Storage error: service error: unhandled error (NoSuchBucket): Error { code: "
                '"NoSuchBucket", message: "The specified bucket does not exist", aws_request_id: "E87339DACB215B51", '
                's3_extended_request_id: "RTg3MzM5REFDQjIxNUI1MUU4NzMzOURBQ0IyMTVCNTFFODczMzlEQUNCMjE1QjUxRTg3MzM5REFD'
                'QjIxNUI1MQ==" }'
            ),
            source="attic/src/io/mod.rs:75",
        ),
    )


# Two lines of a recorded log in colour (bucket-lost-output-deduplicated), the first one shortened.
COLOUR = (
    b"\x1b[2m2026-11-23T22:59:48.000800Z\x1b[0m \x1b[32m INFO\x1b[0m \x1b[2msqlx::query\x1b[0m\x1b[2m:\x1b[0m "
    b'\x1b[3msummary\x1b[0m\x1b[2m=\x1b[0m"UPDATE NoSuchBucket"\n'
    b"\x1b[2m2026-11-23T22:59:48.006831Z\x1b[0m \x1b[33m WARN\x1b[0m "
    b"\x1b[2mattic_server::api::v1::upload_path\x1b[0m\x1b[2m:\x1b[0m Error occurred - Cleaning up\n"
    b"             at /vendor/tokio-1.52.3/src/util/trace.rs:69\n"
)


def test_colour_and_levels() -> None:
    parser = ServerLogParser()
    parser.feed(b"not an event\n\n" + COLOUR)
    assert parser.finish() == (
        LogEvent(
            at="2026-11-23T22:59:48.006831Z",
            level="WARN",
            target="attic_server::api::v1::upload_path",
            code=None,
            message="Error occurred - Cleaning up",
            source="/vendor/tokio-1.52.3/src/util/trace.rs:69",
        ),
    )
    assert (parser.seen, parser.unread_lines) == (2, 1)


@pytest.mark.parametrize(
    "prefix",
    [b"", b"2026-11-23T22:59:49.1Z ", b"[pod/attic-7d4f/attic] ", b"[pod/attic-7d4f/attic] 2026-11-23T22:59:49+00:00 "],
)
def test_kubectls_prefixes(prefix: bytes) -> None:
    lines = recorded("s3-down").splitlines(keepends=True)
    origin = "pod/attic-7d4f/attic" if prefix.startswith(b"[") else None
    expected = tuple(replace(event, origin=origin) for event in parse_server_log(recorded("s3-down")))
    assert parse_server_log(b"".join(prefix + line for line in lines)) == expected


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Storage error: service error: unhandled error (SlowDown): x", "SlowDown"),
        ("Storage error: request has timed out: x", "timeout"),
        ("Database error: pool timed out", "database"),
        ("bucket: NoSuchBucket", "NoSuchBucket"),
        ("fine", None),
    ],
)
def test_codes_and_spans(message: str, code: str | None) -> None:
    line = f"2026-11-23T23:00:42Z  WARN request{{method=GET uri=/a b}}:upload_path: attic_server::error: {message}\r\n"
    (event,) = parse_server_log(line.encode())
    assert (event.target, event.message, event.code) == ("attic_server::error", message, code)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            json.dumps(
                {
                    "timestamp": "2026-05-12T10:00:00Z",
                    "level": "ERROR",
                    "target": "rustfs::storage",
                    "filename": "rustfs/src/error.rs",
                    "line_number": 313,
                    "fields": {"message": "read failed", "error": "VolumeNotFound"},
                }
            ),
            LogEvent(
                at="2026-05-12T10:00:00Z",
                level="ERROR",
                target="rustfs::storage",
                code="VolumeNotFound",
                message="read failed error=VolumeNotFound",
                source="rustfs/src/error.rs:313",
            ),
        ),
        (
            '{"level":"warn","message":"NoSuchBucket","filename":3}',
            LogEvent(at=None, level="WARN", target="", code="NoSuchBucket", message="NoSuchBucket", source=None),
        ),
    ],
)
def test_json_lines(line: str, expected: LogEvent) -> None:
    assert parse_server_log(line.encode()) == (expected,)


@pytest.mark.parametrize(
    "line", ["{", '{"level":3}', '{"level":"LOUD"}', "{" * 60_000, '{"a":' * 9000, '{"level":"INFO"}']
)
def test_json_that_is_no_event_of_interest(line: str) -> None:
    assert parse_server_log(line.encode() + b"\n") == ()


def test_the_first_events_are_kept_and_all_are_counted() -> None:
    parser = ServerLogParser(keep=2)
    parser.feed(recorded("bucket-lost-mid-push"))
    remaining = parser.finish()
    assert remaining == parse_server_log(recorded("bucket-lost-mid-push"), keep=2)
    assert len(remaining) == 2
    assert parser.seen == 42


def test_long_messages_and_lines_are_cut() -> None:
    line = b"2026-11-23T23:00:42Z ERROR a::b: " + b"x" * (3 * limits.LINE_BYTES) + b' code: "NoSuchBucket"\n'
    (event,) = parse_server_log(line + b"\xff\x00\n")
    assert (len(event.message), event.code) == (limits.ERROR_TEXT_CHARS, None)


def test_nonces() -> None:
    log = recorded("log-canary-malformed-narinfo")
    assert find_nonces(log, ["canary-0123456789abcdef", "canary-other", ""]) == {"canary-0123456789abcdef"}
    assert find_nonces(b"", ["x"]) == frozenset()


PIECES = st.sampled_from(
    [
        b"2026-11-23T23:00:42Z ERROR a::b: Storage error: dispatch failure",
        b"2026-11-23T23:00:43Z  INFO a::b: x",
        b"             at server/src/x.rs:84",
        b'           with loc.file="server/src/y.rs" loc.line=342 loc.col=1',
        b'{"level":"ERROR","message":"m"}',
        b"\n",
        b"\n",
        b"\r",
        b"\x1b[2m",
    ]
) | st.binary(max_size=4)


@settings(max_examples=100, deadline=None)
@given(data=st.lists(PIECES, max_size=20).map(b"".join), cuts=st.lists(st.integers(0, 400), max_size=6))
def test_chunks_make_no_difference(data: bytes, cuts: list[int]) -> None:
    parser = ServerLogParser()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        parser.feed(data[start:end])
    assert parser.finish() == parse_server_log(data)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"[pod/attic-0/attic] 2026-11-24T00:00:00.123456789Z text", "2026-11-24T00:00:00.123456789Z"),
        (b"2026-11-24T00:00:00Z text", "2026-11-24T00:00:00Z"),
        (b"2026-11-24T00:00:00+01:00 ", "2026-11-24T00:00:00+01:00"),
        (b"[pod/attic-0/attic] text", None),
        (b"2026-11-24 text", None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_the_time_that_kubectl_puts_before_a_line(line: bytes, expected: str | None) -> None:
    assert kubectl_time(line) == expected


# --- other forms of the same


RUSTFS_FIELDS = {
    "target": "rustfs_ecstore::disk",
    "filename": "crates/ecstore/src/disk/disk_store.rs",
    "line_number": 691,
}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # rustfs issue 1583
        (
            (
                "[2026-01-22 12:15:57.119030 +00:00] WARN [rustfs::main::run] [rustfs/src/main.rs:193] "
                "[main:ThreadId(1)] local disk /data health is faulty, returning error"
            ),
            LogEvent(
                at="2026-01-22T12:15:57.119030+00:00",
                level="WARN",
                target="rustfs::main::run",
                code="drive-faulty",
                message="local disk /data health is faulty, returning error",
                source="rustfs/src/main.rs:193",
            ),
        ),
        # rustfs pull request 2693
        (
            (
                '2026-06-25T17:08:03.840792042Z  WARN          main ThreadId(01) run:read_all{volume=".rustfs.sys" '
                'path="format.json"}: rustfs_ecstore::store_init: crates/ecstore/src/store_init.rs:351: '
                "load: erasure read quorum"
            ),
            LogEvent(
                at="2026-06-25T17:08:03.840792042Z",
                level="WARN",
                target="rustfs_ecstore::store_init",
                code="quorum-read",
                message="load: erasure read quorum",
                source="crates/ecstore/src/store_init.rs:351",
            ),
        ),
        # tracing without time, and without a target
        (" WARN a::b: x", LogEvent(at=None, level="WARN", target="a::b", code=None, message="x")),
        (
            "2026-01-22T12:15:57Z ERROR x",
            LogEvent(at="2026-01-22T12:15:57Z", level="ERROR", target="", code=None, message="x"),
        ),
        # the request of a span, before the target and in the message
        (
            "2026-01-22T12:15:57Z ERROR request{method=GET uri=/main/a.narinfo?token=x version=HTTP/1.1}: a::b: x",
            LogEvent(
                at="2026-01-22T12:15:57Z",
                level="ERROR",
                target="a::b",
                code=None,
                message="x",
                request="GET /main/a.narinfo",
            ),
        ),
        (
            json.dumps(
                {
                    "level": "ERROR",
                    "fields": {"message": "FaultyDisk"},
                    "span": {"name": "x"},
                    "spans": [3, {"method": "PUT", "uri": "/attic/x?X-Amz-Signature=y"}],
                    **RUSTFS_FIELDS,
                }
            ),
            LogEvent(
                at=None,
                level="ERROR",
                target="rustfs_ecstore::disk",
                code="drive-faulty",
                message="FaultyDisk",
                source="crates/ecstore/src/disk/disk_store.rs:691",
                request="PUT /attic/x",
            ),
        ),
        (
            json.dumps({"level": "ERROR", "message": "boxed:\n  with method=GET uri=/a version=1", "spans": {}}),
            LogEvent(
                at=None,
                level="ERROR",
                target="",
                code=None,
                message="boxed:\n  with method=GET uri=/a version=1",
                request="GET /a",
            ),
        ),
        # Rust 1.90 and before, and after
        (
            "thread 'main' panicked at server/src/x.rs:12:5:\n",
            LogEvent(
                at=None,
                level="ERROR",
                target="panic",
                code="panic",
                message="thread 'main' panicked at server/src/x.rs:12:5:",
                source="server/src/x.rs:12",
            ),
        ),
        (
            "[pod/a-0/attic] 2026-01-22T12:15:57Z thread 'tokio' (12) panicked at NoSuchBucket, <unknown>",
            LogEvent(
                at=None,
                level="ERROR",
                target="panic",
                code="panic",
                message="thread 'tokio' (12) panicked at NoSuchBucket, <unknown>",
                origin="pod/a-0/attic",
            ),
        ),
    ],
)
def test_what_other_settings_and_versions_write(line: str, expected: LogEvent) -> None:
    assert parse_server_log(line.encode()) == (expected,)


def test_the_request_is_the_events_own_first_one() -> None:
    (event,) = parse_server_log(recorded("log-canary-malformed-narinfo"))[:1]
    assert event.request == "GET /main/canary-0123456789abcdef.narinfo"
    again = recorded("s3-down").replace(b"uri=/_api", b"uri=/a%0A&b?X-Amz-Signature=secret", 1)
    assert parse_server_log(again)[0].request == "PUT /a%0A&b"


def test_lines_of_two_containers_are_not_mixed() -> None:
    one, two = b"[pod/a/attic] ", b"[pod/b/attic] "
    data = one + b"2026-01-22T12:15:57Z ERROR a::b: x\n" + two + b"   with method=GET uri=/x version=1\n"
    (event,) = parse_server_log(data)
    assert (event.request, event.origin) == (None, "pod/a/attic")


@pytest.mark.parametrize(
    ("lines", "starts"),
    [
        (["Starting API server..."], 1),
        (["[pod/a/attic] Starting API server..."], 0),
        (["[pod/a/attic] 2026-01-22T12:15:57Z Starting API server..."] * 2, 1),
        (["[pod/a/attic] Attic Server 0.1.0 (release)", "[pod/a/attic] Starting API server..."], 1),
        (["[pod/a/attic] x", "[pod/b/attic] Starting API server..."], 0),
        (["2026-01-22T12:15:57Z ERROR a::b: Starting API server..."], 0),
    ],
)
def test_a_start_counts_where_something_was_heard_before(lines: list[str], starts: int) -> None:
    parser = ServerLogParser()
    parser.feed("\n".join(lines).encode())
    parser.finish()
    assert parser.starts == starts


def test_events_beyond_those_that_are_kept_are_counted() -> None:
    parser = ServerLogParser(keep=2)
    parser.feed(recorded("bucket-lost-mid-push") + b"2026-01-22T12:15:57Z  INFO a::b: x\n")
    parser.finish()
    assert (parser.dropped, parser.seen) == (40, 43)


@pytest.mark.parametrize(
    ("level", "code", "storage", "error"),
    [
        ("ERROR", "NoSuchBucket", True, True),
        ("WARN", "drive-faulty", True, False),
        ("ERROR", "HTTP 500", False, True),
        ("WARN", "HTTP 503", False, True),
        ("WARN", "HTTP 404", False, False),
        ("ERROR", "panic", False, True),
        ("ERROR", None, False, True),
        ("WARN", None, False, False),
    ],
)
def test_what_an_event_speaks_of(level: str, code: str | None, *, storage: bool, error: bool) -> None:
    event = LogEvent(at=None, level=level, target="", code=code, message="")
    assert (speaks_of_storage(event), is_error(event)) == (storage, error)


HOSTILE = st.sampled_from(
    [
        "a:",
        "{",
        "}",
        "a{b=c}:",
        " ",
        "::",
        "[",
        "]",
        "ThreadId(1) ",
        "ERROR ",
        "2026-01-22T12:15:57Z ",
        "x.rs:1: ",
        "panicked at ",
    ]
)


@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(HOSTILE, max_size=200))
def test_an_error_is_never_lost_in_a_hostile_line(pieces: list[str]) -> None:
    text = "".join(pieces) * 20
    (event, *_rest) = parse_server_log(f"2026-01-22T12:15:57Z ERROR {text}\n".encode())
    assert event.level == "ERROR"


def test_a_log_of_kubectl_without_times_is_no_log() -> None:
    time = b"2026-12-01T00:00:00.123456789Z"
    assert line_without_time(time + b" x\n[pod/attic-0/attic] " + time + b" y\n") is None
    sentence = b"unable to retrieve container logs"
    assert line_without_time(time + b" x\n" + sentence + b"\n") == sentence.decode()
