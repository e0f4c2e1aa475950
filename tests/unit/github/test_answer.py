"""Mode require of the action: the run step's own answer becomes outputs; only an orderly pass lets through."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from pytest_httpserver import HTTPServer

from gate.cli.action import action_finish, action_run
from gate.cli.outcome import Outcome
from gate.cli.require import outcome_of
from gate.errors import ForeignTextError, ForgedError, GateError, InconclusiveError, RefusedError
from gate.github.conclusion import Conclusion, conclude_answer
from gate.github.outputs import annotations, output_values, step_summary
from gate.github.step_state import say_begun, say_ended, what_was_answered, what_was_told
from gate.judge.admission import blocked, not_needed, reason
from gate.model.basics import EXIT_CODES, VerdictWord
from gate.model.gating import Answer, Condition, ProbeRun, Reliance
from gate.render.answer import answer_text
from tests.helpers import github_world as gh
from tests.unit.github.test_outputs import read_back
from tests.unit.render.hostile import hostile_text
from tests.unit.render.runner_parser import commands, is_command

PASSED = not_needed("nothing that is guarded differs")
BLOCKED = blocked(
    (
        reason("require-no-run", "there is no run"),
        reason("require-quarantine-held", "it is held", "it is held in a few words"),
    )
)
BROKEN = Answer(
    word=VerdictWord.PASS,
    headline="BREAK GLASS until tomorrow. This is no pass.",
    reasons=(reason("require-break-glass", "BREAK GLASS until tomorrow"),),
    under_break_glass=True,
)


def told(work: Path, answer: Answer) -> Answer | None:
    say_ended(work, outcome_of(answer).data)
    return what_was_answered(work)


# ------------------------------------------------------------------------------------------------------ what is taken
def test_an_orderly_pass_is_taken(tmp_path: Path) -> None:
    ending = conclude_answer(told(tmp_path, PASSED), step="success")
    assert (ending.word, ending.exit_code, ending.outcome) == (VerdictWord.PASS, 0, "pass")
    assert ending.answer == PASSED


@pytest.mark.parametrize("step", ["failure", "cancelled", "skipped", "", "Success"])
@pytest.mark.parametrize("answer", [PASSED, BROKEN])
def test_a_pass_of_a_step_that_did_not_end_well_is_not_taken(answer: Answer, step: str, tmp_path: Path) -> None:
    ending = conclude_answer(told(tmp_path, answer), step=step)
    assert (ending.word, ending.exit_code, ending.outcome) == (VerdictWord.INCONCLUSIVE, 3, "fail")
    assert "its pass is not taken" in ending.headline


@pytest.mark.parametrize("step", ["success", "failure", "skipped", ""])
def test_what_was_not_answered_is_inconclusive(step: str, tmp_path: Path) -> None:
    ending = conclude_answer(what_was_answered(tmp_path), step=step)
    assert (ending.word, ending.exit_code) == (VerdictWord.INCONCLUSIVE, 3)
    assert ending.headline == f"nothing was answered (its step: {step or 'skipped'}): run the check again"


@pytest.mark.parametrize("word", [VerdictWord.REFUSED, VerdictWord.INCONCLUSIVE, VerdictWord.QUARANTINE])
def test_a_blocking_answer_keeps_its_word_and_code(word: VerdictWord, tmp_path: Path) -> None:
    answer = Answer(word=word, headline="no", reasons=BLOCKED.reasons)
    ending = conclude_answer(told(tmp_path, answer), step="success")
    assert (ending.word, ending.exit_code, ending.outcome) == (word, EXIT_CODES[word], "fail")


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (RefusedError("why"), VerdictWord.REFUSED),
        (ForgedError("why"), VerdictWord.REFUSED),
        (InconclusiveError("why"), VerdictWord.INCONCLUSIVE),
        (ForeignTextError("why"), VerdictWord.INCONCLUSIVE),
    ],
)
def test_an_error_is_told_in_its_own_sentence(error: GateError, word: VerdictWord, tmp_path: Path) -> None:
    say_ended(tmp_path, Outcome.of_error(error).data)
    assert what_was_answered(tmp_path) == Answer(word=word, headline="why")


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": None},
        {"headline": None},
        {"reasons": None},
        {"reasons": ["x"]},
        {"reasons": []},
        {"reasons": [{"code": "require-new", "title": "t", "detail": "x"}]},
        {"reasons": [{"code": "require-no-run", "title": "t", "detail": "x"}]},
        {"reasons": [{"code": 1, "detail": "x"}]},
        {"break_glass": "no"},
        {"error": "it broke"},
        {"error": ""},
        *(
            {"verdict": {"word": "pass", "exit_code": 0, "blocks": False, **wrong}}
            for wrong in (
                {"word": "fine"},
                {"word": "quarantine"},
                {"word": "quarantine", "exit_code": 4},
                {"exit_code": 3},
                {"exit_code": "0"},
                {"exit_code": False},
                {"blocks": True},
                {"blocks": 0},
            )
        ),
    ],
)
def test_a_pass_that_is_not_in_order_is_none(changes: dict[str, object], tmp_path: Path) -> None:
    assert told(tmp_path, PASSED) is not None
    say_ended(tmp_path, {**outcome_of(PASSED).data, **changes})
    assert what_was_answered(tmp_path) is None


@pytest.mark.parametrize("name", ["verdict", "headline", "reasons", "break_glass", "error"])
def test_a_pass_that_lacks_a_field_is_none(name: str, tmp_path: Path) -> None:
    say_ended(tmp_path, {key: value for key, value in outcome_of(PASSED).data.items() if key != name})
    assert what_was_answered(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"verdict": 1}', '{"verdict": {"word": ["pass"]}}'])
def test_an_account_that_can_not_be_read_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(text, encoding="utf-8")
    assert what_was_answered(tmp_path) is None


def test_a_pass_of_the_one_mode_is_none_of_the_other(tmp_path: Path) -> None:
    from gate.clock import SystemClock
    from gate.github.conclusion import conclude

    say_ended(
        tmp_path, {"verdict": {"word": "pass", "exit_code": 0, "blocks": False}, "evidence_digest": "ab", "error": None}
    )
    assert what_was_answered(tmp_path) is None
    assert told(tmp_path, PASSED) is not None
    request = what_was_told(tmp_path)
    for start in (False, True):
        if start:
            say_begun(tmp_path, tmp_path / "evidence")
        ending = conclude(tmp_path / "evidence", has_begun=start, state=request, step="success", clock=SystemClock())
        assert ending.word is VerdictWord.INCONCLUSIVE


# ------------------------------------------------------------------------------------------------ what the runner reads
def ending_of(answer: Answer) -> Conclusion:
    return Conclusion(word=answer.word, headline=answer.headline, answer=answer)


def test_a_blocking_answer_names_every_reason() -> None:
    ending = ending_of(BLOCKED)
    values = output_values(ending, "artifact")
    assert (values["verdict"], values["outcome"], values["exit-code"]) == ("quarantine", "fail", "4")
    assert values["artifact-name"] == ""
    assert values["summary"] == "Blocked: it is held in a few words. Nothing in this change is wrong."
    assert (values["codes"], values["cause"]) == ("require-quarantine-held require-no-run", "require-quarantine-held")
    lines = list(annotations(ending))
    assert [line.partition("::")[2].partition("::")[0] for line in lines] == [
        "error title=Trusted publication",
        "error title=require-quarantine-held",
        "error title=require-no-run",
    ]
    assert step_summary(ending).split("\n")[0] == "> [!CAUTION]"
    assert "- `require-quarantine-held`: it is held\n" in step_summary(ending)


def test_a_pass_is_one_notice() -> None:
    (line,) = annotations(ending_of(PASSED))
    assert line.startswith("::notice title=Trusted publication::Not needed: this change does not rely")
    assert step_summary(ending_of(PASSED)).startswith("> [!NOTE]\n")


def test_what_a_person_let_through_is_told_aloud_and_is_no_pass() -> None:
    ending = ending_of(BROKEN)
    values = output_values(ending, "artifact")
    assert (values["verdict"], values["outcome"], values["exit-code"]) == ("break-glass", "fail", "0")
    assert values["summary"] == BROKEN.headline
    assert next(iter(annotations(ending))).startswith("::error title=Trusted publication::BREAK GLASS")
    assert step_summary(ending).startswith("> [!CAUTION]\n> **BREAK GLASS")


@settings(max_examples=60, deadline=None)
@given(hostile_text)
def test_hostile_text_stays_text(text: str) -> None:
    row = reason("require-other-run", text, text)
    answer = Answer(
        word=VerdictWord.REFUSED,
        headline=text,
        reasons=(row,) * 30,
        commands=(text,),
        reliance=Reliance(path=text, line=1, detail=text),
        conditions=(Condition(name=text, met=True, progress=text, detail=text, rests_on=()),),
        owners=(text,),
        newest_run=ProbeRun(label=text, state=text, url=""),
    )
    ending = ending_of(answer)
    assert list(commands(answer_text(answer))) == []
    values = output_values(ending, "artifact")
    assert "\n" not in values["summary"]
    assert list(commands("\n".join((values["summary"], step_summary(ending))))) == []
    lines = list(annotations(ending))
    assert len(lines) == 11
    assert lines.pop(1).startswith("::notice file=")
    assert all(re.fullmatch(r"::error title=[^:,\r\n]*::[^\r\n]*", line) for line in lines)
    assert not any(is_command(line.split("::", 2)[2]) for line in lines)


# ------------------------------------------------------------------------------------------------ both steps, for real
@pytest.fixture
def steps(httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """Both steps of the action as the runner starts them, against a GitHub on loopback; gives the outputs."""
    world = gh.World(url=httpserver.url_for("").rstrip("/"))
    httpserver.expect_request(re.compile(".*")).respond_with_handler(world.answer)
    head = gh.commit_id("head")
    world.trees = {gh.HEAD: {"README.md": b"a"}, head: {"README.md": b"b"}}
    world.files[(gh.HEAD, "gate.toml")] = gh.GATE_TOML.encode()
    (tmp_path / "event.json").write_bytes(gh.pull_request())
    (tmp_path / "work").mkdir()
    given_ = {
        "GITHUB_OUTPUT": str(tmp_path / "outputs"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_REPOSITORY": gh.REPOSITORY,
        "GITHUB_API_URL": world.url,
        "GITHUB_TOKEN": gh.TOKEN,
        "GATE_ACTION_MODE": "require",
        "GATE_ACTION_PUSH_FOLLOWS": "false",
        "GATE_ACTION_CONFIG": "",
        "GATE_ACTION_WORK": str(tmp_path / "work"),
        "GATE_ACTION_EVIDENCE": str(tmp_path / "work" / "evidence"),
        "GATE_ACTION_PROFILE": "synthetic",
    }

    def run(step: str = "success", **environ: str) -> dict[str, str]:
        for name in ("GATE_GITHUB_TOKEN", "GH_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {**given_, **environ}.items():
            monkeypatch.setenv(name, value)
        assert action_run() == 0
        monkeypatch.delenv("GITHUB_TOKEN")
        monkeypatch.setenv("GATE_ACTION_STEP", step)
        assert action_finish(tmp_path / "work" / "evidence") == 0
        assert not (tmp_path / "work" / "evidence").exists()
        everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert gh.TOKEN.encode() not in everything
        return read_back((tmp_path / "outputs").read_bytes())

    return run


def ended(values: dict[str, str]) -> tuple[str, str, str]:
    for name in ("evidence-path", "evidence-digest", "artifact-name"):
        assert values[name] == ""
    assert values["failed-paths"] == "[]"
    return values["verdict"], values["outcome"], values["exit-code"]


def test_a_change_that_relies_on_nothing_passes(steps: Callable[..., dict[str, str]]) -> None:
    values = steps()
    assert ended(values) == ("pass", "pass", "0"), values["summary"]


def test_the_same_pass_of_a_step_that_was_cancelled_blocks(steps: Callable[..., dict[str, str]]) -> None:
    assert ended(steps("cancelled")) == ("inconclusive", "fail", "3")


def test_each_secret_is_masked_once_before_its_use_and_printed_nowhere_else(
    steps: Callable[..., dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A secret out of a file, or out of another step's output, is none that the runner masks by itself."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "push").write_text("from-a-file\n")
    given_ = {"GATE_PUSH_TOKEN_FILE": str(tmp_path / "secrets" / "push"), "GATE_READ_TOKEN": "of-another-step"}
    steps(GITHUB_ACTIONS="true", **given_)
    output = capsys.readouterr()
    first = output.out.split("\n")[:3]
    assert sorted(first) == ["::add-mask::from-a-file", f"::add-mask::{gh.TOKEN}", "::add-mask::of-another-step"]
    rest = output.out.split("\n", 3)[3] + output.err
    assert not [secret for secret in ("from-a-file", gh.TOKEN, "of-another-step") if secret in rest]


def test_the_progress_is_folded_in_a_runners_log_alone(
    steps: Callable[..., dict[str, str]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps(GITHUB_ACTIONS="true")
    assert capsys.readouterr().err == "::group::Progress\n::endgroup::\n"
    steps(GITHUB_ACTIONS="true", GITHUB_EVENT_PATH="")
    err = capsys.readouterr().err
    assert err.startswith("::group::Progress\n::endgroup::\npublication-gate: GITHUB_EVENT_PATH is not set")
    monkeypatch.delenv("GITHUB_ACTIONS")
    steps()
    assert "::group::" not in capsys.readouterr().err


def test_nothing_is_masked_where_no_runner_reads(
    steps: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    steps()
    assert "add-mask" not in capsys.readouterr().out


def test_a_push_that_follows_needs_evidence(steps: Callable[..., dict[str, str]]) -> None:
    values = steps(GATE_ACTION_PUSH_FOLLOWS="true")
    assert ended(values) == ("inconclusive", "fail", "3")
    assert values["summary"] == "Blocked: there is no probe that counts"
    assert (values["codes"], values["cause"], values["run-url"]) == ("require-no-run", "require-no-run", "")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"GATE_ACTION_PUSH_FOLLOWS": "yes"}, "REFUSED: push-follows is 'yes'"),
        ({"GITHUB_TOKEN": ""}, "REFUSED: GITHUB_TOKEN is not set"),
        ({"GITHUB_EVENT_PATH": ""}, "REFUSED: GITHUB_EVENT_PATH is not set"),
    ],
)
def test_wrong_inputs_are_refused(changes: dict[str, str], words: str, steps: Callable[..., dict[str, str]]) -> None:
    values = steps(**changes)
    assert ended(values) == ("refused", "fail", "2")
    assert values["summary"].startswith(words)


def test_a_mode_that_is_none_is_refused(steps: Callable[..., dict[str, str]]) -> None:
    values = steps(GATE_ACTION_MODE="Require")
    assert ended(values) == ("refused", "fail", "2")
    expected = "expected probe or require, or capture, publish or judge of a split run"
    assert values["summary"] == f"REFUSED: mode is 'Require': {expected}"
