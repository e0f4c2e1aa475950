"""The attempts of the trusted workflow in order, and what each left: the newest that governs, and the whole history."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from gate import limits
from gate.errors import InconclusiveError
from gate.evidence.wire import canonical, digest
from gate.github.api import GitHub
from gate.github.artifacts import attempt_of, branch_commit, is_part_of, repository_facts, runs_of, workflow_number
from gate.github.evidence import Finder
from gate.judge.acceptance import SUCCESS, foreign, governed, moment, newest_first, older_gate, other_run, reason
from gate.judge.standing import past_of, past_without_evidence
from gate.model.document import Evidence
from gate.model.gating import Past, Reason, RequirePolicy, Run, TrustedPlace


def trusted_place(github: GitHub, policy: RequirePolicy) -> TrustedPlace:
    """What a run must be to be trusted, by numbers. Raises `InconclusiveError` where the workflow is another one."""
    number, name, branch = repository_facts(github)
    if policy.repository_id not in (None, number):
        message = f"{name} is repository {number}; gate.toml expects {policy.repository_id}"
        raise InconclusiveError(message)
    workflow_id, path = workflow_number(github, policy.workflow)
    if path != policy.workflow or policy.workflow_id not in (None, workflow_id):
        message = f"GitHub knows {path} ({workflow_id}); gate.toml expects {policy.workflow} ({policy.workflow_id})"
        raise InconclusiveError(message)
    return TrustedPlace(
        repository=name,
        repository_id=number,
        default_branch=branch,
        workflow=path,
        workflow_id=workflow_id,
        events=policy.events,
    )


@dataclass(frozen=True, kw_only=True)
class Governing:
    """The attempt that governs a profile, with its evidence."""

    run: Run
    evidence: Evidence


@dataclass(frozen=True, kw_only=True)
class Attempts:
    """The attempts of a trusted workflow since a time. Every method raises as `GitHub` does."""

    github: GitHub
    place: TrustedPlace
    finder: Finder
    since: datetime
    min_gate_version: str

    @cached_property
    def _runs(self) -> tuple[Run, ...]:
        place = self.place
        return runs_of(self.github, place.workflow_id, place.default_branch, self.since)

    @cached_property
    def _tip(self) -> str:
        return branch_commit(self.github, self.place.default_branch)

    @cached_property
    def _asked(self) -> dict[str, bool]:
        return {}

    def foreign(self) -> Iterator[Reason]:
        """Why the runs that were left out are none of the trusted workflow."""
        for run in newest_first(self._runs):
            yield from foreign(run, self.place)

    def newest(self) -> Iterator[Run]:
        """Every trusted attempt, the newest first; an earlier one of a run is asked for when its turn comes."""
        queue = self._trusted(self._runs)
        count = 0
        while queue:
            run = queue.pop(0)
            count += 1
            yield run
            if run.attempt > 1:
                queue = self._trusted([*queue, attempt_of(self.github, run.id, run.attempt - 1)])

    def _trusted(self, runs: Iterable[Run]) -> list[Run]:
        return newest_first(run for run in runs if not foreign(run, self.place))

    def govern(self, profiles: Sequence[str]) -> dict[str, Governing | tuple[Reason, ...]]:
        """For each profile the evidence of its newest attempt that counts, or why there is none to believe."""
        left = list(profiles)
        settled: dict[str, Governing | tuple[Reason, ...]] = {}
        for count, run in enumerate(self.newest()):
            if count >= limits.ATTEMPTS_WALKED:
                told = f"the newest {limits.ATTEMPTS_WALKED} attempts say nothing of {', '.join(left)}"
                settled |= dict.fromkeys(left, (reason("require-too-many-runs", told),))
                break
            if not self.is_on_default(run):
                told = f"run {run.label} is of commit {run.head_sha}, which is not on {self.place.default_branch}"
                settled |= dict.fromkeys(left, (reason("require-off-default-branch", told),))
                break
            for profile, found in governed(self.finder.look(run), left, self.place).items():
                settled[profile] = Governing(run=run, evidence=found) if isinstance(found, Evidence) else found
            left = [profile for profile in left if profile not in settled]
            if not left:
                break
        missing = [profile for profile in profiles if profile not in settled]
        if missing:
            none = tuple(self.foreign()) or (self._none(missing),)
            settled |= dict.fromkeys(missing, none)
        return settled

    def past(self, since: datetime) -> list[Past]:
        """Every attempt since then, for the standing decision: what can't be read counts against a release."""
        found: list[Past] = []
        for count, run in enumerate(self.newest()):
            if (moment(run.started_at) or since) < since:
                break
            if count >= limits.HISTORY_RUNS:
                message = f"there are more than {limits.HISTORY_RUNS} attempts: shorten [quarantine] history-days"
                raise InconclusiveError(message)
            found.extend(self._past_of(run))
        return found

    def _past_of(self, run: Run) -> Iterator[Past]:
        looked = self.finder.look(run)
        if run.status != "completed" or not looked.began:
            return
        if not self.is_on_default(run):
            yield past_without_evidence(run, "require-off-default-branch")
            return
        for row in looked.reasons:
            yield past_without_evidence(run, row.code)
        if not looked.evidences and not looked.reasons and not looked.refused:
            yield past_without_evidence(run, "require-no-evidence")
        for evidence in looked.evidences:
            wrong = other_run(self.place, run, evidence)
            if wrong:
                yield past_without_evidence(run, wrong[0].code)
                continue
            made = past_of(evidence, digest(canonical(Evidence, evidence)))  # the bytes that it was verified to have
            taken = run.conclusion == SUCCESS and not older_gate(evidence, self.min_gate_version)
            yield replace(made, toward=made.toward and taken)

    def is_on_default(self, run: Run) -> bool:
        """Whether the run's commit is part of the default branch: a tag may have the branch's name."""
        if run.head_sha not in self._asked:
            self._asked[run.head_sha] = is_part_of(self.github, run.head_sha, self._tip)
        return self._asked[run.head_sha]

    def _none(self, profiles: Sequence[str]) -> Reason:
        told = f"{self.place.workflow} has no attempt for {', '.join(profiles)} since {self.since.isoformat()[:10]}"
        return reason("require-no-run", told)
