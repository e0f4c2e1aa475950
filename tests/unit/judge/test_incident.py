"""What a capture looks at besides can only lower a verdict, and never to a fail."""

from dataclasses import replace

import pytest

from gate.model.document import Finding
from gate.model.incident_records import DiskRoom, DiskSeen, EventsSeen, KubeEvent, PreviousLogSeen
from gate.model.records import Record
from tests.helpers import tapes

ROOM = DiskRoom(total=1000, used=200, free=800)
FULL = DiskRoom(total=1000, used=985, free=5)
DISK = DiskSeen(place="file:///data", space=ROOM, inodes=ROOM)
WARNING = KubeEvent(
    involved="Pod/rustfs-0",
    type="Warning",
    reason="BackOff",
    count=3,
    first=None,
    last="2026-11-24T00:00:00Z",
    message="m",
)
EVENTS = EventsSeen(role="store", place="kubectl://n/statefulset/rustfs", events=(WARNING, WARNING), cut=True)
LOG = PreviousLogSeen(
    role="store", place="kubectl://n/pod/a?container=c", restarts=2, ended="OOMKilled, exit 137", bytes=9, cut=True
)


def judged(*records: Record) -> tuple[str, list[Finding]]:
    run = tapes.healthy()
    for record in records:
        run = run.with_record(record)
    findings, verdict = run.judged()
    return verdict.word.value, [row for row in findings if row.code.split("-")[0] in ("disk", "incident")]


@pytest.mark.parametrize(
    ("record", "word", "rows"),
    [
        (DISK, "pass", [("disk-room", "pass")]),
        (replace(DISK, inodes=None), "pass", [("disk-room", "pass")]),
        (replace(DISK, space=FULL), "inconclusive", [("disk-full", "inconclusive")]),
        (replace(DISK, inodes=FULL), "inconclusive", [("disk-full", "inconclusive")]),
        (
            DiskSeen(place="file:///data", space=FULL, error="inodes: x"),
            "inconclusive",
            [("disk-full", "inconclusive"), ("disk-unobservable", "inconclusive")],
        ),
        (replace(DISK, error="inodes: x"), "inconclusive", [("disk-unobservable", "inconclusive")]),
        (DiskSeen(place="file:///data", error="no"), "inconclusive", [("disk-unobservable", "inconclusive")]),
        (DiskSeen(place="file:///data"), "pass", []),
        (EVENTS, "pass", [("incident-seen", "pass")]),
        (replace(EVENTS, error="forbidden"), "inconclusive", [("incident-unobservable", "inconclusive")]),
        (LOG, "pass", [("incident-seen", "pass")]),
        (replace(LOG, error="gone"), "inconclusive", [("incident-unobservable", "inconclusive")]),
    ],
)
def test_each_record(record: Record, word: str, rows: list[tuple[str, str]]) -> None:
    found = judged(record)
    assert (found[0], [(row.code, row.status.value) for row in found[1]]) == (word, rows)


def test_the_words() -> None:
    _, (disk, events, log) = judged(replace(DISK, space=FULL), EVENTS, LOG)
    assert disk.summary == "file:///data: 100 % of its bytes taken, 20 % of its inodes taken"
    assert disk.evidence == ("/incident/disks/0",)
    assert events.summary == "kubectl://n/statefulset/rustfs: 2 events, and there are older ones; warnings: 2 × BackOff"
    assert log.summary == (
        f"{LOG.place}: 2 restarts; it ended: OOMKilled, exit 137; 9 bytes logged before, its last lines"
    )
    _, (events, log) = judged(replace(EVENTS, events=(), cut=False), replace(LOG, ended="", cut=False))
    assert events.summary == "kubectl://n/statefulset/rustfs: 0 events; warnings: none"
    assert log.summary == "kubectl://n/pod/a?container=c: 2 restarts; 9 bytes logged before"


def test_storage_errors_before_a_restart() -> None:
    line = b"2026-11-24T00:48:39.268799Z ERROR attic_server::error: service error: NoSuchBucket: gone\n"
    run = tapes.healthy().with_record(LOG).with_file("previous.log", line)
    findings, verdict = run.with_record(tapes.closed("previous.log", line)).judged()
    rows = [(row.code, row.summary) for row in findings if row.code.startswith("incident-storage")]
    assert (verdict.word.value, rows) == (
        "inconclusive",
        [("incident-storage-error", "before their last restart containers logged 1 × NoSuchBucket")],
    )


@pytest.mark.parametrize(
    ("line", "summary"),
    [
        (b"unable to retrieve\n", "a line of what containers logged before is not understood, the first: 'unable to"),
        (b"x\n" * 2, "2 lines of what containers logged before are not understood, the first: 'x'"),
    ],
)
def test_a_previous_log_that_is_not_understood_is_doubt(line: bytes, summary: str) -> None:
    run = tapes.healthy().with_record(LOG).with_file("previous.log", line)
    findings, verdict = run.with_record(tapes.closed("previous.log", line)).judged()
    (row,) = [row for row in findings if row.code == "log-unreadable"]
    assert (verdict.word.value, row.subject) == ("inconclusive", "previous logs")
    assert row.summary.startswith(summary)


def test_a_run_that_is_no_capture_has_no_row() -> None:
    assert judged() == ("pass", [])
