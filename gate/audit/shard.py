"""``audit run``: one shard, one process, one sealed folder.

A shard is complete when each of its chunks was asked, whatever was found: damage is data, and an engine must not try
again because of it. A new attempt takes over the blocks of earlier ones in the same output folder, but for those with
chunks that could not be read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

from gate import __version__, limits
from gate.audit.folder import (
    SHARD,
    BlockWriter,
    attempts,
    check_file,
    lines,
    new_attempt,
    read_blocks,
)
from gate.clock import Clock
from gate.errors import RefusedError
from gate.evidence.codec import canonical
from gate.journal import write_file
from gate.model.audit import (
    SHARD_SCHEMA,
    AuditPlan,
    ChunkReading,
    ChunkState,
    ServicePath,
    ServiceRow,
    ShardBlock,
    ShardDocument,
)
from gate.model.basics import value
from gate.model.time import rfc3339
from gate.observe.chunk_objects import StoreStoppedError
from gate.parse.audit_files import ChunkClaim, parse_claim

# What an engine sets for each of its tasks, counted from 0.
INDEX_VARIABLES: Final = (
    "GATE_AUDIT_SHARD",
    "JOB_COMPLETION_INDEX",  # Kubernetes, Indexed Job
    "SLURM_ARRAY_TASK_ID",
    "NOMAD_ALLOC_INDEX",
    "AWS_BATCH_JOB_ARRAY_INDEX",
)


class Reader(Protocol):
    """What reads chunks: `gate.observe.chunk_objects.ChunkReader`."""

    received_bytes: int

    def read(self, claims: Sequence[ChunkClaim]) -> list[ChunkReading]:
        """The rows of those that are not whole."""
        ...


@value
class ShardWork:
    """A plan in its folder, and where shards of it are written."""

    plan: AuditPlan
    plan_id: str
    directory: Path
    output: Path
    host: str


def shard_count(plan: AuditPlan) -> int:
    """The shards of a plan: those of chunks, and one for the paths that are read as Nix reads them."""
    return (len(plan.shards) if plan.level else 0) + bool(plan.service)


def service_shard(plan: AuditPlan) -> int | None:
    """The number of the shard that reads NARs, always the last."""
    return shard_count(plan) - 1 if plan.service else None


def chosen_shards(text: str, environ: Mapping[str, str], total: int) -> tuple[int, ...]:
    """The numbers of ``all``, ``auto``, ``N``, ``A-B`` or ``K/OF`` (every OF-th, from K); `RefusedError` otherwise.

    ``auto`` takes the number from the engine's variable, else all.
    """
    if text == "auto":
        numbers_by_name = {name: environ[name] for name in INDEX_VARIABLES if environ.get(name)}
        if len(set(numbers_by_name.values())) > 1:
            raise RefusedError(f"{' and '.join(numbers_by_name)} name two shards: unset one, or give --shard N")
        text = next(iter(numbers_by_name.values()), "all")
    if text == "all":
        return tuple(range(total))
    first, dash, last = text.partition("-")
    start, slash, step = text.partition("/")
    numbers: Sequence[int] = ()
    if slash and start.isdecimal() and step.isdecimal() and int(start) < int(step):
        return tuple(range(int(start), total, int(step)))
    if first.isdecimal() and (last.isdecimal() or not dash):
        numbers = range(int(first), int(last or first) + 1)
    if not numbers or numbers[-1] >= total:
        raise RefusedError(
            f"--shard {ascii(text)[:40]} names no shard: the plan has 0-{total - 1}; see --help for forms"
        )
    return tuple(numbers)


def run_chunk_shard(
    work: ShardWork, shard: int, reader: Reader, clock: Clock, progress: Callable[[int], None]
) -> ShardDocument:
    """Read the chunks of one shard; gives its seal, complete or not.

    Raises `RefusedError` for claims that are not the plan's, `InconclusiveError` when the folder can't be written.
    """
    file = work.plan.shards[shard]
    check_file(work.directory, file)
    directory, attempt = new_attempt(work.output, shard)
    earlier = _earlier_blocks(work, shard, attempt)
    began = rfc3339(clock.now())
    writer = BlockWriter(directory, work.plan_id, shard)
    reads = reused = 0
    stopped = None
    try:
        for number, claims in enumerate(_blocks(work.directory, work.plan, shard)):
            block = earlier.get(number)
            if block is not None and block.chunk_count == len(claims):
                reused += 1
                writer.write(replace(block, previous=writer.previous))
            else:
                writer.write(_read_block(number, claims, reader, clock, writer.previous))
                reads += len(claims)
            progress(len(claims))
    except StoreStoppedError as error:
        stopped = str(error)
    finally:
        writer.close()
    return _seal(
        work,
        shard,
        directory,
        attempt,
        began=began,
        clock=clock,
        writer=writer,
        reads=reads,
        reused=reused,
        stopped=stopped,
    )


def run_service_shard(
    work: ShardWork, read: Callable[[Sequence[ServicePath]], Sequence[ServiceRow]], clock: Clock
) -> ShardDocument:
    """Read the plan's sample of paths as Nix reads them; complete when each has a row."""
    shard = shard_count(work.plan) - 1
    directory, attempt = new_attempt(work.output, shard)
    began = rfc3339(clock.now())
    writer = BlockWriter(directory, work.plan_id, shard)
    writer.close()
    rows = tuple(read(work.plan.service))
    is_complete = {(row.cache, row.store_path) for row in rows} == {
        (path.cache, path.store_path) for path in work.plan.service
    }
    return _seal(
        work,
        shard,
        directory,
        attempt,
        began=began,
        clock=clock,
        writer=writer,
        reads=len(rows),
        service=rows,
        stopped=None if is_complete else "not all paths were read: run the shard again",
    )


def _seal(
    work: ShardWork,
    shard: int,
    directory: Path,
    attempt: int,
    *,
    began: str,
    clock: Clock,
    writer: BlockWriter,
    reads: int,
    reused: int = 0,
    service: tuple[ServiceRow, ...] = (),
    stopped: str | None,
) -> ShardDocument:
    """Write the seal of an attempt; it is complete where nothing stopped it."""
    document = ShardDocument(
        schema=SHARD_SCHEMA,
        plan_id=work.plan_id,
        shard=shard,
        attempt=attempt,
        tool=__version__,
        host=work.host,
        began_at=began,
        ended_at=rfc3339(clock.now()),
        reads=reads,
        reused=reused,
        blocks=writer.blocks,
        blocks_sha256=writer.previous,
        service=service,
        is_complete=stopped is None,
        stopped=stopped,
    )
    write_file(directory / SHARD, canonical(ShardDocument, document))
    return document


def _read_block(number: int, claims: Sequence[ChunkClaim], reader: Reader, clock: Clock, previous: str) -> ShardBlock:
    before, began = reader.received_bytes, clock.monotonic()
    rows = reader.read(claims)
    return ShardBlock(
        number=number,
        first_row=number * limits.AUDIT_BLOCK,
        chunk_count=len(claims),
        received_bytes=reader.received_bytes - before,
        millis=round((clock.monotonic() - began) * 1000),
        rows=tuple(rows),
        previous=previous,
    )


def _blocks(directory: Path, plan: AuditPlan, shard: int) -> Iterator[list[ChunkClaim]]:
    claims = map(parse_claim, lines(directory, plan.shards[shard]))
    while block := list(islice(claims, limits.AUDIT_BLOCK)):
        yield block


def _earlier_blocks(work: ShardWork, shard: int, attempt: int) -> dict[int, ShardBlock]:
    """The blocks of earlier attempts in which each chunk was read, by number; the newest attempt's count."""
    blocks = {}
    for number, earlier, directory in attempts(work.output):
        if number == shard and earlier < attempt:
            for block in read_blocks(directory, work.plan_id, shard)[0]:
                if all(row.state is not ChunkState.UNREAD for row in block.rows):
                    blocks[block.number] = block
    return blocks
