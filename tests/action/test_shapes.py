"""Each workflow, template and action is exactly the expected one, and no change of rights or conditions goes unseen."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.action.files import ACTIONS, ROOT, load
from tests.action.shapes import PLACES, expected, name_of, shape

pytestmark = pytest.mark.action
NAMES = [name_of(path) for path in PLACES]
Document = dict[str, Any]
Place = tuple[str | int, ...]
GONE = object()
REQUIRED = ROOT / "workflows" / "required-pr-check.yml"
RIGHTS = ("contents", "actions", "id-token", "packages", "attestations", "issues", "checks")


def jobs(document: Document) -> dict[Place, Document]:
    """The jobs of a workflow by their places; an action is one job."""
    if "runs" in document:
        return {("runs",): document["runs"]}
    return {("jobs", name): job for name, job in document["jobs"].items()}


def apply(document: Document, place: Place, value: object) -> Document:
    """The document with one value set, added or taken away."""
    changed = copy.deepcopy(document)
    node: Any = changed
    for key in place[:-1]:
        node = node[key]
    if value is GONE:
        node.pop(place[-1])
    else:
        node[place[-1]] = value
    return changed


def of_jobs(document: Document) -> Iterator[tuple[Place, object]]:
    for at, job in jobs(document).items():
        if "runs" in document:
            continue
        holder = job["permissions"]
        yield from (((*at, "permissions", right), "write") for right in RIGHTS if holder.get(right) != "write")
        yield from (((*at, "permissions"), value) for value in ("write-all", "read-all", GONE))
        yield (*at, "continue-on-error"), True
        yield (*at, "if"), "github.actor != 'x'"
        yield (*at, "if"), "success()"
        yield (*at, "needs"), "before"
        yield (*at, "defaults"), {"run": {"shell": "bash {0} || true"}}
        yield (*at, "env"), {"HTTPS_PROXY": "http://x"}
        yield (*at, "container"), "x"
        yield (*at, "strategy"), {"fail-fast": False}
        yield from (((*at, key), GONE) for key in ("if", "needs", "environment", "timeout-minutes") if key in job)


def of_steps(document: Document) -> Iterator[tuple[Place, object]]:
    for job_at, job in jobs(document).items():
        yield (*job_at, "steps"), [*job["steps"], job["steps"][0]]
        for number, step in enumerate(job["steps"]):
            at = (*job_at, "steps", number)
            yield at, GONE
            yield (*at, "continue-on-error"), True
            yield (*at, "if"), "github.ref == 'x'"
            yield (*at, "env"), {**step.get("env", {}), "SSL_CERT_FILE": "x"}
            yield (*at, "with"), {**step.get("with", {}), "more": "x"}
            if "if" in step:
                yield (*at, "if"), GONE
            if "run" in step:
                yield (*at, "run"), f"{step['run'].rstrip()} || true\n"
                yield (*at, "run"), f"set +e\n{step['run']}"
                yield (*at, "shell"), "bash {0}"
            if "uses" in step:
                yield (*at, "uses"), step["uses"].replace("/", "x/", 1)
                yield (*at, "uses"), step["uses"].partition("@")[0] + "@main"


def of_triggers(document: Document) -> Iterator[tuple[Place, object]]:
    if "runs" in document:
        return
    for name in document["on"]:
        for filters in ({"paths": ["a"]}, {"paths-ignore": ["**"]}, {"branches": ["x"]}, {"types": ["closed"]}):
            yield ("on", name), filters
    yield from ((("on", name), None) for name in ("pull_request_target", "workflow_run", "issue_comment"))
    yield ("permissions",), {"contents": "write"}
    yield ("permissions",), GONE
    yield ("env",), {"A": "b"}
    yield ("defaults",), {"run": {"shell": "bash {0}"}}
    yield ("concurrency", "cancel-in-progress"), "x"
    yield ("jobs", "more"), {"runs-on": "x", "steps": []}


@pytest.mark.row("RUN-31", "RUN-37")
@pytest.mark.parametrize("path", PLACES, ids=NAMES)
def test_each_is_the_expected_one(path: Path) -> None:
    assert shape(load(path)) == expected()[name_of(path)]


def test_no_expected_document_is_left_over() -> None:
    assert list(expected()) == NAMES


@pytest.mark.row("RUN-31", "RUN-37")
@pytest.mark.parametrize("path", PLACES, ids=NAMES)
def test_every_widening_is_seen(path: Path) -> None:
    """Rights, conditions, filters, shells, steps: each changed alone in the real file, as YAML reads it back."""
    target = expected()[name_of(path)]
    real = load(path)
    changes = [*of_jobs(real), *of_steps(real), *of_triggers(real)]
    assert len(changes) >= 6 * len(jobs(real))
    result = ((place, value, yaml.safe_dump(apply(real, place, value))) for place, value in changes)
    assert [(place, value) for place, value, text in result if shape(yaml.safe_load(text)) == target] == []


@pytest.mark.row("RUN-31", "RUN-37")
def test_the_expected_documents_themselves_are_narrow() -> None:
    """So that writing them anew can't widen what no reviewer would let through."""
    for name, document in expected().items():
        if "runs" in document:
            assert "continue-on-error" not in str(document), name
            continue
        assert document["permissions"] == {}, name
        assert "continue-on-error" not in str(document), name
        assert {"pull_request_target", "workflow_run"}.isdisjoint(document["on"]), name
        for job in document["jobs"].values():
            writes = {right for right, level in job["permissions"].items() if level != "read"}
            assert writes <= WRITES.get(name, set()), (name, writes)
            runs = [step["run"] for step in job["steps"] if "run" in step]
            assert [run for run in runs if "|| true" in run or "set +e" in run] == [], name
            if "needs" in job and name.startswith("workflows/") and "if" not in job:
                assert job["permissions"] == {"contents": "read"}, name
    required = expected()[name_of(REQUIRED)]
    (job,) = required["jobs"].values()
    assert required["on"] == {"pull_request": None, "merge_group": None}
    assert {"if", "needs", "strategy"}.isdisjoint(job)


WRITES = {
    "workflows/scheduled-synthetic.yml": {"issues"},
    ".github/workflows/release.yml": {"contents", "id-token", "attestations"},
    ".github/workflows/trusted-publication-probe.yml": {"id-token", "attestations"},
}


def test_every_file_is_looked_at() -> None:
    assert len(ACTIONS) == 2
    assert len(PLACES) == 2 + len([*ROOT.glob("workflows/*.yml"), *ROOT.glob(".github/workflows/*.yml")])
