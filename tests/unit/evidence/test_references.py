"""References that lead out of a push set: each is in the cache, is left to an upstream, or keeps a run from a pass."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from gate.evidence.references import is_served, outside
from gate.judge.checks import CHECKS
from gate.judge.checks.bodies import check_closure
from gate.model import records
from gate.model.basics import Label, VerdictWord
from tests.helpers import runs
from tests.helpers.runs import answer

NEEDED = runs.path_facts("needed")
OTHER = runs.path_facts("other")
GONE = answer(404, '{"code":404,"error":"NoSuchObject","message":"The requested object does not exist."}')
THERE = answer(body=runs.narinfo(NEEDED))
REFERRER = max(runs.SOURCES[3:5], key=lambda facts: facts.store_path)
UPSTREAM = "cache.nixos.org-1"


def run_with(
    looks: Sequence[records.HttpAnswer], needed: records.PathFacts = NEEDED, *, recorded: bool = True, **changes: Any
) -> runs.Run:
    """The healthy run with a path of the profile that needs ``needed``, and these looks for it."""
    rows: list[records.Record] = []
    if recorded:
        record = records.ReferencesKnown(
            label=Label.PROFILE, cache="main", paths=(needed,), upstream=(), upstream_key_names=(UPSTREAM,)
        )
        rows.append(replace(record, **changes))
    rows += [
        records.ReferenceLooked(
            label=Label.PROFILE, cache="main", store_path=needed.store_path, attempt=number, narinfo=look
        )
        for number, look in enumerate(looks, 1)
    ]

    def refer(plan: records.PushSetKnown) -> records.PushSetKnown:
        return replace(
            plan,
            paths=tuple(
                replace(path, references=(needed.store_path, runs.SOURCES[0].store_path)) if path == REFERRER else path
                for path in plan.paths
            ),
        )

    run = runs.healthy().change(records.PushSetKnown, refer)
    run = run.change(
        records.BodyRead, lambda row: signed_again(row, run) if row.store_path == REFERRER.store_path else row
    )
    last = max(number for number, row in enumerate(run.records) if isinstance(row, records.BodyRead))
    return runs.Run((*run.records[: last + 1], *rows, *run.records[last + 1 :]), run.files)


def signed_again(row: records.BodyRead, run: runs.Run) -> records.BodyRead:
    """The narinfo's signature is over the references too."""
    plans = [plan for plan in run.records if isinstance(plan, records.PushSetKnown) and plan.label is Label.PROFILE]
    facts = next(path for path in plans[0].paths if path.store_path == row.store_path)
    return replace(row, narinfo=answer(body=runs.narinfo(facts)))


def closure(run: runs.Run) -> set[tuple[str, str, str]]:
    return {
        (row.code, row.status.value, row.subject)
        for row in run.judged()[0]
        if row.code.startswith("closure-") and row.subject != "canary"
    }


def test_a_push_set_that_holds_all_its_references_is_complete() -> None:
    assert closure(runs.healthy()) == {("closure-complete", "pass", "profile")}
    assert runs.healthy().word() == "pass"


def test_a_reference_that_the_cache_has_is_complete() -> None:
    run = run_with([THERE])
    assert closure(run) == {("closure-complete", "pass", "profile")}
    assert run.word() == "pass", run.rows()
    (row,) = [row for row in run.judged()[0] if row.subject == "profile" and row.code == "closure-complete"]
    assert row.summary == "of 1 references out of the push set 1 are in main, 0 are left to an upstream"


@pytest.mark.row("ATS-14")
@pytest.mark.parametrize(
    ("needed", "why"),
    [
        pytest.param(NEEDED, "it was built on this machine", id="built here"),
        pytest.param(
            replace(NEEDED, ultimate=False, content_addressed=True), "it was made on this machine", id="a source"
        ),
        pytest.param(
            replace(NEEDED, ultimate=False, signatures=("main:x", "their-1:x")),
            "the cache itself signed it once, by main",
            id="from this cache",
        ),
    ],
)
@pytest.mark.parametrize("times", [1, 3])
def test_ats_14_a_reference_out_of_the_set_that_nobody_can_have(
    needed: records.PathFacts, why: str, times: int
) -> None:
    run = run_with([GONE] * times, needed)
    verdict = run.judged()[1]
    assert (verdict.word, verdict.exit_code) == (VerdictWord.QUARANTINE, 4)
    assert run.rows() == {("closure-gap", "fail"), ("closure-incomplete", "inconclusive")}
    (row,) = [row for row in run.judged()[0] if row.code == "closure-gap"]
    assert (row.subject, row.evidence) == (NEEDED.store_path, ("/references/1/gaps/0",))
    assert row.summary.startswith(
        f"main does not have it, and {REFERRER.store_path} needs it: HTTP 404 NoSuchObject; {why}"
    )


@pytest.mark.row("ATS-14")
@pytest.mark.parametrize("names", [(UPSTREAM,), (UPSTREAM, "main")])
def test_ats_14_a_reference_that_is_left_to_an_upstream_is_stated(names: tuple[str, ...]) -> None:
    theirs = runs.of_upstream(NEEDED)
    run = run_with([], theirs, upstream_key_names=names).with_policy(upstream_keys=(runs.UPSTREAM_KEY,))
    assert closure(run) == {("closure-complete", "pass", "profile")}
    assert run.word() == "pass"
    assert [(references.outside, references.upstream, references.served) for references in run.facts().references][
        1:
    ] == [(1, 1, 0)]


def test_a_cache_that_names_its_own_key_as_an_upstream_s_leaves_nothing_out() -> None:
    ours = replace(NEEDED, ultimate=False, signatures=("main:x",))
    run = run_with([GONE], ours, upstream=(NEEDED.store_path,), upstream_key_names=("main",))
    assert ("closure-gap", "fail") in run.rows()
    assert run.word() == "quarantine"


@pytest.mark.row("ATS-14")
@pytest.mark.parametrize(
    ("needed", "note"),
    [
        (
            replace(NEEDED, signatures=("their-1:x", "nonsense")),
            "it came from where their-1 signs, which is no upstream of this cache",
        ),
        (replace(NEEDED, ultimate=False), "it came from another store, without a signature"),
    ],
)
def test_what_another_source_may_have_is_no_loss_and_no_pass(needed: records.PathFacts, note: str) -> None:
    """A substitute of another cache is somebody else's work, and the push set left it out, not the cache."""
    run = run_with([GONE, GONE], needed)
    assert run.rows() == {("closure-incomplete", "inconclusive")}
    assert run.word() == "inconclusive"
    (row,) = [row for row in run.judged()[0] if row.code == "closure-incomplete"]
    assert f"1 only another source may have; {NEEDED.store_path}: HTTP 404 NoSuchObject; {note}" in row.summary


@pytest.mark.parametrize(
    ("looks", "note"),
    [
        pytest.param([], "not looked at", id="no look"),
        pytest.param([GONE, THERE], "HTTP 404 NoSuchObject, then served", id="it came"),
        pytest.param([THERE, GONE], "served, then HTTP 404 NoSuchObject", id="it went"),
        pytest.param([answer(404, "<html>")], "HTTP 404", id="a proxy's 404"),
        pytest.param([answer(500)] * 3, "HTTP 500", id="a server's error"),
        pytest.param([answer(None, error="timeout")], "timeout", id="no answer"),
        pytest.param([answer(None)], "no answer", id="none at all"),
        pytest.param([answer(body=runs.narinfo(NEEDED), body_cut=True)], "HTTP 200", id="cut"),
        pytest.param([answer(body="<html>")], "expected", id="a page"),
        pytest.param([answer(body=runs.narinfo(OTHER))], f"the narinfo is of {OTHER.store_path}", id="another path's"),
    ],
)
def test_what_could_not_be_told_is_no_pass(looks: list[records.HttpAnswer], note: str) -> None:
    run = run_with(looks)
    assert run.rows() == {("closure-incomplete", "inconclusive")}
    assert run.word() == "inconclusive"
    (gap,) = run.facts().references[1].gaps
    assert (gap.state, gap.referrer) == ("unread", REFERRER.store_path)
    assert note in gap.note


def test_without_local_facts_a_404_is_not_told_to_be_a_loss() -> None:
    run = run_with([GONE], recorded=False)
    assert run.rows() == {("closure-incomplete", "inconclusive")}
    assert run.facts().references[1].gaps[0].note == "HTTP 404 NoSuchObject"


def test_a_run_whose_check_of_the_closure_says_nothing_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.judge.verdict.CHECKS", tuple(check for check in CHECKS if check is not check_closure))
    assert runs.healthy().word() == "inconclusive"


def test_outside_is_sorted_and_leaves_to_upstreams_what_is_theirs() -> None:
    one, two = (replace(path, references=(OTHER.store_path, NEEDED.store_path)) for path in runs.SOURCES[:2])
    one, two = sorted((one, two), key=lambda facts: facts.store_path)
    assert list(outside((two, one), ())) == sorted([OTHER.store_path, NEEDED.store_path])
    assert set(outside((two, one), ()).values()) == {one.store_path}
    assert set(outside((two, one), (one.store_path,)).values()) == {two.store_path}
    assert outside((two, one), (one.store_path, two.store_path)) == {}
    itself = replace(one, references=(one.store_path, two.store_path))
    assert outside((itself, replace(two, references=())), ()) == {}


def test_what_is_served() -> None:
    assert is_served(NEEDED.store_path, THERE)
    assert not is_served(OTHER.store_path, THERE)
    assert not is_served(NEEDED.store_path, GONE)
