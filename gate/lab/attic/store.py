"""What the database holds, as values (attic b7c9056 ``server/src/database/entity/*.rs``)."""

import json
import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class CacheRow:
    """One binary cache."""

    id: int
    name: str
    keypair: str = field(repr=False)
    is_public: bool
    store_dir: str
    priority: int
    upstream_cache_key_names: tuple[str, ...]
    retention_period: int | None
    """Seconds; ``None`` is the server's own setting."""


@dataclass(frozen=True, slots=True)
class NewObject:
    """What a client says about the path it uploads; sizes are in bytes."""

    store_path_hash: str
    store_path: str
    references: tuple[str, ...]
    system: str | None
    deriver: str | None
    sigs: tuple[str, ...]
    ca: str | None
    nar_hash: str
    """``sha256:`` and 64 hexadecimal digits."""
    nar_size: int


@dataclass(frozen=True, slots=True)
class Located(NewObject):
    """A path as found in a cache, with its NAR."""

    id: int
    nar_id: int
    compression: str
    num_chunks: int
    cache: CacheRow


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A chunk about to be written; the hashes are as in :class:`NewObject`."""

    chunk_hash: str
    chunk_size: int
    compression: str
    remote_file: str
    """JSON: region, bucket and key."""
    remote_file_id: str


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk that is stored."""

    id: int
    chunk_size: int
    file_size: int
    """Bytes of the compressed object in S3."""
    remote_file: str


@dataclass(frozen=True, slots=True)
class Nar:
    """A NAR that is stored, in any cache."""

    id: int
    nar_size: int


SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS cache (
    id integer NOT NULL PRIMARY KEY AUTOINCREMENT, name varchar(50) NOT NULL UNIQUE, keypair text NOT NULL,
    is_public boolean NOT NULL, store_dir text NOT NULL, priority integer NOT NULL,
    upstream_cache_key_names text NOT NULL, created_at text NOT NULL, deleted_at text, retention_period integer);
CREATE TABLE IF NOT EXISTS nar (
    id integer NOT NULL PRIMARY KEY AUTOINCREMENT, state char(1) NOT NULL, nar_hash text NOT NULL,
    nar_size bigint NOT NULL, compression varchar(10) NOT NULL, num_chunks integer NOT NULL,
    holders_count integer NOT NULL DEFAULT 0, created_at text NOT NULL);
CREATE TABLE IF NOT EXISTS object (
    id integer NOT NULL PRIMARY KEY AUTOINCREMENT, cache_id bigint NOT NULL REFERENCES cache (id),
    nar_id bigint NOT NULL REFERENCES nar (id), store_path_hash varchar(32) NOT NULL, store_path text NOT NULL,
    "references" text NOT NULL, system text, deriver text, sigs text NOT NULL, ca text, created_at text NOT NULL,
    last_accessed_at text, created_by text);
CREATE TABLE IF NOT EXISTS chunk (
    id integer NOT NULL PRIMARY KEY AUTOINCREMENT, state char(1) NOT NULL, chunk_hash text NOT NULL,
    chunk_size bigint NOT NULL, file_hash text, file_size bigint, compression varchar(10) NOT NULL,
    remote_file text NOT NULL, remote_file_id text NOT NULL UNIQUE, holders_count integer NOT NULL DEFAULT 0,
    created_at text NOT NULL);
CREATE TABLE IF NOT EXISTS chunkref (
    id integer NOT NULL PRIMARY KEY AUTOINCREMENT, nar_id bigint NOT NULL REFERENCES nar (id), seq integer NOT NULL,
    chunk_id bigint REFERENCES chunk (id));
CREATE UNIQUE INDEX IF NOT EXISTS idx_object_cache_hash ON object (cache_id, store_path_hash);
CREATE INDEX IF NOT EXISTS idx_nar_nar_hash ON nar (nar_hash);
CREATE INDEX IF NOT EXISTS idx_chunk_chunk_hash ON chunk (chunk_hash);
CREATE INDEX IF NOT EXISTS idx_chunkref_nar_id ON chunkref (nar_id);
"""
FIND_OBJECT: Final = """
SELECT object.*, nar.nar_hash, nar.nar_size, nar.compression, nar.num_chunks FROM object
JOIN cache ON object.cache_id = cache.id JOIN nar ON object.nar_id = nar.id
WHERE cache.name = ? AND cache.deleted_at IS NULL AND object.store_path_hash = ? AND nar.state = 'V'
"""
FIND_CHUNKS: Final = """
SELECT chunk.remote_file FROM chunkref LEFT JOIN chunk ON chunkref.chunk_id = chunk.id
WHERE chunkref.nar_id = ? AND (chunk.state = 'V' OR chunk.state IS NULL) ORDER BY chunkref.seq
"""
FIND_WHOLE_NAR: Final = """
SELECT id, nar_size FROM nar WHERE nar_hash = ? AND state = 'V'
AND NOT EXISTS (SELECT 1 FROM chunkref WHERE chunkref.nar_id = nar.id AND chunkref.chunk_id IS NULL) LIMIT 1
"""
LINK_OBJECT: Final = """
INSERT OR REPLACE INTO object (cache_id, nar_id, store_path_hash, store_path, "references", system, deriver, sigs, ca,
created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
ADD_CHUNK: Final = """
INSERT INTO chunk (state, chunk_hash, chunk_size, compression, remote_file, remote_file_id, created_at)
VALUES ('P', ?, ?, ?, ?, ?, ?)
"""
ADD_NAR: Final = """
INSERT INTO nar (state, nar_hash, nar_size, compression, num_chunks, created_at) VALUES ('P', ?, ?, ?, 0, ?)
"""


class Database:
    """One connection, shared by all request threads; every call is one transaction."""

    def __init__(self, path: Path, *, create: bool) -> None:
        """Open the file and bring it to Attic's schema; ``create`` as in the URL's ``mode=rwc``."""
        mode = "rwc" if create else "rw"
        self._connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode={mode}", uri=True, check_same_thread=False, isolation_level=None
        )
        self._connection.row_factory = sqlite3.Row
        self._lock = threading.Lock()
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = normal")
        self._connection.executescript(SCHEMA)

    # --- caches -------------------------------------------------------------------------------------------------

    def cache(self, name: str) -> CacheRow | None:
        """Return a cache by name."""
        row = self._one("SELECT * FROM cache WHERE name = ? AND deleted_at IS NULL LIMIT 1", name)
        return None if row is None else _cache(row)

    def create_cache(self, cache: CacheRow) -> bool:
        """Add a cache (its ``id`` is ignored); ``False`` if the name is taken."""
        with self._transaction() as connection:
            cursor = connection.execute(
                "INSERT OR IGNORE INTO cache (name, keypair, is_public, store_dir, priority, upstream_cache_key_names,"
                " created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    cache.name,
                    cache.keypair,
                    cache.is_public,
                    cache.store_dir,
                    cache.priority,
                    json.dumps(cache.upstream_cache_key_names),
                    _now(),
                ),
            )
            return cursor.rowcount == 1

    def configure_cache(self, cache_id: int, changes: Mapping[str, Any]) -> None:
        """Set the named columns of a cache; the names come from our own code, never from a request."""
        columns = ", ".join(f"{name} = ?" for name in changes)
        statement = f"UPDATE cache SET {columns} WHERE id = ?"  # noqa: S608  # names of our own code, as said above
        with self._transaction() as connection:
            connection.execute(statement, (*changes.values(), cache_id))

    # --- reading ------------------------------------------------------------------------------------------------

    def known_hashes(self, cache: str, hashes: Collection[str]) -> set[str]:
        """Return those store path hashes that have a row in the cache; NAR and chunks are not looked at."""
        marks = ", ".join("?" * len(hashes))
        query = (
            "SELECT object.store_path_hash FROM object JOIN cache ON object.cache_id = cache.id"  # noqa: S608  # marks: "?"s
            f" JOIN nar ON object.nar_id = nar.id WHERE cache.name = ? AND object.store_path_hash IN ({marks})"
        )
        with self._lock:
            return {row[0] for row in self._connection.execute(query, (cache, *hashes))}

    def find_object(self, cache: str, store_path_hash: str) -> Located | None:
        """Return a path of a cache with its NAR, without a look at the chunks."""
        row = self._one(FIND_OBJECT, cache, store_path_hash)
        owner = self.cache(cache)
        return None if row is None or owner is None else _located(row, owner)

    def remote_files(self, nar_id: int) -> list[str | None]:
        """Return the S3 reference of each chunk in order; ``None`` for a chunk without a row."""
        with self._lock:
            return [row[0] for row in self._connection.execute(FIND_CHUNKS, (nar_id,))]

    def touch_object(self, object_id: int) -> None:
        """Note that a body was asked for."""
        with self._transaction() as connection:
            connection.execute("UPDATE object SET last_accessed_at = ? WHERE id = ?", (_now(), object_id))

    # --- writing ------------------------------------------------------------------------------------------------

    def whole_nar(self, nar_hash: str) -> Nar | None:
        """Return a valid NAR of this hash from any cache, if no chunk row of it is missing."""
        row = self._one(FIND_WHOLE_NAR, nar_hash)
        return None if row is None else Nar(row["id"], row["nar_size"])

    def valid_chunk(self, chunk_hash: str, compression: str) -> ChunkRow | None:
        """Return a stored chunk of this hash from any NAR."""
        row = self._one(
            "SELECT id, chunk_size, file_size, remote_file FROM chunk"
            " WHERE chunk_hash = ? AND state = 'V' AND compression = ? LIMIT 1",
            chunk_hash,
            compression,
        )
        return None if row is None else ChunkRow(row["id"], row["chunk_size"], row["file_size"], row["remote_file"])

    def add_chunk(self, chunk: NewChunk) -> int:
        """Add a pending chunk; return its id."""
        return self._insert(ADD_CHUNK, *astuple(chunk), _now())

    def confirm_chunk(self, chunk_id: int, file_hash: str, file_size: int) -> None:
        """Make a chunk usable: its object is in S3."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE chunk SET state = 'V', file_hash = ?, file_size = ? WHERE id = ?",
                (file_hash, file_size, chunk_id),
            )

    def drop_chunk(self, chunk_id: int) -> None:
        """Forget a chunk that could not be written."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM chunk WHERE id = ?", (chunk_id,))

    def begin_nar(self, new: NewObject, compression: str) -> int:
        """Add a pending NAR; return its id."""
        return self._insert(ADD_NAR, new.nar_hash, new.nar_size, compression, _now())

    def drop_nar(self, nar_id: int) -> None:
        """Forget a NAR that could not be taken in."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM nar WHERE id = ?", (nar_id,))

    def finish_nar(
        self, nar_id: int, chunk_ids: Sequence[int], cache_id: int, new: NewObject, user: str | None
    ) -> None:
        """Make a NAR usable and put its path into the cache, all in one transaction."""
        with self._transaction() as connection:
            connection.execute("UPDATE nar SET state = 'V', num_chunks = ? WHERE id = ?", (len(chunk_ids), nar_id))
            connection.executemany(
                "INSERT INTO chunkref (nar_id, seq, chunk_id) VALUES (?, ?, ?)",
                [(nar_id, seq, chunk_id) for seq, chunk_id in enumerate(chunk_ids)],
            )
            _link(connection, cache_id, nar_id, new, user)

    def link_object(self, cache_id: int, nar_id: int, new: NewObject, user: str | None) -> None:
        """Put a path into a cache on top of a NAR that is already stored."""
        with self._transaction() as connection:
            _link(connection, cache_id, nar_id, new, user)

    # --- plumbing -----------------------------------------------------------------------------------------------

    def _one(self, query: str, *values: object) -> sqlite3.Row | None:
        with self._lock:
            row: sqlite3.Row | None = self._connection.execute(query, values).fetchone()
            return row

    def _insert(self, query: str, *values: object) -> int:
        with self._transaction() as connection:
            return connection.execute(query, values).lastrowid or 0

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _now() -> str:
    """Return the time as sea-orm writes it into SQLite."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _cache(row: sqlite3.Row) -> CacheRow:
    """Read a row of ``cache``."""
    return CacheRow(
        id=row["id"],
        name=row["name"],
        keypair=row["keypair"],
        is_public=bool(row["is_public"]),
        store_dir=row["store_dir"],
        priority=row["priority"],
        upstream_cache_key_names=tuple(json.loads(row["upstream_cache_key_names"])),
        retention_period=row["retention_period"],
    )


def _located(row: sqlite3.Row, cache: CacheRow) -> Located:
    """Read a row of :data:`FIND_OBJECT`."""
    return Located(
        store_path_hash=row["store_path_hash"],
        store_path=row["store_path"],
        references=tuple(json.loads(row["references"])),
        system=row["system"],
        deriver=row["deriver"],
        sigs=tuple(json.loads(row["sigs"])),
        ca=row["ca"],
        nar_hash=row["nar_hash"],
        nar_size=row["nar_size"],
        id=row["id"],
        nar_id=row["nar_id"],
        compression=row["compression"],
        num_chunks=row["num_chunks"],
        cache=cache,
    )


def _link(connection: sqlite3.Connection, cache_id: int, nar_id: int, new: NewObject, user: str | None) -> None:
    """Write the row of ``object``, over an older one of the same path."""
    values = (
        cache_id,
        nar_id,
        new.store_path_hash,
        new.store_path,
        json.dumps(new.references),
        new.system,
        new.deriver,
        json.dumps(new.sigs),
        new.ca,
        _now(),
        user,
    )
    connection.execute(LINK_OBJECT, values)
