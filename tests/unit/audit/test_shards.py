"""Shards: which are chosen, what a killed one leaves, and a merge that no order, doubling or retry changes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from unittest.mock import patch

import pytest

from gate import limits
from gate.audit.folder import BLOCKS, SHARD, load_audit, load_plan, result_digest
from gate.audit.merge import merge, refined
from gate.audit.plan import PlanRequest, write_plan
from gate.audit.shard import ShardWork, chosen_shards, run_chunk_shard
from gate.clock import SystemClock
from gate.errors import ForgedError, RefusedError
from gate.judge.audit import judged
from gate.model.audit import ChunkReading, ChunkState, RecheckRow, ShardDocument
from gate.model.basics import Truth
from gate.observe.attic_db import AtticDatabase, Row, open_database
from gate.observe.chunk_objects import StoreStoppedError
from gate.parse.audit_files import ChunkClaim
from tests.helpers.attic_claims import AtticClaims

CLOCK = SystemClock()


class MemoryReader:
    """Reads chunks from a table of states, and counts; ``dies_after`` that many blocks."""

    def __init__(self, states: dict[int, ChunkState], dies_after: int | None = None) -> None:
        self.received_bytes = 0
        self.reads: list[int] = []
        self._states = states
        self._blocks = dies_after

    def read(self, claims: Sequence[ChunkClaim]) -> list[ChunkReading]:
        if self._blocks == 0:
            raise StoreStoppedError("the store is not well")
        self._blocks = None if self._blocks is None else self._blocks - 1
        self.reads += [claim.chunk_id for claim in claims]
        self.received_bytes += len(claims)
        rows = []
        for claim in claims:
            state = self._states.get(claim.chunk_id, ChunkState.WHOLE)
            if state is not ChunkState.WHOLE:
                rows.append(
                    ChunkReading(
                        chunk_id=claim.chunk_id, state=state, status=404, curl=0, size=0, sha256=None, problem=None
                    )
                )
        return rows


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("plan")
    claims = AtticClaims(work / "data")
    claims.fill(paths=60, chunks_each=4, shared=1, size=10)
    return write(work, claims, looks=(None,))


def write(work: Path, claims: AtticClaims, looks: tuple[int | None, ...]) -> Path:
    with open_database(claims.write_sqlite(work / "attic.db")) as database:
        write_plan(work / "plan", database, request_of(looks), CLOCK)
    return work / "plan"


def request_of(looks: tuple[int | None, ...]) -> PlanRequest:
    return PlanRequest(
        s3_endpoint="http://127.0.0.1:1",
        attic_server="",
        caches=(),
        level=2,
        looks=looks,
        confidence=0.95,
        shards=3,
        rate=1.0,
        bandwidth=0.0,
        workers=1,
        service_paths=0,
        seed=b"s" * 32,
    )


def run(plan: Path, output: Path, shard: int, reader: MemoryReader) -> ShardDocument:
    sealed, plan_id = load_plan(plan)
    work = ShardWork(plan=sealed, plan_id=plan_id, directory=plan, output=output, host="here")
    with patch.object(limits, "AUDIT_BLOCK", 16):
        return run_chunk_shard(work, shard, reader, CLOCK, lambda _: None)


def digest(plan: Path, *folders: Path) -> str:
    return merge(plan, *load_plan(plan), folders, CLOCK).result_digest


@pytest.mark.parametrize(
    ("text", "environ", "numbers"),
    [
        ("auto", {}, (0, 1, 2, 3, 4)),
        ("auto", {"JOB_COMPLETION_INDEX": "3"}, (3,)),
        ("auto", {"SLURM_ARRAY_TASK_ID": "3", "GATE_AUDIT_SHARD": "3"}, (3,)),
        ("2", {"JOB_COMPLETION_INDEX": "3"}, (2,)),
        ("1-3", {}, (1, 2, 3)),
        ("1/2", {}, (1, 3)),
        ("all", {}, (0, 1, 2, 3, 4)),
    ],
)
def test_which_shards_are_chosen(text: str, environ: dict[str, str], numbers: tuple[int, ...]) -> None:
    assert chosen_shards(text, environ, 5) == numbers


@pytest.mark.parametrize("text", ["5", "3-1", "2/2", "x", "-1", "1-", "1-9", "1/2/3", ""])
def test_what_names_no_shard_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="names no shard"):
        chosen_shards(text, {}, 5)


def test_two_engines_that_disagree_are_refused() -> None:
    with pytest.raises(RefusedError, match="name two shards"):
        chosen_shards("auto", {"SLURM_ARRAY_TASK_ID": "1", "JOB_COMPLETION_INDEX": "2"}, 5)


def test_a_shard_that_stopped_goes_on_and_reads_at_most_one_block_twice(plan: Path, tmp_path: Path) -> None:
    stopped = MemoryReader({}, dies_after=2)
    assert run(plan, tmp_path, 0, stopped).is_complete is False
    again = MemoryReader({})
    document = run(plan, tmp_path, 0, again)
    assert (document.is_complete, document.reused) == (True, 2)
    assert not set(stopped.reads) & set(again.reads)
    # A torn line, as a kill leaves it, costs its own block alone.
    newest = tmp_path / "shard-00000-002" / BLOCKS
    newest.write_bytes(newest.read_bytes()[:-7])
    (tmp_path / "shard-00000-002" / SHARD).unlink()
    third = MemoryReader({})
    assert run(plan, tmp_path, 0, third).is_complete
    assert len(third.reads) <= 16


def test_a_block_with_what_could_not_be_read_is_read_again(plan: Path, tmp_path: Path) -> None:
    run(plan, tmp_path, 1, MemoryReader({4: ChunkState.UNREAD}))
    again = MemoryReader({})
    run(plan, tmp_path, 1, again)
    assert len(again.reads) == 16
    assert 4 in again.reads


def test_no_order_doubling_or_retry_changes_the_digest(plan: Path, tmp_path: Path) -> None:
    states = {5: ChunkState.ABSENT, 12: ChunkState.CORRUPT, 31: ChunkState.ABSENT}
    folders = []
    for name, dies in (("a", None), ("b", 1), ("b", None), ("c", None)):
        for shard in range(3):
            run(plan, tmp_path / name, shard, MemoryReader(states, dies))
        folders.append(tmp_path / name)
    expected = digest(plan, folders[0])
    result = Random(3)
    for _ in range(30):
        shards = [path for folder in set(folders) for path in folder.iterdir()]
        picked = [*shards, *result.choices(shards, k=4)]
        result.shuffle(picked)
        assert digest(plan, *picked) == expected


def test_a_retry_that_sees_another_thing_is_flapping_and_never_whole(plan: Path, tmp_path: Path) -> None:
    for shard in range(3):
        run(plan, tmp_path / "first", shard, MemoryReader({5: ChunkState.ABSENT}))
        run(plan, tmp_path / "second", shard, MemoryReader({}))
    result = merge(plan, *load_plan(plan), [tmp_path / "first", tmp_path / "second"], CLOCK).result
    assert [row.state for row in result.damaged_chunks] == [ChunkState.FLAPPING]


def test_damage_of_an_incomplete_shard_counts_and_the_rest_is_unaudited(plan: Path, tmp_path: Path) -> None:
    run(plan, tmp_path, 0, MemoryReader({3: ChunkState.CORRUPT}, dies_after=1))
    for shard in (1, 2):
        run(plan, tmp_path, shard, MemoryReader({}))
    result = merge(plan, *load_plan(plan), [tmp_path], CLOCK).result
    assert (result.missing_shards, result.verdict.value) == ((0,), "quarantine")
    assert result.bounds == ()
    assert result.paths["unaudited"] > 0


def test_changed_blocks_and_another_plans_shards_are_refused(plan: Path, tmp_path: Path) -> None:
    run(plan, tmp_path, 0, MemoryReader({6: ChunkState.ABSENT}))
    blocks = tmp_path / "shard-00000-001" / BLOCKS
    remaining = blocks.read_bytes()
    blocks.write_bytes(remaining.replace(b'"absent"', b'"unread"'))
    with pytest.raises(ForgedError, match="other blocks"):
        digest(plan, tmp_path)
    blocks.write_bytes(remaining)
    with pytest.raises(RefusedError, match="another plan"):
        merge(plan, load_plan(plan)[0], "0" * 64, [tmp_path], CLOCK)


def test_claims_that_are_not_the_plans_are_not_read(plan: Path, tmp_path: Path) -> None:
    file = plan / "shard-00002.claims"
    remaining = file.read_bytes()
    file.write_bytes(remaining.replace(b".chunk", b".chunq", 1))
    reader = MemoryReader({})
    try:
        with pytest.raises(RefusedError, match="not the file that the plan names"):
            run(plan, tmp_path, 2, reader)
    finally:
        file.write_bytes(remaining)
    assert reader.reads == []


def test_a_sample_extends_into_the_census_without_a_read_twice(tmp_path: Path) -> None:
    claims = AtticClaims(tmp_path / "data")
    claims.fill(paths=200, chunks_each=2, size=10)
    plan = write(tmp_path, claims, looks=(20, 50, None))
    sealed, _ = load_plan(plan)
    reader = MemoryReader({})
    for shard in range(3):
        run(plan, tmp_path / "shards", shard, reader)
    first = merge(plan, *load_plan(plan), [tmp_path / "shards"], CLOCK).result
    assert [(bound.sample, bound.damaged) for bound in first.bounds] == [(20, 0)]
    assert first.verdict.value == "inconclusive"
    for shard in range(3, len(sealed.shards)):
        run(plan, tmp_path / "shards", shard, reader)
    result = merge(plan, *load_plan(plan), [tmp_path / "shards"], CLOCK).result
    assert sorted(reader.reads) == list(range(1, 401))
    assert [bound.is_census for bound in result.bounds] == [False, False, True]


def test_a_sample_that_met_damage_states_it_in_its_bound(tmp_path: Path) -> None:
    claims = AtticClaims(tmp_path / "data")
    claims.fill(paths=100, chunks_each=1, size=10)
    plan = write(tmp_path, claims, looks=(40,))
    sealed, _ = load_plan(plan)
    reader = MemoryReader(dict.fromkeys(range(1, 101), ChunkState.ABSENT))
    for shard in range(len(sealed.shards)):
        run(plan, tmp_path / "shards", shard, reader)
    result = merge(plan, *load_plan(plan), [tmp_path / "shards"], CLOCK).result
    # 110 object rows of 100 NARs: a path in both caches is drawn for each of them, and its chunk is read once.
    assert (result.bounds[0].sample, result.bounds[0].damaged, result.bounds[0].at_most) == (40, 40, 110)
    assert result.bounds[0].population == 110


def test_an_audit_that_was_changed_is_not_genuine(plan: Path, tmp_path: Path) -> None:
    from gate.audit.folder import AUDIT, audit_bytes

    for shard in range(3):
        run(plan, tmp_path / "shards", shard, MemoryReader({5: ChunkState.CORRUPT}))
    document = merge(plan, *load_plan(plan), [tmp_path / "shards"], CLOCK)
    assert result_digest(document.result) == document.result_digest
    data = audit_bytes(document)
    (tmp_path / AUDIT).write_bytes(data)
    assert load_audit(tmp_path) == document
    (tmp_path / AUDIT).write_bytes(data.replace(b'"verdict":"quarantine"', b'"verdict":"pass"'))
    with pytest.raises(ForgedError, match="another verdict"):
        load_audit(tmp_path)


def test_a_nar_with_a_chunk_that_the_plan_lacks_is_not_called_whole(tmp_path: Path) -> None:
    claims = AtticClaims(tmp_path / "data")
    claims.fill(paths=20, chunks_each=2, size=10)
    questions = 0

    class Pushing:
        """A database in which a push gives a NAR another chunk after the plan took the largest ids."""

        def __init__(self, database: AtticDatabase) -> None:
            self._database = database
            self.kind = database.kind
            self.schema_revision = database.schema_revision
            self.keypair_readable = False
            self.snapshot = database.snapshot

        def ask(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
            rows = self._database.ask(statement, values)
            nonlocal questions
            questions += statement.startswith("SELECT max(id)")
            return [(int(rows[0][0]) - 1,)] if statement == "SELECT max(id) FROM chunk" else rows

    request = request_of((None,))
    with open_database(claims.write_sqlite(tmp_path / "attic.db")) as database:
        write_plan(tmp_path / "plan", Pushing(database), request, CLOCK)
    for shard in range(3):
        run(tmp_path / "plan", tmp_path / "shards", shard, MemoryReader({}))
    result = merge(tmp_path / "plan", *load_plan(tmp_path / "plan"), [tmp_path / "shards"], CLOCK).result
    assert questions == 3
    assert result.paths == {"unaudited": 1, "whole": 21}
    assert result.bounds[0].damaged == 1
    served = replace(result, service_asked=1, service_whole=1)
    assert [row.code for row in judged(served).findings] == ["audit-path-unaudited"]
    assert judged(served).verdict.value == "inconclusive"


def test_what_a_recheck_settles_moves_counts_and_bounds(tmp_path: Path) -> None:
    claims = AtticClaims(tmp_path / "data")
    claims.fill(paths=20, chunks_each=2, size=10)
    plan = write(tmp_path, claims, looks=(22, None))
    sealed, plan_id = load_plan(plan)
    states = {4: ChunkState.ABSENT, 8: ChunkState.ABSENT, 20: ChunkState.UNREAD}
    for shard in range(len(sealed.shards)):
        run(plan, tmp_path / "shards", shard, MemoryReader(states))
    result = merge(plan, sealed, plan_id, [tmp_path / "shards"], CLOCK).result
    assert [bound.damaged for bound in result.bounds] == [4, 4]

    def row(number: int, again: ChunkState, claimed: Truth, drive: Truth) -> RecheckRow:
        return RecheckRow(chunk_id=number, again=again, claimed=claimed, superseded=False, drive=drive)

    absence, there = Truth.ABSENT, Truth.PRESENT
    rows = [
        row(4, ChunkState.ABSENT, absence, absence),
        row(8, ChunkState.ABSENT, there, absence),
        row(20, ChunkState.WHOLE, there, Truth.UNKNOWN),
    ]
    settled = refined(result, sealed, rows)
    assert [chunk.state.value for chunk in settled.damaged_chunks] == ["collected", "lost", "whole"]
    assert [bound.damaged for bound in settled.bounds] == [1, 1]
    assert settled.paths["lost"] == 1
    hidden = refined(result, sealed, [row(8, ChunkState.ABSENT, there, there)])
    assert hidden.paths["index-hidden"] == 1
    unknown = refined(result, sealed, [row(8, ChunkState.ABSENT, there, Truth.UNKNOWN)])
    assert unknown.damaged_chunks == result.damaged_chunks
