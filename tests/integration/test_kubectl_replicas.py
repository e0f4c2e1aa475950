"""Replicas by a real kubectl: a canary to each through the API server, and looks into pods that come and go."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gate.clock import SystemClock
from gate.model.basics import Phase, Truth
from gate.model.captures import ReplicaCanary
from gate.model.kube import PodSeen
from gate.model.parsed import KubectlLocator
from gate.observe.kube_markers import look_at
from gate.observe.kubectl import Kubectl
from gate.observe.replica_canary import Asking, send_to_replicas
from gate.observe.server_log import open_window
from gate.parse.locator import parse_locator
from gate.process import CancelToken, Capture
from tests.helpers.kube_api import KubeApi, kube_api, running
from tests.helpers.kubectl_tool import real_kubectl

PLACE = "kubectl://nix-cache/deployment/attic?container=attic"
PORTS = [{"containerPort": 8080}]
ATTIC = json.dumps({"code": 500, "error": "InvalidStorePathHash", "message": "Error from the common components."})
Serves = Callable[[int, str], tuple[int, str, bytes]]


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with kube_api() as result:
        yield result


@pytest.fixture
def kubectl(api: KubeApi, tmp_path: Path) -> Kubectl:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "KUBECONFIG": str(api.kubeconfig(tmp_path))}
    program = str(real_kubectl())
    return Kubectl(environ=environ, cancel=CancelToken(), clock=SystemClock(), program=program, context="lab")


def attic(api: KubeApi, pod: str, *, logs: bool = True, status: int = 500) -> Serves:
    """A replica that answers as Attic does, and logs what it answers."""

    def serve(port: int, path: str) -> tuple[int, str, bytes]:
        assert port == 8080
        if logs:
            api.log(
                pod,
                f"2026-11-24T00:00:05Z ERROR attic_server::error: Error.\n  with method=GET uri={path} v=1",
                "attic",
            )
        return status, "application/json", ATTIC.encode()

    return serve


def send(kubectl: Kubectl, phase: Phase = Phase.PRE) -> tuple[ReplicaCanary, ...]:
    asking = Asking(endpoint="https://cache.example.org", cache="main", nonce="ab", inside=False, cancel=CancelToken())
    sent = send_to_replicas(PLACE, asking, phase=phase, kubectl=kubectl)
    assert sent is not None
    return sent.replicas


def test_each_replica_answers_and_logs_a_canary_of_its_own(api: KubeApi, kubectl: Kubectl, tmp_path: Path) -> None:
    pods = api.add("deployment", "attic", 3, "attic", ports=PORTS)
    for number, pod in enumerate(pods):
        pod.serves = attic(api, pod.name, logs=number != 2)
    window = open_window(PLACE, kubectl)
    rows = send(kubectl)
    assert [(row.route, row.answered, row.error) for row in rows] == [("proxy", True, "")] * 3
    assert len(api.proxied) == 3
    assert not [output for headers in api.proxied for output in headers.values() if "token" in output.lower()]
    capture = Capture(tmp_path, "server.log")
    notes = window.capture(capture, [row.nonce for row in rows], clock=SystemClock(), seconds=0.05)
    capture.close()
    text = (tmp_path / "server.log").read_text()
    lines = [line for line in text.split("\n") if "gate-canary" in line]
    assert [line.split("] ")[0] for line in lines] == [f"[pod/{pod.name}/attic" for pod in pods[:2]]
    assert [rows[2].nonce in note for note in notes] == [True]


def test_without_the_right_nothing_comes_to_a_pod_and_the_reason_is_told(api: KubeApi, kubectl: Kubectl) -> None:
    for pod in api.add("deployment", "attic", 2, "attic", ports=PORTS):
        pod.serves = attic(api, pod.name)
    api.forbidden.add("get pods/proxy")
    rows = send(kubectl)
    assert [(row.route, row.answered) for row in rows] == [(None, False)] * 2
    assert 'cannot get resource "pods/proxy"' in rows[0].error
    assert (api.proxied, api.logs) == ([], {})


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (200, "it answered with success, expected Attic's 500"),
        (400, "the server rejected our request for an unknown reason"),
        (None, "error trying to reach service: dial tcp"),
    ],
)
def test_another_answer_is_not_attics(api: KubeApi, kubectl: Kubectl, status: int | None, message: str) -> None:
    first, second = api.add("deployment", "attic", 2, "attic", ports=PORTS)
    first.serves = None if status is None else attic(api, first.name, status=status)
    second.containers["attic"] = {"restartCount": 0, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    one, two = send(kubectl)
    assert (one.route, two.route) == (None, None)
    assert message in one.error
    assert two.error == "attic is waiting (CrashLoopBackOff)"
    assert len(api.proxied) == 1


# ------------------------------------------------------------------------- looks into pods beside the list of them


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    result = tmp_path / "data"
    (result / "attic").mkdir(parents=True)
    (result / ".rustfs.sys/buckets/attic/.metadata.bin").mkdir(parents=True)
    (result / ".rustfs.sys/format.json").write_text('{"id": "deployment-1", "xl": {"this": "drive-1"}}')
    return result


def markers(kubectl: Kubectl, drive: Path) -> list[tuple[str, Truth, str | None]]:
    place = f"kubectl://nix-cache/statefulset/rustfs?container=rustfs&path={drive}"
    rows = look_at(place, ["attic"], kubectl=kubectl)
    return [(row.place.split("?")[0].rpartition("/")[2], row.markers[0].data, row.error) for row in rows]


def test_a_pod_that_is_the_same_is_looked_into_once_beside_the_list(
    api: KubeApi, kubectl: Kubectl, drive: Path
) -> None:
    api.add("statefulset", "rustfs", 2, "rustfs")
    whole = [("rustfs-0", Truth.PRESENT, None), ("rustfs-1", Truth.PRESENT, None)]
    assert markers(kubectl, drive) == whole
    assert markers(kubectl, drive) == whole
    assert len(api.commands) == 4
    lists = [request for request in api.requests if "labelSelector" in request]
    assert len(lists) == 2  # one a look: none is trusted from before


def restart(api: KubeApi) -> None:
    api.pods["rustfs-0"].containers["rustfs"] = running(1, started="2026-11-24T05:00:00Z")


def swap(api: KubeApi) -> None:
    api.pods["rustfs-0"].uid = "uid-new"


def move(api: KubeApi) -> None:
    api.add_pod("statefulset", "rustfs", 1, "rustfs")
    del api.pods["rustfs-0"]


@pytest.mark.parametrize(
    ("change", "name", "looks"), [(restart, "rustfs-0", 2), (swap, "rustfs-0", 2), (move, "rustfs-1", 1)]
)
def test_a_pod_that_is_another_is_looked_into_again_after_the_list(
    api: KubeApi,
    kubectl: Kubectl,
    drive: Path,
    *,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[KubeApi], None],
    name: str,
    looks: int,
) -> None:
    """The look that was begun on what was known does not count, whatever it saw: the new pod's drive has no bucket."""
    api.add("statefulset", "rustfs", 1, "rustfs")
    assert markers(kubectl, drive) == [("rustfs-0", Truth.PRESENT, None)]
    request = len(api.commands)
    change(api)
    start = threading.Event()
    listed = kubectl.pods

    def look() -> None:
        if len(api.commands) == request + looks:
            (drive / "attic").rmdir()
        start.set()

    def pods(place: KubectlLocator, *, seconds: float) -> tuple[PodSeen, ...]:
        if looks > 1:  # where the old pod has its name still, the early look comes there before the list
            assert start.wait(120)
        return listed(place, seconds=seconds)

    api.exec.before = look
    monkeypatch.setattr(kubectl, "pods", pods)
    assert markers(kubectl, drive) == [(name, Truth.ABSENT, None)]
    assert len(api.commands) == request + looks


def test_a_pod_that_came_is_looked_into_too(api: KubeApi, kubectl: Kubectl, drive: Path) -> None:
    api.add("statefulset", "rustfs", 1, "rustfs")
    markers(kubectl, drive)
    api.add_pod("statefulset", "rustfs", 1, "rustfs")
    assert [row[:2] for row in markers(kubectl, drive)] == [("rustfs-0", Truth.PRESENT), ("rustfs-1", Truth.PRESENT)]


def test_pods_that_can_not_be_told_any_more_are_unknown(api: KubeApi, kubectl: Kubectl, drive: Path) -> None:
    """A look into what was known counts for nothing where the list fails."""
    api.add("statefulset", "rustfs", 1, "rustfs")
    markers(kubectl, drive)
    api.forbidden.add("list pods")
    (row,) = look_at(
        f"kubectl://nix-cache/statefulset/rustfs?container=rustfs&path={drive}", ["attic"], kubectl=kubectl
    )
    assert "forbidden" in (row.error or "")
    assert row.markers[0].data is Truth.UNKNOWN


def test_an_answer_is_taken_again_only_since_a_moment(api: KubeApi, kubectl: Kubectl) -> None:
    place = parse_locator(PLACE)
    assert isinstance(place, KubectlLocator)
    assert kubectl.known_pods(place) == ()
    api.add("deployment", "attic", 1, "attic")
    began = kubectl.clock.monotonic()
    result = kubectl.pods(place)
    request = len(api.requests)
    api.pods.clear()
    assert kubectl.pods(place, since=began) == result
    assert (len(api.requests), kubectl.known_pods(place)) == (request, result)
    assert kubectl.pods(place, since=kubectl.clock.monotonic()) == ()
    assert kubectl.known_pods(place) == ()
