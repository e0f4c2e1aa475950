"""Which objects in S3 hold a path's body, by the tables of Attic's own database.

Tables and columns: attic b7c9056 ``server/src/database/entity/`` (object, nar, chunkref, chunk); ``remote_file`` is
JSON that holds region, bucket and key.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gate.errors import InconclusiveError

BUSY_SECONDS: Final = 5.0
STORE_HASH_CHARS: Final = 32  # a store path's hash part
_QUERY: Final = """
SELECT object.store_path, nar.id, nar.nar_size, chunk.remote_file,
       (SELECT count(DISTINCT other.nar_id) FROM chunkref AS other WHERE other.chunk_id = chunk.id)
FROM object
JOIN cache ON cache.id = object.cache_id
JOIN nar ON nar.id = object.nar_id
JOIN chunkref ON chunkref.nar_id = nar.id
JOIN chunk ON chunk.id = chunkref.chunk_id
WHERE cache.name = ? AND nar.state = 'V'
ORDER BY object.id, chunkref.seq
"""


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """One object of a body, by its place in S3. ``shared``: other bodies use it too."""

    bucket: str
    key: str
    shared: bool


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A path as the cache's database has it: its NAR's size in bytes and its chunks in order."""

    store_path: str
    nar: int
    nar_size: int
    chunks: tuple[Chunk, ...]

    @property
    def hash(self) -> str:
        """The hash part of the store path, which is its name in URLs."""
        return Path(self.store_path).name[:STORE_HASH_CHARS]

    @property
    def alone(self) -> bool:
        """Whether no other body shares a chunk with it."""
        return not any(chunk.shared for chunk in self.chunks)


def stored_paths(database: Path, cache: str) -> tuple[Stored, ...]:
    """All paths of a cache with their chunks; raises `InconclusiveError` when the database can't be read."""
    try:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=BUSY_SECONDS)
        try:
            rows = connection.execute(_QUERY, (cache,)).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        message = (
            f"Attic's database {database} can't be read ({error}): expected the tables object, nar, chunkref and chunk"
        )
        raise InconclusiveError(message) from None
    return tuple(_group(rows))


def _group(rows: Sequence[tuple[str, int, int, str, int]]) -> Iterator[Stored]:
    by_path: dict[str, list[tuple[str, int, int, str, int]]] = {}
    for row in rows:
        by_path.setdefault(row[0], []).append(row)
    for store_path, found in by_path.items():
        chunks = tuple(_chunk(json.loads(row[3]), holders=row[4]) for row in found)
        yield Stored(store_path=store_path, nar=found[0][1], nar_size=found[0][2], chunks=chunks)


def _chunk(remote: Any, *, holders: int) -> Chunk:  # noqa: ANN401  JSON of another program
    """``remote_file`` is ``{"S3": {"region", "bucket", "key"}}``."""
    place = remote.get("S3") if isinstance(remote, dict) else None
    if not isinstance(place, dict) or not isinstance(place.get("key"), str) or not isinstance(place.get("bucket"), str):
        message = f"a chunk lies at {str(remote)[:200]!r}: expected a bucket and a key in S3"
        raise InconclusiveError(message)
    return Chunk(bucket=place["bucket"], key=place["key"], shared=holders > 1)
