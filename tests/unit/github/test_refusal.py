"""The result of a run that was refused before it had a folder: written, read back, and nothing else taken for it."""

import io
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate import limits
from gate.cli.action import action_finish, action_run
from gate.cli.main import main
from gate.cli.outcome import RESULT_SCHEMA, Outcome
from gate.errors import ForgedError, RefusedError
from gate.github.step_state import SCHEMA, is_refusal, say_begun, say_ended, write_refusal
from gate.seal import seal, verify
from tests.helpers import runs
from tests.unit.github.test_outputs import read_back
from tests.unit.render.runner_parser import commands
from tests.unit.test_seal import folder


def packed(data: bytes, name: str = "result.json", more: bytes | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, value in {name: data, **({"journal.jsonl": more} if more is not None else {})}.items():
            archive.writestr(key, value)
    return out.getvalue()


def changed(path: Path, **changes: Any) -> bytes:
    """The written result with a field changed, of its verdict where the field is one of that."""
    whole = json.loads(path.read_bytes())
    for name, value in changes.items():
        part = whole["verdict"] if name in whole["verdict"] else whole
        part[name] = value
    return packed(json.dumps(whole).encode())


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = write_refusal(tmp_path, "attic is not on PATH")
    assert path.name == "result.json"
    assert [each.name for each in path.parent.iterdir()] == ["result.json"]
    assert is_refusal(packed(path.read_bytes()))
    assert json.loads(path.read_bytes())["error"] == "attic is not on PATH"


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(codec=None)))
def test_whatever_the_sentence_holds_it_is_read_back(tmp_path_factory: pytest.TempPathFactory, told: str) -> None:
    path = write_refusal(tmp_path_factory.mktemp("work"), told)
    assert is_refusal(packed(path.read_bytes()))
    assert path.stat().st_size < limits.RESULT_BYTES


@pytest.mark.parametrize(
    "changes",
    [
        {"word": "pass"},
        {"word": "inconclusive"},
        {"outcome": "pass"},
        {"exit_code": 0},
        {"exit_code": 3},
        {"blocks": False},
        {"evidence": "evidence"},
        {"schema": "publication-gate/result/v2"},
    ],
)
def test_a_result_alone_that_is_not_refused_in_every_field_is_forged(changes: dict[str, Any], tmp_path: Path) -> None:
    path = write_refusal(tmp_path, "no")
    assert is_refusal(changed(path))
    with pytest.raises(ForgedError, match="alone is taken only from a refused run"):
        is_refusal(changed(path, **changes))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"verdict": []}', b'{"error": 1, "verdict": {}}', b"\xff"])
def test_a_result_alone_of_another_form_is_forged(data: bytes) -> None:
    with pytest.raises(ForgedError, match="alone is no result of ours"):
        is_refusal(packed(data))


def test_another_bundle_is_none(tmp_path: Path) -> None:
    data = write_refusal(tmp_path, "no").read_bytes()
    assert not is_refusal(packed(data, "evidence.json"))
    assert not is_refusal(packed(data, more=b""))
    assert not is_refusal(packed(data)[:-1])
    assert not is_refusal(bytes(limits.RESULT_BYTES + 1))


def test_the_form_is_that_of_every_commands_result(tmp_path: Path) -> None:
    result = json.loads(write_refusal(tmp_path, "no").read_bytes())
    assert SCHEMA == RESULT_SCHEMA
    assert result == dict(Outcome.of_error(RefusedError("no")).data)


def test_a_place_that_is_taken_or_can_not_be_written_is_refused(tmp_path: Path) -> None:
    write_refusal(tmp_path, "no")
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "file"):
        with pytest.raises(RefusedError):
            write_refusal(place, "no")


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The finishing step of a probe, whose files are in this folder."""
    (tmp_path / "job").mkdir()
    inputs = {"WORK": tmp_path / "job", "MODE": "probe", "PROFILE": "synthetic", "STEP": "success"}
    for name, value in inputs.items():
        monkeypatch.setenv(f"GATE_ACTION_{name}", str(value))
    for name, value in {"OUTPUT": tmp_path / "output", "STEP_SUMMARY": tmp_path / "summary"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", str(value))
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "2")
    return tmp_path


def finished(step: Path) -> dict[str, str]:
    assert action_finish(step / "evidence") == 0
    return read_back((step / "output").read_bytes())


def test_the_finishing_step_gives_a_refused_runs_result_to_upload(step: Path) -> None:
    say_ended(step / "job", Outcome.of_error(RefusedError("the confirm phrase is another")).data)
    answer = finished(step)
    assert (answer["verdict"], answer["exit-code"], answer["evidence-path"]) == ("refused", "2", "")
    assert answer["artifact-name"] == "publication-evidence-synthetic-7-2"
    assert is_refusal(packed(Path(answer["upload-path"]).read_bytes()))
    assert re.fullmatch(r".*/job/refusal/result\.json", answer["upload-path"])


@pytest.mark.parametrize("begun", [True, False])
def test_it_gives_none_for_a_run_that_was_not_refused(step: Path, *, begun: bool) -> None:
    if begun:
        say_begun(step / "job", step / "evidence")
    answer = finished(step)
    assert (answer["verdict"], answer["artifact-name"], answer["upload-path"]) == ("inconclusive", "", "")


def test_it_gives_none_for_a_refused_question(step: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATE_ACTION_MODE", "require")
    say_ended(step / "job", Outcome.of_error(RefusedError("GITHUB_TOKEN is not set")).data)
    answer = finished(step)
    assert (answer["verdict"], answer["artifact-name"], answer["upload-path"]) == ("refused", "", "")


PHRASE = "probe-attic-publication-synthetic"
WRONG = [
    *("", " ", "\n", PHRASE + " ", " " + PHRASE, PHRASE + "\n", PHRASE + "\r", "\ufeff" + PHRASE, PHRASE + "\x00"),
    *(PHRASE.upper(), PHRASE.title(), PHRASE[:-1], PHRASE + "c", PHRASE * 2, PHRASE.replace("-", "_")),
    *(PHRASE.replace("-", "\u2010"), PHRASE.replace("a", "\u0430"), PHRASE.replace("i", "\u0131"), "\u200b" + PHRASE),
    *("probe-attic-publication-small-check", "probe-attic-publication-", "synthetic", "yes", "true", "*", ".*"),
    *(f'"{PHRASE}"', f"'{PHRASE}'", f"confirm={PHRASE}", f"{PHRASE};", "\uff50" + PHRASE[1:]),
]
ACTIVE = [
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned",
    "${{ secrets.X }}",
    "--flag",
    "&& touch pwned",
    "|touch pwned",
]


@pytest.fixture
def run(step: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run step of the same use, in a folder where nothing may appear."""
    inputs = {"EVIDENCE": step / "evidence", "UPLOAD_ARTIFACT": "true", "RETENTION_DAYS": "0", "CONFIRM": PHRASE}
    for name, value in inputs.items():
        monkeypatch.setenv(f"GATE_ACTION_{name}", str(value))
    (step / "here").mkdir()
    monkeypatch.chdir(step / "here")
    return step


@pytest.mark.parametrize(
    "phrase",
    [
        *(pytest.param(text, marks=pytest.mark.row("RUN-28")) for text in WRONG if "\x00" not in text),
        *(pytest.param(text, marks=pytest.mark.row("RUN-29")) for text in ACTIVE),
    ],
)
def test_any_other_phrase_is_refused_and_does_nothing(
    phrase: str, run: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATE_ACTION_CONFIRM", phrase)
    assert action_run() == 0
    answer = finished(run)
    assert (answer["verdict"], answer["exit-code"], answer["evidence-path"]) == ("refused", "2", "")
    assert "the confirm phrase for profile synthetic is" in answer["summary"]
    assert list((run / "here").iterdir()) == []
    assert not (run / "evidence").exists()
    output = capfd.readouterr()
    assert [line for line in commands(output.out + output.err) if "title=Trusted Publication Probe" not in line] == []


@pytest.mark.row("RUN-29")
@pytest.mark.parametrize("profile", ACTIVE)
def test_a_profile_that_is_none_is_refused_and_does_nothing(
    profile: str, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATE_ACTION_PROFILE", profile)
    assert action_run() == 0
    answer = finished(run)
    assert (answer["verdict"], answer["exit-code"]) == ("refused", "2")
    assert re.fullmatch(r"publication-evidence-[A-Za-z0-9._-]+-7-2", answer["artifact-name"])
    assert list((run / "here").iterdir()) == []


@pytest.mark.row("RUN-12")
@pytest.mark.parametrize("name", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "link"])
def test_a_file_of_the_runners_that_is_none_ends_the_step_and_leaves_the_evidence(
    name: str, kind: str, step: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step fails, so the action's last one ends with 3 (test_scripts); the evidence is sealed all the same."""
    say_begun(step / "job", step / "evidence")
    evidence = folder(step / "evidence", runs.healthy())
    sealed, digest = seal(evidence), verify(evidence)[1]
    say_ended(step / "job", Outcome.of_evidence(sealed, evidence).data)
    place = step / kind
    if kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "link":
        (step / "target").touch()
        place.symlink_to(step / "target")
    monkeypatch.setenv(name, "" if kind == "missing" else str(place))
    assert main(["action-finish", str(step / "evidence")]) == 2
    assert not (step / "output").exists() or name == "GITHUB_OUTPUT" or "verdict" not in (step / "output").read_text()
    assert verify(evidence)[1] == digest
