"""flake.nix, evaluated by the real Nix beside a stand-in for nixpkgs: its facts are the project's."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gate import __version__

pytestmark = [pytest.mark.nix]
ROOT = Path(__file__).parents[2]
STUB = Path(__file__).parent / "nixpkgs_stub"
PACKAGES = """builtins.mapAttrs
  (_: all: { inherit (all.default) name; inherit (all.default.asked) dependencies build-system; })"""
PROGRAMS = "builtins.mapAttrs (_: all: all.default.program)"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The flake's outputs; only the files that it reads are copied."""
    root = tmp_path_factory.mktemp("flake")
    (root / "gate").mkdir()
    for name in ("flake.nix", "gate/__init__.py"):
        shutil.copy(ROOT / name, root / name)
    return {"packages": evaluated(f"path:{root}#packages", PACKAGES), "apps": evaluated(f"path:{root}#apps", PROGRAMS)}


def test_the_example_of_the_document_gives_the_package_to_another_flake(tmp_path: Path) -> None:
    """docs/runners.md: its inputs, with this copy in the place of a commit, and the package that its comment names."""
    result = re.search(r"(?s)```nix\n(.*?)```", (ROOT / "docs" / "runners.md").read_text(encoding="utf-8"))
    assert result is not None
    package = re.search(r"\[ (inputs\.\S+) \]", result[1])
    assert package is not None
    gate, user = tmp_path / "gate", tmp_path / "user"
    (gate / "gate").mkdir(parents=True)
    user.mkdir()
    for name in ("flake.nix", "gate/__init__.py"):
        shutil.copy(ROOT / name, gate / name)
    text = result[1].replace("github:OWNER/publication-gate/COMMIT", f"path:{gate}")
    use = f'inputs: let pkgs.system = "x86_64-linux"; in {{ asked = {package[1]}; }}'
    flake = f'{text.rstrip().removesuffix("}")}  inputs.nixpkgs.url = "path:{STUB}";\n  outputs = {use};\n}}\n'
    (user / "flake.nix").write_text(flake, encoding="utf-8")
    assert evaluated(f"path:{user}#asked", "asked: asked.name") == f"publication-gate-{__version__}"


def evaluated(output: str, apply: str) -> Any:
    features = ("--extra-experimental-features", "nix-command flakes")
    stub = ("--override-input", "nixpkgs", f"path:{STUB}")
    command = ["nix", *features, "eval", "--json", "--no-write-lock-file", *stub, output, "--apply", apply]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_both_systems_have_the_package_of_this_version(outputs: dict[str, Any]) -> None:
    names = {system: package["name"] for system, package in outputs["packages"].items()}
    assert names == dict.fromkeys(("x86_64-linux", "aarch64-linux"), f"publication-gate-{__version__}")


def test_its_dependencies_are_those_of_the_project(outputs: dict[str, Any]) -> None:
    read = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    expected = sorted(re.split(r"[\[<>=;]", line)[0] for line in read["project"]["dependencies"])
    built = sorted(re.split(r"[\[<>=;]", line)[0] for line in read["build-system"]["requires"])
    for package in outputs["packages"].values():
        assert (sorted(package["dependencies"]), package["build-system"]) == (expected, built)


def test_its_program_is_the_command(outputs: dict[str, Any]) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    for program in outputs["apps"].values():
        assert program.endswith(f"-publication-gate-{__version__}/bin/{next(iter(scripts))}")
