"""Faults that a real kubectl can't be made to show, by a kubectl of the tests: each leaves unknown, never absence.

Rows of the fault matrix are named where a test is theirs. ``fake.calls()`` shows that the fault was met.
"""

import json
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from gate import limits
from gate.clock import SystemClock
from gate.model import records
from gate.model.basics import Phase, Truth
from gate.model.records import PlaceSeen, WorkloadSeen
from gate.observe import kubectl as kubectl_module
from gate.observe.kube_log import KubeLogWindow
from gate.observe.kube_markers import look_at
from gate.observe.kube_workload import look_at_replicas
from gate.observe.kubectl import Kubectl
from gate.parse.locator import parse_locator
from gate.process import CancelToken, Capture
from tests.helpers import runs

STORE = "kubectl://nix-cache/deployment/rustfs?container=rustfs&path=/data"
CACHE = "kubectl://nix-cache/deployment/attic?container=attic"
IMAGE = "rustfs@sha256:" + "a" * 64
FAKE = r"""#!/bin/sh
printf '%s\n' "$*" >>"$HOME/calls"
case "$*" in
  *--raw=*deployments*) name=workload ;;
  *--raw=*) name=pods ;;
  "exec "*|*" exec "*) name=exec ;;
  *"logs "*--tail=1*) name=tail ;;
  *"logs "*) name=logs ;;
  *) name=other ;;
esac
if [ -f "$HOME/$name.sh" ]; then
  . "$HOME/$name.sh"
else
  cat "$HOME/$name"
fi
"""


def pod(name: str, uid: str = "u1", restarts: int = 0, image: str = IMAGE) -> dict[str, object]:
    container = name.partition("-")[0]
    owner = {"kind": "ReplicaSet", "name": f"{container}-7d", "uid": "rs", "controller": True}
    state = {"running": {"startedAt": "2026-11-24T00:00:00Z"}}
    status = {"name": container, "restartCount": restarts, "imageID": image, "state": state}
    return {
        "metadata": {"name": name, "uid": uid, "ownerReferences": [owner]},
        "spec": {"nodeName": "node-1", "containers": [{"name": container}]},
        "status": {"phase": "Running", "containerStatuses": [status]},
    }


class Fake:
    """A kubectl on disk. Each kind of call prints a file, or runs a piece of sh."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "kubectl"
        self.program.write_text(FAKE)
        self.program.chmod(0o755)
        selector = {"matchLabels": {"app": "x"}}
        self.says("workload", json.dumps({"metadata": {"uid": "d1"}, "spec": {"selector": selector}}))
        self.pods(pod("rustfs-0"))
        self.says("exec", "")
        self.says("tail", "")
        self.says("logs", "")

    def says(self, what: str, text: str | bytes) -> None:
        (self.folder / what).write_bytes(text.encode() if isinstance(text, str) else text)

    def does(self, what: str, script: str) -> None:
        (self.folder / f"{what}.sh").write_text(script)

    def pods(self, *rows: dict[str, object]) -> None:
        self.says("pods", json.dumps({"kind": "PodList", "metadata": {}, "items": rows}))

    def calls(self) -> list[str]:
        there = self.folder / "calls"
        return there.read_text().split("\n")[:-1] if there.exists() else []

    def kubectl(self, program: str | None = None) -> Kubectl:
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "KUBECTL_SECRET": "CANARY-environment"}
        result = str(self.program) if program is None else program
        return Kubectl(environ=environ, cancel=CancelToken(), clock=SystemClock(), program=result)


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


@pytest.fixture(autouse=True)
def _one_nonce(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.observe.kube_markers.token_hex", lambda _size: "n1")


def answer(*kinds: str, nonce: str = "n1") -> bytes:
    """The script's answer for one bucket, `attic`."""
    meta = "/data/.rustfs.sys/buckets/attic/.metadata.bin"
    paths = ("/data", "/data/.rustfs.sys", "/data/attic", meta, "/data/.rustfs.sys")
    content = b"".join(f"{kind} {path}\0".encode() for kind, path in zip(kinds, paths, strict=True))
    digest = sha256(content).hexdigest()
    return f"gate-markers START {nonce}\n".encode() + content + f"COUNT 5 SHA256 {digest} END {nonce}\n".encode()


HEALTHY = answer(*["directory"] * 5)


def markers(kubectl: Kubectl, seconds: float = 10) -> tuple[PlaceSeen, ...]:
    return look_at(STORE, ["attic"], kubectl=kubectl, seconds=seconds)


def unknown(kubectl: Kubectl, seconds: float = 10) -> str:
    """That nothing was told of any marker, and why; such a run does not pass."""
    places = markers(kubectl, seconds)
    assert {truth for place in places for mark in place.markers for truth in (mark.data, mark.meta)} == {Truth.UNKNOWN}
    assert rows_of(places) >= {("bucket-unobservable", "inconclusive")}
    (place,) = places
    assert place.error is not None
    return place.error


def rows_of(places: Sequence[PlaceSeen]) -> set[tuple[str, str]]:
    """What the gate says of a healthy run in which these are the only places."""
    both = tuple(
        replace(place, markers=(*place.markers, *(replace(mark, bucket="tofu-state") for mark in place.markers)))
        for place in places
    )
    run = runs.healthy().change(records.BucketSampled, lambda record: replace(record, places=both))
    assert run.word() == ("pass" if run.rows() == set() else "inconclusive")
    return run.rows()


def replicas(kubectl: Kubectl) -> tuple[WorkloadSeen, ...]:
    return look_at_replicas("store", STORE, phase=Phase.POST, kubectl=kubectl)


# ------------------------------------------------------------------------------------------------------------- markers


def test_a_healthy_answer_passes(fake: Fake) -> None:
    fake.says("exec", HEALTHY)
    places = markers(fake.kubectl())
    assert [place.place for place in places] == ["kubectl://nix-cache/pod/rustfs-0?container=rustfs&path=/data"]
    assert rows_of(places) == set()
    call = next(call for call in fake.calls() if "exec" in call)
    assert call.startswith("exec --namespace=nix-cache --container=rustfs pod/rustfs-0 -- sh -c")


@pytest.mark.row("KUBE-01")
def test_kube_01_no_kubectl(fake: Fake) -> None:
    assert "is not on PATH, or can't be run" in unknown(fake.kubectl(str(fake.folder / "none")))


@pytest.mark.row("KUBE-01")
def test_kube_01_a_kubectl_that_is_not_executable(fake: Fake) -> None:
    fake.program.chmod(stat.S_IRUSR)
    assert "is not on PATH, or can't be run" in unknown(fake.kubectl())
    assert fake.calls() == []


@pytest.mark.row("KUBE-02")
def test_kube_02_a_kubectl_that_hangs_and_ignores_sigterm(fake: Fake) -> None:
    fake.does("pods", 'trap "" TERM; echo $$ >"$HOME/pid"; sleep 60 & wait; sleep 60')
    began = time.monotonic()
    assert "kubectl did not answer within 0.5 s" in unknown(fake.kubectl(), seconds=0.5)
    assert time.monotonic() - began < 10
    assert not Path(f"/proc/{(fake.folder / 'pid').read_text().strip()}").exists()


@pytest.mark.row("KUBE-02")
def test_kube_02_an_exec_that_hangs(fake: Fake) -> None:
    fake.does("exec", "echo; sleep 60")
    assert "exec in rustfs of pod nix-cache/rustfs-0: kubectl did not answer" in unknown(fake.kubectl(), seconds=1.5)


@pytest.mark.row("KUBE-04")
def test_kube_04_banners_are_no_answer_and_no_harm(fake: Fake) -> None:
    fake.says("frame", HEALTHY)
    banner = 'Defaulted container \\"rustfs\\" out of: rustfs'
    fake.does("exec", f'echo "{banner}"; cat "$HOME/frame"; echo "{banner}"; echo "{banner}" >&2')
    assert rows_of(markers(fake.kubectl())) == set()
    assert len([call for call in fake.calls() if "exec" in call]) == 1


@pytest.mark.row("KUBE-07")
@pytest.mark.parametrize("name", ["--help", "a;touch pwned", "-rustfs", "$(touch pwned)", "A", "rustfs-0\n"])
def test_kube_07_a_pod_name_that_is_none(fake: Fake, name: str) -> None:
    fake.pods({**pod("rustfs-0"), "metadata": {**pod("rustfs-0")["metadata"], "name": name}})  # type: ignore[dict-item]  # test
    fake.says("exec", HEALTHY)
    assert "expected a DNS-1123 name" in unknown(fake.kubectl())
    assert not [call for call in fake.calls() if "exec" in call]
    assert not list(fake.folder.rglob("pwned"))


@pytest.mark.row("KUBE-08")
def test_kube_08_no_pod(fake: Fake) -> None:
    fake.pods()
    assert unknown(fake.kubectl()) == "deployment rustfs has no pod"
    assert [row.error for row in replicas(fake.kubectl())] == ["deployment nix-cache/rustfs has no pod"]


@pytest.mark.row("KUBE-08")
def test_kube_08_every_pod_is_read(fake: Fake) -> None:
    fake.pods(pod("rustfs-0"), pod("rustfs-1", "u2"), pod("rustfs-2", "u3"))
    fake.says("frame", HEALTHY)
    fake.does("exec", 'case "$*" in *rustfs-1*) exit 1 ;; *) cat "$HOME/frame" ;; esac')
    places = markers(fake.kubectl())
    assert [(place.place.split("?")[0][-8:], place.markers[0].data) for place in places] == [
        ("rustfs-0", Truth.PRESENT),
        ("rustfs-1", Truth.UNKNOWN),
        ("rustfs-2", Truth.PRESENT),
    ]
    assert sorted(call.split("pod/")[1][:8] for call in fake.calls() if "exec" in call) == [
        "rustfs-0",
        "rustfs-1",
        "rustfs-2",
    ]


def test_another_workloads_pod_under_the_same_label(fake: Fake) -> None:
    fake.pods(pod("rustfs-0"), pod("stray-0", "u2"))
    assert unknown(fake.kubectl()).endswith(
        "its selector also finds pod stray-0, which belongs to ReplicaSet/stray-7d: expected its own alone"
    )


def test_a_pod_that_belongs_to_nobody(fake: Fake) -> None:
    leftover = json.loads(json.dumps(pod("rustfs-0")))
    del leftover["metadata"]["ownerReferences"]
    fake.pods(leftover)
    assert "finds pod rustfs-0, which belongs to nobody" in unknown(fake.kubectl())


def test_an_answer_about_another_pod(fake: Fake) -> None:
    fake.says("pods", json.dumps({"kind": "Pod", **pod("rustfs-9")}))
    place = STORE.replace("deployment/rustfs", "pod/rustfs-0")
    (observation,) = look_at(place, ["attic"], kubectl=fake.kubectl())
    assert observation.error == "the pod nix-cache/rustfs-0: the cluster answers with pod rustfs-9"
    assert rows_of([observation]) >= {("bucket-unobservable", "inconclusive")}


@pytest.mark.row("KUBE-14")
def test_kube_14_a_bearer_token_on_stderr_stays_there(fake: Fake) -> None:
    fake.does(
        "pods",
        'echo "I1124 00:00:00.0 1 x.go:1] Authorization: Bearer CANARY-token" >&2\n'
        'echo "error: Authorization: Bearer CANARY-token was refused" >&2; exit 1',
    )
    output = unknown(fake.kubectl())
    assert "CANARY" not in output
    assert output.endswith("error: *** (exit 1)")


@pytest.mark.row("KUBE-14")
def test_kube_14_headers_on_stderr_of_good_answers_are_in_no_record(fake: Fake) -> None:
    """As with -v=9, set by a wrapper: every call prints them, and all goes well."""
    noise = 'echo "I1124 00:00:00.0 1 x.go:1] Authorization: Bearer CANARY-token" >&2\n'
    for name in ("workload", "pods", "exec"):
        fake.does(name, f'{noise}cat "$HOME/{name}"')
    fake.says("exec", HEALTHY)
    places = markers(fake.kubectl())
    assert rows_of(places) == set()
    assert [place.markers[0].data for place in places] == [Truth.PRESENT]
    assert "CANARY" not in repr((places, replicas(fake.kubectl())))
    assert len(fake.calls()) >= 3


@pytest.mark.row("KUBE-15")
def test_kube_15_endless_output_is_cut(fake: Fake) -> None:
    fake.does("exec", "yes gate-markers")
    assert f"kubectl printed more than {limits.MARKER_FRAME_BYTES} bytes" in unknown(fake.kubectl())


@pytest.mark.row("KUBE-19")
def test_kube_19_an_answer_that_breaks_off(fake: Fake) -> None:
    fake.does("pods", 'head -c 200 "$HOME/pods"')
    assert "is not JSON from character 200 on (of 200 bytes)" in unknown(fake.kubectl())


@pytest.mark.row("DISK-10")
def test_disk_10_every_cut_point_of_exec_with_exit_0(fake: Fake) -> None:
    whole = b"banner\n" + HEALTHY
    kubectl = fake.kubectl()
    for cut in (0, 7, 8, 30, 40, len(whole) // 2, len(whole) - 90, len(whole) - 2, len(whole) - 1):
        fake.says("exec", whole[:cut])
        assert "the answer of the marker script" in unknown(kubectl)
    fake.says("exec", whole)
    assert rows_of(markers(kubectl)) == set()


@pytest.mark.row("DISK-10")
def test_disk_10_an_answer_from_another_time(fake: Fake) -> None:
    fake.says("exec", answer(*["directory"] * 5, nonce="n0"))
    assert "begins 0 times" in unknown(fake.kubectl())


@pytest.mark.row("DISK-10")
def test_disk_10_a_whole_answer_and_a_bad_exit(fake: Fake) -> None:
    fake.says("frame", HEALTHY)
    fake.does("exec", 'cat "$HOME/frame"; echo "error: stream lost" >&2; exit 1')
    assert "error: stream lost (exit 1)" in unknown(fake.kubectl())


@pytest.mark.row("DISK-18")
@pytest.mark.parametrize("code", [126, 127])
def test_disk_18_no_shell(fake: Fake, code: int) -> None:
    fake.does("exec", f'echo "command terminated with exit code {code}" >&2; exit {code}')
    output = unknown(fake.kubectl())
    assert f"there is no sh in this container (exit {code}: command terminated" in output
    assert "by=log" in output


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["directory", "directory", "link", "directory", "directory"], "/data/attic is a link: expected a directory"),
        (["directory", "directory", "fifo", "fifo", "directory"], "/data/attic is a FIFO: expected a directory"),
        (["directory", "directory", "error", "directory", "directory"], "/data/attic: unreadable"),
        (["directory", "absent", "absent", "absent", "absent"], "no drive of RustFS or MinIO, or not mounted"),
        (["absent"] * 5, "/data is not there"),
        (["directory", "directory", "directory", "directory", "absent"], "/data/.rustfs.sys is not there"),
        (["link"] * 5, "/data is a link"),
    ],
)
def test_what_is_no_marker_is_unknown(fake: Fake, kinds: list[str], expected: str) -> None:
    fake.says("exec", answer(*kinds))
    (place,) = markers(fake.kubectl())
    assert expected in f"{place.error}{place.markers[0].error}"
    assert Truth.ABSENT not in (place.markers[0].data, place.markers[0].meta)
    assert rows_of([place]) >= {("bucket-unobservable", "inconclusive")}


def test_an_answer_about_another_drive(fake: Fake) -> None:
    fake.says("exec", HEALTHY.replace(b"/data", b"/date"))
    assert "its own sha256" in unknown(fake.kubectl())


# ----------------------------------------------------------------------------------------------------- marker sidecars


SIDECAR = STORE + "&by=log"


def test_a_sidecars_newest_answer(fake: Fake) -> None:
    old = answer("directory", "directory", "absent", "absent", "directory", nonce="1-1")
    fake.says("logs", old + HEALTHY + old[:50])
    places = look_at(SIDECAR, ["attic"], kubectl=fake.kubectl())
    assert [place.place for place in places] == ["kubectl://nix-cache/pod/rustfs-0?container=rustfs&path=/data&by=log"]
    assert rows_of(places) == set()
    assert [call for call in fake.calls() if "logs" in call] == [
        "logs --namespace=nix-cache --container=rustfs --since=10s pod/rustfs-0"
    ]
    assert not [call for call in fake.calls() if "exec" in call]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("true", "the log has no whole answer of the marker script"),
        ('echo "Error from server (Forbidden): no" >&2; exit 1', "Error from server (Forbidden): no (exit 1)"),
    ],
)
def test_a_sidecar_that_says_nothing_new(fake: Fake, script: str, why: str) -> None:
    fake.does("logs", script)
    (place,) = look_at(SIDECAR, ["attic"], kubectl=fake.kubectl())
    assert why in (place.error or "")
    assert rows_of([place]) >= {("bucket-unobservable", "inconclusive")}


def test_a_sidecar_that_does_not_know_the_bucket(fake: Fake) -> None:
    fake.says("logs", HEALTHY)
    (place,) = look_at(SIDECAR, ["attic", "other"], kubectl=fake.kubectl())
    assert (place.markers[0].data, place.markers[1].data) == (Truth.PRESENT, Truth.UNKNOWN)
    assert "the marker script says nothing of /data/other" in (place.markers[1].error or "")


# -------------------------------------------------------------------------------------------------------------- epochs


def _store_of(rows: dict[Phase, WorkloadSeen], record: WorkloadSeen) -> WorkloadSeen:
    return rows[record.phase] if record.role == "store" else record


@pytest.mark.row("KUBE-06")
def test_kube_06_another_uid_or_restart_at_post(fake: Fake) -> None:
    def seen(phase: Phase) -> WorkloadSeen:
        (row,) = look_at_replicas("store", STORE, phase=phase, kubectl=fake.kubectl())
        return row

    pre = seen(Phase.PRE)
    assert pre.identity == f"uid u1, started 2026-11-24T00:00:00Z, restarts 0, image {IMAGE}, node node-1"
    for changed in (pod("rustfs-0", "u2"), pod("rustfs-0", restarts=1), pod("rustfs-0", image="other@sha256:b")):
        fake.pods(changed)
        post = seen(Phase.POST)
        both = {Phase.PRE: pre, Phase.POST: post}
        run = runs.healthy().change(records.WorkloadSeen, partial(_store_of, both))
        assert run.rows() == {("epoch-changed", "inconclusive")}
        assert run.word() == "inconclusive"


@pytest.mark.parametrize(
    ("changes", "truth", "why"),
    [
        (
            {"state": {"waiting": {"reason": "CrashLoopBackOff"}}},
            Truth.ABSENT,
            "rustfs is waiting (CrashLoopBackOff), 0 r",
        ),
        ({"imageID": ""}, Truth.UNKNOWN, "does not say which image"),
    ],
)
def test_a_replica_that_does_not_run_or_has_no_image(
    fake: Fake, changes: dict[str, object], truth: Truth, why: str
) -> None:
    result = json.loads(json.dumps(pod("rustfs-0")))
    result["status"]["containerStatuses"][0].update(changes)
    fake.pods(result)
    (row,) = replicas(fake.kubectl())
    assert (row.truth, row.identity) == (truth, None)
    assert why in (row.error or "")
    if changes.get("state"):
        assert "rustfs of pod rustfs-0 is waiting" in unknown(fake.kubectl())


def test_a_container_that_is_not_there(fake: Fake) -> None:
    place = STORE.replace("container=rustfs", "container=other")
    (row,) = look_at_replicas("store", place, phase=Phase.PRE, kubectl=fake.kubectl())
    assert (row.truth, row.error) == (
        Truth.UNKNOWN,
        "pod rustfs-0 has the containers rustfs: expected container= with one of them",
    )


@pytest.mark.parametrize("place", [STORE.replace("&path=/data", ""), STORE])
def test_places_that_cannot_be_looked_at(fake: Fake, place: str) -> None:
    (observation,) = look_at(place, ["attic"], kubectl=fake.kubectl() if place != STORE else None)
    assert observation.error in (
        "the locator names no drive: expected path=/data",
        "this place is in a cluster, and kubectl is not used here",
    )
    (row,) = look_at_replicas("store", place, phase=Phase.PRE, kubectl=None)
    assert row.error == "this place is in a cluster, and kubectl is not used here"
    assert fake.calls() == []


def test_other_places_are_looked_at_as_before(tmp_path: Path) -> None:
    (row,) = look_at_replicas("store", "", phase=Phase.PRE, kubectl=None)
    assert row.error == "no place is set: expected file:///path/to/pidfile"
    (row,) = look_at_replicas("store", "x://", phase=Phase.PRE, kubectl=None)
    assert "is not a locator" in (row.error or "")
    (observation,) = look_at(f"file://{tmp_path}/none", ["attic"], kubectl=None)
    assert "is not there" in (observation.error or "")
    (observation,) = look_at("x://", ["attic"], kubectl=None)
    assert "is not a locator" in (observation.error or "")


# ---------------------------------------------------------------------------------------------------------------- logs


PRE, POST = runs.PRE_NONCE, runs.POST_NONCE


def stamped(*lines: str, pod_name: str = "attic-0") -> str:
    return "".join(
        f"[pod/{pod_name}/attic] 2026-11-24T00:00:{second:02}.000000000Z {line}\n" for second, line in enumerate(lines)
    )


class Log:
    def __init__(self, fake: Fake, folder: Path) -> None:
        fake.pods(pod("attic-0", image="attic@sha256:b"))
        self.fake = fake
        self.folder = folder

    def window(self) -> KubeLogWindow:
        locator = parse_locator(CACHE)
        assert not hasattr(locator, "missing")
        return KubeLogWindow(locator, self.fake.kubectl())  # type: ignore[arg-type]  # a kubectl locator

    def captured(self, window: KubeLogWindow, *nonces: str) -> tuple[tuple[str, ...], bytes]:
        capture = Capture(self.folder, "server.log")
        notes = window.capture(capture, nonces or (PRE, POST), clock=SystemClock(), seconds=0.05)
        capture.close()
        return notes, (self.folder / "server.log").read_bytes()


@pytest.fixture
def log(fake: Fake, tmp_path: Path) -> Log:
    return Log(fake, tmp_path)


def judged(text: bytes, notes: tuple[str, ...]) -> set[tuple[str, str]]:
    run = runs.healthy().with_file("server.log", text)
    closed = runs.closed("server.log", text)
    run = run.change(records.CaptureClosed, lambda record: closed if record.name == "server.log" else record)
    for note in notes:
        run = run.with_record(records.Trouble(stage="logs", message=note))
    assert run.word() == ("pass" if run.rows() == set() else "inconclusive")
    return run.rows()


def test_the_part_after_the_remembered_line(log: Log) -> None:
    lines = stamped("old", "last", f"uri=/main/{PRE}.narinfo", f"uri=/main/{POST}.narinfo")
    log.fake.says("tail", stamped("old", "last").split("\n")[1] + "\n")
    log.fake.says("logs", lines)
    window = log.window()
    assert log.captured(window) == ((), "".join(lines.splitlines(keepends=True)[2:]).encode())
    calls = [call for call in log.fake.calls() if "logs" in call]
    assert "--since-time=2026-11-24T00:00:01.000000000Z" in calls[-1]
    assert all("--timestamps --prefix" in call for call in calls)


@pytest.mark.row("KUBE-09")
def test_kube_09_a_rotated_log_is_seen_by_the_line_that_is_gone(log: Log) -> None:
    log.fake.says("tail", stamped("last"))
    request = f"ERROR a::b: with method=GET uri=/main/{POST}.narinfo"
    text = f"[pod/attic-0/attic] 2026-11-24T00:00:09.000000000Z {request}\n"
    log.fake.says("logs", text)
    notes, captured = log.captured(log.window())
    assert "the log of attic of pod attic-0 was rotated or cut" in notes[0]
    assert f"{PRE} is not in the log of any replica" in notes[1]
    assert judged(captured, notes) == {("log-canary-missing", "inconclusive"), ("run-trouble", "inconclusive")}


@pytest.mark.row("KUBE-09")
def test_kube_09_a_rotation_that_only_hides_a_replica_without_canaries(log: Log) -> None:
    log.fake.pods(pod("attic-0"), pod("attic-1", "u2"))
    log.fake.does("tail", 'case "$*" in *attic-1*) echo "[pod/attic-1/attic] 2026-11-24T00:00:00Z x" ;; esac')
    log.fake.says("both", stamped(*(f"ERROR a::b: with method=GET uri=/main/{nonce}.narinfo" for nonce in (PRE, POST))))
    log.fake.says("later", stamped(" INFO a::b: later", pod_name="attic-1"))
    log.fake.does(
        "logs",
        'case "$*" in *attic-0*) cat "$HOME/both" ;; *) cat "$HOME/later" ;; esac',
    )
    notes, captured = log.captured(log.window())
    assert [note.split(":")[0] for note in notes] == ["the log of attic of pod attic-1 was rotated or cut"]
    assert judged(captured, notes) == {("run-trouble", "inconclusive")}


@pytest.mark.row("KUBE-11")
def test_kube_11_rbac_refuses(log: Log) -> None:
    refusal = 'echo "Error from server (Forbidden): pods \\"attic-0\\" is forbidden" >&2; exit 1'
    log.fake.does("tail", refusal)
    log.fake.does("logs", refusal)
    notes, captured = log.captured(log.window())
    assert captured == b""
    assert 'Error from server (Forbidden): pods "attic-0" is forbidden (exit 1)' in notes[0]
    assert judged(captured, notes) == {("log-canary-missing", "inconclusive"), ("run-trouble", "inconclusive")}


@pytest.mark.row("KUBE-12")
def test_kube_12_empty_with_exit_0(log: Log) -> None:
    notes, captured = log.captured(log.window())
    assert captured == b""
    assert [note.split(" after")[0] for note in notes] == [
        f"{nonce} is not in the log of any replica" for nonce in sorted((PRE, POST))
    ]
    assert judged(captured, notes) == {("log-canary-missing", "inconclusive"), ("run-trouble", "inconclusive")}
    assert [call for call in log.fake.calls() if "logs" in call]


@pytest.mark.row("KUBE-15")
def test_kube_15_a_log_without_end(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "POD_LOG_BYTES", 100_000)
    log.fake.says("both", stamped(PRE, POST))
    log.fake.does("logs", 'cat "$HOME/both"; yes "[pod/attic-0/attic] 2026-11-24T00:00:09Z  INFO a::b: x"')
    notes, captured = log.captured(log.window())
    assert "kubectl printed more than 100000 bytes" in notes[0]
    assert len(captured) == 100_000
    assert ("run-trouble", "inconclusive") in judged(captured, notes)


@pytest.mark.row("TRU-14")
@pytest.mark.parametrize("where", ["logs", "tail"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_tru_14_a_sentence_in_place_of_a_log(log: Log, where: str, end: str) -> None:
    """The kubelet answers 200 where the runtime lost the container (kubernetes#142258), in the window or before it."""
    log.fake.says("tail", stamped("last"))
    log.fake.says("logs", stamped("last", PRE, POST))
    log.fake.says(where, f"[pod/attic-0/attic] unable to retrieve container logs for containerd://3bb6fd00e2a1{end}")
    notes, captured = log.captured(log.window())
    assert "answer has a line without a time, so it is not the log: '[pod/attic-0/attic] unable to retr" in notes[0]
    assert ("run-trouble", "inconclusive") in judged(captured, notes)


def test_the_previous_container_is_read_after_a_restart(log: Log) -> None:
    log.fake.says("tail", stamped("last"))
    log.fake.says("old", stamped("last", PRE))
    log.fake.says("new", stamped(POST))
    window = log.window()
    log.fake.pods(pod("attic-0", restarts=1))
    log.fake.does("logs", 'case "$*" in *--previous*) cat "$HOME/old" ;; *) cat "$HOME/new" ;; esac')
    notes, captured = log.captured(window)
    assert notes == ()
    assert captured == "".join(stamped("last", PRE).splitlines(keepends=True)[1:]).encode() + stamped(POST).encode()


def test_a_container_that_restarted_and_waits_again(log: Log) -> None:
    log.fake.says("tail", stamped("last"))
    log.fake.says("logs", stamped("last", PRE, POST))
    window = log.window()
    result = json.loads(json.dumps(pod("attic-0", restarts=1)))
    result["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
    log.fake.pods(result)
    notes, captured = log.captured(window)
    assert notes == ("attic of pod attic-0 is waiting (CrashLoopBackOff)",)
    assert captured == "".join(stamped("last", PRE, POST).splitlines(keepends=True)[1:]).encode()
    assert [("--previous" in call) for call in log.fake.calls() if "logs" in call and "--tail" not in call] == [True]


def test_two_restarts_lose_a_log(log: Log) -> None:
    log.fake.says("logs", stamped(PRE, POST))
    window = log.window()
    log.fake.pods(pod("attic-0", restarts=2))
    notes, _captured = log.captured(window)
    assert notes == ("attic of pod attic-0 restarted 2 times in the window: the logs between are lost",)


def test_a_replica_that_came_is_read_whole_and_one_that_went_is_told(log: Log) -> None:
    log.fake.pods(pod("attic-0"), pod("attic-1", "u2"))
    log.fake.says("tail", stamped("last"))
    window = log.window()
    log.fake.pods(pod("attic-0"), pod("attic-2", "u3"))
    log.fake.says("one", stamped("last", PRE))
    log.fake.does(
        "logs",
        f'case "$*" in *attic-0*) cat "$HOME/one" ;; *) echo "[pod/attic-2/attic] 2026-11-24T00:00:09Z {POST}" ;; esac',
    )
    notes, captured = log.captured(window)
    assert notes == ("pod attic-1 is gone: what attic logged there in the window is lost",)
    assert PRE.encode() in captured
    assert POST.encode() in captured
    since = {
        call.rpartition("pod/")[2]: "--since-time" in call
        for call in log.fake.calls()
        if "--tail" not in call and "logs" in call
    }
    assert since == {"attic-0": True, "attic-2": False}


def test_a_pod_of_the_same_name_is_another(log: Log) -> None:
    log.fake.says("tail", stamped("last"))
    window = log.window()
    log.fake.pods(pod("attic-0", "u9"))
    log.fake.says("logs", stamped(PRE, POST))
    notes, captured = log.captured(window)
    assert notes == ("pod attic-0 is gone: what attic logged there in the window is lost",)
    assert captured == stamped(PRE, POST).encode()


def test_a_container_that_waits(log: Log) -> None:
    result = json.loads(json.dumps(pod("attic-0")))
    result["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "ImagePullBackOff"}}
    log.fake.pods(result)
    log.fake.says("logs", stamped(PRE, POST))
    notes, _captured = log.captured(log.window())
    assert notes == ("attic of pod attic-0 is waiting (ImagePullBackOff)",)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_cluster_that_does_not_answer(log: Log, when: str) -> None:
    window = None if when == "before" else log.window()
    log.fake.does("pods", 'echo "error: etcd timed out" >&2; exit 1')
    notes, captured = log.captured(window or log.window())
    assert notes[0] == "the pods of nix-cache/attic: error: etcd timed out (exit 1)"
    assert captured == b""


@pytest.mark.parametrize("rows", [[], [pod("attic-0"), pod("rustfs-1")]], ids=["none", "another container"])
def test_pods_without_the_container(log: Log, rows: list[dict[str, object]]) -> None:
    for row in rows:
        row["metadata"]["ownerReferences"][0]["name"] = "attic-7d"  # type: ignore[index]  # test
    log.fake.pods(*rows)
    notes, _captured = log.captured(log.window())
    assert f"deployment nix-cache/attic has {len(rows)} pods, and not each of them has the container attic" in notes[0]


# --------------------------------------------------------------------------------------------------------- the command


def test_the_environment_is_scrubbed(fake: Fake) -> None:
    fake.does("pods", 'env >"$HOME/env"; exit 1')
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(fake.folder),
        "KUBECONFIG": "/a:/b",
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        "GATE_PUSH_TOKEN": "CANARY",
        "AWS_SECRET_ACCESS_KEY": "CANARY",
        "LD_PRELOAD": "CANARY",
    }
    kubectl = Kubectl(
        environ=environ, cancel=CancelToken(), clock=SystemClock(), program=str(fake.program), context="lab"
    )
    unknown(kubectl)
    observation = dict(line.split("=", 1) for line in (fake.folder / "env").read_text().split("\n") if "=" in line)
    assert "CANARY" not in observation.values()
    assert (observation["KUBECONFIG"], observation["KUBERNETES_SERVICE_HOST"], observation["KUBERC"]) == (
        "/a:/b",
        "10.0.0.1",
        "off",
    )
    assert all(call.startswith("--context=lab ") for call in fake.calls())


def test_a_cancelled_run_asks_nothing_more(fake: Fake) -> None:
    cancel = CancelToken()
    cancel.cancel("signal")
    kubectl = Kubectl(environ={"PATH": os.defpath}, cancel=cancel, clock=SystemClock(), program=str(fake.program))
    assert "the run was cancelled" in unknown(kubectl)
    assert fake.calls() == []


@pytest.mark.row("KUBE-17")
def test_kube_17_kubectl_cp_is_never_used() -> None:
    for source in Path(kubectl_module.__file__).parents[1].rglob("*.py"):
        assert '"cp"' not in source.read_text("utf-8"), source
