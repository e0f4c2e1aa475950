"""Server epochs: the same processes before and after. A restart can heal what it hides."""

from collections.abc import Iterator, Sequence

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
    code = _code(role, pre, post)
    status = None
    if code == "epoch-changed":
        status = Status.FAIL if _wrong_before(facts) else Status.INCONCLUSIVE
    where = ("/pre/workloads", "/post/workloads")
    return finding(code, role, told, phase=Phase.POST, status=status, evidence=where)


def _code(role: str, pre: Sequence[Workload], post: Sequence[Workload]) -> str:
    if not pre or not post or any(row.truth is Truth.UNKNOWN for row in (*pre, *post)):
        return "epoch-unobservable"
    before, after = _running(pre), _running(post)
    if not before or not all((*before.values(), *after.values())):  # one that can't be told from the next is unknown
        return "epoch-unobservable"
    if before == after:
        return "epoch-same"
    return "epoch-replicas-changed" if role == "cache" and _scaled(pre, post) else "epoch-changed"


def _running(rows: Sequence[Workload]) -> dict[str, str | None]:
    """The replicas that run, by place, each with its identity."""
    return {row.place: row.identity for row in rows if row.truth is Truth.PRESENT}


def _scaled(pre: Sequence[Workload], post: Sequence[Workload]) -> bool:
    """Whether replicas only came or went: one at least stayed, none restarted or stopped, and none has a new image."""
    before, after = _running(pre), _running(post)
    stayed = before.keys() & after.keys()
    stopped = before.keys() & ({row.place for row in post} - after.keys())
    images = {row.image for row in pre if row.place in before}
    came = {row.image for row in post if row.place in after}
    return bool(stayed) and not stopped and came <= images and all(before[place] == after[place] for place in stayed)


def _wrong_before(facts: Facts) -> bool:
    """Whether a bucket or a body was seen wrong before the post phase: then the restart may have healed it."""
    phases = (*facts.pre.buckets.values(), *facts.during.buckets.values())
    bodies = any(body.status is Status.FAIL for body in facts.bodies)
    lost = (BucketState.INDEX_LOST, BucketState.UNSERVED, BucketState.UNLISTED)
    return bodies or any(bucket.index_lost_seen or bucket.state in lost for bucket in phases)


def _told(rows: Sequence[Workload]) -> str:
    return ", ".join(_words(row, alone=len(rows) == 1) for row in rows) or "not looked at"


def _words(row: Workload, *, alone: bool) -> str:
    who = "" if alone else f"{row.place}: "
    return f"{who}{row.identity or row.error or 'unknown'} since {row.started or 'unknown'}"
