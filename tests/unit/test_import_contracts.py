"""The layers hold, and the linter that says so can be shown to say otherwise."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-logo", "--no-cache"], cwd=tree, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "gate", tmp_path / "gate", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_every_contract_is_kept(tree: Path) -> None:
    linted = lint_imports(tree)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert " 0 broken" in linted.stdout


@pytest.mark.parametrize("room", ["parse", "evidence", "judge", "render", "model"])
def test_a_pure_room_that_starts_children_is_caught(tree: Path, room: str) -> None:
    (tree / "gate" / room / "intruder.py").write_text("import subprocess\n")
    linted = lint_imports(tree)
    assert linted.returncode == 1, linted.stdout + linted.stderr
    assert f"gate.{room}.intruder -> subprocess" in linted.stdout


def test_a_pure_room_that_reads_the_clock_through_another_is_caught(tree: Path) -> None:
    with (tree / "gate/limits.py").open("a") as limits:
        limits.write("\nimport time\n")
    (tree / "gate/parse/intruder.py").write_text("import gate.limits\n")
    linted = lint_imports(tree)
    assert linted.returncode == 1, linted.stdout + linted.stderr
    assert "gate.limits -> time" in linted.stdout


def test_an_import_upwards_is_caught(tree: Path) -> None:
    (tree / "gate/parse/intruder.py").write_text("import gate.journal\n")
    linted = lint_imports(tree)
    assert linted.returncode == 1, linted.stdout + linted.stderr
    assert "gate.parse.intruder -> gate.journal" in linted.stdout


def test_a_room_without_a_place_is_caught(tree: Path) -> None:
    (tree / "gate/annexe.py").write_text("")
    linted = lint_imports(tree)
    assert linted.returncode == 1, linted.stdout + linted.stderr
    assert "annexe" in linted.stdout


def test_evidence_that_asks_the_judge_is_caught(tree: Path) -> None:
    (tree / "gate/evidence/intruder.py").write_text("import gate.judge.verdict\n")
    linted = lint_imports(tree)
    assert linted.returncode == 1, linted.stdout + linted.stderr
    assert "gate.evidence.intruder -> gate.judge.verdict" in linted.stdout


def names_status(source: str) -> bool:
    return any(
        "Status" in (getattr(node, "id", ""), getattr(node, "attr", ""), getattr(node, "name", ""))
        for node in ast.walk(ast.parse(source))
    )


def test_no_module_of_evidence_gives_a_status() -> None:
    """A status is the judge's: evidence holds what was seen."""
    assert [path.name for path in sorted((ROOT / "gate/evidence").glob("*.py")) if names_status(path.read_text())] == []


@pytest.mark.parametrize("source", ["from gate.model.basics import Status", "basics.Status.PASS", "x = Status.FAIL"])
def test_a_status_in_evidence_is_caught(source: str) -> None:
    assert names_status(source)
