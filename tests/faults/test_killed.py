"""A run that is killed at any stage leaves evidence that finalizes to inconclusive, and no process."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.errors import RefusedError
from gate.model.basics import VerdictWord
from gate.model.document import Evidence
from gate.seal import finalize, verify

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("identify", "pre", "build", "push:canary", "push:profile", "read:profile", "post")
START_SECONDS = 90
DEATH_SECONDS = 15
# An Attic token, and the query of a presigned S3 URL: secrets that no file may hold.
SECRETS = (re.compile(rb"eyJ[\w-]{8,}\.eyJ[\w-]{8,}"), re.compile(rb"X-Amz-(Signature|Credential)=(?!REDACTED)"))


@pytest.fixture
def marked(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment whose children can be told by it; whatever is left of them at the end is killed."""
    environ = {**os.environ, "GATE_TEST_MARK": tmp_path.name + "-mark", "TMPDIR": str(tmp_path)}
    yield environ
    for pid in alive(environ["GATE_TEST_MARK"], tmp_path):
        os.kill(pid, signal.SIGKILL)


def alive(mark: str, folder: Path) -> list[int]:
    """Processes that carry the mark, or name the folder, in their environment or arguments."""
    result = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in text or str(folder).encode() in text:
                result.append(int(entry.name))
    return result


def started(journal: Path, stage: str) -> bool:
    try:
        lines = journal.read_bytes().split(b"\n")
    except OSError:
        return False
    records = [json.loads(line)["record"] for line in lines[:-1]]
    return any(record.get("name") == stage and record.get("state") == "started" for record in records)


def killed_in(stage: str, out: Path, log: Path, environ: dict[str, str]) -> bool:
    """Start a run and kill it in a stage; False when it was over before the kill came."""
    argv = [sys.executable, "-m", "gate", "lab", "--profile", "synthetic", "--output", str(out)]
    with log.open("wb") as output:
        lab = subprocess.Popen(argv, cwd=ROOT, env=environ, stdout=output, stderr=output)
        until = time.monotonic() + START_SECONDS
        while not started(out / "journal.jsonl", stage) and lab.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        lab.kill()
        return lab.wait(timeout=DEATH_SECONDS) == -signal.SIGKILL and started(out / "journal.jsonl", stage)


def finalized(out: Path) -> Evidence:
    """A child that was between fork and exec when the run was killed has the journal's lock for a moment longer."""
    until = time.monotonic() + DEATH_SECONDS
    while True:
        try:
            return finalize(out)
        except RefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


@pytest.mark.row("RUN-05", "HIS-02")
@pytest.mark.parametrize("stage", STAGES)
def test_killed_at_a_stage(stage: str, tmp_path: Path, marked: dict[str, str]) -> None:
    out = tmp_path / "run"
    tries = (killed_in(stage, out := tmp_path / f"run-{number}", tmp_path / "output", marked) for number in range(5))
    assert any(tries), (tmp_path / "output").read_text()
    evidence = finalized(out)
    assert evidence.verdict.word is VerdictWord.INCONCLUSIVE
    assert "run-incomplete" in evidence.verdict.codes
    assert verify(out)[0].verdict == evidence.verdict
    until = time.monotonic() + DEATH_SECONDS
    while (remaining := alive(marked["GATE_TEST_MARK"], tmp_path)) and time.monotonic() < until:
        time.sleep(0.05)
    assert remaining == []


def test_no_secret_is_in_any_file_of_a_whole_run(tmp_path: Path, marked: dict[str, str]) -> None:
    out = tmp_path / "run"
    argv = [sys.executable, "-m", "gate", "lab", "--profile", "synthetic", "--output", str(out)]
    done = subprocess.run(argv, cwd=ROOT, env=marked, capture_output=True, timeout=START_SECONDS, check=False)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    texts = {path.name: path.read_bytes() for path in out.iterdir()} | {"stdout": done.stdout, "stderr": done.stderr}
    assert b"nar/" in texts["journal.jsonl"]  # bodies were read, so a presigned URL was followed
    for name, text in texts.items():
        for secret in SECRETS:
            assert secret.search(text) is None, name
    assert [path.name for path in tmp_path.iterdir() if path.name != "run"] == []
