"""The action's steps in the jobs of a split run: a part is never a verdict, and its digest is an output of its job."""

import os
from pathlib import Path

import pytest

from gate.cli.action import action_finish, action_run
from gate.errors import RefusedError
from gate.github.context import read_mode, read_parts
from gate.github.step_state import say_begun, what_was_told
from gate.journal_log import PART
from gate.model.basics import VerdictWord
from tests.helpers.parts import ORDER, healthy
from tests.unit.cli.test_split import TOML


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("GATE_", "GITHUB_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    result = tmp_path / "work"
    result.mkdir()
    (tmp_path / "gate.toml").write_text(TOML, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    environ = {
        "GITHUB_OUTPUT": tmp_path / "output",
        "GITHUB_STEP_SUMMARY": tmp_path / "summary.md",
        "GATE_ACTION_WORK": result,
        "GATE_ACTION_EVIDENCE": result / "evidence",
        "GATE_ACTION_PROFILE": "medium-check",
        "GATE_ACTION_UPLOAD_ARTIFACT": "true",
        "GATE_ACTION_RETENTION_DAYS": "0",
        "GATE_ACTION_STEP": "success",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, str(value))
    return result


def outputs(tmp_path: Path) -> dict[str, str]:
    lines = (tmp_path / "output").read_text(encoding="utf-8").split("\n")
    return {line.partition("<<")[0]: lines[at + 1] for at, line in enumerate(lines) if "<<gate_" in line}


@pytest.mark.parametrize(
    ("mode", "name"), [("capture", "pre"), ("capture", "during"), ("capture", "post"), ("publish", "publish")]
)
def test_a_whole_part_ends_with_0_and_gives_its_digest(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, name: str
) -> None:
    folders = healthy().write(tmp_path / "parts")
    (tmp_path / "parts" / name).rename(work / "evidence")
    say_begun(work, tmp_path / "new")
    monkeypatch.setenv("GATE_ACTION_MODE", mode)
    monkeypatch.setenv("GATE_ACTION_PHASE", name if mode == "capture" else "")
    assert action_finish(work / "evidence") == 0
    answer = outputs(tmp_path)
    assert (answer["exit-code"], answer["verdict"], answer["outcome"]) == ("0", "inconclusive", "fail")
    assert answer["evidence-digest"] == folders.digests[name]
    assert answer["artifact-name"] == f"publication-part-{name}-medium-check"
    assert answer["upload-path"] == str(work / "evidence")
    assert "no verdict" in (tmp_path / "summary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("step", ["failure", "cancelled", ""])
def test_a_whole_part_of_a_step_that_did_not_end_well_is_not_taken_for_one(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    healthy().write(tmp_path / "parts")
    (tmp_path / "parts" / "pre").rename(work / "evidence")
    say_begun(work, tmp_path / "new")
    monkeypatch.setenv("GATE_ACTION_MODE", "capture")
    monkeypatch.setenv("GATE_ACTION_PHASE", "pre")
    monkeypatch.setenv("GATE_ACTION_STEP", step)
    assert action_finish(work / "evidence") == 0
    assert outputs(tmp_path)["exit-code"] == "3"


def test_what_a_killed_job_left_is_sealed_and_given_on(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy().write(tmp_path / "parts")
    (tmp_path / "parts" / "publish").rename(work / "evidence")
    (work / "evidence" / PART).unlink()
    say_begun(work, tmp_path / "new")
    monkeypatch.setenv("GATE_ACTION_MODE", "publish")
    monkeypatch.setenv("GATE_ACTION_STEP", "cancelled")
    assert action_finish(work / "evidence") == 0
    answer = outputs(tmp_path)
    assert answer["exit-code"] == "3"
    assert len(answer["evidence-digest"]) == 64
    assert answer["artifact-name"] == "publication-part-publish-medium-check"


@pytest.mark.parametrize("begun", [True, False])
def test_without_a_part_there_is_nothing_to_give_on(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    if begun:
        say_begun(work, tmp_path / "new")
        (work / "evidence").mkdir()
    monkeypatch.setenv("GATE_ACTION_MODE", "capture")
    monkeypatch.setenv("GATE_ACTION_PHASE", "pre")
    assert action_finish(work / "evidence") == 0
    answer = outputs(tmp_path)
    assert (answer["exit-code"], answer["evidence-digest"], answer["artifact-name"]) == ("3", "", "")
    assert answer["summary"].startswith("the part can't be used" if begun else "no part was begun")


def test_the_judging_job_gives_the_verdict_and_the_ordinary_artifact(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = healthy().write(tmp_path / "parts")
    monkeypatch.setenv("GATE_ACTION_MODE", "judge")
    monkeypatch.setenv("GATE_ACTION_PARTS", " ".join(str(folders.at / name) for name in ORDER))
    digests = " ".join(f"{name}={digest}" for name, digest in folders.digests.items())
    monkeypatch.setenv("GATE_ACTION_PART_DIGESTS", digests)
    assert action_run() == 0
    assert action_finish(work / "evidence") == 0
    answer = outputs(tmp_path)
    assert (answer["verdict"], answer["outcome"], answer["exit-code"]) == ("pass", "pass", "0")
    assert answer["artifact-name"] == "publication-evidence-medium-check"


def test_a_tampered_part_never_becomes_a_refusal_that_does_not_count(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused run settles nothing, so a publishing job could hide a run by spoiling its part."""
    folders = healthy().write(tmp_path / "parts")
    (tmp_path / "parts" / "publish" / "build.log").write_bytes(b"x")
    monkeypatch.setenv("GATE_ACTION_MODE", "judge")
    monkeypatch.setenv("GATE_ACTION_PARTS", " ".join(str(folders.at / name) for name in ORDER))
    assert action_run() == 0
    assert action_finish(work / "evidence") == 0
    answer = outputs(tmp_path)
    assert (answer["verdict"], answer["exit-code"]) == ("inconclusive", "3")
    assert answer["artifact-name"] == "publication-evidence-medium-check"


def test_a_judging_job_that_was_refused_leaves_no_refusal_either(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATE_ACTION_MODE", "judge")
    monkeypatch.setenv("GATE_PUSH_TOKEN", "a-token")
    assert action_run() == 0
    assert action_finish(work / "evidence") == 0
    answer = outputs(tmp_path)
    assert (answer["exit-code"], answer["artifact-name"], answer["upload-path"]) == ("2", "", "")


@pytest.mark.parametrize(
    ("mode", "more", "message"),
    [
        ("capture", {}, "phase is"),
        ("capture", {"PHASE": "before"}, "phase is"),
        ("capture", {"PHASE": "during", "SECONDS": "soon"}, "seconds is"),
        ("capture", {"PHASE": "during", "SECONDS": "60"}, "2 settings are not set, and nothing was done"),
        ("capture", {"PHASE": "during", "SECONDS": "60", "UNTIL": "a\nb"}, "until is"),
        ("capture", {"PHASE": "during", "UNTIL": "over"}, "--seconds belongs to --phase during, which needs it"),
        ("capture", {"PHASE": "pre", "UNTIL": "over"}, "so does --until"),
        ("publish", {"CONFIRM": "please"}, "the confirm phrase"),
        ("publish", {"CONFIRM": "probe-attic-publication-medium-check"}, "GATE_PUSH_TOKEN is not set"),
        ("judge", {}, "no part was given"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(
    work: Path, monkeypatch: pytest.MonkeyPatch, mode: str, more: dict[str, str], message: str
) -> None:
    monkeypatch.setenv("GATE_ACTION_MODE", mode)
    for name, value in more.items():
        monkeypatch.setenv(f"GATE_ACTION_{name}", value)
    assert action_run() == 0
    output = what_was_told(work)
    assert output is not None
    assert (output.word, message in output.error) == (VerdictWord.REFUSED, True)
    assert not (work / "evidence").exists()


def test_the_modes_are_told_apart() -> None:
    for mode in ("probe", "require", "capture", "publish", "judge"):
        assert read_mode({"GATE_ACTION_MODE": mode}) == mode
    with pytest.raises(RefusedError, match="mode is 'Judge'"):
        read_mode({"GATE_ACTION_MODE": "Judge"})
    parts = read_parts(
        {"GATE_ACTION_PARTS": " a  b\n", "GATE_ACTION_PART_DIGESTS": "x=1 \n y=2", "GATE_ACTION_SECONDS": "9"}
    )
    assert (parts.folders, parts.digests, parts.seconds) == ((Path("a"), Path("b")), ("x=1", "y=2"), 9.0)
    assert parts.until is None
    assert read_parts({"GATE_ACTION_UNTIL": "a b"}).until == Path("a b")
