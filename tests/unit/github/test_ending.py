"""With what the action ends: never better than the sealed evidence, the probe's own word, and how its step ended."""

from dataclasses import replace
from pathlib import Path

import pytest

from gate.clock import SystemClock
from gate.errors import InconclusiveError, RefusedError
from gate.github.conclusion import Conclusion, conclude
from gate.github.step_state import StepState, say_begun, say_ended, was_begun, what_was_told
from gate.journal import Journal
from gate.judge.body_class import body_status
from gate.model.basics import Status, VerdictWord
from gate.seal import seal
from tests.helpers import runs
from tests.unit.render import samples
from tests.unit.test_seal import folder


class Quick(SystemClock):
    """A clock on which the wait for a writer is over at the second look."""

    def __init__(self) -> None:
        self.waited = 0.0

    def monotonic(self) -> float:
        return self.waited

    def sleep(self, seconds: float) -> None:
        self.waited += 60


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    at = folder(tmp_path / "run", runs.healthy())
    seal(at)
    return at


def told_of(at: Path, **other: object) -> StepState:
    from gate.seal import verify

    evidence, digest = verify(at)
    answer = StepState(word=evidence.verdict.word, digest=digest, error="")
    return replace(answer, **other)  # type: ignore[arg-type]  # fields of the class


def end(at: Path, told: StepState | None, *, begun: bool = True, step: str = "success") -> Conclusion:
    return conclude(at, has_begun=begun, state=told, step=step, clock=Quick())


def test_a_pass_is_taken_when_all_say_it(sealed: Path) -> None:
    ending = end(sealed, told_of(sealed))
    assert (ending.word, ending.exit_code, ending.outcome, ending.note) == (VerdictWord.PASS, 0, "pass", "")
    assert ending.digest == told_of(sealed).digest
    assert ending.folder == sealed


@pytest.mark.parametrize("step", ["failure", "cancelled", "skipped", ""])
def test_a_pass_is_not_taken_from_a_step_that_did_not_end_well(step: str, sealed: Path) -> None:
    ending = end(sealed, told_of(sealed), step=step)
    assert (ending.word, ending.exit_code, ending.outcome) == (VerdictWord.INCONCLUSIVE, 3, "fail")
    assert ending.note.startswith("the probe's step ended as ")
    assert ending.folder == sealed


def test_a_pass_is_not_taken_when_the_run_told_of_other_evidence(sealed: Path) -> None:
    ending = end(sealed, told_of(sealed, digest="0" * 64))
    assert (ending.word, ending.note) == (VerdictWord.INCONCLUSIVE, "the run reported other evidence")


@pytest.mark.parametrize("told", [None, StepState(word=VerdictWord.INCONCLUSIVE, digest=None, error="no space left")])
def test_a_pass_is_not_taken_when_the_run_did_not_tell_of_it(told: StepState | None, sealed: Path) -> None:
    assert end(sealed, told).word is VerdictWord.INCONCLUSIVE


def test_a_dead_run_is_sealed(tmp_path: Path) -> None:
    run = runs.healthy()
    at = folder(tmp_path / "run", replace(run, records=run.records[:-1]))
    ending = end(at, None, step="failure")
    assert ending.word is VerdictWord.INCONCLUSIVE
    assert ending.evidence is not None
    assert "run-incomplete" in ending.evidence.verdict.codes
    assert (at / "evidence.json").exists()


def test_a_refusal_is_told_and_nothing_is_looked_at(tmp_path: Path) -> None:
    answer = StepState(word=VerdictWord.REFUSED, digest=None, error="the confirm phrase is x")
    ending = end(tmp_path / "none", answer)
    assert (ending.word, ending.exit_code, ending.headline) == (VerdictWord.REFUSED, 2, "the confirm phrase is x")
    assert (ending.folder, ending.digest, ending.failed_paths) == (None, None, ())


def test_a_folder_that_was_there_before_is_not_the_runs_own(sealed: Path) -> None:
    for answer in (
        None,
        StepState(word=VerdictWord.REFUSED, digest=None, error="exists"),
        StepState(word=VerdictWord.PASS, digest=None, error=""),
    ):
        ending = end(sealed, answer, begun=False)
        assert ending.word in (VerdictWord.REFUSED, VerdictWord.INCONCLUSIVE)
        assert ending.folder is None


def test_a_probe_that_did_not_run_is_inconclusive(tmp_path: Path) -> None:
    ending = end(tmp_path, None, begun=False, step="skipped")
    assert ending.headline == "the probe did not run (its step: skipped); nothing was built or published"
    assert ending.word is VerdictWord.INCONCLUSIVE


def test_a_run_that_died_before_its_folder_is_inconclusive(tmp_path: Path) -> None:
    ending = end(tmp_path / "none", None, step="failure")
    assert (ending.word, ending.folder) == (VerdictWord.INCONCLUSIVE, None)


@pytest.mark.row("RUN-11")
def test_a_run_that_still_writes_is_waited_for_and_then_left_alone(tmp_path: Path) -> None:
    at = tmp_path / "run"
    at.mkdir()
    journal = Journal(at, SystemClock())
    clock = Quick()
    ending = conclude(at, has_begun=True, state=None, step="cancelled", clock=clock)
    journal.close()
    assert clock.waited == 60
    assert (ending.word, ending.folder) == (VerdictWord.INCONCLUSIVE, at)
    assert "a run still writes" in ending.headline
    assert not (at / "evidence.json").exists()


def test_altered_evidence_is_kept_and_blocks(sealed: Path) -> None:
    answer = told_of(sealed)
    (sealed / "summary.md").write_text("PASS", encoding="utf-8")
    ending = end(sealed, answer)
    assert (ending.word, ending.folder, ending.evidence) == (VerdictWord.INCONCLUSIVE, sealed, None)
    assert "is not genuine" in ending.headline


def test_failed_paths_are_those_whose_push_failed_or_whose_body_is_wrong() -> None:
    evidence = samples.quarantined()
    ending = Conclusion(word=VerdictWord.QUARANTINE, headline="", evidence=evidence)
    failed = {path.store_path for path in evidence.push.paths if path.claim.value == "failed"}
    wrong = {body.store_path for body in evidence.bodies if body_status(body) is Status.FAIL}
    assert failed
    assert wrong
    assert ending.failed_paths == tuple(sorted(failed | wrong))


def test_what_was_told_comes_back(tmp_path: Path) -> None:
    assert what_was_told(tmp_path) is None
    assert not was_begun(tmp_path)
    say_begun(tmp_path, tmp_path / "evidence")
    assert was_begun(tmp_path)
    say_ended(tmp_path, {"verdict": {"word": "pass"}, "evidence_digest": "ab", "error": None})
    assert what_was_told(tmp_path) == StepState(word=VerdictWord.PASS, digest="ab", error="")
    say_ended(tmp_path, {"verdict": {"word": "refused"}, "error": "why"})
    assert what_was_told(tmp_path) == StepState(word=VerdictWord.REFUSED, digest=None, error="why")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"verdict": 1}', '{"verdict": {"word": "fine"}}', '{"verdict": {"word": ["pass"]}}'],
)
def test_an_account_that_can_not_be_read_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(text, encoding="utf-8")
    assert what_was_told(tmp_path) is None


def test_a_taken_name_is_refused_and_nothing_is_begun(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for taking in (tmp_path, tmp_path / "link"):
        with pytest.raises(RefusedError, match="exists and is left untouched"):
            say_begun(tmp_path, taking)
    assert not was_begun(tmp_path)


def test_a_place_that_can_not_be_written_is_inconclusive(tmp_path: Path) -> None:
    with pytest.raises(InconclusiveError, match="can't be written"):
        say_ended(tmp_path / "nowhere", {})
