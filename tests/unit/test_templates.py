"""What no linter sees of the two templates that ask: nothing may be skipped, and nothing runs what a change says."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ("required-pr-check.yml", "check-before-push.yml")
_ON = re.compile(r"(?m)^on:")


def load(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(_ON.sub("'on':", (ROOT / "workflows" / name).read_text(encoding="utf-8")))
    return read


def every(node: object) -> list[str]:
    """Every key at any depth."""
    if isinstance(node, dict):
        return [*map(str, node), *(key for value in node.values() for key in every(value))]
    return [key for value in node for key in every(value)] if isinstance(node, list) else []


@pytest.mark.parametrize("name", TEMPLATES)
def test_nothing_can_be_skipped(name: str) -> None:
    read = load(name)
    assert {"if", "paths", "paths-ignore", "continue-on-error", "needs", "types"} & set(every(read)) == set()
    assert {"branches-ignore", "tags-ignore"} & set(every(read)) == set()
    assert len(read["jobs"]) == 1


@pytest.mark.parametrize("name", TEMPLATES)
def test_rights_are_to_read_alone_and_actions_are_pinned(name: str) -> None:
    read = load(name)
    (job,) = read["jobs"].values()
    assert read["permissions"] == {}
    assert job["permissions"] == {"actions": "read", "contents": "read"}
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(uses.startswith("./") or re.search(r"@[0-9a-f]{40}$", uses) for uses in used)


def test_the_required_check_runs_for_merge_groups_too_and_touches_no_code_of_the_change() -> None:
    read = load("required-pr-check.yml")
    assert read["on"] == {"pull_request": None, "merge_group": None}
    (job,) = read["jobs"].values()
    (step,) = job["steps"]
    assert step["with"] == {"mode": "require", "github-token": "${{ github.token }}"}
    assert "secrets" not in str(read)
    assert f"`{job['name']}`" in (ROOT / "docs" / "required-check.md").read_text(encoding="utf-8")


def test_the_check_before_a_push_stands_right_before_it() -> None:
    (job,) = load("check-before-push.yml")["jobs"].values()
    *_, check, push = job["steps"]
    assert check["with"]["mode"] == "require"
    assert check["with"]["push-follows"] == "true"
    assert "secrets." in str(push)
    assert "secrets." not in str(job["steps"][:-1])


def test_the_document_lists_every_code_of_a_decision() -> None:
    from gate.judge.decisions import DECISION_CODES
    from gate.model.basics import EXIT_CODES

    text = (ROOT / "docs" / "required-check.md").read_text(encoding="utf-8").partition("## Codes")[2]
    rows = [f"| `{row.code}` | {EXIT_CODES[row.word]} | {row.why} | {row.remedy} |" for row in DECISION_CODES]
    assert [line for line in text.split("\n") if line.startswith("| `require-")] == rows


def test_the_documents_gate_toml_is_one(tmp_path: Path) -> None:
    import tomllib
    from datetime import UTC, datetime

    from gate.settings.quarantine import read_quarantine
    from gate.settings.require import demand_of, read_require

    text = (ROOT / "docs" / "required-check.md").read_text(encoding="utf-8")
    block = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert block is not None
    toml = tomllib.loads(re.sub(r"(?m)^   ", "", block[1]))
    policy = read_require(toml)
    assert (policy.workflow_id, policy.attested, len(policy.guarded)) == (12345678, True, 3)
    assert demand_of("medium-check", policy, toml, {}).cache == "main"
    assert read_quarantine(toml, datetime(2026, 6, 1, tzinfo=UTC)).held
