"""Disk use, events and previous logs, through a real kubectl against a small API server."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gate import limits
from gate.model import records
from gate.model.basics import Secret
from gate.model.captures import DiskSeen
from gate.observe.disk_use import disk_script, look_at_disk
from gate.observe.kube_incident import WorkloadPast, look_at_past
from gate.observe.kubectl import Kubectl
from gate.probe.observing import look_deeper
from gate.process import Capture
from tests.helpers import runs
from tests.helpers.kube_api import KubeApi, running
from tests.integration.test_kubectl import TOKEN, api, busybox, drive, kubectl, place, program

__all__ = ["api", "busybox", "drive", "kubectl", "program"]
STORE = "kubectl://nix-cache/deployment/rustfs?container=rustfs"
KEY = "s3-secret-canary-0123456789"
OOM = {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-11-24T00:00:00Z"}}


@pytest.fixture
def with_df(busybox: str) -> str:
    """The programs of busybox that the disk script needs."""
    real = shutil.which("busybox")
    assert real
    (Path(busybox) / "df").symlink_to(real)
    return busybox


def past(kubectl: Kubectl, folder: Path, place: str = STORE) -> tuple[WorkloadPast, bytes]:
    capture = Capture(folder, "previous.log")
    observation = look_at_past("store", place, kubectl=kubectl, capture=capture)
    assert observation is not None
    assert capture.close().cut is False
    return observation, (folder / "previous.log").read_bytes()


# ------------------------------------------------------------------------------------------------------------ disk use


def test_disk_use_of_every_pod_by_busybox(api: KubeApi, kubectl: Kubectl, drive: Path, with_df: str) -> None:
    api.add("deployment", "rustfs", 2, "rustfs", path=with_df)
    observation = look_at_disk(place(drive), kubectl=kubectl)
    assert [row.place for row in observation] == [place(drive, "pod", f"rustfs-7d9f8c-p{number}") for number in (0, 1)]
    (here,) = look_at_disk(f"file://{drive}", kubectl=None)
    for row in observation:
        assert row.error is None
        assert row.space is not None
        assert here.space is not None
        assert row.space.total == here.space.total
        assert row.inodes is not None
    assert all(command[:4] == ["sh", "-c", disk_script(), "gate-disk"] for command in api.commands)


def unseen(api: KubeApi, kubectl: Kubectl, drive: Path) -> str:
    (observation,) = look_at_disk(place(drive), kubectl=kubectl)
    assert (observation.space, observation.inodes) == (None, None)
    return observation.error or ""


def test_disk_use_that_can_not_be_told(
    api: KubeApi, kubectl: Kubectl, drive: Path, *, busybox: str, tmp_path: Path
) -> None:
    assert "not found" in unseen(api, kubectl, drive)
    (pod,) = api.add("deployment", "rustfs", 1, "rustfs", path=busybox)  # without df
    assert "df: not found" in unseen(api, kubectl, drive)
    pod.path = str(tmp_path / "empty")
    assert "there is no sh in this container" in unseen(api, kubectl, drive)
    pod.containers["rustfs"]["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
    assert "is waiting (CrashLoopBackOff)" in unseen(api, kubectl, drive)
    api.forbidden.add("list pods")
    assert "forbidden" in unseen(api, kubectl, drive)
    api.forbidden.clear()
    api.pods.clear()
    assert unseen(api, kubectl, drive) == "deployment rustfs has no pod"


def test_an_answer_that_was_cut_is_unknown(api: KubeApi, kubectl: Kubectl, drive: Path, with_df: str) -> None:
    api.add("deployment", "rustfs", 1, "rustfs", path=with_df)
    api.exec.cut_stdout = 120
    assert unseen(api, kubectl, drive) == "the answer of the disk script has no end: it was cut."


@pytest.mark.parametrize(
    ("locator", "error"),
    [
        (STORE, "the locator names no drive: expected path=/data"),
        (f"{STORE}&path=/data&by=log", "a marker sidecar does not tell disk use: ask by exec, or look at the node"),
    ],
)
def test_places_of_which_no_disk_use_is_had(api: KubeApi, kubectl: Kubectl, locator: str, error: str) -> None:
    assert look_at_disk(locator, kubectl=kubectl) == (DiskSeen(place=locator, error=error),)
    assert api.requests == []


# -------------------------------------------------------------------------------------------- events and previous logs


def test_events_of_the_workload_its_replica_set_and_its_pods(api: KubeApi, kubectl: Kubectl, tmp_path: Path) -> None:
    api.add("deployment", "rustfs", 2, "rustfs")
    for number, (kind, name) in enumerate(
        [("Pod", "rustfs-7d9f8c-p1"), ("ReplicaSet", "rustfs-7d9f8c"), ("Deployment", "rustfs"), ("Pod", "other-p0")]
    ):
        api.event(kind, name, f"Reason{number}", f"m\n{number}", lastTimestamp=f"2026-11-24T00:00:0{9 - number}Z")
    observation, log = past(kubectl, tmp_path)
    assert [(event.involved, event.reason, event.message) for event in observation.events.events] == [
        ("Deployment/rustfs", "Reason2", r"m\n2"),
        ("ReplicaSet/rustfs-7d9f8c", "Reason1", r"m\n1"),
        ("Pod/rustfs-7d9f8c-p1", "Reason0", r"m\n0"),
    ]
    assert (observation.events.role, observation.events.place, observation.events.cut, observation.events.error) == (
        "store",
        STORE,
        False,
        None,
    )
    assert (observation.logs, log) == ((), b"")
    requests = [request for request in api.requests if "/events" in request]
    assert len(requests) == 4
    assert all(f"&limit={limits.KUBE_EVENTS}" in request for request in requests)


def test_the_logs_of_every_container_that_restarted(api: KubeApi, kubectl: Kubectl, tmp_path: Path) -> None:
    (pod,) = api.add("deployment", "rustfs", 1, "rustfs")
    pod.containers = {
        "rustfs": running(restarts=3) | {"lastState": OOM},
        "side": running(),
        "proxy": running(restarts=1),
    }
    api.log(pod.name, "now", "rustfs")
    api.log(pod.name, "before: health is faulty\nlast words", "rustfs", previous=True)
    observation, log = past(kubectl, tmp_path)
    first, second = observation.logs
    assert (first.place, first.restarts, first.ended, first.error) == (
        f"kubectl://nix-cache/pod/{pod.name}?container=rustfs",
        3,
        "OOMKilled, exit 137 at 2026-11-24T00:00:00Z",
        None,
    )
    lines = log.decode().split("\n")
    assert [line.rpartition("Z ")[2] for line in lines[:2]] == ["before: health is faulty", "last words"]
    assert lines[0].startswith(f"[pod/{pod.name}/rustfs] 20")
    assert (lines[2:], first.bytes, first.cut) == ([""], len(log), False)
    assert second.place.endswith("?container=proxy")
    assert "previous terminated container" in (second.error or "")
    assert second.bytes == 0


def test_without_rights_it_is_said(api: KubeApi, kubectl: Kubectl, tmp_path: Path) -> None:
    (pod,) = api.add("deployment", "rustfs", 1, "rustfs")
    api.event("Pod", pod.name, "BackOff", "m")
    api.forbidden |= {"list events"}
    observation, _ = past(kubectl, tmp_path)
    assert observation.events.events == ()
    assert 'cannot list resource "events"' in (observation.events.error or "")
    api.forbidden = {"list pods"}
    (tmp_path / "again").mkdir()
    observation, _ = past(kubectl, tmp_path / "again")
    assert 'cannot list resource "pods"' in (observation.events.error or "")


def test_places_that_are_no_workload_have_no_past(kubectl: Kubectl, tmp_path: Path) -> None:
    capture = Capture(tmp_path, "previous.log")
    for locator in ("", "nowhere", "file:///run/rustfs.pid"):
        assert look_at_past("store", locator, kubectl=kubectl, capture=capture) is None
    without = look_at_past("cache", STORE, kubectl=None, capture=capture)
    assert without is not None
    assert (without.events.error, without.logs) == ("this place is in a cluster, and kubectl is not used here", ())
    assert capture.close().bytes == 0


def test_a_capture_records_all_of_it_and_closes_its_log(
    api: KubeApi, kubectl: Kubectl, drive: Path, *, with_df: str, tmp_path: Path
) -> None:
    (store,) = api.add("deployment", "rustfs", 1, "rustfs", path=with_df)
    (cache,) = api.add("deployment", "attic", 1, "attic")
    cache.containers["attic"] = running(restarts=1)
    api.event("Pod", store.name, "Unhealthy", "readiness probe failed")
    line = "2026-11-24T00:48:39.268799Z ERROR attic_server::error: Storage error: service error: NoSuchBucket: gone"
    api.log(cache.name, f"{line} {KEY}", "attic", previous=True)
    written: list[records.Record] = []
    attic = "kubectl://nix-cache/deployment/attic"
    policy = runs.policy(markers=(place(drive), f"file://{drive}"), store_workload=STORE, cache_workload=attic)
    site: Any = SimpleNamespace(
        policy=policy, kubectl=kubectl, directory=tmp_path, secrets=(Secret(KEY),), write=written.append
    )
    look_deeper(site)
    assert [record.kind for record in written] == [
        "disk-use", "disk-use", "kube-events", "kube-events", "previous-log", "capture",
    ]  # fmt: skip
    run = runs.healthy()
    for record in written:
        run = run.with_record(record)
    log = (tmp_path / "previous.log").read_bytes()
    assert KEY.encode() not in log
    facts = run.with_file("previous.log", log).facts()
    assert facts.incident is not None
    assert facts.incident.previous_codes == {"NoSuchBucket": 1}
    assert facts.journal.missing_captures == ()
    assert [event.reason for observation in facts.incident.events for event in observation.events] == ["Unhealthy"]
    assert [row.role for row in facts.incident.previous_logs] == ["cache"]


def test_the_clusters_token_is_in_no_answer(api: KubeApi, kubectl: Kubectl, tmp_path: Path) -> None:
    (pod,) = api.add("deployment", "rustfs", 1, "rustfs", containers={"rustfs": running(restarts=1)})
    api.event("Pod", pod.name, "Failed", f"pull with Authorization: Bearer {TOKEN}")
    observation, log = past(kubectl, tmp_path)
    assert len(observation.events.events) == 1
    assert TOKEN not in str(observation)
    assert TOKEN not in log.decode()
