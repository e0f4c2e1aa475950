"""The action, cancelled in every stage: sealed evidence that verifies, no pass, all outputs, a summary, an artifact."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gate.github.outputs import OUTPUTS
from tests.action.cancelling import STAGES, begun
from tests.action.files import ROOT
from tests.action.seen import MARKS, downloaded, read

pytestmark = pytest.mark.action
IN_TIME = [stage for stage in STAGES if stage != "seal"]


def place(out: Path, stage: str) -> Path:
    return out / f"cancel-{stage.replace(':', '-')}"


def each(stage: str) -> object:
    return pytest.param(stage, marks=[*MARKS, pytest.mark.row("RUN-01")])


@pytest.mark.parametrize("stage", [each(stage) for stage in STAGES])
def test_a_run_cancelled_in_any_stage_ends_inconclusive_with_evidence_that_verifies(
    stage: str, out: Path, tmp_path: Path
) -> None:
    observation = read(place(out, stage) / "seen.json")
    answer = observation["outputs"]
    assert begun(place(out, stage) / "evidence" / "journal.jsonl", stage)
    assert observation["sent"][0] == "SIGINT"
    assert (answer["verdict"], answer["outcome"], answer["exit-code"], observation["verdict"]) == (
        "inconclusive",
        "fail",
        "3",
        3,
    )
    assert set(OUTPUTS) <= set(answer)
    assert observation["upload"] == 0
    evidence, digest = downloaded(out, observation["run"], answer["artifact-name"], tmp_path)
    assert digest == answer["evidence-digest"]
    assert evidence.run.workflow_run == str(observation["run"])
    summary = (place(out, stage) / "summary.md").read_text(encoding="utf-8").split("\n")
    assert summary[0] == "> [!WARNING]"
    assert summary[1].startswith("> **INCONCLUSIVE: ")


@pytest.mark.parametrize("stage", [each(stage) for stage in IN_TIME])
def test_its_evidence_says_what_ended_it_and_nothing_was_published_after(stage: str, out: Path, tmp_path: Path) -> None:
    observation = read(place(out, stage) / "seen.json")
    evidence, _ = downloaded(out, observation["run"], observation["outputs"]["artifact-name"], tmp_path)
    assert evidence.journal.cancelled is not None
    assert evidence.journal.cancelled.rstrip(".").endswith("signal SIGINT")
    assert "run-cancelled" in {row.code for row in evidence.findings}
    published = STAGES.index(stage) >= STAGES.index("push:canary")
    assert (place(out, stage) / "evidence" / "push-canary.log").exists() is published


@pytest.mark.parametrize("stage", [pytest.param("seal", marks=MARKS)])
def test_a_pass_that_was_sealed_while_the_step_was_cancelled_is_not_taken(
    stage: str, out: Path, tmp_path: Path
) -> None:
    observation = read(place(out, stage) / "seen.json")
    evidence, _ = downloaded(out, observation["run"], observation["outputs"]["artifact-name"], tmp_path)
    assert evidence.verdict.word.value == "pass"
    assert observation["outputs"]["summary"].startswith("INCONCLUSIVE: the probe's step ended as cancelled")


def test_set_up_that_was_cancelled_gives_no_python_and_is_made_again(tmp_path: Path) -> None:
    """Without a Python the finishing step does not run: the defaults of the outputs and the last step block."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    uv = bin_folder / "uv"
    uv.write_text(
        '#!/bin/sh\necho $$ >"$UV_WAITS.new"\nmv "$UV_WAITS.new" "$UV_WAITS"\nexec sleep 600\n', encoding="utf-8"
    )
    uv.write_text(uv.read_text(encoding="utf-8").replace("$UV_WAITS", str(tmp_path / "waits")), encoding="utf-8")
    uv.chmod(0o755)
    environ = {"PATH": f"{bin_folder}:{os.environ['PATH']}", "RUNNER_TEMP": str(tmp_path)}
    environ["GITHUB_OUTPUT"] = str(tmp_path / "outputs")
    install = [sys.executable, "-I", str(ROOT / "scripts" / "action" / "install.py")]
    with subprocess.Popen(install, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as setup:
        ends = time.monotonic() + 60
        while not (tmp_path / "waits").exists():
            assert time.monotonic() < ends
            assert setup.poll() is None
            time.sleep(0.02)
        setup.send_signal(signal.SIGINT)
        os.kill(int((tmp_path / "waits").read_text(encoding="ascii")), signal.SIGKILL)
        setup.communicate(timeout=60)
    assert setup.returncode != 0
    assert not (tmp_path / "outputs").exists()
    uv.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    again = subprocess.run(install, env=environ, capture_output=True, text=True, check=True)
    assert "made by uv" in again.stdout
