"""The standing quarantine: each written condition alone keeps it held, and nothing of the past is lost by order."""

import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gate.errors import RefusedError
from gate.judge.standing_quarantine import (
    fold_standing,
    in_order,
    in_window,
    past_of,
    past_without_evidence,
    suspects_of,
)
from gate.model import records
from gate.model.basics import Kind, Phase, VerdictWord
from gate.model.document import Evidence
from gate.model.gating import BreakGlass, Past, QuarantinePolicy, Standing, Statement, StatementKind
from gate.seal import assemble
from tests.helpers import github_world as gh
from tests.helpers import runs

NOW = datetime(2026, 6, 1, tzinfo=UTC)
INCIDENT = "2026-05-06"


def at(day: float) -> str:
    return (NOW - timedelta(days=day)).isoformat()


def past(label: str, day: float, word: VerdictWord = VerdictWord.PASS, **changes: object) -> Past:
    result = Past(
        label=label,
        digest=f"d-{label}",
        profile="medium-check",
        kind=Kind.PRODUCTION,
        word=word,
        codes=(),
        started_at=at(day),
        ended_at=at(day),
        cache="main",
        endpoint="http://attic",
        epochs=("1:2", "3:4"),
        stores=("1:2",),
        against=word is VerdictWord.QUARANTINE,
        toward=word is VerdictWord.PASS,
        lost=word is VerdictWord.QUARANTINE,
        indexed=word is VerdictWord.PASS,
    )
    return replace(result, **changes)  # type: ignore[arg-type]  # test


def policy(**changes: object) -> QuarantinePolicy:
    result = QuarantinePolicy(
        configured=True,
        held=True,
        incident=INCIDENT,
        since=None,
        passes=3,
        days=2,
        history_days=30,
        statements=(),
        break_glass=None,
    )
    return replace(result, **changes)  # type: ignore[arg-type]  # test


def statement(day: float = 8, **changes: object) -> Statement:
    result = Statement(
        schema="publication-gate/statement/v1",
        kind=StatementKind.BACKEND_REPLACED,
        who="Ada",
        why="Garage in place of RustFS",
        at=at(day),
        incident=INCIDENT,
        cache="main",
        endpoint="http://attic/",
    )
    return replace(result, **changes)  # type: ignore[arg-type]  # test


LOSS = past("loss", 10, VerdictWord.QUARANTINE, stores=("old",), epochs=("old", "3:4"))
GOOD = (LOSS, past("a", 5), past("b", 4), past("c", 2))


def stand(
    history: tuple[Past, ...] = GOOD, statements: tuple[Statement, ...] = (statement(),), **changes: object
) -> Standing:
    return fold_standing(history, policy(**changes), statements, cache="main", endpoint="http://attic/", now=NOW)


def unmet(standing: Standing) -> list[str]:
    assert standing.held is any(not row.met for row in standing.conditions)
    return [row.name.split()[0] for row in standing.conditions if not row.met]


def test_every_condition_met_releases_and_says_what_it_rests_on() -> None:
    standing = stand()
    assert (unmet(standing), standing.held) == ([], False)
    assert standing.headline == f"released: every condition is met ({INCIDENT})"
    assert [row.rests_on for row in standing.conditions] == [
        ("c",),
        ("a", "b", "c"),
        ("a", "c"),
        ("a", "b", "c"),
        ("loss", "a"),
    ]


@pytest.mark.parametrize(
    ("history", "missing"),
    [
        ((), ["the", "3", "they", "they"]),
        (GOOD[:3], ["3", "they"]),
        ((LOSS, past("a", 3), past("b", 2.5), past("c", 2)), ["they"]),
        ((*GOOD[:3], past("c", 2, epochs=("9:9", "3:4"), stores=("9:9",))), ["they"]),
        ((*GOOD[:3], past("c", 2, stores=())), ["they"]),
        ((*GOOD, past("d", 1, VerdictWord.QUARANTINE)), ["the", "3", "they", "they", "a"]),
        ((*GOOD, past("d", 1, VerdictWord.INCONCLUSIVE, against=True)), ["the", "3", "they", "they"]),
        ((*GOOD, past("d", 1, VerdictWord.INCONCLUSIVE)), ["the"]),
        ((*GOOD, past("d", 1, VerdictWord.INCONCLUSIVE, profile=None, against=True)), ["the", "3", "they", "they"]),
        ((*GOOD, past("d", 1, VerdictWord.INCONCLUSIVE, profile="synthetic")), ["the"]),
        ((*GOOD[:2], past("x", 4.5, VerdictWord.QUARANTINE), *GOOD[2:]), ["3", "a"]),
        ((*GOOD[:3], past("c", 2, stores=("old",), epochs=("old",))), ["they", "a"]),
    ],
    ids=str,
)
def test_each_condition_alone_keeps_it_held(history: tuple[Past, ...], missing: list[str]) -> None:
    assert unmet(stand(history)) == missing


def test_the_span_is_from_the_end_of_the_first_to_the_begin_of_the_last() -> None:
    """What the forge has of a run's end may move later, as when something of the run is changed afterwards."""
    long = past("c", 0.5, started_at=at(4))
    assert "1" not in unmet(stand((*GOOD[:3], long)))
    assert unmet(stand((*GOOD[:3], long))) == ["they"]


def test_the_newest_attempt_governs_not_the_newest_success() -> None:
    later = past("d", 1, VerdictWord.INCONCLUSIVE)
    standing = stand((*GOOD, later))
    assert standing.conditions[0].detail == "medium-check in d gave inconclusive"
    assert stand((*GOOD, later, past("e", 0.5))).held is False


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (past("x", 1, VerdictWord.QUARANTINE, kind=Kind.LAB), "x: lab evidence never counts"),
        (past("x", 1, kind=Kind.LAB), "x: lab evidence never counts"),
        (past("x", 1, VerdictWord.QUARANTINE, cache="other"), "x: of cache other at http://attic"),
        (past("x", 1, VerdictWord.QUARANTINE, endpoint="http://b"), "x: of cache main at http://b"),
        (past("x", -1), "x: dated in the future"),
        (past("x", -1, profile="synthetic", toward=False), "x: dated in the future"),
        (past("x", 1, ended_at="then"), "x: dated in the future"),
        (past("a", 5), "a: given twice"),
    ],
)
def test_what_does_not_count_is_named(run: Past, why: str) -> None:
    standing = stand((*GOOD, run))
    assert standing.left_out == (why,)
    assert not standing.held


@pytest.mark.parametrize("endpoint", ["http://attic", "http://ATTIC/", "HTTP://attic:80", "http://attic:80//"])
def test_a_loss_at_another_spelling_of_the_endpoint_counts(endpoint: str) -> None:
    standing = stand((*GOOD, past("x", 1, VerdictWord.QUARANTINE, endpoint=endpoint)))
    assert standing.left_out == ()
    assert standing.held
    output = fold_standing(GOOD, policy(), (statement(endpoint=endpoint),), cache="main", endpoint=endpoint, now=NOW)
    assert (output.held, output.left_out) == (False, ())


def test_a_pass_given_twice_counts_once() -> None:
    assert unmet(stand((LOSS, past("a", 5), past("a", 5), past("c", 2)))) == ["3"]


def test_two_evidences_of_one_run_count_against() -> None:
    standing = stand((*GOOD, past("c", 2, digest="other")))
    assert unmet(standing) == ["3", "they", "they"]
    assert standing.left_out == ("c: another evidence of the same run and profile: neither counts for a release",)


def test_a_failure_of_an_unreadable_time_never_ages_away() -> None:
    assert "3" in unmet(stand((*GOOD, past("x", 20, VerdictWord.QUARANTINE, ended_at="then"))))


def test_what_was_before_the_incident_does_not_count() -> None:
    standing = stand(since=at(4.5))
    assert standing.left_out == ("loss: before the incident", "a: before the incident")
    assert unmet(standing) == ["3", "a"]


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        ((), "nobody states"),
        ((statement(incident="another"),), "1 statements are of another incident"),
        ((statement(cache="other"),), "1 statements are of another"),
        ((statement(day=-1),), "of a time that can't be"),
        ((statement(at="yesterday"),), "of a time that can't be"),
        ((statement(day=11),), "but run loss failed after that"),
        ((statement(kind=StatementKind.REPAIR_PROVED),), "no run before that shows a lost index back"),
    ],
)
def test_a_statement_must_be_about_this_and_not_be_contradicted(statements: tuple[Statement, ...], told: str) -> None:
    standing = stand(statements=statements)
    assert unmet(standing) == ["a"]
    assert told in standing.conditions[-1].detail
    assert not stand(statements=(*statements, statement())).held


def test_a_statement_from_before_the_incident_is_of_no_use() -> None:
    assert "a" in unmet(stand(statements=(statement(day=9),), since=at(8.9)))


def test_a_repair_path_needs_a_lost_index_back_in_one_process() -> None:
    loss = replace(LOSS, stores=("1:2",))
    output = (statement(day=1, kind=StatementKind.REPAIR_PROVED),)
    standing = stand((loss, *GOOD[1:]), output)
    assert unmet(standing) == []
    assert standing.conditions[-1].rests_on == ("loss", "a")
    assert unmet(stand((loss, *GOOD[1:]), (statement(day=6, kind=StatementKind.REPAIR_PROVED),))) == ["a"]
    assert unmet(stand((replace(loss, lost=False), *GOOD[1:]), output)) == ["a"]
    assert unmet(stand((loss, *(replace(row, indexed=False) for row in GOOD[1:])), output)) == ["a"]


def test_without_a_failure_in_the_history_the_statement_is_all_there_is() -> None:
    assert stand(GOOD[1:]).held is False


def test_break_glass_is_shown_and_never_a_release() -> None:
    entry = BreakGlass(who="Ada", why="a fix", until=at(-1))
    standing = stand((), break_glass=entry)
    assert (standing.held, standing.break_glass) == (True, entry)
    assert stand(break_glass=entry).break_glass is None  # nothing to set aside
    over = stand((), break_glass=replace(entry, until=at(1)))
    assert (over.break_glass, over.left_out) == (None, (f"the break-glass entry of Ada ended at {at(1)}",))


def test_a_policy_that_does_not_hold_says_so() -> None:
    standing = stand((), held=False)
    assert (standing.held, standing.headline) == (False, "not held: gate.toml says held = false")


def test_an_unstated_policy_holds_and_says_why() -> None:
    assert "gate.toml has no [quarantine]" in stand((), configured=False).headline


def test_the_order_in_which_a_history_is_given_changes_nothing() -> None:
    expected = stand()
    for order in itertools.permutations(GOOD):
        assert stand(order) == expected


def test_another_failure_never_helps() -> None:
    """Metamorphic: a run that counts against, put anywhere, releases nothing that was held."""
    rng = random.Random(7)
    for _ in range(300):
        history = tuple(
            past(
                str(number),
                rng.uniform(0, 9),
                rng.choice((VerdictWord.PASS, VerdictWord.QUARANTINE, VerdictWord.INCONCLUSIVE)),
            )
            for number in range(rng.randrange(6))
        )
        bad = past("bad", rng.uniform(0, 9), VerdictWord.QUARANTINE, stores=("9",))
        before, after = stand(history), stand((*history, bad))
        assert after.held or not before.held


# ----------------------------------------------------------------------------------------------- from real evidence
def evidence_of(run: runs.Run) -> Evidence:
    return assemble(run.facts(), ())


def lost_after(run: runs.Run) -> runs.Run:
    return run.change(records.BucketSampled, lambda row: runs.lost(row) if row.phase is Phase.POST else row)


def test_what_evidence_means_for_the_standing() -> None:
    good = past_of(evidence_of(runs.healthy()), "d")
    assert (good.label, good.word, good.toward, good.against, good.indexed, good.lost) == (
        "r1",
        VerdictWord.PASS,
        True,
        False,
        True,
        False,
    )
    assert (good.stores, good.epochs) == (("1:2",), ("1:2", "3:4"))
    bad = past_of(evidence_of(lost_after(runs.healthy())), "d")
    assert (bad.word, bad.toward, bad.against, bad.indexed, bad.lost) == (
        VerdictWord.QUARANTINE,
        False,
        True,
        False,
        True,
    )
    synthetic = past_of(evidence_of(runs.healthy().with_policy(profile="synthetic", min_fresh=1)), "d")
    assert (synthetic.toward, synthetic.against) == (False, False)
    row = gh.run_row(5, NOW)
    assert past_of(evidence_of(gh.of_run(runs.healthy(), row)), "d").label == "5.1"


@pytest.mark.parametrize(
    ("run", "against"),
    [
        (
            runs.healthy().change(
                records.StateSeen,
                lambda row: replace(row, lock=runs.answer(200)) if row.phase is Phase.POST else row,
            ),
            False,
        ),
        (runs.healthy().with_record(records.Trouble(stage="logs", message="x")), True),
        (runs.healthy().with_record(records.Cancelled(reason="x")), True),
        (runs.healthy().cut_after(20), True),
        (
            runs.healthy().change(records.BucketSampled, lambda row: replace(row, listing=(runs.answer(None),))),
            True,
        ),
    ],
    ids=["locked", "trouble", "cancelled", "died", "unobservable"],
)
def test_only_a_closed_list_of_inconclusive_codes_counts_neither_way(run: runs.Run, *, against: bool) -> None:
    result = past_of(evidence_of(run), "d")
    assert (result.word, result.against) == (VerdictWord.INCONCLUSIVE, against), result.codes


@pytest.mark.row("TRU-05")
def test_a_refused_attempt_is_the_newest_and_counts_neither_way() -> None:
    """It left no evidence, so an older pass of any profile must not stand in for it; the next pass does."""
    from gate.github.api_models import run_of

    result = past_without_evidence(run_of(gh.run_row(5, NOW - timedelta(days=1))), "require-refused", refused=True)
    assert (result.word, result.against, result.toward, result.profile) == (VerdictWord.REFUSED, False, False, None)
    assert unmet(stand((*GOOD, result))) == ["the"]
    assert unmet(stand((*GOOD, result, past("d", 0.5)))) == []


@pytest.mark.row("TRU-05")
def test_a_stop_for_what_a_server_said_counts_against() -> None:
    """There was no such cache, or it led its clients elsewhere; what gate.toml itself sets says nothing."""
    codes: dict[records.StopCode, bool] = {"cache-missing": True, "push-nonce-known": True}
    for code, against in codes.items():
        start = runs.healthy().cut_after(4)
        run = runs.Run((*start.records, records.RunStopped(code=code, reason="r"), records.RunComplete()), {})
        result = past_of(evidence_of(run), "d")
        assert (result.word, result.against, result.toward) == (VerdictWord.INCONCLUSIVE, against, False)
        answer = stand((*GOOD, replace(result, label="x", cache="main", endpoint="http://attic", ended_at=at(1))))
        assert answer.held


def test_a_capture_is_no_attempt() -> None:
    """A routine capture neither blocks a release nor helps one, whatever its own word."""
    look = past("look", 1, VerdictWord.INCONCLUSIVE, profile="synthetic", attempt=False)
    assert unmet(stand((*GOOD, look))) == []
    assert unmet(stand((*GOOD, replace(look, attempt=True)))) == ["the"]


def test_an_attempt_without_evidence_counts_against() -> None:
    from gate.github.api_models import run_of

    result = past_without_evidence(run_of(gh.run_row(5, NOW)), "require-no-evidence")
    assert (result.label, result.against, result.toward, result.profile) == ("5.1", True, False, None)
    assert in_order([result, past("a", 5)])[0].label == "a"


# ------------------------------------------------------------------------------------------------------------ suspects
def test_suspects_are_what_a_bad_run_published_to_the_cache_under_test() -> None:
    bad = evidence_of(lost_after(runs.healthy()))
    assert suspects_of(bad) == tuple(sorted(facts.store_path for facts in runs.SOURCES))
    assert suspects_of(evidence_of(runs.healthy())) == ()
    assert suspects_of(evidence_of(lost_after(runs.healthy()).with_policy(kind=Kind.LAB))) == ()


def test_a_named_window_takes_in_passing_runs() -> None:
    good = evidence_of(runs.healthy())
    inside = in_window("2026-11-24T00:00:30Z", None)
    assert len(suspects_of(good, inside)) == len(runs.SOURCES)
    assert suspects_of(good, in_window("2026-11-25T00:00:00Z", None)) == ()
    assert suspects_of(good, in_window(None, "2026-11-23T00:00:00Z")) == ()
    assert in_window(None, None) is None
    for since, until in (("x", None), (None, "x"), ("2026-11-25", None)):
        with pytest.raises(RefusedError, match="expected a time"):
            in_window(since, until)


def test_a_path_that_failed_or_is_upstream_is_no_suspect(tmp_path: Path) -> None:
    name = runs.SOURCES[0].store_path[11:]
    log = runs.push_log(runs.SOURCES).replace(
        f"✅ {name} (8.31 KiB/s)".encode(), f"❌ {name}: InternalServerError: x".encode()
    )
    bad = evidence_of(runs.healthy().with_file("push-profile.log", log))
    assert bad.verdict.word is VerdictWord.QUARANTINE
    assert runs.SOURCES[0].store_path not in suspects_of(bad)
    assert len(suspects_of(bad)) == len(runs.SOURCES) - 1
