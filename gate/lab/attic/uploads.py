"""Taking in a NAR: deduplicate by database, else chunk, compress and store (attic b7c9056 ``upload_path.rs``).

A NAR whose hash is known to the database, from any cache, is *deduplicated* without a look at S3; likewise a chunk.
That is the real server's behaviour, and why a green push after a lost bucket proves nothing.
"""

import hashlib
import json
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import zstandard

from gate.lab.attic.access import is_store_path_hash
from gate.lab.attic.chunks import ChunkError, ChunkStore
from gate.lab.attic.config import ServerConfig
from gate.lab.attic.errors import ServerError, StorageError
from gate.lab.attic.store import CacheRow, Database, NewChunk, NewObject

CONCURRENT_CHUNK_UPLOADS: Final = 10  # attic b7c9056 server/src/api/v1/upload_path.rs
COMPRESSION: Final = "zstd"
BAD_NAR: Final = "Bad NAR Hash or Size"
BAD_CHUNK: Final = "Bad chunk hash or size"


@dataclass(frozen=True, slots=True)
class _Stored:
    """One chunk of a NAR: stored just now, or found in the database."""

    id: int
    chunk_size: int
    file_size: int
    deduplicated: bool


class NarReceiver:
    """Takes in NARs from any number of request threads."""

    def __init__(self, store: Database, chunks: ChunkStore, config: ServerConfig) -> None:
        """Write rows to ``store`` and objects to ``chunks``."""
        self._store = store
        self._chunks = chunks
        self._config = config
        self._pool = ThreadPoolExecutor(CONCURRENT_CHUNK_UPLOADS, thread_name_prefix="chunk")

    def upload(self, cache: CacheRow, new: NewObject, nar: bytes, user: str | None) -> dict[str, Any]:
        """Take in one path; return the JSON for the client. S3 failures are raised as :class:`StorageError`."""
        existing = self._store.whole_nar(new.nar_hash)
        if existing is not None:
            if self._config.proof_of_possession and not _is(nar, new, existing.nar_size):
                raise ServerError("RequestError", BAD_NAR)
            self._store.link_object(cache.id, existing.id, new, user)
            # file_size has skip_serializing_if, frac_deduplicated has not (attic/src/api/v1/upload_path.rs)
            return {"kind": "Deduplicated", "frac_deduplicated": None}
        threshold = self._config.nar_size_threshold
        if threshold == 0 or new.nar_size < threshold:
            return self._unchunked(cache, new, nar, user)
        return self._chunked(cache, new, nar, user)

    def _unchunked(self, cache: CacheRow, new: NewObject, nar: bytes, user: str | None) -> dict[str, Any]:
        """Store a small NAR as one chunk, in the request's own task; what follows the NAR is not looked at."""
        nar = nar[: new.nar_size]
        if not _is(nar, new, new.nar_size):
            raise ServerError("RequestError", BAD_CHUNK)
        try:
            chunk = self._store_chunk(nar)
        except ChunkError as error:
            raise StorageError(str(error), spawned=False) from error
        nar_id = self._store.begin_nar(new, COMPRESSION)
        self._store.finish_nar(nar_id, [chunk.id], cache.id, new, user)
        return {"kind": "Uploaded", "file_size": chunk.file_size, "frac_deduplicated": None}

    def _chunked(self, cache: CacheRow, new: NewObject, nar: bytes, user: str | None) -> dict[str, Any]:
        """Store a NAR as many chunks, each in its own task; chunks of a failed NAR stay usable.

        What follows the NAR is not looked at.
        """
        nar = nar[: new.nar_size]
        if not _is(nar, new, new.nar_size):
            raise ServerError("RequestError", BAD_NAR)
        nar_id = self._store.begin_nar(new, COMPRESSION)
        size = self._config.chunk_bytes
        futures = [self._pool.submit(self._store_chunk, nar[at : at + size]) for at in range(0, len(nar), size)]
        try:
            chunks = _all(futures)
        except ChunkError as error:
            self._store.drop_nar(nar_id)
            raise StorageError(str(error), spawned=True) from error
        self._store.finish_nar(nar_id, [chunk.id for chunk in chunks], cache.id, new, user)
        deduplicated = sum(chunk.chunk_size for chunk in chunks if chunk.deduplicated)
        return {
            "kind": "Uploaded",
            "file_size": sum(chunk.file_size for chunk in chunks),
            "frac_deduplicated": deduplicated / new.nar_size,
        }

    def _store_chunk(self, data: bytes) -> _Stored:
        """Compress and store one chunk unless the database knows its hash; a failed one leaves no row."""
        chunk_hash = _sha256(data)
        chunk = self._store.valid_chunk(chunk_hash, COMPRESSION)
        if chunk is not None:
            return _Stored(chunk.id, chunk.chunk_size, chunk.file_size, deduplicated=True)
        key = f"{uuid.uuid4()}.chunk"
        remote, remote_id = self._chunks.remote_file(key), self._chunks.remote_file_id(key)
        chunk_id = self._store.add_chunk(NewChunk(chunk_hash, len(data), COMPRESSION, remote, remote_id))
        packed = _compressed(data, self._config.zstd_level)
        try:
            self._chunks.put(key, packed)
        except ChunkError:
            with suppress(ChunkError):  # the real server logs this at WARN only, under its default level
                self._chunks.delete(key)
            self._store.drop_chunk(chunk_id)
            raise
        self._store.confirm_chunk(chunk_id, _sha256(packed), len(packed))
        return _Stored(chunk_id, len(data), len(packed), deduplicated=False)


def parse_nar_info(text: bytes) -> tuple[str, NewObject]:
    """Read ``X-Attic-Nar-Info``: the cache's name and what the client says about the path."""
    try:
        info = json.loads(text)
        new = NewObject(
            store_path_hash=info["store_path_hash"],
            store_path=info["store_path"],
            references=tuple(info["references"]),
            system=info.get("system"),
            deriver=info.get("deriver"),
            sigs=tuple(info["sigs"]),
            ca=info.get("ca"),
            nar_hash=info["nar_hash"],
            nar_size=info["nar_size"],
        )
        cache: str = info["cache"]
    except (ValueError, KeyError, TypeError) as error:
        raise ServerError("RequestError", f"invalid upload info: {error}") from error
    if not is_store_path_hash(new.store_path_hash):
        raise ServerError("RequestError", f'Invalid store path hash "{new.store_path_hash}"')
    return cache, new


def _all(futures: list[Future[_Stored]]) -> list[_Stored]:
    """Wait for every chunk, then return them in order or raise the first failure in order."""
    failures = [error for future in futures if (error := future.exception()) is not None]
    if failures:
        raise failures[0]
    return [future.result() for future in futures]


def _compressed(data: bytes, level: int) -> bytes:
    """Return one zstd frame made as a stream, so that it tells no size and wants the level's whole window."""
    stream = zstandard.ZstdCompressor(level=level).compressobj()
    return stream.compress(data) + stream.flush()


def _is(nar: bytes, new: NewObject, size: int) -> bool:
    """Tell whether the bytes are what the client said, and of ``size`` bytes."""
    return len(nar) == new.nar_size == size and _sha256(nar) == new.nar_hash


def _sha256(data: bytes) -> str:
    """Return ``sha256:HEX``, the form in the database."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
