"""The claims that a pass needs, listed apart from the checks: a check that gives no row can't pass by silence."""

from collections.abc import Iterator, Sequence

from gate.judge.checks.builders import key_subject
from gate.judge.checks.controls import CONTROLS
from gate.judge.checks.epochs import ROLES
from gate.judge.checks.machine import NIX, TOOLS
from gate.judge.checks.origin import origin_subjects
from gate.judge.checks.push import REPRESENTATIVE, labels_due
from gate.judge.checks.second_reader import BUILDERS
from gate.judge.checks.store import CANARY, IDENTITY, canary_is_due
from gate.judge.checks.store_log import SUBJECT as STORE_LOG
from gate.judge.finding import RUN, finding
from gate.judge.parts import PLAN
from gate.judge.registry import BY_CODE
from gate.model.basics import Phase, Status
from gate.model.document import Facts, Finding
from gate.model.split import PARTS

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
    made = {(BY_CODE[row.code].family, row.subject, row.phase) for row in findings}
    for claim in required_claims(facts):
        if claim not in made:
            family, subject, phase = claim
            yield finding("run-claim-missing", f"{family}: {subject}", f"no row for {family} of {subject} ({phase})")


def unproved_claims(facts: Facts, findings: Sequence[Finding]) -> tuple[Claim, ...]:
    """The required claims without a pass or a granted absence: empty for a pass."""
    good = (Status.PASS, Status.NOT_APPLICABLE)
    proved = {(BY_CODE[row.code].family, row.subject, row.phase) for row in findings if row.status in good}
    return tuple(claim for claim in required_claims(facts) if claim not in proved)
