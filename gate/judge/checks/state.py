"""The OpenTofu state object, before against after: by HEAD, and by its content where the policy has it read."""

from collections.abc import Iterator

from gate.judge.finding import finding
from gate.model.basics import Phase, Status, Truth
from gate.model.document import Facts, Finding, State
from gate.model.records import StateTold

ABSENT_SOURCE = "state"
_STATE = "state"
_NOTHING = StateTold(content="unread", note="its content was not read")


def check_state(facts: Facts) -> Iterator[Finding]:
    """One row: the state is there and the same on both sides of the publication."""
    subject = f"{facts.policy.state_bucket}/{facts.policy.state_key}"
    where = ("/pre/state", "/post/state")
    if ABSENT_SOURCE in facts.policy.absent:
        yield finding("state-not-here", subject, "the policy lists the state as absent", phase=Phase.POST)
        return
    observation = [state for state in (facts.pre.state, facts.post.state) if state is not None]
    if any(f"{state.bucket}/{state.key}" != subject for state in observation):
        text = f"the state that was looked at is {', '.join(f'{state.bucket}/{state.key}' for state in observation)}"
        yield finding("state-unobservable", subject, text, phase=Phase.POST, evidence=where)
        return
    code, status, summary = _compare(facts.pre.state, facts.post.state, read=facts.policy.state_contents)
    yield finding(code, subject, summary, phase=Phase.POST, status=status, evidence=where)


def _compare(pre: State | None, post: State | None, *, read: bool) -> tuple[str, Status | None, str]:
    if pre is None or post is None:
        phase = "before" if pre else "after" if post else "never"
        return "state-unobservable", None, f"the state was looked at {phase} only"
    summary = f"before {_state_text(pre)}; after {_state_text(post)}"
    failure = _failure(pre, post)
    if failure is not None:
        return failure, Status.FAIL if failure == "state-damaged" else None, summary
    if Truth.UNKNOWN in (pre.truth, post.truth):
        return "state-unobservable", None, summary
    if pre.truth is Truth.ABSENT:
        return "state-absent", None, summary
    if read:
        doubt = _doubt(pre.contents or _NOTHING, post.contents or _NOTHING)
        if doubt is not None:
            return doubt, Status.INCONCLUSIVE, summary
    if pre.etag is None or post.etag is None:
        return "state-unobservable", None, f"without an ETag it can't be determined from another: {summary}"
    moved = read and _moved(pre.contents or _NOTHING, post.contents or _NOTHING)
    if not moved and _marks(pre) != _marks(post):
        return "state-changed", None, summary
    locks = (pre.locked, post.locked)
    if Truth.UNKNOWN in locks:
        return "state-unobservable", None, f"the lock object could not be read: {summary}"
    return _unlocked(locks, moved=moved), None, summary


def _unlocked(locks: tuple[Truth, Truth], *, moved: bool) -> str:
    if Truth.PRESENT in locks:
        return "state-locked"
    return "state-serial-moved" if moved else "state-unchanged"


def _failure(pre: State, post: State) -> str | None:
    """What is positively wrong, whatever else could not be read."""
    before, after = pre.contents or _NOTHING, post.contents or _NOTHING
    if None not in (before.lineage, after.lineage) and before.lineage != after.lineage:
        return "state-lineage-changed"
    was_there = pre.truth is Truth.PRESENT or before.content == _STATE
    if was_there and (post.truth is Truth.ABSENT or (after.content == "gone" and before.content != "gone")):
        return "state-lost"
    return "state-damaged" if before.content == _STATE and after.content == "no-state" else None


def _doubt(before: StateTold, after: StateTold) -> str | None:
    """Why the contents can't be trusted, or could not be read."""
    contents = (before.content, after.content)
    if "no-state" in contents:
        return "state-damaged"
    if "unsteady" in contents:
        return "state-changed"
    if set(contents) != {_STATE}:
        return "state-unobservable"
    back = before.serial is not None and after.serial is not None and after.serial < before.serial
    return "state-serial-back" if back else None


def _moved(before: StateTold, after: StateTold) -> bool:
    """Whether it is the same state, some writes later."""
    is_comparable = before.serial is not None and after.serial is not None and before.lineage is not None
    return is_comparable and before.lineage == after.lineage and before.serial != after.serial


def _marks(state: State) -> tuple[object, ...]:
    """All that must be the same for the object to be unchanged."""
    return (state.etag, state.size, state.version_id, state.contents)


def _state_text(state: State) -> str:
    etag = [] if state.etag is None else [f"ETag {state.etag}"]
    size = [] if state.size is None else [f"{state.size} bytes"]
    parts = [state.truth.value, *etag, *size, f"lock {state.locked.value}", *_content(state.contents)]
    return ", ".join(parts) + (f" ({state.note})" if state.note else "")


def _content(summary: StateTold | None) -> Iterator[str]:
    if summary is None:
        return
    if summary.content != _STATE:
        yield f"content {summary.content}: {summary.note}"
    if summary.serial is None and summary.lineage is None and not summary.encrypted:
        return
    yield f"serial {summary.serial}"
    yield f"lineage {summary.lineage[:12]} (hashed)" if summary.lineage else "lineage hidden"
    if summary.encrypted:
        yield "encrypted"
