"""How a run counts in the standing quarantine, which is computed over a history and never stored.

This is the one place that decides it: the sealed evidence says so, and the standing decision counts by what it says.
"""

from collections.abc import Sequence
from typing import Final

from gate.judge.checks.controls import BIT_FLIP
from gate.judge.registry import BY_CODE, is_neutral
from gate.model.basics import BucketState, Kind, Phase, Status, Truth, Word
from gate.model.document import Facts, Finding, QuarantineEffect, Verdict
from gate.model.records import OWN_DEADLINE


def effect(facts: Facts, findings: Sequence[Finding], verdict: Verdict) -> QuarantineEffect:
    """The run's effect: ``holds``, ``counts-against``, ``counts-toward-release``, ``neutral`` or ``none``."""
    if facts.policy.kind is Kind.LAB:
        return QuarantineEffect(effect="none", why="lab evidence never counts")
    if verdict.word is Word.QUARANTINE:
        return QuarantineEffect(effect="holds", why=f"the failure class was seen: {', '.join(verdict.codes)}")
    if verdict.word is not Word.PASS:
        why = _neutral(facts, findings, verdict)
        if why is not None:
            return QuarantineEffect(effect="neutral", why=why)
        return QuarantineEffect(effect="counts-against", why=f"not proved: {', '.join(verdict.codes)}")
    if not facts.policy.representative:
        return QuarantineEffect(effect="neutral", why="a passing synthetic run never lifts a quarantine")
    return QuarantineEffect(effect="counts-toward-release", why="a representative pass on this server epoch")


def _neutral(facts: Facts, findings: Sequence[Finding], verdict: Verdict) -> str | None:
    """Why an inconclusive run counts neither for nor against a release; None when it counts against."""
    if facts.capture:
        return "a capture publishes nothing, and this one saw nothing that is a failure"
    if is_neutral(verdict.codes):
        return f"our own trouble or other people's work: {', '.join(verdict.codes)}"
    if _published(facts):
        return None
    doubts = [row for row in findings if row.status is Status.INCONCLUSIVE and not is_of_publication(row)]
    if is_neutral({row.code for row in doubts}):
        return f"nothing was published, for reasons of the run's own: {', '.join(verdict.codes)}"
    cancelled = facts.journal.cancelled
    if cancelled is None or cancelled.startswith(OWN_DEADLINE) or _doubtful(facts, doubts):
        return None
    return "the run was cancelled before it published anything, and had seen nothing wrong"


def is_of_publication(row: Finding) -> bool:
    """Whether a finding says no more than that nothing was published; one that saw a failure never does."""
    if row.status not in (Status.INCONCLUSIVE, Status.NOT_APPLICABLE):
        return False
    missing = row.code in ("control-missing", "run-claim-missing") and row.subject in (BIT_FLIP, "run: run")
    unwatched = row.phase == Phase.DURING.value and not row.evidence
    return missing or unwatched or row.code in _NOT_PUBLISHED


def _published(facts: Facts) -> bool:
    begun = [stage for stage in facts.stages if stage.state != "skipped" and stage.name.startswith("push:")]
    return bool(begun or facts.push.paths or [attempt for attempt in facts.push.attempts if attempt.started])


def _doubtful(facts: Facts, doubts: Sequence[Finding]) -> bool:
    """Whether what was looked at before the run was cancelled is in doubt; what was not looked at is not."""
    states = [bucket.state for bucket in facts.pre.buckets.values() if bucket.samples]
    unclear = facts.pre.state is not None and facts.pre.state.truth is not Truth.PRESENT
    looked = {row.code for row in doubts if row.evidence and not BY_CODE[row.code].neutral} - _OF_THE_END
    return unclear or bool(looked) or any(state is not BucketState.INDEXED for state in states)


# What a run lacks that published nothing.
_NOT_PUBLISHED: Final = frozenset(
    {
        *("build-not-run", "push-not-run", "push-not-representative", "body-not-published"),
        *("run-publish-skipped", "reader-unasked", "tool-settings-unknown"),
    }
)
# What a run lacks besides that was cancelled before it published: its second look at everything.
_OF_THE_END: Final = frozenset(
    {
        *("run-cancelled", "run-incomplete", "capture-missing"),
        *("bucket-unobservable", "state-unobservable", "epoch-unobservable", "log-unobservable"),
    }
)
