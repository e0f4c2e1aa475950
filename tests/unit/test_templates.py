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
    from gate.judge.codes.decisions import DECISION_CODES
    from gate.model.basics import EXIT_CODES

    text = (ROOT / "docs" / "required-check.md").read_text(encoding="utf-8").partition("## Codes")[2]
    rows = [f"| `{row.code}` | {EXIT_CODES[row.word]} | {row.why} | {row.remedy} |" for row in DECISION_CODES]
    assert [line for line in text.split("\n") if line.startswith("| `require-")] == rows


def test_the_documents_gate_toml_is_one(tmp_path: Path) -> None:
    import tomllib
    from datetime import UTC, datetime

    from gate.settings.require import demand_of, read_quarantine, read_require

    text = (ROOT / "docs" / "required-check.md").read_text(encoding="utf-8")
    block = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert block is not None
    toml = tomllib.loads(re.sub(r"(?m)^   ", "", block[1]))
    policy = read_require(toml)
    assert (policy.workflow_id, policy.attested, len(policy.guarded)) == (12345678, True, 3)
    assert demand_of("medium-check", policy, toml, {}).cache == "main"
    assert read_quarantine(toml, datetime(2026, 6, 1, tzinfo=UTC)).held


# --- the probe that is split between jobs -----------------------------------------------------------------------------

OBSERVING = {"GATE_READ_TOKEN", "GATE_S3_ACCESS_KEY_ID", "GATE_S3_SECRET_ACCESS_KEY"}
SPLIT_SECRETS = {
    "split-pre": OBSERVING,
    "split-publish": {"GATE_PUSH_TOKEN"},
    "split-during": OBSERVING,
    "split-post": OBSERVING,
    "split-judge": set(),
}


def gates(job: dict[str, Any]) -> dict[str, str]:
    """The inputs of a job's use of the action."""
    (result,) = [step["with"] for step in job["steps"] if step.get("uses", "").startswith("OWNER/publication-gate@")]
    return dict(result)


def test_each_job_of_the_split_probe_holds_its_own_secrets_alone() -> None:
    jobs = load("split-rights-probe.yml")["jobs"]
    holder = {name: set(re.findall(r"secrets\.([A-Z0-9_]+)", str(job))) for name, job in jobs.items()}
    assert holder == SPLIT_SECRETS
    environments = {name: job.get("environment") for name, job in jobs.items()}
    assert environments == {
        "split-pre": "trusted-publication-observe",
        "split-publish": "trusted-publication-push",
        "split-during": "trusted-publication-observe",
        "split-post": "trusted-publication-observe",
        "split-judge": None,
    }
    assert {str(job["permissions"]) for job in jobs.values()} == {"{'contents': 'read'}"}


def test_only_the_publishing_job_publishes_and_the_watch_stands_beside_it() -> None:
    jobs = load("split-rights-probe.yml")["jobs"]
    modes = {name: (gates(job)["mode"], gates(job).get("phase")) for name, job in jobs.items()}
    assert modes == {
        "split-pre": ("capture", "pre"),
        "split-publish": ("publish", None),
        "split-during": ("capture", "during"),
        "split-post": ("capture", "post"),
        "split-judge": ("judge", None),
    }
    assert [name for name, job in jobs.items() if "confirm" in gates(job)] == ["split-publish"]
    assert jobs["split-publish"]["needs"] == jobs["split-during"]["needs"] == "split-pre"
    assert jobs["split-post"]["needs"] == ["split-pre", "split-publish", "split-during"]
    assert jobs["split-judge"]["needs"] == ["split-pre", "split-publish", "split-during", "split-post"]


def test_every_part_is_held_to_the_digest_that_its_own_job_put_out() -> None:
    """An artifact binds nothing: each job of a run can write the run's artifacts."""
    jobs = load("split-rights-probe.yml")["jobs"]
    value = {"split-publish": {"pre"}, "split-during": {"pre"}, "split-post": {"pre", "publish"}}
    value["split-judge"] = {"pre", "publish", "during", "post"}
    for name, parts in value.items():
        inputs = gates(jobs[name])
        assert set(inputs["parts"].split()) == {f".publication-parts/{part}" for part in parts}
        answer = re.findall(r"([a-z]+)=\$\{\{ needs\.split-([a-z]+)\.outputs\.digest \}\}", inputs["part-digests"])
        assert (len(answer), set(answer)) == (len(parts), {(part, part) for part in parts})
        fetched = [step["with"] for step in jobs[name]["steps"] if "download-artifact@" in step.get("uses", "")]
        assert {(row["name"], row["path"]) for row in fetched} == {
            (f"${{{{ needs.split-{part}.outputs.artifact }}}}", f".publication-parts/{part}") for part in parts
        }
    for name, job in jobs.items():
        if name != "split-judge":
            assert job["outputs"]["digest"] == "${{ steps.part.outputs.evidence-digest }}"


def test_the_document_of_the_split_run_names_every_code_of_a_part() -> None:
    from gate.judge.codes.registry import CODES

    text = (ROOT / "docs" / "split-rights.md").read_text(encoding="utf-8")
    expected = {row.code for row in CODES if row.code.startswith("part-")} - {"part-joined", "part-plan-bound"}
    assert set(re.findall(r"`(part-[a-z-]+)`", text)) == expected
