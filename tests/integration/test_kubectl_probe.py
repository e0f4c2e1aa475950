"""A whole run whose store, server and log are pods."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = Path(__file__).with_name("kube_scenario.py")


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("kube")
    done = subprocess.run(
        [sys.executable, str(SCENARIO), str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


pytestmark = [pytest.mark.lab, pytest.mark.nix, pytest.mark.slow, pytest.mark.xdist_group("kube-probe")]


@pytest.mark.timeout(300)
def test_a_healthy_run_seen_through_kubectl_passes(facts: Any) -> None:
    observation = facts["healthy"]
    assert (observation["word"], observation["codes"], observation["troubles"]) == ("pass", [], [])
    assert [place.split("?")[0] for place in observation["places"]] == ["kubectl://nix-cache/pod/rustfs-0"]
    assert observation["workloads"] == [
        ["kubectl://nix-cache/pod/rustfs-0?container=rustfs", "present"],
        ["kubectl://nix-cache/pod/attic-7d9f8c-p0?container=attic", "present"],
        ["kubectl://nix-cache/pod/attic-7d9f8c-p1?container=attic", "present"],
    ]
    assert observation["log"] == ["present", "present"]
    assert observation["captured"] > 1
    assert facts["execs"] >= 10
    replicas = [[f"attic-7d9f8c-p{number}", "proxy", "present"] for number in range(2)]
    assert observation["replicas"] == [*replicas, *replicas]
    assert facts["proxied"] == 8
    assert observation["store_log"] == ["present", 0]


@pytest.mark.timeout(300)
def test_a_replaced_pod_of_the_store_and_what_its_log_tells_are_inconclusive(facts: Any) -> None:
    observation = facts["replaced"]
    assert (observation["word"], observation["codes"]) == (
        "inconclusive",
        ["epoch-changed", "log-storage-error", "log-store-unobservable"],
    )
    assert observation["store_log"] == ["unknown", 2]  # the new pod's log is read from its first line


@pytest.mark.timeout(300)
def test_the_clusters_token_is_nowhere_in_the_evidence(facts: Any) -> None:
    assert [facts[run]["leaks"] for run in ("healthy", "replaced")] == [[], []]
