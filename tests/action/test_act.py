"""The action and the workflows, run for real by act, with the lab as their cache; backend.py has the runs."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gate.github.artifact_zip import unpack
from gate.github.outputs import OUTPUTS
from gate.github.step_state import is_refusal
from gate.seal import verify
from tests.action.backend import RUNS
from tests.action.files import ROOT, WORKFLOWS, load
from tests.action.seen import MARKS, downloaded, raw, read
from tests.unit.render.runner_parser import is_command, without_ignorable

pytestmark = MARKS
ANNOTATION = re.compile(r"::(error|warning|notice) (file=[^:,\r\n]+,line=[0-9]+,)?title=[^:,\r\n]+::[^\r\n]+")
ENDS = {
    "right": ("success", "pass", "0"),
    "wrong": ("failure", "refused", "2"),
    "require": ("failure", "refused", "2"),
    "yes": ("failure", "refused", "2"),
    "taken": ("failure", "refused", "2"),
}
REFUSED_AND_UPLOADED = ("wrong", "taken")  # not of mode require, and not where no upload is wanted
# Run, exit code of act, the action's own, what its summary begins with, a line that some step printed.
SHIPPED = {
    "called": (0, 0, "PASS: ", "PASS: All "),
    "mistyped": (1, 2, "REFUSED: ", "the confirm phrase for profile medium-check is"),
    "first": (0, 0, "PASS: ", "PASS: All "),
    "dispatched": (1, 3, "INCONCLUSIVE: ", "push:canary"),
    "lost": (1, 4, "QUARANTINE: ", "bucket-index-lost"),
    "sick": (1, 4, "QUARANTINE: ", "issue: issue 1 opened: quarantine"),
    "scheduled": (0, 0, "PASS: ", "issue: issue 1 updated: pass"),
    "early": (1, 3, "Blocked: there is no probe that counts", "require-no-run"),
    "refused": (1, 3, "Blocked: the newest probe was refused", "require-refused"),
    "allowed": (0, 0, "Passed: this change may rely on", "require-accepted"),
    "blocked": (1, 4, "Blocked: probe run ", "require-quarantine"),
    "pushed": (0, 0, "Passed: this change may rely on", "require-accepted"),
    "stale": (1, 4, "Blocked: probe run ", "require-quarantine"),
}


def outputs(out: Path, step: str) -> dict[str, str]:
    result: dict[str, str] = read(out / "steps.json")[step]["outputs"]
    return result


def log(out: Path, run: str) -> str:
    return (out / f"{run}.log").read_text(encoding="utf-8")


def test_the_environment_is_made_by_pip_from_the_hashed_lock(out: Path) -> None:
    result = read(out / "install.json")
    assert result["exit"] == 0, result["said"]
    assert re.fullmatch(r"environment: Python 3\.\d+\.\d+, made by pip in \d+\.\d s\n", result["said"])


@pytest.mark.parametrize("step", ENDS)
def test_each_use_ends_as_it_must_and_says_so_in_every_output(step: str, out: Path) -> None:
    observation = read(out / "steps.json")[step]
    answer = observation["outputs"]
    assert (observation["outcome"], answer["verdict"], answer["exit-code"]) == ENDS[step]
    assert sorted(answer) == sorted([*OUTPUTS, "artifact-url"])
    assert answer["outcome"] == ("pass" if answer["verdict"] == "pass" else "fail")
    assert answer["summary"].startswith(answer["verdict"].upper() + ": ")
    assert json.loads(answer["failed-paths"]) == []


def test_what_was_sealed_is_uploaded_by_npms_client_and_is_genuine_when_downloaded(out: Path, tmp_path: Path) -> None:
    answer = outputs(out, "right")
    assert answer["evidence-path"] == str(out / "right")
    assert answer["artifact-name"] == f"publication-evidence-synthetic-{RUNS['drill']}-1-right"
    expected = rf"https://github\.com/acme/widgets/actions/runs/{RUNS['drill']}/artifacts/\d+"
    assert re.fullmatch(expected, answer["artifact-url"])
    evidence, digest = downloaded(out, RUNS["drill"], answer["artifact-name"], tmp_path)
    assert (evidence.verdict.word.value, str(evidence.verdict.exit_code)) == (answer["verdict"], answer["exit-code"])
    assert digest == answer["evidence-digest"] == verify(out / "right")[1]


@pytest.mark.row("RUN-28", "RUN-29")
@pytest.mark.parametrize("step", REFUSED_AND_UPLOADED)
def test_a_refusal_leaves_its_result_and_no_evidence(step: str, out: Path) -> None:
    answer = outputs(out, step)
    assert (answer["evidence-path"], answer["evidence-digest"]) == ("", "")
    assert answer["artifact-name"].startswith("publication-evidence-")
    assert answer["artifact-url"]
    assert is_refusal((out / "artifacts" / str(RUNS["drill"]) / f"{answer['artifact-name']}.zip").read_bytes())
    assert not (out / "wrong").exists()


@pytest.mark.parametrize("step", ["require", "yes"])
def test_nothing_is_uploaded_where_nothing_is_wanted(step: str, out: Path) -> None:
    answer = outputs(out, step)
    assert [answer[name] for name in ("evidence-path", "evidence-digest", "artifact-name", "artifact-url")] == [""] * 4
    assert not (out / step).exists()


def test_a_folder_that_was_there_before_is_neither_touched_nor_taken_for_the_runs_own(out: Path) -> None:
    assert "exists and is left untouched" in outputs(out, "taken")["summary"]
    assert verify(out / "right")[1] == outputs(out, "right")["evidence-digest"]


def evidence_of(out: Path, run: str, profile: str, into: Path) -> Any:
    return downloaded(out, RUNS[run], f"publication-evidence-{profile}-{RUNS[run]}-1", into)[0]


def test_the_whole_push_set_was_published_and_read_back(out: Path, tmp_path: Path) -> None:
    evidence = evidence_of(out, "called", "medium-check", tmp_path)
    assert (evidence.coverage.proved_paths, evidence.push.counts.attempted) == (24, 24)
    assert evidence.run.commit == evidence.subject.commit != None  # noqa: E711  # the chain compares both with it
    assert evidence.run.event == "workflow_dispatch"


def test_a_lost_bucket_is_seen_before_anything_is_published(out: Path, tmp_path: Path) -> None:
    evidence = evidence_of(out, "lost", "medium-check", tmp_path)
    assert evidence.verdict.codes == ("bucket-index-lost",)
    assert evidence.push.counts.attempted == 0


@pytest.mark.row("RUN-01")
def test_a_run_interrupted_in_its_push_seals_itself_and_the_other_steps_go_on(out: Path, tmp_path: Path) -> None:
    evidence = evidence_of(out, "dispatched", "synthetic", tmp_path)
    assert evidence.journal.cancelled == "signal SIGINT"
    assert evidence.journal.complete


@pytest.mark.row("RUN-09")
def test_a_run_whose_runner_was_lost_in_its_push_has_no_pass_in_any_output(out: Path) -> None:
    """act, interrupted, kills the step and leaves the action's other steps out: what a lost runner does."""
    assert read(out / "stopped.json")["exit"] == 1
    assert "push:canary" in raw(out, "stopped")
    output = log(out, "stopped")
    assert re.findall(r"::set-output:: verdict=(\S*)", output) == ["inconclusive"]
    assert re.findall(r"::set-output:: (?:outcome|exit-code)=(\S*)", output) in (["fail", "3"], ["3", "fail"])
    assert not (out / "artifacts" / str(RUNS["stopped"])).exists()


def test_every_workflow_to_copy_is_one_that_is_run(out: Path) -> None:
    ran = {load(path)["name"] for path in (out / "site" / ".github" / "workflows").glob("*.yml")}
    to_copy = {load(path)["name"] for path in WORKFLOWS if path.parent.name == "workflows" and path.parents[1] == ROOT}
    assert len(to_copy) == 5
    assert to_copy <= ran


@pytest.mark.parametrize("run", SHIPPED)
def test_a_workflow_as_it_is_shipped_ends_as_it_must(run: str, out: Path) -> None:
    code, own, start, words = SHIPPED[run]
    assert read(out / f"{run}.json")["exit"] == code, log(out, run)
    assert words in raw(out, run)
    assert f"verdict: exit code {own}\n" in raw(out, run)
    summary = (out / f"{run}.raw.none.md").read_text(encoding="utf-8").split("\n")
    assert summary[1].startswith(f"> **{start}")


@pytest.mark.parametrize(("run", "times"), [("pushed", 1), ("stale", 0)])
def test_the_push_comes_after_the_answer_and_only_after_a_good_one(run: str, times: int, out: Path) -> None:
    output = raw(out, run)
    after = output.partition(f"verdict: exit code {SHIPPED[run][1]}\n")[2]
    assert len(re.findall(r"✅ [0-9a-z]{32}-widgets-[0-9a-f]{40} ", after)) == times
    assert output.count("Pushing 1 paths") == times


@pytest.mark.row("RUN-28")
def test_a_mistyped_run_after_a_pass_holds_the_required_check_until_the_next(out: Path) -> None:
    assert RUNS["called"] < RUNS["allowed"] < RUNS["mistyped"] < RUNS["refused"] < RUNS["lost"] < RUNS["blocked"]
    name = f"publication-evidence-medium-check-{RUNS['mistyped']}-1.zip"
    assert is_refusal((out / "artifacts" / str(RUNS["mistyped"]) / name).read_bytes())
    assert (read(out / "allowed.json")["exit"], read(out / "refused.json")["exit"]) == (0, 1)


def test_the_scheduled_probe_keeps_one_issue(out: Path) -> None:
    issues = read(out / "issues.json")
    (issue,) = issues["rows"]
    assert issue["labels"] == [{"name": "publication-gate"}]
    assert "Last verdict: **pass**" in issue["body"]
    assert f"/actions/runs/{RUNS['scheduled']}/attempts/1" in issue["body"]
    (comment,) = issues["comments"]["1"]
    assert comment.startswith("**pass**: It passes again.")


def test_another_branch_than_the_default_is_refused(out: Path) -> None:
    assert read(out / "branch.json")["exit"] == 1
    words = "refused: the probe runs on the default branch only; nothing was built or published"
    assert words in raw(out, "branch")


def test_nothing_is_set_up_on_another_branch_than_the_default(out: Path) -> None:
    assert "environment: " not in raw(out, "branch")


@pytest.mark.row("RUN-13", "RUN-16")
@pytest.mark.parametrize("run", RUNS)
def test_no_line_is_a_command_of_the_runner_but_the_annotations(run: str, out: Path) -> None:
    lines = re.split("\r\n|\r|\n", raw(out, run))
    commands = [line for line in lines if is_command(line) or is_command(without_ignorable(line))]
    ours = {f"::add-mask::{secret}" for secret in secrets(out)} | {"::group::Progress", "::endgroup::"}
    assert [line for line in commands if not ANNOTATION.fullmatch(line) and line not in ours] == []
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
    link = (
        f"Evidence: [publication-evidence-synthetic-{RUNS['drill']}-1-right](https://github.com/acme/widgets/actions/"
    )
    assert link in (out / "drill.raw.none.md").read_text(encoding="utf-8")


def unpacked(out: Path) -> Iterator[Path]:
    for artifact in sorted((out / "artifacts").glob("*/*.zip")):
        into = out / "unpacked" / artifact.parent.name / artifact.stem
        if not into.exists():
            unpack(artifact.read_bytes(), into)
        yield from into.iterdir()


def secrets(out: Path) -> list[str]:
    """The secrets that act was given, for all of the runs."""
    rows = (out / "all-secrets").read_text(encoding="utf-8").split("\n")
    return sorted({row.partition("=")[2] for row in rows if row})


def test_no_secret_is_in_anything_that_was_printed_or_uploaded(out: Path) -> None:
    """But for the commands by which the runner, which prints none of them, is told to mask the secrets."""
    assert len(secrets(out)) > 5
    places = [path for path in out.glob("*.*") if path.is_file() and path.name != "secrets"]
    places += [path for path in out.glob("cancel-*/**/*") if path.is_file()]
    places += list(unpacked(out))
    assert len(places) > 40
    masks = [f"::add-mask::{secret}\n".encode() for secret in secrets(out)]
    leaks = set()
    for path in places:
        text = path.read_bytes()
        for mask in masks if path.suffix == ".raw" else ():
            text = text.replace(mask, b"")
        leaks |= {path.name for secret in secrets(out) if secret.encode() in text}
    assert leaks == set()
