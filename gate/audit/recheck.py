"""``audit recheck``: what failed is asked about once more, the store first, then the database, then the drives.

In this order nothing is taken for lost that Attic's garbage collection took meanwhile: it sets a chunk's row to D
before it deletes the object (attic b7c9056 server/src/gc.rs), so a row that is still V after the miss was never its.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from gate import limits
from gate.audit.folder import lines
from gate.audit.shard import Reader
from gate.errors import ForeignTextError
from gate.judge.audit import HARMLESS
from gate.model.audit import AuditPlan, AuditResult, ChunkState, DamagedChunk, RecheckRow
from gate.model.basics import Truth
from gate.model.parsed import FileLocator
from gate.observe.attic_db import AtticDatabase
from gate.observe.disk_markers import is_drive
from gate.parse.audit_files import ChunkClaim, parse_claim, parse_nar
from gate.parse.locator import parse_locator

_CONTROLS: Final = 32  # with half of the drives named, all of them are found by chance once in four billion times
_BROKEN_NARS: Final = (
    "SELECT DISTINCT nar.id FROM nar JOIN object ON object.nar_id = nar.id"
    " JOIN chunkref ON chunkref.nar_id = nar.id LEFT JOIN chunk ON chunk.id = chunkref.chunk_id"
    " WHERE nar.state = 'V' AND nar.id IN (%s) AND (chunk.id IS NULL OR chunk.state <> 'V')"
)
_IDS: Final = 500  # in one question; SQLite takes 32,766 values


def recheck(
    directory: Path,
    plan: AuditPlan,
    result: AuditResult,
    *,
    reader: Reader,
    database: AtticDatabase,
    drives: Sequence[str],
) -> tuple[RecheckRow, ...]:
    """A row for each chunk that was not whole; `InconclusiveError` when the store or the database does not answer."""
    failed = {chunk.chunk_id: chunk for chunk in result.damaged_chunks if chunk.state not in HARMLESS}
    again: dict[int, ChunkState] = dict.fromkeys(failed, ChunkState.UNREAD)
    for block in _blocks(directory, plan, set(failed)):
        again.update((claim.chunk_id, ChunkState.WHOLE) for claim in block)
        again.update((row.chunk_id, row.state) for row in reader.read(block))
    claimed = _claimed(database, failed)
    drives = drives if _have_all(drives, _controls(directory, plan, set(failed), reader), plan) else ()
    moved = _moved(database, result)
    broken = _broken_nars(database, directory, plan, set(failed) - claimed)
    return tuple(
        RecheckRow(
            chunk_id=number,
            again=again[number],
            claimed=Truth.PRESENT if number in claimed else Truth.ABSENT,
            superseded=number in moved,
            drive=_on_drives(drives, *_place_of(chunk)) if again[number] is ChunkState.ABSENT else Truth.UNKNOWN,
            broken_nars=tuple(broken.get(number, ())),
        )
        for number, chunk in sorted(failed.items())
    )


def _controls(directory: Path, plan: AuditPlan, failed: set[int], reader: Reader) -> list[ChunkClaim]:
    """Some chunks that the store gives whole at this moment."""
    claims = (claim for file in plan.shards for claim in map(parse_claim, lines(directory, file)))
    block = list(islice((claim for claim in claims if claim.chunk_id not in failed), _CONTROLS))
    others = {row.chunk_id for row in reader.read(block)} if block else set()
    return [claim for claim in block if claim.chunk_id not in others]


def _have_all(drives: Sequence[str], controls: Sequence[ChunkClaim], plan: AuditPlan) -> bool:
    """Whether these are the store's drives, and all of them: each chunk that it gives is on one.

    Another store's drive, or one set of several, would show every chunk of the others as lost.
    """
    places = [(plan.places[claim.place].bucket, claim.key) for claim in controls]
    return bool(places) and all(_on_drives(drives, bucket, key) is Truth.PRESENT for bucket, key in places)


def _blocks(directory: Path, plan: AuditPlan, ids: set[int]) -> Iterator[list[ChunkClaim]]:
    def claims() -> Iterator[ChunkClaim]:
        for file in plan.shards:
            yield from (claim for claim in map(parse_claim, lines(directory, file)) if claim.chunk_id in ids)

    block: list[ChunkClaim] = []
    for claim in claims():
        block.append(claim)
        if len(block) == limits.AUDIT_BLOCK:
            yield block
            block = []
    if block:
        yield block


def _claimed(database: AtticDatabase, chunks: dict[int, DamagedChunk]) -> set[int]:
    """The chunks whose rows are still valid and still name the same object."""
    claimed = set()
    for ids in _batches(sorted(chunks)):
        marks = ", ".join("?" * len(ids))
        for number, place in database.ask(
            f"SELECT id, remote_file_id FROM chunk WHERE state = 'V' AND id IN ({marks})",  # noqa: S608  # marks alone
            ids,
        ):
            if chunks[int(number)].remote_file_id == place:
                claimed.add(int(number))
    return claimed


def _broken_nars(
    database: AtticDatabase, directory: Path, plan: AuditPlan, unclaimed: set[int]
) -> dict[int, list[int]]:
    """For each chunk without a valid row, the NARs that need it all the same.

    One statement, so of one moment: valid, of a live path, and with a reference to no chunk or to one that is not
    valid. A row that somebody deleted or set to D by hand leaves such NARs, and Attic answers 500 or 503 for them;
    garbage collection takes only chunks without references (attic b7c9056 server/src/gc.rs).
    """
    chunks_of = {}
    if unclaimed:
        for nar in map(parse_nar, lines(directory, plan.nars, limits.AUDIT_LINE_BYTES)):
            if chunk_ids := unclaimed.intersection(nar.chunk_ids):
                chunks_of[nar.nar_id] = chunk_ids
    broken: dict[int, list[int]] = {}
    for ids in _batches(sorted(chunks_of)):
        marks = ", ".join("?" * len(ids))
        for (number,) in database.ask(_BROKEN_NARS % marks, ids):
            for chunk_id in chunks_of[int(number)]:
                broken.setdefault(chunk_id, []).append(int(number))
    return {chunk_id: sorted(nars) for chunk_id, nars in broken.items()}


def _moved(database: AtticDatabase, result: AuditResult) -> set[int]:
    """The chunks of paths that have another NAR now than in the plan."""
    nar_of = {path.object_id: path for path in result.damaged_paths}
    moved: set[int] = set()
    for ids in _batches(sorted(nar_of)):
        marks = ", ".join("?" * len(ids))
        for number, nar in database.ask(f"SELECT id, nar_id FROM object WHERE id IN ({marks})", ids):  # noqa: S608  # marks alone
            path = nar_of[int(number)]
            if int(nar) != path.nar_id:
                moved.update(path.chunk_ids)
    return moved


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for at in range(0, len(ids), _IDS):
        yield ids[at : at + _IDS]


def _place_of(chunk: DamagedChunk) -> tuple[str, str]:
    """The bucket and the key of ``s3:region/bucket/key``."""
    _, bucket, key = chunk.remote_file_id.split("/", 2)
    return bucket, key


def _on_drives(drives: Sequence[str], bucket: str, key: str) -> Truth:
    """Whether any drive has the object's entry. Absent only where every drive was seen, mounted and without it."""
    truths = {_on_drive(drive, bucket, key) for drive in drives}
    if Truth.PRESENT in truths:
        return Truth.PRESENT
    return Truth.ABSENT if truths == {Truth.ABSENT} else Truth.UNKNOWN


def _on_drive(drive: str, bucket: str, key: str) -> Truth:
    try:
        locator = parse_locator(drive)
    except ForeignTextError:
        return Truth.UNKNOWN
    if not isinstance(locator, FileLocator):
        return Truth.UNKNOWN  # a drive in a cluster is not asked for objects
    top = Path(locator.path)
    try:
        if not is_drive(top):
            return Truth.UNKNOWN
        (top / bucket / key).lstat()
    except FileNotFoundError:
        return Truth.ABSENT if is_drive(top) else Truth.UNKNOWN
    except OSError:
        return Truth.UNKNOWN
    return Truth.PRESENT
