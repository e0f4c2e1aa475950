"""Which commit a flake is built of, told by the real Nix on a real git tree, and what a run does with it."""

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gate.clock import SystemClock
from gate.errors import RefusedError, StoppedError
from gate.observe.nix_build import Tree, tree_of
from gate.observe.nix_store import NixStore, nix_environment
from gate.probe import plan
from gate.probe.building import build_profile
from gate.probe.world import Quiet, World
from gate.process import CancelToken
from gate.settings import resolve

pytestmark = [pytest.mark.nix]
SECRETS = ("PUSH_TOKEN", "READ_TOKEN", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY")
LOCK = '{"nodes":{"root":{}},"root":"root","version":7}\n'
FLAKE = "{ outputs = _: { x = 1; }; }\n"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    at = tmp_path / "repo"
    at.mkdir()
    (at / "flake.nix").write_text(FLAKE, encoding="utf-8")
    (at / "flake.lock").write_text(LOCK, encoding="utf-8")
    git(at, "init", "--quiet")
    git(at, "add", ".")
    git(at, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "one")
    return at


def git(at: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=at, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def store(tmp_path: Path) -> NixStore:
    environ = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    return NixStore(env=nix_environment(environ), cancel=CancelToken(), clock=SystemClock())


@pytest.mark.row("NIX-12")
def test_a_clean_tree_names_its_commit_and_a_changed_one_names_none(store: NixStore, repo: Path) -> None:
    head = git(repo, "rev-parse", "HEAD")
    for reference in (f"{repo}#x", f"git+file://{repo}#x", str(repo)):
        tree = tree_of(store, reference)
        assert tree is not None
        assert tree == Tree(url=tree.url, revision=head)
    (repo / "flake.lock").write_text(LOCK + "\n", encoding="utf-8")
    changed = tree_of(store, f"{repo}#x")
    assert changed is not None
    assert changed.revision is None


def test_what_is_no_git_tree_of_this_machine_is_not_asked(store: NixStore, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "flake.nix").write_text(FLAKE, encoding="utf-8")
    assert tree_of(store, f"path:{bare}#x") is None
    assert tree_of(store, "github:NixOS/nixpkgs#hello") is None
    assert tree_of(store, "nixpkgs#hello") is None


@pytest.mark.row("NIX-12")
@pytest.mark.parametrize(("change", "sha", "message"), [(True, None, "no commit has"), (False, "f" * 40, "expected")])
def test_a_run_of_another_tree_stops_before_anything_is_built(
    store: NixStore, repo: Path, change: bool, sha: str | None, message: str
) -> None:
    if change:
        (repo / "flake.lock").write_text(LOCK + "\n", encoding="utf-8")
    site: Any = SimpleNamespace(nix=store, policy=SimpleNamespace(installable=f"{repo}#x", push_set="closure"))
    world: Any = SimpleNamespace(environ={"GITHUB_SHA": sha} if sha else {})
    with pytest.raises(StoppedError, match=message) as stop:
        build_profile(site, world)
    assert (stop.value.exit_code, stop.value.code) == (3, "build-other-tree")
    assert str(stop.value).endswith("nothing was published")


@pytest.mark.row("NIX-12")
def test_a_changed_tree_is_refused_before_any_server_is_asked(repo: Path, tmp_path: Path) -> None:
    """Nobody listens at these servers, and the evidence folder is not even made."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "attic").write_text("#!/bin/sh\necho attic-client 0.1.0\n", encoding="utf-8")
    (programs / "attic").chmod(0o755)
    host = "127.0.0.1:1"
    settings = resolve(
        "small-check",
        toml={
            "sources": {"absent": ["state", "store-workload", "cache-workload", "server-log"]},
            "nix": {"nix-settings": ["sandbox = false"]},
        },
        environ={f"GATE_{name}": "x" * 20 for name in SECRETS},
        flags={
            "attic_server": f"http://{host}",
            "attic_cache": "main",
            "s3_endpoint": f"http://{host}",
            "plain_http_hosts": (host,),
            "buckets": ("attic",),
            "markers": (f"file://{tmp_path}",),
            "installable": f"{repo}#x",
        },
        read_file=str,
    )
    environ = {**os.environ, "HOME": str(tmp_path), "PATH": f"{programs}:{os.environ['PATH']}"}
    environ.pop("GITHUB_SHA", None)
    world = World(environ=environ, cancel=CancelToken(), progress=Quiet(), clock=SystemClock())
    (repo / "flake.lock").write_text(LOCK + "\n", encoding="utf-8")
    with pytest.raises(RefusedError, match="changes that no commit has: commit them, or undo them; nothing was done"):
        plan.run(settings, tmp_path / "run", world)
    assert not (tmp_path / "run").exists()
