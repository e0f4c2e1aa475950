import itertools
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate import limits
from gate.model.parsed import LogEvent
from gate.parse.server_log import ServerLogParser, find_nonces, kubectl_time, parse_server_log

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
    assert parse_server_log(b"".join(prefix + line for line in lines)) == parse_server_log(recorded("s3-down"))


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
    kept = parser.finish()
    assert kept == parse_server_log(recorded("bucket-lost-mid-push"), keep=2)
    assert len(kept) == 2
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
