"""The inputs of the action's steps: everything that is none is refused before anything happens."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.errors import RefusedError
from gate.github.context import Question, Runner, artifact_name, read_mode, read_question, read_request, read_runner

GOOD = {
    "GATE_ACTION_MODE": "probe",
    "GATE_ACTION_PROFILE": "synthetic",
    "GATE_ACTION_CONFIRM": "x",
    "GATE_ACTION_CONFIG": "",
    "GATE_ACTION_UPLOAD_ARTIFACT": "true",
    "GATE_ACTION_RETENTION_DAYS": "0",
    "GATE_ACTION_WORK": "/tmp/work",
    "GATE_ACTION_EVIDENCE": "/tmp/work/evidence",
}
RUNNER = Runner(output=Path("o"), summary=Path("s"), run_id="7", attempt="2")


def test_good_inputs_are_read() -> None:
    request = read_request(GOOD)
    assert (request.profile, request.confirm, request.config) == ("synthetic", "x", None)
    assert (request.work, request.evidence) == (Path("/tmp/work"), Path("/tmp/work/evidence"))
    assert read_request({**GOOD, "GATE_ACTION_CONFIG": "a/gate.toml"}).config == Path("a/gate.toml")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("UPLOAD_ARTIFACT", "yes", "upload-artifact is 'yes': expected 'true' or 'false'"),
        ("UPLOAD_ARTIFACT", "", "upload-artifact is ''"),
        ("UPLOAD_ARTIFACT", "True", "upload-artifact is 'True'"),
        ("RETENTION_DAYS", "", "retention-days is ''"),
        ("RETENTION_DAYS", "-1", "retention-days is '-1'"),
        ("RETENTION_DAYS", "1\n", r"retention-days is '1\\n'"),
        ("RETENTION_DAYS", "\u0667", r"retention-days is '\\u0667'"),
        ("PROFILE", "", "profile is ''"),
        ("WORK", "", "work is ''"),
        ("EVIDENCE", "a\nb", r"evidence is 'a\\nb': expected one line"),
    ],
)
def test_anything_else_is_refused(name: str, value: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        read_request({**GOOD, f"GATE_ACTION_{name}": value})


@pytest.mark.parametrize("mode", ["", "Probe", "Require", "require ", "probe\n"])
def test_another_mode_is_refused(mode: str) -> None:
    with pytest.raises(RefusedError, match=r"mode is .*: expected probe or require"):
        read_mode({"GATE_ACTION_MODE": mode})


def test_the_two_modes_are_read() -> None:
    assert [read_mode({"GATE_ACTION_MODE": mode}) for mode in ("probe", "require")] == ["probe", "require"]


def test_a_question_needs_no_more_than_its_switch() -> None:
    request = read_question({"GATE_ACTION_PUSH_FOLLOWS": "false"})
    assert request == Question(push_follows=False, config="gate.toml")
    request = read_question({"GATE_ACTION_PUSH_FOLLOWS": "true", "GATE_ACTION_CONFIG": "a/gate.toml"})
    assert request == Question(push_follows=True, config="a/gate.toml")


@pytest.mark.parametrize("value", ["", "yes", "True", "true\n"])
def test_a_switch_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(RefusedError, match=r"push-follows is .*: expected 'true' or 'false'"):
        read_question({"GATE_ACTION_PUSH_FOLLOWS": value})


def test_outside_of_a_step_there_is_nothing_to_do() -> None:
    with pytest.raises(RefusedError, match="GITHUB_OUTPUT is not set"):
        read_runner({})
    with pytest.raises(RefusedError, match="GITHUB_STEP_SUMMARY is not set"):
        read_runner({"GITHUB_OUTPUT": "/o", "GITHUB_STEP_SUMMARY": ""})
    environ = {"GITHUB_OUTPUT": "o", "GITHUB_STEP_SUMMARY": "s", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "2"}
    assert read_runner(environ) == RUNNER


def test_an_artifact_is_named_after_profile_run_attempt_and_suffix() -> None:
    environ = {"GATE_ACTION_PROFILE": "small-check", "GATE_ACTION_ARTIFACT_NAME_SUFFIX": "x86_64"}
    assert artifact_name(environ, RUNNER) == "publication-evidence-small-check-7-2-x86_64"
    assert artifact_name({"GATE_ACTION_PROFILE": "a"}, RUNNER) == "publication-evidence-a-7-2"


@given(st.text(), st.text())
def test_an_artifacts_name_needs_no_escape_anywhere(profile: str, suffix: str) -> None:
    name = artifact_name({"GATE_ACTION_PROFILE": profile, "GATE_ACTION_ARTIFACT_NAME_SUFFIX": suffix}, RUNNER)
    assert name.isascii()
    assert not set(name) & set('":<>|*?\r\n\\/ []()')
    assert len(name) <= 255
