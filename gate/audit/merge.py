"""``audit merge``: a join of shard folders in any order, with doubles and retries, into one result.

The result has no time, host or attempt: on a store that does not change, one machine gives the bytes that many give.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from gate import __version__, limits
from gate.audit.folder import SHARD, attempts, lines, load_shard, read_blocks, result_digest
from gate.audit.shard import service_shard
from gate.clock import Clock
from gate.judge.audit import HARMLESS, claim_word, joined_state, judged, largest_damage, path_order, worst
from gate.model.audit import (
    AUDIT_SCHEMA,
    AuditDocument,
    AuditPlan,
    AuditResult,
    Bound,
    BrokenClaim,
    ChunkReading,
    ChunkState,
    DamagedChunk,
    DamagedPath,
    RecheckRow,
    ServiceRow,
    ShardSource,
)
from gate.model.basics import Status, Truth, VerdictWord
from gate.model.time import rfc3339
from gate.parse.audit_files import hash_in_path, parse_claim, parse_nar, parse_path

__all__ = ["UNAUDITED", "judged", "merge", "refined"]

UNAUDITED: Final = "unaudited"


@dataclass
class _Shards:
    """What all attempts say: rows by shard and attempt, and the seals of complete ones."""

    complete: dict[int, list[dict[int, ChunkReading]]] = field(default_factory=dict)
    partial: dict[int, list[ChunkReading]] = field(default_factory=dict)
    service: list[tuple[ServiceRow, ...]] = field(default_factory=list)
    sources: list[ShardSource] = field(default_factory=list)


def merge(directory: Path, plan: AuditPlan, plan_id: str, folders: Iterable[Path], clock: Clock) -> AuditDocument:
    """Join what is in these folders: shard folders, or folders of them.

    Raises `RefusedError` for a shard of another plan and for files that are not the plan's, `ForgedError` for a shard
    that was changed.
    """
    shards = _collect(folders, plan, plan_id)
    rows, missing, chunks = _chunk_rows(plan, shards)
    nars, referenced = _nars(directory, plan, rows, _audited(directory, plan, missing))
    paths, listed, total, damaged_of_look = _paths(directory, plan, nars, rows)
    service = _service(shards.service)
    result = judged(
        AuditResult(
            plan_id=plan_id,
            source=plan.source,
            level=plan.level,
            chunks=chunks,
            paths=paths,
            damaged_chunks=_damaged(directory, plan, rows, referenced),
            damaged_paths=tuple(listed),
            damaged_paths_total=total,
            missing_shards=tuple(
                sorted({*missing, *([service_shard(plan) or 0] if plan.service and not shards.service else [])})
            ),
            service_asked=len(plan.service),
            service_whole=len(plan.service) - len(service) if shards.service else 0,
            service=service,
            bounds=_bounds(plan, missing, damaged_of_look, paths),
            recheck=None,
            findings=(),
            verdict=VerdictWord.INCONCLUSIVE,
        )
    )
    return sealed(result, shards.sources, clock)


def sealed(result: AuditResult, sources: Iterable[ShardSource], clock: Clock) -> AuditDocument:
    """The document of a result."""
    ordered = tuple(sorted(set(sources), key=lambda source: (source.shard, source.attempt, source.sha256)))
    return AuditDocument(
        schema=AUDIT_SCHEMA,
        tool=__version__,
        made_at=rfc3339(clock.now()),
        result=result,
        result_digest=result_digest(result),
        shards=ordered,
        shards_root=sha256("".join(source.sha256 for source in ordered).encode()).hexdigest(),
    )


def _collect(folders: Iterable[Path], plan: AuditPlan, plan_id: str) -> _Shards:
    shards = _Shards()
    for folder in folders:
        for number, _, directory in attempts(folder):
            if not (directory / SHARD).exists():
                blocks, _ = read_blocks(directory, plan_id, number)
                shards.partial.setdefault(number, []).extend(row for block in blocks for row in block.rows)
                continue
            document, blocks, seal = load_shard(directory, plan_id)
            rows = {row.chunk_id: row for block in blocks for row in block.rows}
            chunk_count = sum(block.chunk_count for block in blocks)
            if document.shard >= len(plan.shards):
                paths = {(row.cache, row.store_path) for row in document.service}
                if document.is_complete and paths == {(path.cache, path.store_path) for path in plan.service}:
                    shards.service.append(document.service)
            elif document.is_complete and chunk_count == plan.shards[document.shard].rows:
                shards.complete.setdefault(document.shard, []).append(rows)
            else:
                shards.partial.setdefault(document.shard, []).extend(rows.values())
            shards.sources.append(ShardSource(shard=document.shard, attempt=document.attempt, sha256=seal))
    return shards


def _chunk_rows(plan: AuditPlan, shards: _Shards) -> tuple[dict[int, ChunkReading], tuple[int, ...], dict[str, int]]:
    """The rows of chunks that are not whole, the shards without a complete attempt, and the counts."""
    rows: dict[int, ChunkReading] = {}
    counts: Counter[str] = Counter()
    missing = []
    for shard, file in enumerate(plan.shards if plan.level else ()):
        complete = shards.complete.get(shard, [])
        observed: dict[int, list[ChunkReading]] = {}
        for row in (
            *(row for attempt in complete for row in attempt.values()),
            *(row for row in shards.partial.get(shard, []) if row.state is not ChunkState.UNREAD),
        ):
            observed.setdefault(row.chunk_id, []).append(row)
        for chunk_id, seen_rows in observed.items():
            states = {row.state for row in seen_rows}
            if any(chunk_id not in attempt for attempt in complete):
                states.add(ChunkState.WHOLE)
            state = joined_state(states)
            if state is not ChunkState.WHOLE:
                chosen = min(seen_rows, key=lambda row: (row.state is not state, repr(row)))
                rows[chunk_id] = replace(chosen, state=state)
                counts[state.value] += 1
        if complete:
            counts[ChunkState.WHOLE.value] += file.rows - sum(chunk_id in rows for chunk_id in observed)
        else:
            missing.append(shard)
            counts[UNAUDITED] += file.rows - sum(chunk_id in rows for chunk_id in observed)
    return rows, tuple(missing), dict(sorted(counts.items()))


def _audited(directory: Path, plan: AuditPlan, missing: Sequence[int]) -> bytearray:
    """One bit for each id of a chunk: whether a complete shard read it. 25 MB for 200 million ids."""
    bits = bytearray(plan.source.high_chunk // 8 + 1)
    for shard, file in enumerate(plan.shards if plan.level else ()):
        if shard not in missing:
            for line in lines(directory, file):
                number = parse_claim(line).chunk_id
                bits[number >> 3] |= 1 << (number & 7)
    return bits


@dataclass(frozen=True)
class _NarState:
    """A NAR that was not read whole."""

    broken: BrokenClaim | None
    damaged: tuple[int, ...]


@dataclass(frozen=True)
class _Nars:
    """The NARs of the plan: ``whole`` are ids of those whose chunks were all read and are whole."""

    whole: set[int]
    others: dict[int, _NarState]


def _nars(
    directory: Path, plan: AuditPlan, rows: dict[int, ChunkReading], audited: bytearray
) -> tuple[_Nars, set[int]]:
    """The NARs, and the chunks that are not whole and that a NAR has.

    A NAR is whole only if each of its chunks was read: one that Attic changed while the plan was made may have chunks
    that the plan does not.
    """
    nars = _Nars(set(), {})
    referenced: set[int] = set()
    bits = len(audited) * 8
    for line in lines(directory, plan.nars, limits.AUDIT_LINE_BYTES):
        nar = parse_nar(line)
        damaged = tuple(chunk_id for chunk_id in nar.chunk_ids if chunk_id in rows) if rows else ()
        is_audited = all(number < bits and audited[number >> 3] >> (number & 7) & 1 for number in nar.chunk_ids)
        if damaged or not is_audited or nar.broken is not None:
            nars.others[nar.nar_id] = _NarState(nar.broken, damaged)
            referenced.update(damaged)
        else:
            nars.whole.add(nar.nar_id)
    return nars, referenced


def _paths(
    directory: Path, plan: AuditPlan, nars: _Nars, rows: dict[int, ChunkReading]
) -> tuple[dict[str, int], list[DamagedPath], int, list[int]]:
    """Counts of paths by state, those with damage, their number, and the number of each sample that is not whole."""
    counts: Counter[str] = Counter()
    listed: list[DamagedPath] = []
    total = 0
    not_whole: Counter[int] = Counter()
    for line in lines(directory, plan.paths):
        path = parse_path(line)
        if path.nar_id in nars.whole:
            counts[ChunkState.WHOLE.value] += 1
            continue
        nar = nars.others.get(path.nar_id, _NarState(None, ()))
        cache = plan.caches[path.cache]
        state = worst([rows[chunk_id].state for chunk_id in nar.damaged]) if nar.damaged else None
        if nar.broken is not None or state not in HARMLESS:
            not_whole.update(_samples_of(plan, cache, path.store_path))
        if nar.broken is None and state is None:
            counts[UNAUDITED] += 1
            continue
        counts[str(state) if nar.broken is None else claim_word(nar.broken)] += 1
        total += 1
        if len(listed) < limits.AUDIT_LISTED_PATHS:
            listed.append(
                DamagedPath(
                    object_id=path.object_id,
                    nar_id=path.nar_id,
                    cache=cache,
                    store_path=path.store_path,
                    created_at=path.created_at,
                    created_by=path.created_by,
                    state=state,
                    broken_claim=nar.broken,
                    chunk_ids=nar.damaged,
                )
            )
    samples = sum(look.paths is not None for look in plan.looks)
    return dict(sorted(counts.items())), listed, total, [not_whole[at] for at in range(samples)]


def _samples_of(plan: AuditPlan, cache: str, store_path: str) -> list[int]:
    """The samples that have a path."""
    last_orders = [look.last_order for look in plan.looks if look.last_order is not None]
    if not last_orders:
        return []
    order = path_order(bytes.fromhex(plan.seed), cache, hash_in_path(store_path))
    return [at for at, last in enumerate(last_orders) if order <= last]


def _damaged(
    directory: Path, plan: AuditPlan, rows: dict[int, ChunkReading], referenced: set[int]
) -> tuple[DamagedChunk, ...]:
    """The rows with what the claims say of them."""
    if not rows:
        return ()
    damaged = []
    for file in plan.shards:
        for line in lines(directory, file):
            claim = parse_claim(line)
            row = rows.get(claim.chunk_id)
            if row is not None:
                place = plan.places[claim.place]
                damaged.append(
                    DamagedChunk(
                        chunk_id=claim.chunk_id,
                        chunk_hash=claim.chunk_hash,
                        file_hash=claim.file_hash,
                        remote_file_id=f"s3:{place.region}/{place.bucket}/{claim.key}",
                        state=row.state,
                        status=row.status,
                        size=row.size,
                        sha256=row.sha256,
                        referenced=claim.chunk_id in referenced,
                    )
                )
    return tuple(sorted(damaged, key=lambda chunk: chunk.chunk_id))


def _service(attempts_rows: Sequence[tuple[ServiceRow, ...]]) -> tuple[ServiceRow, ...]:
    """The sampled paths that no attempt, or not every attempt, read whole; a failure outranks what was unread."""
    by_path: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for rows in attempts_rows:
        for row in rows:
            by_path.setdefault((row.cache, row.store_path), set()).add((row.status, row.code))
    chosen = []
    for (cache, path), answers in sorted(by_path.items()):
        failed = sorted(answer for answer in answers if answer[0] == Status.FAIL)
        unread = sorted(answer for answer in answers if answer[0] != Status.PASS)
        if failed or len(unread) == len(answers):
            status, code = (failed or unread)[0]
            chosen.append(ServiceRow(cache=cache, store_path=path, status=status, code=code))
    return tuple(chosen)


def _bounds(
    plan: AuditPlan, missing: Sequence[int], damaged_of_look: Sequence[int], paths: Mapping[str, int]
) -> tuple[Bound, ...]:
    """What each complete look says; the allowed error is split over the samples, since each is a chance to be wrong."""
    population = plan.paths.rows
    samples = sum(look.paths is not None for look in plan.looks)
    bounds = []
    for at, look in enumerate(plan.looks if plan.level else ()):
        if not set(missing).isdisjoint(number for earlier in plan.looks[: at + 1] for number in earlier.shards):
            break
        is_census = look.paths is None
        size = population if look.paths is None else look.paths
        damaged = (
            population - sum(paths.get(state.value, 0) for state in HARMLESS) if is_census else damaged_of_look[at]
        )
        confidence = 1.0 if is_census else 1 - (1 - plan.confidence) / samples
        bounds.append(
            Bound(
                population=population,
                sample=size,
                damaged=damaged,
                at_most=damaged if is_census else largest_damage(damaged, population, size, confidence),
                confidence=confidence,
                is_census=is_census,
            )
        )
    return tuple(bounds)


def refined(result: AuditResult, plan: AuditPlan, rows: Sequence[RecheckRow]) -> AuditResult:
    """The result with what a recheck learned; a chunk without a row stays what it was."""
    by_id = {row.chunk_id: row for row in rows}
    chunks = tuple(
        replace(chunk, state=_refined_state(chunk.state, by_id[chunk.chunk_id])) if chunk.chunk_id in by_id else chunk
        for chunk in result.damaged_chunks
    )
    states = {chunk.chunk_id: chunk.state for chunk in chunks}
    broken_nars = {nar_id for row in rows for nar_id in row.broken_nars}
    moved: Counter[str] = Counter(result.paths)
    healed: Counter[int] = Counter()
    paths = []
    for path in result.damaged_paths:
        state = worst([states[chunk_id] for chunk_id in path.chunk_ids]) if path.chunk_ids else None
        if path.broken_claim is None and path.nar_id in broken_nars:
            moved[str(path.state)] -= 1
            moved[claim_word(BrokenClaim.CHUNK_STATE)] += 1
            paths.append(replace(path, state=state, broken_claim=BrokenClaim.CHUNK_STATE))
            continue
        if path.broken_claim is None:
            moved[str(path.state)] -= 1
            moved[str(state)] += 1
            if path.state not in HARMLESS and state in HARMLESS:
                healed.update(_samples_of(plan, path.cache, path.store_path))
        paths.append(replace(path, state=state))
    counts = Counter(result.chunks)
    for before, after in zip(result.damaged_chunks, chunks, strict=True):
        counts[before.state.value] -= 1
        counts[after.state.value] += 1
    return judged(
        replace(
            result,
            chunks={name: number for name, number in sorted(counts.items()) if number},
            paths={name: number for name, number in sorted(moved.items()) if number},
            damaged_chunks=chunks,
            damaged_paths=tuple(paths),
            bounds=_bounds(
                plan,
                result.missing_shards,
                [bound.damaged - healed[at] for at, bound in enumerate(result.bounds) if not bound.is_census],
                moved,
            ),
            recheck=tuple(sorted(rows, key=lambda row: row.chunk_id)),
        )
    )


def _refined_state(state: ChunkState, row: RecheckRow) -> ChunkState:
    """What a chunk is when the second read, the database and the drives were asked."""
    if row.claimed is Truth.ABSENT and not row.broken_nars:
        return ChunkState.SUPERSEDED if row.superseded else ChunkState.COLLECTED
    if row.claimed is Truth.UNKNOWN:
        return ChunkState.UNREAD if state is ChunkState.UNREAD else joined_state({state, row.again})
    combined = joined_state({state, row.again})
    if combined is ChunkState.ABSENT:
        if row.drive is Truth.PRESENT:
            return ChunkState.INDEX_HIDDEN
        return ChunkState.LOST if row.drive is Truth.ABSENT else ChunkState.ABSENT
    return combined
