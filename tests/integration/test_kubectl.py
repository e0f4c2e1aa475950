"""A real kubectl v1.35 against a small API server: discovery, pods, exec over WebSockets, logs, and what may go wrong.

Commands of the server's "containers" run on this machine with nothing but busybox's programs.
"""

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.clock import SystemClock
from gate.model import records
from gate.model.basics import Phase, Truth
from gate.model.parsed import KubectlLocator
from gate.model.records import PlaceSeen
from gate.observe import kube_markers
from gate.observe.kube_log import KubeLogWindow
from gate.observe.kube_markers import look_at, marker_script
from gate.observe.kube_workload import distrust, look_at_replicas
from gate.observe.kubectl import Kubectl
from gate.observe.server_log import open_window
from gate.parse.locator import parse_locator
from gate.process import CancelToken, Capture
from tests.helpers import runs
from tests.helpers.kube_api import KubeApi, exit_status, kube_api, running
from tests.helpers.kubectl_tool import real_kubectl

PRESENT, ABSENT, UNKNOWN = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN
PRE, POST = runs.PRE_NONCE, runs.POST_NONCE
TOKEN = "kube-token-canary"


@pytest.fixture(scope="session")
def program() -> str:
    return str(real_kubectl())


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with kube_api() as result:
        yield result


@pytest.fixture
def kubectl(api: KubeApi, program: str, tmp_path: Path) -> Kubectl:
    (tmp_path / "home").mkdir()
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home"), "KUBECONFIG": str(api.kubeconfig(tmp_path))}
    return Kubectl(environ=environ, cancel=CancelToken(), clock=SystemClock(), program=program, context="lab")


@pytest.fixture
def busybox(tmp_path: Path) -> str:
    real = shutil.which("busybox")
    assert real, "busybox is not on PATH: the tests show that its shell is enough (Debian: apt-get install busybox)"
    (tmp_path / "bin").mkdir()
    for applet in ("sh", "ls", "dd", "sha256sum"):
        (tmp_path / "bin" / applet).symlink_to(real)
    return str(tmp_path / "bin")


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    result = tmp_path / "data"
    for bucket in ("attic", "tofu-state"):
        (result / bucket).mkdir(parents=True)
        (result / ".rustfs.sys/buckets" / bucket / ".metadata.bin").mkdir(parents=True)
    (result / ".rustfs.sys/format.json").write_text('{"id": "deployment-1", "xl": {"this": "drive-1"}}')
    return result


def place(drive: Path, kind: str = "deployment", name: str = "rustfs", container: str = "rustfs") -> str:
    return f"kubectl://nix-cache/{kind}/{name}?container={container}&path={drive}"


def truths(seen: PlaceSeen) -> list[tuple[str, Truth, Truth]]:
    return [(mark.bucket, mark.data, mark.meta) for mark in seen.markers]


def rows_of(*places: PlaceSeen) -> set[tuple[str, str]]:
    """What the gate says of a healthy run with these places; anything but a pass has rows."""
    run = runs.healthy().change(records.BucketSampled, lambda record: replace(record, places=places))
    assert run.word() == ("pass" if run.rows() == set() else "inconclusive")
    return run.rows()


UNSEEN = {("bucket-unobservable", "inconclusive")}


# ------------------------------------------------------------------------------------------------------------- markers


def test_markers_of_a_deployment_and_of_a_lost_bucket(
    api: KubeApi, kubectl: Kubectl, drive: Path, busybox: str, tmp_path: Path
) -> None:
    api.add("deployment", "rustfs", 1, "rustfs", path=busybox)
    (drive / "gone").mkdir()
    (observation,) = look_at(place(drive), ["attic", "tofu-state", "gone", "none"], kubectl=kubectl)
    assert observation.place == place(drive, "pod", "rustfs-7d9f8c-p0")
    assert truths(observation) == [
        ("attic", PRESENT, PRESENT),
        ("tofu-state", PRESENT, PRESENT),
        ("gone", PRESENT, ABSENT),
        ("none", ABSENT, ABSENT),
    ]
    assert (observation.volume, observation.error) == ("deployment-1/drive-1", None)
    assert rows_of(observation) == set()
    assert api.commands[0][:2] == ["sh", "-c"]
    assert TOKEN not in str(api.commands)
    assert list((tmp_path / "home").iterdir()) == []  # kubectl keeps nothing outside of the evidence folder


@pytest.mark.parametrize("kind", ["statefulset", "deployment"])
def test_every_replica_and_every_drive(
    api: KubeApi, kubectl: Kubectl, drive: Path, *, busybox: str, tmp_path: Path, kind: str
) -> None:
    pods = api.add(kind, "rustfs", 3, "rustfs", path=busybox)
    second = tmp_path / "data1"
    shutil.copytree(drive, second)
    shutil.rmtree(second / "attic")
    observation = [row for each in (drive, second) for row in look_at(place(each, kind), ["attic"], kubectl=kubectl)]
    assert [row.place for row in observation] == [
        place(each, "pod", pod.name) for each in (drive, second) for pod in pods
    ]
    assert [truths(row) for row in observation] == [[("attic", PRESENT, PRESENT)]] * 3 + [
        [("attic", ABSENT, PRESENT)]
    ] * 3


def test_one_pod_by_its_name(api: KubeApi, kubectl: Kubectl, drive: Path, busybox: str) -> None:
    api.add("statefulset", "rustfs", 2, "rustfs", path=busybox)
    (observation,) = look_at(place(drive, "pod", "rustfs-1"), ["attic"], kubectl=kubectl)
    assert (observation.place, truths(observation)) == (place(drive, "pod", "rustfs-1"), [("attic", PRESENT, PRESENT)])
    assert not [request for request in api.requests if "statefulsets" in request]


@pytest.mark.row("DISK-10")
@pytest.mark.parametrize("cut", [0, 20, 200, -60, -1])
def test_disk_10_a_stdout_that_the_api_server_cuts_and_calls_a_success(
    api: KubeApi, kubectl: Kubectl, drive: Path, busybox: str, cut: int
) -> None:
    api.add("deployment", "rustfs", 1, "rustfs", path=busybox)
    (whole,) = look_at(place(drive), ["attic", "tofu-state"], kubectl=kubectl)
    assert rows_of(whole) == set()
    size = len(kubectl.exec("nix-cache", "rustfs-7d9f8c-p0", "rustfs", api.commands[0], cap=10**6, seconds=10))
    api.exec.cut_stdout = cut if cut >= 0 else size + cut
    (observation,) = look_at(place(drive), ["attic", "tofu-state"], kubectl=kubectl)
    assert "the answer of the marker script" in (observation.error or "")
    assert rows_of(observation) == UNSEEN
    assert len(api.commands) == 3


@pytest.mark.row("KUBE-04")
def test_kube_04_a_banner_of_the_shell(api: KubeApi, kubectl: Kubectl, drive: Path, busybox: str) -> None:
    api.add("deployment", "rustfs", 1, "rustfs", path=busybox, containers={"rustfs": running(), "other": running()})
    api.exec.banner = b"Welcome to rustfs!\nDefaulted container"
    (observation,) = look_at(place(drive), ["attic", "tofu-state"], kubectl=kubectl)
    assert rows_of(observation) == set()
    assert "container=rustfs" in next(request for request in api.requests if "/exec?" in request)


@pytest.mark.row("DISK-18")
@pytest.mark.parametrize(("end", "code"), [(exit_status(126), "126"), (exit_status(127), "127"), (None, "1")])
def test_disk_18_no_shell(api: KubeApi, kubectl: Kubectl, drive: Path, *, tmp_path: Path, end: Any, code: str) -> None:
    (tmp_path / "empty").mkdir()
    api.add("deployment", "rustfs", 1, "rustfs", path=str(tmp_path / "empty"))
    api.exec.end = end
    (observation,) = look_at(place(drive), ["attic", "tofu-state"], kubectl=kubectl)
    assert f"there is no sh in this container (exit {code}" in (observation.error or "")
    assert rows_of(observation) == UNSEEN
    assert len(api.commands) == 1


@pytest.mark.parametrize(
    ("verb", "reply"),
    [
        ("get deployments", "cannot get resource"),
        ("list pods", "cannot list resource"),
        ("get pods/exec", "cannot get resource"),
        ("create pods/exec", "cannot create resource"),
    ],
)
def test_rbac_refusals(api: KubeApi, kubectl: Kubectl, drive: Path, *, busybox: str, verb: str, reply: str) -> None:
    api.add("deployment", "rustfs", 1, "rustfs", path=busybox)
    api.forbidden.add(verb)
    (observation,) = look_at(place(drive), ["attic", "tofu-state"], kubectl=kubectl)
    assert reply in (observation.error or "") or "forbidden" in (observation.error or "").lower()
    assert rows_of(observation) == UNSEEN
    assert api.commands == []


@pytest.mark.row("KUBE-08")
def test_kube_08_no_pod(api: KubeApi, kubectl: Kubectl, drive: Path) -> None:
    api.add("deployment", "rustfs", 0)
    (observation,) = look_at(place(drive), ["attic", "tofu-state"], kubectl=kubectl)
    assert observation.error == "deployment rustfs has no pod"
    assert rows_of(observation) == UNSEEN


@pytest.mark.row("KUBE-07")
def test_kube_07_the_api_names_a_pod_that_is_none(api: KubeApi, kubectl: Kubectl, drive: Path, busybox: str) -> None:
    api.add("deployment", "rustfs", 1, "rustfs", path=busybox)
    api.add_pod("deployment", "rustfs", 1, "rustfs", path=busybox).name = "--help"
    (observation,) = look_at(place(drive), ["attic", "tofu-state"], kubectl=kubectl)
    assert "says '--help': expected a DNS-1123 name" in (observation.error or "")
    assert api.commands == []


def test_pods_that_ended_are_no_replicas(api: KubeApi, kubectl: Kubectl, drive: Path, busybox: str) -> None:
    api.add("deployment", "rustfs", 1, "rustfs", path=busybox)
    api.add_pod("deployment", "rustfs", 1, "rustfs", phase="Failed")
    observation = look_at(place(drive), ["attic"], kubectl=kubectl)
    assert [row.error for row in observation] == [None]


def test_a_pod_that_is_replaced_between_list_and_exec(
    api: KubeApi, kubectl: Kubectl, drive: Path, busybox: str
) -> None:
    (pod,) = api.add("deployment", "rustfs", 1, "rustfs", path=busybox)
    locator = parse_locator(place(drive))
    assert isinstance(locator, KubectlLocator)
    result = kubectl.pods(locator)
    del api.pods[pod.name]
    observation = kube_markers._look_in(kubectl, locator, result[0], ["attic", "tofu-state"], 10)
    assert f'pods "{pod.name}" not found' in (observation.error or "")
    assert rows_of(observation) == UNSEEN


@pytest.mark.row("KUBE-19")
@pytest.mark.parametrize(
    ("code", "message"), [(410, "too old resource version"), (500, "etcd leader changed"), (504, "timed out")]
)
def test_kube_19_an_api_server_in_trouble(api: KubeApi, kubectl: Kubectl, drive: Path, code: int, message: str) -> None:
    api.add("deployment", "rustfs", 1, "rustfs")
    api.broken = (code, message)
    (observation,) = look_at(place(drive), ["attic", "tofu-state"], kubectl=kubectl)
    assert message in (observation.error or "")
    assert rows_of(observation) == UNSEEN
    assert len(api.requests) >= 1


def test_an_exec_that_stalls(api: KubeApi, kubectl: Kubectl, drive: Path, busybox: str) -> None:
    api.add("deployment", "rustfs", 1, "rustfs", path=busybox)
    api.exec.before = lambda: time.sleep(6)
    (observation,) = look_at(place(drive), ["attic", "tofu-state"], kubectl=kubectl, seconds=3)
    assert "kubectl did not answer within" in (observation.error or "")
    assert rows_of(observation) == UNSEEN | {("store-stalled", "inconclusive")}
    assert len(api.commands) == 1


# ------------------------------------------------------------------------------------------------------ marker sidecar


def framed(kubectl: Kubectl, drive: Path, pod: str, nonce: str) -> str:
    command = ("sh", "-c", marker_script(), "gate-markers", nonce, str(drive), "attic", "tofu-state")
    return kubectl.exec("nix-cache", pod, "rustfs", command, cap=10**6, seconds=10).decode()


def test_a_sidecars_log(api: KubeApi, kubectl: Kubectl, drive: Path, busybox: str) -> None:
    containers = {"rustfs": running(), "markers": running()}
    (pod,) = api.add("deployment", "rustfs", 1, "rustfs", path=busybox, containers=containers)
    output = framed(kubectl, drive, pod.name, "1-1")
    where = place(drive, container="markers") + "&by=log"
    api.log(pod.name, output, "markers", ago=60)
    (old,) = look_at(where, ["attic", "tofu-state"], kubectl=kubectl)
    assert "the log has no whole answer" in (old.error or "")
    assert rows_of(old) == UNSEEN
    api.log(pod.name, output, "markers", ago=1)
    (observation,) = look_at(where, ["attic", "tofu-state"], kubectl=kubectl)
    assert truths(observation) == [("attic", PRESENT, PRESENT), ("tofu-state", PRESENT, PRESENT)]
    assert rows_of(observation) == set()


# -------------------------------------------------------------------------------------------------------------- epochs


CACHE = "kubectl://nix-cache/deployment/attic?container=attic"
STORE = "kubectl://nix-cache/statefulset/rustfs?container=rustfs"


def epochs(api: KubeApi, kubectl: Kubectl, change: Any) -> tuple[set[tuple[str, str]], list[str]]:
    """The rows of a healthy run whose workloads are the cluster's, changed between pre and post; and the notes."""
    api.add("deployment", "attic", 2, "attic")
    api.add("statefulset", "rustfs", 1, "rustfs")
    result: dict[tuple[str, Phase], tuple[records.WorkloadSeen, ...]] = {}
    for phase in (Phase.PRE, Phase.POST):
        if phase is Phase.POST:
            change()
        result["cache", phase] = look_at_replicas("cache", CACHE, phase=phase, kubectl=kubectl)
        result["store", phase] = look_at_replicas("store", STORE, phase=phase, kubectl=kubectl)
    rows: list[records.Record] = []
    for record in runs.healthy().records:
        replicas = result[record.role, record.phase] if isinstance(record, records.WorkloadSeen) else (record,)
        rows.extend(replicas)
    run = runs.Run(tuple(rows), runs.healthy().files)
    return run.rows(), sorted(row.code for row in run.judged()[0] if row.code.startswith("epoch-"))


def test_steady_replicas(api: KubeApi, kubectl: Kubectl) -> None:
    rows, codes = epochs(api, kubectl, lambda: None)
    assert (rows, codes) == (set(), ["epoch-same", "epoch-same"])


@pytest.mark.row("KUBE-08")
def test_kube_08_a_replica_more_of_the_cache_is_a_note(api: KubeApi, kubectl: Kubectl) -> None:
    rows, codes = epochs(api, kubectl, lambda: api.add_pod("deployment", "attic", 2, "attic"))
    assert (rows, codes) == (set(), ["epoch-replicas-changed", "epoch-same"])


@pytest.mark.row("KUBE-06")
def test_kube_06_a_restart_of_the_store(api: KubeApi, kubectl: Kubectl) -> None:
    def restart() -> None:
        api.pods["rustfs-0"].containers["rustfs"] = running(1, "2026-11-24T01:00:00Z")

    assert epochs(api, kubectl, restart)[0] == {("epoch-changed", "inconclusive")}


@pytest.mark.row("KUBE-06")
def test_kube_06_a_replaced_pod_of_the_store(api: KubeApi, kubectl: Kubectl) -> None:
    def replaced() -> None:
        api.pods["rustfs-0"].uid = "uid-new"

    assert epochs(api, kubectl, replaced)[0] == {("epoch-changed", "inconclusive")}


def test_a_refused_look_is_unobservable(api: KubeApi, kubectl: Kubectl) -> None:
    assert epochs(api, kubectl, lambda: api.forbidden.add("list pods"))[0] == {("epoch-unobservable", "inconclusive")}


# ---------------------------------------------------------------------------------------------------------------- logs


class Window:
    def __init__(self, api: KubeApi, kubectl: Kubectl, folder: Path, where: str = CACHE) -> None:
        self.api = api
        self.folder = folder
        window = open_window(where, kubectl)
        assert isinstance(window, KubeLogWindow)
        self.window = window

    def captured(self, seconds: float = 0.05) -> tuple[tuple[str, ...], str, set[tuple[str, str]]]:
        capture = Capture(self.folder, "server.log")
        notes = self.window.capture(capture, (PRE, POST), clock=SystemClock(), seconds=seconds)
        capture.close()
        self.window.close()
        text = (self.folder / "server.log").read_bytes()
        run = runs.healthy().with_file("server.log", text)
        closed = runs.closed("server.log", text)
        run = run.change(records.CaptureClosed, lambda record: closed if record.name == "server.log" else record)
        for note in notes:
            run = run.with_record(records.Trouble(stage="logs", message=note))
        assert run.word() == ("pass" if run.rows() == set() else "inconclusive")
        return notes, text.decode(), run.rows()


def attic(nonce: str, skew: timedelta = timedelta()) -> str:
    """What Attic logs of a canary of the healthy run, by a clock that is so far ahead of ours."""
    sent = {PRE: "2026-11-24T00:00:05.000799+00:00", POST: "2026-11-24T00:00:38.000799+00:00"}[nonce]
    time = (datetime.fromisoformat(sent) + skew).isoformat().replace("+00:00", "Z")
    return (
        f"{time} ERROR attic_server::error: Error from the common components.\n"
        f"           with method=GET uri=/main/{nonce}.narinfo version=HTTP/1.1\n"
    )


STORAGE = "2026-11-24T00:48:40.268799Z ERROR attic_server::error: Storage error: unhandled error (NoSuchBucket)\n"


def test_canaries_in_two_replicas(api: KubeApi, kubectl: Kubectl, tmp_path: Path) -> None:
    one, two = api.add("deployment", "attic", 2, "attic")
    api.log(one.name, "before the window\n" + STORAGE, "attic", ago=30)
    window = Window(api, kubectl, tmp_path)
    api.log(one.name, attic(PRE), "attic")
    api.log(two.name, attic(POST), "attic")
    notes, text, rows = window.captured()
    assert (notes, rows) == ((), set())
    assert "before the window" not in text
    assert "NoSuchBucket" not in text
    assert f"[pod/{one.name}/attic] " in text
    assert f"[pod/{two.name}/attic] " in text


def test_a_storage_error_of_any_replica(api: KubeApi, kubectl: Kubectl, tmp_path: Path) -> None:
    one, two = api.add("deployment", "attic", 2, "attic")
    window = Window(api, kubectl, tmp_path)
    api.log(one.name, attic(PRE) + attic(POST), "attic")
    api.log(two.name, STORAGE, "attic")
    assert window.captured()[2] == {("log-storage-error", "inconclusive")}


@pytest.mark.row("KUBE-10")
def test_kube_10_a_nodes_clock_is_ten_minutes_off(api: KubeApi, kubectl: Kubectl, tmp_path: Path) -> None:
    """The window is from a remembered line to a canary, by the node's own clock: it is whole, and the skew is told."""
    skewed = {("log-clock-skew", "inconclusive")}
    for skew, rows in (
        (timedelta(minutes=10), skewed),
        (timedelta(minutes=-10), skewed),
        (timedelta(seconds=20), set()),
    ):
        api.skew = skew
        (pod,) = api.add("deployment", "attic", 1, "attic")
        api.logs.clear()
        api.log(pod.name, "before", "attic", ago=5)
        folder = tmp_path / f"{skew.total_seconds()}"
        folder.mkdir()
        window = Window(api, kubectl, folder)
        api.log(pod.name, attic(PRE, skew) + attic(POST, skew), "attic")
        assert window.captured()[::2] == ((), rows)


@pytest.mark.row("KUBE-09")
def test_kube_09_a_rotated_log(api: KubeApi, kubectl: Kubectl, tmp_path: Path) -> None:
    (pod,) = api.add("deployment", "attic", 1, "attic")
    api.log(pod.name, "before", "attic", ago=5)
    window = Window(api, kubectl, tmp_path)
    api.log(pod.name, attic(PRE), "attic")
    api.logs[pod.name, "attic", False].clear()
    api.log(pod.name, attic(POST), "attic")
    notes, text, rows = window.captured()
    assert "was rotated or cut" in notes[0]
    assert POST in text
    assert rows == {("log-canary-missing", "inconclusive"), ("run-trouble", "inconclusive")}


@pytest.mark.row("KUBE-11")
def test_kube_11_logs_are_forbidden(api: KubeApi, kubectl: Kubectl, tmp_path: Path) -> None:
    api.add("deployment", "attic", 1, "attic")
    api.forbidden.add("get pods/log")
    notes, text, rows = Window(api, kubectl, tmp_path).captured()
    assert text == ""
    assert "forbidden" in notes[0].lower()
    assert rows == {("log-canary-missing", "inconclusive"), ("run-trouble", "inconclusive")}
    assert any("/log?" in request for request in api.requests)


@pytest.mark.row("KUBE-12")
def test_kube_12_an_empty_log(api: KubeApi, kubectl: Kubectl, tmp_path: Path) -> None:
    api.add("deployment", "attic", 1, "attic")
    _notes, text, rows = Window(api, kubectl, tmp_path).captured()
    assert (text, rows) == ("", {("log-canary-missing", "inconclusive"), ("run-trouble", "inconclusive")})


@pytest.mark.row("TRU-14")
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_tru_14_a_sentence_in_place_of_a_log(api: KubeApi, kubectl: Kubectl, tmp_path: Path, end: bytes) -> None:
    """The kubelet answers 200 where the runtime lost the container (kubernetes#142258): in the window, or before it."""
    (pod,) = api.add("deployment", "attic", 1, "attic")
    api.log(pod.name, "before", "attic", ago=5)
    sentence = b"unable to retrieve container logs for containerd://3bb6fd00e2a1" + end
    for name in ("in it", "before it", "all along"):
        folder = tmp_path / name
        folder.mkdir()
        if name != "in it":
            api.sentences[pod.name, "attic"] = sentence
        window = Window(api, kubectl, folder)
        api.sentences.pop((pod.name, "attic"), None)
        api.log(pod.name, attic(PRE) + attic(POST), "attic")
        if name != "before it":
            api.sentences[pod.name, "attic"] = sentence
        notes, _text, rows = window.captured()
        assert any(f"so it is not the log: '[pod/{pod.name}/attic] unable to retr" in note for note in notes), notes
        assert ("run-trouble", "inconclusive") in rows
        api.sentences.clear()


def test_a_restart_in_the_window(api: KubeApi, kubectl: Kubectl, tmp_path: Path) -> None:
    (pod,) = api.add("deployment", "attic", 1, "attic")
    api.log(pod.name, "before", "attic", ago=5)
    window = Window(api, kubectl, tmp_path)
    api.log(pod.name, attic(PRE), "attic")
    api.logs[pod.name, "attic", True] = api.logs.pop((pod.name, "attic", False))
    pod.containers["attic"] = running(1)
    api.log(pod.name, attic(POST), "attic")
    notes, text, rows = window.captured()
    assert (notes, rows) == ((), set())
    assert text.index(PRE) < text.index(POST)
    assert any("previous=true" in request for request in api.requests)


def test_all_containers_where_none_is_named(api: KubeApi, kubectl: Kubectl, tmp_path: Path) -> None:
    (pod,) = api.add("deployment", "attic", 1, containers={"attic": running(), "proxy": running()})
    window = Window(api, kubectl, tmp_path, CACHE.replace("?container=attic", ""))
    api.log(pod.name, attic(PRE) + attic(POST), "attic")
    api.log(pod.name, "proxied", "proxy")
    notes, text, _rows = window.captured()
    assert notes == ()
    assert f"[pod/{pod.name}/proxy] " in text


def test_a_late_canary_is_waited_for(api: KubeApi, kubectl: Kubectl, tmp_path: Path) -> None:
    (pod,) = api.add("deployment", "attic", 1, "attic")
    window = Window(api, kubectl, tmp_path)
    api.log(pod.name, attic(PRE), "attic")
    request = len(api.requests)
    real = KubeLogWindow._read

    def read(self: KubeLogWindow) -> Any:
        result = real(self)
        if len(api.requests) > request and POST not in str(api.logs):
            api.log(pod.name, attic(POST), "attic")
        return result

    KubeLogWindow._read = read  # type: ignore[method-assign]  # put back below
    try:
        assert window.captured(seconds=20)[::2] == ((), set())
    finally:
        KubeLogWindow._read = real  # type: ignore[method-assign]  # as it was


# --------------------------------------------------------------------------------------------------------------- trust


def trust(api: KubeApi, program: str, folder: Path, context: str = "lab", **changes: Any) -> str | None:
    user = changes.pop("user", {})
    path = api.kubeconfig(folder, **user)
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    if changes.pop("kubeconfig", True):
        environ["KUBECONFIG"] = str(path)
    kubectl = Kubectl(environ=environ, cancel=CancelToken(), clock=SystemClock(), program=program, context=context)
    request = {"server": api.url, "authority": "", "plugins": (), **changes}
    return distrust(kubectl, **request)


def test_the_pinned_cluster_is_trusted(api: KubeApi, program: str, tmp_path: Path) -> None:
    assert trust(api, program, tmp_path) is None
    assert api.requests == []


@pytest.mark.row("KUBE-05")
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"context": ""}, "expected kube-context and kube-server in gate.toml"),
        ({"server": ""}, "expected kube-context and kube-server in gate.toml"),
        ({"context": "prod"}, "has 0 contexts of the name 'prod'"),
        ({"server": "https://prod:6443"}, "expected kube-server 'https://prod:6443'"),
        ({"authority": "ab" * 32}, "expected kube-authority abab"),
        ({"kubeconfig": False}, "has 0 contexts of the name 'lab'"),
    ],
)
def test_kube_05_another_cluster_is_refused(
    api: KubeApi, program: str, tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    assert why in (trust(api, program, tmp_path, **changes) or "")
    assert api.requests == []


@pytest.mark.row("KUBE-16")
def test_kube_16_a_credential_plugin_runs_only_when_it_is_allowed(api: KubeApi, program: str, tmp_path: Path) -> None:
    pwned = tmp_path / "pwned"
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\ntouch {pwned}\n")
    plugin.chmod(0o755)
    output = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": str(plugin)}
    assert f"would run '{plugin}'" in (trust(api, program, tmp_path, user={"exec": output}) or "")
    assert "by absolute path" in (trust(api, program, tmp_path, user={"exec": {**output, "command": "touch"}}) or "")
    assert trust(api, program, tmp_path, user={"exec": output}, plugins=(str(plugin),)) is None
    assert not pwned.exists()


def test_without_a_kubeconfig_it_is_the_service_account(api: KubeApi, program: str, tmp_path: Path) -> None:
    assert trust(api, program, tmp_path, context="", kubeconfig=False, server="") is None


def test_no_kubectl_is_said(api: KubeApi, tmp_path: Path) -> None:
    assert "is not on PATH" in (trust(api, str(tmp_path / "none"), tmp_path) or "")
