"""The store's own log: trouble that it tells blocks, a log that is named and unread blocks, silence proves nothing."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from gate import limits
from gate.model import records
from gate.model.basics import Status, Truth, VerdictWord
from gate.model.captures import StoreLogRead
from gate.model.document import Finding
from gate.parse.server_log import ServerLogParser
from tests.helpers import runs
from tests.helpers.runs import Run, healthy

RECORDED = Path(__file__).parents[3] / "fixtures/recordings/rustfs-log"
SET_DISK = "rustfs_ecstore::set_disk"
DISK = "rustfs_ecstore::disk::disk_store"
PLACE = "kubectl://nix-cache/statefulset/rustfs?container=rustfs"
TROUBLE = ("log-storage-error", "inconclusive")
UNREADABLE = ("log-unreadable", "inconclusive")
UNREAD = ("log-store-unobservable", "inconclusive")


def told(message: str, level: str = "ERROR", *, target: str = DISK, **fields: str) -> str:
    """A line of RustFS's JSON log (rustfs-obs 1.0.1 src/telemetry/local.rs)."""
    result = {
        "timestamp": "2026-11-24T00:00:20.000001+00:00",
        "level": level,
        "fields": {"message": message, **fields},
        "target": target,
        "filename": "crates/ecstore/src/disk/disk_store.rs",
        "line_number": 1571,
    }
    return json.dumps(result) + "\n"


HEADER_TIMEOUT = told(
    "The HTTP connection timed out (HeaderTimeout): read header from client timeout",
    "WARN",
    target="rustfs::server::http",
)


def answered(code: str, source: str = "None") -> str:
    """As s3s 0.13 logs an answer to a client (rustfs issues 2047 and 7044)."""
    inner = f'code: {code}, message: Some("x"), request_id: None, status_code: None, source: {source}, headers: None'
    return told("op returns error", target="s3s::ops", op="HeadObject", err=f"S3Error(Inner {{ {inner} }})")


def run(*lines: str, notes: Sequence[str] = (), place: str = PLACE, cut: bool = False) -> Run:
    text = "".join(lines).encode()
    result = healthy().with_policy(store_log=place).with_file("store.log", text)
    closed = runs.closed("store.log", text)
    closed = records.CaptureClosed(
        name=closed.name, bytes=closed.bytes, sha256=closed.sha256, cut=cut, redactions=closed.redactions
    )
    return result.with_record(closed).with_record(StoreLogRead(place=PLACE, notes=tuple(notes)))


def row(of: Run, code: str) -> Finding:
    (result,) = [each for each in of.judged()[0] if each.code == code and each.subject == "store-log"]
    return result


def test_a_quiet_store_is_no_obstacle() -> None:
    product = run(told("started", "INFO"), HEADER_TIMEOUT)
    assert (product.word(), product.rows()) == ("pass", set())
    result = row(product, "log-store-clean")
    assert result.summary == (
        "2 events, 1 of them at WARN and ERROR, and all of those are known to be no trouble of the store"
    )
    log = product.facts().store_log
    assert log is not None
    assert (log.place, log.truth, log.event_count, log.troubles, log.cut) == (PLACE, Truth.PRESENT, 1, 0, False)
    assert (log.parsed_count, log.unread_lines, log.first_unread) == (2, 0, "")


def test_a_store_that_logs_nothing_in_the_window_proves_nothing() -> None:
    result = run()
    assert (result.word(), result.rows()) == ("inconclusive", {UNREAD})
    assert row(result, "log-store-unobservable").summary == (
        f"{PLACE}: the store logged nothing in the window, which proves nothing"
    )


@pytest.mark.row("TRU-02")
@pytest.mark.parametrize("line", (RECORDED / "disk-errors.jsonl").read_text("utf-8").splitlines())
@pytest.mark.parametrize("head", ["", "Aug 24 16:43:26 mini rustfs[7]: ", "2026-08-24T16:43:26.300000000Z stdout F "])
def test_each_of_rustfs_own_disk_errors_is_doubt(line: str, head: str) -> None:
    result = run(told("fine", "INFO"), head + line + "\n")
    assert (result.word(), result.rows()) == ("inconclusive", {TROUBLE})


@pytest.mark.row("TRU-02")
@pytest.mark.parametrize("level", ["ERROR", "WARN"])
@pytest.mark.parametrize(
    "message",
    [
        "FileCorrupt",
        "DiskNotFound",
        "ErasureReadQuorum",
        "DiskFull",
        "VolumeNotFound",
        'Io(Os { code: 30, kind: ReadOnlyFilesystem, message: "Read-only file system" })',
        "scrub state=quorum_failed",
        "a wording of next year",
        "",
        (
            "op returns error err=S3Error(Inner { code: AccessDenied, message: None, request_id: None, "
            "status_code: None, source: Some(ErasureReadQuorum), headers: None })"
        ),
    ],
)
def test_no_list_of_words_decides_what_is_trouble(message: str, level: str) -> None:
    plain = f"2026-11-24T00:00:20.1Z {level:>5} s3s::ops: crates/x.rs:1: {message}\n"
    for line in (told(message, level), told("failed", level, error=message), plain):
        assert run(told("fine", "INFO"), line).rows() == {TROUBLE}


def test_the_recorded_store_with_a_stalled_disk_and_its_healthy_start() -> None:
    """Its start is routine, but for what says that the disk is empty; a list of buckets that fails is not."""
    lines = (RECORDED / "rustfs.log").read_text("utf-8").splitlines(keepends=True)
    start = [line for line in lines if "VolumeNotFound" in line]
    assert len(start) == 3
    assert run(*start).rows() == set()
    assert run(*start[:2]).rows() == {TROUBLE}  # nothing says that it started
    later = start[0].replace("00:29:59", "00:30:59")
    assert run(*start, later).rows() == {TROUBLE}
    routine = [line for line in lines if "HeaderTimeout" in line or "olumeExists" in line or "already exists" in line]
    assert len(routine) == 31
    assert run(*routine).rows() == set()
    log = run(*lines).facts().store_log
    assert log is not None
    assert (log.event_count, log.unread_lines) == (220, 0)
    assert log.troubles == 220 - len(routine) - len(start) - 1  # the list's own warning at the start


@pytest.mark.parametrize(
    ("lines", "unread"),
    [
        (['severity=error msg="erasure read quorum"\n'], 1),
        (["unable to retrieve container logs for containerd://77\n"], 1),
        (['{"date":1,"log":"ERROR rustfs: drive is faulty"}\n', "x\n"], 2),
        ([told('vector: {"level":"ERROR","message":"drive is faulty"}', "INFO")], 1),
    ],
)
def test_what_is_not_understood_is_doubt(lines: list[str], unread: int) -> None:
    result = run(told("fine", "INFO"), *lines)
    assert (result.word(), result.rows()) == ("inconclusive", {UNREADABLE})
    log = result.facts().store_log
    assert log is not None
    assert (log.parsed_count, log.unread_lines) == (1, unread)
    alone = run(*lines)
    assert alone.rows() == {UNREADABLE}
    assert "has no event at all, and" in row(alone, "log-unreadable").summary


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (told("drive health is faulty", "WARN"), "drive-faulty"),
        (told("Disk health check marked disk faulty", "WARN", reason="faulty_disk"), "drive-faulty"),
        (
            told("Disk health check rejected operation because disk is marked faulty", "WARN"),
            "drive-faulty",
        ),
        (told("Disk recovery probe detected disk still faulty", "WARN"), "drive-faulty"),
        (told("Remote disk marked faulty", "WARN"), "drive-faulty"),
        (told("Disk health check timed out", "WARN"), "drive-faulty"),
        (told("read failed", error="FaultyRemoteDisk"), "drive-faulty"),
        (told("Disk operation timed out", "WARN"), "timeout"),
        (told("list_objects", error="erasure read quorum"), "quorum-read"),
        (told("stat", err="VolumeNotFound"), "VolumeNotFound"),
        (told("bucket metadata", err="NoSuchBucket"), "NoSuchBucket"),
        (
            "[2026-11-24 00:00:20.1 +00:00] ERROR [rustfs_ecstore] [src/d.rs:1] [w:ThreadId(7)] drive is faulty\n",
            "drive-faulty",
        ),
        ("thread 'rustfs-worker' (7) panicked at crates/ecstore/src/store.rs:1:2:\nboom\n", "panic"),
    ],
)
def test_a_store_that_tells_of_its_own_trouble_is_no_pass(line: str, code: str) -> None:
    product = run(told("fine", "INFO"), line)
    assert product.rows() == {TROUBLE}
    assert (product.judged()[1].word, product.judged()[1].exit_code) == (VerdictWord.INCONCLUSIVE, 3)
    result = row(product, "log-storage-error")
    assert result.summary.startswith(f"the store logged 1 × {code} in the window, the first at ")
    assert result.evidence == ("/store_log/events",)
    assert "log-store-clean" not in {each.code for each in product.judged()[0]}
    log = product.facts().store_log
    assert log is not None
    assert ([event.code for event in log.events], log.troubles) == ([code], 1)


@pytest.mark.parametrize(
    "line",
    [
        told("get_object_with_fileinfo  tema/x.hbs err NoSuchKey", target=SET_DISK),
        told('get_object_with_fileinfo  tema/x.hbs err ObjectNotFound("tema", "x.hbs")', target=SET_DISK),
        answered("AccessDenied"),
        answered("NoSuchKey"),
        answered("NoSuchKey", 'Some(ObjectNotFound("attic", "x"))'),
        told(
            "request denied by authorization layer",
            "WARN",
            target="rustfs::storage::access",
            event="s3_authorization_denied",
            reason="no_policy_allows_action",
            action="S3Action(ListBucketAction)",
        ),
        told("Failed to propagate tracing context: `SpanDisabled`", "WARN", target="rustfs::server::http"),
        (
            '2026-11-24T00:00:20Z ERROR s3s::ops: op returns error op="GetObject" '
            'err=S3Error(Inner { code: AccessDenied, message: Some("Access Denied"), request_id: None, '
            "status_code: None, source: None, headers: None })\n"
        ),
        told("health is faulty", "INFO"),
    ],
)
def test_an_answer_to_a_client_is_no_trouble(line: str) -> None:
    """What RustFS logs of objects that are not there: rustfs issue 1146; of refused access: issues 2047 and 7044."""
    assert (run(line).word(), run(line).rows()) == ("pass", set())


@pytest.mark.parametrize(
    "line",
    [
        told("create_bitrot_reader reduce_read_quorum_errs [Some(FileNotFound)]", target=SET_DISK),
        told("HTTP user-custom error: user body write aborted", target="rustfs::server::http"),
        told("get_object_with_fileinfo  tema/x.hbs err NoSuchKey"),
        answered("NoSuchBucket"),
        answered("NoSuchKey", "Some(FileCorrupt)"),
        told(
            "request denied by authorization layer",
            "WARN",
            target="rustfs::storage::access",
            event="s3_authorization_denied",
            reason="public_access_block_unavailable",
            action="x",
        ),
    ],
)
def test_what_is_near_an_answer_to_a_client_is_doubt(line: str) -> None:
    """A part that is not there, and a body that the server ends early (hyper `User::BodyWriteAborted`), are damage."""
    assert run(line).rows() == {TROUBLE}


def test_trouble_comes_first_and_is_counted_by_its_code() -> None:
    noise = [answered("NoSuchKey")] * 3
    result = run(*noise, told("health is faulty"), told("operation timed out"), told("health is faulty"))
    assert "2 × drive-faulty, 1 × timeout" in row(result, "log-storage-error").summary
    log = result.facts().store_log
    assert log is not None
    assert [event.code for event in log.events] == ["drive-faulty", "timeout", "drive-faulty", *["NoSuchKey"] * 3]


def test_only_so_many_events_are_shown_and_all_are_counted() -> None:
    many = limits.LOG_EVENTS_SHOWN + 5
    log = run(*[answered("NoSuchKey")] * many, told("health is faulty")).facts().store_log
    assert log is not None
    assert (len(log.events), log.event_count, log.events[0].code) == (limits.LOG_EVENTS_SHOWN, many + 1, "drive-faulty")


def test_more_events_than_are_kept_are_a_log_that_was_not_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(*[answered("NoSuchKey")] * 2)
    monkeypatch.setattr("gate.evidence.store_log.ServerLogParser", partial(ServerLogParser, keep=1))
    log = result.facts().store_log
    assert log is not None
    assert (log.event_count, log.cut, log.truth) == (2, True, Truth.UNKNOWN)
    assert result.rows() == {UNREAD}


def test_a_log_that_was_cut_or_has_gaps_is_not_read() -> None:
    assert run(cut=True).rows() >= {UNREAD}
    result = run(notes=["pod rustfs-0 is gone"])
    assert (result.word(), result.rows()) == ("inconclusive", {UNREAD})
    assert row(result, "log-store-unobservable").summary == f"{PLACE}: pod rustfs-0 is gone; cut: False"


def test_a_named_log_without_a_capture_is_not_read() -> None:
    result = healthy().with_policy(store_log=PLACE).with_record(StoreLogRead(place=PLACE))
    assert result.rows() == {UNREAD}
    assert "there is no capture of it" in row(result, "log-store-unobservable").summary


def test_a_named_log_that_was_never_looked_at_is_not_read() -> None:
    result = healthy().with_policy(store_log=PLACE)
    assert (result.word(), result.rows()) == ("inconclusive", {UNREAD})
    assert result.facts().store_log is None


def test_where_none_is_named_nothing_is_claimed() -> None:
    result = healthy()
    assert (result.facts().store_log, result.facts().policy.store_log) == (None, "")
    assert not [each for each in result.judged()[0] if "store-log" in (each.code, each.subject)]


def test_trouble_counts_where_the_policy_names_no_place() -> None:
    result = run(told("health is faulty"), place="")
    assert result.rows() == {TROUBLE}
    assert run(place="").rows() == set()
    assert run("x\n", place="").rows() == {UNREADABLE}


def test_a_log_that_was_read_before_the_push_ended_proves_nothing() -> None:
    result = run(told("fine", "INFO"))
    rows: list[records.Record] = [record for record in result.records if not isinstance(record, StoreLogRead)]
    rows.insert(3, StoreLogRead(place=PLACE))
    early = Run(tuple(rows), result.files)
    assert early.rows() == {("run-disordered", "inconclusive")}
    assert early.facts().journal.disorder == ("the store's log was read before the end of a push",)


def test_a_stores_log_never_makes_a_verdict_better() -> None:
    lost = run(told("fine", "INFO")).change(records.BucketSampled, runs.lost)
    assert lost.word() == "quarantine"
    assert {each.status for each in lost.judged()[0] if each.code.startswith("log-store")} == {Status.PASS}
