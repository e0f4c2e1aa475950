import os
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gate.model.basics import Phase, Truth
from gate.model.records import WorkloadSeen
from gate.observe.workload import look

STAT = b"7 (a) b) 1 (x) S 1 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc with a process 7 whose name is ``a) b) 1 (x``, started 123.45 s after a boot at 1,000,000,000."""
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/stat").write_bytes(STAT)
    (tmp_path / "proc/stat").write_bytes(b"cpu 1 2 3\nbtime 1000000000\nprocesses 9\n")
    (tmp_path / "pid").write_text("7\n")
    return tmp_path / "proc"


def seen(tmp_path: Path, proc: Path) -> WorkloadSeen:
    return look("store", f"file://{tmp_path}/pid", phase=Phase.PRE, proc=proc)


def test_a_process_by_its_pid_file(tmp_path: Path, proc: Path) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    started = datetime.fromtimestamp(1_000_000_000 + 12345 / ticks, tz=UTC)
    assert seen(tmp_path, proc) == WorkloadSeen(
        phase=Phase.PRE,
        role="store",
        place=f"file://{tmp_path}/pid",
        truth=Truth.PRESENT,
        identity="7:12345",
        started=started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda root: (root / "pid").unlink(), "No such file or directory"),
        (lambda root: (root / "pid").write_text(""), "holds no process id"),
        (lambda root: (root / "pid").write_text("7 8"), "holds no process id"),
        (lambda root: (root / "pid").write_text("0"), "holds no process id"),
        (lambda root: (root / "pid").write_text("-7"), "holds no process id"),
        (lambda root: (root / "pid").write_text("../7"), "holds no process id"),
        (lambda root: (root / "pid").write_text("7" + " " * 40), "has more than 32 bytes"),
        (lambda root: (root / "pid").write_text("8"), "names process 8, which does not run on this machine"),
        (lambda root: (root / "proc/7/stat").write_bytes(b"7 (x) S 1 2"), "expected the fields of proc(5)"),
        (lambda root: (root / "proc/7/stat").write_bytes(b""), "expected the fields of proc(5)"),
        (lambda root: (root / "proc/7/stat").write_bytes(STAT.replace(b" S ", b" Z ")), "ended and was not reaped"),
        (lambda root: (root / "proc/7/stat").write_bytes(STAT.replace(b"12345", b"12x45")), "expected the fields"),
        (lambda root: (root / "proc/stat").write_bytes(b"cpu 1\nbtime x\n"), "has no btime"),
    ],
    ids=["none", "empty", "two", "zero", "minus", "path", "long", "gone", "cut", "bare", "zombie", "ticks", "boot"],
)
def test_what_cannot_be_told_is_unknown(tmp_path: Path, proc: Path, spoil: object, why: str) -> None:
    assert callable(spoil)
    spoil(tmp_path)
    got = seen(tmp_path, proc)
    assert (got.truth, got.identity, got.started) == (Truth.UNKNOWN, None, None)
    assert why in (got.error or "")


def test_a_fifo_and_a_link_are_unknown_and_do_not_hang(tmp_path: Path, proc: Path) -> None:
    (tmp_path / "pid").rename(tmp_path / "real")
    (tmp_path / "pid").symlink_to(tmp_path / "real")
    assert seen(tmp_path, proc).truth is Truth.UNKNOWN
    (tmp_path / "pid").unlink()
    os.mkfifo(tmp_path / "pid")
    assert "is no regular file" in (seen(tmp_path, proc).error or "")


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("", "no place is set: expected file:///path/to/pidfile"),
        ("kubectl://rustfs/deployment/rustfs", "this place is in a cluster"),
        ("rustfs.service", "is not a locator"),
    ],
)
def test_places_that_cannot_be_looked_at(place: str, why: str) -> None:
    got = look("cache", place, phase=Phase.POST)
    assert (got.role, got.phase, got.place, got.truth) == ("cache", Phase.POST, place, Truth.UNKNOWN)
    assert why in (got.error or "")


def test_a_restart_of_a_real_process_changes_its_identity(tmp_path: Path) -> None:
    identities = []
    for _ in range(2):
        child = subprocess.Popen(["sleep", "60"])
        try:
            (tmp_path / "pid").write_text(str(child.pid))
            first, again = (look("cache", f"file://{tmp_path}/pid", phase=Phase.PRE) for _ in range(2))
        finally:
            child.kill()
            child.wait()
        assert first.truth is Truth.PRESENT
        assert first.identity == again.identity
        assert abs(datetime.fromisoformat(first.started or "").timestamp() - time.time()) < 60
        identities.append(first.identity)
    assert identities[0] != identities[1]
    assert look("cache", f"file://{tmp_path}/pid", phase=Phase.POST).truth is Truth.UNKNOWN
