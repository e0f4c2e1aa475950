"""Attestations: gh is asked about the digest, the trusted workflow and the default branch, and only its yes counts."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from gate.clock import SystemClock
from gate.github.evidence import attester
from gate.model.basics import Secret
from gate.model.gating import RequirePolicy
from gate.process import CancelToken
from tests.helpers import github_world as gh
from tests.unit.judge.test_acceptance import PLACE

POLICY = RequirePolicy(
    guarded=(),
    workflow=gh.WORKFLOW,
    workflow_id=None,
    repository_id=None,
    events=("workflow_dispatch",),
    profiles=("medium-check",),
    max_age_hours=24,
    min_gate_version="0",
    attested=True,
    signer_workflow=None,
)


def ask(tmp_path: Path, script: str | None, policy: RequirePolicy = POLICY, /, **environ: str) -> str | None:
    tools = tmp_path / "bin"
    tools.mkdir(exist_ok=True)
    if script is not None:
        gh_tool = tools / "gh"
        gh_tool.write_text(f"#!/bin/sh\n{script}\n")
        gh_tool.chmod(0o755)
    env = {"PATH": f"{tools}:/usr/bin:/bin" if script is not None else str(tools), **environ}
    token = Secret(gh.TOKEN)
    attest = attester(PLACE, policy, token=token, environ=env, clock=SystemClock(), cancel=CancelToken())
    return attest(tmp_path / "evidence.json")


def test_a_yes_of_gh_is_taken_and_it_is_asked_the_right_thing(tmp_path: Path) -> None:
    output = tmp_path / "said"
    script = f'printf "%s\\n" "$@" >{output}; env >{output}.env'
    assert ask(tmp_path, script) is None
    assert output.read_text().split("\n")[:-1] == [
        "attestation",
        "verify",
        str(tmp_path / "evidence.json"),
        "--repo",
        gh.REPOSITORY,
        "--signer-workflow",
        f"{gh.REPOSITORY}/{gh.WORKFLOW}",
        "--source-ref",
        "refs/heads/main",
    ]
    assert f"GH_TOKEN={gh.TOKEN}" in Path(f"{output}.env").read_text()


@pytest.mark.row("TRU-12")
def test_gh_is_led_nowhere_by_the_environment(tmp_path: Path) -> None:
    """A proxy with authorities of its own, or a socket that gh's own settings name, would get the token."""
    output = tmp_path / "said"
    names = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "GH_CONFIG_DIR")
    environ = dict.fromkeys(names, "elsewhere")
    assert ask(tmp_path, f'env >{output}; ls -A "$GH_CONFIG_DIR" >>{output}', **environ) is None
    assert "elsewhere" not in output.read_text()
    assert "GH_CONFIG_DIR=" in output.read_text()


def test_a_reusable_workflow_signs_and_an_own_server_is_asked(tmp_path: Path) -> None:
    output = tmp_path / "said"
    signer = "o/publication-gate/.github/workflows/p.yml"
    script = f'printf "%s\\n" "$@" >{output}; env >{output}.env'
    other = replace(POLICY, signer_workflow=signer)
    assert ask(tmp_path, script, other, GITHUB_SERVER_URL="https://git.example.org") is None
    assert signer in output.read_text()
    env = Path(f"{output}.env").read_text()
    assert "GH_HOST=git.example.org" in env
    assert f"GH_ENTERPRISE_TOKEN={gh.TOKEN}" in env
    assert "GH_TOKEN=" not in env


@pytest.mark.parametrize("script", ["echo no attestations found >&2; exit 1", "kill -9 $$"])
def test_anything_else_is_a_no(tmp_path: Path, script: str) -> None:
    answer = ask(tmp_path, script)
    assert answer is not None
    assert "says no" in answer
    assert gh.TOKEN not in answer


def test_without_gh_nothing_is_attested(tmp_path: Path) -> None:
    assert os.environ.get("PATH")
    assert ask(tmp_path, None) == "gh is not on PATH: it is what verifies attestations"
