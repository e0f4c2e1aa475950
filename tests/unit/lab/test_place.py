"""A private /nix where the kernel allows one, the machine's own store everywhere else."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gate.lab import place
from gate.lab.place import CLONE_NEWNS, CLONE_NEWUSER, enter

TRY = """
import json, os, pathlib, secrets, sys
from gate.lab.place import enter
nix = pathlib.Path(sys.argv[1])
made = enter({"PATH": sys.argv[2]}, nix)
name = nix / secrets.token_hex(8)
name.touch()
print(json.dumps([made.store, made.why, str(name), sorted(os.listdir(nix)) == [name.name], os.getuid()]))
"""


@pytest.fixture
def nix(tmp_path: Path) -> Path:
    folder = tmp_path / "nix"
    folder.mkdir()
    (folder / "of-the-machine").touch()
    return folder


def test_a_private_store_is_empty_and_seen_by_nobody_else(nix: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", TRY, str(nix), "/nowhere"], capture_output=True, check=True, text=True
    )
    store, why, name, alone, uid = json.loads(child.stdout)
    assert uid == os.getuid()
    assert alone is (store == "private")
    assert Path(name).exists() is (store == "salted")
    assert ("namespace" in why) is (store == "private")


def test_programs_that_live_in_nix_are_not_hidden(nix: Path, tmp_path: Path) -> None:
    (nix / "nix").touch(mode=0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "nix").symlink_to(nix / "nix")
    result = enter({"PATH": str(tmp_path / "bin")}, nix)
    assert (result.store, result.why) == ("salted", f"nix itself lives in {nix}")


def test_a_named_attic_that_lives_in_nix_is_not_hidden(nix: Path) -> None:
    result = enter({"PATH": "/nowhere", "GATE_LAB_ATTIC": str(nix / "attic")}, nix)
    assert result.why == f"GATE_LAB_ATTIC itself lives in {nix}"


def test_a_process_with_threads_stays_where_it_is(nix: Path) -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        result = enter({"PATH": "/nowhere"}, nix)
    finally:
        over.set()
        thread.join()
    assert (result.store, result.why) == ("salted", "this process has several threads already")


def test_without_a_place_to_mount_on_it_salts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "listdir", lambda _: ["1"])
    nix = tmp_path / "no" / "nix"
    result = enter({"PATH": "/nowhere"}, nix)
    assert (result.store, result.why) == ("salted", f"there is no {nix}, and it can't be made")


@pytest.mark.parametrize(
    ("uid", "flags"), [(0, [CLONE_NEWNS, CLONE_NEWNS | CLONE_NEWUSER]), (1000, [CLONE_NEWNS | CLONE_NEWUSER])]
)
def test_every_way_is_tried_in_a_child_before_it_salts(
    nix: Path, monkeypatch: pytest.MonkeyPatch, uid: int, flags: list[int]
) -> None:
    tried: list[int] = []

    def fail(attempt: int, _nix: Path) -> bool:
        tried.append(attempt)
        return False

    monkeypatch.setattr(os, "listdir", lambda _: ["1"])
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(place, "_works_in_a_child", fail)
    result = enter({"PATH": "/nowhere"}, nix)
    assert (result.store, result.why) == ("salted", f"the kernel lets this user mount nothing on {nix}")
    assert tried == flags
