"""An Attic cache without Attic: its tables by the recorded schema, and its chunks as files that an S3 server serves."""

import json
import random
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from gate.model.audit import SCHEMA_REVISION

SCHEMAS = Path(__file__).resolve().parents[2] / "fixtures/attic-db"
BUCKET = "attic"
_ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz"


@dataclass
class AtticClaims:
    """Rows of Attic's tables, made from a seed. ``data`` is the folder whose subfolder `BUCKET` has the chunks."""

    data: Path
    caches: Sequence[str] = ("main", "dev")
    seed: int = 1
    chunks: list[tuple[Any, ...]] = field(default_factory=list)
    keys: dict[int, str] = field(default_factory=dict)
    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)

    def fill(self, *, paths: int, chunks_each: int, shared: int = 0, size: int = 2000) -> None:
        """So many paths in the first cache, the first tenth in the second too; ``shared`` chunks are in every NAR."""
        result = random.Random(self.seed)
        folder = self.data / BUCKET
        folder.mkdir(parents=True, exist_ok=True)
        now = "2026-06-01 00:00:00+00"
        migrations = [("m20221227_000001_create_cache_table", 1), (SCHEMA_REVISION, 2)]
        caches = [
            (number, name, "secret-key", True, "/nix/store", 41, "[]", now)
            for number, name in enumerate(self.caches, start=1)
        ]
        nars: list[tuple[Any, ...]] = []
        references: list[tuple[Any, ...]] = []
        objects: list[tuple[Any, ...]] = []
        for _ in range(shared):
            self._chunk(result, folder, size, now)
        for nar in range(1, paths + 1):
            ids = list(range(1, shared + 1))
            ids += [self._chunk(result, folder, size, now) for _ in range(chunks_each - shared)]
            total = size * len(ids)
            nars.append((nar, "V", f"sha256:{result.randbytes(32).hex()}", total, "zstd", now, len(ids)))
            references += [(nar, at, chunk) for at, chunk in enumerate(ids)]
            name = "".join(result.choices(_ALPHABET, k=32))
            for cache in range(1, (2 if nar <= paths // 10 else 1) + 1):
                path = f"/nix/store/{name}-path-{nar}"
                objects.append((len(objects) + 1, cache, nar, name, path, "[]", "[]", now, "builder-1"))
        self.rows = {
            "seaql_migrations(version, applied_at)": migrations,
            "cache(id, name, keypair, is_public, store_dir, priority, upstream_cache_key_names, created_at)": caches,
            "nar(id, state, nar_hash, nar_size, compression, created_at, num_chunks)": nars,
            "chunk(id, state, chunk_hash, chunk_size, file_hash, file_size, compression, remote_file, remote_file_id, "
            "created_at)": self.chunks,
            "chunkref(nar_id, seq, chunk_id)": references,
            'object(id, cache_id, nar_id, store_path_hash, store_path, "references", sigs, created_at, created_by)': (
                objects
            ),
        }

    def _chunk(self, made: random.Random, folder: Path, size: int, now: str) -> int:
        number = len(self.chunks) + 1
        content = made.randbytes(size)
        key = f"{uuid.UUID(int=made.getrandbits(128), version=4)}.chunk"
        (folder / key).write_bytes(content)
        digest = f"sha256:{sha256(content).hexdigest()}"
        place = json.dumps({"S3": {"region": "us-east-1", "bucket": BUCKET, "key": key}})
        row = (number, "V", digest, size, digest, size, "none", place, f"s3:us-east-1/{BUCKET}/{key}", now)
        self.chunks.append(row)
        self.keys[number] = key
        return number

    def object_file(self, chunk_id: int) -> Path:
        """Where the store has a chunk."""
        return self.data / BUCKET / self.keys[chunk_id]

    def write_sqlite(self, file: Path) -> str:
        """Make a SQLite database; gives its URL."""
        database = sqlite3.connect(file)
        database.executescript((SCHEMAS / "sqlite.sql").read_text())
        for table, rows in self.rows.items():
            marks = ", ".join("?" * len(rows[0]))
            database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608  # our own names
        database.commit()
        database.close()
        return f"sqlite://{file}"

    def write_postgres(self, server: str, name: str) -> str:
        """Make a PostgreSQL database; gives its URL."""
        import psycopg

        with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}".encode())
        url = f"{server}/{name}"
        with psycopg.connect(url) as database:
            database.execute((SCHEMAS / "postgresql.sql").read_bytes())
            for table, rows in self.rows.items():
                with database.cursor().copy(f"COPY {table.replace('(', ' (', 1)} FROM STDIN".encode()) as copy:
                    for row in rows:
                        copy.write_row(row)
        return url
