"""Two captures around an induced loss, and what ``diff`` says of them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gate.clock import SystemClock
from gate.journal_log import FINALIZED
from gate.lab.stack import Stack
from gate.probe import Quiet, World, capture
from gate.process import CancelToken
from gate.seal import finalize, seal

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.lab, pytest.mark.nix, pytest.mark.xdist_group("lab-stack")]


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Captures of one lab: healthy twice, with the cache's bucket lost, with it back, and after a restart."""
    folder = tmp_path_factory.mktemp("captures")
    clock, cancel = SystemClock(), CancelToken()
    with Stack(os.environ, cancel=cancel, clock=clock) as stack:

        def take(name: str) -> Path:
            world = World(environ=stack.environ(), cancel=cancel, progress=Quiet(), clock=clock)
            capture(stack.settings_for("synthetic"), folder / name, world)
            return folder / name

        taken = {"before": take("before"), "again": take("again")}
        stack.store.lose("attic")
        taken["lost"] = take("lost")
        stack.store.restore("attic")
        taken["back"] = take("back")
        stack.store.restart()
        taken["restarted"] = take("restarted")
    return taken


def diff(a: Path, b: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "gate", "diff", str(a), str(b), *argv],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def rows(a: Path, b: Path) -> tuple[int, dict[str, Any], dict[tuple[str, str, str], tuple[str, str, str]]]:
    """The exit code, the difference, and its rows that are not the same."""
    done = diff(a, b, "--json")
    found = json.loads(done.stdout)["difference"]
    assert found["exit_code"] == done.returncode
    return (
        done.returncode,
        found,
        {
            (row["matter"], row["subject"], row["phase"]): (row["before"], row["after"], row["weight"])
            for row in found["rows"]
            if row["weight"] != "same"
        },
    )


def heavy(told: dict[tuple[str, str, str], tuple[str, str, str]]) -> dict[tuple[str, str, str], tuple[str, str, str]]:
    return {key: row for key, row in told.items() if row[2] != "note"}


def test_nothing_of_weight_between_two_healthy_captures(captures: dict[str, Path]) -> None:
    code, found, told = rows(captures["before"], captures["again"])
    assert (code, heavy(told)) == (0, {})
    assert found["weight"] == "note"
    assert told["bucket", "attic ready", "pre"] == ("unknown", "unknown", "note")
    assert {matter for matter, _, _ in told} <= {"bucket", "disk"}


def test_the_rows_of_a_lost_bucket(captures: dict[str, Path]) -> None:
    code, found, told = rows(captures["again"], captures["lost"])
    assert (code, found["weight"]) == (4, "worse")
    worse = {key: row for key, row in told.items() if row[2] == "worse"}
    lost = ("indexed", "index-lost, lost in a sample", "worse")
    assert worse == {
        ("bucket", "attic", "pre"): lost,
        ("bucket", "attic", "post"): lost,
        ("verdict", "of the run", ""): ("inconclusive", "quarantine", "worse"),
    }
    for phase in ("pre", "post"):
        for source in ("list", "head", "get"):
            assert told["bucket", f"attic {source}", phase] == ("present", "absent", "note")
        assert ("bucket", "attic marker", phase) not in told
        assert ("bucket", "tofu-state", phase) not in told
    assert heavy(told).keys() - worse.keys() <= {("log", f"server log {code}", "") for code in ("NoSuchBucket", "500")}


def test_what_came_back_is_a_note_until_the_store_was_restarted(captures: dict[str, Path]) -> None:
    code, _, told = rows(captures["lost"], captures["back"])
    assert (code, heavy(told)) == (0, {})
    assert told["bucket", "attic", "post"] == ("index-lost, lost in a sample", "indexed", "note")
    assert told["verdict", "of the run", ""] == ("quarantine", "inconclusive", "note")
    code, _, told = rows(captures["lost"], captures["restarted"])
    (epoch,) = heavy(told)
    assert (code, epoch[0], epoch[1].split(" ")[0]) == (3, "epoch", "store")


def test_the_wrong_order_is_no_all_clear(captures: dict[str, Path]) -> None:
    code, _, told = rows(captures["lost"], captures["again"])
    assert (code, told["order", "began at", ""][2]) == (3, "unsure")


def test_text_markdown_and_the_file(captures: dict[str, Path], tmp_path: Path) -> None:
    into = tmp_path / "o.json"
    shown = diff(captures["again"], captures["lost"], "--json-into", str(into))
    assert shown.returncode == 4
    assert shown.stdout.startswith("WORSE: B is worse than A: verdict of the run, bucket attic")
    assert "  bucket: attic [post]\n    indexed → index-lost, lost in a sample (the failure class in B" in shown.stdout
    assert shown.stdout.endswith("exit code: 4\n")
    assert json.loads(into.read_text())["difference"]["exit_code"] == 4
    table = diff(captures["again"], captures["lost"], "--format", "markdown").stdout
    assert "| worse | bucket | attic | post | indexed | index-lost, lost in a sample |" in table


def test_a_folder_that_is_not_genuine_is_refused(captures: dict[str, Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in captures["again"].iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    assert diff(captures["before"], copy).returncode == 0
    archive = Path(shutil.make_archive(str(tmp_path / "evidence"), "zip", copy))
    assert diff(archive, copy).returncode == 0, "an artifact's zip, as it was downloaded"
    document = copy / "evidence.json"
    sealed = document.read_bytes()
    document.write_bytes(sealed.replace(b'"index_lost_seen":false', b'"index_lost_seen":true '))
    forged = diff(captures["before"], copy, "--json")
    assert (forged.returncode, "is not genuine" in forged.stderr) == (2, True)
    assert json.loads(forged.stdout)["verdict"]["word"] == "refused"
    document.unlink()
    unsealed = diff(copy, captures["before"])
    assert (unsealed.returncode, "was never sealed" in unsealed.stderr, unsealed.stdout) == (2, True, "")
    assert "run-finalized" in finalize(copy).verdict.codes
    assert document.read_bytes() != sealed  # it says that a person sealed it, and not the run
    (copy / FINALIZED).unlink()
    seal(copy)
    assert document.read_bytes() == sealed
    assert diff(captures["before"], tmp_path / "none").returncode == 2
