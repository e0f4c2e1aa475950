"""``audit status``: how far the shards of a plan are, from their folders alone; it may be reads while they run."""

from collections.abc import Iterable
from pathlib import Path

from gate.audit.folder import SHARD, attempts, load_shard, read_blocks
from gate.audit.shard import service_shard, shard_count
from gate.model.audit import AuditPlan
from gate.model.basics import value


@value
class ShardStatus:
    """One shard. ``reads`` are the chunks of its furthest attempt, ``damaged`` those that were not whole."""

    shard: int
    attempts: int
    rows: int
    reads: int
    damaged: int
    is_complete: bool
    stopped: str | None


def plan_status(plan: AuditPlan, plan_id: str, folders: Iterable[Path]) -> tuple[ShardStatus, ...]:
    """A row for each shard; `RefusedError` for a shard of another plan."""
    rows = {shard: _nothing(plan, shard) for shard in range(shard_count(plan))}
    for folder in folders:
        for shard, _, directory in attempts(folder):
            if shard in rows:
                rows[shard] = _better(rows[shard], _of_attempt(plan, plan_id, shard, directory))
    return tuple(rows.values())


def _nothing(plan: AuditPlan, shard: int) -> ShardStatus:
    total = len(plan.service) if shard == service_shard(plan) else plan.shards[shard].rows
    return ShardStatus(shard=shard, attempts=0, rows=total, reads=0, damaged=0, is_complete=False, stopped=None)


def _of_attempt(plan: AuditPlan, plan_id: str, shard: int, directory: Path) -> ShardStatus:
    stopped, is_complete, reads = None, False, 0
    if (directory / SHARD).exists():
        document, blocks, _ = load_shard(directory, plan_id)
        stopped, is_complete, reads = document.stopped, document.is_complete, len(document.service)
    else:
        blocks, _ = read_blocks(directory, plan_id, shard)
    return ShardStatus(
        shard=shard,
        attempts=1,
        rows=_nothing(plan, shard).rows,
        reads=reads + sum(block.chunk_count for block in blocks),
        damaged=sum(len(block.rows) for block in blocks),
        is_complete=is_complete,
        stopped=stopped,
    )


def _better(one: ShardStatus, other: ShardStatus) -> ShardStatus:
    best = max(one, other, key=lambda row: (row.is_complete, row.reads, row.attempts))
    return ShardStatus(**{**best.__dict__, "attempts": one.attempts + other.attempts})


def status_text(rows: Iterable[ShardStatus], plan_directory: str) -> str:
    """A total, and each shard that is not complete with the command that runs it."""
    shards = list(rows)
    complete = sum(row.is_complete for row in shards)
    reads, total = sum(row.reads for row in shards), sum(row.rows for row in shards)
    share = 100 * reads // total if total else 100
    damaged = sum(row.damaged for row in shards)
    lines = [f"{complete} of {len(shards)} shards are complete; {reads} of {total} objects read ({share} %)"]
    lines[0] += f", {damaged} not whole"
    for row in shards:
        if not row.is_complete:
            reason = f": {row.stopped}" if row.stopped else ""
            lines.append(f"  shard {row.shard}: {row.reads} of {row.rows}, {row.attempts} attempts{reason}")
    open_shards = [str(row.shard) for row in shards if not row.is_complete]
    if open_shards:
        lines.append(
            f"next: publication-gate audit run --plan {plan_directory} --output SHARDS --shard {open_shards[0]}"
        )
    else:
        lines.append(f"next: publication-gate audit merge --plan {plan_directory} --output AUDIT SHARDS")
    return "\n".join(lines) + "\n"
