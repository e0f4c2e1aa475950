"""What ``diff`` prints: the heaviest first, and nothing of the text in it is a command or markup."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings

from gate.model.diff import Difference, DiffRow, DiffSide, Weight
from gate.render import difference
from tests.unit.render.hostile import everywhere, hostile_text
from tests.unit.render.runner_parser import commands

SIDE = DiffSide(run_id="r1", started_at="t1", ended_at="t2", verdict="inconclusive", digest="d" * 64)
SAME = DiffRow(matter="bucket", subject="a", phase="pre", before="indexed", after="indexed", weight=Weight.SAME, why="")
ROWS = (
    SAME,
    replace(SAME, subject="b", before="not looked at", after="not looked at", weight=Weight.UNSURE, why="not known"),
    replace(SAME, matter="tool", subject="nix", phase="", before="1", after="2", weight=Weight.NOTE),
    replace(SAME, subject="c", after="index-lost", weight=Weight.WORSE, why="lost"),
)
WORSE = Difference(a=SIDE, b=SIDE, rows=ROWS, weight=Weight.WORSE, exit_code=4, headline="B is worse than A.")
TEXT = f"""WORSE: B is worse than A.

A: run r1, verdict inconclusive, t1 to t2, sha256 {"d" * 64}
B: run r1, verdict inconclusive, t1 to t2, sha256 {"d" * 64}

worse in B:
  bucket: c [pre]
    indexed → index-lost (lost)

can't be compared, or may hide a loss:
  bucket: b [pre]
    not looked at (not known)

different, without weight: 1; --all lists them
the same: 1, in the JSON
exit code: 4
"""
TABLE = """
| weight | matter | subject | phase | A | B | why |
| --- | --- | --- | --- | --- | --- | --- |
| worse | bucket | c | pre | indexed | index-lost | lost |
| unsure | bucket | b | pre | not looked at | not looked at | not known |
| note | tool | nix | – | 1 | 2 | – |

the same: 1, in the JSON
"""


def test_text() -> None:
    assert difference.text(WORSE) == TEXT


def test_markdown() -> None:
    text = difference.markdown(WORSE, every=True)
    assert text.startswith("**WORSE: B is worse than A.**\n\nA: run r1,")
    assert text.endswith(TABLE)


def test_notes_are_listed_where_all_is_asked_for() -> None:
    note = "\ndifferent, without weight:\n  tool: nix\n    1 → 2\n"
    assert note in difference.text(WORSE, every=True)
    assert "| note |" not in difference.markdown(WORSE)


def test_rows_that_say_the_same_of_many_subjects_are_one_group() -> None:
    """The incident has 21 failed paths: one group with its count, not 21 line pairs."""
    failed = [
        DiffRow(
            matter="finding",
            subject=f"push-path-failed /nix/store/{number}",
            phase="",
            before="–",
            after="fail",
            weight=Weight.WORSE,
            why="",
        )
        for number in range(21)
    ]
    other = replace(failed[0], subject="body-empty /nix/store/x")
    grouped = replace(WORSE, rows=(*failed, other))
    first = "/nix/store/0, /nix/store/1, /nix/store/2 and 18 more"
    assert f"  finding push-path-failed (21): {first}\n    – → fail\n" in difference.text(grouped)
    assert "  finding body-empty: /nix/store/x\n" in difference.text(grouped)
    assert f"| worse | finding push-path-failed | {first} | – | – | fail | – |" in difference.markdown(grouped)
    assert "/nix/store/20\n" in difference.text(grouped, every=True)


def test_two_places_are_named_before_any_row() -> None:
    other = replace(SAME, matter="setting", subject="s3-endpoint", weight=Weight.UNSURE)
    text = difference.text(replace(WORSE, rows=(*ROWS, other)))
    assert text.split("\n")[1] == "A and B are not of the same cache and store: s3-endpoint differ."
    assert "not of the same" not in difference.text(WORSE)


@pytest.mark.parametrize(
    ("weight", "word"),
    [("unsure", "UNSURE"), ("note", "NO SIGNIFICANT DIFFERENCE"), ("same", "NO SIGNIFICANT DIFFERENCE")],
)
def test_the_first_word(weight: str, word: str) -> None:
    result = replace(WORSE, weight=Weight(weight), rows=(SAME, SAME))
    assert difference.text(result).startswith(f"{word}: ")
    assert "the same: 2, in the JSON" in difference.text(result)
    assert "worse in B" not in difference.text(result)


@settings(max_examples=50, deadline=None)
@given(hostile_text)
@example("::error::")
@example("a|b\n##[error]")
def test_foreign_text_is_neither_command_nor_markup(text: str) -> None:
    hostile = everywhere(WORSE, text)
    for render in (difference.text, difference.markdown):
        output = render(hostile)
        assert list(commands(output)) == []
        assert output.count("\n") == render(everywhere(WORSE, "x")).count("\n")
    table = difference.markdown(hostile).split("\n")
    assert [line.count("|") for line in table] == [
        line.count("|") for line in difference.markdown(everywhere(WORSE, "x")).split("\n")
    ]
