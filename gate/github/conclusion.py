"""The action's conclusion: the sealed verdict, lowered if a step did not succeed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gate import limits
from gate.clock import Clock
from gate.errors import GateError, RefusedError
from gate.github.step_state import StepState
from gate.judge.body_class import body_status
from gate.model.basics import EXIT_CODES, Claim, Status, VerdictWord
from gate.model.document import Evidence
from gate.model.gating import Answer
from gate.seal import finalize, verify

SUCCESS: Final = "success"  # steps.<id>.outcome of a step that ended with 0


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """The action's end. ``evidence`` and ``digest`` are of a folder that was sealed and verified, else None.

    ``headline`` may hold foreign text; ``note`` says why the word is not the evidence's own. ``answer`` is that of mode
    require; one under break glass lets a change through and is no pass.
    """

    word: VerdictWord
    headline: str
    evidence: Evidence | None = None
    digest: str | None = None
    folder: Path | None = None
    note: str = ""
    answer: Answer | None = None

    @property
    def under_break_glass(self) -> bool:
        """Whether a person let the change through."""
        return self.answer is not None and self.answer.under_break_glass

    @property
    def codes(self) -> tuple[str, ...]:
        """The reason codes, the one that decides first."""
        if self.answer is not None:
            return tuple(dict.fromkeys(row.code for row in self.answer.reasons))
        return self.evidence.verdict.codes if self.evidence is not None else ()

    @property
    def exit_code(self) -> int:
        """What the action's last step ends with."""
        return EXIT_CODES[self.word]

    @property
    def outcome(self) -> str:
        """``pass`` for a pass, ``fail`` for all else, and for what a person let through."""
        return "pass" if self.word is VerdictWord.PASS and not self.under_break_glass else "fail"

    @property
    def refused_before_evidence(self) -> bool:
        """Whether a probe was refused before it had a folder: nothing was built or published, nothing was seen."""
        return self.word is VerdictWord.REFUSED and self.folder is None

    @property
    def failed_paths(self) -> tuple[str, ...]:
        """Store paths whose push failed, or whose body is wrong; sorted."""
        if self.evidence is None:
            return ()
        pushed = {path.store_path for path in self.evidence.push.paths if path.claim is Claim.FAILED}
        wrong = {body.store_path for body in self.evidence.bodies if body_status(body) is Status.FAIL}
        return tuple(sorted(pushed | wrong))


def conclude(folder: Path, *, has_begun: bool, state: StepState | None, step: str, clock: Clock) -> Conclusion:
    """The end of a run whose probe step ended as ``step`` (success, failure, cancelled, skipped or nothing).

    Seals what a dead run left. A pass counts only when the step succeeded and reported the very same evidence.
    """
    if state is not None and state.digest is None and not (has_begun and folder.is_dir()):
        word = VerdictWord.REFUSED if state.word is VerdictWord.REFUSED else VerdictWord.INCONCLUSIVE
        return Conclusion(word=word, headline=state.error or "the run left no evidence")
    if not has_begun:
        return Conclusion(
            word=VerdictWord.INCONCLUSIVE,
            headline=f"the probe did not run (its step: {step or 'skipped'}); nothing was built or published",
        )
    try:
        if state is None or state.digest is None:
            _patiently(lambda: finalize(folder), clock)
        evidence, digest = verify(folder)
    except GateError as error:
        # What can't be verified may still be worth keeping: the folder is given, the verdict blocks.
        return Conclusion(
            word=VerdictWord.INCONCLUSIVE,
            headline=f"the run's evidence can't be used: {error}",
            folder=folder if folder.is_dir() else None,
        )
    return _fold(
        Conclusion(
            word=evidence.verdict.word,
            headline=evidence.verdict.headline,
            evidence=evidence,
            digest=digest,
            folder=folder,
        ),
        state,
        step,
    )


def conclude_answer(answer: Answer | None, *, step: str) -> Conclusion:
    """The end of mode require, whose run step ended as ``step``: there is no evidence, so its answer is all there is.

    A pass counts only when the step succeeded and reported it in the expected form.
    """
    if answer is None:
        return Conclusion(
            word=VerdictWord.INCONCLUSIVE,
            headline=f"nothing was answered (its step: {step or 'skipped'}): run the check again",
        )
    if answer.word is VerdictWord.PASS and step != SUCCESS:
        return Conclusion(
            word=VerdictWord.INCONCLUSIVE,
            headline=f"the answer's step ended as {step or 'nothing'}, so its pass is not taken: run the check again",
        )
    return Conclusion(word=answer.word, headline=answer.headline, answer=answer)


def _fold(sealed: Conclusion, state: StepState | None, step: str) -> Conclusion:
    if sealed.word is not VerdictWord.PASS or (state is not None and state.digest == sealed.digest and step == SUCCESS):
        return sealed
    why = f"the probe's step ended as {step or 'nothing'}" if step != SUCCESS else "the run reported other evidence"
    return Conclusion(
        word=VerdictWord.INCONCLUSIVE,
        headline=f"{why}, so the pass that was sealed is not taken: run the probe again",
        evidence=sealed.evidence,
        digest=sealed.digest,
        folder=sealed.folder,
        note=why,
    )


def _patiently(act: Callable[[], object], clock: Clock) -> None:
    """Do it; while it is refused, as by a run that still writes, again, until `limits.WRITER_SECONDS` have passed."""
    ends = clock.monotonic() + limits.WRITER_SECONDS
    while True:
        try:
            act()
        except RefusedError:
            if clock.monotonic() >= ends:
                raise
            clock.sleep(limits.POLL_SECONDS)
        else:
            return
