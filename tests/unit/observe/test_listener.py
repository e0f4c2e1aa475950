"""Who listens at an endpoint: real processes, by the kernel's own lists."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gate import limits
from gate.model.basics import Phase, Truth
from gate.model.records import Listening
from gate.observe.workload import look, look_at_listener

SERVER = """
import socket, sys
kind = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = socket.create_server((sys.argv[1], 0), family=kind)
print(server.getsockname()[1], flush=True)
kept = []
while True:
    kept.append(server.accept())
"""


WORKER = """
import os
child = os.fork()
if child == 0:
    server.close()
    os.execvp("sleep", ["sleep", "60"])
print(child, flush=True)
kept = []
"""


@contextmanager
def server(address: str = "127.0.0.1", *, shell: bool = False) -> Iterator[tuple[int, int]]:
    """A process that listens: its pid, or the one of the shell that started it, and its port."""
    argv = [sys.executable, "-c", SERVER, address]
    if shell:
        argv = ["sh", "-c", '"$@" & wait', "sh", *argv]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert child.stdout is not None
        yield child.pid, int(child.stdout.readline())
    finally:
        os.killpg(child.pid, 9)
        child.communicate()


def seen(pid: int, endpoint: str, *, served: bool = True, proc: Path = Path("/proc")) -> Listening:
    return look_at_listener(pid, endpoint, served=served, proc=proc)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("shell", [False, True])
def test_the_process_itself_or_its_child_listens(host: str, shell: bool) -> None:
    with server(shell=shell) as (pid, port):
        assert seen(pid, f"http://{host}:{port}/x") == Listening(truth=Truth.PRESENT)


def test_a_server_of_every_address_listens_at_each() -> None:
    with server("0.0.0.0") as (pid, port):  # noqa: S104  # a test
        assert seen(pid, f"http://127.0.0.1:{port}").truth is Truth.PRESENT
    if socket.has_ipv6:
        with server("::1") as (pid, port):
            assert seen(pid, f"http://[::1]:{port}").truth is Truth.PRESENT


def test_a_worker_of_the_same_group_has_its_parents_socket() -> None:
    code = SERVER.replace("kept = []", WORKER)
    argv = [sys.executable, "-c", code, "127.0.0.1"]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert child.stdout is not None
        port, worker = int(child.stdout.readline()), int(child.stdout.readline())
        assert seen(worker, f"http://127.0.0.1:{port}").truth is Truth.PRESENT
    finally:
        os.killpg(child.pid, 9)
        child.communicate()


@pytest.mark.row("TRU-15")
def test_a_process_that_listens_nowhere_is_another() -> None:
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        with server() as (pid, port):
            got = seen(child.pid, f"http://127.0.0.1:{port}", served=False)
    finally:
        child.kill()
        child.wait()
    assert (got.truth, (got.listener or "").split(":")[0]) == (Truth.ABSENT, str(pid))
    assert "the workload's process listens on no port" in got.note


def test_a_server_of_another_port_may_be_behind_a_proxy_only_when_it_is_talked_to() -> None:
    with server() as (_, port), server() as (other, own):
        endpoint = f"http://127.0.0.1:{port}"
        assert seen(other, endpoint, served=False).truth is Truth.UNKNOWN
        silent = seen(other, endpoint)
        assert (silent.truth, "no connection in the last minute" in silent.note) == (Truth.ABSENT, True)
        with socket.create_connection(("127.0.0.1", own)):
            behind = seen(other, endpoint)
        assert (behind.truth, "proxy of this machine" in behind.note) == (Truth.UNKNOWN, True)
        assert str(own) in behind.note


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        ("https://192.0.2.1", "is not an address of this machine"),
        ("https://", "could not be resolved"),
        ("https://127.0.0.1:99999", "could not be resolved"),
        ("https://no-such-host.invalid", "could not be resolved"),
        ("http://127.0.0.1:1", "no process on this machine is seen to listen on port 1"),
    ],
)
def test_what_is_not_of_this_machine_is_unknown(endpoint: str, why: str) -> None:
    got = seen(os.getpid(), endpoint)
    assert (got.truth, why in got.note) == (Truth.UNKNOWN, True), got.note


def copied(tmp_path: Path, pid: int) -> Path:
    """A /proc of one process, with the real lists of sockets."""
    proc = tmp_path / "proc"
    for who in (str(pid), "self"):
        (proc / who / "ns").mkdir(parents=True)
        (proc / who / "ns/net").symlink_to("net:[1]")
        (proc / who / "fd").mkdir()
        (proc / who / "stat").write_bytes(Path(f"/proc/{pid}/stat").read_bytes())
    (proc / "net").mkdir()
    (proc / "net/tcp").write_bytes(Path("/proc/net/tcp").read_bytes())
    return proc


def test_what_may_not_be_looked_at_is_unknown(tmp_path: Path) -> None:
    with ExitStack() as stack:
        pid, port = stack.enter_context(server())
        endpoint = f"http://127.0.0.1:{port}"
        proc = copied(tmp_path, pid)
        assert seen(pid, endpoint, proc=proc).truth is Truth.ABSENT  # it holds nothing in this copy
        (proc / str(pid) / "fd").rmdir()
        (proc / str(pid) / "fd").write_bytes(b"")  # listing it fails, as without the right to
        assert "descriptors can't be read" in seen(pid, endpoint, proc=proc).note
        (proc / "net/tcp").write_bytes(b"junk\n")
        assert "could not be looked at" in seen(pid, endpoint, proc=proc).note
        (proc / str(pid) / "ns/net").unlink()
        assert "No such file" in seen(pid, endpoint, proc=proc).note
        (proc / str(pid) / "ns/net").symlink_to("net:[2]")
        assert "another network namespace" in seen(pid, endpoint, proc=proc).note


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RESOLVE_SECONDS", 0.0)
    assert seen(os.getpid(), "http://localhost:1").truth is Truth.UNKNOWN


def test_a_workload_says_who_listens(tmp_path: Path) -> None:
    with server() as (pid, port):
        (tmp_path / "pid").write_text(str(pid))
        got = look("store", f"file://{tmp_path}/pid", phase=Phase.POST, endpoint=f"http://127.0.0.1:{port}")
    assert got.listening == Listening(truth=Truth.PRESENT)
