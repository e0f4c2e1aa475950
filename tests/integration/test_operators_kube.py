"""The operators' two commands with markers in a cluster, through a real kubectl."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.kube_api import KubeApi, kube_api
from tests.helpers.kubectl_tool import real_kubectl
from tests.integration.operator_rig import Done, Keeper, gate, keeping
from tests.integration.test_operators import CANARY, KEY_OF_STATE, RCA, READINESS, STATE, TWO, settle, write_state
from tests.integration.test_s3_senses import Store, store

__all__ = ["store"]
pytestmark = pytest.mark.lab
TOKEN = "kube-token-canary"


@pytest.fixture
def keeper(store: Store) -> Iterator[Keeper]:
    write_state(store, json.dumps(STATE))
    with keeping(store) as result:
        yield result


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with kube_api() as result:
        yield result


@dataclass(frozen=True)
class Cluster:
    """The store's drives as pods of a stateful set, and how the commands come there."""

    store: Store
    api: KubeApi
    folder: Path

    def run(self, *argv: str, server: str | None = None, **environ: str) -> Done:
        kube = {
            "KUBECONFIG": str(self.api.kubeconfig(self.folder)),
            "GATE_KUBECTL_BIN": str(real_kubectl()),
            "GATE_KUBE_CONTEXT": "lab",
            "GATE_MARKERS": f"kubectl://nix-cache/statefulset/rustfs?container=rustfs&path={self.store.data}",
        }
        config = self.folder / "gate.toml"
        config.write_text(f'[kubernetes]\nkube-server = "{self.api.url if server is None else server}"\n')
        done = gate(self.store, self.folder / "o.json", *argv, "--config", str(config), **{**kube, **environ})
        for text in (done.out, done.err, (self.folder / "o.json").read_text()):
            assert TOKEN not in text
            assert CANARY not in text
        return done


@pytest.fixture
def cluster(store: Store, keeper: Keeper, api: KubeApi, tmp_path: Path) -> Cluster:
    real = shutil.which("busybox")
    assert real, "busybox is not on PATH (Debian: apt-get install busybox)"
    programs = tmp_path / "bin"
    programs.mkdir()
    for applet in ("sh", "ls", "dd", "sha256sum"):
        (programs / applet).symlink_to(real)
    api.add("statefulset", "rustfs", 1, "rustfs", path=str(programs))
    return Cluster(store=store, api=api, folder=tmp_path)


def states(done: Done) -> dict[str, str]:
    return {name: result["state"] for name, result in done.said["buckets"].items()}


def place_of(done: Done) -> Any:
    (place,) = done.said["buckets"]["attic"]["samples"][0]["places"]
    return place


def test_a_healthy_index(cluster: Cluster) -> None:
    done = cluster.run(RCA, *TWO)
    assert (done.code, states(done)) == (0, {"attic": "indexed", "tofu-state": "indexed"}), done.out + done.err
    assert place_of(done)["place"].startswith("kubectl://nix-cache/pod/rustfs-0?container=rustfs&path=/")
    assert len(cluster.api.commands) == 2
    assert [command[:2] for command in cluster.api.commands] == [["sh", "-c"]] * 2


def test_a_lost_index_with_its_markers_in_the_pod(cluster: Cluster) -> None:
    cluster.store.lose("attic")
    done = cluster.run(RCA, *TWO, "--scratch-probe")
    assert (done.code, states(done)) == (4, {"attic": "index-lost", "tofu-state": "indexed"})
    assert "  data at kubectl://nix-cache/pod/rustfs-0?container=rustfs&path=" in done.out
    assert "the index is wrong already (attic)" in done.said["scratch"]["note"]


def test_a_strict_scratch_bucket_is_seen_on_the_pods_drive(cluster: Cluster, keeper: Keeper) -> None:
    done = cluster.run(RCA, *TWO, "--scratch-probe", "--strict-scratch-disk-markers")
    assert done.code == 0, done.out + done.err
    steps = {step["name"]: step["status"] for step in done.said["scratch"]["steps"]}
    assert steps["find on every drive"] == "pass"
    assert keeper.kept == [done.said["scratch"]["bucket"]]
    assert any(keeper.kept[0] in command for command in cluster.api.commands)
    settle(cluster.store)
    assert keeper.kept[0] not in {path.name for path in cluster.store.data.iterdir()}


def test_rights_that_lack_are_unknown(cluster: Cluster) -> None:
    cluster.api.forbidden.add("get pods/exec")
    cluster.api.forbidden.add("create pods/exec")
    done = cluster.run(RCA, *TWO)
    assert (done.code, states(done)) == (3, {"attic": "unobservable", "tofu-state": "unobservable"})
    assert "Forbidden" in place_of(done)["error"]
    cluster.store.lose("attic")
    assert states(cluster.run(RCA, *TWO))["attic"] == "unobservable"


def test_a_cut_answer_and_a_pod_that_is_gone_are_unknown(cluster: Cluster) -> None:
    cluster.api.exec.cut_stdout = 60
    done = cluster.run(RCA, *TWO)
    assert (done.code, place_of(done)["error"]) == (3, "the answer of the marker script has no end: it was cut.")
    cluster.api.pods.clear()
    done = cluster.run(RCA, *TWO)
    assert (done.code, place_of(done)["error"]) == (3, "statefulset rustfs has no pod")


@pytest.mark.parametrize("command", [RCA, READINESS])
def test_another_cluster_than_the_stated_one_is_refused(cluster: Cluster, command: str) -> None:
    key = ["--key", KEY_OF_STATE] if command == READINESS else []
    done = cluster.run(command, *key, server="https://kube.example:6443")
    assert (done.code, done.said["verdict"]["word"]) == (2, "refused")
    assert done.err.endswith("; nothing was done\n")
    assert cluster.api.requests == []


@pytest.mark.parametrize("command", [RCA, READINESS])
def test_no_kubectl_is_no_pass(cluster: Cluster, command: str) -> None:
    key = ["--key", KEY_OF_STATE, "--expect-interim"] if command == READINESS else []
    done = cluster.run(command, *key, GATE_KUBECTL_BIN="/none/kubectl")
    assert done.code in (2, 3)
    assert "/none/kubectl is not on PATH" in done.err + done.out


def test_the_state_with_its_buckets_markers_in_a_pod(cluster: Cluster) -> None:
    argv = (READINESS, "--key", KEY_OF_STATE, "--expect-interim")
    done = cluster.run(*argv)
    assert (done.code, done.said["level"], done.said["bucket_state"]) == (0, "interim", "indexed"), done.out + done.err
    assert [row["marker"] for row in done.said["samples"]] == ["present", "present"]
    cluster.store.lose("tofu-state")
    done = cluster.run(*argv)
    assert (done.code, done.said["level"], done.said["bucket_state"]) == (4, "broken", "index-lost")


def test_the_state_is_unknown_when_its_markers_are(cluster: Cluster) -> None:
    cluster.api.forbidden.add("list pods")
    done = cluster.run(READINESS, "--key", KEY_OF_STATE, "--expect-interim")
    assert (done.code, done.said["level"], done.said["bucket_state"]) == (3, "unknown", "unobservable")
    cluster.store.lose("tofu-state")
    done = cluster.run(READINESS, "--key", KEY_OF_STATE, "--expect-interim")
    assert (done.code, done.said["level"]) == (3, "unknown")
