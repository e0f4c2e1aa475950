"""What a capture looks at besides can only lower a verdict, and never to a fail."""

from dataclasses import replace

import pytest

from gate.model import records
from gate.model.basics import Phase
from gate.model.captures import DiskLook, DiskRoom, DiskSeen, EventsSeen, KubeEvent, PreviousLogSeen
from gate.model.document import Finding
from gate.model.records import Record
from gate.probe.building import unclean
from tests.helpers import runs

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


def judged(*rows: Record) -> tuple[str, list[Finding]]:
    run = runs.healthy()
    for record in rows:
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
    result = judged(record)
    assert (result[0], [(row.code, row.status.value) for row in result[1]]) == (word, rows)


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
    run = runs.healthy().with_record(LOG).with_file("previous.log", line)
    findings, verdict = run.with_record(runs.closed("previous.log", line)).judged()
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
    run = runs.healthy().with_record(LOG).with_file("previous.log", line)
    findings, verdict = run.with_record(runs.closed("previous.log", line)).judged()
    (row,) = [row for row in findings if row.code == "log-unreadable"]
    assert (verdict.word.value, row.subject) == ("inconclusive", "previous logs")
    assert row.summary.startswith(summary)


def test_a_run_that_is_no_capture_has_no_row() -> None:
    assert judged() == ("pass", [])


GIB = 1024**3
WIDE = DiskRoom(total=1000 * GIB, used=200 * GIB, free=800 * GIB)
NARROW = replace(WIDE, used=999 * GIB, free=1 * GIB)
TIGHT = DiskRoom(total=20 * GIB, used=19 * GIB, free=512 * 1024**2)


def looked(run: runs.Run, phase: Phase, **changes: object) -> runs.Run:
    """The run with one look at the drive among the records of its phase."""
    disk = replace(DISK, **{"space": WIDE, **changes})  # type: ignore[arg-type]  # test
    rows: list[Record] = []
    put = False
    for record in run.records:
        here = isinstance(record, records.ChildEnded) and record.name == "push:profile"
        if phase is not Phase.DURING:
            here = isinstance(record, records.WorkloadSeen) and record.phase is phase and not put
        rows.append(record)
        if here:
            rows.append(DiskLook(phase=phase, disk=disk))
            put = True
    return runs.Run(tuple(rows), run.files)


def failing(run: runs.Run) -> runs.Run:
    """The run whose profile's last path failed in the server."""
    name = runs.SOURCES[-1].store_path.removeprefix("/nix/store/")
    words = "InternalServerError: The server encountered an internal error or misconfiguration."
    log = run.files["push-profile.log"].decode().replace(f"✅ {name} (8.31 KiB/s)", f"❌ {name}: {words}")
    result = run.with_file("push-profile.log", f"{log}Error: {words}\n".encode())
    missing = runs.SOURCES[-1].store_path

    def gone(record: records.BodyRead) -> records.BodyRead:
        if record.store_path != missing:
            return record
        return replace(record, narinfo=runs.answer(404, '{"error":"NoSuchObject"}'), nar=None)

    result = result.change(records.BodyRead, gone)
    return result.change(records.ChildEnded, lambda row: replace(row, exit=1) if row.name == "push:profile" else row)


def rows_of(run: runs.Run, *families: str) -> list[tuple[str, str]]:
    return [(row.code, row.status.value) for row in run.judged()[0] if row.code.split("-")[0] in families]


@pytest.mark.parametrize("phase", [Phase.PRE, Phase.DURING, Phase.POST])
@pytest.mark.parametrize(
    ("changes", "code", "status"),
    [
        ({}, "disk-room", "pass"),
        ({"inodes": None}, "disk-room", "pass"),
        ({"space": NARROW}, "disk-full", "inconclusive"),
        ({"inodes": FULL}, "disk-full", "inconclusive"),
        ({"space": TIGHT}, "disk-tight", "pass"),
        ({"space": None, "error": "/data: Permission denied"}, "disk-use-unknown", "pass"),
        ({"error": "inodes: df said nothing"}, "disk-use-unknown", "pass"),
        ({"space": NARROW, "error": "inodes: x"}, "disk-full", "inconclusive"),
    ],
)
@pytest.mark.row("TRU-16")
def test_each_look_of_a_run_at_a_drive(phase: Phase, changes: dict[str, object], code: str, status: str) -> None:
    result = looked(runs.healthy(), phase, **changes)
    assert rows_of(result, "disk") == [(code, status)]
    assert result.word() == status
    (row,) = [row for row in result.judged()[0] if row.code == code]
    assert (row.phase, row.evidence) == (phase.value, (f"/{phase.value}/disks/0",))


@pytest.mark.row("TRU-16")
def test_a_full_drive_is_said_before_anything_is_published() -> None:
    full = looked(runs.healthy(), Phase.PRE, space=NARROW)
    assert [why for why in unclean(full.facts()) if "the drive at file:///data: 100 % of its bytes taken" in why]
    assert not unclean(looked(runs.healthy(), Phase.PRE).facts())
    assert not unclean(looked(runs.healthy(), Phase.PRE, space=TIGHT).facts())


@pytest.mark.row("TRU-16")
@pytest.mark.parametrize("phase", [Phase.PRE, Phase.DURING, Phase.POST])
def test_a_push_that_fails_on_a_full_drive_is_the_drives_matter(phase: Phase) -> None:
    full = looked(failing(runs.healthy()), phase, space=NARROW)
    assert full.word() == "inconclusive"
    (row,) = [row for row in full.judged()[0] if row.code == "push-path-failed"]
    assert "; the drive at file:///data: 100 % of its bytes taken" in row.summary
    needed = runs.SOURCES[-1].nar_size
    small = DiskRoom(total=20 * needed, used=10 * needed, free=needed - 1)
    assert looked(failing(runs.healthy()), phase, space=small).word() == "inconclusive"
    for space in (WIDE, replace(small, free=needed)):
        assert looked(failing(runs.healthy()), phase, space=space).word() == "quarantine"
    assert failing(runs.healthy()).word() == "quarantine"


@pytest.mark.row("TRU-16")
def test_a_full_drive_excuses_no_wrong_body_and_no_lost_index() -> None:
    full = looked(failing(runs.healthy()), Phase.POST, space=NARROW)
    wrong = runs.SOURCES[0].store_path
    empty = full.change(
        records.BodyRead,
        lambda row: replace(row, nar=replace(row.nar, nar_bytes=0, wire_bytes=0)) if row.store_path == wrong else row,
    )
    assert empty.word() == "quarantine"
    lost = full.change(records.BucketSampled, lambda row: runs.lost(row) if row.phase is Phase.POST else row)
    assert lost.word() == "quarantine"
