"""Cancels the action in each stage of a run, as GitHub's runner does, and finishes it by the action's own later steps.

SIGINT to the step's process alone, after 7.5 s SIGTERM, after 2.5 s SIGKILL (actions/runner ProcessInvoker.cs:32); here
both waits are ten times as long, so that a busy machine changes nothing. Then the steps with `always()`.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
STAGES = ("identify", "pre", "build", "push:canary", "read:canary", "post", "seal")
BEGINS = {"seal": b'"kind":"complete"'}
GRACES = ((signal.SIGINT, 75), (signal.SIGTERM, 25), (signal.SIGKILL, 60))
START_SECONDS = 240


class Cancelling:
    """``environ`` is that of a step, with the settings and secrets; ``out`` gets ``cancel-STAGE/`` for each stage."""

    def __init__(self, out: Path, environ: Mapping[str, str], upload: Sequence[str]) -> None:
        self._out = out
        self._environ = environ
        self._upload = upload

    def cancel(self, stage: str, run: int) -> None:
        """One use of the action, cancelled in a stage: everything that was seen of it into its folder."""
        place = self._out / f"cancel-{stage.replace(':', '-')}"
        (place / "work").mkdir(parents=True)
        evidence = place / "evidence"
        environ = {**self._environ, **self._given(place, evidence, run)}
        output = (place / "said.raw").open("wb")
        with output:
            holder = [sys.executable, "-I", str(HERE / "held.py"), str(ROOT), stage]
            with subprocess.Popen(holder, env=environ, stdout=output, stderr=subprocess.STDOUT) as probe:
                try:
                    _until_begun(probe, evidence / "journal.jsonl", stage)
                    sent = _as_the_runner_does(probe)
                finally:
                    probe.kill()
            finish = [sys.executable, "-I", "-c", _FINISH, str(ROOT), str(evidence)]
            ended = subprocess.run(finish, env=environ, stdout=output, stderr=subprocess.STDOUT, check=False)
            answer = outputs_of(place / "output")
            uploaded = self._uploaded(answer, {**environ, "GITHUB_OUTPUT": str(place / "uploaded")}, output.fileno())
            verdict = subprocess.run(
                [ROOT / "scripts" / "action" / "verdict.sh"],
                env={
                    **environ,
                    "GATE_ACTION_EXIT_CODE": answer.get("exit-code", ""),
                    "GATE_ACTION_FINISH": "success" if ended.returncode == 0 else "failure",
                    "GATE_ACTION_UPLOAD": "success" if uploaded == 0 else "failure",
                },
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        observation = {"sent": sent, "run": run, "outputs": answer, "upload": uploaded, "verdict": verdict.returncode}
        (place / "seen.json").write_text(json.dumps(observation), encoding="utf-8")

    def _uploaded(self, told: Mapping[str, str], environ: Mapping[str, str], said: int) -> int:
        command = [*self._upload, told["artifact-name"], told["upload-path"], "0"]
        return subprocess.run(command, env=environ, stdout=said, stderr=subprocess.STDOUT, check=False).returncode

    def _given(self, place: Path, evidence: Path, run: int) -> dict[str, str]:
        action = {
            "WORK": str(place / "work"),
            "EVIDENCE": str(evidence),
            "MODE": "probe",
            "PROFILE": "synthetic",
            "CONFIRM": "probe-attic-publication-synthetic",
            "UPLOAD_ARTIFACT": "true",
            "RETENTION_DAYS": "0",
            "PUSH_FOLLOWS": "false",
            "STEP": "cancelled",
        }
        return {
            **{f"GATE_ACTION_{name}": value for name, value in action.items()},
            "GITHUB_OUTPUT": str(place / "output"),
            "GITHUB_STEP_SUMMARY": str(place / "summary.md"),
            "GITHUB_RUN_ID": str(run),
            "GITHUB_RUN_ATTEMPT": "1",
        }


_FINISH = (
    "import sys; sys.path.insert(0, sys.argv[1]); from gate.cli.main import main; "
    "raise SystemExit(main(['action-finish', sys.argv[2]]))"
)


def begun(journal: Path, stage: str) -> bool:
    """Whether the journal on disk says that the stage was begun."""
    if not journal.exists():
        return False
    mark = BEGINS.get(stage, f'"name":"{stage}","note":"","state":"started"'.encode())
    return mark in journal.read_bytes()


def outputs_of(path: Path) -> dict[str, str]:
    """The outputs of a step, each of one line."""
    lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else []
    starts = [(number, line) for number, line in enumerate(lines) if "<<gate_" in line]
    return {line.partition("<<")[0]: lines[number + 1] for number, line in starts}


def _until_begun(probe: subprocess.Popen[bytes], journal: Path, stage: str) -> None:
    ends = time.monotonic() + START_SECONDS
    while not begun(journal, stage):
        assert probe.poll() is None, f"the probe ended before {stage}"
        assert time.monotonic() < ends, f"the probe did not come to {stage}"
        time.sleep(0.02)


def _as_the_runner_does(probe: subprocess.Popen[bytes]) -> list[str]:
    sent = []
    for number, grace in GRACES:
        sent.append(number.name)
        os.kill(probe.pid, number)
        try:
            probe.wait(grace)
        except subprocess.TimeoutExpired:
            continue
        break
    return sent
