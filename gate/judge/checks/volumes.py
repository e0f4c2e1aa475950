"""The drives that the markers were seen on: another disk with the same folder names proves nothing of this store.

Nor does a disk that fails: an error of input or output is no absence, and can hide one.
"""

from collections.abc import Iterator, Mapping

from gate.judge.finding import finding, pointer
from gate.model.basics import Phase
from gate.model.document import Facts, Finding, PhaseFacts

_CODES = {"scan-io": "disk-scan-io", "other-file-system": "volume-split"}


def check_volumes(facts: Facts) -> Iterator[Finding]:
    """One row for each place whose volume is not one of the policy's, or not the one that it was before."""
    before = _volumes(facts.pre)
    for phase, seen in ((Phase.PRE, before), (Phase.POST, _volumes(facts.post))):
        for place, volume in seen.items():
            wanted = facts.policy.volumes
            if wanted and volume not in wanted:
                yield _row(place, phase, f"the volume is {volume or 'unknown'}, expected {', '.join(wanted)}")
            elif phase is Phase.POST and place in before and before[place] != volume:
                yield _row(place, phase, f"the volume was {before[place] or 'unknown'}, and is {volume or 'unknown'}")


def check_drives(facts: Facts) -> Iterator[Finding]:
    """One row for each drive that kept its markers from being told, and each phase; none for drives that did not."""
    for phase, seen in ((Phase.PRE, facts.pre), (Phase.DURING, facts.during), (Phase.POST, facts.post)):
        for number, drive in enumerate(seen.drives):
            where = pointer(phase.value, "drives", number)
            told = f"{drive.told} (in {drive.samples} of the samples)"
            yield finding(_CODES[drive.what], drive.place, told, phase=phase, evidence=(where,))


def _row(place: str, phase: Phase, told: str) -> Finding:
    return finding("volume-foreign", place, told, phase=phase, evidence=(pointer(phase.value, "buckets"),))


def _volumes(facts: PhaseFacts) -> Mapping[str, str | None]:
    """The volume of each place in the last sample of a phase; a place that could not be looked at is told elsewhere."""
    return {
        place.place: place.volume for bucket in facts.buckets.values() for place in bucket.places if place.error is None
    }
