"""The groups and the map of a push's paths."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.model.basics import Claim
from gate.model.document import Evidence
from gate.render import html
from gate.render.paths import LOTS, Lot, PathGroup, PathRow, path_groups, path_map
from tests.unit.render import parts, samples


def large(count: int) -> Evidence:
    """A pass of ``count`` paths."""
    good = samples.passed()
    numbers = range(count)
    paths = tuple(
        replace(parts.push_path(2, Claim.UPLOADED), store_path=f"/nix/store/{number:032d}-source") for number in numbers
    )
    whole = good.bodies[0]
    bodies = tuple(replace(whole, label=path.label, cache=path.cache, store_path=path.store_path) for path in paths)
    return replace(good, push=replace(good.push, paths=paths), bodies=bodies)


def test_groups_come_worst_first() -> None:
    groups = path_groups(samples.quarantined())
    assert [(group.lot, group.count) for group in groups] == [("lost", 1), ("failed", 21)]
    assert groups[0].outcome == "HTTP 200 with no bytes"
    assert groups[1].claim == "failed (InternalServerError)"


def test_a_path_without_a_body_is_unknown_unless_an_upstream_has_it() -> None:
    good = samples.passed()
    claims = (Claim.IN_UPSTREAM, Claim.UNACCOUNTED)
    paths = tuple(parts.push_path(number, claim) for number, claim in enumerate(claims, 3))
    groups = path_groups(replace(good, push=replace(good.push, paths=paths), bodies=()))
    assert [group.lot for group in groups] == ["unknown", "left"]


def test_rows_are_in_chunks_that_a_browser_lays_out_one_by_one() -> None:
    (group,) = path_groups(large(250))
    assert [len(chunk) for chunk in group.chunks] == [100, 100, 50]


@given(st.lists(st.tuples(st.sampled_from(list(LOTS)), st.integers(1, 250))))
def test_the_map_has_a_cell_for_each_path(rows: list[tuple[Lot, int]]) -> None:
    row = PathRow(name="n", hash="h", nar_size=1, reads=1)
    groups = [
        PathGroup(
            lot=lot,
            publication="p",
            claim="c",
            outcome="o",
            code="",
            detail="",
            doubted=False,
            nar_size=count,
            chunks=((row,) * count,),
        )
        for lot, count in rows
    ]
    result = path_map(groups)
    total = sum(count for _, count in rows)
    assert sum(line.width for line in result.lines) == total * 10
    assert sum(count for _, _, count in result.counts) == total
    assert all(line.x + line.width <= result.width and line.y < result.height for line in result.lines)


@pytest.mark.parametrize(("count", "most"), [(24, 60_000), (10_000, 2_000_000)])
def test_the_page_keeps_its_budget(count: int, most: int) -> None:
    assert len(html.report(large(count)).encode()) < most
