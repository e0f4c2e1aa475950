"""The fold of the findings into a verdict, the claims that a pass needs, and how the run counts for the quarantine."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from gate.judge.cause import actions, by_cause, headline, is_of_publication, prohibitions, with_causes
from gate.judge.checks import CHECKS
from gate.judge.checks.bodies import BUILDERS
from gate.judge.checks.build import key_subject
from gate.judge.checks.epochs import ROLES
from gate.judge.checks.origin import origin_subjects
from gate.judge.checks.push import REPRESENTATIVE, labels_due
from gate.judge.checks.run import CAPTURED, CONTROLS, NIX, TOOLS
from gate.judge.checks.split import PLAN
from gate.judge.checks.store import CANARY, IDENTITY, canary_is_due
from gate.judge.checks.store import SUBJECT as STORE_LOG
from gate.judge.codes.registry import BY_CODE, is_neutral
from gate.judge.finding import RUN, finding
from gate.model.basics import EXIT_CODES, BucketState, Kind, Phase, Status, Truth, VerdictWord
from gate.model.document import Facts, Finding, QuarantineEffect, Verdict
from gate.model.operators import Decision
from gate.model.records import OWN_DEADLINE
from gate.model.split import PARTS

_ORDER = (Status.FAIL, Status.INCONCLUSIVE, Status.NOT_APPLICABLE, Status.PASS)


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of some statuses; of none it is inconclusive, for silence is no health."""
    return min(statuses, key=_ORDER.index, default=Status.INCONCLUSIVE)


def decide(status: Status, headline: str) -> Decision:
    """The decision that a status comes to; only a pass does not block."""
    word = {Status.FAIL: VerdictWord.QUARANTINE, Status.PASS: VerdictWord.PASS}.get(status, VerdictWord.INCONCLUSIVE)
    return Decision(
        word=word,
        outcome="pass" if word is VerdictWord.PASS else "fail",
        exit_code=EXIT_CODES[word],
        blocks=word is not VerdictWord.PASS,
        headline=headline,
    )


Claim = tuple[str, str, str]  # family of the code, subject, phase


def required_claims(facts: Facts) -> tuple[Claim, ...]:
    """Every (family, subject, phase) of which a pass (or a granted absence) must be positively there."""
    policy = facts.policy
    claims: list[Claim] = [("run", RUN, RUN), ("build", "build", RUN), ("log", "server-log", RUN)]
    claims += [("log", STORE_LOG, RUN)] if policy.store_log else []
    claims += [("bucket", name, phase.value) for name in policy.buckets for phase in Phase]
    claims += [("state", f"{policy.state_bucket}/{policy.state_key}", Phase.POST.value)]
    claims += [("epoch", role, Phase.POST.value) for role in ROLES]
    claims += [("store", IDENTITY, RUN)] if facts.store is not None and facts.store.samples else []
    claims += [("store", CANARY, RUN)] if canary_is_due(facts) else []
    claims += [("origin", subject, RUN) for subject in origin_subjects(facts)]
    claims += [("cache", name, RUN) for name in policy.caches]
    claims += [("cache", key_subject(policy.attic_cache), RUN)]
    claims += [("tool", TOOLS, RUN), ("tool", NIX, RUN), ("reader", BUILDERS, RUN)]
    claims += [("control", name, RUN) for name in CONTROLS]
    claims += [("push", label.value, RUN) for label in labels_due(facts)]
    claims += [("push", REPRESENTATIVE, RUN)]
    claims += [("push", path.store_path, RUN) for path in facts.push.paths]
    claims += [("closure", attempt.label.value, RUN) for attempt in facts.push.attempts if attempt.started]
    claims += [("body", body.store_path, RUN) for body in facts.bodies]
    claims += [("capture", capture.name, RUN) for capture in facts.journal.captures]
    if facts.parts:
        claims += [("part", name, RUN) for name in (*PARTS, PLAN)]
    return tuple(claims)


def missing_claims(facts: Facts, findings: Sequence[Finding]) -> Iterator[Finding]:
    """A row for each required claim on which no check gave any row; a row that says no needs no second one."""
    answered = {(BY_CODE[row.code].family, row.subject, row.phase) for row in findings}
    for claim in required_claims(facts):
        if claim not in answered:
            family, subject, phase = claim
            yield finding("run-claim-missing", f"{family}: {subject}", f"no row for {family} of {subject} ({phase})")


def unproved_claims(facts: Facts, findings: Sequence[Finding]) -> tuple[Claim, ...]:
    """The required claims without a pass or a granted absence: empty for a pass."""
    good = (Status.PASS, Status.NOT_APPLICABLE)
    proved = {(BY_CODE[row.code].family, row.subject, row.phase) for row in findings if row.status in good}
    return tuple(claim for claim in required_claims(facts) if claim not in proved)


def effect(facts: Facts, findings: Sequence[Finding], verdict: Verdict) -> QuarantineEffect:
    """The run's effect: ``holds``, ``counts-against``, ``counts-toward-release``, ``neutral`` or ``none``."""
    if facts.policy.kind is Kind.LAB:
        return QuarantineEffect(effect="none", why="lab evidence never counts")
    if verdict.word is VerdictWord.QUARANTINE:
        return QuarantineEffect(effect="holds", why=f"the failure class was seen: {', '.join(verdict.codes)}")
    if verdict.word is not VerdictWord.PASS:
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


def _published(facts: Facts) -> bool:
    pushes = [stage for stage in facts.stages if stage.state != "skipped" and stage.name.startswith("push:")]
    return bool(pushes or facts.push.paths or [attempt for attempt in facts.push.attempts if attempt.started])


def _doubtful(facts: Facts, doubts: Sequence[Finding]) -> bool:
    """Whether what was looked at before the run was cancelled is in doubt; what was not looked at is not."""
    states = [bucket.state for bucket in facts.pre.buckets.values() if bucket.samples]
    unclear = facts.pre.state is not None and facts.pre.state.truth is not Truth.PRESENT
    looked = {row.code for row in doubts if row.evidence and not BY_CODE[row.code].neutral} - _OF_THE_END
    return unclear or bool(looked) or any(state is not BucketState.INDEXED for state in states)


# What a run lacks besides that was cancelled before it published: its second look at everything.
_OF_THE_END: Final = frozenset(
    {
        *("run-cancelled", "run-incomplete", "capture-missing"),
        *("bucket-unobservable", "state-unobservable", "epoch-unobservable", "log-unobservable"),
    }
)


_FIRST_LINE_FINDINGS: Final = 4  # findings that a capture's first line names


def judge(facts: Facts) -> tuple[tuple[Finding, ...], Verdict]:
    """All findings, in a stable order, and the verdict that they fold to."""
    findings = [row for check in CHECKS for row in check(facts)]
    findings.extend(missing_claims(facts, findings))
    if facts.capture:
        findings = [row for row in findings if not is_of_publication(row)]
    explained = with_causes(findings)
    return explained, fold_verdict(facts, explained)


def fold_verdict(facts: Facts, findings: Sequence[Finding]) -> Verdict:
    """The verdict by precedence."""
    word = _word(facts, findings)
    deciding = {VerdictWord.QUARANTINE: Status.FAIL, VerdictWord.INCONCLUSIVE: Status.INCONCLUSIVE}.get(word)
    codes = by_cause(findings, deciding) if deciding else ()
    cause = codes[0] if codes else ""
    sentence = headline(facts, findings, cause) if cause else _passed(facts) if word is VerdictWord.PASS else _NOTHING
    if facts.capture:
        sentence = _captured(facts, findings, sentence if word is VerdictWord.QUARANTINE else "")
    return Verdict(
        word=word,
        outcome="pass" if word is VerdictWord.PASS else "fail",
        exit_code=EXIT_CODES[word],
        blocks=word is not VerdictWord.PASS,
        codes=codes,
        headline=sentence,
        cause=cause,
        actions=actions(facts, findings, word, cause),
        prohibitions=prohibitions(word, cause),
    )


_NOTHING: Final = "Nothing was published or no bucket was watched, so nothing was proved."


def _passed(facts: Facts) -> str:
    return f"All {facts.coverage.proved_paths} published paths came back byte for byte."


def _word(facts: Facts, findings: Sequence[Finding]) -> VerdictWord:
    statuses = {row.status for row in findings}
    if Status.FAIL in statuses:
        return VerdictWord.QUARANTINE
    nothing = not facts.push.paths or not facts.policy.buckets  # a run that had nothing to prove proved nothing
    unproved = Status.INCONCLUSIVE in statuses or nothing or unproved_claims(facts, findings)
    return VerdictWord.INCONCLUSIVE if unproved else VerdictWord.PASS


def _captured(facts: Facts, findings: Sequence[Finding], cause: str) -> str:
    """A capture's own first line: what was looked at, and whether anything of it was wrong."""
    states = [bucket.state for bucket in facts.post.buckets.values()]
    whole = sum(state is BucketState.INDEXED for state in states)
    observation = [
        f"all {whole} buckets indexed" if whole == len(states) else f"{whole} of {len(states)} buckets indexed"
    ]
    if facts.post.state is not None:
        observation.append(
            {Truth.PRESENT: "state there", Truth.ABSENT: "state absent"}.get(facts.post.state.truth, "state ?")
        )
    disks = [disk.space for disk in facts.incident.disks if disk.space is not None] if facts.incident else []
    shares = [100 * space.used // space.total for space in disks if space.total > 0]
    if shares:
        observation.append(f"disk {max(shares)} %")
    wrong = dict.fromkeys(
        f"{row.code} ({row.subject})"
        for row in sorted(findings, key=lambda row: row.status is not Status.FAIL)
        if row.status in (Status.FAIL, Status.INCONCLUSIVE) and row.code != CAPTURED
    )
    more = f" and {len(wrong) - _FIRST_LINE_FINDINGS} more" if len(wrong) > _FIRST_LINE_FINDINGS else ""
    text = f"{', '.join(list(wrong)[:_FIRST_LINE_FINDINGS])}{more}" if wrong else "nothing wrong was seen"
    return " ".join(part for part in (f"CAPTURED: {', '.join(observation)}: {text}.", cause) if part)
