"""Drives that failed while their markers were looked at, over the samples of a phase."""

from dataclasses import replace

import pytest

from gate.evidence.store_log import fold_drives
from gate.model import records
from gate.model.basics import Phase, Truth
from gate.model.records import DriveTrouble
from tests.helpers import runs

EIO = "/data/attic: Input/output error"
SPLIT = "/data/attic is on another file system than /data"


def seen(number: int, *errors: str | None, place: str | None = None) -> records.BucketSampled:
    """A sample whose markers have these errors, and whose place may have one."""
    marker = records.MarkerSeen(bucket="attic", data=Truth.UNKNOWN, meta=Truth.PRESENT)
    markers = tuple(replace(marker, error=error) for error in errors)
    drive = records.PlaceSeen(place="file:///data", markers=markers, error=place)
    return replace(runs.sample(Phase.PRE, number), places=(drive,))


def test_good_drives_have_no_row() -> None:
    assert fold_drives([]) == ()
    assert fold_drives([runs.sample(Phase.PRE, 1), seen(2, None, "/data/attic is a link: expected a directory")]) == ()


def test_one_failing_sample_of_several_is_told() -> None:
    rows = fold_drives([runs.sample(Phase.PRE, 1), seen(2, None, EIO), seen(3, "x", place=f"y; {EIO} "), seen(4)])
    assert rows == (DriveTrouble(place="file:///data", what="scan-io", error=EIO, samples=2),)


def test_each_kind_and_place_has_a_row() -> None:
    other = replace(seen(1, EIO), places=(replace(seen(1, EIO).places[0], place="file:///b"),))
    rows = fold_drives([seen(1, f"{SPLIT}; {EIO}"), other])
    assert [(row.place, row.what, row.error) for row in rows] == [
        ("file:///b", "scan-io", EIO),
        ("file:///data", "other-file-system", SPLIT),
        ("file:///data", "scan-io", EIO),
    ]


def test_a_long_error_is_cut() -> None:
    (row,) = fold_drives([seen(1, "/" + "x" * 9000 + ": Input/output error")])
    assert len(row.error) == 2048


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize(("error", "code"), [(EIO, "disk-scan-io"), (SPLIT, "volume-split")])
@pytest.mark.row("DISK-09", "DISK-12")
def test_in_any_phase_it_is_no_pass(phase: Phase, error: str, code: str) -> None:
    """While a push runs too, where a sample that could not be read may pass between good ones."""

    def change(record: records.BucketSampled) -> records.BucketSampled:
        if record.phase is not phase or record.number != 1:
            return record
        (drive,) = record.places
        return replace(
            record, places=(replace(drive, markers=(replace(drive.markers[0], error=error), *drive.markers[1:])),)
        )

    run = runs.healthy().change(records.BucketSampled, change)
    assert (code, "inconclusive") in run.rows()
    assert run.word() == "inconclusive"
    (row,) = [row for row in run.judged()[0] if row.code == code]
    assert (row.subject, row.phase, row.evidence) == ("file:///data", phase.value, (f"/{phase.value}/drives/0",))
    assert row.summary == f"{error} (in 1 of the samples)"
