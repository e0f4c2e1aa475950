"""``audit plan``: claims of Attic's database as files, a sealed seed, and shards that one process each can read.

Every chunk in state V is a claim, whether or not a NAR refers to it: a push that deduplicates to it breaks otherwise.
The database is read by ranges of ids up to the largest at the beginning, in short transactions: a snapshot over hours
would stop its vacuum. What that reads of a NAR while Attic changes it is looked at again in one transaction.
"""

import heapq
import secrets
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from gate import __version__, limits
from gate.clock import Clock
from gate.errors import ForeignTextError, InconclusiveError, RefusedError
from gate.evidence.codec import canonical, digest
from gate.journal import make_folder, write_file
from gate.judge.audit import path_order
from gate.model.audit import (
    PLAN_SCHEMA,
    AuditPlan,
    AuditSource,
    BrokenClaim,
    ChunkPlace,
    Look,
    PlanFile,
    ServicePath,
)
from gate.model.basics import value
from gate.model.time import rfc3339
from gate.observe.attic_db import AtticDatabase, Row
from gate.parse.audit_files import (
    ChunkClaim,
    ClaimedNar,
    ClaimedPath,
    claim_line,
    hash_in_path,
    nar_line,
    parse_remote_file,
    path_line,
)
from gate.parse.text import is_cache_name

NAME: Final = "plan.json"
_VALID: Final = "V"


@value
class PlanRequest:
    """What an operator asks for; see `AuditPlan`. ``looks`` are sizes of samples, None for the census.

    ``shards`` None: as many as keep each at `limits.AUDIT_SHARD_CHUNKS`, and at least two.
    """

    s3_endpoint: str
    attic_server: str
    caches: tuple[str, ...]
    level: int
    looks: tuple[int | None, ...]
    confidence: float
    shards: int | None
    rate: float
    bandwidth: float
    workers: int
    service_paths: int
    seed: bytes | None = None


def write_plan(directory: Path, database: AtticDatabase, request: PlanRequest, clock: Clock) -> tuple[AuditPlan, str]:
    """Write the plan into a new folder; gives it with its id, the sha256 of ``plan.json``.

    Raises `RefusedError` for a folder that exists, an unknown cache, and chunks that are not on S3; `InconclusiveError`
    when the database stops answering.
    """
    began = rfc3339(clock.now())
    seed = request.seed or secrets.token_bytes(32)
    caches = _caches(database, request.caches)
    source = _source(database)
    make_folder(directory)
    sizes = [size for size in request.looks if size is not None]
    with _File(directory, "paths.tsv") as paths:
        chosen = _write_paths(database, paths, source, caches, seed=seed, size=max([*sizes, request.service_paths, 1]))
    looks = [min(size, paths.rows) for size in sizes]
    nars_of_look = [{nar for _, nar, _, _ in chosen[:size]} for size in looks]
    with _File(directory, "nars.tsv") as nars:
        broken, chunks_of_look = _write_nars(database, nars, source, nars_of_look)
    writer = _Claims(directory, source.high_chunk, chunks_of_look, request)
    try:
        writer.write(database, source)
    except ForeignTextError as error:
        raise RefusedError(f"the chunks can't be read from the store: {error}") from None
    plan = AuditPlan(
        schema=PLAN_SCHEMA,
        tool=__version__,
        created_at=began,
        seed=seed.hex(),
        source=source,
        caches=tuple(caches.values()),
        s3_endpoint=request.s3_endpoint,
        attic_server=request.attic_server,
        places=tuple(writer.places),
        level=2 if request.level else 0,
        confidence=request.confidence,
        looks=_looks(looks, chosen, writer, census=None in request.looks),
        shards=tuple(file.sealed() for file in writer.files),
        paths=paths.sealed(),
        nars=nars.sealed(),
        chunk_bytes=writer.total_bytes,
        broken_claims=broken,
        service=tuple(
            ServicePath(cache=cache, store_path=path) for _, _, cache, path in chosen[: request.service_paths]
        ),
        rate=request.rate,
        bandwidth=request.bandwidth,
        workers=request.workers,
    )
    document = canonical(AuditPlan, plan)
    write_file(directory / NAME, document)
    return plan, digest(document)


class _File:
    """A file of the plan as it is written, with its rows and its digest."""

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self.rows = 0
        self._sum = sha256()
        try:
            self._stream = (directory / name).open("xb", buffering=1024 * 1024)
        except OSError as error:
            raise InconclusiveError(f"{directory / name} can't be written ({error.strerror}): free the disk") from None

    def add(self, line: bytes) -> None:
        """Append a line."""
        self._sum.update(line)
        self._stream.write(line)
        self.rows += 1

    def sealed(self) -> PlanFile:
        """What ``plan.json`` says of it."""
        return PlanFile(name=self.name, rows=self.rows, sha256=self._sum.hexdigest())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stream.close()


def _caches(database: AtticDatabase, names: Sequence[str]) -> dict[int, str]:
    """The caches that are not deleted, by id; of all, or of those that are named."""
    rows = database.ask("SELECT id, name FROM cache WHERE deleted_at IS NULL ORDER BY id")
    caches = {int(number): str(name) for number, name in rows if not names or name in names}
    unknown = set(names) - set(caches.values())
    if unknown or not caches:
        raise RefusedError(f"the database has no cache {', '.join(sorted(unknown)) or 'at all'}: see --cache")
    if bad_names := [name for name in caches.values() if not is_cache_name(name)]:
        raise RefusedError(f"a cache is named {ascii(bad_names[0])[:80]}: expected a name that Attic allows")
    return caches


def _source(database: AtticDatabase) -> AuditSource:
    """The largest ids, one after the other: what an object needs is there before it (attic upload_path.rs)."""
    high = [
        int(database.ask(f"SELECT max(id) FROM {table}")[0][0] or 0)  # noqa: S608  # own names
        for table in ("object", "nar", "chunk")
    ]
    return AuditSource(
        kind=database.kind,
        schema_revision=database.schema_revision,
        keypair_readable=database.keypair_readable,
        high_object=high[0],
        high_nar=high[1],
        high_chunk=high[2],
    )


def _ranges(high: int, step: int) -> Iterator[tuple[int, int]]:
    """Ranges ``(above, up to)`` of ids."""
    for above in range(0, high, step):
        yield above, min(above + step, high)


# order, NAR, cache, store path
_Chosen = tuple[str, int, str, str]


def _write_paths(
    database: AtticDatabase, file: _File, source: AuditSource, caches: Mapping[int, str], *, seed: bytes, size: int
) -> list[_Chosen]:
    """Write all paths of the caches; gives the ``size`` of them that come first in the permutation."""
    indexes = {number: at for at, number in enumerate(caches)}

    def orders() -> Iterator[_Chosen]:
        for above, last in _ranges(source.high_object, limits.AUDIT_ROW_IDS):
            for number, cache, nar, path, created, creator in database.ask(
                "SELECT o.id, o.cache_id, o.nar_id, o.store_path, o.created_at, o.created_by "
                "FROM object o JOIN nar n ON n.id = o.nar_id AND n.state = 'V' "
                "WHERE o.id > ? AND o.id <= ? ORDER BY o.id",
                (above, last),
            ):
                if cache not in indexes or nar > source.high_nar:
                    continue
                row = ClaimedPath(int(number), int(nar), indexes[cache], str(path), str(created), creator)
                try:
                    file.add(path_line(row))
                except ForeignTextError as error:
                    raise RefusedError(str(error)) from None
                yield path_order(seed, caches[cache], hash_in_path(str(path))), int(nar), caches[cache], str(path)

    return heapq.nsmallest(size, orders())


def _write_nars(
    database: AtticDatabase, file: _File, source: AuditSource, nars_of_look: Sequence[set[int]]
) -> tuple[int, list[set[int]]]:
    """Write all NARs in state V; gives the number of broken claims, and the chunks of each look's NARs."""
    chunks_of_look: list[set[int]] = [set() for _ in nars_of_look]
    broken = 0
    for above, last in _ranges(source.high_nar, limits.AUDIT_NAR_IDS):
        rows = _nar_rows(database, "n.id > ? AND n.id <= ?", (above, last))
        suspects = [row.nar_id for row in rows if row.broken is not None]
        if suspects:
            marks = ", ".join("?" * len(suspects))
            again = {row.nar_id: row for row in _nar_rows(database, f"n.id IN ({marks})", suspects)}
            # One that is gone meanwhile is no claim any more.
            rows = [
                again[row.nar_id] if row.broken is not None else row
                for row in rows
                if row.broken is None or row.nar_id in again
            ]
        for row in rows:
            broken += row.broken is not None
            file.add(nar_line(row))
            for nars, chunks in zip(nars_of_look, chunks_of_look, strict=True):
                if row.nar_id in nars:
                    chunks.update(row.chunk_ids)
    return broken, chunks_of_look


def _nar_rows(database: AtticDatabase, where: str, values: Sequence[object]) -> list[ClaimedNar]:
    """The NARs in state V of a range, each with its chunks, as the database had them at one moment.

    ``where`` is a text of this module's, never of anybody else.
    """
    nars_of = f"SELECT n.id, n.nar_size, n.num_chunks FROM nar n WHERE {where} AND n.state = 'V' ORDER BY n.id"  # noqa: S608  # see above
    chunks_of = (
        "SELECT r.nar_id, r.chunk_id, c.id, c.state, c.chunk_size FROM chunkref r "  # noqa: S608  # see above
        "JOIN nar n ON n.id = r.nar_id AND n.state = 'V' LEFT JOIN chunk c ON c.id = r.chunk_id "
        f"WHERE {where} ORDER BY r.nar_id, r.seq"
    )
    nars, references = database.snapshot([(nars_of, values), (chunks_of, values)])
    chunks: dict[int, list[Row]] = {}
    for row in references:
        chunks.setdefault(row[0], []).append(row)
    return [_nar_row(int(number), int(size), int(count), chunks.get(number, [])) for number, size, count in nars]


def _nar_row(number: int, size: int, count: int, references: Sequence[Row]) -> ClaimedNar:
    """A NAR with what contradicts itself in its claim: each is an answer 500, 503 or a cut body of Attic's."""
    ids = tuple(int(row[2]) for row in references if row[2] is not None)
    broken = None
    if len(ids) < len(references):
        broken = BrokenClaim.CHUNK_MISSING
    elif len(references) != count:
        broken = BrokenClaim.CHUNK_COUNT
    elif any(row[3] != _VALID for row in references):
        broken = BrokenClaim.CHUNK_STATE
    elif sum(int(row[4]) for row in references) != size:
        broken = BrokenClaim.NAR_SIZE
    valid = (int(row[2]) for row in references if row[2] is not None and row[3] == _VALID)
    return ClaimedNar(number, broken, tuple(dict.fromkeys(valid)))


class _Claims:
    """The files of chunks: those of each sample first, then all others, spread evenly over the shards of a look."""

    def __init__(
        self, directory: Path, high_chunk: int, chunks_of_look: Sequence[set[int]], request: PlanRequest
    ) -> None:
        self.places: list[ChunkPlace] = []
        self.total_bytes = 0
        self.files: list[_File] = []
        self.groups: list[range] = []
        self._chunks_of_look = chunks_of_look
        census = None in request.looks
        already: set[int] = set()
        sizes = []
        for chunks in chunks_of_look:
            sizes.append(len(chunks - already))
            already |= chunks
        for size in [*sizes, *([max(0, high_chunk - len(already))] if census else [])]:
            count = request.shards or max(2, -(-size // limits.AUDIT_SHARD_CHUNKS))
            first = len(self.files)
            if first + count > limits.AUDIT_SHARDS:
                raise RefusedError(f"the plan has more than {limits.AUDIT_SHARDS} shards: give a smaller --shards")
            self.files += [_File(directory, f"shard-{first + at:05}.claims") for at in range(count)]
            self.groups.append(range(first, first + count))
        self._has_census = census

    def write(self, database: AtticDatabase, source: AuditSource) -> None:
        """Write all claims, in the order of their ids; raises `ForeignTextError` for a chunk that is not on S3."""
        try:
            for above, last in _ranges(source.high_chunk, limits.AUDIT_ROW_IDS):
                for row in database.ask(
                    "SELECT id, chunk_hash, file_hash, file_size, remote_file FROM chunk "
                    "WHERE id > ? AND id <= ? AND state = 'V' ORDER BY id",
                    (above, last),
                ):
                    self._add(row)
        finally:
            for file in self.files:
                file.__exit__(None, None, None)

    def _add(self, row: Row) -> None:
        number = int(row[0])
        group = self._group(number)
        if group is None:
            return
        place, key = parse_remote_file(str(row[4]))
        if place not in self.places:
            self.places.append(place)
        size = None if row[3] is None else int(row[3])
        self.total_bytes += size or 0
        file = self.files[group[number % len(group)]]
        file.add(claim_line(ChunkClaim(number, self.places.index(place), key, str(row[1]), row[2], size)))

    def _group(self, chunk_id: int) -> range | None:
        """The shards of the first look that has the chunk; None where no look has it."""
        for chunks, group in zip(self._chunks_of_look, self.groups, strict=False):
            if chunk_id in chunks:
                return group
        return self.groups[-1] if self._has_census else None


def _looks(sizes: Sequence[int], chosen: Sequence[_Chosen], writer: _Claims, *, census: bool) -> tuple[Look, ...]:
    looks = [
        Look(paths=size, last_order=chosen[size - 1][0] if size else None, shards=tuple(group))
        for size, group in zip(sizes, writer.groups, strict=False)
    ]
    if census:
        looks.append(Look(paths=None, last_order=None, shards=tuple(writer.groups[-1])))
    return tuple(looks)
