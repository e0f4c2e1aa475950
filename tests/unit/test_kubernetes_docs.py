"""The manifests grant what they say, and their script is the gate's own."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from gate.observe.kube_markers import marker_script
from gate.parse.exec_frames import newest_frame
from gate.parse.locator import parse_locator

FOLDER = Path(__file__).parents[2] / "docs" / "kubernetes"
ROLES = ("observer.yaml", "marker-exec.yaml", "log-canary.yaml")


def documents(name: str) -> list[Any]:
    return [result for result in yaml.safe_load_all((FOLDER / name).read_text("utf-8")) if result]


def rights(name: str) -> set[tuple[str, str]]:
    rules = [rule for result in documents(name) if result["kind"] == "Role" for rule in result["rules"]]
    return {(verb, resource) for rule in rules for verb in rule["verbs"] for resource in rule["resources"]}


def test_the_observer_may_do_no_more_than_is_told() -> None:
    assert rights("observer.yaml") == {
        ("get", "deployments"),
        ("get", "statefulsets"),
        ("get", "pods"),
        ("list", "pods"),
        ("get", "pods/log"),
    }
    assert rights("marker-exec.yaml") == {("get", "pods/exec"), ("create", "pods/exec")}
    assert rights("log-canary.yaml") == {("get", "pods/proxy")}
    kinds = {result["kind"] for name in ROLES for result in documents(name)}
    assert kinds == {"ServiceAccount", "Role", "RoleBinding"}


def test_bindings_are_of_the_observers_account() -> None:
    for name in ROLES:
        result = {each["kind"]: each for each in documents(name)}
        assert result["RoleBinding"]["roleRef"]["name"] == result["Role"]["metadata"]["name"]
        assert result["RoleBinding"]["subjects"] == [
            {"kind": "ServiceAccount", "name": "publication-gate", "namespace": "ci"}
        ]


def test_the_sidecars_script_is_the_gates() -> None:
    (result,) = documents("marker-sidecar.yaml")
    assert result["data"]["markers.sh"] == marker_script()


def test_the_sidecar_can_only_read() -> None:
    (result,) = documents("marker-sidecar-patch.yaml")
    (container,) = result["spec"]["template"]["spec"]["containers"]
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_sidecars_loop_gives_answers_that_are_read(tmp_path: Path) -> None:
    (result,) = documents("marker-sidecar.yaml")
    (tmp_path / "gate").mkdir()
    for name, script in result["data"].items():
        (tmp_path / "gate" / name).write_text(script)
    drive = tmp_path / "data"
    (drive / "attic").mkdir(parents=True)
    log = tmp_path / "log"
    with log.open("wb") as stream:
        loop = ["timeout", "3", "busybox", "sh", str(tmp_path / "gate/loop.sh"), str(drive), "attic"]
        subprocess.run(loop, stdout=stream, stderr=subprocess.STDOUT, check=False, timeout=20)
    output = log.read_bytes()
    assert output.count(b"gate-markers START") == 2
    assert {looked.path: looked.kind for looked in newest_frame(output).looks}[f"{drive}/attic"] == "directory"


def test_the_locators_of_the_text_are_locators() -> None:
    text = (FOLDER / "README.md").read_text("utf-8")
    result = [part for part in text.split('"') if part.startswith("kubectl://")]
    assert len(result) == 5
    for locator in result:
        parse_locator(locator)
