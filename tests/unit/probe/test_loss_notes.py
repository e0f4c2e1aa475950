"""A bucket that leaves the index while a push runs is said at once, and said once."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from gate.model.basics import BucketState, Phase
from gate.probe.observing import with_loss_notes
from tests.helpers import runs


def test_a_loss_and_a_return_are_one_line_each_and_every_sample_is_handed_on() -> None:
    lines: list[str] = []
    lights: list[dict[str, BucketState]] = []
    handed: list[int] = []
    context: Any = SimpleNamespace(lost_buckets=set(), policy=runs.policy())
    world: Any = SimpleNamespace(progress=SimpleNamespace(note=lines.append, buckets=lights.append))
    say = with_loss_notes(context, world, lambda sample: handed.append(sample.number))
    times: dict[str, Any] = {"began_at": "2026-11-24T00:00:20.000Z", "ended_at": "2026-11-24T00:00:20.100Z"}
    good = [replace(runs.sample(Phase.DURING, number), **times) for number in range(1, 6)]
    for sample in (good[0], runs.lost(good[1]), runs.lost(good[2]), good[3], good[4]):
        say(sample)
    assert lines == [
        "LOST attic (index-lost): absent from ListBuckets, HeadBucket, GET; its data is still on disk",
        "BACK attic: it is in the index again",
    ]
    assert handed == [1, 2, 3, 4, 5]
    lost, indexed = BucketState.INDEX_LOST, BucketState.INDEXED
    assert [light["attic"] for light in lights] == [indexed, lost, lost, indexed, indexed]


def test_a_sample_that_is_only_unknown_is_no_loss() -> None:
    lines: list[str] = []
    lights: list[dict[str, BucketState]] = []
    context: Any = SimpleNamespace(lost_buckets=set(), policy=runs.policy())
    world: Any = SimpleNamespace(progress=SimpleNamespace(note=lines.append, buckets=lights.append))
    sample = runs.sample(Phase.DURING, 1)
    refused = runs.answer(None, error="connect")
    silent = replace(sample, listing=(refused,), heads=dict.fromkeys(sample.heads, refused))
    with_loss_notes(context, world, None)(silent)
    assert lines == []
    assert set(lights[0].values()) == {BucketState.UNOBSERVABLE}
