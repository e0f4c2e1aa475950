"""docs/operations.md: its examples are what the code says of the recordings, its runbooks are the code's own."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from gate.judge.bucket_rca import RUNBOOK, judge_rca
from gate.judge.state_readiness import judge_readiness
from gate.model.basics import BucketState
from gate.model.operators import Level, ReadinessSeen
from gate.model.records import BucketSampled
from gate.observe.state_object import read_states
from gate.render.operators import rca_text, readiness_text
from tests.helpers.scripted_s3 import samples, store
from tests.unit.observe.test_rustfs_recordings import STATE_KEY, disk, script

DOCUMENT = Path("docs/operations.md")
ENDPOINT = "http://rustfs.nix-cache.svc:9000"
DRIVE = "file:///data"


def at_data(seen: list[BucketSampled]) -> tuple[BucketSampled, ...]:
    """The samples as if their drive stood at the documented place, and at documented times."""
    return tuple(_at(f"2026-11-24T00:00:{8 * sample.number:02}.000Z", sample) for sample in seen)


def _at(began: str, sample: BucketSampled) -> BucketSampled:
    return replace(
        sample,
        began_at=began,
        ended_at=began,
        listing=tuple(replace(page, millis=4) for page in sample.listing),
        heads={name: replace(answer, millis=3) for name, answer in sample.heads.items()},
        gets={name: replace(answer, millis=3) for name, answer in sample.gets.items()},
        places=tuple(replace(place, place=DRIVE) for place in sample.places),
        ready=None if sample.ready is None else replace(sample.ready, millis=3),
        writable=None if sample.writable is None else replace(sample.writable, millis=3),
    )


def rca_example(root: Path) -> str:
    with store(script("drive-stalled-after-push")) as (_server, door):
        observation = at_data(samples(door, [disk("drive-stalled-after-push", root)], 3))
    return rca_text(
        judge_rca(observation, ["attic"], endpoint=ENDPOINT, samples_requested=3, spacing_millis=8000, scratch=None)
    )


def readiness_example(root: Path) -> str:
    with store(script("healthy")) as (_server, door):
        observation = ReadinessSeen(
            endpoint=ENDPOINT,
            cache_endpoint=ENDPOINT,
            bucket="tofu-state",
            cache_buckets=("attic",),
            places=(DRIVE,),
            samples_requested=3,
            spacing_millis=8000,
            samples=at_data(samples(door, [disk("healthy", root)], 3)),
            versioning=door.s3.get_versioning("attic-versioning"),
            reads=read_states(door.s3, "tofu-state", [STATE_KEY]),
            trouble=None,
            statement="",
            now="2026-11-23T23:30:00.000Z",
        )
    return readiness_text(judge_readiness(observation, expect_interim=True))


def block(name: str) -> str:
    result = re.search(rf"<!-- {name} -->\n```text\n(.*?)```\n", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert result is not None
    return result[1]


def test_the_examples_are_what_the_code_says_of_the_recordings(tmp_path: Path) -> None:
    assert block("example: rca") == rca_example(tmp_path / "a")
    assert block("example: readiness") == readiness_example(tmp_path / "b")


@pytest.mark.parametrize("state", BucketState)
def test_each_class_stands_there_with_its_meaning_and_steps(state: BucketState) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text.partition(f"\n### `{state.value}`\n")[2].partition("\n##")[0]
    book = RUNBOOK[state]
    assert book.meaning in section
    steps = re.findall(r"^[0-9]+\. (.*)$", section, re.MULTILINE)
    assert steps == list(book.steps)


def test_each_level_stands_there() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert all(f"| `{level.value}` |" in text for level in Level)
