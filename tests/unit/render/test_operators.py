"""The operators' answers as text: words to act on, nothing foreign that acts."""

from dataclasses import replace

import pytest

from gate.judge.bucket_rca import RUNBOOK, judge_rca
from gate.judge.state_readiness import judge_readiness
from gate.model.basics import BucketState
from gate.model.operators import ScratchSeen
from gate.model.parsed import StateFacts
from gate.model.records import HttpAnswer
from gate.render.operators import fenced, rca_text, readiness_text
from tests.unit.judge.test_bucket_rca import ONE, answer, sampled, timed
from tests.unit.judge.test_readiness import READ, SEEN
from tests.unit.judge.test_scratch import NAME, WELL
from tests.unit.render.runner_parser import commands

HOSTILE = "x\n::set-output name=verdict::pass\r##[add-mask]pass\x1b[31m\u202e~~~~"


def told(*states: BucketState, scratch: ScratchSeen | None = None) -> str:
    samples = timed(*(ONE[state] for state in states))
    return rca_text(
        judge_rca(
            samples, ["b"], endpoint="http://s3:9000", samples_requested=len(samples), spacing_millis=0, scratch=scratch
        )
    )


def test_a_loss_is_told_source_by_sample_with_what_to_do() -> None:
    text = told(BucketState.INDEXED, BucketState.INDEX_LOST)
    lines = text.split("\n")
    assert lines[0] == (
        "QUARANTINE: Don't push, don't restart, don't create a bucket by hand: b is flapping. Capture first."
    )
    assert "verdict:      quarantine (exit code 4, blocks)" in lines
    assert "samples:      2 of 2" in lines
    assert lines[lines.index("bucket b: flapping") :][:9] == [
        "bucket b: flapping",
        "  source                    #1          #2",
        "  ListBuckets               present     absent",
        "  HeadBucket                present     absent",
        "  GET of the bucket         present     absent",
        "  /health/ready             present     present",
        "  data at file:///data      present     present",
        "  metadata at file:///data  present     present",
        "  class                     indexed     index-lost",
    ]
    assert f"flapping means: {RUNBOOK[BucketState.FLAPPING].meaning}." in lines
    assert f"  1. {RUNBOOK[BucketState.FLAPPING].steps[0]}" in lines


@pytest.mark.parametrize("state", ONE)
def test_every_class_comes_with_its_runbook(state: BucketState) -> None:
    text = told(state, state)
    assert all(f". {step}\n" in text for step in RUNBOOK[state].steps)


def test_notes_are_told_once_with_their_samples() -> None:
    text = told(BucketState.UNOBSERVABLE, BucketState.INDEXED, BucketState.UNOBSERVABLE)
    assert "  #1, #3: list: cut\n" in text


def test_the_drive_is_named_by_its_own_name() -> None:
    sample = sampled()
    two = [replace(sample, places=(replace(sample.places[0], volume=name),)) for name in ("dep/one", "dep/two")]
    text = rca_text(judge_rca(timed(*two), ["b"], endpoint="e", samples_requested=2, spacing_millis=0, scratch=None))
    assert "  drive at file:///data: dep/one, dep/two\n" in text


def test_a_place_that_was_not_looked_at_is_unknown() -> None:
    empty = replace(sampled(), places=(replace(sampled().places[0], markers=()),))
    text = rca_text(judge_rca(timed(empty), ["b"], endpoint="e", samples_requested=1, spacing_millis=0, scratch=None))
    assert "  data at file:///data      unknown" in text


def test_no_samples_at_all() -> None:
    text = rca_text(judge_rca([], ["b"], endpoint="e", samples_requested=2, spacing_millis=0, scratch=None))
    assert "samples:      0 of 2" in text
    assert "bucket b: unobservable" in text


def test_the_scratch_probe_step_by_step() -> None:
    assert f"scratch probe {NAME}: works\n" in told(BucketState.INDEXED, scratch=WELL)
    failed = told(BucketState.INDEXED, scratch=replace(WELL, put=None, removals=(answer(503),), cut_short="SIGTERM"))
    assert f"scratch probe {NAME}: not finished (ended early: SIGTERM)\n" in failed
    assert "  put:                   inconclusive  not reached\n" in failed
    assert f"  {NAME} may still be there: remove it by hand" in failed
    skipped = told(BucketState.INDEX_LOST, scratch=ScratchSeen(bucket=NAME, strict=False, skipped="the index is wrong"))
    assert f"scratch probe {NAME}: not made (the index is wrong)\n" in skipped


def test_leftovers_are_named() -> None:
    samples = timed(sampled(extra=(NAME,)))
    text = rca_text(judge_rca(samples, ["b"], endpoint="e", samples_requested=1, spacing_millis=0, scratch=None))
    assert (
        f"left over by other runs, to be looked at and removed by hand if no other probe is running:\n  - {NAME}\n"
        in text
    )


def test_a_state_is_told_with_its_level_and_without_its_lineage() -> None:
    text = readiness_text(judge_readiness(replace(SEEN, statement=""), expect_interim=True))
    assert text.startswith("PASS: The state is served whole, as expected of an interim store; interim is not HA")
    assert "level:        interim: k: served whole, and the same before and after it was read\n" in text
    assert "  version 4, serial 7, lineage sha256 abababababababab…, 161 bytes\n" in text
    assert '  ETag "e", object version unknown, changed 60 s ago\n  lock absent\n' in text
    assert "beside cache: no: another endpoint" in text
    assert "means:" not in text


def test_a_lost_bucket_of_the_state_comes_with_the_runbook() -> None:
    lost = ONE[BucketState.INDEX_LOST]
    none = replace(READ, head=answer(404), get=answer(404), again=answer(404), content="unread", facts=None, size=0)
    observation = replace(SEEN, samples=tuple(timed(lost, lost)), reads=(none,))
    text = readiness_text(judge_readiness(observation, expect_interim=True))
    assert text.startswith("QUARANTINE: Don't run tofu")
    assert "  version unknown, serial unknown, lineage unknown, unknown bytes\n" in text
    assert "changed at an unknown time" in text
    assert f"index-lost means: {RUNBOOK[BucketState.INDEX_LOST].meaning}." in text


def test_an_encrypted_and_locked_state() -> None:
    read = replace(READ, lock=READ.head, facts=StateFacts(version=None, serial=3, lineage=None, encrypted=True))
    text = readiness_text(judge_readiness(replace(SEEN, reads=(read,)), expect_interim=False))
    assert "  encrypted, serial 3, lineage unknown, 161 bytes\n" in text
    assert "  lock present, changed 60 s ago\n" in text
    assert "samples:      none" not in text


def test_no_samples_of_the_states_bucket() -> None:
    text = readiness_text(judge_readiness(replace(SEEN, samples=()), expect_interim=False))
    assert "samples:      0 of 2: none\n" in text


def test_foreign_text_can_not_act() -> None:
    outlier = HttpAnswer(url="u", status=None, error=HOSTILE)
    sample = replace(sampled(), listing=(outlier,), heads={"b": outlier})
    rca = rca_text(
        judge_rca(timed(sample), ["b"], endpoint=HOSTILE, samples_requested=1, spacing_millis=0, scratch=None)
    )
    state = replace(READ, key=HOSTILE, head=replace(READ.head, etag=HOSTILE))
    ready = readiness_text(
        judge_readiness(replace(SEEN, reads=(state,), statement=HOSTILE, trouble=HOSTILE), expect_interim=False)
    )
    for text in (rca, ready):
        assert list(commands(text)) == []
        assert "\x1b" not in text
        assert "\r" not in text
        block = fenced(text).split("\n")
        assert block[0] == "~~~~~text"
        assert [line for line in block if line.startswith("~~~~~")] == ["~~~~~text", "~~~~~"]


def test_a_pass_without_markers_comes_without_a_runbook() -> None:
    samples = tuple(replace(sample, places=()) for sample in SEEN.samples)
    ready = judge_readiness(replace(SEEN, samples=samples, places=(), statement=""), expect_interim=True)
    text = readiness_text(ready)
    assert (ready.bucket_state, text.startswith("PASS: ")) == (BucketState.UNOBSERVABLE, True)
    assert "Hold trusted writes" not in text
    assert "means:" not in text
    holder = readiness_text(
        judge_readiness(replace(SEEN, samples=samples, places=(), statement=""), expect_interim=False)
    )
    assert "Hold trusted writes" in holder
