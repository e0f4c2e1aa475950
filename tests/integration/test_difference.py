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

        samples = {"before": take("before"), "again": take("again")}
        stack.store.lose("attic")
        samples["lost"] = take("lost")
        stack.store.restore("attic")
        samples["back"] = take("back")
        stack.store.restart()
        samples["restarted"] = take("restarted")
    return samples


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
    result = json.loads(done.stdout)["difference"]
    assert result["exit_code"] == done.returncode
    return (
        done.returncode,
        result,
        {
            (row["matter"], row["subject"], row["phase"]): (row["before"], row["after"], row["weight"])
            for row in result["rows"]
            if row["weight"] != "same"
        },
    )


def heavy(told: dict[tuple[str, str, str], tuple[str, str, str]]) -> dict[tuple[str, str, str], tuple[str, str, str]]:
    return {key: row for key, row in told.items() if row[2] != "note"}


def test_nothing_of_weight_between_two_healthy_captures(captures: dict[str, Path]) -> None:
    code, result, answer = rows(captures["before"], captures["again"])
    assert (code, heavy(answer)) == (0, {})
    assert result["weight"] == "note"
    assert answer["bucket", "attic ready", "pre"] == ("unknown", "unknown", "note")
    assert {matter for matter, _, _ in answer} <= {"bucket", "disk"}


def test_the_rows_of_a_lost_bucket(captures: dict[str, Path]) -> None:
    code, result, answer = rows(captures["again"], captures["lost"])
    assert (code, result["weight"]) == (4, "worse")
    worse = {key: row for key, row in answer.items() if row[2] == "worse"}
    lost = ("indexed", "index-lost, lost in a sample", "worse")
    assert worse == {
        ("bucket", "attic", "pre"): lost,
        ("bucket", "attic", "post"): lost,
        ("verdict", "of the run", ""): ("inconclusive", "quarantine", "worse"),
    }
    for phase in ("pre", "post"):
        for source in ("list", "head", "get"):
            assert answer["bucket", f"attic {source}", phase] == ("present", "absent", "note")
        assert ("bucket", "attic marker", phase) not in answer
        assert ("bucket", "tofu-state", phase) not in answer
    assert heavy(answer).keys() - worse.keys() <= {
        ("log", f"server log {code}", "") for code in ("NoSuchBucket", "500")
    }


def test_what_came_back_is_a_note_until_the_store_was_restarted(captures: dict[str, Path]) -> None:
    code, _, answer = rows(captures["lost"], captures["back"])
    assert (code, heavy(answer)) == (0, {})
    assert answer["bucket", "attic", "post"] == ("index-lost, lost in a sample", "indexed", "note")
    assert answer["verdict", "of the run", ""] == ("quarantine", "inconclusive", "note")
    code, _, answer = rows(captures["lost"], captures["restarted"])
    (epoch,) = heavy(answer)
    assert (code, epoch[0], epoch[1].split(" ")[0]) == (3, "epoch", "store")


def test_the_wrong_order_is_no_all_clear(captures: dict[str, Path]) -> None:
    code, _, answer = rows(captures["lost"], captures["again"])
    assert (code, answer["order", "began at", ""][2]) == (3, "unsure")


def test_text_markdown_and_the_file(captures: dict[str, Path], tmp_path: Path) -> None:
    into = tmp_path / "o.json"
    text = diff(captures["again"], captures["lost"], "--json-into", str(into))
    assert text.returncode == 4
    assert text.stdout.startswith("WORSE: B is worse than A: verdict of the run, bucket attic")
    assert "  bucket: attic [post]\n    indexed → index-lost, lost in a sample (the failure class in B" in text.stdout
    assert text.stdout.endswith("exit code: 4\n")
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
