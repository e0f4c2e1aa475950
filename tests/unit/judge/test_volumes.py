"""Which volume the markers were seen on."""

from dataclasses import replace

import pytest

from gate.model import records
from gate.model.basics import Phase
from tests.helpers import runs

OURS = "deployment/drive-1"


def on(pre: str | None, post: str | None, *, volumes: tuple[str, ...] = ()) -> runs.Run:
    """The healthy run with its drive's id before and after, and what gate.toml names."""

    def told(row: records.BucketSampled) -> records.Record:
        volume = pre if row.phase is Phase.PRE else post
        return replace(row, places=tuple(replace(place, volume=volume) for place in row.places))

    return runs.healthy().change(records.BucketSampled, told).with_policy(volumes=volumes)


FOREIGN = {("volume-foreign", "inconclusive")}


@pytest.mark.row("DISK-14")
@pytest.mark.parametrize(
    ("pre", "post", "volumes", "rows"),
    [
        (None, None, (), set()),
        (OURS, OURS, (), set()),
        (OURS, OURS, (OURS,), set()),
        (OURS, OURS, ("deployment/drive-0", OURS), set()),
        (OURS, OURS, ("another/drive-1",), FOREIGN),
        (None, None, (OURS,), FOREIGN),
        (OURS, "another/drive-1", (), FOREIGN),
        (OURS, None, (), FOREIGN),
        (None, OURS, (), FOREIGN),
        (OURS, "another/drive-1", (OURS,), FOREIGN),
    ],
)
def test_a_foreign_volume_is_no_pass(
    pre: str | None, post: str | None, volumes: tuple[str, ...], rows: set[tuple[str, str]]
) -> None:
    run = on(pre, post, volumes=volumes)
    assert (run.rows(), run.word()) == (rows, "inconclusive" if rows else "pass")


def test_a_place_that_could_not_be_looked_at_is_told_by_the_bucket() -> None:
    def unread(row: records.BucketSampled) -> records.Record:
        places = tuple(replace(place, volume=None, error="EIO") for place in row.places)
        return replace(row, places=places) if row.phase is Phase.POST else row

    assert "volume-foreign" not in {code for code, _ in runs.healthy().change(records.BucketSampled, unread).rows()}
