"""Rows of the fault matrix in the layer disk, through the real senses to the verdict.

Each test asserts the class, the reason code, the verdict and that its fault happened. Errors of the disk are the
kernel's own answers, put there by strace.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gate.clock import SystemClock
from gate.evidence.codec import adapter
from gate.model.basics import BucketState, Truth, VerdictWord
from gate.model.kube import ContainerSeen, PodSeen
from gate.model.records import BucketSampled, PlaceSeen
from gate.observe.disk_markers import look
from gate.observe.kube_markers import look_at
from gate.observe.scratch import Door
from tests.helpers.bucket_verdicts import BucketVerdicts, expect, judged, rca
from tests.helpers.scripted_s3 import BUCKETS, XML, Script, answering, drive, error, listing, sample, samples, store

UNSEEN = BucketState.UNOBSERVABLE
WAIT = 60  # seconds for what takes a small part of one
LONG = "d" * 50
NO_BUCKET = answering(404, error("NoSuchBucket"), Content_Type=XML)
GONE = {
    "GET /": answering(200, listing(["attic"]), Content_Type=XML),
    "HEAD /tofu-state": NO_BUCKET,
    "GET /tofu-state": NO_BUCKET,
}


# --- markers that are none


def link(path: Path) -> None:
    path.symlink_to("/etc")


def shadow(path: Path) -> None:
    path.symlink_to("/etc/shadow")


def loop(path: Path) -> None:
    path.symlink_to(path)


def unix_socket(path: Path) -> None:
    os.mknod(path, stat.S_IFSOCK | 0o600)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(link, "is a link", marks=pytest.mark.row("DISK-06")),
        pytest.param(shadow, "is a link", marks=pytest.mark.row("DISK-06")),
        pytest.param(loop, "is a link", marks=pytest.mark.row("DISK-06")),
        pytest.param(os.mkfifo, "is a FIFO", marks=pytest.mark.row("DISK-07")),
        pytest.param(unix_socket, "is a socket", marks=pytest.mark.row("DISK-07")),
        pytest.param(Path.touch, "is a file", marks=pytest.mark.row("DISK-07")),
    ],
)
@pytest.mark.parametrize("marker", ["tofu-state", ".rustfs.sys/buckets/tofu-state/.metadata.bin"])
def test_a_marker_that_is_none(make: Callable[[Path], None], message: str, marker: str, tmp_path: Path) -> None:
    place = drive(tmp_path)
    (tmp_path / marker).rmdir()
    make(tmp_path / marker)
    expect(rca(Script(), place), UNSEEN, VerdictWord.INCONCLUSIVE, message)


@pytest.mark.row("DISK-07")
def test_a_device_in_the_place_of_a_marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not everybody may make a device: what lstat says of one is what it says of /dev/null."""
    place, real, met = drive(tmp_path), os.lstat, []

    def device(path: Any, **rest: Any) -> os.stat_result:
        if str(path) == str(tmp_path / "tofu-state"):
            met.append(path)
            return real("/dev/null")
        return real(path, **rest)

    monkeypatch.setattr(os, "lstat", device)
    expect(rca(Script(), place), UNSEEN, VerdictWord.INCONCLUSIVE, "is a device")
    assert len(met) == 2


# --- errors of the disk

CALLS = ("newfstatat", "fstatat64", "lstat", "stat", "fstat", "statx", "openat", "open", "read", "getdents64")
CHILD = """
import dataclasses, json, sys
from gate.observe.disk_markers import look
print(json.dumps(dataclasses.asdict(look(sys.argv[1], sys.argv[2:], seconds=60))))
"""


def traced(argv: Sequence[str], paths: Sequence[Path], log: Path, inject: str = "", **environ: str) -> bytes:
    """Run a command under strace, which tells every call on these paths, or gives an error in its place."""
    strace = shutil.which("strace")
    assert strace, "strace is not on PATH: it gives the errors of a failing disk (Debian: apt-get install strace)"
    faults = [f"--inject={inject}"] if inject else []
    on = [word for path in paths for word in ("-P", str(path))]
    done = subprocess.run(
        [strace, "-f", "-qq", "-o", str(log), *on, *faults, "--", *argv],
        env={**os.environ, **environ},
        capture_output=True,
        check=False,
        timeout=WAIT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def paths_of(root: Path) -> list[Path]:
    """All that the gate looks at on a drive."""
    metas = [root / ".rustfs.sys/buckets" / bucket / ".metadata.bin" for bucket in BUCKETS]
    return [
        root,
        root / ".rustfs.sys",
        *(root / bucket for bucket in BUCKETS),
        *metas,
        root / ".rustfs.sys/format.json",
    ]


def in_a_child(root: Path, log: Path, inject: str = "") -> PlaceSeen:
    argv = [sys.executable, "-c", CHILD, f"file://{root}", *BUCKETS]
    return adapter(PlaceSeen).validate_json(traced(argv, paths_of(root), log, inject))


def every_call(log: Path) -> Iterator[tuple[str, int]]:
    """Each call in the log as its name and its number among those of that name."""
    counts: dict[str, int] = {}
    for name in re.findall(r"^(?:\d+ +)?(\w+)\(", log.read_text(), re.MULTILINE):
        if name in CALLS:
            counts[name] = counts.get(name, 0) + 1
            yield name, counts[name]


def with_place(seen: Sequence[BucketSampled], place: PlaceSeen) -> BucketVerdicts:
    return judged([replace(each, places=(place,)) for each in seen])


def scan_io(found: BucketVerdicts) -> set[str]:
    """The drives of which the run says that the disk itself failed."""
    rows = [row for row in found.findings if row.code == "disk-scan-io"]
    assert {row.status.value for row in rows} <= {"inconclusive"}
    assert set(found.run.codes) >= {row.code for row in rows}
    return {row.subject for row in rows}


@pytest.mark.row("DISK-09")
def test_eio_at_every_call_is_never_a_pass_and_hides_no_loss(tmp_path: Path) -> None:
    root, log = tmp_path / "data", tmp_path / "log"
    drive(root)
    (root / ".rustfs.sys/format.json").write_text('{"id": "deployment"}')
    with store(Script()) as (_server, door):
        good = samples(door, [])
    with store(Script(GONE)) as (_server, door):
        lost = samples(door, [])
    whole = in_a_child(root, log)
    calls = list(every_call(log))
    expect(with_place(good, whole), BucketState.INDEXED, VerdictWord.PASS)
    expect(with_place(lost, whole), BucketState.INDEX_LOST, VerdictWord.QUARANTINE)
    assert whole.volume == "deployment"
    assert len(calls) >= 10
    for name, number in calls:
        place = in_a_child(root, log, f"{name}:error=EIO:when={number}")
        assert log.read_text().count("(INJECTED)") == 1, (name, number)
        result = with_place(good, place)
        states = {cause.state for cause in result.buckets.values()}
        assert UNSEEN in states, (name, number)
        assert states <= {UNSEEN, BucketState.INDEXED}, (name, number)
        for verdict in (result.verdict, result.run):
            assert (verdict.word, verdict.exit_code) == (VerdictWord.INCONCLUSIVE, 3), (name, number)
        notes = [note for cause in result.buckets.values() for row in cause.samples for note in row.sample.notes]
        assert any("Input/output error" in note for note in notes), (name, number)
        assert "bucket-unobservable" in {result.code(bucket) for bucket in BUCKETS}
        assert scan_io(result) == {f"file://{root}"}, (name, number)
        blind = (name, number) == calls[0]  # the drive itself could not be looked at
        expect(
            with_place(lost, place),
            UNSEEN if blind else BucketState.INDEX_LOST,
            VerdictWord.INCONCLUSIVE if blind else VerdictWord.QUARANTINE,
        )


class Here:
    """A kubectl whose one container is this machine: the marker script runs under strace."""

    def __init__(self, shell: Path, failing: Path, log: Path) -> None:
        self.clock = SystemClock()
        self._shell = shell
        self._failing = failing
        self._log = log

    def known_pods(self, _place: object) -> tuple[PodSeen, ...]:
        return ()

    def pods(self, _place: object, *, seconds: float) -> tuple[PodSeen, ...]:
        assert seconds > 0
        container = ContainerSeen(name="rustfs", restarts=0, image_id="i", started="2026-11-24T00:00:00Z")
        return (
            PodSeen(
                name="rustfs-0",
                uid="u",
                node="n",
                ended=False,
                owner=None,
                default_container=None,
                containers=(container,),
            ),
        )

    calls = "newfstatat,lstat,stat,statx"

    def exec(
        self, _namespace: str, _pod: str, _container: str, command: Sequence[str], *, cap: int, seconds: float
    ) -> bytes:
        assert cap
        assert seconds
        calls = self.calls
        argv = [str(self._shell / "sh"), *command[1:]]
        return traced(argv, [self._failing], self._log, f"?{calls.replace(',', ',?')}:error=EIO", PATH=str(self._shell))


@pytest.fixture(params=["busybox", "dash"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A search path with the few programs of the script: busybox's own, or Debian's."""
    result = tmp_path / "bin"
    result.mkdir()
    for name in ("sh", "ls", "dd", "stat", "sha256sum"):
        real = shutil.which("busybox" if request.param == "busybox" else {"sh": "dash"}.get(name, name))
        assert real, f"{request.param} is not on PATH: install it (Debian: apt-get install busybox)"
        (result / name).symlink_to(real)
    return result


@pytest.mark.row("DISK-09")
@pytest.mark.parametrize("at", [*range(7)])
def test_eio_inside_of_a_container_is_never_a_pass(at: int, shell: Path, tmp_path: Path) -> None:
    root, log = tmp_path / "data", tmp_path / "log"
    drive(root)
    format_of(root)
    failing = paths_of(root)[at]
    kubectl: Any = Here(shell, failing, log)
    place = f"kubectl://ns/statefulset/rustfs?container=rustfs&path={root}"
    (observation,) = look_at(place, BUCKETS, kubectl=kubectl, seconds=WAIT)
    assert "(INJECTED)" in log.read_text()
    with store(Script()) as (_server, door):
        result = with_place(samples(door, []), observation)
    expect(result, UNSEEN, VerdictWord.INCONCLUSIVE, bucket="attic" if "attic" in str(failing) else "tofu-state")
    notes = [note for cause in result.buckets.values() for row in cause.samples for note in row.sample.notes]
    assert any(f"{failing}" in note and "rror" in note for note in notes), notes
    assert scan_io(result) == {observation.place}
    assert Truth.ABSENT not in {truth for mark in observation.markers for truth in (mark.data, mark.meta)}


def format_of(root: Path) -> None:
    (root / ".rustfs.sys/format.json").write_text('{"id": "deployment"}')


@pytest.mark.row("DISK-09")
@pytest.mark.parametrize("calls", ["openat,open", "read"])
def test_eio_while_a_container_reads_the_name_of_its_volume(calls: str, shell: Path, tmp_path: Path) -> None:
    root, log = tmp_path / "data", tmp_path / "log"
    drive(root)
    format_of(root)
    kubectl: Any = Here(shell, root / ".rustfs.sys/format.json", log)
    kubectl.calls = calls
    (observation,) = look_at(f"kubectl://ns/statefulset/rustfs?path={root}", BUCKETS, kubectl=kubectl, seconds=WAIT)
    assert "(INJECTED)" in log.read_text()
    assert observation.volume is None
    with store(Script()) as (_server, door):
        result = with_place(samples(door, []), observation)
    for bucket in BUCKETS:
        expect(result, UNSEEN, VerdictWord.INCONCLUSIVE, "format.json", bucket=bucket)
    assert scan_io(result) == {observation.place}


# --- names, trees and volumes


@pytest.mark.row("DISK-11")
def test_names_of_any_bytes_beside_the_markers_change_nothing(shell: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    drive(root)
    folders = (os.fsencode(root), os.fsencode(root / ".rustfs.sys/buckets"))
    names = (b"new\nline", b"tab\t", b"invalid\xff\xfe", b"attic\n", b"::set-output name=x::", b"-rf")
    for folder in folders:
        for name in names:
            os.mkdir(folder + b"/" + name)  # noqa: PTH102  pathlib knows no bytes
    assert {name for folder in folders for name in os.listdir(folder)} >= set(names)  # noqa: PTH208  as above
    with store(Script()) as (_server, door):
        here = judged(samples(door, [f"file://{root}"]))
        kubectl: Any = Here(shell, root, tmp_path / "log")
        kubectl.exec = lambda *words, **_: untraced(shell, words[3])
        (there,) = look_at(f"kubectl://ns/pod/rustfs-0?path={root}", BUCKETS, kubectl=kubectl)
        inside = with_place(samples(door, []), there)
    assert there.markers == look(f"file://{root}", BUCKETS).markers
    for bucket in BUCKETS:
        expect(here, BucketState.INDEXED, VerdictWord.PASS, bucket=bucket)
        expect(inside, BucketState.INDEXED, VerdictWord.PASS, bucket=bucket)


def untraced(shell: Path, command: Sequence[str]) -> bytes:
    argv = [str(shell / "sh"), *command[1:]]
    return subprocess.run(argv, env={"PATH": str(shell)}, capture_output=True, check=True, timeout=WAIT).stdout


@contextmanager
def deep(top: Path, depth: int) -> Iterator[None]:
    """A folder in a folder, so many deep that no path reaches the last; taken down again from there.

    It is the paths' length that a walk would meet: a thousand folders of long names are beyond PATH_MAX.
    """
    here = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(LONG, dir_fd=here)
        below = os.open(LONG, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    try:
        yield
    finally:
        for _ in range(depth):
            above = os.open("..", os.O_RDONLY, dir_fd=here)
            os.rmdir(LONG, dir_fd=above)
            os.close(here)
            here = above
        os.close(here)


def split(found: BucketVerdicts) -> set[str]:
    """The drives of which the run says that a folder is on another file system."""
    return {row.subject for row in found.findings if row.code == "volume-split" and row.status.value == "inconclusive"}


@pytest.mark.row("DISK-12")
@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_folder_on_another_file_system_is_not_the_store_s(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not everybody may mount: what lstat says of a mount point is the device of what is mounted there."""
    place, real = drive(tmp_path), os.lstat
    mounted = paths_of(tmp_path)[at]
    met: list[Path] = []

    def lstat(path: Any, **rest: Any) -> os.stat_result:
        result = real(path, **rest)
        if path != mounted:
            return result
        met.append(path)
        return os.stat_result([*result[:2], result.st_dev + 1, *result[3:]])

    monkeypatch.setattr(os, "lstat", lstat)
    result = rca(Script(), place)
    assert len(met) >= 2, "the fault was active"
    for bucket in {1: BUCKETS, 2: (BUCKETS[0],), 4: (BUCKETS[0],)}[at]:
        expect(
            result,
            UNSEEN,
            VerdictWord.INCONCLUSIVE,
            f"{mounted} is on another file system than {tmp_path}",
            bucket=bucket,
        )
    assert split(result) == {place}


@pytest.mark.row("DISK-12")
def test_a_mount_point_inside_of_a_container(shell: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    drive(root)
    (shell / "stat").unlink()
    (shell / "stat").write_text(f'#!/bin/sh\ncase "$3" in\n{root}/attic) echo 77 ;;\n*) echo 64769 ;;\nesac\n')
    (shell / "stat").chmod(0o755)
    kubectl: Any = Here(shell, root, tmp_path / "log")
    kubectl.exec = lambda *words, **_: untraced(shell, words[3])
    (observation,) = look_at(f"kubectl://ns/pod/rustfs-0?path={root}", BUCKETS, kubectl=kubectl)
    with store(Script()) as (_server, door):
        result = with_place(samples(door, []), observation)
    expect(
        result, UNSEEN, VerdictWord.INCONCLUSIVE, f"{root}/attic is on another file system than {root}", bucket="attic"
    )
    expect(result, BucketState.INDEXED, VerdictWord.INCONCLUSIVE, bucket="tofu-state")
    assert split(result) == {observation.place}


@pytest.mark.row("DISK-12")
def test_a_file_system_that_the_container_tells_of_the_drive_alone(shell: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    drive(root)
    (shell / "stat").unlink()
    (shell / "stat").write_text(f'#!/bin/sh\n[ "$3" != {root}/attic ] && echo 64769\n')
    (shell / "stat").chmod(0o755)
    kubectl: Any = Here(shell, root, tmp_path / "log")
    kubectl.exec = lambda *words, **_: untraced(shell, words[3])
    (observation,) = look_at(f"kubectl://ns/pod/rustfs-0?path={root}", BUCKETS, kubectl=kubectl)
    with store(Script()) as (_server, door):
        result = with_place(samples(door, []), observation)
    expect(
        result, UNSEEN, VerdictWord.INCONCLUSIVE, f"{root}/attic: its file system can't be determined", bucket="attic"
    )
    assert split(result) == set()


@pytest.mark.row("DISK-12")
def test_a_tree_without_end_is_not_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate looks at names that it knows, so neither depth nor a cycle is met: there is nothing to cap.

    A healthy store may have deep folders, since keys have slashes; so the row's inconclusive is for what is on another
    file system alone.
    """
    root = tmp_path / "data"
    place = drive(root)
    looks: list[str] = []
    real = os.lstat

    def counted(path: Any, **rest: Any) -> os.stat_result:
        looks.append(str(path))
        return real(path, **rest)

    with store(Script()) as (_server, door), monkeypatch.context() as patch:
        patch.setattr(os, "lstat", counted)
        sample(door, [place])
        flat = len(looks)
        (root / ".rustfs.sys/buckets/tofu-state/.metadata.bin/cycle").symlink_to(root)
        looks.clear()
        with deep(root / "attic", 1000):
            result = judged([sample(door, [place], number) for number in (1, 2)])
    assert len(looks) == 2 * flat
    assert list((root / "attic").iterdir()) == []
    for bucket in BUCKETS:
        expect(result, BucketState.INDEXED, VerdictWord.PASS, bucket=bucket)


def change(place: Path, door: Door, *steps: Callable[[], Any]) -> BucketVerdicts:
    """One sample, then one after each step."""
    observation = [sample(door, [f"file://{place}"])]
    for number, step in enumerate(steps, 2):
        step()
        observation.append(sample(door, [f"file://{place}"], number))
    return judged(observation)


@pytest.mark.row("DISK-13", "DISK-17")
def test_markers_that_come_or_go_between_samples(tmp_path: Path) -> None:
    drive(tmp_path)
    meta = tmp_path / ".rustfs.sys/buckets/tofu-state/.metadata.bin"
    with store(Script()) as (_server, door):
        going = change(tmp_path, door, meta.rmdir)
        coming = change(tmp_path, door, meta.mkdir)
    for result, states in (
        (going, [BucketState.INDEXED, BucketState.MARKER_MISSING]),
        (coming, [BucketState.MARKER_MISSING, BucketState.INDEXED]),
    ):
        assert [row.sample.state for row in result.buckets["tofu-state"].samples] == states
        expect(result, BucketState.FLAPPING, VerdictWord.INCONCLUSIVE)


@pytest.mark.row("DISK-14")
def test_an_empty_mount_point_and_a_foreign_volume(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    expect(rca(Script(), f"file://{tmp_path / 'empty'}"), UNSEEN, VerdictWord.INCONCLUSIVE, "not mounted")
    foreign = drive(tmp_path / "foreign", buckets=())
    (tmp_path / "foreign/.rustfs.sys/format.json").write_text('{"id": "another-deployment"}')
    result = rca(Script(), foreign)
    expect(result, BucketState.MARKER_MISSING, VerdictWord.INCONCLUSIVE)
    assert result.buckets["attic"].samples[0].places[0].volume == "another-deployment"
    lost = Script({"GET /": answering(200, listing(["attic"])), "HEAD /tofu-state": answering(404)})
    expect(rca(lost, foreign), BucketState.MISSING, VerdictWord.INCONCLUSIVE)
    assert lost.hits == 4
