"""The samples of a phase → the drives that gave an error of their own, and which."""

from collections.abc import Iterable, Iterator
from typing import Literal

from gate import limits
from gate.model.records import BucketSampled, DriveTrouble, PlaceSeen
from gate.parse.host_files import is_io_error, is_other_file_system

What = Literal["scan-io", "other-file-system"]


def fold_drives(samples: Iterable[BucketSampled]) -> tuple[DriveTrouble, ...]:
    """One row for each place and kind of trouble, over all samples: a single failed one tells of a failing disk."""
    told: dict[tuple[str, What], list[str]] = {}
    for sample in samples:
        for place in sample.places:
            for what, error in _troubles(place).items():
                told.setdefault((place.place, what), []).append(error)
    return tuple(
        DriveTrouble(place=place, what=what, told=errors[0], samples=len(errors))
        for (place, what), errors in sorted(told.items())
    )


def _troubles(place: PlaceSeen) -> dict[What, str]:
    """The first error of each kind at a place in one sample."""
    found: dict[What, str] = {}
    for error in _sentences(place):
        if is_io_error(error):
            found.setdefault("scan-io", error[: limits.ERROR_TEXT_CHARS])
        elif is_other_file_system(error):
            found.setdefault("other-file-system", error[: limits.ERROR_TEXT_CHARS])
    return found


def _sentences(place: PlaceSeen) -> Iterator[str]:
    for error in (place.error, *(marker.error for marker in place.markers)):
        yield from (error or "").split("; ")
