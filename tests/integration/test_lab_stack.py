"""The lab's stack: it comes up, a bucket leaves the index and stays out, and nothing of it outlives its process."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.nix, pytest.mark.slow, pytest.mark.xdist_group("lab-stack")]
SCENARIO = Path(__file__).with_name("lab_scenario.py")
ROOT = Path(__file__).parents[2]
SOURCES = ["source"] * 20


def start(*arguments: str) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, str(SCENARIO), *arguments], stdout=subprocess.PIPE, env=environ)


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    child = start()
    out, _ = child.communicate(timeout=100)
    assert child.returncode == 0
    observation: dict[str, Any] = json.loads(out)
    return observation


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pids: list[int], seconds: float = 5.0) -> list[int]:
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(map(is_alive, pids)):
        time.sleep(0.05)
    return [pid for pid in pids if is_alive(pid)]


def test_it_comes_up_with_two_buckets_a_state_and_a_known_empty_nar(facts: dict[str, Any]) -> None:
    healthy = facts["healthy"]
    assert healthy["buckets"] == ["attic", "tofu-state"]
    assert healthy["markers"] == [True, True]
    assert healthy["state_version"] == 4
    assert healthy["known_nars"] == [112]  # the NAR of an empty file: what every check's output is
    assert healthy["settings"] == {"finish_push": True, "kind": "lab", "samples": 3}
    assert healthy["client_runs"] is True
    assert healthy["substituter"] is True
    assert healthy["public_key"] == "main"


def test_a_lost_bucket_is_in_no_answer_and_on_disk_and_writes_do_not_bring_it_back(facts: dict[str, Any]) -> None:
    lost = facts["lost"]
    assert (lost["writes_that_worked"], lost["writes_that_failed"]) == (True, True)  # writers ran across the loss
    assert lost["listed"] == ["tofu-state"]
    assert (lost["head"], lost["head_other"]) == (False, True)
    assert "NoSuchBucket" in lost["get"]
    assert "NoSuchBucket" in lost["put"]
    assert lost["on_disk"] == "kept"
    assert lost["marker"] is True


def test_a_restored_bucket_serves_what_it_had_and_nothing_written_meanwhile(facts: dict[str, Any]) -> None:
    assert facts["lost"]["back"] == "kept"
    assert facts["lost"]["late_is_nowhere"] is True


def test_a_restart_keeps_the_port_and_names_the_new_process(facts: dict[str, Any]) -> None:
    assert facts["restarted"] == {
        "another_process": True,
        "same_endpoint": True,
        "pid_file": True,
        "buckets": ["attic", "tofu-state"],
    }


@pytest.mark.parametrize(("check", "tool"), [("statix", "statix-0.5"), ("deadnix", "deadnix-1.2.1")])
def test_a_checks_push_set_is_twenty_sources_a_tool_and_an_empty_output(
    facts: dict[str, Any], check: str, tool: str
) -> None:
    assert facts["pushed"][check]["names"] == sorted([f"{check}-check", tool, *SOURCES])
    assert facts["pushed"][check]["output_bytes"] == 0


def test_a_push_set_has_bodies_of_both_shapes(facts: dict[str, Any]) -> None:
    pushed = facts["pushed"]
    assert pushed["stored"] == 23  # the 22 and the empty file under another name
    assert pushed["largest"] == 3_300_464
    assert pushed["chunked"] >= 5
    # Two sources have NARs of one size, so that one can be served in the other's place; so have the two empty files.
    assert pushed["one_chunk_twins"] == 2
    assert pushed["read"] == [200, True, False]
    assert pushed["keys"] > 30


def test_the_broken_check_fails_with_its_own_words(facts: dict[str, Any]) -> None:
    assert "ended with 1, expected 0" in facts["pushed"]["broken"]


def test_nothing_is_left_when_it_ends(facts: dict[str, Any]) -> None:
    pids = sorted({pid for group in facts["pids"] for pid in group.values()})
    assert len(pids) == 3  # two servers, one of them twice
    assert wait_until_gone(pids) == []
    assert not Path(facts["work"]).exists()


def test_no_server_outlives_a_lab_that_is_killed() -> None:
    child = start("hang")
    assert child.stdout is not None
    with child.stdout:
        observation = json.loads(child.stdout.readline())
        pids = list(observation["pids"].values())
        assert [is_alive(pid) for pid in pids] == [True, True]
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert wait_until_gone(pids) == []
    subprocess.run(["rm", "-rf", observation["work"]], check=True)  # SIGKILL leaves the folder
