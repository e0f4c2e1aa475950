"""The OpenTofu state object, before against after, by HEAD alone."""

from collections.abc import Iterator

from gate.judge.finding import finding
from gate.model.basics import Phase, Truth
from gate.model.document import Facts, Finding, State

ABSENT_SOURCE = "state"


def check_state(facts: Facts) -> Iterator[Finding]:
    """One row: the state is there and the same on both sides of the publication."""
    subject = f"{facts.policy.state_bucket}/{facts.policy.state_key}"
    where = ("/pre/state", "/post/state")
    if ABSENT_SOURCE in facts.policy.absent:
        yield finding("state-not-here", subject, "the policy lists the state as absent", phase=Phase.POST)
        return
    code, summary = _compare(facts.pre.state, facts.post.state)
    yield finding(code, subject, summary, phase=Phase.POST, evidence=where)


def _compare(pre: State | None, post: State | None) -> tuple[str, str]:
    if pre is None or post is None:
        return "state-unobservable", f"the state was looked at {'before' if pre else 'after' if post else 'never'} only"
    told = f"before {_told(pre)}; after {_told(post)}"
    if Truth.UNKNOWN in (pre.truth, post.truth):
        return "state-unobservable", told
    if pre.truth is Truth.PRESENT and post.truth is Truth.ABSENT:
        return "state-lost", told
    if pre.truth is Truth.ABSENT:
        return "state-absent", told
    if (pre.etag, pre.size, pre.version_id) != (post.etag, post.size, post.version_id):
        return "state-changed", told
    if Truth.UNKNOWN in (pre.locked, post.locked):
        return "state-unobservable", f"the lock object could not be read: {told}"
    return ("state-locked", told) if Truth.PRESENT in (pre.locked, post.locked) else ("state-unchanged", told)


def _told(state: State) -> str:
    parts = [state.truth.value, f"ETag {state.etag}", f"{state.size} bytes", f"lock {state.locked.value}"]
    return ", ".join(parts) + (f" ({state.note})" if state.note else "")
