"""Answers of GitHub's REST interface as values. Pure: parsed JSON in, `ForeignTextError` for another form.

Shapes: https://docs.github.com/en/rest (2022-11-28): actions/workflow-runs, actions/artifacts, actions/workflow-jobs,
git/trees, commits/compare. Unknown fields are left alone: GitHub adds some every month.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar

from gate.errors import ForeignTextError
from gate.model.gating import Artifact, Run, TreeEntry
from gate.model.time import parse_time
from gate.parse.strict_json import as_count, as_flag, as_object, as_text

_T = TypeVar("_T")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_DIGEST: Final = "sha256:"


def rows_of(parsed: object, key: str, read: Callable[[object], _T]) -> tuple[_T, ...]:
    """The rows of one page of a list answer, ``{"total_count": …, "<key>": […]}``."""
    rows = as_object(parsed, "The answer").get(key)
    if not isinstance(rows, list):
        raise ForeignTextError(f"{key} is no list: expected one page of it")
    return tuple(read(row) for row in rows)


def run_of(parsed: object) -> Run:
    """One attempt of a run."""
    row = as_object(parsed, "A workflow run")
    head = row.get("head_repository")
    conclusion, branch = row.get("conclusion"), row.get("head_branch")
    return Run(
        id=as_count(row.get("id"), "id"),
        attempt=as_count(row.get("run_attempt"), "run_attempt"),
        workflow_id=as_count(row.get("workflow_id"), "workflow_id"),
        path=as_text(row.get("path"), "path"),
        event=as_text(row.get("event"), "event"),
        status=as_text(row.get("status"), "status"),
        conclusion=None if conclusion is None else as_text(conclusion, "conclusion"),
        head_branch=None if branch is None else as_text(branch, "head_branch"),
        head_sha=commit_of({"sha": row.get("head_sha")}),
        repository_id=_repository(row.get("repository")),
        head_repository_id=None if head is None else _repository(head),  # a fork that was deleted
        started_at=as_text(row.get("run_started_at"), "run_started_at"),
        updated_at=as_text(row.get("updated_at"), "updated_at"),
    )


def artifact_of(parsed: object) -> Artifact:
    """One artifact. ``digest`` came in 2025; GitHub Enterprise Server may lack it."""
    row = as_object(parsed, "An artifact")
    digest, run = row.get("digest"), row.get("workflow_run")
    if digest is not None and not as_text(digest, "digest").startswith(_DIGEST):
        raise ForeignTextError("digest is of another kind: expected sha256:…")
    return Artifact(
        id=as_count(row.get("id"), "id"),
        name=as_text(row.get("name"), "name"),
        bytes=as_count(row.get("size_in_bytes"), "size_in_bytes"),
        expired=as_flag(row.get("expired"), "expired"),
        digest=None if digest is None else as_text(digest, "digest"),
        run_id=None if run is None else as_count(as_object(run, "workflow_run").get("id"), "workflow_run.id"),
    )


def job_began(parsed: object) -> bool:
    """Whether a step of a job ran, or a runner took it: one that was cancelled in the queue has neither."""
    row = as_object(parsed, "A job")
    steps, runner = row.get("steps"), row.get("runner_id")
    return bool(steps) or bool(runner)


def workflow_of(parsed: object) -> tuple[int, str]:
    """Number and path of a workflow."""
    row = as_object(parsed, "A workflow")
    return as_count(row.get("id"), "id"), as_text(row.get("path"), "path")


def repository_of(parsed: object) -> tuple[int, str, str]:
    """Number, full name and default branch of a repository."""
    row = as_object(parsed, "A repository")
    return (
        as_count(row.get("id"), "id"),
        as_text(row.get("full_name"), "full_name"),
        as_text(row.get("default_branch"), "default_branch"),
    )


def branch_of(parsed: object) -> str:
    """The commit at the tip of a branch."""
    return commit_of(as_object(parsed, "A branch").get("commit"))


def commit_of(parsed: object) -> str:
    """The id of a commit."""
    commit = as_text(as_object(parsed, "A commit").get("sha"), "sha")
    if not _COMMIT.fullmatch(commit):
        raise ForeignTextError("sha is no commit id: expected 40 or 64 hex digits")
    return commit


def changes_of(parsed: object) -> tuple[datetime, ...]:
    """The times of a list of commits, the newest first: when each was made part of its branch, as git has it."""
    if not isinstance(parsed, list):
        raise ForeignTextError("The list of commits is no list: expected commits")
    times = []
    for row in parsed:
        commit = as_object(as_object(row, "A commit").get("commit"), "commit")
        text = as_text(as_object(commit.get("committer"), "committer").get("date"), "committer.date")
        time = parse_time(text)
        if time is None:
            raise ForeignTextError("committer.date is no time with a zone: expected RFC 3339")
        times.append(time)
    return tuple(times)


def comparison_of(parsed: object) -> tuple[str, str]:
    """``status`` (identical, ahead, behind, diverged: the head against the base) and the merge base's commit."""
    row = as_object(parsed, "A comparison")
    return as_text(row.get("status"), "status"), commit_of(row.get("merge_base_commit"))


def tree_of(parsed: object) -> tuple[TreeEntry, ...] | None:
    """Every file, link and submodule of a commit; None when GitHub cut the tree (100,000 entries or 7 MB)."""
    row = as_object(parsed, "A tree")
    if as_flag(row.get("truncated"), "truncated"):
        return None
    entries = row.get("tree")
    if not isinstance(entries, list):
        raise ForeignTextError("tree is no list: expected entries")
    return tuple(
        TreeEntry(
            path=as_text(entry.get("path"), "path"),
            mode=as_text(entry.get("mode"), "mode"),
            blob=commit_of(entry),
        )
        for entry in (as_object(entry, "A tree's entry") for entry in entries)
        if entry.get("type") != "tree"
    )


def _repository(parsed: object) -> int:
    return as_count(as_object(parsed, "repository").get("id"), "repository.id")
