"""The attempts of the trusted workflow in order, and what each left: the newest that governs, and the whole history."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from gate import limits
from gate.errors import InconclusiveError
from gate.evidence.codec import canonical, digest
from gate.github.api import GitHub
from gate.github.artifacts import (
    attempt_of,
    branch_commit,
    file_at,
    is_part_of,
    repository_facts,
    runs_of,
    workflow_number,
)
from gate.github.evidence import Finder
from gate.judge.admission import (
    SUCCESS,
    ended,
    foreign,
    governed,
    looked_until,
    losses,
    newest_first,
    older_gate,
    other_run,
    outside_run,
    reason,
)
from gate.judge.standing_quarantine import past_of_run, past_without_evidence
from gate.model.basics import VerdictWord
from gate.model.document import Evidence
from gate.model.gating import Past, Reason, RequirePolicy, Run, TrustedPlace


def trusted_place(github: GitHub, policy: RequirePolicy) -> TrustedPlace:
    """What a run must be to be trusted, by numbers. Raises `InconclusiveError` where the workflow is another one."""
    number, name, branch = repository_facts(github)
    if policy.repository_id not in (None, number):
        raise InconclusiveError(f"{name} is repository {number}; gate.toml expects {policy.repository_id}")
    workflow_id, path = workflow_number(github, policy.workflow)
    if path != policy.workflow or policy.workflow_id not in (None, workflow_id):
        raise InconclusiveError(
            f"GitHub knows {path} ({workflow_id}); gate.toml expects {policy.workflow} ({policy.workflow_id})"
        )
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
    def _on_default(self) -> dict[str, bool]:
        return {}

    def foreign(self) -> Iterator[Reason]:
        """Why the runs that were left out are not of the trusted workflow."""
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

    def govern(self, profiles: Sequence[str], subject: tuple[str, str]) -> dict[str, Governing | tuple[Reason, ...]]:
        """For each profile the evidence of its newest attempt that counts, or why no evidence is believed.

        No attempt that may have looked later than that evidence is passed over: a failure class that another profile
        saw in the same cache (``subject`` is its name and endpoint) blocks too.
        """
        settled: dict[str, Governing | tuple[Reason, ...]] = {}
        for count, run in enumerate(self.newest()):
            open_ones = [profile for profile in profiles if not self._is_past(run, settled.get(profile))]
            if not open_ones:
                break
            if count >= limits.ATTEMPTS_WALKED:
                detail = f"the newest {limits.ATTEMPTS_WALKED} attempts say nothing of {', '.join(open_ones)}"
                settled |= dict.fromkeys(open_ones, (reason("require-too-many-runs", detail),))
                break
            unsettled = [profile for profile in open_ones if profile not in settled]
            if not self.is_on_default(run):
                detail = f"run {run.label} is of commit {run.head_sha}, which is not on {self.place.default_branch}"
                settled |= dict.fromkeys(unsettled, (reason("require-off-default-branch", detail),))
                continue
            looked = self.finder.look(run)
            for profile, result in governed(looked, unsettled, self.place).items():
                settled[profile] = Governing(run=run, evidence=result) if isinstance(result, Evidence) else result
            lost = losses(looked, subject)
            if lost:
                others = [profile for profile in open_ones if not self._says_so(run, settled.get(profile))]
                settled |= dict.fromkeys(others, lost)
        missing = [profile for profile in profiles if profile not in settled]
        if missing:
            none = tuple(self.foreign()) or (self._none(missing),)
            settled |= dict.fromkeys(missing, none)
        return settled

    @staticmethod
    def _says_so(run: Run, result: Governing | tuple[Reason, ...] | None) -> bool:
        """Whether a profile is settled by evidence of this very attempt that itself saw the failure class."""
        if not isinstance(result, Governing) or result.run.label != run.label:
            return False
        return result.evidence.verdict.word is VerdictWord.QUARANTINE

    @staticmethod
    def _is_past(run: Run, result: Governing | tuple[Reason, ...] | None) -> bool:
        """Whether a profile is settled, and this attempt ended before the evidence that settles it."""
        if isinstance(result, Governing):
            return ended(run) < looked_until(result.run, result.evidence)
        return result is not None

    def past(self, since: datetime) -> list[Past]:
        """Every attempt since then, for the standing decision: what can't be read counts against a release."""
        history: list[Past] = []
        for count, run in enumerate(self.newest()):
            if ended(run) < since:
                break
            if count >= limits.HISTORY_RUNS:
                raise InconclusiveError(
                    f"there are more than {limits.HISTORY_RUNS} attempts: shorten [quarantine] history-days"
                )
            history.extend(self._past_of(run))
        return history

    def _past_of(self, run: Run) -> Iterator[Past]:
        looked = self.finder.look(run)
        if run.status != "completed" or not looked.began:
            return
        if not self.is_on_default(run):
            yield past_without_evidence(run, "require-off-default-branch")
            return
        for row in looked.reasons:
            yield past_without_evidence(run, row.code)
        if looked.refused:
            yield past_without_evidence(run, "require-refused", refused=True)
        if not looked.evidences and not looked.reasons and not looked.refused:
            yield past_without_evidence(run, "require-no-evidence")
        for evidence in looked.evidences:
            wrong = other_run(self.place, run, evidence)
            if wrong:
                yield past_without_evidence(run, wrong[0].code)
                continue
            evidence_digest = digest(canonical(Evidence, evidence))  # the bytes that it was verified to have
            past = past_of_run(evidence, evidence_digest, run, wrong=bool(outside_run(run, evidence)))
            is_accepted = run.conclusion == SUCCESS and not self.older(run, evidence)
            yield replace(past, toward=past.toward and is_accepted)

    def older(self, run: Run, evidence: Evidence) -> tuple[Reason, ...]:
        """Why the gate that made this evidence is older than what the default branch asks for; none when it is not.

        A run that is started again has a new date and its old commit's workflow, which names the gate by commit.
        """
        if older_gate(evidence, self.min_gate_version):
            detail = f"the evidence is of gate {evidence.run.tool_version}; expected {self.min_gate_version} or later"
            return (reason("require-gate-too-old", detail),)
        if run.attempt == 1 or self._workflow(run.head_sha) == self._workflow(self._tip):
            return ()
        detail = f"run {run.label} was started again by the {self.place.workflow} of commit {run.head_sha}"
        return (reason("require-gate-too-old", f"{detail}; the default branch has another one"),)

    def _workflow(self, commit: str) -> bytes | None:
        if commit not in self._workflows:
            self._workflows[commit] = file_at(self.github, self.place.workflow, commit, limits.GUARDED_FILE_BYTES)
        return self._workflows[commit]

    @cached_property
    def _workflows(self) -> dict[str, bytes | None]:
        return {}

    def is_on_default(self, run: Run) -> bool:
        """Whether the run's commit is part of the default branch: a tag may have the branch's name."""
        if run.head_sha not in self._on_default:
            self._on_default[run.head_sha] = is_part_of(self.github, run.head_sha, self._tip)
        return self._on_default[run.head_sha]

    def _none(self, profiles: Sequence[str]) -> Reason:
        detail = f"{self.place.workflow} has no attempt for {', '.join(profiles)} since {self.since.isoformat()[:10]}"
        return reason("require-no-run", detail)
