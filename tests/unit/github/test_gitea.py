"""`require` against answers as Gitea gives them: its forms are not GitHub's, and each difference alone blocks.

Shapes: go-gitea/gitea 013a0af modules/structs/repo_actions.go, 3bb0d77 modules/structs/repo_compare.go.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug import Response

from tests.helpers import github_world as gh
from tests.unit.test_require import Scene, scene, told

__all__ = ["scene"]
FILE = gh.WORKFLOW.rpartition("/")[2]


def workflow(_scene: Scene) -> dict[str, Any]:
    """A workflow's number is its file's name."""
    return {"id": FILE, "name": FILE, "path": gh.WORKFLOW, "state": "active"}


def runs(scene: Scene) -> dict[str, Any]:
    """A run names no workflow by number, and has other times."""
    (row,) = scene.world.runs
    same = ("id", "event", "run_attempt", "run_number", "head_sha", "head_branch", "status", "conclusion")
    remaining = {name: row[name] for name in (*same, "repository", "head_repository")}
    times = {"started_at": row["run_started_at"], "completed_at": row["updated_at"]}
    return {"workflow_runs": [{**remaining, **times, "path": f"{FILE}@refs/heads/main"}], "total_count": 1}


def comparison(_scene: Scene) -> dict[str, Any]:
    """A comparison has its commits alone."""
    return {"total_commits": 0, "commits": []}


def branch(_scene: Scene) -> dict[str, Any]:
    """A branch's commit is an id, not a sha."""
    return {"name": "main", "commit": {"id": gh.HEAD, "message": "m"}, "protected": False}


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (f"/actions/workflows/{FILE}", workflow),
        (f"/actions/workflows/{gh.WORKFLOW_ID}/runs", runs),
        (f"/compare/{gh.HEAD}...{gh.commit_id('head')}", comparison),
        ("/branches/main", branch),
    ],
)
def test_each_form_of_giteas_blocks(path: str, answer: Callable[[Scene], dict[str, Any]], scene: Scene) -> None:
    scene.probe(100)
    assert told(scene.ask()) == (0, ["require-accepted"])
    value = json.dumps(answer(scene))
    request: list[str] = []

    def gitea(whole: str) -> Response | None:
        if whole != f"/repos/{gh.REPOSITORY}{path}":
            return None
        request.append(whole)
        return Response(value, content_type="application/json")

    scene.world.broken = gitea
    code, (reason, *_) = told(scene.ask())
    assert request
    assert (code, reason) == (3, "require-api-unreadable")
