"""The machine's own Nix reads too: where it and the gate differ, the run is no pass, and wrong bytes are quarantine."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gate.model import records
from gate.model.basics import Label
from gate.model.machine import NixRead
from tests.helpers.runs import CANARIES, SOURCES, Run, healthy, nix_read

INCONCLUSIVE, FAIL = "inconclusive", "fail"
SHORT = ("reader-short", INCONCLUSIVE)


def with_reads(label: Label, **changes: Any) -> Run:
    return healthy().change(NixRead, lambda row: replace(row, **changes) if row.label is label else row)


def with_again(outcome: str, *, first: str) -> Run:
    """One path of the profile read twice."""
    path = SOURCES[0].store_path

    def edit(row: NixRead) -> NixRead:
        return replace(row, outcome=first) if row.store_path == path else row  # type: ignore[arg-type]  # test

    run = healthy().change(NixRead, edit)
    return run.with_record(nix_read(Label.PROFILE, SOURCES[0], attempt=2, outcome=outcome))


def test_both_readers_agree() -> None:
    rows = {row.code: row.summary for row in healthy().judged()[0]}
    assert rows["reader-agrees"].endswith("read 13 paths whole, 11 of the profile")


@pytest.mark.row("TRU-08")
@pytest.mark.parametrize("label", [Label.PROFILE, Label.CANARY])
@pytest.mark.parametrize("outcome", ["wrong", "cut"])
def test_bytes_that_are_good_for_the_gate_and_bad_for_nix_are_quarantine(label: Label, outcome: str) -> None:
    assert ("reader-differs", FAIL) in with_reads(label, outcome=outcome).rows()
    assert with_reads(label, outcome=outcome).word() == "quarantine"


@pytest.mark.row("TRU-09")
def test_credentials_that_are_refused_for_nix_alone_are_said() -> None:
    run = with_reads(Label.PROFILE, outcome="denied", words="HTTP error 401")
    assert run.rows() == {("reader-denied", INCONCLUSIVE), SHORT}
    answer = next(row for row in run.judged()[0] if row.code == "reader-denied")
    assert answer.summary.startswith("Nix gets 401 there, or a page in its place: run `attic use`, or add a netrc")


def test_a_right_that_builders_do_not_need_is_a_note() -> None:
    """The probe cache holds nothing for builders; the cache under test is what they read."""
    run = with_reads(Label.CANARY, outcome="denied")
    assert run.word() == "pass"
    assert "it has no right to read probe, which builders do not use" in str(run.judged()[0])
    same = run.with_policy(probe_cache="").change(NixRead, lambda row: replace(row, cache="main"))
    assert ("reader-denied", INCONCLUSIVE) in same.rows()


@pytest.mark.parametrize("outcome", ["untrusted", "absent", "tls", "connect", "deadline", "other"])
def test_what_nix_could_not_read_is_doubt(outcome: str) -> None:
    assert with_reads(Label.PROFILE, outcome=outcome).rows() == {("reader-unread", INCONCLUSIVE), SHORT}


@pytest.mark.parametrize(
    ("first", "second", "row"),
    [
        ("whole", "whole", None),
        ("other", "whole", ("reader-unsteady", INCONCLUSIVE)),
        ("cut", "whole", ("reader-unsteady", INCONCLUSIVE)),
        ("cut", "cut", ("reader-differs", FAIL)),
        ("cut", "other", ("reader-unread", INCONCLUSIVE)),
        ("wrong", "whole", ("reader-differs", FAIL)),
        ("whole", "wrong", ("reader-differs", FAIL)),
    ],
)
def test_a_second_attempt_hides_no_first(first: str, second: str, row: tuple[str, str] | None) -> None:
    assert with_again(second, first=first).rows() == ({row} if row else set())


def test_another_narinfo_for_nix_is_doubt() -> None:
    assert with_reads(Label.PROFILE, nar_hash=CANARIES[0].nar_hash).rows() == {("reader-differs", INCONCLUSIVE), SHORT}
    assert with_reads(Label.PROFILE, nar_hash=None).word() == "pass"


def test_what_only_nix_could_read_is_said() -> None:
    def cut(read: records.BodyRead) -> records.BodyRead:
        return replace(read, nar=None) if read.store_path == SOURCES[0].store_path else read

    run = healthy().change(records.BodyRead, cut)
    answer = next(row for row in run.judged()[0] if row.subject == "builders")
    assert (answer.code, run.word() == "pass") == ("reader-agrees", False)
    assert answer.summary.endswith("10 of the profile; 1 paths that only Nix could read")


@pytest.mark.parametrize(
    "keep",
    [
        lambda row: row.label is Label.CANARY,
        lambda row: row.label is Label.PROFILE,
        lambda row: row.store_path not in {SOURCES[0].store_path, SOURCES[1].store_path},
        lambda row: False,
    ],
    ids=["canaries", "profile", "some", "none"],
)
def test_silence_is_no_agreement(keep: Callable[[NixRead], bool]) -> None:
    assert healthy().change(NixRead, lambda row: row if keep(row) else None).rows() == {SHORT}


def test_a_reading_of_what_was_not_published_proves_nothing() -> None:
    def stray(row: NixRead) -> NixRead:
        return replace(row, store_path=f"{row.store_path}x") if row.label is Label.PROFILE else row

    assert healthy().change(NixRead, stray).rows() == {SHORT}


def test_where_nothing_was_published_nothing_was_asked() -> None:
    run = healthy().change(records.PushSetKnown, lambda _: None).change(NixRead, lambda _: None)
    assert ("reader-unasked", INCONCLUSIVE) in run.rows()
