"""A split run: whether its parts are all there, of this very run, whole, in order, and bound to what their jobs told.

What the publishing job says is the claim of a job that ran foreign code. So its plan is held to what it can't choose:
the run's nonce, which ``pre`` drew, in the names of canaries and twin, and the policy's counts.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from gate import limits
from gate.evidence.split import policy_digest, run_differences
from gate.judge.finding import finding, pointer
from gate.model.basics import Label
from gate.model.document import Facts, Finding
from gate.model.facts import PushPath
from gate.model.split import PREDECESSORS, PartFacts

PLAN: Final = "plan"  # the subject of the row on what was published
_STORE: Final = "/nix/store/"
_NAME_AT: Final = len(_STORE) + 33  # 32 characters of hash and a dash
_CANARIES: Final = ("publication-gate-canary-large-", "publication-gate-canary-small-")
_SYNTHETIC: Final = "publication-gate-synthetic-"
_TWIN: Final = "publication-gate-twin-"
_THRESHOLD: Final = 65536  # Attic's nar-size-threshold (attic b7c9056 server/src/config-template.toml)


def is_split(facts: Facts) -> bool:
    """Whether the run was split between jobs."""
    return bool(facts.parts)


def check_parts(facts: Facts) -> Iterator[Finding]:
    """One row a part, and one on the plan; none for a run of one job."""
    if not is_split(facts):
        return
    for number, part in enumerate(facts.parts):
        code, summary = _part(facts, part)
        yield finding(code, part.part, summary, evidence=(pointer("parts", number),))
    wrong = list(_plan(facts))
    if wrong:
        yield finding("part-plan-unbound", PLAN, "; ".join(wrong), evidence=("/push",))
    else:
        summary = (
            f"canaries and twin are named by this run's nonce, {len(_of(facts, Label.PROFILE))} paths of the profile"
        )
        yield finding("part-plan-bound", PLAN, summary, evidence=("/push",))


def _part(facts: Facts, part: PartFacts) -> tuple[str, str]:
    """The first thing that is wrong with a part, worst first."""
    if part.code is not None:
        return part.code, part.reason
    if part.run is None:
        return "part-missing", f"no part {part.part} was given"
    foreign = list(run_differences(facts.run, part.run))
    if part.policy != policy_digest(facts.policy):
        foreign.append("its policy is another one: settings differ between the jobs")
    if foreign:
        return "part-foreign", "; ".join(foreign)
    return _order(facts, part)


def _order(facts: Facts, part: PartFacts) -> tuple[str, str]:
    digests = {other.part: other.digest for other in facts.parts if other.state == "joined"}
    previous = {row.part: row.digest for row in part.previous}
    wrong: list[str] = [
        name for name in PREDECESSORS[part.part] if previous.get(name) is None or previous[name] != digests.get(name)
    ]
    wrong += [name for name in sorted(previous) if name not in PREDECESSORS[part.part]]
    if wrong or len(previous) != len(part.previous):
        return "part-reordered", f"it was not given the very part {', '.join(wrong) or 'that it names twice'}"
    if part.disallowed_records:
        return "part-overreach", "; ".join(part.disallowed_records)
    if part.job_digest != part.digest:
        return "part-unbound", f"its job handed on {part.job_digest or 'no digest'}, its digest is {part.digest}"
    if not part.complete:
        return "part-incomplete", f"its journal has {part.records} records, and no last one"
    doubts = list(_clock(facts, part))
    if doubts:
        return "part-clock", "; ".join(doubts)
    return "part-joined", f"{part.records} records of {part.started_at} to {part.ended_at}"


def _clock(facts: Facts, part: PartFacts) -> Iterator[str]:
    """Times that contradict the chain by more than two machines' clocks may differ. Alone they prove nothing."""
    began, ended = _moment(part.started_at), _moment(part.ended_at)
    if ended < began:
        yield f"it is of {part.started_at} to {part.ended_at}"
    skew = timedelta(seconds=limits.SKEW_SECONDS)
    for other in facts.parts:
        if (
            other.part in PREDECESSORS[part.part]
            and other.ended_at is not None
            and began < _moment(other.ended_at) - skew
        ):
            yield f"it began at {part.started_at}, and {other.part} ended at {other.ended_at}"


def _moment(text: str | None) -> datetime:
    """A time of a part that was joined; those are checked before."""
    return datetime.fromisoformat(text or "")


# --- the plan ---------------------------------------------------------------------------------------------------------


def _plan(facts: Facts) -> Iterator[str]:
    """The parts of the plan that rest only on the publishing job's own statement; a sentence each."""
    nonce, policy = facts.run.nonce, facts.policy
    canaries = sorted(_of(facts, Label.CANARY), key=_name)
    names = [_name(path) for path in canaries]
    if names != [prefix + nonce for prefix in _CANARIES]:
        yield f"the canary pair is not this run's: {', '.join(names)[:200] or 'none'}"
    elif not canaries[1].nar_size <= _THRESHOLD < canaries[0].nar_size:
        yield "the canary pair does not have one path under Attic's threshold and one over it"
    twin = _of(facts, Label.TWIN)
    strange = [path.store_path for path in twin if not _name(path).startswith(f"{_TWIN}{nonce}-")]
    if strange or len({path.nar_hash for path in twin}) < len(twin):
        yield f"paths of the twin are not this run's, or not all different: {', '.join(strange[:3]) or 'equal ones'}"
    profile = _of(facts, Label.PROFILE)
    if not policy.installable and [_name(path) for path in profile] != [_SYNTHETIC + nonce]:
        yield "the synthetic path is not this run's"
    total = sum(path.nar_size for path in profile)
    if not policy.min_paths <= len(profile) <= policy.max_paths or total > policy.max_bytes:
        bounds = f"{policy.min_paths} to {policy.max_paths} paths and at most {policy.max_bytes} bytes"
        yield f"the profile has {len(profile)} paths and {total} bytes, the policy allows {bounds}"


def _of(facts: Facts, label: Label) -> list[PushPath]:
    return [path for path in facts.push.paths if path.label is label]


def _name(path: PushPath) -> str:
    return path.store_path[_NAME_AT:]
