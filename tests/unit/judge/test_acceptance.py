"""What of the answer and of guarded places the tests against a server do not reach."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gate.github.api_models import run_of
from gate.judge.admission import (
    blocked,
    conclude,
    foreign,
    guarded_changes,
    must_be_read,
    newest_first,
    objections,
    path_pattern,
    reason,
    relies,
    word_of,
)
from gate.judge.codes.decisions import BY_DECISION, DECISION_CODES
from gate.model.basics import VerdictWord
from gate.model.gating import Demand, Guard, Reliance, TreeEntry, TrustedPlace
from gate.model.time import parse_time
from gate.seal import assemble
from tests.helpers import github_world as gh
from tests.helpers import runs
from tests.helpers.github_world import NOW

PLACE = TrustedPlace(
    repository=gh.REPOSITORY,
    repository_id=gh.NUMBER,
    default_branch="main",
    workflow=gh.WORKFLOW,
    workflow_id=gh.WORKFLOW_ID,
    events=("workflow_dispatch",),
)
SILENT: dict[str, Any] = {
    "push_set": "build-closure",
    "installable": ".#checks.{system}.deadnix",
    "require_cache_push": False,
    "absent": (),
    "buckets": ("attic", "tofu-state"),
    "samples": 2,
    "min_paths": 5,
    "min_fresh": 10,
    "cache_public": False,
    "upstream_keys": (),
    "publish_anyway": False,
}
DEMAND = Demand(
    profile="medium-check",
    required_settings=SILENT,
    cache="main",
    endpoint="http://127.0.0.1:8/",
    max_age_seconds=86400,
    min_gate_version="0.1",
)


def test_codes_are_unique_and_say_what_to_do() -> None:
    assert len(BY_DECISION) == len(DECISION_CODES)
    for row in DECISION_CODES:
        assert row.code.startswith("require-")
        assert row.why
        assert (row.remedy != "none needed") or row.word is VerdictWord.PASS


def test_the_worst_word_counts() -> None:
    holder, other, none = (
        reason(code, "t") for code in ("require-quarantine-held", "require-other-run", "require-no-run")
    )
    assert word_of(()) is VerdictWord.PASS
    assert word_of((none,)) is VerdictWord.INCONCLUSIVE
    assert word_of((none, other)) is VerdictWord.REFUSED
    assert word_of((none, holder, other)) is VerdictWord.QUARANTINE


def test_silence_is_no_pass() -> None:
    assert conclude({}, None).exit_code == 3
    assert blocked(()).exit_code == 3
    assert conclude({"medium-check": ()}, None).exit_code == 0


def test_the_workflows_path_may_name_its_ref() -> None:
    run = run_of(gh.run_row(1, NOW, path=f"{gh.WORKFLOW}@refs/heads/main"))
    assert foreign(run, PLACE) == ()


def test_attempts_have_one_order_even_when_their_times_are_none() -> None:
    rows = [run_of(gh.run_row(number, NOW)) for number in (3, 1, 2)]
    rows.append(run_of(gh.run_row(9, NOW, run_started_at="never")))
    assert [run.id for run in newest_first(rows)] == [9, 3, 2, 1]
    assert [run.id for run in newest_first(reversed(rows))] == [9, 3, 2, 1]


def test_a_time_needs_its_zone() -> None:
    assert parse_time("2026-11-24T00:00:00") is None
    assert parse_time("x") is None
    assert parse_time("2026-11-24T00:00:00Z") is not None


def test_times_that_can_not_be_read_are_no_times() -> None:
    row = gh.run_row(1, NOW - timedelta(hours=7), updated_at="later")
    evidence = assemble(gh.of_run(runs.healthy(), row).facts(), ())
    codes = [result.code for result in objections(DEMAND, PLACE, run_of(row), evidence, NOW)]
    assert codes == ["require-outside-run"]


def test_bounds_above_the_demanded_ones_are_taken() -> None:
    row = gh.run_row(1, NOW - timedelta(hours=6, minutes=1))
    journal_log = runs.healthy().with_policy(buckets=("attic", "tofu-state", "more"), min_paths=6)
    evidence = assemble(gh.of_run(journal_log, row).facts(), ())
    assert [result.code for result in objections(DEMAND, PLACE, run_of(row), evidence, NOW)] == ["require-inconclusive"]


@pytest.mark.parametrize(
    ("glob", "path", "hit"),
    [
        ("a.yml", "a.yml", True),
        ("a.yml", "b/a.yml", False),
        ("**/a.yml", "a.yml", True),
        ("**/a.yml", "b/c/a.yml", True),
        ("b/**", "b/c/d", True),
        ("b/**", "b", False),
        ("b/**/d", "b/d", True),
        ("*.yml", "a/b.yml", False),
        (".github/workflows/*.y?ml", ".github/workflows/x.yaml", True),
        ("a+b", "aab", False),
        ("a+b", "a+b", True),
        ("*", "a\nb", True),
    ],
)
def test_path_patterns(glob: str, path: str, *, hit: bool) -> None:
    assert bool(path_pattern(glob).fullmatch(path)) is hit


def test_a_change_of_the_mode_alone_is_a_change() -> None:
    guards = (Guard(path="a", pattern=None),)
    old = TreeEntry(path="a", mode="100644", blob="1")
    new = TreeEntry(path="a", mode="160000", blob="1")
    assert guarded_changes([old], [old], guards) == ()
    assert guarded_changes([old], [new], guards) == ((new, guards),)
    assert not must_be_read(new, guards)
    answer = "it is no plain file (mode 160000), so what it says can't be determined"
    assert relies(new, guards, None) == Reliance(path="a", line=None, detail=answer)
    assert must_be_read(old, (Guard(path="a", pattern="x"),))
    second = Reliance(path="a", line=2, detail="it matches the guard ^x of gate.toml")
    assert relies(old, (Guard(path="a", pattern="^x"),), b"y\nx") == second
    assert relies(old, (Guard(path="a", pattern="^x"),), b"y\xff") is None


def test_evidence_of_another_profile_is_not_taken() -> None:
    row = gh.run_row(1, NOW - timedelta(hours=6, minutes=1))
    evidence = assemble(gh.of_run(runs.healthy(), row).facts(), ())
    result = objections(replace(DEMAND, profile="small-check"), PLACE, run_of(row), evidence, NOW)
    assert [each.code for each in result] == ["require-other-profile"]


WEAKER = "require-policy-weaker"


def policy_objections(demand: Demand, **policy: object) -> list[str]:
    row = gh.run_row(1, NOW - timedelta(hours=6, minutes=1))
    evidence = assemble(gh.of_run(runs.healthy().with_policy(**policy), row).facts(), ())
    return [each.detail for each in objections(demand, PLACE, run_of(row), evidence, NOW) if each.code == WEAKER]


STATED: dict[str, Any] = {
    "probe_cache": "probe",
    "s3_endpoint": "http://127.0.0.1:9/",
    "state_bucket": "tofu-state",
    "state_key": "runners/terraform.tfstate",
    "state_contents": True,
    "markers": ("file:///data2", "file:///data"),
    "volumes": ("a", "b"),
    "store_log": "file:///s.log",
    "sample_spacing": 0.5,
    "twin": "auto",
}


@pytest.mark.parametrize(
    ("field", "got", "told"),
    [
        ("installable", ".#checks.x86_64-linux.statix", "installable '.#checks.x86_64-linux.statix'"),
        ("installable", ".#hello", "(expected '.#checks.{system}.deadnix')"),
        ("push_set", "delta", "push-set 'delta' (expected 'build-closure')"),
        ("require_cache_push", False, "require-cache-push false (expected true)"),
        ("probe_cache", "", "probe-cache none (expected 'probe')"),
        ("s3_endpoint", "http://b", "s3-endpoint 'http://b' (expected 'http://127.0.0.1:9/')"),
        ("state_bucket", "other", "state-bucket 'other' (expected 'tofu-state')"),
        ("state_key", "k", "state-key 'k' (expected 'runners/terraform.tfstate')"),
        ("state_contents", False, "state-contents false (expected true)"),
        ("markers", (), "markers none (expected 'file:///data2, file:///data')"),
        ("markers", ("file:///data",), "markers 'file:///data' (expected 'file:///data2, file:///data')"),
        ("volumes", (), "volumes none (expected 'a, b')"),
        ("store_log", "", "store-log none (expected 'file:///s.log')"),
        ("sample_spacing", 0.05, "sample-spacing 0.05 (expected 0.5)"),
        ("twin", "never", "twin 'never' (expected 'auto')"),
    ],
)
def test_a_run_by_other_rules_than_the_base_branch_states_is_not_taken(field: str, got: object, told: str) -> None:
    as_stated = {**STATED, "require_cache_push": True}
    demand = replace(DEMAND, required_settings={**SILENT, **as_stated})
    assert policy_objections(demand, **as_stated) == []
    (result,) = policy_objections(demand, **{**as_stated, field: got})
    assert result.startswith("the evidence was made with ")
    assert told in result


def test_what_the_base_branch_does_not_state_may_be_given_by_the_environment() -> None:
    value: dict[str, object] = {**STATED, "markers": ("file:///elsewhere",), "probe_cache": ""}
    assert policy_objections(DEMAND, **value) == []


def test_places_in_another_order_are_the_same_places() -> None:
    demand = replace(DEMAND, required_settings={**SILENT, "markers": ("file:///b", "file:///a")})
    assert policy_objections(demand, markers=("file:///a", "file:///b")) == []


@pytest.mark.parametrize(
    ("template", "installable", "taken"),
    [
        (".#checks.{system}.deadnix", ".#checks.aarch64-darwin.deadnix", True),
        (".#{system}.{system}", ".#x86_64-linux.x86_64-linux", True),
        (".#{system}.{system}", ".#x86_64-linux.aarch64-linux", False),
        (".#checks.{system}.deadnix", ".#checks.x86_64-linux.deadnix.tool", False),
        (".#checks.{system}.deadnix", ".#checks.x.deadnix", False),
        (".#hello", ".#hello", True),
        (".#hello", ".#hello.x86_64-linux", False),
        ("", "", True),
        ("", ".#hello", False),
    ],
)
def test_an_installable_is_compared_by_its_template(template: str, installable: str, *, taken: bool) -> None:
    assert (
        policy_objections(
            replace(DEMAND, required_settings={**SILENT, "installable": template}), installable=installable
        )
        == []
    ) is taken
