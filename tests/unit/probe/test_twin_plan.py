"""The plan of a twin: the push set's count, sizes and shape, under the profile's caps; and when one is due."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gate import limits
from gate.model import records
from gate.model.basics import Label
from gate.model.facts import TwinFile
from gate.probe.twin import LEAST_BYTES, differences, modelled, plan_twin, twin_due_after, why_no_twin
from tests.helpers import runs
from tests.helpers.runs import answer

PLENTY = {"max_paths": limits.PATHS_MAX, "max_bytes": 2**40}


def named(number: int, size: int, references: tuple[int, ...] = ()) -> records.PathFacts:
    """A path whose name sorts by its number, the highest first: so a plan has to turn the order round."""
    return replace(
        runs.path_facts("x", size),
        store_path=f"/nix/store/{'0' * 32}-{9999 - number:04}",
        references=tuple(f"/nix/store/{'0' * 32}-{9999 - other:04}" for other in references),
    )


@some.composite
def push_sets(draw: some.DrawFn) -> list[records.PathFacts]:
    """As Nix makes them: references go to earlier paths, to itself, or out of the set; NAR sizes are multiples of 8."""
    count = draw(some.integers(1, 30))
    sizes = draw(some.lists(some.integers(14, 100_000), min_size=count, max_size=count))
    result = []
    for number, size in enumerate(sizes):
        references = draw(some.sets(some.integers(0, number), max_size=5))
        outside = draw(some.sets(some.integers(1000, 1003), max_size=2))
        result.append(named(number, size * 8, tuple(references | outside)))
    return draw(some.permutations(result))


def edges_by_size(paths: list[records.PathFacts]) -> list[tuple[int, int]]:
    """The shape, told without names: for each reference inside of the set, the sizes of both its ends."""
    facts = {path.store_path: path for path in paths}
    return sorted(
        (max(path.nar_size, LEAST_BYTES), max(facts[name].nar_size, LEAST_BYTES))
        for path in paths
        for name in path.references
        if name in facts and name != path.store_path
    )


@given(push_sets())
@settings(max_examples=60, deadline=None)
def test_count_sizes_and_shape_are_the_push_sets(paths: list[records.PathFacts]) -> None:
    plan = plan_twin(paths, **PLENTY)
    assert sorted(file.nar_size for file in plan) == sorted(max(path.nar_size, LEAST_BYTES) for path in paths)
    assert sorted((file.nar_size, plan[other].nar_size) for file in plan for other in file.references) == edges_by_size(
        paths
    )
    assert all(other < number for number, file in enumerate(plan) for other in file.references)
    assert plan == plan_twin(sorted(paths, key=lambda path: path.nar_size), **PLENTY)


@given(push_sets(), some.integers(0, 40), some.integers(0, 3_000_000))
@settings(max_examples=60, deadline=None)
def test_the_caps_hold_and_nothing_is_cut_without_need(
    paths: list[records.PathFacts], max_paths: int, max_bytes: int
) -> None:
    plan = plan_twin(paths, max_paths=max_paths, max_bytes=max_bytes)
    total = sum(file.nar_size for file in plan)
    whole = plan_twin(paths, **PLENTY)[:max_paths]
    assert total <= max_bytes
    assert len(plan) == min(len(whole), max_bytes // LEAST_BYTES)
    assert all(file.nar_size >= LEAST_BYTES and file.nar_size % 8 == 0 for file in plan)
    assert [file.references for file in plan] == [file.references for file in whole[: len(plan)]]
    if sum(file.nar_size for file in whole) <= max_bytes:
        assert plan == whole
    elif len(plan) == len(whole):
        assert max_bytes - total < 8


@given(some.lists(some.sets(some.integers(0, 7), max_size=4), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_any_graph_gives_a_plan_that_can_be_made(graph: list[set[int]]) -> None:
    paths = [named(number, 800 + 8 * number, tuple(references)) for number, references in enumerate(graph)]
    plan = plan_twin(paths, **PLENTY)
    assert sorted(file.nar_size for file in plan) == [path.nar_size for path in paths]
    assert all(other < number for number, file in enumerate(plan) for other in file.references)


def test_a_long_chain_is_no_recursion() -> None:
    paths = [named(number, 800, (number - 1,) if number else ()) for number in range(limits.PATHS_MAX)]
    plan = plan_twin(paths, **PLENTY)
    assert [file.references for file in plan] == [(), *((number,) for number in range(limits.PATHS_MAX - 1))]


def test_a_small_nar_grows_a_huge_one_shrinks_and_an_odd_one_is_padded() -> None:
    plan = plan_twin([named(3, 112), named(2, 2**32), named(1, 1001)], **PLENTY)
    assert [file.nar_size for file in plan] == [128, limits.TWIN_NAR_BYTES, 1008]
    assert [file.content_size for file in plan] == [16, limits.TWIN_NAR_BYTES - 112, 896]


def test_the_largest_shrink_first() -> None:
    paths = [named(1, 1000), named(2, 8000), named(3, 4000)]
    sizes = sorted(file.nar_size for file in plan_twin(paths, max_paths=3, max_bytes=10_000))
    assert sizes == [1000, 4000, 5000]
    assert sorted(file.nar_size for file in plan_twin(paths, max_paths=3, max_bytes=1300)) == [128, 168, 1000]


def test_the_model_is_what_the_cache_must_serve_filled_up_where_that_is_too_little() -> None:
    paths = tuple(named(number, 8 * number) for number in (50, 20, 40, 30))
    upstream = tuple(path.store_path for path in paths[1:])
    push_set = records.PushSetKnown(
        label=Label.PROFILE, cache="main", paths=paths, outputs=(), upstream=upstream, upstream_key_names=("k",)
    )
    assert modelled(push_set, 1) == (paths[0],)
    assert modelled(push_set, 0) == (paths[0],)
    assert modelled(push_set, 3) == (paths[0], paths[1], paths[3])
    assert set(modelled(push_set, 9)) == set(paths)
    assert modelled(replace(push_set, upstream=()), 1) == paths


# --- when one is due


def asked(hashes: list[str], status: int = 200) -> records.MissingAsked:
    body = '{"missing_paths":[' + ",".join(f'"{name}"' for name in hashes) + "]}"
    return records.MissingAsked(label=Label.PROFILE, cache="main", answer=answer(status, body))


PUSH_SET = records.PushSetKnown(
    label=Label.PROFILE,
    cache="main",
    paths=runs.SOURCES,
    outputs=(),
    upstream=(),
    upstream_key_names=("cache.nixos.org-1",),
)
HASHES = [path.store_path[11:43] for path in runs.SOURCES]


@pytest.mark.parametrize(
    ("policy", "answered", "reason"),
    [
        ({}, asked(HASHES[:10]), "10 paths of the profile are fresh and 10 are wanted, so it needs no twin"),
        ({}, asked(HASHES[:9]), None),
        ({}, asked([]), None),
        ({}, asked(HASHES, status=500), None),
        ({}, None, None),
        ({"min_fresh": 1}, None, "medium-check is not representative, so it needs no twin"),
        ({"twin": "always", "min_fresh": 1}, asked(HASHES), None),
        ({"twin": "always"}, asked(HASHES), None),
        ({"twin": "never"}, asked([]), "the settings say that no twin is to be published"),
        ({"twin": "never"}, None, "the settings say that no twin is to be published"),
    ],
)
def test_when_a_twin_is_due(
    policy: dict[str, object], answered: records.MissingAsked | None, reason: str | None
) -> None:
    assert why_no_twin(runs.policy(**policy), PUSH_SET, answered) == reason


# --- what was made of it


def test_what_was_made_is_held_against_the_plan() -> None:
    plan = (TwinFile(nar_size=200, references=()), TwinFile(nar_size=208, references=(0,)))
    one = runs.path_facts("one", 200)
    two = replace(runs.path_facts("two", 208), references=(one.store_path,))
    result = (one.store_path, two.store_path)
    assert differences(plan, result, {one.store_path: one, two.store_path: two}) == ()
    longer, alone = replace(one, nar_size=216), replace(two, references=())
    assert differences(plan, result, {one.store_path: longer, two.store_path: alone}) == (
        "path 0 of the twin has a NAR of 216 bytes, expected 200",
        "path 1 of the twin has 0 references, expected 1",
    )


def test_a_profile_of_which_too_little_was_written_needs_its_twin_afterwards() -> None:
    facts = runs.healthy().facts()
    assert not twin_due_after(facts.policy, facts.push.paths)
    assert twin_due_after(facts.policy, ())
    assert not twin_due_after(replace(facts.policy, twin="never"), ())
