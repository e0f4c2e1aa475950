"""Sequence and clock of a journal: what a run's own record must look like to prove a before and an after."""

from dataclasses import replace

import pytest

from gate import limits
from gate.evidence.journal_order import clock_jump_millis, disorder
from gate.model import records
from gate.model.basics import Phase
from tests.helpers import runs

RECORDS = runs.healthy().records
JUMP_OF_AN_HOUR = 3_600_000
JUMP = round(limits.CLOCK_JUMP_SECONDS * 1000)


def moved(records: tuple[records.Record, ...], number: int, to: int) -> runs.Run:
    """The healthy run with one record elsewhere."""
    rest = [*records[:number], *records[number + 1 :]]
    return runs.Run((*rest[:to], records[number], *rest[to:]), runs.healthy().files)


def place(kind: type, phase: Phase | None = None, *, last: bool = False) -> int:
    places = [
        number
        for number, record in enumerate(RECORDS)
        if isinstance(record, kind) and (phase is None or getattr(record, "phase", None) is phase)
    ]
    return places[-1 if last else 0]


def test_a_healthy_record_is_in_order_and_by_one_clock() -> None:
    facts = runs.healthy().facts()
    assert (facts.journal.disorder, facts.journal.clock_jump_millis) == ((), 0)
    assert (disorder(()), clock_jump_millis(())) == ((), 0)


@pytest.mark.row("HIS-01")
@pytest.mark.parametrize(
    "kind", [records.BucketSampled, records.StateSeen, records.WorkloadSeen, records.LogCanarySent]
)
def test_a_look_before_that_came_after_the_push_is_none(kind: type) -> None:
    run = moved(RECORDS, place(kind, Phase.PRE), place(records.PushSetKnown, last=True))
    assert run.rows() >= {("run-disordered", "inconclusive")}
    assert run.word() == "inconclusive"
    assert "of the phase pre comes after the first plan of a push" in run.facts().journal.disorder[0]


@pytest.mark.row("HIS-01")
def test_a_look_after_that_came_before_the_end_of_a_push_is_none() -> None:
    run = moved(RECORDS, place(records.BucketSampled, Phase.POST), place(records.PushSetKnown, last=True))
    assert (run.word(), run.rows()) == ("inconclusive", {("run-disordered", "inconclusive")})


@pytest.mark.row("HIS-09")
def test_a_push_that_ran_twice_is_no_pass_and_its_first_failure_stands() -> None:
    """The gate never pushes again; a client that did so itself leaves both lines in one log."""
    again = runs.healthy().with_record(runs.child("push:profile", "push-profile.log"))
    assert (again.word(), again.facts().journal.disorder[0]) == ("inconclusive", "push:profile ran more than once")
    name = runs.SOURCES[2].store_path.removeprefix("/nix/store/")
    log = runs.healthy().files["push-profile.log"]
    failed = f"❌ {name}: InternalServerError: The server encountered an internal error or misconfiguration.\n".encode()
    first, _, rest = log.partition(b"\n")
    retried = again.with_file("push-profile.log", first + b"\n" + failed + rest)
    assert ("push-path-failed", "fail") in retried.rows()
    assert retried.word() == "quarantine"


@pytest.mark.row("RUN-26")
@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_was_set_in_the_run_is_no_pass(hours: int) -> None:
    entries = runs.entries(RECORDS, chained=False)
    half = len(entries) // 2
    later = [replace(entry, at=entry.at.replace("T00:", "T01:") if hours > 0 else entry.at) for entry in entries[half:]]
    before = [entry if hours > 0 else replace(entry, at=entry.at.replace("T00:", "T01:")) for entry in entries[:half]]
    assert clock_jump_millis([*before, *later]) == JUMP_OF_AN_HOUR


@pytest.mark.row("RUN-26")
def test_a_machine_that_slept_is_no_pass() -> None:
    """CLOCK_MONOTONIC stands still while Linux sleeps (clock_gettime(2)); the clock of the day does not."""
    entries = runs.entries(RECORDS, chained=False)
    slept = [replace(entry, mono_millis=min(entry.mono_millis, 5000)) for entry in entries]
    assert clock_jump_millis(slept) == (len(entries) - 6) * 1000


def test_the_bound_itself_may_be() -> None:
    facts = runs.healthy().facts()

    def judged(millis: int) -> set[str]:
        from gate.judge.verdict import judge

        return {row.code for row in judge(replace(facts, journal=replace(facts.journal, clock_jump_millis=millis)))[0]}

    assert "run-clock-jumped" not in judged(JUMP)
    assert "run-clock-jumped" in judged(JUMP + 1)
