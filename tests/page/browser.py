"""Chromium for the tests of the page: Debian's own, driven by what the npm lock file names; kept in build/tools."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent / "npm"
BUILD = HERE.parents[2] / "build"
INSTALL = ("ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--no-bin-links")
SECONDS = 600


def inspect(pages: Mapping[str, str], folder: Path) -> list[dict[str, Any]]:
    """What a reader meets in each page: a row for each page and each of light, dark and phone.

    The pictures are kept in build/pictures.
    """
    pictures = BUILD / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
        rows.append({"name": name, "file": str(folder / f"{name}.html")})
    (folder / "pages.json").write_text(json.dumps(rows), encoding="utf-8")
    program = str(_driver() / "inspect.mjs")
    # Chromium takes every core that it gets; tests that measure time run beside it.
    argv = [_found("nice"), "-n", "10", _found("node"), program, _found("chromium")]
    argv += [str(folder / "pages.json"), str(pictures)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stderr[-4000:]
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


def measure(page: Path) -> dict[str, float]:
    """How long Chromium takes to load a page, and to filter its paths with every group open, in milliseconds."""
    argv = [_found("node"), str(_driver() / "measure.mjs"), _found("chromium"), str(page)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stderr[-4000:]
    times: dict[str, float] = json.loads(done.stdout)
    return times


def _driver() -> Path:
    """The folder of the driver with its packages. Fetched once, by the npm client as it is set up here."""
    lock = b"".join((HERE / name).read_bytes() for name in ("package-lock.json", "inspect.mjs", "measure.mjs"))
    there = BUILD / "tools" / f"page-{sha256(lock).hexdigest()[:16]}"
    if not there.exists():
        there.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=there.parent) as folder:
            new = Path(folder) / "page"
            shutil.copytree(HERE, new)
            done = subprocess.run(
                [_found("npm"), *INSTALL], cwd=new, capture_output=True, text=True, check=False, timeout=SECONDS
            )
            assert done.returncode == 0, f"npm ci failed: {done.stderr[-2000:]}"
            new.rename(there)
    return there


def _found(name: str) -> str:
    path = shutil.which(name)
    assert path, f"{name} is not on PATH: make test installs Debian's, scripts/ensure-test-tools.sh"
    return path
