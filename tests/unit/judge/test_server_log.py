"""What the server's log does to a verdict: it lowers it or leaves it, and what it does not say excuses nothing."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate import limits
from gate.judge.codes.registry import BY_CODE
from gate.model import records
from gate.model.basics import Status, VerdictWord
from gate.model.document import Finding
from tests.helpers import runs
from tests.helpers.runs import Run, healthy

RECORDED = Path(__file__).parents[3] / "fixtures/recordings/attic"
UPLOAD = (
    "   1: tower_http::trace::make_span::request\n"
    "           with method=PUT uri=/_api/v1/upload-path version=HTTP/1.1\n"
)
FAILED = (
    "2026-11-24T00:00:20.000080Z ERROR tower_http::trace::on_failure: "
    "response failed classification=Status code: 500 Internal Server Error latency=1 ms\n"
)
INTERNAL = "InternalServerError: The server encountered an internal error or misconfiguration."
UNEXPLAINED = ("log-unexplained-error", "inconclusive")
STORAGE = ("log-storage-error", "inconclusive")


def error(message: str, time: str = "2026-11-24T00:00:20.000000Z", level: str = "ERROR") -> str:
    return f"{time} {level} attic_server::error: {message}\n"


def logged(*lines: str, run: Run | None = None) -> Run:
    """The run with these lines between the canaries of the server's log."""
    result = run or healthy()
    first, _, last = runs.SERVER_LOG.decode().partition("2026-11-24T00:00:38")
    return result.with_file("server.log", (first + "".join(lines) + "2026-11-24T00:00:38" + last).encode())


def row(run: Run, code: str) -> Finding:
    (result,) = [each for each in run.judged()[0] if each.code == code]
    return result


def failed_push(run: Run) -> Run:
    good, bad = runs.SOURCES[:-1], runs.SOURCES[-1]
    text = f"❌ {bad.store_path.removeprefix('/nix/store/')}: {INTERNAL}\nError: {INTERNAL}\n".encode()

    def change(record: records.ChildEnded) -> records.ChildEnded:
        return replace(record, exit=1, millis=2000) if record.name == "push:profile" else record

    log = runs.push_log(good, announced=len(runs.SOURCES)) + text
    return run.change(records.ChildEnded, change).with_file("push-profile.log", log)


@pytest.mark.row("ATS-27")
@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([error("Database error: pool timed out"), UPLOAD], STORAGE),
        ([error("oops"), UPLOAD, FAILED], UNEXPLAINED),
        ([error("oops"), FAILED], UNEXPLAINED),
        ([FAILED], UNEXPLAINED),
        (
            ["thread 'tokio-runtime-worker' (77) panicked at server/src/api/x.rs:7:9:\nindex out of bounds\n"],
            UNEXPLAINED,
        ),
        (["2026-11-24T00:00:20Z ERROR no target at all\n"], UNEXPLAINED),
        (["[2026-11-24 00:00:20.1 +00:00] ERROR [a::b] [src/b.rs:1] [main:ThreadId(1)] oops\n"], UNEXPLAINED),
        ([json.dumps({"level": "ERROR", "target": "a", "fields": {"message": "oops"}}) + "\n"], UNEXPLAINED),
        ([error("InternalError")], STORAGE),
    ],
)
def test_an_error_that_no_failure_of_ours_explains(lines: list[str], told: tuple[str, str]) -> None:
    run = logged(*lines)
    assert run.rows() == {told}
    assert run.judged()[1].word is VerdictWord.INCONCLUSIVE
    assert run.judged()[1].exit_code == 3
    assert len(run.facts().server_log.events) > 2
    assert not any(finding.code == "log-clean" for finding in run.judged()[0])


@pytest.mark.row("ATS-27")
def test_the_first_unexplained_error_is_told_with_its_request() -> None:
    run = logged(error("oops"), UPLOAD, FAILED, error("again"))
    result = row(run, "log-unexplained-error")
    assert result.summary == (
        "the server logged 2 × an error or a warning that no failed path, failed read or canary of this run explains, "
        "the first at 2026-11-24T00:00:20.000000Z (PUT /_api/v1/upload-path): oops"
    )
    assert result.evidence == ("/server_log/events",)
    timeless = logged(json.dumps({"level": "ERROR", "message": "oops"}) + "\n")
    assert "the first at an unknown time: oops" in row(timeless, "log-unexplained-error").summary


def test_a_warning_of_a_slow_database_and_other_levels_are_no_doubt() -> None:
    slow = (
        "2026-11-24T00:00:20Z  WARN sqlx::query: slow statement: execution time exceeded alert threshold elapsed=2s\n"
    )
    run = logged(slow, error("fine", level=" INFO"))
    assert run.rows() == set()
    assert run.word() == "pass"
    assert run.facts().server_log.event_count == 3


@pytest.mark.row("ATS-28")
def test_a_failed_path_without_any_line_in_the_log_is_a_failure_all_the_same() -> None:
    run = failed_push(healthy())
    verdict = run.judged()[1]
    assert (verdict.word, verdict.exit_code) == (VerdictWord.QUARANTINE, 4)
    assert ("push-path-failed", "fail") in run.rows()
    assert "log-clean" in {finding.code for finding in run.judged()[0]}  # the log did say nothing
    assert [near.count for near in run.facts().server_log.near] == [0]


@pytest.mark.row("ATS-26")
@pytest.mark.parametrize(
    ("forged", "told"),
    [
        ("x%0A2026-11-24T00:00:20.000000Z ERROR attic_server::error: Storage error: NoSuchBucket", STORAGE),
        ("x%0A2026-11-24T00:00:20.000000Z ERROR attic_server::error: oops", UNEXPLAINED),
    ],
)
def test_a_forged_line_can_lower_a_verdict(forged: str, told: tuple[str, str]) -> None:
    run = logged(error(forged.replace("%0A", "\n")))
    assert told in run.rows()
    assert run.word() == "inconclusive"


@pytest.mark.row("ATS-26")
@pytest.mark.parametrize(
    "soothing",
    [
        "2026-11-24T00:00:20.000000Z  INFO attic_server: all fine, nothing failed\n",
        error(f"with method=GET uri=/main/{runs.PRE_NONCE}.narinfo version=HTTP/1.1"),
        error("Error from the common components.")
        + "  with method=GET uri=/main/gate-canary-pre-00.narinfo version=1\n",
    ],
)
@pytest.mark.parametrize("real", [error(f"Storage error: unhandled error (NoSuchBucket)\n{UPLOAD}"), error("oops")])
def test_no_forged_line_makes_a_verdict_better(soothing: str, real: str) -> None:
    """Neither a client's failure nor another line of the log is taken back by what somebody wrote into the log."""
    for before, after in ((soothing, ""), ("", soothing), (soothing, soothing)):
        assert logged(before, real, after).word() == "inconclusive"
        assert failed_push(logged(before, real, after)).word() == "quarantine"
        assert failed_push(logged(before, after)).word() == "quarantine"


@pytest.mark.row("ATS-24")
def test_a_server_that_starts_in_the_window() -> None:
    run = logged(
        "Attic Server 0.1.0 (release)\nRunning migrations...\nStarting API server...\nListening on [::]:80...\n"
    )
    assert run.rows() == {("log-server-restarted", "inconclusive")}
    assert (run.word(), run.facts().server_log.restarts) == ("inconclusive", 1)


@pytest.mark.row("ATS-24")
def test_a_replica_that_came_is_no_restart_and_one_that_came_back_is() -> None:
    start = "Starting API server...\n"
    arrival = [f"[pod/attic-2/attic] {start}", f"[pod/attic-2/attic] 2026-11-24T00:00:21Z {start}"]
    assert logged(arrival[0]).rows() == set()
    assert logged(*arrival).rows() == {("log-server-restarted", "inconclusive")}


def test_storage_errors_are_counted_and_those_at_no_failure_of_ours_named() -> None:
    run = failed_push(
        logged(
            error("Storage error: unhandled error (NoSuchBucket)", "2026-11-24T00:00:34.000000Z"),
            error("Storage error: unhandled error (NoSuchBucket)", "2026-11-24T00:00:08.000000Z"),
            error("Storage error: dispatch failure", "2026-11-24T00:00:08.000000Z"),
        )
    )
    ended = next(
        entry.at
        for entry in runs.entries(run.records, chained=False)
        if isinstance(entry.record, records.ChildEnded) and entry.record.name == "push:profile"
    )
    assert "2026-11-24T00:00:10" < ended < "2026-11-24T00:00:38"
    summary = row(run, "log-storage-error").summary
    assert summary.startswith("the server logged 2 × NoSuchBucket, 1 × dispatch in the window")
    assert summary.endswith("of them nothing of this run failed")


@pytest.mark.parametrize("case", ["drive-faulty", "timeout", "quorum"])
def test_rustfs_own_json_lines_are_storage_errors(case: str) -> None:
    """Lines as in rustfs issue 2651, and the fields of rustfs crates/ecstore/src/disk/disk_store.rs."""
    message = {
        "drive-faulty": "local disk /data health is faulty, returning error",
        "timeout": "Disk operation timed out",
        "quorum": "Failed to save data usage bloom name to buckets/.bloomcycle.bin: erasure write quorum",
    }[case]
    answer = {
        "timestamp": "2026-11-24T00:00:20.821505209Z",
        "level": "ERROR" if case == "quorum" else "WARN",
        "fields": {"message": message},
        "target": "rustfs_ecstore::disk::disk_store",
        "filename": "crates/ecstore/src/disk/disk_store.rs",
        "line_number": 691,
        "threadName": "rustfs-worker",
        "threadId": "ThreadId(9)",
    }
    run = logged(json.dumps(answer, separators=(",", ":")) + "\n")
    assert run.rows() == {STORAGE}
    assert run.word() == "inconclusive"
    code = {"quorum": "quorum-write"}.get(case, case)
    assert row(run, "log-storage-error").summary == (
        f"the server logged 1 × {code} in the window; at the time of 1 of them nothing of this run failed"
    )


@pytest.mark.parametrize(
    "case", ["s3-down", "bucket-lost-mid-push", "nar-one-chunk-missing", "bucket-lost-synthetic-2"]
)
def test_recorded_errors_lower_a_verdict(case: str) -> None:
    run = logged((RECORDED / case / "atticd.log").read_text("utf-8"))
    assert run.rows() == {STORAGE}
    assert run.facts().server_log.unexplained == 0  # each 500 belongs to its own error


def skewed(seconds: float) -> Run:
    lines = runs.SERVER_LOG.decode()
    for time in ("2026-11-24T00:00:05.000799", "2026-11-24T00:00:38.000799"):
        moved = datetime.fromisoformat(time).replace(tzinfo=UTC) + timedelta(seconds=seconds)
        lines = lines.replace(time, moved.isoformat(timespec="microseconds").removesuffix("+00:00"))
    return healthy().with_file("server.log", lines.encode())


@pytest.mark.row("KUBE-10")
@pytest.mark.parametrize("sign", [1, -1])
def test_clocks_that_differ_by_more_than_the_limit(sign: int) -> None:
    far = skewed(sign * 600)
    assert far.rows() == {("log-clock-skew", "inconclusive")}
    assert far.judged()[1].exit_code == 3
    assert far.facts().server_log.truth.value == "present"  # the window is from canary to canary, not by time
    assert f"expected at most {limits.LOG_SKEW_SECONDS} s" in row(far, "log-clock-skew").summary
    near = skewed(sign * (limits.LOG_SKEW_SECONDS - 10))
    assert (near.word(), near.rows()) == ("pass", set())


def test_a_log_that_the_site_does_not_have_is_not_held_against_it_but_what_is_there_is() -> None:
    run = logged(error("oops")).with_policy(absent=("server-log",))
    assert run.rows() == {UNEXPLAINED}
    assert "log-not-here" in {finding.code for finding in run.judged()[0]}


@pytest.mark.parametrize("code", ["log-unexplained-error", "log-server-restarted", "log-clock-skew"])
def test_the_codes_never_fail_and_say_what_to_do(code: str) -> None:
    assert BY_CODE[code].statuses == (Status.INCONCLUSIVE,)
    assert BY_CODE[code].remedy != "none needed"


UNREADABLE = ("log-unreadable", "inconclusive")
BETWEEN = error("Storage error: service error: unhandled error (NoSuchBucket)") + UPLOAD + FAILED
HEADS = {
    "journald": "Feb 03 19:30:32 mini atticd[7]: ",
    "CRI": "2026-11-24T00:00:20.000000001Z stdout F ",
    "compose": "attic-1  | ",
}


def headed(head: str, *lines: str) -> Run:
    """A run whose log has these lines between the canaries, and a collector's words before each line."""
    result = logged(*lines)
    text = result.files["server.log"].decode()
    return result.with_file("server.log", "".join(f"{head}{line}\n" for line in text.splitlines()).encode())


@pytest.mark.row("TRU-01")
@pytest.mark.parametrize("name", HEADS)
def test_a_log_behind_usual_heads_is_read(name: str) -> None:
    assert (headed(HEADS[name]).word(), headed(HEADS[name]).rows()) == ("pass", set())
    assert headed(HEADS[name], BETWEEN).rows() == {STORAGE}


@pytest.mark.row("TRU-01")
@settings(max_examples=60, deadline=None)
@given(
    head=st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=40),
    lines=st.sampled_from(["", BETWEEN]),
)
def test_no_head_makes_a_log_clean_that_has_an_error(head: str, lines: str) -> None:
    result = headed(head, lines)
    if result.word() == "pass":
        assert (lines, result.facts().server_log.unread_lines) == ("", 0)
        assert result.facts().server_log.parsed_count == 2
    else:
        assert {code for code, _ in result.rows()} & {"log-unreadable", "log-storage-error", "log-canary-missing"}


@pytest.mark.row("TRU-01")
@pytest.mark.parametrize("head", ["severity=error ", "\t", '{"date":1,"log":"', "INFO ", "11/24/26 00:00:20 "])
def test_canaries_that_are_in_the_bytes_alone_prove_nothing(head: str) -> None:
    for lines in ("", BETWEEN):
        result = headed(head, lines)
        assert result.word() == "inconclusive"
        assert "log-clean" not in {row.code for row in result.judged()[0]}
        assert {code for code, _ in result.rows()} <= {"log-unreadable", "log-canary-missing", "log-unexplained-error"}


def test_a_log_that_is_not_understood_says_how_to_give_it() -> None:
    product = headed("severity=error ")
    assert product.rows() == {UNREADABLE}
    result = row(product, "log-unreadable")
    assert result.summary == (
        "the log of the window has no event at all, and 4 lines that are not understood, the first: "
        "'severity=error 2026-11-24T00:00:05.000799Z ERROR attic_server::error: Error from'… (103 characters)"
    )
    assert "`journalctl -o cat`" in BY_CODE["log-unreadable"].remedy
    assert product.facts().server_log.truth.value == "unknown"
    canary = product.facts().pre.canary
    assert canary is not None
    assert canary.logged.value == "unknown"


@pytest.mark.parametrize("line", ["unable to retrieve container logs\n", "x: ERROR a::b: Storage error\n"])
def test_one_line_that_is_not_understood_is_doubt(line: str) -> None:
    result = logged(line)
    assert (result.word(), result.rows()) == ("inconclusive", {UNREADABLE})
    assert "has 2 events, and a line that is not understood" in row(result, "log-unreadable").summary
    assert result.facts().post.canary is not None
    missing = result.with_file("server.log", line.encode())
    assert missing.rows() == {UNREADABLE, ("log-canary-missing", "inconclusive")}


@pytest.mark.parametrize(
    "line",
    [
        error("Error occurred - Cleaning up uploaded file", level=" WARN"),
        "2026-11-24T00:00:20Z  WARN a::b: a wording of next year\n",
        "2026-11-24T00:00:20Z ERROR sqlx::query: slow statement: execution time exceeded alert threshold\n",
    ],
)
def test_a_warning_that_is_not_known_is_doubt(line: str) -> None:
    assert logged(line).rows() == {UNEXPLAINED}


def test_an_answer_of_4xx_is_no_doubt() -> None:
    assert logged(error("response classification=Status code: 404 Not Found", level=" WARN")).rows() == set()


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-24T00:00:05Z  INFO a::b: x\n           with method=GET uri=/main/{}.narinfo version=HTTP/1.1\n",
        "2026-11-24T00:00:05Z  WARN a::b: x\n           with method=GET uri=/main/{}.narinfo version=HTTP/1.1\n",
        "2026-11-24T00:00:05Z ERROR a::b: x\n           with method=HEAD uri=/main/{}.narinfo version=HTTP/1.1\n",
        "2026-11-24T00:00:05Z ERROR a::b: x\n           with method=GET uri=/main/{}.nar version=HTTP/1.1\n",
        "2026-11-24T00:00:05Z ERROR a::b: {} x\n",
    ],
)
def test_a_canary_is_an_error_at_that_request(line: str) -> None:
    text = runs.SERVER_LOG.decode()
    second = text[text.index("2026-11-24T00:00:38") :]
    result = healthy().with_file("server.log", (line.format(runs.PRE_NONCE) + second).encode())
    assert ("log-canary-missing", "inconclusive") in result.rows()
