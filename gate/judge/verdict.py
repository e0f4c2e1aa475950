"""The fold of the findings: any fail → quarantine; else any inconclusive or unproved claim → inconclusive; else pass.

Adding a finding never improves a verdict. ``refused`` stands alone: it was given before any publication.
"""

from collections.abc import Sequence

from gate.judge.checks import CHECKS
from gate.judge.registry import by_cause
from gate.judge.required import missing_claims, unproved_claims
from gate.model.basics import EXIT_CODES, Status, Word
from gate.model.document import Facts, Finding, Verdict

_HEADLINES = {
    Word.PASS: "{cache} served every published byte in this run of {profile}; this alone lifts no quarantine.",
    Word.QUARANTINE: "No trusted build may write to {cache}: don't push again, look before anyone restarts the store.",
    Word.INCONCLUSIVE: "Do not take this run for a pass: what {profile} had to prove of {cache} could not be told.",
    Word.REFUSED: "Nothing was built or published to {cache}: the run was refused.",
}


def judge(facts: Facts) -> tuple[tuple[Finding, ...], Verdict]:
    """All findings, in a stable order, and the verdict that they fold to."""
    findings = [row for check in CHECKS for row in check(facts)]
    findings.extend(missing_claims(facts, findings))
    return tuple(findings), fold_verdict(facts, findings)


def fold_verdict(facts: Facts, findings: Sequence[Finding]) -> Verdict:
    """The verdict by precedence."""
    word = _word(facts, findings)
    deciding = {Word.QUARANTINE: Status.FAIL, Word.INCONCLUSIVE: Status.INCONCLUSIVE}.get(word)
    codes = {row.code for row in findings if row.status is deciding}
    if word is Word.REFUSED:
        codes = {"run-refused"}
    headline = _HEADLINES[word].format(cache=facts.policy.attic_cache, profile=facts.policy.profile)
    return Verdict(
        word=word,
        outcome="pass" if word is Word.PASS else "fail",
        exit_code=EXIT_CODES[word],
        blocks=word is not Word.PASS,
        codes=by_cause(codes),
        headline=headline,
    )


def _word(facts: Facts, findings: Sequence[Finding]) -> Word:
    statuses = {row.status for row in findings}
    if Status.FAIL in statuses:
        return Word.QUARANTINE
    if facts.journal.refused is not None and not facts.push.paths:
        return Word.REFUSED
    nothing = not facts.push.paths or not facts.policy.buckets  # a run that had nothing to prove proved nothing
    unproved = Status.INCONCLUSIVE in statuses or nothing or unproved_claims(facts, findings)
    return Word.INCONCLUSIVE if unproved else Word.PASS
