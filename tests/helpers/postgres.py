"""A PostgreSQL server of the tests' own, on a Unix socket and a loopback port, as Debian ships it."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def _program(name: str) -> str:
    result = shutil.which(name, path=os.pathsep.join([*map(str, reversed(_DEBIAN)), os.environ["PATH"]]))
    assert result, f"{name} is missing: scripts/ensure-test-tools.sh installs PostgreSQL"
    return result


@contextmanager
def running_postgres() -> Iterator[str]:
    """The server's URL without a database, ``postgresql://gate@127.0.0.1:PORT``; PostgreSQL never runs as root.

    Not below pytest's own folder, which each session closes to other users again.
    """
    work = Path(tempfile.mkdtemp(prefix="gate-postgres-"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(work, user.pw_uid, user.pw_gid)
        as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    data = work / "data"
    environ = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(work)}
    initdb = [_program("initdb"), "--auth=trust", "--username=gate", "--no-sync", "-D", str(data)]
    subprocess.run([*as_user, *initdb], check=True, capture_output=True, env=environ, cwd=work)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = ["-c", "fsync=off", "-c", f"unix_socket_directories={work}", "-c", "listen_addresses=127.0.0.1"]
    with (work / "log").open("wb") as log:
        server = subprocess.Popen(
            [*as_user, _program("postgres"), "-D", str(data), "-p", str(port), *settings],
            stdout=log,
            stderr=log,
            env=environ,
            cwd=work,
        )
    try:
        ready = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
        for _ in range(300):
            if subprocess.run(ready, check=False, env=environ).returncode == 0:
                break
            assert server.poll() is None, (work / "log").read_text()
        yield f"postgresql://gate@127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(work, ignore_errors=True)
