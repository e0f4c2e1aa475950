"""The audit of a whole cache, on a real S3 server, SQLite and PostgreSQL: planted damage, kills, and equal results."""

import contextlib
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from gate.cli.main import main
from gate.lab.s3 import RcloneStore
from tests.helpers.attic_claims import BUCKET, AtticClaims
from tests.helpers.postgres import running_postgres

pytestmark = pytest.mark.lab


class Cache:
    """A store with 240 paths of 900 chunks, and its database."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.store = RcloneStore(work / "store", os.environ)
        self.store.start()
        self.store.add_bucket(BUCKET)
        self.claims = AtticClaims(self.store.data)
        self.claims.fill(paths=240, chunks_each=5, shared=2, size=3000)
        self.file = work / "attic.db"
        self.url = self.claims.write_sqlite(self.file)
        objects = self.store.objects
        self.environ = {
            **os.environ,
            "GATE_S3_ACCESS_KEY_ID": objects.access_key_id.reveal(),
            "GATE_S3_SECRET_ACCESS_KEY": objects.secret_access_key.reveal(),
            "GATE_S3_ENDPOINT": objects.endpoint,
        }
        self.count = 0

    def new(self, name: str) -> Path:
        self.count += 1
        return self.work / f"{name}-{self.count}"

    def argv(self, *words: object) -> list[str]:
        return [sys.executable, "-m", "gate", "audit", *map(str, words)]

    def ask(self, *words: object, code: int = 0) -> dict[str, Any]:
        if words[0] in ("plan", "merge", "status"):  # in this process, for speed
            answer = io.StringIO()
            with patch.dict(os.environ, self.environ), contextlib.redirect_stdout(answer):
                assert main(["audit", *map(str, words), "--format", "json"]) == code, answer.getvalue()
            return json.loads(answer.getvalue())  # type: ignore[no-any-return]  # a test knows its form
        done = subprocess.run(
            self.argv(*words, "--format", "json"), env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)  # type: ignore[no-any-return]  # a test knows its form

    def plan(self, *words: object, database: str | None = None, shards: int = 3, rate: int = 5000) -> Path:
        plan = self.new("plan")
        where = ("--database", database or self.url, "--output", plan)
        self.ask("plan", *where, "--shards", shards, "--rate", rate, *words)
        return plan

    def read(self, plan: Path, *words: object) -> Path:
        shards = self.new("shards")
        self.ask("run", "--plan", plan, "--output", shards, *words)
        return shards

    def merge(self, plan: Path, *shards: Path, code: int) -> dict[str, Any]:
        audit = self.new("audit")
        self.ask("merge", "--plan", plan, "--output", audit, *shards, code=code)
        document = json.loads((audit / "audit.json").read_text())
        assert self.ask_verify(audit)
        return {"folder": audit, **document}

    def ask_verify(self, audit: Path) -> bool:
        with contextlib.redirect_stdout(io.StringIO()):
            return main(["verify", str(audit)]) == 0


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cache]:
    cache = Cache(tmp_path_factory.mktemp("audit"))
    yield cache
    cache.store.stop()


@pytest.fixture
def damage(cache: Cache) -> Iterator[dict[int, str]]:
    """Damage of each kind in 40 chunks, taken back afterwards; two of them are in every NAR."""
    result = Random(5)
    numbers = result.sample(range(3, len(cache.claims.chunks) + 1), 40)
    remaining = {number: cache.claims.object_file(number).read_bytes() for number in numbers}
    planted = {}
    for at, number in enumerate(numbers):
        file, content = cache.claims.object_file(number), remaining[number]
        kind = ("removed", "cut", "emptied", "flipped")[at % 4]
        planted[number] = kind
        if kind == "removed":
            file.unlink()
        else:
            flipped = content[:100] + bytes([content[100] ^ 1]) + content[101:]
            file.write_bytes({"cut": content[:-1], "emptied": b"", "flipped": flipped}[kind])
    time.sleep(0.2)  # rclone's memory of a folder
    yield planted
    for number, content in remaining.items():
        cache.claims.object_file(number).write_bytes(content)
    time.sleep(0.2)


def test_each_planted_damage_is_found_with_its_class_and_none_is_invented(cache: Cache, damage: dict[int, str]) -> None:
    plan = cache.plan()
    shards = cache.read(plan)
    audit = cache.merge(plan, shards, code=4)
    result = {row["chunk_id"]: row["state"] for row in audit["result"]["damaged_chunks"]}
    assert result == {number: "absent" if kind == "removed" else "corrupt" for number, kind in damage.items()}
    hit = {row["nar_id"] for row in audit["result"]["damaged_paths"]}
    assert hit == {(number - 3) // 3 + 1 for number in damage}
    assert audit["result"]["bounds"][0]["damaged"] == audit["result"]["damaged_paths_total"]

    settled = cache.new("settled")
    words = ("recheck", "--plan", plan, "--database", cache.url, "--audit", audit["folder"], "--output", settled)
    cache.ask(*words, "--markers", f"file://{cache.store.data}", code=4)
    document = json.loads((settled / "audit.json").read_text())
    states = {row["chunk_id"]: row["state"] for row in document["result"]["damaged_chunks"]}
    assert states == {number: "lost" if kind == "removed" else "corrupt" for number, kind in damage.items()}
    assert cache.ask_verify(settled)


def test_a_whole_cache_is_no_pass_until_paths_were_read_as_nix_reads_them(cache: Cache) -> None:
    plan = cache.plan()
    audit = cache.merge(plan, cache.read(plan), code=3)
    assert [row["code"] for row in audit["result"]["findings"]] == ["audit-service-unproved"]
    assert audit["result"]["chunks"] == {"whole": len(cache.claims.chunks)}
    assert audit["result"]["damaged_chunks"] == []


def test_any_order_doubles_kills_and_databases_give_one_digest(
    cache: Cache, damage: dict[int, str], tmp_path: Path
) -> None:
    plan = cache.plan()
    pool = cache.read(plan)
    alone = cache.read(plan, "--processes", 1)
    by_shard = cache.new("shards")
    for number in (2, 0, 1):
        words = cache.argv("run", "--plan", plan, "--output", by_shard)
        subprocess.run(
            words, env={**cache.environ, "SLURM_ARRAY_TASK_ID": str(number)}, check=True, capture_output=True
        )
    digests = {
        cache.merge(plan, *order, code=4)["result_digest"]
        for order in ((pool,), (alone,), (by_shard,), (alone, pool, by_shard), (by_shard, by_shard))
    }
    assert len(digests) == 1


def test_a_killed_shard_goes_on_and_a_missing_one_is_no_pass(cache: Cache) -> None:
    plan = cache.plan(rate=100, shards=1)
    shards = cache.new("shards")
    child = subprocess.Popen(cache.argv("run", "--plan", plan, "--output", shards, "--shard", 0), env=cache.environ)
    while not list(shards.glob("shard-*/blocks.jsonl")):
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    audit = cache.merge(plan, shards, code=3)
    assert audit["result"]["missing_shards"] == [0]
    assert audit["result"]["paths"] == {"unaudited": 264}
    assert cache.ask("status", "--plan", plan, shards)["shards"][0]["is_complete"] is False


def test_a_lost_bucket_stops_the_shard_and_nothing_is_called_lost(cache: Cache) -> None:
    plan = cache.plan()
    cache.store.lose(BUCKET)
    try:
        shards = cache.new("shards")
        data = cache.ask("run", "--plan", plan, "--output", shards, "--shard", 0, code=3)
        assert "has no bucket attic" in data["stopped"]["0"]
    finally:
        cache.store.restore(BUCKET)
    audit = cache.merge(plan, shards, code=3)
    assert audit["result"]["damaged_chunks"] == []


def test_what_garbage_collection_took_is_collected_and_what_the_index_hides_is_hidden(cache: Cache) -> None:
    plan = cache.plan()
    collected, hidden = 7, 11
    remaining = {number: cache.claims.object_file(number).read_bytes() for number in (collected, hidden)}
    for number in remaining:
        cache.claims.object_file(number).unlink()
    time.sleep(0.2)
    backup = shutil.copyfile(cache.file, cache.new("backup"))
    database = sqlite3.connect(cache.file)
    try:
        audit = cache.merge(plan, cache.read(plan), code=3)
        assert {row["state"] for row in audit["result"]["damaged_chunks"]} == {"absent"}
        with database:  # in Attic's order: the paths, their NARs, and then a chunk without references
            rows = database.execute("SELECT nar_id FROM chunkref WHERE chunk_id = ?", (collected,)).fetchall()
            for name in ("object WHERE nar_id", "nar WHERE id", "chunkref WHERE nar_id"):
                database.executemany(f"DELETE FROM {name} = ?", rows)  # noqa: S608  # the names above
            database.execute("UPDATE chunk SET state = 'D' WHERE id = ?", (collected,))
        drive = cache.new("drive")
        (drive / ".rustfs.sys").mkdir(parents=True)
        (drive / BUCKET / cache.claims.keys[hidden]).mkdir(parents=True)
        words = ("recheck", "--plan", plan, "--database", cache.url, "--audit", audit["folder"], "--output")
        # A drive that lacks what the store gives is not its drive, and says nothing.
        cache.ask(*words, cache.new("foreign"), "--markers", f"file://{drive}", code=3)
        for number, key in cache.claims.keys.items():
            if number not in (collected, hidden):
                (drive / BUCKET / key).mkdir()
        settled = cache.new("settled")
        cache.ask(*words, settled, "--markers", f"file://{drive}", code=4)
        result = json.loads((settled / "audit.json").read_text())["result"]
        assert {row["chunk_id"]: row["state"] for row in result["damaged_chunks"]} == {
            collected: "collected",
            hidden: "index-hidden",
        }
        codes = {row["code"] for row in result["findings"]}
        assert codes == {"audit-chunk-hidden", "audit-service-unproved"}
    finally:
        database.close()
        shutil.copyfile(backup, cache.file)
        for number, content in remaining.items():
            cache.claims.object_file(number).write_bytes(content)


@pytest.mark.parametrize("statement", ["UPDATE chunk SET state = 'D' WHERE id = ?", "DELETE FROM chunk WHERE id = ?"])
def test_a_row_that_somebody_took_from_a_live_path_is_no_garbage_collection(cache: Cache, statement: str) -> None:
    """Attic answers 500 or 503 for such a path (repair of a chunk without its NAR): never harmless."""
    plan, number = cache.plan(), 7
    content = cache.claims.object_file(number).read_bytes()
    cache.claims.object_file(number).unlink()
    time.sleep(0.2)
    backup = shutil.copyfile(cache.file, cache.new("backup"))
    database = sqlite3.connect(cache.file)
    try:
        audit = cache.merge(plan, cache.read(plan), code=3)
        with database:
            database.execute(statement, (number,))
        settled = cache.new("settled")
        words = ("recheck", "--plan", plan, "--database", cache.url, "--audit", audit["folder"], "--output", settled)
        cache.ask(*words, code=4)
        result = json.loads((settled / "audit.json").read_text())["result"]
        assert [row["state"] for row in result["damaged_chunks"]] == ["absent"]
        damaged = result["paths"]["broken-claim"]
        assert damaged > 0
        assert result["paths"].get("collected", 0) == 0
        assert "audit-claim-broken" in {row["code"] for row in result["findings"]}
        assert [bound["damaged"] for bound in result["bounds"]] == [damaged] * len(result["bounds"])
    finally:
        database.close()
        shutil.copyfile(backup, cache.file)
        cache.claims.object_file(number).write_bytes(content)


def test_postgresql_gives_the_plan_that_sqlite_gives_and_a_lesser_role_is_told_apart(
    cache: Cache, tmp_path: Path
) -> None:
    import psycopg

    with running_postgres() as server:
        url = cache.claims.write_postgres(server, "attic")
        plan = cache.plan(database=url)
        sealed = json.loads((plan / "plan.json").read_text())
        other = json.loads((cache.plan() / "plan.json").read_text())
        assert sealed["source"] | {"kind": "sqlite"} == other["source"]
        assert [row["rows"] for row in sealed["shards"]] == [row["rows"] for row in other["shards"]]
        assert sealed["nars"] == other["nars"]
        assert sealed["source"]["keypair_readable"] is True
        with psycopg.connect(url) as admin:
            admin.execute(
                "CREATE ROLE gate_audit LOGIN;"
                "GRANT SELECT ON object, nar, chunk, chunkref, seaql_migrations TO gate_audit;"
                "GRANT SELECT (id, name, store_dir, created_at, deleted_at) ON cache TO gate_audit"
            )
        lesser = url.replace("gate@", "gate_audit@")
        assert (
            json.loads((cache.plan(database=lesser) / "plan.json").read_text())["source"]["keypair_readable"] is False
        )
        with psycopg.connect(url) as admin:
            admin.execute("INSERT INTO seaql_migrations VALUES ('m20990101_000001_unknown', 9)")
        refused = cache.ask("plan", "--database", url, "--output", cache.new("plan"), code=2)
        assert "m20990101_000001_unknown" in refused["error"]


def test_the_local_pool_starts_a_killed_process_again(cache: Cache) -> None:
    plan = cache.plan(rate=400)
    shards = cache.new("shards")
    argv = cache.argv("run", "--plan", plan, "--output", shards, "--processes", 2)
    pool = subprocess.Popen(argv, env=cache.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(list(shards.glob("shard-*/blocks.jsonl"))) < 2:
        assert pool.poll() is None
        time.sleep(0.02)
    tasks = Path(f"/proc/{pool.pid}/task").glob("*/children")
    children = [number for file in tasks for number in file.read_text().split()]
    os.kill(int(children[0]), signal.SIGKILL)
    assert pool.wait(60) == 0
    audit = cache.merge(plan, shards, code=3)
    assert audit["result"]["chunks"] == {"whole": len(cache.claims.chunks)}
    assert len(list(shards.iterdir())) > 3
