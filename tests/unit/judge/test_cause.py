"""Which finding leads a run, what follows from it, and what a person is advised to do, and not to do."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.judge.cause import HEADLINE_CHARS, actions, by_cause, headline, prohibitions, with_causes
from gate.judge.codes.registry import BY_CODE, CODES
from gate.judge.finding import finding
from gate.judge.verdict import fold_verdict
from gate.model import records
from gate.model.basics import Phase, Status, VerdictWord
from gate.model.document import Facts, Finding, Stage
from tests.helpers import runs
from tests.helpers.runs import answer, healthy

FACTS = healthy().facts()
RUN_CODES = [row for row in CODES if not hasattr(row, "needs")]  # evidence has no checks of doctor


def row(code: str, subject: str = "x", *, phase: Any = "run", fail: bool = False, seen: bool = True) -> Finding:
    statuses = BY_CODE[code].statuses
    status = Status.FAIL if fail or statuses == (Status.FAIL,) else Status.INCONCLUSIVE
    evidence = ("/journal",) if seen else ()
    return finding(code, subject, "the summary", phase=phase, status=status, evidence=evidence)


def because(*rows: Finding) -> dict[str, str]:
    return {result.code: result.because for result in with_causes(rows)}


def lost(run: runs.Run) -> runs.Run:
    """The incident: the index is lost in every sample after the push."""
    return run.change(records.BucketSampled, lambda record: runs.lost(record) if record.phase is Phase.POST else record)


def test_the_index_loss_leads_and_what_it_explains_follows() -> None:
    rows = (
        row("push-path-failed", fail=True),
        row("state-lost"),
        row("body-empty"),
        row("bucket-index-lost", "attic", phase=Phase.DURING),
        row("body-not-published"),
        row("push-failed"),
        row("cache-key-untrusted"),
    )
    assert because(*rows) == {
        "push-path-failed": "bucket-index-lost",
        "state-lost": "bucket-index-lost",
        "body-empty": "bucket-index-lost",
        "bucket-index-lost": "",
        "body-not-published": "bucket-index-lost",
        "push-failed": "push-path-failed",
        "cache-key-untrusted": "",
    }
    result = with_causes(rows)
    assert by_cause(result, Status.FAIL) == ("bucket-index-lost", "state-lost", "body-empty", "push-path-failed")
    assert by_cause(result, Status.INCONCLUSIVE)[0] == "cache-key-untrusted"
    assert {each.remedy for each in result if each.because} == {""}


def test_a_failure_never_follows_from_what_is_only_unknown() -> None:
    assert because(row("body-empty"), row("bucket-unobservable", "attic")) == {
        "body-empty": "",
        "bucket-unobservable": "",
    }
    assert because(row("body-unread"), row("bucket-unobservable", "attic"))["body-unread"] == "bucket-unobservable"


def test_what_a_run_that_was_cancelled_did_not_observe_follows_from_that() -> None:
    rows = (
        row("bucket-unobservable", "attic", phase=Phase.POST),
        row("bucket-unobservable", "attic", phase=Phase.DURING, seen=False),
        row("epoch-unobservable", "store"),
        row("push-not-run"),
        row("run-cancelled"),
    )
    assert set(because(*rows).values()) == {"", "run-cancelled"}
    assert by_cause(with_causes(rows), Status.INCONCLUSIVE)[0] == "run-cancelled"


def test_a_bucket_that_no_push_was_watched_of_does_not_lead_before_the_reason_of_that() -> None:
    rows = (row("bucket-unobservable", "attic", phase=Phase.DURING, seen=False), row("push-auth", "canary"))
    assert because(*rows) == {"bucket-unobservable": "push-auth", "push-auth": ""}
    assert by_cause(with_causes(rows), Status.INCONCLUSIVE)[0] == "push-auth"


def test_a_consequence_alone_leads() -> None:
    rows = with_causes((row("push-not-representative"),))
    assert by_cause(rows, Status.INCONCLUSIVE) == ("push-not-representative",)
    assert rows[0].because == ""
    assert rows[0].remedy == BY_CODE["push-not-representative"].remedy


def test_causes_come_before_consequences_then_by_name() -> None:
    rows = with_causes((row("push-not-run"), row("run-trouble"), row("build-failed")))
    assert by_cause(rows, Status.INCONCLUSIVE) == ("build-failed", "run-trouble", "push-not-run")


@pytest.mark.parametrize("code", [row.code for row in RUN_CODES])
def test_each_code_follows_only_from_codes_that_there_are(code: str) -> None:
    assert set(BY_CODE[code].follows) - {"*"} <= {row.code for row in RUN_CODES} - {code}


BAD = [
    (row.code, status) for row in RUN_CODES for status in row.statuses if status in (Status.FAIL, Status.INCONCLUSIVE)
]


@given(st.lists(st.sampled_from(BAD), min_size=1, max_size=12))
def test_every_chain_of_causes_ends_at_a_finding_that_is_as_bad_and_follows_from_nothing(
    chosen: Sequence[tuple[str, Status]],
) -> None:
    rows = with_causes([finding(code, "x", "s", status=status, evidence=("/journal",)) for code, status in chosen])
    causes = {result.code: result.because for result in rows}
    for result in rows:
        code, steps = result.code, 0
        while causes[code]:
            code, steps = causes[code], steps + 1
            assert steps < len(BY_CODE)
        roots = {each.status for each in rows if each.code == code}
        assert result.status is not Status.FAIL or Status.FAIL in roots
    worst = Status.FAIL if any(result.status is Status.FAIL for result in rows) else Status.INCONCLUSIVE
    leading = by_cause(rows, worst)[0]
    assert {result.because for result in rows if result.code == leading and result.status is worst} == {""}


@given(st.sampled_from(BAD), st.lists(st.text(max_size=400), min_size=1, max_size=5), st.text(max_size=2000))
def test_a_headline_is_one_short_sentence_whatever_it_names(
    chosen: tuple[str, Status], subjects: list[str], summary: str
) -> None:
    code, status = chosen
    rows = [finding(code, subject, summary, status=status) for subject in subjects]
    assert 0 < len(headline(FACTS, rows, code)) <= HEADLINE_CHARS


@pytest.mark.parametrize("chosen", BAD, ids="-".join)
def test_the_headline_of_each_code_is_a_sentence_with_nothing_left_to_fill_in(chosen: tuple[str, Status]) -> None:
    code, status = chosen
    sentence = headline(FACTS, [finding(code, "attic", "why it is so.", status=status)], code)
    assert sentence[0] == sentence[0].upper() or sentence.startswith("attic")
    assert sentence.endswith((".", "…"))
    assert not {"{", "}", "`"} & set(sentence)


@pytest.mark.parametrize(
    ("subjects", "phase", "words"),
    [
        (("attic",), Phase.PRE, "lost attic before anything was pushed"),
        (("attic", "tofu-state"), Phase.DURING, "lost attic and tofu-state while the push ran"),
        (("a", "b", "c"), Phase.POST, "lost a and 2 more after the push"),
        (("attic",), "run", "lost attic during the run"),
    ],
)
def test_a_headline_names_two_subjects_and_the_first_phase(subjects: tuple[str, ...], phase: Any, words: str) -> None:
    rows = [row("bucket-index-lost", subject, phase=phase) for subject in subjects]
    assert words in headline(FACTS, rows, "bucket-index-lost")


def test_a_headline_has_the_phase_in_which_it_was_first_observed() -> None:
    rows = [row("bucket-index-lost", "attic", phase=phase) for phase in (Phase.POST, Phase.DURING)]
    assert "while the push ran" in headline(FACTS, rows, "bucket-index-lost")


def test_the_reason_is_said_where_all_sources_give_the_same_one() -> None:
    def silent(error: str) -> Facts:
        return (
            healthy()
            .change(
                records.BucketSampled,
                lambda record: replace(
                    record,
                    listing=(answer(None, error=error),),
                    heads=dict.fromkeys(record.heads, answer(None, error=error)),
                    gets=dict.fromkeys(record.gets, answer(None, error=error)),
                ),
            )
            .facts()
        )

    rows = [row("bucket-unobservable", "attic")]
    output = headline(silent("connect"), rows, "bucket-unobservable")
    assert output == "The S3 index of attic could not be observed: no connection."
    unexplained = "The S3 index of attic could not be observed."
    assert headline(silent("cut"), rows, "bucket-unobservable") == unexplained
    facts = silent("connect")
    bucket = facts.pre.buckets["attic"]
    mixed = replace(bucket.samples[0], notes=("list: connect", "get: HTTP 403"))
    buckets = {**facts.pre.buckets, "attic": replace(bucket, samples=(mixed,))}
    other = replace(facts, pre=replace(facts.pre, buckets=buckets))
    assert headline(other, rows, "bucket-unobservable") == unexplained, "one source says something else"


def test_a_cancelled_run_says_where_it_was_and_by_what() -> None:
    rows = [row("run-cancelled")]
    journal = replace(FACTS.journal, cancelled="SIGTERM")
    stages = (*FACTS.stages, Stage(name="push:profile", state="started", started_at=None, ended_at=None, note=""))
    stopped = replace(FACTS, journal=journal, stages=stages)
    assert headline(stopped, rows, "run-cancelled") == "The run was cancelled at push:profile: SIGTERM."
    quiet = replace(FACTS, stages=())
    assert headline(quiet, rows, "run-cancelled") == "The run was cancelled."


def test_a_quarantine_says_what_to_do_in_order_and_never_to_probe_again() -> None:
    verdict = lost(healthy()).judged()[1]
    assert verdict.word is VerdictWord.QUARANTINE
    assert verdict.cause == verdict.codes[0] == "bucket-index-lost"
    assert [action.command.split()[:2] for action in verdict.actions] == [
        [],
        ["publication-gate", "capture"],
        ["publication-gate", "rustfs-bucket-index-rca"],
    ]
    assert any("push or probe again" in text for text in verdict.prohibitions)
    assert "create the bucket by hand" in verdict.prohibitions
    assert not any("probe" in action.text for action in verdict.actions)


def test_a_capture_does_not_ask_for_another_one() -> None:
    rows = [row("bucket-index-lost", "attic")]
    result = actions(replace(FACTS, capture=True), rows, VerdictWord.QUARANTINE, "bucket-index-lost")
    assert not any("publication-gate capture" in action.command for action in result)


def test_a_lost_state_bucket_keeps_tofu_away() -> None:
    rows = [row("bucket-index-lost", "tofu-state", phase=Phase.POST)]
    result = actions(FACTS, rows, VerdictWord.QUARANTINE, "bucket-index-lost")
    assert result[-1].text == "Keep tofu away from tofu-state/runners/terraform.tfstate until it is back."


def test_broken_bodies_are_read_again_and_nothing_is_published() -> None:
    rows = [row("body-empty", body.store_path) for body in FACTS.bodies]
    result = actions(FACTS, rows, VerdictWord.QUARANTINE, "body-empty")
    assert result[-1].command.startswith("publication-gate attic-nar-integrity-check --store-hash /nix/store/")
    assert result[-1].command.count("--store-hash") == 2
    assert "create the bucket by hand" not in prohibitions(VerdictWord.QUARANTINE, "body-empty")
    other = actions(
        FACTS, [row("control-token-overprivileged")], VerdictWord.QUARANTINE, "control-token-overprivileged"
    )
    assert [action.text for action in other[2:]] == ["Revoke the token and mint one with read rights alone."]
    state = actions(FACTS, [row("state-lost")], VerdictWord.QUARANTINE, "state-lost")
    assert len(state) == 3


def test_a_foreign_bucket_name_is_quoted_in_a_command() -> None:
    rows = [row("bucket-index-lost", "a; rm -rf /")]
    result = actions(FACTS, rows, VerdictWord.QUARANTINE, "bucket-index-lost")
    assert result[2].command.endswith("--bucket 'a; rm -rf /'")


def test_an_inconclusive_run_has_the_remedy_of_its_cause_and_a_pass_has_none() -> None:
    rows = with_causes((row("push-auth", "canary"), row("push-not-run")))
    result = actions(FACTS, rows, VerdictWord.INCONCLUSIVE, "push-auth")
    assert [action.text for action in result] == ["Mint a new push token for this cache, then run the probe again."]
    assert prohibitions(VerdictWord.INCONCLUSIVE, "push-auth") == (
        "take this run for a pass: trusted writes stay as they were",
    )
    verdict = healthy().judged()[1]
    assert (verdict.cause, verdict.actions, verdict.prohibitions) == ("", (), ())
    assert verdict.headline == f"All {len(FACTS.bodies)} published paths came back byte for byte."
    assert actions(FACTS, rows, VerdictWord.PASS, "push-auth") == ()


def test_a_run_that_had_nothing_to_prove_says_so() -> None:
    empty = replace(FACTS, push=replace(FACTS.push, paths=()))
    verdict = fold_verdict(empty, ())
    assert verdict.word is VerdictWord.INCONCLUSIVE
    assert verdict.headline == "Nothing was published or no bucket was watched, so nothing was proved."
