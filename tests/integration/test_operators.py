"""The operators' two commands as they are typed, against a real S3 server: rclone's, with a keeper of markers."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.operator_rig import ROOT, Keeper, gate, keeping, terminated
from tests.integration.test_s3_senses import KEY, Store, store

__all__ = ["store"]
pytestmark = pytest.mark.lab

RCA, READINESS = "rustfs-bucket-index-rca", "tofu-state-ha-readiness"
KEY_OF_STATE = "env/terraform.tfstate"
CANARY = "canary-hunter2-password"
STATE = {
    "version": 4,
    "serial": 7,
    "lineage": "3f7d0a3e-6f6e-4a7b-9b61-2c5c1b8a8f10",
    "outputs": {"p": {"value": CANARY, "type": "string", "sensitive": True}},
    "resources": [],
}


@pytest.fixture
def keeper(store: Store) -> Iterator[Keeper]:
    write_state(store, json.dumps(STATE))
    with keeping(store) as result:
        yield result


def write_state(store: Store, text: str, key: str = KEY_OF_STATE) -> None:
    (store.data / "tofu-state" / key).write_text(text)


def names(store: Store) -> tuple[set[str], set[str], set[str]]:
    """What is in the index's folder, on the drive and among its metadata."""
    folders = (store.root, store.data, store.data / ".rustfs.sys/buckets")
    index, drive, meta = ({path.name for path in folder.iterdir()} for folder in folders)
    return index, drive - {".rustfs.sys"}, meta


def markers(store: Store) -> list[str]:
    return ["--markers", f"file://{store.data}"]


def settle(store: Store) -> None:
    """Until the keeper has taken back what it gave."""
    until = time.monotonic() + 10
    while len({frozenset(result) for result in names(store)}) > 1 and time.monotonic() < until:
        time.sleep(0.02)


TWO = ["--bucket", "attic", "--bucket", "tofu-state"]


def test_a_healthy_index_and_a_scratch_bucket_that_leaves_nothing(store: Store, keeper: Keeper, tmp_path: Path) -> None:
    before = names(store)
    done = gate(
        store, tmp_path / "o.json", RCA, *TWO, "--scratch-probe", "--strict-scratch-disk-markers", *markers(store)
    )
    assert done.code == 0, done.out + done.err
    assert done.out.startswith("PASS: The index is whole: attic, tofu-state indexed in every sample, and a scratch")
    assert {name: result["state"] for name, result in done.said["buckets"].items()} == {
        "attic": "indexed",
        "tofu-state": "indexed",
    }
    assert [row["number"] for row in done.said["buckets"]["attic"]["samples"]] == [1, 2]
    assert done.said["verdict"]["word"] == "pass"
    assert done.said["verdict"]["exit_code"] == 0
    (product,) = keeper.kept
    assert product == done.said["scratch"]["bucket"]
    assert {step["name"]: step["status"] for step in done.said["scratch"]["steps"]} == dict.fromkeys(
        ("make", "find in the index", "find on every drive", "put", "get", "delete the object", "remove"), "pass"
    )
    settle(store)
    assert names(store) == before
    assert KEY not in done.out + done.err


def test_a_lost_index_is_told_and_not_written_to(store: Store, keeper: Keeper, tmp_path: Path) -> None:
    store.lose("attic")
    done = gate(store, tmp_path / "o.json", RCA, *TWO, "--scratch-probe", *markers(store), "--format", "json")
    assert (done.code, json.loads(done.out)) == (4, done.said)
    assert done.said["buckets"]["attic"]["state"] == "index-lost"
    assert done.said["buckets"]["tofu-state"]["state"] == "indexed"
    assert [row["marker"] for row in done.said["buckets"]["attic"]["samples"]] == ["present"] * 2
    assert done.said["verdict"] | {"headline": ""} == {
        "word": "quarantine",
        "outcome": "fail",
        "exit_code": 4,
        "blocks": True,
        "headline": "",
    }
    assert "the index is wrong already (attic)" in done.said["scratch"]["note"]
    assert keeper.kept == []


def test_a_bucket_whose_markers_no_drive_gets_is_no_pass_where_that_is_asked_for(
    store: Store, keeper: Keeper, tmp_path: Path
) -> None:
    keeper.paused = True
    strict = gate(store, tmp_path / "o.json", RCA, *TWO, "--strict-scratch-disk-markers", *markers(store))
    assert strict.code == 3, strict.out
    assert {step["name"] for step in strict.said["scratch"]["steps"] if step["status"] != "pass"} == {
        "find on every drive"
    }
    assert gate(store, tmp_path / "o.json", RCA, *TWO, "--scratch-probe", *markers(store)).code == 0
    assert set(names(store)[0]) == {"attic", "tofu-state"}


def test_a_left_over_scratch_bucket_is_reported_by_the_next_run(store: Store, keeper: Keeper, tmp_path: Path) -> None:
    remaining = "publication-gate-scratch-0123456789abcdef"
    (store.root / remaining).mkdir()
    done = gate(store, tmp_path / "o.json", RCA, "--bucket", "attic", *markers(store))
    assert (done.code, done.said["leftovers"]) == (0, [remaining])
    assert f"  - {remaining}\n" in done.out
    assert (store.root / remaining).is_dir()


def test_sigterm_in_the_middle_leaves_nothing(store: Store, keeper: Keeper, tmp_path: Path) -> None:
    keeper.paused = True  # so that a strict probe waits for markers that never come
    before = names(store)
    moment = threading.Event()

    def watch() -> None:
        until = time.monotonic() + 30
        while not keeper.kept and time.monotonic() < until:
            time.sleep(0.02)
        if keeper.kept:
            moment.set()

    threading.Thread(target=watch, daemon=True).start()
    began = time.monotonic()
    done = terminated(
        store, tmp_path / "o.json", RCA, "--bucket", "attic", "--strict-scratch-disk-markers", *markers(store),
        when=moment,
    )  # fmt: skip
    assert done.code == 3, done.out + done.err
    assert done.said["scratch"]["note"] == "ended early: signal SIGTERM"
    assert done.said["scratch"]["removed"] is True
    assert names(store) == before
    assert time.monotonic() - began < 20


def test_without_rights_or_a_server_nothing_is_known(store: Store, keeper: Keeper, tmp_path: Path) -> None:
    wrong = gate(store, tmp_path / "o.json", RCA, *TWO, *markers(store), GATE_S3_SECRET_ACCESS_KEY="wrong" * 5)
    assert (wrong.code, wrong.said["buckets"]["attic"]["state"]) == (3, "unobservable")
    assert "list: HTTP 403" in wrong.out
    bare = gate(store, tmp_path / "o.json", RCA, *TWO)
    assert (bare.code, bare.said["buckets"]["attic"]["state"]) == (3, "unobservable")
    assert "no place is configured" in bare.out


@pytest.mark.parametrize(
    ("argv", "environ", "message"),
    [
        ([RCA], {"GATE_S3_ACCESS_KEY_ID": ""}, "GATE_S3_ACCESS_KEY_ID is not set"),
        ([RCA, "--s3-endpoint", "http://store.example:9000"], {}, "plain-http-hosts"),
        ([RCA, "--s3-endpoint", "http://u:pw@127.0.0.1:9"], {}, "can't be asked"),
        ([RCA, "--bucket", "a/b"], {}, "is no bucket name"),
        ([RCA, "--samples", "1"], {}, "--samples is 1"),
        ([READINESS], {}, "no state is named"),
        ([READINESS, "--key", "k", "--prefix", "p"], {}, "both --key and --prefix"),
    ],
)
def test_what_is_wrong_is_refused_in_one_sentence(
    store: Store, argv: list[str], environ: dict[str, str], message: str, tmp_path: Path
) -> None:
    env = {"PATH": os.environ["PATH"], "GATE_S3_ACCESS_KEY_ID": "k" * 8, "GATE_S3_SECRET_ACCESS_KEY": "s" * 8}
    endpoint = [] if "--s3-endpoint" in argv else ["--s3-endpoint", store.endpoint]
    into = tmp_path / "o.json"
    done = subprocess.run(
        [sys.executable, "-m", "gate", *argv, *endpoint, "--json-into", str(into)],
        cwd=ROOT,
        env={**env, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, message in done.stderr) == (2, "", True), done.stderr
    assert done.stderr.count("\n") == 1
    assert "pw" not in done.stderr
    assert json.loads(into.read_text())["verdict"]["word"] == "refused"


def test_bare_with_gate_toml(store: Store, keeper: Keeper, tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text(
        f"""
        [store]
        s3-endpoint = "{store.endpoint}"
        markers = ["file://{store.data}"]
        state-key = "{KEY_OF_STATE}"
        [sampling]
        samples = 2
        sample-spacing = 0.05
        """
    )
    for name in ("key", "secret"):
        (tmp_path / name).write_text({"key": KEY, "secret": "lab-secret/with+signs=0001"}[name] + "\n")
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "GATE_S3_ACCESS_KEY_ID_FILE": str(tmp_path / "key"),
        "GATE_S3_SECRET_ACCESS_KEY_FILE": str(tmp_path / "secret"),
    }
    for argv, code in (([RCA], 0), ([READINESS, "--expect-interim"], 0), ([READINESS], 3)):
        done = subprocess.run(
            [sys.executable, "-m", "gate", *argv, "--format", "json"],
            cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert json.loads(done.stdout)["verdict"]["exit_code"] == code


def ready(store: Store, tmp_path: Path, *argv: str, **environ: str) -> tuple[int, dict[str, object]]:
    done = gate(store, tmp_path / "o.json", READINESS, *markers(store), *argv, **environ)
    for text in (done.out, done.err, (tmp_path / "o.json").read_text()):
        assert CANARY not in text
        assert str(STATE["lineage"]) not in text
    return done.code, done.said


def levels(said: dict[str, object]) -> dict[str, tuple[str, object]]:
    rows = said["state_objects"]
    assert isinstance(rows, list)
    return {row["key"]: (row["level"], row["serial"]) for row in rows}


def test_the_levels_of_a_state(store: Store, keeper: Keeper, tmp_path: Path) -> None:
    key = ["--key", KEY_OF_STATE]
    code, output = ready(store, tmp_path, *key)
    assert (code, output["level"], levels(output)) == (3, "interim", {KEY_OF_STATE: ("interim", 7)})
    assert output["state_objects"][0]["size"] == len(json.dumps(STATE))  # type: ignore[index]  # JSON
    code, output = ready(store, tmp_path, *key, "--expect-interim")
    assert (code, output["level"], output["beside_cache"]) == (0, "interim", "present")
    # The same server, taken for a store of its own: the cache's is elsewhere and its buckets have other names.
    apart = {"GATE_S3_ENDPOINT": "https://cache.example", "GATE_BUCKETS": "nix-cache"}
    statement = tmp_path / "gate.toml"
    statement.write_text('[state]\nstate-ha-statement = "ops: three sites"\n', encoding="utf-8")
    code, output = ready(store, tmp_path, *key, "--config", str(statement), **apart)
    assert (code, output["level"], output["beside_cache"]) == (0, "ha", "absent")
    code, output = ready(store, tmp_path, *key, "--config", str(statement))
    assert (code, output["level"]) == (3, "interim")
    code, output = ready(store, tmp_path, "--key", "env/none")
    assert (code, output["level"], levels(output)) == (3, "unknown", {"env/none": ("unknown", None)})


def test_states_that_are_broken(store: Store, keeper: Keeper, tmp_path: Path) -> None:
    write_state(store, json.dumps(STATE)[:-2], "env/torn.tfstate")
    write_state(store, "", "env/empty.tfstate")
    write_state(store, json.dumps({"version": 5}), "env/newer.tfstate")
    write_state(store, json.dumps({"encrypted_data": CANARY, "encryption_version": "v0"}), "env/sealed.tfstate")
    write_state(store, "{}", f"{KEY_OF_STATE}.tflock")
    code, output = ready(store, tmp_path, "--prefix", "env/", "--expect-interim")
    assert (code, output["level"]) == (4, "broken")
    assert levels(output) == {
        "env/empty.tfstate": ("broken", None),
        "env/newer.tfstate": ("unknown", None),
        "env/sealed.tfstate": ("interim", None),
        KEY_OF_STATE: ("interim", 7),
        "env/torn.tfstate": ("broken", None),
    }
    assert f"{KEY_OF_STATE} is locked: somebody works on it, or a run died with its lock" in output["notes"]  # type: ignore[operator]  # JSON


def test_a_state_whose_bucket_is_lost(store: Store, keeper: Keeper, tmp_path: Path) -> None:
    store.lose("tofu-state")
    code, output = ready(store, tmp_path, "--key", KEY_OF_STATE, "--expect-interim")
    assert (code, output["level"], output["bucket_state"]) == (4, "broken", "index-lost")
    code, output = ready(store, tmp_path, "--prefix", "env/")
    assert (code, output["level"], output["state_objects"]) == (4, "broken", [])
    assert (store.data / "tofu-state" / KEY_OF_STATE).exists()
