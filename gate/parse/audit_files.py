"""The files of an audit's plan: chunks to read, NARs with their chunks, and paths, one a line, fields by tabs.

Their digests are in ``plan.json``, so a line of another form is no accident. Fields that come from the database are
checked when the plan is written: what could not stand in a line is refused there.
"""

import re
from typing import Final, NamedTuple

from gate.errors import ForeignTextError
from gate.limits import ERROR_TEXT_CHARS
from gate.model.audit import BrokenClaim, ChunkPlace
from gate.parse.store_path import HASH_CHARS
from gate.parse.strict_json import as_object, as_text, loads
from gate.parse.text import excerpt

_HASH: Final = re.compile(r"sha256:[0-9a-f]{64}")
_KEY: Final = re.compile(r"[A-Za-z0-9._/-]{1,255}")  # Attic makes <uuid4>.chunk (attic server/src/storage)
_NONE: Final = "-"


class ChunkClaim(NamedTuple):
    """A chunk to read. ``place`` is an index of the plan's places; ``file_hash`` is None in rows of old migrations."""

    chunk_id: int
    place: int
    key: str
    chunk_hash: str
    file_hash: str | None
    file_size: int | None


class ClaimedNar(NamedTuple):
    """A NAR with the ids of its chunks in order, each once where ``broken`` is None."""

    nar_id: int
    broken: BrokenClaim | None
    chunk_ids: tuple[int, ...]


class ClaimedPath(NamedTuple):
    """A path of a cache: one row of Attic's table ``object``."""

    object_id: int
    nar_id: int
    cache: int
    store_path: str
    created_at: str
    created_by: str | None


def parse_remote_file(text: str) -> tuple[ChunkPlace, str]:
    """The bucket and the key of ``chunk.remote_file``; `ForeignTextError` for any other storage or form."""
    parsed = as_object(loads(text.encode(), cap=ERROR_TEXT_CHARS * 20, what="A chunk's remote_file"), "remote_file")
    if set(parsed) != {"S3"}:
        kind = excerpt(next(iter(parsed), ""))
        raise ForeignTextError(f"A chunk's remote_file is of the storage {kind}: expected S3, the only one read here.")
    fields = as_object(parsed["S3"], "remote_file's S3")
    region, bucket, key = (as_text(fields.get(name), f"remote_file's {name}") for name in ("region", "bucket", "key"))
    if not _KEY.fullmatch(key) or any(part in ("", ".", "..") for part in key.split("/")):  # libcurl would shorten it
        raise ForeignTextError(f"A chunk's key is {excerpt(key)}: expected letters, digits, dots, dashes and slashes.")
    return ChunkPlace(region=region, bucket=bucket), key


def hash_in_path(path: str) -> str:
    """The hash of a store path, in whatever folder the store is."""
    return path.rpartition("/")[2][:HASH_CHARS]


def claim_line(claim: ChunkClaim) -> bytes:
    """The line of a chunk."""
    fields = (
        claim.chunk_id,
        claim.place,
        claim.key,
        claim.chunk_hash,
        claim.file_hash or _NONE,
        _NONE if claim.file_size is None else claim.file_size,
    )
    return "\t".join(map(str, fields)).encode() + b"\n"


def parse_claim(line: bytes) -> ChunkClaim:
    """The chunk of a line; `ForeignTextError` for any other form."""
    try:
        chunk_id, place, key, chunk_hash, file_hash, size = line.decode("ascii").rstrip("\n").split("\t")
        claim = ChunkClaim(
            _count(chunk_id),
            _count(place),
            key,
            chunk_hash,
            None if file_hash == _NONE else file_hash,
            None if size == _NONE else _count(size),
        )
    except ValueError:
        raise _foreign("chunk", line) from None
    hashes = (chunk_hash, *([claim.file_hash] if claim.file_hash is not None else []))
    if not _KEY.fullmatch(key) or not all(map(_HASH.fullmatch, hashes)):
        raise _foreign("chunk", line)
    return claim


def nar_line(row: ClaimedNar) -> bytes:
    """The line of a NAR."""
    return f"{row.nar_id}\t{row.broken or _NONE}\t{','.join(map(str, row.chunk_ids))}\n".encode()


def parse_nar(line: bytes) -> ClaimedNar:
    """The NAR of a line; `ForeignTextError` for any other form."""
    try:
        nar_id, broken, chunks = line.decode("ascii").rstrip("\n").split("\t")
        return ClaimedNar(
            _count(nar_id),
            None if broken == _NONE else BrokenClaim(broken),
            tuple(map(_count, chunks.split(","))) if chunks else (),
        )
    except ValueError:
        raise _foreign("NAR", line) from None


def path_line(row: ClaimedPath) -> bytes:
    """The line of a path; `ForeignTextError` where a field holds what can't stand in a line."""
    fields = tuple(str(field) for field in (*row[:5], row.created_by or _NONE))
    if any(not field.isprintable() for field in fields):
        raise ForeignTextError(f"The object {row.object_id} has a field that is no plain text: expected a store path.")
    return "\t".join(fields).encode() + b"\n"


def parse_path(line: bytes) -> ClaimedPath:
    """The path of a line; `ForeignTextError` for any other form."""
    try:
        object_id, nar_id, cache, path, created_at, created_by = line.decode("utf-8").rstrip("\n").split("\t")
        return ClaimedPath(
            _count(object_id),
            _count(nar_id),
            _count(cache),
            path,
            created_at,
            None if created_by in (_NONE, "") else created_by,
        )
    except ValueError:
        raise _foreign("path", line) from None


def _count(text: str) -> int:
    if not text.isdecimal() or not text.isascii():
        raise ValueError(text)
    return int(text)


def _foreign(kind: str, line: bytes) -> ForeignTextError:
    return ForeignTextError(f"A {kind}'s line is {excerpt(repr(line[:200]))}: expected the fields of the plan's file.")
