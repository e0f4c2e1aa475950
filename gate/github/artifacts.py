"""The repository's runs, their attempts and artifacts, and its files: what `gate.require` asks of GitHub."""

from datetime import datetime
from typing import Final
from urllib.parse import quote

from gate import limits
from gate.errors import InconclusiveError
from gate.github import api_models
from gate.github.api import GitHub, TooLargeError
from gate.model.gating import Artifact, Run, TreeEntry
from gate.model.time import rfc3339

_ANCESTOR: Final = ("ahead", "identical")  # the branch against the commit: nothing of the commit is lacking in it


def repository_facts(github: GitHub) -> tuple[int, str, str]:
    """Number, full name and default branch."""
    return api_models.repository_of(github.json(""))


def workflow_number(github: GitHub, path: str) -> tuple[int, str]:
    """Number and path of the workflow with that file name."""
    return api_models.workflow_of(github.json(f"/actions/workflows/{path.rpartition('/')[2]}"))


def runs_of(github: GitHub, workflow_id: int, branch: str, since: datetime) -> tuple[Run, ...]:
    """The runs of a workflow on a branch of that name that were created since then, each by its newest attempt.

    The list is filtered by GitHub to be short, and believed in nothing: forks have branches of that name too.
    """
    query = {"branch": branch, "created": f">={rfc3339(since)[:10]}", "exclude_pull_requests": "true"}
    runs: dict[int, Run] = {}
    for page in github.pages(f"/actions/workflows/{workflow_id}/runs", query, limits.API_PAGES):
        for run in api_models.rows_of(page, "workflow_runs", api_models.run_of):
            runs[run.id] = run if run.id not in runs or run.attempt >= runs[run.id].attempt else runs[run.id]
    return tuple(runs.values())


def attempt_of(github: GitHub, run_id: int, attempt: int) -> Run:
    """An earlier attempt of a run."""
    run = api_models.run_of(github.json(f"/actions/runs/{run_id}/attempts/{attempt}"))
    if (run.id, run.attempt) != (run_id, attempt):
        raise InconclusiveError(
            f"GitHub gives run {run.label} for {run_id}.{attempt}: what that attempt did can't be determined"
        )
    return run


def ever_began(github: GitHub, run: Run) -> bool:
    """Whether a step of any job of this attempt ran."""
    path = f"/actions/runs/{run.id}/attempts/{run.attempt}/jobs"
    return any(
        any(api_models.rows_of(page, "jobs", api_models.job_began)) for page in github.pages(path, {}, limits.JOB_PAGES)
    )


def artifacts_of(github: GitHub, run_id: int, prefix: str) -> tuple[Artifact, ...]:
    """The artifacts of a run whose name begins so, by number."""
    pages = github.pages(f"/actions/runs/{run_id}/artifacts", {}, limits.API_PAGES)
    rows = {row.id: row for page in pages for row in api_models.rows_of(page, "artifacts", api_models.artifact_of)}
    return tuple(row for _, row in sorted(rows.items()) if row.name.startswith(prefix))


def download(github: GitHub, artifact: Artifact) -> bytes:
    """The zip of an artifact; raises `ForgedError` where it is not what GitHub has the digest of."""
    if artifact.bytes > limits.BUNDLE_BYTES:
        raise InconclusiveError(
            f"artifact {artifact.id} has {artifact.bytes} bytes; at most {limits.BUNDLE_BYTES} are taken"
        )
    path = f"/actions/artifacts/{artifact.id}/zip"
    return github.download(path, cap=limits.BUNDLE_BYTES, digest=artifact.digest)


def branch_commit(github: GitHub, branch: str) -> str:
    """The commit at a branch's tip: asked as a branch, since a tag may have the same name."""
    return api_models.branch_of(github.json(f"/branches/{quote(branch, safe='')}"))


def file_at(github: GitHub, path: str, commit: str, cap: int) -> bytes | None:
    """A file of a commit; None where the commit does not have it."""
    return github.raw(f"/contents/{quote(path)}", {"ref": commit}, cap=cap)


def last_change(github: GitHub, path: str, commit: str) -> datetime:
    """When a file was last changed on the way to a commit, by the time that git has of it."""
    times = api_models.changes_of(github.json("/commits", {"path": path, "sha": commit, "per_page": 1}))
    if not times:
        raise InconclusiveError(
            f"GitHub knows no commit that changed {path[:200]!a}: when it was written can't be determined"
        )
    return times[0]


def blob(github: GitHub, number: str, cap: int) -> bytes | None:
    """A blob by its id, None when it has more than ``cap`` bytes."""
    try:
        data = github.raw(f"/git/blobs/{number}", cap=cap)
    except TooLargeError:
        return None
    if data is None:
        raise InconclusiveError(f"GitHub has no blob {number}: what the change says can't be determined")
    return data


def tree(github: GitHub, commit: str) -> tuple[TreeEntry, ...] | None:
    """Everything in a commit, None when GitHub cut the list."""
    return api_models.tree_of(github.json(f"/git/trees/{commit}", {"recursive": "1"}))


def merge_base(github: GitHub, base: str, head: str) -> str:
    """The commit from which ``head`` went its own way from ``base``; both are commits."""
    return _compare(github, base, head)[1]


def is_part_of(github: GitHub, commit: str, tip: str) -> bool:
    """Whether a commit is among those that lead to another."""
    return _compare(github, commit, tip)[0] in _ANCESTOR


def _compare(github: GitHub, base: str, head: str) -> tuple[str, str]:
    return api_models.comparison_of(github.json(f"/compare/{base}...{head}", {"per_page": 1}))
