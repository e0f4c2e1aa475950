"""The few facts that page, terminal and pull request share: tiles, buckets over the samples, and the story."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gate.model import records
from gate.model.basics import BucketState, Label, Phase, Status, Truth, VerdictWord
from gate.model.document import Evidence
from gate.render import overview, view
from gate.seal import assemble
from tests.helpers import runs
from tests.unit.render import parts, samples


def of(run: runs.Run) -> Evidence:
    return assemble(run.facts(), ())


def lost(*phases: Phase) -> Callable[[records.BucketSampled], records.BucketSampled]:
    return lambda record: runs.lost(record) if record.phase in phases else record


HEALTHY = runs.healthy()
PASSED = of(HEALTHY)
BEFORE = of(HEALTHY.change(records.BucketSampled, lost(*Phase)))
PUSHING = of(HEALTHY.change(records.BucketSampled, lost(Phase.DURING, Phase.POST)))
AFTER = of(HEALTHY.change(records.BucketSampled, lost(Phase.POST)))


def strip(evidence: Evidence, bucket: str = "attic") -> overview.Strip:
    (row,) = [row for row in overview.strips(evidence) if row.bucket == bucket]
    return row


@pytest.mark.parametrize(
    ("evidence", "words", "tone"),
    [
        (PASSED, "in the index throughout", "good"),
        (BEFORE, "index-lost before the run; not back after; its data is still on disk", "bad"),
        (PUSHING, "while pushing; not back after; its data is still on disk", "bad"),
        (AFTER, "after the push; not back after; its data is still on disk", "bad"),
    ],
)
def test_a_strip_says_when_a_bucket_was_lost(evidence: Evidence, words: str, tone: str) -> None:
    row = strip(evidence)
    assert row.sentence.endswith(words)
    assert row.tone == tone
    assert strip(evidence, "tofu-state").tone == "good"


def test_a_strip_says_that_a_bucket_came_back_or_is_unknown_since() -> None:
    bucket = PUSHING.post.buckets["attic"]
    good = PASSED.post.buckets["attic"]
    unknown = tuple(replace(row, state=BucketState.UNOBSERVABLE) for row in bucket.samples)
    for post, words in ((good, "; came back;"), (replace(bucket, samples=unknown), "; unknown since;")):
        result = replace(PUSHING, post=replace(PUSHING.post, buckets={"attic": post}))
        assert words in strip(result).sentence + ";"
    silent = replace(
        PASSED,
        pre=replace(PASSED.pre, buckets={"attic": replace(good, samples=unknown)}),
        during=samples.stopped().during,
    )
    assert strip(silent).sentence == "unobservable in 2 of 4 samples"
    none = replace(good, samples=())
    phases = replace(PASSED.pre, buckets={"attic": none})
    assert strip(replace(PASSED, pre=phases, post=phases, during=samples.stopped().during)).sentence == "not sampled"


def test_what_no_finding_fails_is_never_shown_as_lost() -> None:
    """A wrong name in the settings, and a push that was refused for our own trouble, are no failure of the cache."""
    bucket = PASSED.pre.buckets["attic"]
    nowhere = tuple(replace(row, state=BucketState.MISSING) for row in bucket.samples)
    buckets = {**PASSED.pre.buckets, "attic": replace(bucket, samples=nowhere)}
    doubt = replace(parts.finding("bucket-missing", Status.INCONCLUSIVE, "attic", "s", ""), phase="pre")
    result = replace(PASSED, pre=replace(PASSED.pre, buckets=buckets), findings=(doubt,))
    assert (strip(result).tone, strip(result).sentence) == ("unsure", "missing in 2 of 6 samples")
    assert overview.tiles(result)[0].tone == "unsure"
    assert overview.story(result)[0].tone == "unsure"
    fails = replace(result, findings=(replace(doubt, status=Status.FAIL),))
    assert (strip(fails).tone, overview.tiles(fails)[0].tone) == ("bad", "bad")
    refused = samples.quarantined()
    rows = tuple(row for row in refused.findings if row.code != "push-path-failed")
    assert overview.tiles(refused)[1].tone == "bad"
    assert overview.tiles(replace(refused, findings=rows))[1].tone == "unsure"


def test_a_state_that_nobody_looked_at_is_not_an_absent_one() -> None:
    tile = overview.tiles(replace(PASSED, findings=()))[3]
    assert (tile.figure, tile.text) == ("–", "OpenTofu state: not observed")
    statement = parts.finding("state-not-here", Status.NOT_APPLICABLE, "s", "s", "")
    assert overview.tiles(replace(PASSED, findings=(statement,)))[3].text == "no OpenTofu state here"


def test_the_tiles_of_a_pass_are_good_and_those_of_a_loss_bad() -> None:
    assert {tile.tone for tile in overview.tiles(PASSED)} == {"good"}
    tiles = overview.tiles(samples.quarantined())
    assert [(tile.figure, tile.tone) for tile in tiles[:3]] == [
        ("2 of 2", "bad"),
        ("21 of 22", "bad"),
        ("0 of 22", "bad"),
    ]


def test_what_was_not_tried_has_a_dash() -> None:
    stopped = replace(samples.stopped(), findings=())
    assert [(tile.figure, tile.tone) for tile in overview.tiles(stopped)] == [("–", "plain")] * 5


@pytest.mark.parametrize(
    ("code", "status", "figure"),
    [
        ("epoch-same", Status.PASS, "no restart"),
        ("epoch-changed", Status.INCONCLUSIVE, "restarted"),
        ("epoch-replicas-changed", Status.PASS, "scaled"),
        ("epoch-unobservable", Status.INCONCLUSIVE, "unknown"),
        ("epoch-not-here", Status.NOT_APPLICABLE, "–"),
    ],
)
def test_the_servers_tile(code: str, status: Status, figure: str) -> None:
    row = parts.finding(code, status, "store", "s", "")
    assert overview.tiles(replace(PASSED, findings=(row,)))[4].figure == figure


def test_the_worst_finding_of_a_family_is_the_tiles() -> None:
    rows = (
        parts.finding("epoch-same", Status.PASS, "store", "s", ""),
        parts.finding("epoch-changed", Status.INCONCLUSIVE, "cache", "s", ""),
    )
    assert overview.tiles(replace(PASSED, findings=rows))[4].figure == "restarted"


def roots(evidence: Evidence) -> list[overview.Moment]:
    return [line for line in overview.story(evidence) if line.root]


@pytest.mark.parametrize("evidence", [BEFORE, PUSHING, AFTER], ids=["before", "pushing", "after"])
def test_the_story_of_a_loss_has_one_root_and_it_is_the_loss(evidence: Evidence) -> None:
    (root,) = roots(evidence)
    assert root.codes == ("bucket-index-lost",)
    assert root.tone == "bad"
    assert len(overview.story(evidence)) <= 8


def test_the_story_is_in_order_of_time() -> None:
    times = [line.at for line in overview.story(PUSHING) if line.at]
    assert times == sorted(times)


def test_the_story_of_a_pass_has_no_root_and_ends_with_every_path_read_back() -> None:
    lines = overview.story(PASSED)
    assert roots(PASSED) == []
    assert lines[0].text.startswith("Before: attic and tofu-state in the index, in 2 of 2 samples")
    assert any(line.text == f"All {len(PASSED.bodies)} paths came back byte for byte." for line in lines)
    assert {line.tone for line in lines} <= {"good", "plain"}


def test_a_cause_that_no_other_line_tells_has_one_of_its_own() -> None:
    verdict = replace(
        PASSED.verdict, word=VerdictWord.INCONCLUSIVE, cause="push-not-representative", headline="Too few paths."
    )
    (root,) = roots(replace(PASSED, verdict=verdict))
    assert (root.text, root.tone) == ("Too few paths.", "unsure")


def test_canaries_that_did_not_come_back_are_said() -> None:
    bodies = tuple(
        replace(body, reads=(replace(body.reads[0], code="body-empty"),)) if body.label is Label.CANARY else body
        for body in PASSED.bodies
    )
    line = next(line for line in overview.story(replace(PASSED, bodies=bodies)) if "canaries" in line.text)
    assert (line.text, line.tone) == ("2 canaries pushed to probe; 0 read back whole.", "bad")


def test_a_push_that_failed_says_how_many_paths_and_with_what() -> None:
    line = next(line for line in overview.story(samples.quarantined()) if "fail to publish" in line.text)
    assert line.text == "21 of 22 paths fail to publish with InternalServerError."
    attempt = replace(PASSED.push.attempts[-1], exit=1)
    result = replace(PASSED, push=replace(PASSED.push, attempts=(attempt,)))
    assert any(
        line.text.startswith("The push of ") and line.text.endswith(" fails.") for line in overview.story(result)
    )


def test_a_code_of_another_gate_breaks_nothing() -> None:
    row = parts.finding("state-eaten", Status.FAIL, "s", "s", "")
    result = replace(PASSED, findings=(row,), verdict=replace(PASSED.verdict, cause="state-eaten"))
    assert any(line.text == "state-eaten" for line in overview.story(result))


def test_times_are_for_people_and_what_is_no_time_is_itself() -> None:
    assert overview.day("2026-11-30T22:34:57.123Z") == "30 Nov 2026 22:34:57 UTC"
    assert (overview.day("x"), overview.clock("x")) == ("x", "")
    assert overview.clock("2026-11-30T22:34:57.123Z") == "22:34:57"


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        ("holds", "it holds the cache in quarantine: y"),
        ("counts-against", "it counts against a release from quarantine: y"),
        ("neutral", "it counts neither for nor against a release from quarantine: y"),
        ("none", "it does not count: y"),
    ],
)
def test_how_a_run_counts_is_a_sentence(effect: str, words: str) -> None:
    assert view.effect(replace(PASSED, quarantine=replace(PASSED.quarantine, effect=effect, why="y"))) == words


def test_a_state_that_is_there_is_said_of_the_time_before() -> None:
    assert PASSED.pre.state is not None
    absent = replace(PASSED, pre=replace(PASSED.pre, state=replace(PASSED.pre.state, truth=Truth.ABSENT)))
    assert overview.story(absent)[0].text.endswith("; there is no OpenTofu state.")
