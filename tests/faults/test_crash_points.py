"""A run killed at any write, fsync, rename, start of a process or connection: no torn file, never a pass.

One healthy run keeps its evidence folder as it is at each such point, which is what a SIGKILL there would leave; each
of these states is then read as a person would. Some points are tried by a real SIGKILL too, which shows that no
process stays. ``CRASH_STATES=0 CRASH_KILLS=200`` (`make crash`) tries all states and 200 kills.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.errors import ForeignTextError, RefusedError, UnsealedError
from gate.model.basics import Kind, VerdictWord
from gate.seal import finalize, verify

ROOT = Path(__file__).resolve().parents[2]
SITE = Path(__file__).parent / "crash_site"
STATES = int(os.environ.get("CRASH_STATES", "25"))
KILLS = int(os.environ.get("CRASH_KILLS", "1"))
LEAST_POINTS = 200
LEAST_STATES = 60  # a point at which nothing of the folder changed has the state before
SECONDS = 180
DEATH_SECONDS = 15


def lab(tmp: Path, out: Path, kill: int = 0) -> int:
    """A healthy run of the lab under the hook; its exit code."""
    (tmp / "states").mkdir(exist_ok=True)
    answer = json.dumps({"folder": str(out), "states": str(tmp / "states"), "kill": kill})
    environ = {**os.environ, "PYTHONPATH": str(SITE), "GATE_TEST_CRASH": answer, "TMPDIR": str(tmp)}
    argv = [sys.executable, "-m", "gate", "lab", "--profile", "synthetic", "--output", str(out)]
    with (tmp / "output").open("wb") as output:
        return subprocess.run(
            argv, cwd=ROOT, env=environ, stdout=output, stderr=output, timeout=SECONDS, check=False
        ).returncode


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A whole run, with the states that it went through."""
    tmp = tmp_path_factory.mktemp("crash")
    assert lab(tmp, tmp / "run") == 0, (tmp / "output").read_text()
    yield tmp
    shutil.rmtree(tmp, ignore_errors=True)


def chosen(found: list[Path]) -> list[Path]:
    """A seeded part of the states, and the last twelve, in which the run is sealed."""
    if not STATES or len(found) <= STATES:
        return found
    picked = {*random.Random(4).sample(range(len(found)), STATES), *range(len(found) - 12, len(found))}
    return [found[number] for number in sorted(picked)]


@pytest.mark.row("RUN-04")
def test_every_state_of_a_run_is_unsealed_or_whole(run: Path) -> None:
    whole = verify(run / "run")[0]
    assert (whole.verdict.word, whole.policy.kind) == (VerdictWord.PASS, Kind.LAB)
    assert int((run / "states" / "points").read_text()) >= LEAST_POINTS
    states = sorted(path for path in (run / "states").iterdir() if path.is_dir())
    assert len(states) >= LEAST_STATES
    sealed = 0
    for state in chosen(states):
        if (state / "evidence.json").exists():
            assert verify(state)[0] == whole, state
            sealed += 1
        else:
            look_at(state)
    assert sealed > 0, "the state after the last rename is among them"


@pytest.mark.row("RUN-04")
def test_a_write_that_came_only_in_part_is_a_torn_tail(run: Path, tmp_path: Path) -> None:
    """The kernel may take a part of a record before the kill comes: the last record is cut at any byte."""
    whole = (run / "run" / "journal.jsonl").read_bytes()
    ends = [number for number, byte in enumerate(whole) if byte == ord("\n")]
    cuts = sorted(random.Random(6).sample(range(1, ends[-1]), STATES or LEAST_POINTS))
    for cut in cuts:
        state = tmp_path / str(cut)
        shutil.copytree(run / "run", state)
        for name in ("evidence.json", "report.html", "summary.md"):
            (state / name).unlink()
        (state / "journal.jsonl").write_bytes(whole[:cut])
        look_at(state)
        shutil.rmtree(state)


def look_at(state: Path) -> None:
    """What a person makes of a folder that was not sealed: never a pass, whatever they do."""
    with pytest.raises((UnsealedError, RefusedError)):
        verify(state)
    path = state / "journal.jsonl"
    if b"\n" not in (path.read_bytes() if path.exists() else b""):  # there is no whole record to judge
        with pytest.raises((RefusedError, ForeignTextError)):
            finalize(state)
        return
    result = finalize(state)
    assert result.verdict.word is VerdictWord.INCONCLUSIVE, state
    assert "run-finalized" in result.verdict.codes, state
    assert verify(state)[0] == result, state


@pytest.mark.row("RUN-04")
def test_a_run_that_is_killed_leaves_no_pass_and_no_process(run: Path, tmp_path: Path) -> None:
    points = int((run / "states" / "points").read_text())
    for kill in sorted(random.Random(5).sample(range(2, points * 9 // 10), KILLS)):  # no secret
        tmp = tmp_path / str(kill)
        tmp.mkdir()
        out = tmp / "run"
        assert lab(tmp, out, kill) == -signal.SIGKILL, kill
        if out.exists():
            try:
                sealed, _ = verify(out)
            except (UnsealedError, RefusedError):
                pass
            else:  # killed after its seal: then the record had come to its end before
                assert sealed.journal.complete, kill
        until = time.monotonic() + DEATH_SECONDS
        while (remaining := alive(tmp)) and time.monotonic() < until:
            time.sleep(0.05)
        assert remaining == [], kill


def alive(folder: Path) -> list[int]:
    """Processes that name the folder in their environment or arguments."""
    result = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if f"{folder}/".encode() in text or f"={folder}\0".encode() in text:
                result.append(int(entry.name))
    return result
