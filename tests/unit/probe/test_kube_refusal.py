"""A kubectl that is missing or leads elsewhere, or names what no cluster can, refuses the run before it begins."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gate.clock import SystemClock
from gate.errors import RefusedError
from gate.probe.context import kubectl_of
from gate.probe.identify import refuse_impossible_names, refuse_missing_tools
from gate.probe.plan import run
from gate.probe.split_parts import take_pre
from gate.probe.tools import find_programs
from gate.probe.world import Quiet, World
from gate.process import CancelToken
from gate.settings import Settings, resolve
from tests.helpers.changed import changed

PLACE = "kubectl://nix-cache/deployment/rustfs?container=rustfs&path=/data"
CONFIG = {
    "contexts": [{"name": "lab", "context": {"cluster": "c", "user": "u"}}],
    "clusters": [{"name": "c", "cluster": {"server": "https://kube.lab:6443"}}],
    "users": [{"name": "u", "user": {}}],
    "current-context": "lab",
}


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    result = tmp_path / "bin"
    result.mkdir()
    for name in ("nix", "nix-store", "attic"):
        (result / name).write_text("#!/bin/sh\nexit 1\n")
        (result / name).chmod(0o755)
    return result


def add_kubectl(tools: Path, config: dict[str, Any]) -> None:
    (tools / "config.json").write_text(json.dumps(config))
    (tools / "kubectl").write_text(f'#!/bin/sh\necho "$*" >>{tools}/calls\nexec cat {tools}/config.json\n')
    (tools / "kubectl").chmod(0o755)


def world(tools: Path) -> World:
    return World(
        environ={"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(tools)},
        cancel=CancelToken(),
        progress=Quiet(),
        clock=SystemClock(),
    )


OBSERVING = {f"GATE_{name}": "x" for name in ("READ_TOKEN", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY")}
HELD = {**OBSERVING, "GATE_PUSH_TOKEN": "x"}


def settings(environ: dict[str, str] | None = None, **changes: Any) -> Settings:
    flags: dict[str, Any] = {
        "attic_server": "https://attic.lab",
        "attic_cache": "main",
        "s3_endpoint": "https://s3.lab",
        "state_key": "k",
        "markers": (PLACE,),
        "store_workload": "file:///s.pid",
        "cache_workload": "file:///c.pid",
        "server_log": "file:///c.log",
        "kube_context": "lab",
        "kube_server": "https://kube.lab:6443",
        "kubectl_bin": "kubectl",
        **changes,
    }
    return resolve("synthetic", toml={}, environ=environ or HELD, flags=flags, read_file=str)


def test_the_pinned_cluster_is_used(tools: Path) -> None:
    add_kubectl(tools, CONFIG)
    refuse_missing_tools(settings(), world(tools))
    assert (tools / "calls").read_text() == "config view --output=json\n"
    kubectl = kubectl_of(settings(), world(tools), find_programs(settings(), world(tools)))
    assert kubectl is not None
    assert (kubectl.program, kubectl.context) == (str(tools / "kubectl"), "lab")


@pytest.mark.row("KUBE-01", "KUBE-05")
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"kubectl_bin": "kubectl-none"}, "kubectl-none is not on PATH"),
        ({"kube_server": "https://prod:6443"}, "leads to 'https://kube.lab:6443': expected kube-server"),
        ({"kube_context": ""}, "expected kube-context and kube-server in gate.toml"),
        ({"kube_context": "prod"}, "has 0 contexts of the name 'prod'"),
    ],
)
def test_another_cluster_refuses_the_run(tools: Path, tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    add_kubectl(tools, CONFIG)
    with pytest.raises(RefusedError, match=why) as refused:
        run(settings(**changes), tmp_path / "evidence", world(tools))
    assert refused.value.exit_code == 2
    assert not (tmp_path / "evidence").exists()


@pytest.mark.row("KUBE-05", "KUBE-16")
@pytest.mark.parametrize(
    ("cluster", "user", "why"),
    [
        ({"insecure-skip-tls-verify": True}, {}, "does not verify its server"),
        ({}, {"exec": {"command": "/bin/touch"}}, "would run '/bin/touch'"),
        ({}, {"auth-provider": {"name": "x"}}, "would run 'auth-provider'"),
    ],
)
def test_an_unsafe_kubeconfig_refuses_the_run(
    tools: Path, tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], why: str
) -> None:
    result = json.loads(json.dumps(CONFIG))
    result["clusters"][0]["cluster"].update(cluster)
    result["users"][0]["user"] = user
    add_kubectl(tools, result)
    with pytest.raises(RefusedError, match=why):
        run(settings(), tmp_path / "evidence", world(tools))
    assert not (tmp_path / "evidence").exists()


PODS = """#!/bin/sh
echo "$*" >>{0}/calls
case "$*" in
config*) exec cat {0}/config.json ;;
*deployments*) echo '{{"metadata":{{"uid":"d1"}},"spec":{{"selector":{{"matchLabels":{{"app":"x"}}}}}}}}' ;;
*) exec cat {0}/pods.json ;;
esac
"""


def add_pod(tools: Path, name: str) -> None:
    """A cluster that says that the store has one pod, of this name and else as it must be."""
    add_kubectl(tools, CONFIG)
    (tools / "kubectl").write_text(PODS.format(tools))
    pod = {
        "metadata": {
            "name": name,
            "uid": "p1",
            "ownerReferences": [{"kind": "ReplicaSet", "name": "rustfs-7d", "uid": "r", "controller": True}],
        },
        "spec": {"nodeName": "n1", "containers": [{"name": "rustfs"}]},
        "status": {"phase": "Running"},
    }
    (tools / "pods.json").write_text(json.dumps({"kind": "PodList", "metadata": {}, "items": [pod]}))


@pytest.mark.row("KUBE-07")
@pytest.mark.parametrize("act", [run, take_pre], ids=["probe", "pre"])
@pytest.mark.parametrize("name", ["--help", "a;touch pwned", "-rustfs", "$(touch pwned)", "`touch pwned`", "a b", "A"])
def test_a_pod_name_that_is_none_refuses_the_run(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[..., object]
) -> None:
    monkeypatch.chdir(tmp_path)
    add_pod(tools, name)
    with pytest.raises(RefusedError, match="what answers kubectl is no Kubernetes API") as refused:
        act(settings(HELD if act is run else OBSERVING), tmp_path / "evidence", world(tools))
    assert refused.value.exit_code == 2
    assert ascii(name) in str(refused.value)
    assert not (tmp_path / "evidence").exists()
    assert not list(tmp_path.rglob("*pwned*"))
    calls = (tools / "calls").read_text()
    assert "deployments/rustfs" in calls
    assert "pods?labelSelector" in calls
    assert name not in calls
    assert "exec" not in calls


def test_pods_as_they_must_be_refuse_nothing_and_a_workload_is_asked_for_once(tools: Path) -> None:
    add_pod(tools, "rustfs-7d-x")
    log = PLACE.partition("&")[0]
    refuse_impossible_names(settings(markers=(PLACE, "file:///data", PLACE), server_log=log), world(tools))
    assert (tools / "calls").read_text().count("pods?labelSelector") == 1


def test_a_cluster_that_does_not_answer_refuses_nothing(tools: Path) -> None:
    add_pod(tools, "rustfs-7d-x")
    (tools / "pods.json").unlink()
    refuse_impossible_names(settings(markers=(PLACE,)), world(tools))
    refuse_impossible_names(settings(markers=("file:///data",), kubectl_bin="none"), world(tools))


def test_plain_http_to_another_machine_is_refused(tools: Path) -> None:
    result = json.loads(json.dumps(CONFIG))
    result["clusters"][0]["cluster"]["server"] = "http://kube.lab:8080"
    add_kubectl(tools, result)
    with pytest.raises(RefusedError, match="does not verify its server"):
        refuse_missing_tools(settings(kube_server="http://kube.lab:8080"), world(tools))


@pytest.mark.row("KUBE-05")
def test_the_certificate_authority_is_compared(tools: Path) -> None:
    result = json.loads(json.dumps(CONFIG))
    add_kubectl(tools, result)
    (tools / "kubectl").write_text(
        f'#!/bin/sh\ncase "$*" in *authority-data*) printf "%s" Y2E= ;; *) exec cat {tools}/config.json ;; esac\n'
    )
    right = "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"  # sha256 of the two bytes `ca`
    refuse_missing_tools(settings(kube_authority=right.upper()), world(tools))
    with pytest.raises(RefusedError, match=f"trusts the certificate authority {right}: expected kube-authority 00"):
        refuse_missing_tools(settings(kube_authority="00"), world(tools))
    (tools / "kubectl").write_text(
        f'#!/bin/sh\ncase "$*" in *authority-data*) echo "?" ;; *) exec cat {tools}/config.json ;; esac\n'
    )
    with pytest.raises(RefusedError, match="authority unreadable"):
        refuse_missing_tools(settings(kube_authority=right), world(tools))


def test_without_a_place_in_a_cluster_kubectl_is_not_needed(tools: Path) -> None:
    refuse_missing_tools(settings(markers=("file:///data",), kubectl_bin="none"), world(tools))
    here = settings(markers=("file:///data",))
    assert kubectl_of(here, world(tools), find_programs(here, world(tools))) is None


@pytest.mark.row("NIX-14")
@pytest.mark.parametrize("command", ["config show --json", "show-config --json"])
def test_a_setting_of_nix_that_gate_toml_does_not_state_refuses_before_anything_is_asked(
    tools: Path, command: str
) -> None:
    """By Nix's own answer, old and new, whatever file or variable it comes from."""
    answer = {
        "require-sigs": {"value": False, "defaultValue": True},
        "sandbox": {"value": True, "defaultValue": True},
        "substituters": {"value": [], "defaultValue": []},
    }
    (tools / "answer").write_text(json.dumps(answer))
    (tools / "nix").write_text(f'#!/bin/sh\ncase "$*" in *"{command}") exec cat {tools}/answer;; esac\nexit 1\n')
    here = settings(markers=("file:///data",))
    with pytest.raises(RefusedError, match=r"require-sigs = false.*nix-settings of \[nix\]"):
        refuse_missing_tools(here, world(tools))
    statement = changed(here, nix_settings=("require-sigs = false",))
    refuse_missing_tools(statement, world(tools))
    (tools / "nix").write_text("#!/bin/sh\nexit 1\n")
    refuse_missing_tools(here, world(tools))  # a Nix that does not answer is judged, as unknown
