"""What an audit comes to: bounds against an exact count, states as a join, and each verdict."""

from dataclasses import replace
from itertools import combinations, permutations
from math import comb
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.judge.audit import (
    BROKEN,
    INCONSISTENT,
    chance_of_at_most,
    claim_word,
    joined_state,
    judged,
    largest_damage,
    path_order,
    worst,
)
from gate.model.audit import (
    SCHEMA_REVISION,
    AuditResult,
    AuditSource,
    Bound,
    BrokenClaim,
    ChunkState,
    DamagedChunk,
    ServiceRow,
)
from gate.model.basics import VerdictWord

CENSUS = Bound(population=10, sample=10, damaged=0, at_most=0, confidence=1.0, is_census=True)
PASSED = AuditResult(
    plan_id="0" * 64,
    source=AuditSource(
        kind="sqlite", schema_revision=SCHEMA_REVISION, keypair_readable=False, high_object=1, high_nar=1, high_chunk=1
    ),
    level=2,
    chunks={"whole": 20},
    paths={"whole": 10},
    damaged_chunks=(),
    damaged_paths=(),
    damaged_paths_total=0,
    missing_shards=(),
    service_asked=3,
    service_whole=3,
    service=(),
    bounds=(CENSUS,),
    recheck=None,
    findings=(),
    verdict=VerdictWord.INCONCLUSIVE,
)


def damaged(state: ChunkState) -> DamagedChunk:
    return DamagedChunk(
        chunk_id=1,
        chunk_hash="sha256:0",
        file_hash=None,
        remote_file_id="s3:r/b/k",
        state=state,
        status=404,
        size=None,
        sha256=None,
        referenced=True,
    )


def test_the_chance_is_that_of_counting() -> None:
    for population, marked, sample, observation in (
        (10, 3, 4, 1),
        (12, 12, 5, 5),
        (9, 0, 4, 0),
        (8, 7, 6, 5),
        (8, 7, 6, 4),
    ):
        exact = sum(comb(marked, at) * comb(population - marked, sample - at) for at in range(observation + 1))
        assert chance_of_at_most(observation, population, marked, sample) == pytest.approx(
            exact / comb(population, sample)
        )


@pytest.mark.parametrize(
    ("sample", "seen", "at_most"), [(300, 0, 9934), (2995, 0, 998), (29956, 0, 98), (100_000, 0, 28), (5000, 12, 3881)]
)
def test_the_bounds_of_a_million_paths(sample: int, seen: int, at_most: int) -> None:
    # scipy.stats.hypergeom 1.17.1 gives the same to the digits of docs/audit.md
    assert largest_damage(seen, 1_000_000, sample, 0.95) == pytest.approx(at_most, rel=0.006)


@given(st.integers(1, 40), st.data())
def test_a_bound_is_between_what_was_seen_and_what_is_left(population: int, data: st.DataObject) -> None:
    sample = data.draw(st.integers(1, population))
    observation = data.draw(st.integers(0, sample))
    bound = largest_damage(observation, population, sample, 0.95)
    assert observation <= bound <= population - (sample - observation)
    if sample == population:
        assert bound == observation


def test_the_bound_holds_in_95_of_100_simulated_audits() -> None:
    result, population, marked, sample = Random(1), 2000, 20, 150
    bounds = [largest_damage(observation, population, sample, 0.95) for observation in range(21)]
    holder = sum(
        bounds[sum(path < marked for path in result.sample(range(population), sample))] >= marked for _ in range(2000)
    )
    assert holder >= 1900


def test_the_order_is_a_permutation_that_the_seed_fixes() -> None:
    orders = {path_order(b"s" * 32, cache, name * 32) for cache in ("main", "dev") for name in "abc"}
    assert len(orders) == 6
    assert path_order(b"t" * 32, "main", "a" * 32) not in orders


def test_a_join_does_not_depend_on_order_or_doubles() -> None:
    states = list(ChunkState)
    for one, other in combinations(states, 2):
        assert {joined_state(row) for row in permutations((one, other, one))} == {joined_state({one, other})}
    assert joined_state([ChunkState.UNREAD]) is ChunkState.UNREAD
    assert joined_state([ChunkState.UNREAD, ChunkState.ABSENT]) is ChunkState.ABSENT
    assert joined_state([ChunkState.WHOLE, ChunkState.ABSENT]) is ChunkState.FLAPPING


def test_the_worst_chunk_is_the_paths_state() -> None:
    assert worst(()) is ChunkState.WHOLE
    assert worst((ChunkState.UNREAD, ChunkState.LOST, ChunkState.COLLECTED)) is ChunkState.LOST


def test_all_whole_and_served_is_a_pass() -> None:
    result = judged(PASSED)
    assert result.verdict is VerdictWord.PASS
    assert [row.code for row in result.findings] == ["audit-whole"]


@pytest.mark.parametrize("state", [ChunkState.LOST, ChunkState.CORRUPT, ChunkState.INDEX_HIDDEN])
def test_settled_damage_is_a_quarantine(state: ChunkState) -> None:
    assert judged(replace(PASSED, damaged_chunks=(damaged(state),))).verdict is VerdictWord.QUARANTINE


@pytest.mark.parametrize("state", [ChunkState.ABSENT, ChunkState.UNREAD, ChunkState.FLAPPING])
def test_what_is_not_settled_is_inconclusive(state: ChunkState) -> None:
    assert judged(replace(PASSED, damaged_chunks=(damaged(state),))).verdict is VerdictWord.INCONCLUSIVE


@pytest.mark.parametrize("state", [ChunkState.COLLECTED, ChunkState.SUPERSEDED])
def test_what_is_no_claim_any_more_is_no_damage(state: ChunkState) -> None:
    assert judged(replace(PASSED, damaged_chunks=(damaged(state),))).verdict is VerdictWord.PASS


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"missing_shards": (2,)}, "audit-shard-missing"),
        ({"level": 0}, "audit-level-claims"),
        ({"service_whole": 0, "service_asked": 0}, "audit-service-unproved"),
        ({"service_whole": 2}, "audit-service-unread"),
        ({"paths": {INCONSISTENT: 1}}, "audit-claim-odd"),
        ({"bounds": (replace(CENSUS, damaged=1, at_most=1),)}, "audit-path-unaudited"),
    ],
)
def test_what_was_not_seen_is_no_pass(change: dict[str, object], code: str) -> None:
    result = judged(replace(PASSED, **change))  # type: ignore[arg-type]  # fields by name
    assert result.verdict is VerdictWord.INCONCLUSIVE
    assert code in {row.code for row in result.findings}


@pytest.mark.parametrize("change", [{"bounds": ()}, {"chunks": {}}])
def test_nothing_read_is_no_pass(change: dict[str, object]) -> None:
    assert judged(replace(PASSED, **change)).verdict is VerdictWord.INCONCLUSIVE  # type: ignore[arg-type]  # as above


def test_a_path_that_does_not_come_back_as_nix_reads_it_is_a_quarantine() -> None:
    row = ServiceRow(cache="main", store_path="/nix/store/x", status="fail", code="body-cut")
    assert judged(replace(PASSED, service=(row,), service_whole=2)).verdict is VerdictWord.QUARANTINE
    unread = replace(row, status="inconclusive")
    assert judged(replace(PASSED, service=(unread,), service_whole=2)).verdict is VerdictWord.INCONCLUSIVE


def test_a_broken_claim_is_a_quarantine_and_an_odd_one_is_not() -> None:
    assert judged(replace(PASSED, paths={BROKEN: 1})).verdict is VerdictWord.QUARANTINE
    words = {claim_word(broken) for broken in BrokenClaim if broken is not BrokenClaim.NAR_SIZE}
    assert (words, claim_word(BrokenClaim.NAR_SIZE)) == ({BROKEN}, INCONSISTENT)
