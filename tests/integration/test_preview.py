"""``probe --dry-run``: the plan is what the real Nix knows, no server is asked, and it is never a pass."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from gate.cli.main import main
from gate.settings.resolve import system

pytestmark = [pytest.mark.nix, pytest.mark.timeout(120)]
FEATURES = ("--extra-experimental-features", "nix-command flakes")
FLAKE = """
{
  outputs = _: {
    checks.SYSTEM.small = derivation {
      name = "preview-check";
      system = "SYSTEM";
      builder = "/bin/sh";
      source = builtins.toFile "preview-source" "NONCE";
      args = [ "-c" "echo $source > $out" ];
    };
  };
}
"""


@pytest.fixture
def installable(tmp_path: Path) -> str:
    folder = tmp_path / "flake"
    folder.mkdir()
    (folder / "flake.nix").write_text(FLAKE.replace("SYSTEM", system()).replace("NONCE", token_hex(16)))
    return f"path:{folder}#checks.{system()}.small"


@pytest.fixture
def dry_run(
    tmp_path: Path, installable: str, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Run the command in an empty folder with two servers that must not be asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NIX_CONFIG", "sandbox = false\nbuild-users-group =\nsubstituters =\n")
    url = httpserver.url_for("")
    (tmp_path / "gate.toml").write_text(
        f"""
[cache]
attic-server = "{url}"
attic-cache = "main"
probe-cache = "probe"
plain-http-hosts = ["{url.partition("//")[2].rstrip("/")}"]
[store]
s3-endpoint = "{url}"
[profiles.small-check]
installable = "{installable}"
"""
    )

    def run(*words: str) -> tuple[int, dict[str, Any]]:
        result = tmp_path / "result.json"
        code = main(["probe", "--dry-run", "--profile", "small-check", "-q", "--json-into", str(result), *words])
        assert httpserver.log == [], "a server was asked"
        return code, json.loads(result.read_text())

    return run


def nix(*words: str) -> str:
    done = subprocess.run(["nix", *FEATURES, *words], check=True, capture_output=True, text=True)
    return done.stdout


def test_what_is_not_built_is_bounded_and_what_is_built_is_counted(
    dry_run: Callable[..., tuple[int, dict[str, Any]]],
    installable: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, result = dry_run()
    canaries, profile, twin = result["preview"]["pushes"]
    assert (code, result["verdict"]["word"]) == (3, "inconclusive")
    assert (canaries["cache"], profile["cache"], twin["cache"]) == ("probe", "main", "probe")
    assert (profile["paths"], profile["nar_bytes"]) == (None, None)
    assert "5 to 500 paths" in profile["bounds"]
    assert "the profile is not built on this machine" in result["preview"]["notes"][0]
    assert not (tmp_path / "evidence").exists()

    nix("build", "--no-link", installable)
    output = nix("path-info", installable).strip()
    derivation = nix("path-info", "--derivation", installable).strip()
    closure = subprocess.run(
        ["nix-store", "--query", "--requisites", "--include-outputs", derivation],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    expected = [path for path in closure if not path.endswith(".drv")]
    sizes = [
        len(subprocess.run(["nix-store", "--dump", path], check=True, capture_output=True).stdout) for path in expected
    ]
    assert output in expected
    capsys.readouterr()
    code, result = dry_run()
    assert code == 3
    assert result["preview"]["pushes"][1]["paths"] == len(expected)
    assert result["preview"]["pushes"][1]["nar_bytes"] == sum(sizes)
    text = capsys.readouterr().out
    assert text.startswith(f"DRY RUN: small-check of {installable}; nothing was published, built or asked")
    assert f"to main: {len(expected)} paths, {sum(sizes)} bytes of NARs" in text
    assert "--confirm probe-attic-publication-small-check" in text
    assert "a probe would be refused now: " in text


def test_without_a_dry_run_an_output_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--profile", "synthetic", "--confirm", "probe-attic-publication-synthetic"]) == 2
    assert "probe needs --output" in capsys.readouterr().err
