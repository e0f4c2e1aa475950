"""Plans, shards and audits as folders: read back, checked, and sealed.

A plan is named by the sha256 of its ``plan.json``, which has the digests of all other files. A shard folder has
``blocks.jsonl``, a chain of fsynced lines that begins with the plan and the shard, and ``shard.json``, its seal.
"""

import os
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from gate import limits
from gate.errors import ForeignTextError, ForgedError, InconclusiveError, NotEvidenceError, RefusedError
from gate.evidence.codec import canonical, digest, read_document
from gate.journal import fsync_folder
from gate.journal_log import names, read_whole
from gate.judge.audit import judged
from gate.model.audit import (
    AUDIT_SCHEMA,
    PLAN_SCHEMA,
    SHARD_SCHEMA,
    AuditDocument,
    AuditPlan,
    AuditResult,
    PlanFile,
    ShardBlock,
    ShardDocument,
)

PLAN: Final = "plan.json"
BLOCKS: Final = "blocks.jsonl"
SHARD: Final = "shard.json"
AUDIT: Final = "audit.json"
_FOLDER: Final = re.compile(r"shard-([0-9]{5})-([0-9]{3})")


def load_plan(directory: Path) -> tuple[AuditPlan, str]:
    """The plan of a folder, and its id. Raises `RefusedError` for anything but a plan of this version."""
    data = read_whole(directory / PLAN, limits.AUDIT_PLAN_BYTES)
    try:
        plan = read_document(AuditPlan, data, limits.AUDIT_PLAN_BYTES, PLAN)
    except ForeignTextError as error:
        raise RefusedError(f"{directory / PLAN} is no plan of this version ({error}): run audit plan again") from None
    if plan.schema != PLAN_SCHEMA:
        raise RefusedError(f"{directory / PLAN} is of schema {ascii(plan.schema)[:80]}: expected {PLAN_SCHEMA}")
    return plan, digest(data)


def lines(directory: Path, file: PlanFile, cap: int = limits.LINE_BYTES) -> Iterator[bytes]:
    """The lines of a plan's file; after the last one its digest and rows are held against the plan.

    Raises `RefusedError` where they differ: what was read from it counts for nothing.
    """
    total, rows = sha256(), 0
    try:
        with (directory / Path(file.name).name).open("rb") as stream:
            while line := stream.readline(cap):
                total.update(line)
                rows += 1
                yield line
    except OSError as error:
        raise RefusedError(
            f"{directory / file.name} can't be read ({error.strerror}): give the whole folder of the plan"
        ) from None
    if total.hexdigest() != file.sha256 or rows != file.rows:
        raise RefusedError(f"{directory / file.name} is not the file that the plan names: copy the plan again")


def check_file(directory: Path, file: PlanFile) -> None:
    """Raise `RefusedError` where a file is not the one of the plan, before anything of it is used."""
    for _ in lines(directory, file, cap=limits.AUDIT_LINE_BYTES):
        pass


def chain_start(plan_id: str, shard: int) -> str:
    """What the first block of a shard has as the hash of the line before: another plan's block never fits."""
    return sha256(f"{plan_id}/{shard}".encode()).hexdigest()


class BlockWriter:
    """Appends blocks to ``blocks.jsonl``, each on the disk before the next one is read."""

    def __init__(self, directory: Path, plan_id: str, shard: int) -> None:
        self.previous = chain_start(plan_id, shard)
        self.blocks = 0
        self._path = directory / BLOCKS
        try:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            fsync_folder(directory)
        except OSError as error:
            raise InconclusiveError(
                f"{self._path} can't be made ({error.strerror}): give a writable --output"
            ) from None

    def write(self, block: ShardBlock) -> None:
        """Append one block, whose ``previous`` is this writer's; raises `InconclusiveError` when it is not durable."""
        line = canonical(ShardBlock, block) + b"\n"
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError as error:
            raise InconclusiveError(f"{self._path} can't be written ({error.strerror}): free the disk") from None
        self.previous = sha256(line).hexdigest()
        self.blocks += 1

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def read_blocks(directory: Path, plan_id: str, shard: int) -> tuple[list[ShardBlock], str]:
    """The blocks of a shard folder up to the first line that does not fit, and the hash of the last that does."""
    previous = chain_start(plan_id, shard)
    blocks: list[ShardBlock] = []
    try:
        with (directory / BLOCKS).open("rb") as stream:
            while line := stream.readline(limits.AUDIT_BLOCK_BYTES):
                try:
                    block = read_document(ShardBlock, line, limits.AUDIT_BLOCK_BYTES, BLOCKS)
                except ForeignTextError:
                    break
                if not line.endswith(b"\n") or block.previous != previous or block.number != len(blocks):
                    break
                previous = sha256(line).hexdigest()
                blocks.append(block)
    except OSError:
        return [], previous
    return blocks, previous


def attempts(output: Path) -> list[tuple[int, int, Path]]:
    """The shard folders in a folder: shard, attempt and path, in their order. A shard folder itself is one."""
    folders = []
    for path in (output, *(output / name for name in names(output))):
        match = _FOLDER.fullmatch(path.name)
        if match and path.is_dir() and not path.is_symlink():
            folders.append((int(match[1]), int(match[2]), path))
    return sorted(folders)


def new_attempt(output: Path, shard: int) -> tuple[Path, int]:
    """A new folder for an attempt at a shard, and its number; two processes never get the same."""
    output.mkdir(parents=True, exist_ok=True, mode=0o700)
    attempt = max((number for at, number, _ in attempts(output) if at == shard), default=0)
    while True:
        attempt += 1
        directory = output / f"shard-{shard:05}-{attempt:03}"
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            continue
        except OSError as error:
            raise RefusedError(f"{directory} can't be made ({error.strerror}): give a writable --output") from None
        return directory, attempt


def load_shard(directory: Path, plan_id: str) -> tuple[ShardDocument, list[ShardBlock], str]:
    """A sealed shard with its blocks, and the digest of its seal.

    Raises `RefusedError` for another plan's, `ForgedError` where the blocks are not those of the seal.
    """
    data = read_whole(directory / SHARD, limits.AUDIT_BLOCK_BYTES)
    try:
        document = read_document(ShardDocument, data, limits.AUDIT_BLOCK_BYTES, SHARD)
    except ForeignTextError as error:
        raise RefusedError(f"{directory / SHARD} is no shard of this version ({error}): run the shard again") from None
    if document.schema != SHARD_SCHEMA or document.plan_id != plan_id:
        raise RefusedError(f"{directory} is a shard of another plan: give the folders of this plan's shards alone")
    blocks, last = read_blocks(directory, plan_id, document.shard)
    if (len(blocks), last) != (document.blocks, document.blocks_sha256):
        raise ForgedError(f"{directory} has other blocks than its seal says: run the shard again")
    return document, blocks, digest(data)


def audit_bytes(document: AuditDocument) -> bytes:
    """The whole of ``audit.json``."""
    return canonical(AuditDocument, document)


def result_digest(result: AuditResult) -> str:
    """What two audits of one plan have in common when they saw the same."""
    return digest(canonical(AuditResult, result))


def is_audit(directory: Path) -> bool:
    """Whether a folder is a merged audit."""
    return (directory / AUDIT).is_file()


def load_audit(directory: Path) -> AuditDocument:
    """The audit of a folder. Raises `NotEvidenceError` for a folder without it, `ForgedError` where it was changed."""
    if not is_audit(directory):
        raise NotEvidenceError(f"{directory} has no {AUDIT}: give the folder that audit merge or recheck wrote")
    data = read_whole(directory / AUDIT, limits.EVIDENCE_BYTES)
    try:
        document = read_document(AuditDocument, data, limits.EVIDENCE_BYTES, AUDIT)
    except ForeignTextError as error:
        raise ForgedError(f"{directory / AUDIT} does not have its form ({error}): merge the shards again") from None
    if document.schema != AUDIT_SCHEMA or audit_bytes(document) != data:
        raise ForgedError(f"{directory / AUDIT} is not in its canonical form: merge the shards again")
    if result_digest(document.result) != document.result_digest or judged(document.result) != document.result:
        raise ForgedError(f"{directory / AUDIT} has another verdict than its rows give: merge the shards again")
    return document
