"""Make the action's own Python environment below RUNNER_TEMP, from the hashed lock. Standard library only.

Nothing is built: the dependencies are wheels whose hashes the lock holds, and the package is copied in as it is. An
environment is named after all that is in it, so that a second use in a job finds it and another version never does.
"""

import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "runtime.txt"
PACKAGE = ROOT / "gate"
MARK = ".whole"
# Settings of the caller's own project and tools; site-wide ones (pip.conf, uv.toml of the user) stay in force.
FOREIGN = ("UV_", "PIP_", "PYTHON", "VIRTUAL_ENV", "CONDA_")
HASHED = ("--require-hashes", "--only-binary", ":all:", "--no-deps", "--requirement", str(LOCK))
SAID_LINES = 20


def main() -> int:
    """Make it, or find it made, and give the path of its Python as the step's output."""
    began = time.monotonic()
    home = Path(os.environ["RUNNER_TEMP"]).resolve() / f"trusted-publication-probe-{name()}"
    python = home / "bin" / "python"
    how = "found"
    if not (home / MARK).is_file():
        venv.EnvBuilder(symlinks=True, with_pip=False, clear=True).create(home)
        how = install(home, python, scrubbed(os.environ))
        if not how:
            return 3
        shutil.copytree(PACKAGE, site_packages(home) / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
        (home / MARK).touch()
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        outputs.write(f"python={python}\n")
    version = ".".join(map(str, sys.version_info[:3]))
    sys.stdout.write(f"environment: Python {version}, {how} in {time.monotonic() - began:.1f} s\n")
    return 0


def name() -> str:
    """Sixteen hex digits over the interpreter, the lock and every file of the package."""
    running = sha256(f"{sys.version}\n{sys.base_prefix}\n".encode())
    for path in (LOCK, *package_files()):
        data = path.read_bytes()
        running.update(f"{path.relative_to(ROOT)}\n{len(data)}\n".encode() + data)
    return running.hexdigest()[:16]


def package_files() -> Iterator[Path]:
    """The files of the package in one order."""
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def scrubbed(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would change where packages come from or where they go."""
    return {key: value for key, value in environ.items() if not key.startswith(FOREIGN)}


def clean_path(environ: Mapping[str, str]) -> str:
    """PATH without relative entries and what leads into the workspace: a pull request writes what is there."""
    entries = environ.get("PATH", os.defpath).split(os.pathsep)
    workspace = Path(environ.get("GITHUB_WORKSPACE") or ROOT / "none").resolve()
    folders = [
        entry
        for entry in entries
        if Path(entry).is_absolute() and workspace not in {*(folder := Path(entry).resolve()).parents, folder}
    ]
    return os.pathsep.join(folders) or os.defpath


def site_packages(home: Path) -> Path:
    """Where the environment's packages lie."""
    return home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


def install(home: Path, python: Path, environ: Mapping[str, str]) -> str:
    """Install the lock with uv, else with this Python's pip, else with the one it can unpack; empty when that fails."""
    uv = shutil.which("uv", path=clean_path(environ))
    if uv:
        command = [uv, "pip", "install", "--quiet", "--python", str(python), *HASHED]
        return "made by uv" if ran(command, home, environ) else ""
    options = ["install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-compile", *HASHED]
    pip = [sys.executable, "-I", "-m", "pip", "--python", str(python)]
    if not has_pip():
        unpack = [str(python), "-I", "-m", "ensurepip"]
        if not ran(unpack, home, environ):
            return ""
        pip = [str(python), "-I", "-m", "pip"]
    return "made by pip" if ran([*pip, *options], home, environ) else ""


def has_pip() -> bool:
    """Whether this Python has its own pip: `pip --python` came with 22.3, which every Python 3.11 has passed."""
    return not subprocess.run(
        [sys.executable, "-I", "-m", "pip", "--version"], capture_output=True, check=False
    ).returncode


def ran(command: list[str], home: Path, environ: Mapping[str, str]) -> bool:
    """Run a program away from the caller's workspace; where it fails, the end of what it said, made harmless."""
    done = subprocess.run(  # noqa: S603  # argument lists of our own, never a shell
        command,
        cwd=home,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        sys.path.insert(0, str(ROOT))
        from gate.render.escape import plain, runner_safe  # noqa: PLC0415  # now only it can be found

        lines = done.stdout.decode("utf-8", "backslashreplace").strip().split("\n")[-SAID_LINES:]
        sys.stderr.write(runner_safe("\n".join(plain(line, 500) for line in lines)) + "\n")
        sys.stderr.write(f"environment: {Path(command[0]).name} ended with {done.returncode}: see its words above\n")
    return not done.returncode


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except OSError as error:
        sys.stderr.write(f"environment: {error.strerror} ({error.filename!a}): RUNNER_TEMP must be writable\n")
        raise SystemExit(3) from None
