"""The fold of the findings: any fail → quarantine; else any inconclusive or unproved claim → inconclusive; else pass.

Adding a finding never improves a verdict. No run that has evidence is ``refused``: a server was asked already.
"""

from collections.abc import Sequence
from typing import Final

from gate.judge.checks import CHECKS
from gate.judge.checks.run import CAPTURED
from gate.judge.quarantine import is_of_publication
from gate.judge.registry import by_cause
from gate.judge.required import missing_claims, unproved_claims
from gate.model.basics import EXIT_CODES, BucketState, Status, Truth, Word
from gate.model.document import Facts, Finding, Verdict

_NAMED: Final = 4  # findings that a capture's first line names
_HEADLINES = {
    Word.PASS: "{cache} served every published byte in this run of {profile}; this alone lifts no quarantine.",
    Word.QUARANTINE: "No trusted build may write to {cache}: don't push again, look before anyone restarts the store.",
    Word.INCONCLUSIVE: "Do not take this run for a pass: what {profile} had to prove of {cache} could not be told.",
}


def judge(facts: Facts) -> tuple[tuple[Finding, ...], Verdict]:
    """All findings, in a stable order, and the verdict that they fold to."""
    findings = [row for check in CHECKS for row in check(facts)]
    findings.extend(missing_claims(facts, findings))
    if facts.capture:
        findings = [row for row in findings if not is_of_publication(row)]
    return tuple(findings), fold_verdict(facts, findings)


def fold_verdict(facts: Facts, findings: Sequence[Finding]) -> Verdict:
    """The verdict by precedence."""
    word = _word(facts, findings)
    deciding = {Word.QUARANTINE: Status.FAIL, Word.INCONCLUSIVE: Status.INCONCLUSIVE}.get(word)
    codes = {row.code for row in findings if row.status is deciding}
    headline = _HEADLINES[word].format(cache=facts.policy.attic_cache, profile=facts.policy.profile)
    if facts.capture:
        headline = _captured(facts, findings, headline if word is Word.QUARANTINE else "")
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
    nothing = not facts.push.paths or not facts.policy.buckets  # a run that had nothing to prove proved nothing
    unproved = Status.INCONCLUSIVE in statuses or nothing or unproved_claims(facts, findings)
    return Word.INCONCLUSIVE if unproved else Word.PASS


def _captured(facts: Facts, findings: Sequence[Finding], what_to_do: str) -> str:
    """A capture's own first line: what was looked at, and whether anything of it was wrong."""
    states = [bucket.state for bucket in facts.post.buckets.values()]
    whole = sum(state is BucketState.INDEXED for state in states)
    seen = [f"all {whole} buckets indexed" if whole == len(states) else f"{whole} of {len(states)} buckets indexed"]
    if facts.post.state is not None:
        seen.append({Truth.PRESENT: "state there", Truth.ABSENT: "state absent"}.get(facts.post.state.truth, "state ?"))
    disks = [disk.space for disk in facts.incident.disks if disk.space is not None] if facts.incident else []
    shares = [100 * space.used // space.total for space in disks if space.total > 0]
    if shares:
        seen.append(f"disk {max(shares)} %")
    wrong = dict.fromkeys(
        f"{row.code} ({row.subject})"
        for row in sorted(findings, key=lambda row: row.status is not Status.FAIL)
        if row.status in (Status.FAIL, Status.INCONCLUSIVE) and row.code != CAPTURED
    )
    more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
    said = f"{', '.join(list(wrong)[:_NAMED])}{more}" if wrong else "nothing wrong was seen"
    return " ".join(part for part in (f"CAPTURED: {', '.join(seen)}: {said}.", what_to_do) if part)
