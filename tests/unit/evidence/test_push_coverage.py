"""What of a publication is shown to be written."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate import limits
from gate.evidence.push_coverage import fold_coverage, fresh_count, is_wholly_deduplicated, written_paths
from gate.model.basics import Claim, Label, Truth
from gate.model.facts import Push, PushPath
from tests.helpers import runs

LARGE, SMALL = limits.ATTIC_CHUNKED_BYTES, limits.ATTIC_CHUNKED_BYTES - 1
PATH = PushPath(
    label=Label.PROFILE,
    cache="main",
    store_path="/nix/store/x",
    nar_hash="sha256:x",
    nar_size=LARGE,
    claimed_before=Truth.ABSENT,
    claim=Claim.UPLOADED,
    error=None,
    doubted=False,
)


def row(size: int, permille: int | None, claim: Claim = Claim.UPLOADED, label: Label = Label.PROFILE) -> PushPath:
    return replace(PATH, nar_size=size, deduplicated_permille=permille, claim=claim, label=label)


@pytest.mark.row("TRU-10")
@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([row(LARGE, None)] * 3, 3),
        ([row(SMALL, None)] * 3, 3),
        ([row(LARGE, 1000)] * 22, 0),
        ([row(LARGE, 1000), *[row(SMALL, None)] * 21], 0),
        ([row(LARGE, 1000), row(LARGE, None), row(SMALL, None)], 1),
        ([row(SMALL, 1000), row(SMALL, None)], 0),
        ([row(LARGE, 500)] * 3, 1),
        ([row(LARGE, 950)] * 22, 1),
        ([row(LARGE, 223), row(SMALL, None)], 1),
        ([row(LARGE, 1001)], 0),
        ([row(LARGE, None, Claim.DEDUPLICATED), row(LARGE, None, Claim.ALREADY_CACHED)], 0),
        ([row(LARGE, 1000, label=Label.TWIN), row(SMALL, None)], 1),
    ],
)
def test_a_path_counts_by_what_was_written_of_it(rows: list[PushPath], count: int) -> None:
    assert fresh_count(rows, Label.PROFILE) == count


@given(st.lists(st.builds(row, st.integers(1, 2 * LARGE), st.none() | st.integers(0, 1000)), max_size=12))
def test_one_more_path_that_wrote_nothing_never_helps(rows: list[PushPath]) -> None:
    count = fresh_count(rows, Label.PROFILE)
    assert 0 <= count <= len(rows)
    assert fresh_count([*rows, row(LARGE, 1000)], Label.PROFILE) <= count
    assert not [path for path, _ in written_paths(rows, Label.PROFILE) if is_wholly_deduplicated(path)]


def test_bytes_are_those_that_were_written() -> None:
    paths = (row(LARGE, 250), row(LARGE, 1000), replace(row(1000, None), label=Label.TWIN))
    push = Push(attempts=(), paths=paths, counts=runs.healthy().facts().push.counts)
    coverage = fold_coverage(push, ())
    assert (coverage.fresh_paths, coverage.fresh_bytes) == (2, LARGE * 3 // 4 + 1000)
    assert (coverage.fresh_profile, coverage.fresh_twin) == (0, 1)
