"""Which objects hold a body, read from Attic's tables."""

import json
import sqlite3
from pathlib import Path

import pytest

from gate.errors import InconclusiveError
from gate.lab.s3 import ChunkObject, Stored, stored_paths

A = "/nix/store/00000000000000000000000000000001-source"
B = "/nix/store/00000000000000000000000000000002-source"
C = "/nix/store/00000000000000000000000000000003-source"
SCHEMA = """
CREATE TABLE cache (id INTEGER, name TEXT);
CREATE TABLE object (id INTEGER, cache_id INTEGER, nar_id INTEGER, store_path TEXT);
CREATE TABLE nar (id INTEGER, nar_size INTEGER, state TEXT);
CREATE TABLE chunkref (nar_id INTEGER, seq INTEGER, chunk_id INTEGER);
CREATE TABLE chunk (id INTEGER, remote_file TEXT);
"""


def remote(key: str) -> str:
    return json.dumps({"S3": {"region": "us-east-1", "bucket": "attic", "key": key}})


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "attic.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(SCHEMA)
        connection.executemany("INSERT INTO cache VALUES (?, ?)", [(1, "main"), (2, "probe")])
        connection.executemany("INSERT INTO object VALUES (?, ?, ?, ?)", [(1, 1, 1, A), (2, 1, 2, B), (3, 2, 3, C)])
        connection.executemany("INSERT INTO nar VALUES (?, ?, ?)", [(1, 100, "V"), (2, 200, "V"), (3, 300, "V")])
        connection.executemany(
            "INSERT INTO chunkref VALUES (?, ?, ?)", [(1, 1, 11), (1, 0, 10), (2, 0, 12), (3, 0, 12), (1, 2, 10)]
        )
        connection.executemany(
            "INSERT INTO chunk VALUES (?, ?)", [(10, remote("x")), (11, remote("y")), (12, remote("z"))]
        )
    connection.close()
    return path


def test_chunks_come_in_order_and_by_cache(database: Path) -> None:
    x, y = (ChunkObject(bucket="attic", key=key, shared=False) for key in "xy")
    z = ChunkObject(bucket="attic", key="z", shared=True)
    assert stored_paths(database, "main") == (
        Stored(store_path=A, nar=1, nar_size=100, chunks=(x, y, x)),
        Stored(store_path=B, nar=2, nar_size=200, chunks=(z,)),
    )


def test_a_chunk_of_two_bodies_is_shared_and_one_used_twice_by_its_own_is_not(database: Path) -> None:
    assert [path.alone for path in stored_paths(database, "main")] == [True, False]
    assert [path.hash for path in stored_paths(database, "probe")] == ["00000000000000000000000000000003"]


def test_a_pending_nar_is_left_out(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE nar SET state = 'P' WHERE id = 1")
    connection.close()
    assert [path.store_path for path in stored_paths(database, "main")] == [B]


def test_an_unknown_place_is_named(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE chunk SET remote_file = ?", [json.dumps({"Local": {"name": "x"}})])
    connection.close()
    with pytest.raises(InconclusiveError, match=r"\{'Local': \{'name': 'x'\}\}.*expected a bucket and a key in S3"):
        stored_paths(database, "main")


def test_a_file_that_is_no_database_of_attics_is_named(tmp_path: Path) -> None:
    with pytest.raises(InconclusiveError, match=r"can't be read .*expected the tables object, nar, chunkref and chunk"):
        stored_paths(tmp_path / "missing.db", "main")
