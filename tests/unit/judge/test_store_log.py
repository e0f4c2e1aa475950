"""The store's own log: trouble that it tells blocks, a log that is named and unread blocks, silence proves nothing."""

import json
from collections.abc import Sequence
from functools import partial

import pytest

from gate import limits
from gate.model import records as say
from gate.model.basics import Status, Truth, Word
from gate.model.document import Finding
from gate.model.log_records import StoreLogRead
from gate.parse.server_log import ServerLogParser
from tests.helpers import tapes
from tests.helpers.tapes import Run, healthy

PLACE = "kubectl://nix-cache/statefulset/rustfs?container=rustfs"
TROUBLE = ("log-storage-error", "inconclusive")
UNREAD = ("log-store-unobservable", "inconclusive")


def told(message: str, level: str = "ERROR", **fields: str) -> str:
    """A line of RustFS's JSON log (rustfs-obs 1.0.1 src/telemetry/local.rs)."""
    made = {
        "timestamp": "2026-11-24T00:00:20.000001+00:00",
        "level": level,
        "fields": {"message": message, **fields},
        "target": "rustfs_ecstore::disk::disk_store",
        "filename": "crates/ecstore/src/disk/disk_store.rs",
        "line_number": 1571,
    }
    return json.dumps(made) + "\n"


def run(*lines: str, notes: Sequence[str] = (), place: str = PLACE, cut: bool = False) -> Run:
    text = "".join(lines).encode()
    made = healthy().with_policy(store_log=place).with_file("store.log", text)
    closed = tapes.closed("store.log", text)
    closed = say.CaptureClosed(
        name=closed.name, bytes=closed.bytes, sha256=closed.sha256, cut=cut, redactions=closed.redactions
    )
    return made.with_record(closed).with_record(StoreLogRead(place=PLACE, notes=tuple(notes)))


def row(of: Run, code: str) -> Finding:
    (found,) = [each for each in of.judged()[0] if each.code == code and each.subject == "store-log"]
    return found


def test_a_quiet_store_is_no_obstacle() -> None:
    made = run(told("started", "INFO"), told("slow scan", "WARN"))
    assert (made.word(), made.rows()) == ("pass", set())
    found = row(made, "log-store-clean")
    assert found.summary == "1 events at WARN and ERROR, none of the store's own trouble"
    log = made.facts().store_log
    assert log is not None
    assert (log.place, log.truth, log.event_count, log.troubles, log.cut) == (PLACE, Truth.PRESENT, 1, 0, False)


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
    made = run(told("fine", "INFO"), line)
    assert made.rows() == {TROUBLE}
    assert (made.judged()[1].word, made.judged()[1].exit_code) == (Word.INCONCLUSIVE, 3)
    found = row(made, "log-storage-error")
    assert found.summary.startswith(f"the store logged 1 × {code} in the window, the first at ")
    assert found.evidence == ("/store_log/events",)
    assert "log-store-clean" not in {each.code for each in made.judged()[0]}
    log = made.facts().store_log
    assert log is not None
    assert ([event.code for event in log.events], log.troubles) == ([code], 1)


@pytest.mark.parametrize(
    "line",
    [
        told("get_object_with_fileinfo tema/x.hbs err NoSuchKey"),
        told("get_object_with_fileinfo tema/x.hbs err ObjectNotFound"),
        told("create_bitrot_reader reduce_read_quorum_errs [Some(FileNotFound)]"),
        told("HTTP user-custom error: user body write aborted"),
        told("denied", err="AccessDenied"),
        told("health is faulty", "INFO"),
    ],
)
def test_an_answer_to_a_client_is_no_trouble(line: str) -> None:
    """What RustFS logs of objects that are not there: rustfs issue 1146; of clients that go away: issue 769."""
    assert (run(line).word(), run(line).rows()) == ("pass", set())


def test_trouble_comes_first_and_is_counted_by_its_code() -> None:
    noise = [told(f"noise {number}") for number in range(3)]
    made = run(*noise, told("health is faulty"), told("operation timed out"), told("health is faulty"))
    assert "2 × drive-faulty, 1 × timeout" in row(made, "log-storage-error").summary
    log = made.facts().store_log
    assert log is not None
    assert [event.code for event in log.events] == ["drive-faulty", "timeout", "drive-faulty", None, None, None]


def test_only_so_many_events_are_shown_and_all_are_counted() -> None:
    many = limits.LOG_EVENTS_SHOWN + 5
    log = run(*(told("noise") for _ in range(many)), told("health is faulty")).facts().store_log
    assert log is not None
    assert (len(log.events), log.event_count, log.events[0].code) == (limits.LOG_EVENTS_SHOWN, many + 1, "drive-faulty")


def test_more_events_than_are_kept_are_a_log_that_was_not_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    made = run(told("one"), told("two"))
    monkeypatch.setattr("gate.evidence.store_log.ServerLogParser", partial(ServerLogParser, keep=1))
    log = made.facts().store_log
    assert log is not None
    assert (log.event_count, log.cut, log.truth) == (2, True, Truth.UNKNOWN)
    assert made.rows() == {UNREAD}


def test_a_log_that_was_cut_or_has_gaps_is_not_read() -> None:
    assert run(cut=True).rows() >= {UNREAD}
    made = run(notes=["pod rustfs-0 is gone"])
    assert (made.word(), made.rows()) == ("inconclusive", {UNREAD})
    assert row(made, "log-store-unobservable").summary == f"{PLACE}: pod rustfs-0 is gone; cut: False"


def test_a_named_log_without_a_capture_is_not_read() -> None:
    made = healthy().with_policy(store_log=PLACE).with_record(StoreLogRead(place=PLACE))
    assert made.rows() == {UNREAD}
    assert "there is no capture of it" in row(made, "log-store-unobservable").summary


def test_a_named_log_that_was_never_looked_at_is_not_read() -> None:
    made = healthy().with_policy(store_log=PLACE)
    assert (made.word(), made.rows()) == ("inconclusive", {UNREAD})
    assert made.facts().store_log is None


def test_where_none_is_named_nothing_is_claimed() -> None:
    made = healthy()
    assert (made.facts().store_log, made.facts().policy.store_log) == (None, "")
    assert not [each for each in made.judged()[0] if "store-log" in (each.code, each.subject)]


def test_trouble_counts_where_the_policy_names_no_place() -> None:
    made = run(told("health is faulty"), place="")
    assert made.rows() == {TROUBLE}
    assert run(place="").rows() == set()


def test_a_log_that_was_read_before_the_push_ended_proves_nothing() -> None:
    made = run(told("fine", "INFO"))
    rows: list[say.Record] = [record for record in made.records if not isinstance(record, StoreLogRead)]
    rows.insert(3, StoreLogRead(place=PLACE))
    early = Run(tuple(rows), made.files)
    assert early.rows() == {("run-disordered", "inconclusive")}
    assert early.facts().journal.disorder == ("the store's log was read before the end of a push",)


def test_a_stores_log_never_makes_a_verdict_better() -> None:
    lost = run(told("fine", "INFO")).change(say.BucketSampled, tapes.lost)
    assert lost.word() == "quarantine"
    assert {each.status for each in lost.judged()[0] if each.code.startswith("log-store")} == {Status.PASS}
