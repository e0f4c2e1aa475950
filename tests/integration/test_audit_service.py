"""An audit of a cache that Attic's stand-in serves: the pass, and what only a read of the NAR can see."""

import contextlib
import io
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from gate.cli.main import main
from gate.model.audit import SCHEMA_REVISION
from tests.integration.attic_rig import ACCESS_KEY, ALL_RIGHTS, SECRET_KEY, Lab, new_token
from tests.integration.store_paths import nix, to_file

pytestmark = [pytest.mark.lab, pytest.mark.nix, pytest.mark.xdist_group("attic-standins")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    rig = Lab(tmp_path_factory.mktemp("audit-attic"))
    try:
        rig.start()
        large = rig.root / "large"
        large.write_bytes(os.urandom(400_000))
        paths = [to_file(f"small-{number}", str(number)) for number in range(3)]
        assert rig.push("main", *paths, nix("nix-store", "--add", str(large))).exit == 0
        yield rig
    finally:
        rig.stop_all()


def database(lab: Lab, copy: Path) -> str:
    """A copy of the server's database, with the table of migrations that the stand-in does not have."""
    (file,) = (path for path in lab.root.rglob("*.db") if "wal" not in path.name)
    with contextlib.closing(sqlite3.connect(file)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        target.execute("CREATE TABLE seaql_migrations (version varchar PRIMARY KEY, applied_at bigint)")
        target.execute("INSERT INTO seaql_migrations VALUES (?, 1)", (SCHEMA_REVISION,))
        target.commit()
    return f"sqlite://{copy}"


def audit(lab: Lab, work: Path, code: int) -> dict[str, Any]:
    environ = {
        "GATE_S3_ENDPOINT": f"http://127.0.0.1:{lab.s3_port}",
        "GATE_S3_ACCESS_KEY_ID": ACCESS_KEY,
        "GATE_S3_SECRET_ACCESS_KEY": SECRET_KEY,
        "GATE_ATTIC_SERVER": lab.url.rstrip("/"),
        "GATE_READ_TOKEN": new_token(ALL_RIGHTS),
    }
    plan, shards, merged = work / "plan", work / "shards", work / "audit"
    with patch.dict(os.environ, environ), contextlib.redirect_stdout(io.StringIO()) as output:
        url = database(lab, work / "attic.db")
        words = ["audit", "plan", "--database", url, "--output", str(plan), "--shards", "1"]
        assert main(words) == 0, output.getvalue()
        run = ["audit", "run", "--plan", str(plan), "--output", str(shards), "--processes", "1"]
        assert main(run) == 0, output.getvalue()
        assert main(["audit", "merge", "--plan", str(plan), "--output", str(merged), str(shards)]) == code
    return json.loads((merged / "audit.json").read_text())["result"]  # type: ignore[no-any-return]  # a test knows


def test_a_whole_cache_that_nix_can_read_is_a_pass(lab: Lab, tmp_path: Path) -> None:
    result = audit(lab, tmp_path, 0)
    assert (result["service_asked"], result["service_whole"]) == (4, 4)
    assert [row["code"] for row in result["findings"]] == ["audit-whole"]
    assert result["bounds"][0]["is_census"] is True


def test_chunks_in_another_order_are_seen_by_the_read_of_the_nar_alone(lab: Lab, tmp_path: Path) -> None:
    (file,) = (path for path in lab.root.rglob("*.db") if "wal" not in path.name)
    swap = "UPDATE chunkref SET seq = 1 - seq WHERE seq < 2 AND nar_id = (SELECT nar_id FROM chunkref WHERE seq = 1)"
    with contextlib.closing(sqlite3.connect(file)) as server:
        server.execute(swap)
        server.commit()
        try:
            result = audit(lab, tmp_path, 4)
        finally:
            server.execute(swap)
            server.commit()
    assert result["damaged_chunks"] == []
    assert {row["code"] for row in result["findings"]} == {"audit-service-damaged"}
