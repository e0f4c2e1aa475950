"""A split run in the lab: five processes, each with its own secrets alone, and what they make together."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.lab,
    pytest.mark.nix,
    pytest.mark.slow,
    pytest.mark.xdist_group("lab-stack"),
    pytest.mark.timeout(900),
]
ROOT = Path(__file__).parents[2]
SCENARIO = Path(__file__).with_name("split_scenario.py")
DEADLINE = 800  # seconds; a quiet machine needs 50


def scenario(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(SCENARIO), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        timeout=DEADLINE,
        check=True,
    )
    observation: dict[str, Any] = json.loads(done.stdout)
    return observation


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return scenario()


def test_a_split_run_of_a_healthy_lab_passes(whole: dict[str, Any]) -> None:
    assert whole["word"] == "pass", whole["summaries"]
    assert whole["codes"] == {"pre": 0, "during": 0, "publish": 0, "post": 0, "judge": 0}
    parts = ("during", "post", "pre", "publish")
    assert whole["rows"] == [*(["part-joined", name, "run"] for name in parts), ["part-plan-bound", "plan", "run"]]


def test_every_path_was_read_back_by_another_job_and_the_twin_was_written(whole: dict[str, Any]) -> None:
    expected, proved = whole["proved"]
    assert expected == proved > 20
    assert whole["twin"] >= 5
    assert whole["boundary"] >= 7


def test_the_publishing_process_had_the_push_token_alone_and_its_client_not_even_that(whole: dict[str, Any]) -> None:
    """The client takes its token from a file of its own, so that no environment of it has any secret."""
    assert whole["push_environment"] == []
    assert whole["leaks"] == []


def test_a_job_with_one_secret_too_many_is_refused_before_anything(whole: dict[str, Any]) -> None:
    observing = ("GATE_READ_TOKEN", "GATE_S3_ACCESS_KEY_ID", "GATE_S3_SECRET_ACCESS_KEY")
    assert whole["refusals"] == {
        **{f"publish with {name}": 2 for name in observing},
        "pre with GATE_PUSH_TOKEN": 2,
        **{f"judge with {name}": 2 for name in ("GATE_PUSH_TOKEN", *observing)},
    }


def test_each_command_of_the_readme_and_of_the_first_steps_does_what_they_say(whole: dict[str, Any]) -> None:
    """A capture is never a pass: it ends in 3."""
    expected = [[line, 3 if "gate capture" in line else 0] for line, _ in whole["newcomer"]]
    assert whole["newcomer"] == expected, whole["newcomer_texts"]
    assert len(expected) > 10
    assert whole["newcomer_words"] == {"synthetic-1": "pass", "small-check-1": "pass"}


@pytest.fixture(scope="module")
def lost() -> dict[str, Any]:
    return scenario("lose")


def test_an_index_that_is_lost_while_the_other_job_pushes_is_a_quarantine(lost: dict[str, Any]) -> None:
    assert (lost["word"], lost["codes"]["judge"]) == ("quarantine", 4)
    assert {"bucket-index-lost", "push-path-failed"} <= set(lost["codes_of_verdict"])
    assert lost["first_loss"] is True
    assert any(text.startswith("bucket-index-lost: index-lost while a push ran") for text in lost["summaries"])


def test_nothing_is_published_after_a_part_that_is_not_clean(lost: dict[str, Any]) -> None:
    assert lost["unclean"] == [3, ["publish"], 0]


def test_what_is_there_after_is_seen_although_the_publish_part_is_not_genuine(lost: dict[str, Any]) -> None:
    assert lost["doubted"] == ["post", "post"]
    assert lost["given_to_doubted"] == ["pre"]
    assert lost["samples_of_doubted"] == 3
