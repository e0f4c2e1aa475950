"""Server epochs: the same process before and after. A restart can heal what it hides."""

from collections.abc import Iterator

from gate.judge.finding import finding
from gate.model.basics import BucketState, Phase, Status, Truth
from gate.model.document import Facts, Finding, Workload

ROLES = ("store", "cache")


def check_epochs(facts: Facts) -> Iterator[Finding]:
    """One row a role."""
    for role in ROLES:
        if f"{role}-workload" in facts.policy.absent:
            yield finding("epoch-not-here", role, f"the policy lists the {role}'s workload as absent", phase=Phase.POST)
        else:
            yield _row(facts, role)


def _row(facts: Facts, role: str) -> Finding:
    pre = [row for row in facts.pre.workloads if row.role == role]
    post = [row for row in facts.post.workloads if row.role == role]
    told = f"{role}: before {_told(pre)}; after {_told(post)}"
    where = ("/pre/workloads", "/post/workloads")
    if not pre or not post or any(row.truth is not Truth.PRESENT for row in (*pre, *post)):
        return finding("epoch-unobservable", role, told, phase=Phase.POST, evidence=where)
    if {row.identity for row in pre} == {row.identity for row in post}:
        return finding("epoch-same", role, told, phase=Phase.POST, evidence=where)
    status = Status.FAIL if _wrong_before(facts) else Status.INCONCLUSIVE
    return finding("epoch-changed", role, told, phase=Phase.POST, status=status, evidence=where)


def _wrong_before(facts: Facts) -> bool:
    """Whether a bucket or a body was seen wrong before the post phase: then the restart may have healed it."""
    phases = (*facts.pre.buckets.values(), *facts.during.buckets.values())
    bodies = any(body.status is Status.FAIL for body in facts.bodies)
    lost = (BucketState.INDEX_LOST, BucketState.UNSERVED, BucketState.UNLISTED)
    return bodies or any(bucket.index_lost_seen or bucket.state in lost for bucket in phases)


def _told(rows: list[Workload]) -> str:
    return (
        ", ".join(f"{row.identity or row.error or 'unknown'} since {row.started or 'unknown'}" for row in rows)
        or "not looked at"
    )
