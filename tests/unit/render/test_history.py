"""The history for a person: nothing foreign moves a terminal, and the page has no tag of others."""

from dataclasses import replace
from typing import Any

from gate.judge.standing_quarantine import past_of
from gate.model.basics import VerdictWord
from gate.render.history import Listed, calendar, history_page, history_text
from gate.seal import assemble
from tests.helpers import runs

PAST = past_of(assemble(runs.healthy().facts(), ()), "0" * 64)
HOSTILE = "a\x1b[2J\n::error::x<script>"


def listed(**changes: Any) -> Listed:
    return Listed(past=replace(PAST, **changes), link="run")


def test_a_hostile_run_id_is_only_text() -> None:
    rows = [listed(label=HOSTILE, against=True), listed(label=HOSTILE, codes=(HOSTILE,))]
    text = history_text(rows, [HOSTILE], every=True)
    assert all(char.isprintable() or char == "\n" for char in text)
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())
    assert "<script>" not in history_page(rows, [HOSTILE], None)


def test_only_the_newest_runs_are_in_the_table_and_the_others_are_counted() -> None:
    rows = [listed(ended_at=f"2026-10-{1 + number // 2:02d}T10:00:00.000Z") for number in range(40)]
    text = history_text(rows, [], every=False)
    assert "10 older runs are left out: --all shows them" in text
    assert text.count("medium-check") == 30
    assert history_text(rows, [], every=True).count("medium-check") == 40


def test_the_stores_epochs_are_bands_over_the_days() -> None:
    stores = (("a",), ("a",), ("b",), ("a",))
    rows = [
        listed(ended_at=f"2026-10-0{number}T10:00:00.000Z", stores=store, word=VerdictWord.PASS)
        for number, store in enumerate(stores, 1)
    ]
    result = calendar(rows)
    assert [(band.number, band.days) for band in result.bands] == [(1, 2), (2, 1), (3, 1)]
    assert result.days == ("2026-10-01", "2026-10-02", "2026-10-03", "2026-10-04")


def test_no_run_at_all_is_said() -> None:
    assert history_text([], ["x"], every=False).startswith("  0 runs in 0.0 days")
