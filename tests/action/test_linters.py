"""Linters on the action, the workflows and the templates; each is first shown to see what it is there for."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.action.files import ACTIONS, ROOT, SCRIPTS, WORKFLOWS

pytestmark = pytest.mark.action
ALL = [*ACTIONS, *WORKFLOWS]
SHELL = [path for path in SCRIPTS if path.suffix == ".sh"]
BROKEN = """\
name: broken
description: Each line below is for one linter
inputs:
  x: { description: x, required: false, default: '' }
runs:
  using: composite
  steps:
    - uses: actions/checkout@v7
    - shell: bash
      run: echo ${{ inputs.x }}
    - shell: bash
      run: cd $HOME/$x
"""


def tool(name: str) -> str:
    neighbor = Path(sys.executable).parent / name
    result = str(neighbor) if neighbor.exists() else shutil.which(name)
    assert result, f"{name} is missing: make setup"
    return result


def run(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "action.yml"
    path.write_text(BROKEN, encoding="utf-8")
    return path


def test_the_schemas_hold() -> None:
    check = tool("check-jsonschema")
    assert run(check, "--builtin-schema", "vendor.github-actions", *ACTIONS)[0] == 0
    assert run(check, "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)[0] == 0


def test_the_schema_of_an_action_knows_no_time_out_of_a_step(broken: Path) -> None:
    broken.write_text(BROKEN + "      timeout-minutes: 5\n", encoding="utf-8")
    assert run(tool("check-jsonschema"), "--builtin-schema", "vendor.github-actions", broken)[0] == 1


@pytest.mark.row("RUN-30", "RUN-34", "RUN-35", "RUN-36")
def test_zizmor_finds_nothing_at_its_most_pedantic() -> None:
    code, output = run(tool("zizmor"), "--offline", "--pedantic", "--no-progress", *ALL)
    assert code == 0, output
    # It goes on without a file that it can't read: each must have been looked at.
    assert [path.name for path in ALL if f"completed {path}" not in output] == [], output


@pytest.mark.row("RUN-30", "RUN-35")
def test_zizmor_finds_injection_and_a_moving_tag(broken: Path) -> None:
    code, output = run(tool("zizmor"), "--offline", "--pedantic", "--no-progress", broken)
    assert code != 0
    assert "template-injection" in output
    assert "unpinned-uses" in output


def test_jactionlint_finds_nothing() -> None:
    code, output = run(tool("jactionlint"), *ALL)
    assert code == 0, output


def test_jactionlint_finds_an_output_of_no_step(broken: Path) -> None:
    broken.write_text(BROKEN.replace("echo ${{ inputs.x }}", "echo ${{ steps.y.outputs.z }}"), encoding="utf-8")
    code, output = run(tool("jactionlint"), broken)
    assert code != 0
    assert '"y"' in output


def test_shellcheck_finds_nothing() -> None:
    code, output = run(tool("shellcheck"), *SHELL, *sorted((ROOT / "tests" / "action" / "bin").iterdir()))
    assert code == 0, output


def test_every_script_of_the_action_can_be_run() -> None:
    assert [path.name for path in SHELL if not path.stat().st_mode & 0o111] == []
