"""``python -m bench.audit``: the acceptance of ``audit``, measured by its own commands. ``make bench-audit``.

100,000 chunks of 35 kB in 20,000 paths, from a store in memory on loopback, with 1,000 planted faults of five kinds.
"""

import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench.chunk_server import BODIES, BODY_BYTES, KINDS, bodies
from gate.model.audit import SCHEMA_REVISION

CHUNKS, PATHS, FAULTS = 100_000, 20_000, 1_000
ROOT = Path(__file__).resolve().parents[1]


def database(file: Path) -> str:
    """Attic's tables with the chunks that the store has."""
    connection = sqlite3.connect(file)
    connection.executescript((ROOT / "fixtures/attic-db/sqlite.sql").read_text())
    now = "2026-06-01 00:00:00+00"
    hashes = [f"sha256:{sha256(body).hexdigest()}" for body in bodies()]
    each = CHUNKS // PATHS
    connection.execute("INSERT INTO seaql_migrations VALUES (?, 1)", (SCHEMA_REVISION,))
    connection.execute(
        "INSERT INTO cache(id, name, keypair, is_public, store_dir, priority, upstream_cache_key_names, created_at) "
        "VALUES (1, 'main', 'k', 1, '/nix/store', 41, '[]', ?)",
        (now,),
    )
    place = '{"S3":{"region":"us-east-1","bucket":"attic","key":"%d.chunk"}}'
    connection.executemany(
        "INSERT INTO chunk VALUES (?, 'V', ?, ?, ?, ?, 'none', ?, ?, 0, ?)",
        (
            (
                n,
                hashes[n % BODIES],
                BODY_BYTES,
                hashes[n % BODIES],
                BODY_BYTES,
                place % n,
                f"s3:us-east-1/attic/{n}.chunk",
                now,
            )
            for n in range(1, CHUNKS + 1)
        ),
    )
    connection.executemany(
        "INSERT INTO nar VALUES (?, 'V', ?, ?, 'none', ?, 0, ?)",
        ((n, f"sha256:{n:064x}", each * BODY_BYTES, each, now) for n in range(1, PATHS + 1)),
    )
    connection.executemany(
        "INSERT INTO chunkref(nar_id, seq, chunk_id) VALUES (?, ?, ?)",
        ((1 + (n - 1) // each, (n - 1) % each, n) for n in range(1, CHUNKS + 1)),
    )
    connection.executemany(
        'INSERT INTO object(id, cache_id, nar_id, store_path_hash, store_path, "references", sigs, created_at) '
        "VALUES (?, 1, ?, ?, ?, '[]', '[]', ?)",
        ((n, n, f"{n:032d}", f"/nix/store/{n:032d}-path", now) for n in range(1, PATHS + 1)),
    )
    connection.commit()
    connection.close()
    return f"sqlite://{file}"


class Bench:
    """The folder of one measurement and its store."""

    def __init__(self, work: Path) -> None:
        made = random.Random(11)
        numbers = made.sample(range(1, CHUNKS + 1), FAULTS)
        self.planted = {number: KINDS[at % len(KINDS)] for at, number in enumerate(numbers)}
        (work / "damage.json").write_text(json.dumps(self.planted))
        self.work = work
        argv = (sys.executable, "-m", "bench.chunk_server", str(work / "port"), str(work / "damage.json"))
        self.servers = [subprocess.Popen(argv, cwd=ROOT)]
        while not (work / "port").exists() or not (work / "port").read_text():
            time.sleep(0.05)
        self.environ = {
            **os.environ,
            "GATE_S3_ENDPOINT": f"http://127.0.0.1:{(work / 'port').read_text()}",
            "GATE_S3_ACCESS_KEY_ID": "bench",
            "GATE_S3_SECRET_ACCESS_KEY": "bench",
        }

    def audit(self, *words: object) -> float:
        """Run a command to its end; gives its seconds."""
        began = time.monotonic()
        argv = (sys.executable, "-m", "gate", "audit", *map(str, words))
        done = subprocess.run(argv, env=self.environ, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode not in ((0,) if words[0] != "merge" else (0, 3, 4)):
            raise RuntimeError(done.stdout + done.stderr)
        return time.monotonic() - began

    def plan(self, name: str, *words: object, rate: int = 1_000_000) -> tuple[Path, float]:
        """A plan, and the seconds that it took."""
        plan = self.work / name
        url = self.work / "attic.db"
        return plan, self.audit("plan", "--database", url, "--output", plan, "--rate", rate, *words)

    def merged(self, plan: Path, shards: Path, name: str) -> tuple[dict[str, Any], float]:
        """The merged audit of these shards, and the seconds that it took."""
        seconds = self.audit("merge", "--plan", plan, "--output", self.work / name, shards)
        document: dict[str, Any] = json.loads((self.work / name / "audit.json").read_text())
        return document, seconds


def rows(bench: Bench) -> list[tuple[str, str, str]]:
    """What is measured, the figure, and what is demanded."""
    database(bench.work / "attic.db")
    plan, plan_seconds = bench.plan("plan", "--shards", 8)
    one = bench.audit("run", "--plan", plan, "--output", bench.work / "one", "--processes", 1)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    two = bench.audit("run", "--plan", plan, "--output", bench.work / "two", "--processes", 2)
    first, merge_seconds = bench.merged(plan, bench.work / "one", "audit-one")
    second, _ = bench.merged(plan, bench.work / "two", "audit-two")
    found = {row["chunk_id"]: row["state"] for row in first["result"]["damaged_chunks"]}
    expected = {number: "absent" if kind == "absent" else "corrupt" for number, kind in bench.planted.items()}
    paths = {row["nar_id"] for row in first["result"]["damaged_paths"]}
    hit = {1 + (number - 1) // (CHUNKS // PATHS) for number in bench.planted}

    killed = bench.work / "killed"
    argv = (
        sys.executable,
        "-m",
        "gate",
        "audit",
        "run",
        "--plan",
        str(plan),
        "--output",
        str(killed),
        "--processes",
        "1",
    )
    child = subprocess.Popen(argv, env=bench.environ, cwd=ROOT, stderr=subprocess.DEVNULL)
    time.sleep(one / 2)
    child.send_signal(signal.SIGKILL)
    child.wait()
    bench.audit("run", "--plan", plan, "--output", killed, "--processes", 1)
    third, _ = bench.merged(plan, killed, "audit-killed")

    slow, _ = bench.plan("slow", "--shards", 1, "--looks", "400", rate=200)
    slow_seconds = bench.audit("run", "--plan", slow, "--output", bench.work / "slow-shards", "--processes", 1)
    slow_chunks = json.loads((slow / "plan.json").read_text())["shards"][0]["rows"]
    digests = {document["result_digest"] for document in (first, second, third)}
    return [
        (
            "planted faults found with their class",
            f"{sum(found.get(n) == s for n, s in expected.items())} of {FAULTS}",
            "all",
        ),
        ("faults invented", str(len(set(found) - set(expected))), "0"),
        ("damaged paths found", f"{len(paths & hit)} of {len(hit)}, {len(paths - hit)} invented", "all, 0"),
        ("one result_digest: 1 process, 2 processes, a kill and resume", str(len(digests)), "1"),
        ("chunks a second, one process (35 kB, whole command)", f"{CHUNKS / one:,.0f}", "4,000"),
        ("two processes, one store process", f"{one / two:.2f} ×", "1.8 × where the store has cores to spare"),
        ("memory of a worker", f"{peak} MiB", "under 150"),
        ("plan of 100,000 chunks, SQLite", f"{plan_seconds:.1f} s", "–"),
        ("merge of 20,000 paths", f"{merge_seconds:.1f} s", "–"),
        ("a rate of 200 a second", f"{slow_chunks / slow_seconds:.0f} a second with start", "at most 200"),
    ]


def main() -> int:
    """Print the table."""
    work = Path(tempfile.mkdtemp(prefix="gate-bench-audit-"))
    bench = Bench(work)
    try:
        print("| what | figure | demanded |\n|---|---|---|")
        for row in rows(bench):
            print(f"| {' | '.join(row)} |")
    finally:
        for server in bench.servers:
            server.kill()
            server.wait()
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
