"""A whole probe of the lab's servers, seen through a cluster: markers by exec, epochs of pods, both logs by kubectl.

Attic is two replicas, both the lab's one server. A process of its own, because a private /nix is for a whole process.
Prints one JSON object: two runs, the second with the store's pod replaced, and its log telling of a drive, before the
evidence after.
"""

import json
import os
import sys
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gate.clock import SystemClock
from gate.lab.place import enter
from gate.lab.s3 import RcloneStore
from gate.lab.stack import Stack
from gate.probe import World, run
from gate.probe.world import Quiet
from gate.process import CancelToken
from tests.helpers.kube_api import KubeApi, kube_api
from tests.helpers.kubectl_tool import real_kubectl


class At(Quiet):
    """Does something when a stage begins."""

    def __init__(self, name: str, act: Callable[[], object]) -> None:
        self.name, self.act = name, act

    def stage(self, name: str) -> None:
        if name == self.name:
            self.act()


LIVES = '{"level":"INFO","fields":{"message":"data scanner cycle done"},"target":"rustfs_scanner"}'


def trouble(api: KubeApi) -> None:
    api.pods["rustfs-0"].uid = "uid-replaced"
    api.log("rustfs-0", '{"level":"WARN","fields":{"message":"Disk health check marked disk faulty"}}', "rustfs")


def serves(endpoint: str) -> Callable[[int, str], tuple[int, str, bytes]]:
    """What a replica answers to what comes through the API server: the lab's own server does, without any token."""

    def answer(port: int, path: str) -> tuple[int, str, bytes]:
        assert port == 8080
        request = urlsplit(endpoint)
        connection = HTTPConnection(request.netloc, timeout=60)
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read()

    return answer


def once(stack: Stack, api: KubeApi, folder: Path, progress: Quiet) -> dict[str, Any]:
    assert isinstance(stack.store, RcloneStore)
    places: dict[str, Any] = {
        "markers": (f"kubectl://nix-cache/statefulset/rustfs?container=rustfs&path={stack.store.data}",),
        "store_workload": "kubectl://nix-cache/statefulset/rustfs?container=rustfs",
        "cache_workload": "kubectl://nix-cache/deployment/attic?container=attic",
        "server_log": "kubectl://nix-cache/deployment/attic?container=attic",
        "store_log": "kubectl://nix-cache/statefulset/rustfs?container=rustfs",
        "kubectl_bin": str(real_kubectl()),
        "kube_context": "lab",
        "kube_server": api.url,
    }
    settings = stack.settings_for("synthetic", **places)
    environ = {**stack.environ(), "KUBECONFIG": str(api.kubeconfig(folder.parent))}
    evidence = run(
        settings, folder, World(environ=environ, cancel=CancelToken(), progress=progress, clock=SystemClock())
    )
    return {
        "word": evidence.verdict.word.value,
        "codes": list(evidence.verdict.codes),
        "troubles": list(evidence.journal.troubles),
        "places": sorted({place.place for place in evidence.post.buckets["attic"].places}),
        "workloads": [[row.place, row.truth.value] for row in evidence.post.workloads],
        "replicas": [
            [row.pod, row.route, row.logged.value] for row in (*evidence.pre.replicas, *evidence.post.replicas)
        ],
        "store_log": evidence.store_log and [evidence.store_log.truth.value, evidence.store_log.troubles],
        "log": [evidence.server_log.truth.value, evidence.post.canary and evidence.post.canary.logged.value],
        "captured": (folder / "server.log").read_bytes().count(b"[pod/attic-7d9f8c-p0/attic] "),
        "leaks": [str(path) for path in folder.iterdir() if b"kube-token-canary" in path.read_bytes()],
    }


def main() -> None:
    enter(os.environ)
    with Stack(os.environ, cancel=CancelToken(), clock=SystemClock()) as stack, kube_api() as api:
        api.add("statefulset", "rustfs", 1, "rustfs")
        api.log("rustfs-0", '{"level":"ERROR","fields":{"message":"drive is faulty"}}', "rustfs", ago=60)
        settings = stack.settings_for("synthetic")
        changes = {"ports": [{"containerPort": 8080}], "serves": serves(settings.policy.attic_server)}
        for attic in api.add("deployment", "attic", 2, "attic", **changes):
            api.followed[attic.name, "attic"] = Path(settings.policy.server_log.removeprefix("file://"))
        work = Path(sys.argv[1])
        facts = {
            "healthy": once(stack, api, work / "healthy", At("post", lambda: api.log("rustfs-0", LIVES, "rustfs"))),
            "replaced": once(stack, api, work / "replaced", At("post", lambda: trouble(api))),
            "execs": len(api.commands),
            "proxied": len(api.proxied),
        }
    print(json.dumps(facts))


main()
