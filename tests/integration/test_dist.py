"""What a release ships: built twice to the same bytes, installed alone, and a whole run made with it."""

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from gate import __version__

ROOT = Path(__file__).parents[2]
DIST = ROOT / "scripts" / "dist.sh"
NOTES = ROOT / "scripts" / "release_notes.py"
SECRETS = re.compile(r"(^|/)(\.env|\.git|\.venv|tests|fixtures|build)(/|$)")


def run(*command: str | Path, env: dict[str, str] | None = None, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(
        words, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release") / "dist"
    done = run(DIST, folder, env={"GATE_DIST_PYTHON": sys.executable, "SOURCE_DATE_EPOCH": "1700000000"})
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel in a folder of its own; its dependencies are those of the tests' environment."""
    folder = tmp_path_factory.mktemp("installed")
    done = run(
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", folder, wheel(dist)
    )
    assert done.returncode == 0, done.stderr
    return folder


def wheel(dist: Path) -> Path:
    (result,) = dist.glob("*.whl")
    return result


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_tree_gives_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert run(DIST, again, env={"GATE_DIST_PYTHON": sys.executable, "SOURCE_DATE_EPOCH": "1700000000"}).returncode == 0
    assert files(again) == files(dist)
    assert sorted(files(dist)) == sorted(
        ["SHA256SUMS", f"publication_gate-{__version__}-py3-none-any.whl", f"publication_gate-{__version__}.tar.gz"]
    )
    assert run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=dist).returncode == 0


def test_a_folder_with_something_in_it_is_left_alone(dist: Path) -> None:
    before = files(dist)
    done = run(DIST, dist, env={"GATE_DIST_PYTHON": sys.executable})
    assert (done.returncode, files(dist)) == (2, before)
    assert "is not empty" in done.stderr


def test_the_wheel_has_all_of_the_package_and_nothing_else(dist: Path) -> None:
    with zipfile.ZipFile(wheel(dist)) as archive:
        shipped = {name for name in archive.namelist() if not name.startswith("publication_gate-")}
    expected = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "gate").stdout.split("\n")
    workflows = {f"gate/workflows/{path.name}" for path in (ROOT / "workflows").glob("*.yml")}
    assert shipped == {name for name in expected if name and (ROOT / name).exists()} | workflows


def test_the_sdist_has_no_file_that_is_not_for_users(dist: Path) -> None:
    (source,) = dist.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "gate/observe/markers.sh"} <= set(names)
    assert [name for name in names if SECRETS.search(name)] == []


def test_the_installed_wheel_says_its_version_and_its_schema(installed: Path, tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(installed)}
    where = run(sys.executable, "-c", "import gate; print(gate.__file__)", env=env, cwd=tmp_path).stdout
    assert where.strip() == str(installed / "gate" / "__init__.py")
    assert run(sys.executable, "-m", "gate", "--version", env=env, cwd=tmp_path).stdout.strip() == __version__
    schema = json.loads(run(sys.executable, "-m", "gate", "schema", env=env, cwd=tmp_path).stdout)
    assert "verdict" in schema["properties"]


@pytest.mark.lab
@pytest.mark.nix
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_installed_wheel_makes_a_whole_run(installed: Path, tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(installed)}
    out = tmp_path / "run"
    ended = run(sys.executable, "-m", "gate", "lab", "--profile", "small-check", "--output", out, env=env, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    document = json.loads((out / "evidence.json").read_text(encoding="utf-8"))
    assert (document["verdict"]["word"], document["run"]["tool_version"]) == ("pass", __version__)
    assert run(sys.executable, "-m", "gate", "verify", out, env=env, cwd=tmp_path).returncode == 0


def test_the_version_stands_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in project
    assert project["dynamic"] == ["version"]


def test_the_notes_of_a_release_are_its_section_of_the_changelog(tmp_path: Path) -> None:
    root = tmp_path / "project"
    for name in ("scripts", "gate"):
        (root / name).mkdir(parents=True)
    (root / "scripts" / NOTES.name).write_bytes(NOTES.read_bytes())
    (root / "gate" / "__init__.py").write_text('"""It."""\n\n__version__ = "1.2.3"\n', encoding="utf-8")
    changelog = root / "CHANGELOG.md"
    changelog.write_text(
        "# Changelog\n\n## [Unreleased]\n\n- later\n\n## [1.2.3] - 2026-11-24\n\n### Added\n\n- this\n\n"
        "## [1.2.2] - 2026-11-01\n\n- before\n\n[1.2.3]: https://example.org\n",
        encoding="utf-8",
    )

    def notes(version: str) -> tuple[int, str]:
        done = run(sys.executable, "-I", root / "scripts" / NOTES.name, version)
        return done.returncode, done.stdout

    assert notes("1.2.3") == (0, "### Added\n\n- this\n")
    assert notes("1.2.2") == (2, "")
    changelog.write_text("# Changelog\n\n## [1.2.3] - 2026-11-24\n\n## [1.2.2] - 2026-11-01\n", encoding="utf-8")
    assert notes("1.2.3") == (2, "")
