"""The gate of a change: may it rely on trusted publication? Everything is asked of GitHub; nothing is checked out.

1 the ``gate.toml`` of the default branch and of the base · 2 what the change says at its head · 3 the newest attempt of
the trusted workflow · 4 its evidence, verified and judged again · 5 the standing quarantine · 6 the answer
(`judge.acceptance`).
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from gate import limits
from gate.errors import ForeignTextError, InconclusiveError, RefusedError
from gate.evidence.codec import read_statement
from gate.github.api import GitHub
from gate.github.artifacts import blob, branch_commit, file_at, last_change, merge_base, repository_facts, tree
from gate.github.context import run_url
from gate.github.evidence import Attest, Finder
from gate.github.history import Attempts, Governing, trusted_place
from gate.judge.admission import (
    blocked,
    conclude,
    ended,
    guarded_changes,
    must_be_read,
    not_needed,
    objections,
    reason,
    relies,
)
from gate.judge.standing_quarantine import fold_standing
from gate.model.gating import (
    Answer,
    Change,
    ProbeRun,
    QuarantinePolicy,
    Reason,
    Reliance,
    RequirePolicy,
    Standing,
    Statement,
    TrustedPlace,
)
from gate.model.time import parse_time, rfc3339
from gate.parse.addresses import plain_place
from gate.parse.github_event import read_event
from gate.settings.profiles import find_profile
from gate.settings.require import demand_of, read_quarantine, read_require, subject_of

_RERUN_DAYS: Final = 31  # a run may be started again for 30 days ("Re-running workflows and jobs")
_DAY_HOURS: Final = 24
_CONFIG_BYTES: Final = 16 * limits.ANSWER_BODY_BYTES


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What is asked: an event with its payload, or, with ``push_follows``, whether one may publish right now.

    ``config`` is where ``gate.toml`` lies in the repository. ``scratch`` is an empty folder of ours.
    """

    event: str
    payload: bytes
    push_follows: bool
    config: str
    environ: Mapping[str, str]
    scratch: Path
    attester: Callable[[TrustedPlace, RequirePolicy], Attest]


def require(ask: Ask, github: GitHub) -> Answer:
    """The answer; it blocks on anything that could not be had or read. Every time in it is the forge's.

    Raises `RefusedError` for settings or an event that nothing can be decided by.
    """
    context = _Context()
    try:
        answer = _decided(ask, github, context)
    except (InconclusiveError, ForeignTextError) as error:
        answer = blocked([reason("require-api-unreadable", str(error))])
    return replace(answer, reliance=context.reliance, owners=context.owners, newest_run=context.newest_run)


@dataclass
class _Context:
    """What an answer says besides its reasons; an answer that GitHub cut short has what was read until then."""

    reliance: Reliance | None = None
    owners: tuple[str, ...] = ()
    newest_run: ProbeRun | None = None


def _decided(ask: Ask, github: GitHub, context: _Context) -> Answer:
    number, name, default = repository_facts(github)
    now = github.now()
    change = None if ask.push_follows else _change(ask, number, name)
    base = branch_commit(github, default)
    toml = read_toml(github, ask.config, base)  # (1)
    policy, quarantine = read_require(toml), read_quarantine(toml, now)
    context.owners = policy.owners
    if change is None:
        context.reliance = Reliance(path=None, line=None, detail="a trusted push follows right away")
    else:  # (2)
        context.reliance = _why(ask, github, change, base, policy)
        if context.reliance is None:
            return not_needed(f"no changed file matches a guard of {ask.config} on {change.base}")
    subject = subject_of(toml, ask.environ)
    demands = {profile: demand_of(profile, policy, toml, ask.environ) for profile in policy.profiles}
    place = trusted_place(github, policy)
    attest = ask.attester(place, policy) if policy.attested else None
    days = _RERUN_DAYS + max(policy.max_age_hours / 24, quarantine.history_days if quarantine.held else 0)
    attempts = Attempts(
        github=github,
        place=place,
        finder=Finder(github, ask.scratch, attest),
        since=now - timedelta(days=days),
        min_gate_version=policy.min_gate_version,
    )
    settled: dict[str, tuple[Reason, ...]] = {}
    governing = attempts.govern(policy.profiles, (subject[0], plain_place(subject[1])))  # (3), (4)
    context.newest_run = _newest_run(attempts, governing.values(), now, ask.environ)
    for profile, result in governing.items():
        if isinstance(result, Governing):
            older = attempts.older(result.run, result.evidence)
            settled[profile] = older or objections(demands[profile], place, result.run, result.evidence, now)
        else:
            settled[profile] = result
    standing = None
    if quarantine.held:  # (5)
        statements = [_statement(github, path, base) for path in quarantine.statements]
        standing = stand(attempts, quarantine, statements, subject, now)
    commands = {profile: _command(name, default, policy, profile, toml) for profile in policy.profiles}
    return conclude(settled, standing, commands)  # (6)


def stand(
    attempts: Attempts,
    policy: QuarantinePolicy,
    statements: list[Statement],
    subject: tuple[str, str],
    now: datetime,
) -> Standing:
    """The standing decision over the repository's own artifacts, at ``now`` by the forge."""
    since = now - timedelta(days=policy.history_days)
    return fold_standing(attempts.past(since), policy, statements, cache=subject[0], endpoint=subject[1], now=now)


def read_toml(github: GitHub, path: str, commit: str) -> dict[str, Any]:
    """``gate.toml`` of a commit; raises `RefusedError` where the commit has none, or where it is not TOML."""
    data = file_at(github, path, commit, _CONFIG_BYTES)
    if data is None:
        raise RefusedError(
            f"the base branch (commit {commit}) has no {path}: without it nobody says what relies on publication"
        )
    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(f"{path} of the base branch is no TOML: {ascii(str(error))[1:200]}") from None


def _why(ask: Ask, github: GitHub, change: Change, default: str, policy: RequirePolicy) -> Reliance | None:
    """Why a change relies on trusted publication, by the guards of the default branch and of its base.

    A check is bound to a commit, not to a pull request: one to a branch with an empty policy must not turn the commit
    green for all others.
    """
    reliance = why_it_relies(github, change, default, policy)
    if reliance is not None or change.base == change.default_branch:
        return reliance
    base = branch_commit(github, change.base)
    return why_it_relies(github, change, base, read_require(read_toml(github, ask.config, base)))


def why_it_relies(github: GitHub, change: Change, base: str, policy: RequirePolicy) -> Reliance | None:
    """Why a change relies on trusted publication, or None.

    Both ends are commits, read by their trees: what a pull request lists now may not be what this commit changed.
    """
    start = change.base_commit or merge_base(github, base, change.head)
    before, after = tree(github, start), tree(github, change.head)
    if before is None or after is None:
        detail = "the repository is too large for GitHub to list, so what changed can't be determined"
        return Reliance(path=None, line=None, detail=detail)
    for entry, guards in guarded_changes(before, after, policy.guarded):
        content = blob(github, entry.blob, limits.GUARDED_FILE_BYTES) if must_be_read(entry, guards) else None
        reliance = relies(entry, guards, content)
        if reliance is not None:
            return reliance
    return None


def _newest_run(
    attempts: Attempts,
    results: Iterable[Governing | tuple[Reason, ...]],
    now: datetime,
    environ: Mapping[str, str],
) -> ProbeRun | None:
    """The newest trusted attempt with its verdict, where its evidence was taken, else as GitHub concludes it."""
    run = next(attempts.newest(), None)
    if run is None:
        return None
    words = {row.evidence.verdict.word.value for row in results if isinstance(row, Governing) and row.run == run}
    state = ", ".join(sorted(words)) or run.conclusion or run.status
    if run.status == "completed":
        state += f", {_age(now - ended(run))} ago"
    url = run_url(environ, attempts.place.repository, f"{run.id}/attempts/{run.attempt}")
    return ProbeRun(label=run.label, state=state, url=url)


def _age(span: timedelta) -> str:
    hours = max(span, timedelta()) / timedelta(hours=1)
    return (
        f"{hours:.0f} h"
        if 1 <= hours < 2 * _DAY_HOURS
        else f"{hours / _DAY_HOURS:.0f} days"
        if hours > 1
        else "under 1 h"
    )


def _change(ask: Ask, number: int, name: str) -> Change:
    change = read_event(ask.event, ask.payload)
    if change.repository_id != number:
        raise RefusedError(
            f"the event is of repository {change.repository_id}, GitHub gives {name} ({number}): they must agree"
        )
    return change


def _statement(github: GitHub, path: str, commit: str) -> Statement:
    data = file_at(github, path, commit, limits.STATEMENT_BYTES)
    if data is None:
        raise RefusedError(
            f"gate.toml [quarantine] statements names {path[:200]!a}, which the base branch does not have"
        )
    statement = read_statement(data)
    written = last_change(github, path, commit)
    at = parse_time(statement.at)
    # A person may not say today what they are to have said tomorrow: nothing that comes after counts as before it.
    return replace(statement, at=rfc3339(written)) if at is None or at > written else statement


def _command(name: str, branch: str, policy: RequirePolicy, profile: str, toml: Mapping[str, Any]) -> str:
    """What makes the missing run; a person starts it, since it publishes."""
    file = policy.workflow.rpartition("/")[2]
    confirm = find_profile(profile, toml).confirm
    return f"gh workflow run {file} --repo {name} --ref {branch} -f profile={profile} -f confirm={confirm}"
