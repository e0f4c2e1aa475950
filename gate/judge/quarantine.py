"""How a run counts in the standing quarantine, which is computed over a history and never stored."""

from gate.model.basics import Kind, Word
from gate.model.document import Facts, QuarantineEffect, Verdict


def effect(facts: Facts, verdict: Verdict) -> QuarantineEffect:
    """The run's effect: ``holds``, ``counts-against``, ``counts-toward-release``, ``neutral`` or ``none``."""
    if facts.policy.kind is Kind.LAB:
        return QuarantineEffect(effect="none", why="lab evidence never counts")
    if verdict.word is Word.QUARANTINE:
        return QuarantineEffect(effect="holds", why=f"the failure class was seen: {', '.join(verdict.codes)}")
    if verdict.word is Word.REFUSED:
        return QuarantineEffect(effect="neutral", why="the run was refused before any publication")
    if verdict.word is Word.INCONCLUSIVE:
        return QuarantineEffect(effect="counts-against", why=f"it could not be told: {', '.join(verdict.codes)}")
    if not facts.policy.representative:
        return QuarantineEffect(effect="neutral", why="a passing synthetic run never lifts a quarantine")
    return QuarantineEffect(effect="counts-toward-release", why="a representative pass on this server epoch")
