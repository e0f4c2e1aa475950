import pytest

from gate.evidence.capture import fold_incident, used_percent
from gate.model.captures import DiskRoom, DiskSeen, EventsSeen, Incident, PreviousLogSeen
from tests.helpers import runs

DISK = DiskSeen(place="file:///data", space=DiskRoom(total=100, used=20, free=70))
EVENTS = EventsSeen(role="store", place="kubectl://n/statefulset/rustfs")
LOG = PreviousLogSeen(role="cache", place="kubectl://n/pod/a?container=attic", restarts=1, ended="", bytes=9)
LINES = (
    b"[pod/a/attic] 2026-11-24T00:48:39.268799000Z 2026-11-24T00:48:39.268799Z ERROR attic_server::error: "
    b"Storage error: service error: NoSuchBucket: gone\n"
    b"[pod/a/attic] 2026-11-24T00:48:39.268799000Z 2026-11-24T00:48:39.268799Z ERROR attic_server: Status code: 500\n"
)


def test_a_run_that_is_no_capture_has_none() -> None:
    assert fold_incident([], [], [], None) is None
    assert runs.healthy().facts().incident is None


def test_all_of_it_is_kept_and_storage_errors_are_counted() -> None:
    chunks = [LINES[:50], LINES[50:], LINES]
    assert fold_incident([DISK], [EVENTS], [LOG], chunks) == Incident(
        disks=(DISK,), events=(EVENTS,), previous_logs=(LOG,), previous_codes={"NoSuchBucket": 2}
    )
    assert fold_incident([DISK], [], [], None) == Incident(
        disks=(DISK,), events=(), previous_logs=(), previous_codes={}
    )


def test_the_fold_of_a_whole_tape_has_it() -> None:
    run = runs.healthy().with_record(DISK).with_record(EVENTS).with_record(LOG)
    run = run.with_file("previous.log", LINES).with_record(runs.closed("previous.log", LINES))
    assert run.facts().incident == Incident(
        disks=(DISK,), events=(EVENTS,), previous_logs=(LOG,), previous_codes={"NoSuchBucket": 1}
    )


@pytest.mark.parametrize(
    ("used", "free", "expected"),
    [(0, 10, 0), (1, 999, 1), (20, 70, 23), (989, 11, 99), (98, 2, 98), (10, 0, 100), (0, 0, 100)],
)
def test_percent_is_what_df_says(used: int, free: int, expected: int) -> None:
    assert used_percent(DiskRoom(total=1000, used=used, free=free)) == expected
