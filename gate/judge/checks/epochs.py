"""Server epochs: the same processes before and after. A restart can heal what it hides."""

from collections.abc import Iterator, Sequence

from gate.judge.body_class import body_status
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
    summary = f"{role}: before {_summary(pre)}; after {_summary(post)}"
    code = _code(role, pre, post)
    wrong = _misnamed(facts, role) if code in ("epoch-same", "epoch-replicas-changed") else None
    if wrong is not None:
        code, summary = wrong[0], f"{wrong[1]}; {summary}"
    status = None
    if code == "epoch-changed":
        status = Status.FAIL if _wrong_before(facts) else Status.INCONCLUSIVE
    where = ("/pre/workloads", "/post/workloads")
    return finding(code, role, summary, phase=Phase.POST, status=status, evidence=where)


def _code(role: str, pre: Sequence[Workload], post: Sequence[Workload]) -> str:
    if not pre or not post or any(row.truth is Truth.UNKNOWN for row in (*pre, *post)):
        return "epoch-unobservable"
    before, after = _running(pre), _running(post)
    if not before or not all(
        (*before.values(), *after.values())
    ):  # one that can't be determined from the next is unknown
        return "epoch-unobservable"
    if before == after:
        return "epoch-same"
    return "epoch-replicas-changed" if role == "cache" and _scaled(pre, post) else "epoch-changed"


def misnamed(role: str, phases: Sequence[Sequence[Workload]]) -> tuple[str, str] | None:
    """Why a role's workload is not the server that is asked, as a code and a sentence; None where nothing says so.

    ``phases`` are the workloads of both roles, one sequence for each phase.
    """
    for rows in phases:
        own = {row.identity for row in rows if row.role == role and row.identity is not None}
        others = {row.identity: row.role for row in rows if row.role != role and row.identity is not None}
        shared = sorted(own & others.keys())
        if shared:
            return "epoch-shared", f"{role}-workload and {others[shared[0]]}-workload name one process ({shared[0]})"
        for row in rows:
            listening = row.listening if row.role == role else None
            if listening is None:
                continue
            if listening.truth is Truth.ABSENT:
                return "epoch-other-process", f"another process answers at the endpoint: {listening.note}"
            if listening.listener in others:
                return (
                    "epoch-other-process",
                    f"the {others[listening.listener]}-workload's process listens there instead",
                )
    return None


def _misnamed(facts: Facts, role: str) -> tuple[str, str] | None:
    return misnamed(role, (facts.pre.workloads, facts.post.workloads))


def _running(rows: Sequence[Workload]) -> dict[str, str | None]:
    """The replicas that run, by place, each with its identity."""
    return {row.place: row.identity for row in rows if row.truth is Truth.PRESENT}


def _scaled(pre: Sequence[Workload], post: Sequence[Workload]) -> bool:
    """Whether replicas only came, or only went: one at least stayed, none restarted or stopped, all of one template.

    Where one went and another came, running or not, the one was replaced: that is a restart. So is one more of another
    image, or of another owner, such as the ReplicaSet of a new template.
    """
    before, after = _running(pre), _running(post)
    stayed = before.keys() & after.keys()
    went = before.keys() - after.keys()
    stopped = went & {row.place for row in post}
    arrivals = {row.place for row in post} - {row.place for row in pre}
    kinds = {(row.image, row.owner) for row in pre if row.place in before}
    new = {(row.image, row.owner) for row in post if row.place in after}
    same = all(before[place] == after[place] for place in stayed)
    return bool(stayed) and same and not stopped and not (went and arrivals) and new <= kinds


def _wrong_before(facts: Facts) -> bool:
    """Whether a bucket or a body was seen wrong before the post phase: then the restart may have healed it."""
    phases = (*facts.pre.buckets.values(), *facts.during.buckets.values())
    bodies = any(body_status(body) is Status.FAIL for body in facts.bodies)
    lost = (BucketState.INDEX_LOST, BucketState.DATA_MISSING, BucketState.UNSERVED, BucketState.UNLISTED)
    return bodies or any(bucket.index_lost_seen or bucket.state in lost for bucket in phases)


def _summary(rows: Sequence[Workload]) -> str:
    return ", ".join(_words(row, alone=len(rows) == 1) for row in rows) or "not looked at"


def _words(row: Workload, *, alone: bool) -> str:
    who = "" if alone else f"{row.place}: "
    note = f" ({row.listening.note})" if row.listening and row.listening.note else ""
    return f"{who}{row.identity or row.error or 'unknown'} since {row.started or 'unknown'}{note}"
