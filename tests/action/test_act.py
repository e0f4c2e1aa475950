"""The action and the workflows, run for real by act, with the lab as their cache; backend.py has the runs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gate.github.outputs import OUTPUTS
from gate.seal import verify
from tests.action.files import ROOT
from tests.unit.render.runner_parser import is_command, without_ignorable

pytestmark = [
    pytest.mark.action,
    pytest.mark.lab,
    pytest.mark.nix,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("act"),
]
BACKEND = Path(__file__).with_name("backend.py")
ANNOTATION = re.compile(r"::(error|warning|notice) title=[^:,\r\n]+::[^\r\n]+")
RUNS = ("drill", "dispatched", "mistyped", "scheduled", "called", "branch")
ENDS = {
    "right": ("success", "pass", "0"),
    "wrong": ("failure", "refused", "2"),
    "require": ("failure", "refused", "2"),
    "yes": ("failure", "refused", "2"),
    "taken": ("failure", "refused", "2"),
    "interrupted": ("failure", "inconclusive", "3"),
    "killed": ("failure", "inconclusive", "3"),
    "lost": ("failure", "quarantine", "4"),
}
WITH_EVIDENCE = [name for name, (_, verdict, _) in ENDS.items() if verdict != "refused"]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the backend saw of all its runs."""
    folder = tmp_path_factory.mktemp("act")
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(BACKEND), str(folder)], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def outputs(out: Path, step: str) -> dict[str, str]:
    found: dict[str, str] = read(out / "steps.json")[step]["outputs"]
    return found


def raw(out: Path, run: str) -> str:
    return (out / f"{run}.raw").read_bytes().decode("utf-8")


def log(out: Path, run: str) -> str:
    return (out / f"{run}.log").read_text(encoding="utf-8")


def test_the_environment_is_made_by_pip_from_the_hashed_lock(out: Path) -> None:
    made = read(out / "install.json")
    assert made["exit"] == 0, made["said"]
    assert re.fullmatch(r"environment: Python 3\.\d+\.\d+, made by pip in \d+\.\d s\n", made["said"])


@pytest.mark.parametrize("step", ENDS)
def test_each_use_ends_as_it_must_and_says_so_in_every_output(step: str, out: Path) -> None:
    seen = read(out / "steps.json")[step]
    told = seen["outputs"]
    assert (seen["outcome"], told["verdict"], told["exit-code"]) == ENDS[step]
    assert sorted(told) == sorted([*OUTPUTS, "artifact-url"])
    assert told["outcome"] == ("pass" if told["verdict"] == "pass" else "fail")
    assert told["summary"].startswith(told["verdict"].upper() + ": ")
    assert json.loads(told["failed-paths"]) == []


@pytest.mark.parametrize("step", WITH_EVIDENCE)
def test_what_was_sealed_is_uploaded_genuine_and_says_the_same(step: str, out: Path) -> None:
    told = outputs(out, step)
    assert told["evidence-path"] == str(out / step)
    assert (
        told["artifact-name"]
        == f"publication-evidence-{read(out / step / 'evidence.json')['policy']['profile']}-1-1-{step}"
    )
    assert told["artifact-url"] == f"https://artifacts.example.org/{told['artifact-name']}"
    evidence, digest = verify(out / "artifacts" / "drill" / told["artifact-name"])
    assert (evidence.verdict.word.value, str(evidence.verdict.exit_code)) == (told["verdict"], told["exit-code"])
    assert digest == told["evidence-digest"]


@pytest.mark.parametrize("step", [step for step in ENDS if step not in WITH_EVIDENCE])
def test_a_refusal_leaves_no_evidence(step: str, out: Path) -> None:
    told = outputs(out, step)
    assert [told[name] for name in ("evidence-path", "evidence-digest", "artifact-name", "artifact-url")] == [""] * 4
    assert not (out / step).exists()


def test_a_folder_that_was_there_before_is_neither_touched_nor_taken_for_the_runs_own(out: Path) -> None:
    assert "exists and is left untouched" in outputs(out, "taken")["summary"]
    assert verify(out / "right")[1] == outputs(out, "right")["evidence-digest"]


def test_the_whole_push_set_was_published_and_read_back(out: Path) -> None:
    evidence, _ = verify(out / "right")
    assert (evidence.coverage.proved_paths, evidence.push.counts.attempted) == (24, 24)
    assert evidence.run.commit == evidence.subject.commit != None  # noqa: E711  # the chain compares both with it
    assert evidence.run.event == "workflow_dispatch"


def test_a_lost_bucket_is_seen_before_anything_is_published(out: Path) -> None:
    evidence, _ = verify(out / "lost")
    assert evidence.verdict.codes == ("bucket-index-lost",)
    assert evidence.push.counts.attempted == 0


def test_a_cancelled_run_seals_itself(out: Path) -> None:
    evidence, _ = verify(out / "interrupted")
    assert evidence.journal.cancelled == "signal SIGINT"
    assert evidence.journal.complete


def test_a_killed_run_is_sealed_by_the_finishing_step(out: Path) -> None:
    evidence, _ = verify(out / "killed")
    assert not evidence.journal.complete
    assert "run-incomplete" in {row.code for row in evidence.findings}


@pytest.mark.parametrize(
    ("run", "code", "words"),
    [
        ("dispatched", 0, "PASS: main served every published byte"),
        ("scheduled", 0, "PASS: main served every published byte"),
        ("called", 0, "PASS: main served every published byte"),
        ("mistyped", 1, "the confirm phrase for profile synthetic is"),
        ("branch", 1, "refused: the probe runs on the default branch only; nothing was built or published"),
    ],
)
def test_a_workflow_as_it_is_shipped_ends_as_it_must(run: str, code: int, words: str, out: Path) -> None:
    assert read(out / f"{run}.json")["exit"] == code, log(out, run)
    assert words in raw(out, run)


def test_nothing_is_set_up_on_another_branch_than_the_default(out: Path) -> None:
    assert "environment: " not in raw(out, "branch")


@pytest.mark.parametrize("run", RUNS)
def test_no_line_is_a_command_of_the_runner_but_the_annotations(run: str, out: Path) -> None:
    lines = re.split("\r\n|\r|\n", raw(out, run))
    commands = [line for line in lines if is_command(line) or is_command(without_ignorable(line))]
    assert [line for line in commands if not ANNOTATION.fullmatch(line)] == []
    for line in commands:
        assert not is_command(line.rpartition("::")[2])


def test_a_command_in_the_confirm_phrase_was_shown_and_was_none(out: Path) -> None:
    assert r"##\x5berror]x" in raw(out, "drill")
    assert r"##\x5berror]x" in outputs(out, "wrong")["summary"]


@pytest.mark.parametrize("step", ENDS)
def test_the_step_summary_says_the_verdict_first(step: str, out: Path) -> None:
    summary = (out / f"drill.raw.{step}.md").read_text(encoding="utf-8").split("\n")
    assert summary[0] in ("> [!NOTE]", "> [!WARNING]", "> [!CAUTION]")
    assert summary[1].startswith(f"> **{ENDS[step][1].upper()}: ")


def test_the_last_step_links_the_artifact(out: Path) -> None:
    link = "Evidence: [publication-evidence-medium-check-1-1-right](https://artifacts.example.org/"
    assert link in (out / "drill.raw.none.md").read_text(encoding="utf-8")


def test_no_secret_is_in_anything_that_was_printed_or_uploaded(out: Path) -> None:
    secrets = [line.partition("=")[2] for line in (out / "secrets").read_text(encoding="utf-8").split("\n") if line]
    assert len(secrets) == 4
    places = [path for path in out.glob("*.*") if path.is_file() and path.name != "secrets"]
    places += [path for path in (out / "artifacts").rglob("*") if path.is_file()]
    assert len(places) > 40
    leaks = {path.name for path in places for secret in secrets if secret.encode() in path.read_bytes()}
    assert leaks == set()
