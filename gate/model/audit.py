"""The audit of a whole cache: its plan, what a shard read, and the merged result.

The unit of work is the chunk object in the store, the answer is about store paths. Facts of Attic are those of
attic b7c9056 (``server/src/database/entity``): ``chunk.file_hash`` is the sha256 of the object as the store has it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal

from gate.model.basics import Truth, VerdictWord, value

PLAN_SCHEMA: Final = "publication-gate/audit-plan/v1"
SHARD_SCHEMA: Final = "publication-gate/audit-shard/v1"
AUDIT_SCHEMA: Final = "publication-gate/audit/v1"
# The newest migration whose tables this gate knows (attic b7c9056 server/src/database/migration).
SCHEMA_REVISION: Final = "m20260624_000001_remove_chunk_recovery"


class ChunkState(StrEnum):
    """What is known of one chunk object.

    ``absent``: the store says NoSuchKey and no drive was asked. ``lost``: absent, still claimed by the database after
    the miss, and not on any drive. ``index-hidden``: absent for the store, and its data is on a drive. ``corrupt``: the
    bytes are not those of ``file_hash``. ``collected``: no claim any more, so Attic's garbage collection took it.
    ``superseded``: its paths have another NAR now. ``flapping``: whole once and not whole once. ``unread``: unknown.
    """

    WHOLE = "whole"
    COLLECTED = "collected"
    SUPERSEDED = "superseded"
    UNREAD = "unread"
    ABSENT = "absent"
    INDEX_HIDDEN = "index-hidden"
    LOST = "lost"
    CORRUPT = "corrupt"
    FLAPPING = "flapping"


class BrokenClaim(StrEnum):
    """What contradicts itself in the database's claim of a NAR, seen twice and in one transaction."""

    CHUNK_MISSING = "chunk-missing"
    CHUNK_STATE = "chunk-state"
    CHUNK_COUNT = "chunk-count"
    NAR_SIZE = "nar-size"


@value
class AuditSource:
    """The database that the claims are from. ``high_*`` are the largest ids when the plan was made.

    ``keypair_readable``: whether the role can read ``cache.keypair``, the caches' private signing keys.
    """

    kind: Literal["postgresql", "sqlite"]
    schema_revision: str
    keypair_readable: bool
    high_object: int
    high_nar: int
    high_chunk: int


@value
class ChunkPlace:
    """A bucket that holds chunks."""

    region: str
    bucket: str


@value
class PlanFile:
    """A file of the plan: its name in the plan's folder, its rows, and the sha256 of its bytes in hex."""

    name: str
    rows: int
    sha256: str


@value
class Look:
    """Where a bound is stated. ``paths`` is the size of the sample, None for the census of all chunks.

    ``last_order`` is the order (`gate.judge.audit.path_order`) of the sample's last path. ``shards`` are the
    numbers of the shards that this look adds to those before it.
    """

    paths: int | None
    last_order: str | None
    shards: tuple[int, ...]


@value
class ServicePath:
    """A path that is read as Nix reads it."""

    cache: str
    store_path: str


@value
class AuditPlan:
    """``plan.json``: what is to be read, fixed before the first read.

    ``seed`` is 32 random bytes in hex. ``confidence`` holds for all looks together. ``rate`` is requests per second and
    ``bandwidth`` bytes per second over all shards, of which at most ``workers`` run at a time.
    """

    schema: str
    tool: str
    created_at: str
    seed: str
    source: AuditSource
    caches: tuple[str, ...]
    s3_endpoint: str
    attic_server: str
    places: tuple[ChunkPlace, ...]
    level: Literal[0, 2]
    confidence: float
    looks: tuple[Look, ...]
    shards: tuple[PlanFile, ...]
    paths: PlanFile
    nars: PlanFile
    chunk_bytes: int
    broken_claims: int
    service: tuple[ServicePath, ...]
    rate: float
    bandwidth: float
    workers: int


@value
class ChunkReading:
    """A chunk that was not read whole. ``curl`` is libcurl's result code; ``status`` is None without an answer."""

    chunk_id: int
    state: ChunkState
    status: int | None
    curl: int
    size: int
    sha256: str | None
    problem: str | None


@value
class ShardBlock:
    """One line of ``blocks.jsonl``: consecutive rows of the claims file, from ``first_row``, that were all read.

    ``rows`` are those that are not whole. ``previous`` is the sha256 of the line before, 64 zeros for the first.
    """

    number: int
    first_row: int
    chunk_count: int
    received_bytes: int
    millis: int
    rows: tuple[ChunkReading, ...]
    previous: str


@value
class ServiceRow:
    """How a path came as Nix reads it: the status and the reason code of `attic-nar-integrity-check`."""

    cache: str
    store_path: str
    status: str
    code: str


@value
class ShardDocument:
    """``shard.json``: the seal of one attempt. ``stopped`` is why it is not complete, None when it is.

    ``blocks_sha256`` is the hash of the last line of ``blocks.jsonl``, and by its chain of all of them.
    """

    schema: str
    plan_id: str
    shard: int
    attempt: int
    tool: str
    host: str
    began_at: str
    ended_at: str
    reads: int
    reused: int
    blocks: int
    blocks_sha256: str
    service: tuple[ServiceRow, ...]
    is_complete: bool
    stopped: str | None


@value
class DamagedChunk:
    """A chunk that is not whole. Hashes are ``sha256:<hex>``; ``remote_file_id`` is as the database has it.

    ``referenced``: a NAR in the plan has it. ``size`` and ``sha256`` are of the bytes that came.
    """

    chunk_id: int
    chunk_hash: str
    file_hash: str | None
    remote_file_id: str
    state: ChunkState
    status: int | None
    size: int | None
    sha256: str | None
    referenced: bool


@value
class DamagedPath:
    """A path that is not whole, with its damaged chunks. ``state`` is None where only the claim is broken."""

    object_id: int
    nar_id: int
    cache: str
    store_path: str
    created_at: str
    created_by: str | None
    state: ChunkState | None
    broken_claim: BrokenClaim | None
    chunk_ids: tuple[int, ...]


@value
class Bound:
    """What a complete look says: of ``population`` paths at most ``at_most`` are not whole, at ``confidence``.

    ``damaged`` of ``sample`` were not seen whole; what could not be read counts as damaged. A census is exact.
    """

    population: int
    sample: int
    damaged: int
    at_most: int
    confidence: float
    is_census: bool


@value
class AuditFinding:
    """A reason code of the registry with its status and the number of its subjects."""

    code: str
    status: str
    count: int


@value
class RecheckRow:
    """What was asked after a miss: the store again, whether the database still claims it, and the drives.

    ``claimed``: ABSENT when the row is gone or not in state V: Attic's garbage collection sets D before it deletes an
    object (attic b7c9056 server/src/gc.rs). ``again`` is the second read. ``broken_nars``: valid NARs of live paths
    that had the chunk in the plan and now lack a valid chunk, so it was not collected: Attic can't serve them.
    """

    chunk_id: int
    again: ChunkState
    claimed: Truth
    superseded: bool
    drive: Truth
    broken_nars: tuple[int, ...] = ()


@value
class AuditResult:
    """What an audit says, without times, hosts and attempts: equal for one machine and for many.

    ``chunks`` and ``paths`` count by `ChunkState` and as ``unaudited``, ``paths`` also as ``broken-claim`` and
    ``odd-claim``. Lists are in the order of their ids. ``service`` are the paths that did not come back whole as Nix
    reads them.
    """

    plan_id: str
    source: AuditSource
    level: int
    chunks: Mapping[str, int]
    paths: Mapping[str, int]
    damaged_chunks: tuple[DamagedChunk, ...]
    damaged_paths: tuple[DamagedPath, ...]
    damaged_paths_total: int
    missing_shards: tuple[int, ...]
    service_asked: int
    service_whole: int
    service: tuple[ServiceRow, ...]
    bounds: tuple[Bound, ...]
    recheck: tuple[RecheckRow, ...] | None
    findings: tuple[AuditFinding, ...]
    verdict: VerdictWord


@value
class ShardSource:
    """A shard folder that was merged."""

    shard: int
    attempt: int
    sha256: str


@value
class AuditDocument:
    """``audit.json``. ``result_digest`` is the sha256 of the result's canonical JSON."""

    schema: str
    tool: str
    made_at: str
    result: AuditResult
    result_digest: str
    shards: tuple[ShardSource, ...]
    shards_root: str
