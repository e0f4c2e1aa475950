"""The answer of ``diff`` for a person: plain text, or Markdown; what weighs most comes first."""

from collections.abc import Iterator
from typing import Final

from gate.model.diff import Difference, DiffRow, DiffSide, Weight
from gate.render.escape import markdown_cell, plain, runner_safe
from gate.render.view import NAME_CHARS, SENTENCE_CHARS

_FIRST: Final = {
    Weight.WORSE: "WORSE",
    Weight.UNSURE: "UNSURE",
    Weight.NOTE: "NO SIGNIFICANT DIFFERENCE",
    Weight.SAME: "NO SIGNIFICANT DIFFERENCE",
}
_TITLES: Final = {
    Weight.WORSE: "worse in B",
    Weight.UNSURE: "can't be compared, or may hide a loss",
    Weight.NOTE: "different, and of no weight",
}


def text(matches: Difference) -> str:
    """The whole answer, each line ended."""
    lines = [
        plain(f"{_FIRST[matches.weight]}: {matches.headline}", SENTENCE_CHARS),
        "",
        f"A: {_side(matches.a)}",
        f"B: {_side(matches.b)}",
    ]
    for weight, title in _TITLES.items():
        rows = [row for row in matches.rows if row.weight is weight]
        if rows:
            lines += ["", f"{title}:", *(f"  {line}" for row in rows for line in _row(row))]
    lines += ["", f"the same: {_same(matches)}", f"exit code: {matches.exit_code}"]
    return runner_safe("\n".join(lines)) + "\n"


def markdown(rows: Difference) -> str:
    """The same as a table."""
    lines = [
        f"**{_cell(f'{_FIRST[rows.weight]}: {rows.headline}')}**",
        "",
        f"A: {_cell(_side(rows.a))}",
        "",
        f"B: {_cell(_side(rows.b))}",
        "",
        "| weight | matter | subject | phase | A | B | why |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for weight in _TITLES:
        for row in rows.rows:
            if row.weight is weight:
                cells = (weight.value, row.matter, row.subject, row.phase, row.before, row.after, row.why)
                lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    lines += ["", f"The same: {_same(rows)}"]
    return "".join(f"{runner_safe(line)}\n" for line in lines)


def _side(side: DiffSide) -> str:
    summary = f"run {side.run_id}, verdict {side.verdict}, {side.started_at} to {side.ended_at}, sha256 {side.digest}"
    return plain(summary, SENTENCE_CHARS)


def _row(row: DiffRow) -> Iterator[str]:
    phase = f" [{plain(row.phase, NAME_CHARS)}]" if row.phase else ""
    yield f"{plain(row.matter, NAME_CHARS)} {plain(row.subject, SENTENCE_CHARS)}{phase}"
    changed = f" → {row.after}" if row.before != row.after else ""
    why = f" ({row.why})" if row.why else ""
    yield f"  {plain(f'{row.before}{changed}{why}', SENTENCE_CHARS * 2)}"


def _same(rows: Difference) -> str:
    count = sum(row.weight is Weight.SAME for row in rows.rows)
    return f"{count} row{'' if count == 1 else 's'}, in the JSON"


def _cell(cell: str) -> str:
    return markdown_cell(cell, SENTENCE_CHARS) or "–"
