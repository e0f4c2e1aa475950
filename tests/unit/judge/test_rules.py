"""The registry, the fold of the verdict, and what a policy may declare absent."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.judge.checks.run import check_run
from gate.judge.codes.registry import BY_CODE, CODES, is_neutral
from gate.judge.finding import finding, pointer
from gate.judge.scope import BLIND_SPOTS, BOUNDARY, boundary
from gate.judge.standing_quarantine import past_of
from gate.judge.verdict import effect, fold_verdict, judge
from gate.model import records
from gate.model.basics import EXIT_CODES, BucketState, Kind, Phase, Status, VerdictWord
from gate.model.captures import DiskRoom, DiskSeen
from gate.model.machine import NixConfigSeen
from gate.seal import assemble
from tests.helpers import runs
from tests.helpers.runs import answer, healthy


def test_codes_are_unique_kebab_case_and_carry_a_reason() -> None:
    assert len(BY_CODE) == len(CODES)
    for row in CODES:
        assert row.code == row.code.lower().replace("_", "-")
        assert row.statuses
        assert row.why
        assert row.remedy
        assert row.remedy != "none needed" or set(row.statuses) <= {Status.PASS, Status.NOT_APPLICABLE}


def test_the_classes_of_bodies_and_buckets_stand_in_the_registry() -> None:
    for row in CODES:
        if row.family == "body":
            assert len(row.statuses) == 1, "the class of a body has one status"
    for state in BucketState:
        assert f"bucket-{state.value}" in BY_CODE


def test_a_run_is_neutral_when_all_its_causes_are() -> None:
    assert is_neutral({"build-failed", "push-not-run", "run-publish-skipped"})
    assert not is_neutral({"build-failed", "push-not-run", "body-unread"})
    assert not is_neutral({"push-not-run", "run-publish-skipped"}), "a consequence does not say what it follows from"
    assert not is_neutral(())
    assert not is_neutral({"build-failed", "a-code-of-another-gate"})


def test_only_an_index_loss_is_an_index_loss() -> None:
    losses = {row.code for row in CODES if row.index_loss}
    assert losses == {
        *("bucket-index-lost", "bucket-data-missing", "bucket-unserved", "bucket-unlisted", "bucket-missing"),
        "audit-chunk-hidden",  # one object that the index hides, seen by an audit
    }
    for row in CODES:
        assert not row.neutral or Status.FAIL not in row.statuses, "a failure is never neutral"


def test_a_status_that_the_registry_does_not_grant_is_a_defect() -> None:
    with pytest.raises(ValueError, match="bucket-index-lost"):
        finding("bucket-index-lost", "attic", "s", status=Status.PASS)
    with pytest.raises(ValueError, match="bucket-missing"):
        finding("bucket-missing", "attic", "s")


def test_pointers_escape_their_parts() -> None:
    assert pointer("pre", "buckets", "a/b~c", 3) == "/pre/buckets/a~1b~0c/3"


def test_exit_codes_are_the_designs() -> None:
    assert {word.value: code for word, code in EXIT_CODES.items()} == {
        "pass": 0,
        "refused": 2,
        "inconclusive": 3,
        "quarantine": 4,
    }


def test_exactly_one_combination_of_statuses_passes() -> None:
    """Every claim passed or granted absent, and nothing else: one fold over all of a run's rows, three ways each."""
    facts = healthy().facts()
    rows = healthy().judged()[0]
    chosen = [index for index, row in enumerate(rows) if row.subject in ("attic", "build", "server-log", "run")][:6]
    passes = 0
    for statuses in itertools.product((Status.PASS, Status.INCONCLUSIVE, Status.FAIL), repeat=len(chosen)):
        changed = list(rows)
        for index, status in zip(chosen, statuses, strict=True):
            changed[index] = replace(rows[index], status=status)
        word = fold_verdict(facts, changed).word
        expected = VerdictWord.QUARANTINE if Status.FAIL in statuses else VerdictWord.INCONCLUSIVE
        assert word is (VerdictWord.PASS if set(statuses) == {Status.PASS} else expected)
        passes += word is VerdictWord.PASS
    assert passes == 1


def test_a_row_left_out_blocks() -> None:
    facts = healthy().facts()
    rows = healthy().judged()[0]
    for index in range(len(rows)):
        assert fold_verdict(facts, rows[:index] + rows[index + 1 :]).word is not VerdictWord.PASS, rows[index]


def test_an_unjudged_run_is_no_pass() -> None:
    assert fold_verdict(healthy().facts(), ()).word is VerdictWord.INCONCLUSIVE


@pytest.mark.row("TRU-05")
@pytest.mark.parametrize("code", get_args(records.StopCode))
def test_a_run_that_stopped_is_inconclusive_and_hides_nothing(code: records.StopCode) -> None:
    """A server was asked already, so that no refusal may excuse the run; what was seen lost stays a quarantine."""
    start = healthy().cut_after(7)
    stop = records.RunStopped(code=code, reason="too many paths")
    findings, verdict = runs.Run((*start.records, stop, records.RunComplete()), {}).judged()
    assert (verdict.word, verdict.exit_code) == (VerdictWord.INCONCLUSIVE, 3)
    assert code in verdict.codes
    assert any(row.summary == "too many paths" for row in findings)
    assert healthy().with_record(stop).word() == "inconclusive"
    lost = runs.lost(runs.sample(Phase.POST, 3))
    assert runs.Run((*start.records, stop, lost, records.RunComplete()), {}).word() == "quarantine"
    unsure = (*start.records, stop, records.Trouble(stage="post", message="S3 did not answer"), records.RunComplete())
    assert "run-trouble" in runs.Run(unsure, {}).judged()[1].codes


def stopped(code: records.StopCode) -> runs.Run:
    """A run that stopped before it published, and looked at everything afterwards."""
    return unpublished().with_record(records.RunStopped(code=code, reason="r"))


def unpublished() -> runs.Run:
    """A healthy run without build and publication, and without what belongs to them."""
    kinds = (records.PushSetKnown, records.MissingAsked, records.BodyRead, records.BuildFacts, records.ChildEnded)
    run = healthy()
    remaining = [
        record
        for record in run.records
        if not isinstance(record, kinds)
        and not (isinstance(record, records.BucketSampled) and record.phase is Phase.DURING)
        and not (isinstance(record, records.ControlTried) and record.name == "bit-flip-caught")
        and not (isinstance(record, records.CaptureClosed) and record.name != "server.log")
    ]
    return runs.Run(tuple(remaining), {"server.log": run.files["server.log"]})


def capture() -> runs.Run:
    return unpublished().change(records.RunStarted, lambda row: replace(row, capture=True))


def test_a_healthy_capture_names_nothing_but_itself() -> None:
    """It publishes nothing, and asks Nix neither for its settings nor to read anything."""
    unasked = capture().change(NixConfigSeen, lambda row: None)
    assert unasked.judged()[1].codes == ("run-captured",)


def cancelled(kept: int, reason: str = "SIGINT") -> runs.Run:
    return runs.Run((*healthy().records[:kept], records.Cancelled(reason=reason), records.RunComplete()), {})


ABSENT = ("state", "store-workload", "cache-workload", "server-log")


@pytest.mark.parametrize("source", ABSENT)
def test_a_source_declared_absent_needs_no_proof_and_says_so(source: str) -> None:
    kinds: dict[str, Callable[[Any], bool]] = {
        "state": lambda record: not isinstance(record, records.StateSeen),
        "store-workload": lambda record: not (isinstance(record, records.WorkloadSeen) and record.role == "store"),
        "cache-workload": lambda record: not (isinstance(record, records.WorkloadSeen) and record.role == "cache"),
        "server-log": lambda record: (
            not (
                isinstance(record, records.LogCanarySent)
                or (isinstance(record, records.CaptureClosed) and record.name == "server.log")
            )
        ),
    }
    run = healthy()
    bare = runs.Run(
        tuple(record for record in run.records if kinds[source](record)),
        {name: data for name, data in run.files.items() if source != "server-log" or name != "server.log"},
    )
    assert bare.word() == "inconclusive"
    granted = bare.with_policy(absent=(source,))
    assert granted.word() == "pass", granted.rows()
    assert any(row.status is Status.NOT_APPLICABLE for row in granted.judged()[0])


def test_a_public_cache_drops_one_claim_and_says_so() -> None:
    run = healthy().change(records.ControlTried, lambda record: None if record.name == "no-token-denied" else record)
    assert run.word() == "inconclusive"
    granted = run.with_policy(cache_public=True)
    assert granted.word() == "pass"
    assert "control-not-here" in {row.code for row in granted.judged()[0]}


@pytest.mark.parametrize(
    ("run", "kind"),
    [
        (healthy().with_policy(kind=Kind.LAB), "none"),
        (healthy(), "counts-toward-release"),
        (healthy().with_policy(min_fresh=1), "neutral"),
        (healthy().with_record(records.Trouble(stage="a", message="b")), "counts-against"),
        (healthy().with_record(runs.lost(runs.sample(Phase.POST, 3))), "holds"),
        (stopped("push-set-out-of-bounds"), "neutral"),
        (stopped("build-other-tree"), "neutral"),
        (stopped("push-nonce-known"), "counts-against"),
        (stopped("cache-missing"), "counts-against"),
        (cancelled(15), "neutral"),
        (cancelled(2), "neutral"),
        (cancelled(15, records.OWN_DEADLINE), "counts-against"),
        (cancelled(21), "counts-against"),
        (
            cancelled(15).change(records.BucketSampled, lambda row: replace(row, listing=(answer(None),))),
            "counts-against",
        ),
        (cancelled(15).with_record(records.Trouble(stage="pre", message="m")), "counts-against"),
        (capture(), "neutral"),
        (capture().with_record(records.Trouble(stage="pre", message="m")), "neutral"),
        (capture().with_record(runs.lost(runs.sample(Phase.POST, 3))), "holds"),
    ],
)
def test_how_a_run_counts_in_the_standing_quarantine(run: runs.Run, kind: str) -> None:
    facts = run.facts()
    assert effect(facts, *run.judged()).effect == kind
    past = past_of(assemble(facts, ()), "d")
    assert (past.against, past.toward) == (kind in ("holds", "counts-against"), kind == "counts-toward-release")


def test_the_boundary_says_what_a_pass_is_not() -> None:
    assert any("remote execution" in line for line in BOUNDARY)
    assert any("fallback" in line for line in BOUNDARY)


def test_a_run_says_what_it_could_not_notice() -> None:
    plain = healthy()
    every = plain.with_policy(
        absent=("state", "server-log", "store-workload"), store_log="file:///s", state_contents=True
    )

    def spots(run: runs.Run) -> set[str]:
        lines = boundary(run.facts())
        assert lines[: len(BOUNDARY)] == BOUNDARY
        return {spot.name for spot in BLIND_SPOTS if spot.sentence in lines}

    assert {"log-filtered", "store-log-absent", "state-by-head", "yardstick"} <= spots(plain)
    assert spots(plain) & {"log-absent", "state-absent", "workload-absent", "split-times"} == set()
    assert {"log-absent", "state-absent", "workload-absent"} <= spots(every)
    assert spots(every) & {"log-filtered", "store-log-absent", "state-by-head"} == set()


@given(st.lists(st.sampled_from([row.code for row in CODES if Status.INCONCLUSIVE in row.statuses]), min_size=1))
def test_the_sealed_effect_and_the_standing_decision_never_contradict(codes: list[str]) -> None:
    """Whatever a run is inconclusive for, both say the same of it, and only neutral codes count neither way."""
    good = assemble(healthy().facts(), ())
    findings = tuple(finding(code, "x", "s", evidence=("/journal",), status=Status.INCONCLUSIVE) for code in codes)
    verdict = fold_verdict(good, (*good.findings, *findings))
    result = effect(good, (*good.findings, *findings), verdict)
    past = past_of(replace(good, verdict=verdict, quarantine=result), "d")
    assert verdict.word is VerdictWord.INCONCLUSIVE
    assert (past.against, past.toward) == (result.effect == "counts-against", False)
    assert (result.effect == "neutral") is is_neutral(verdict.codes)


def test_evidence_that_a_person_sealed_is_no_pass() -> None:
    facts = healthy().facts()
    result = replace(facts, journal=replace(facts.journal, finalized=True))
    assert "run-finalized" in {row.code for row in check_run(result)}
    assert judge(result)[1].word is VerdictWord.INCONCLUSIVE


def test_the_first_line_of_a_capture_says_how_full_the_drives_are() -> None:
    disk = DiskSeen(place="file:///data", space=DiskRoom(total=100, used=24, free=76))
    line = capture().with_record(disk).judged()[1].headline
    assert "disk 24 %" in line
    stateless = capture().with_policy(absent=("state",)).change(records.StateSeen, lambda row: None)
    assert "state" not in stateless.judged()[1].headline.partition(": ")[2].partition(":")[0]
