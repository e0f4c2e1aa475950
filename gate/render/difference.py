"""The answer of ``diff`` for a person: plain text, or Markdown; what weighs most comes first."""

from collections.abc import Iterator
from dataclasses import dataclass
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
    Weight.NOTE: "different, without weight",
}


_SUBJECTS: Final = 3  # of a group that are named


def text(difference: Difference, *, every: bool = False) -> str:
    """The whole answer, each line ended; ``every``: notes and all subjects of a group too."""
    lines = [
        plain(f"{_FIRST[difference.weight]}: {difference.headline}", SENTENCE_CHARS),
        *(plain(warning, SENTENCE_CHARS) for warning in _warnings(difference)),
        "",
        f"A: {_side(difference.a)}",
        f"B: {_side(difference.b)}",
    ]
    for weight, title in _TITLES.items():
        groups = _groups(difference, weight)
        if groups and (every or weight is not Weight.NOTE):
            lines += ["", f"{title}:", *(f"  {line}" for group in groups for line in _lines(group, every=every))]
    lines += ["", *_counts(difference, every=every), f"exit code: {difference.exit_code}"]
    return runner_safe("\n".join(lines)) + "\n"


def markdown(difference: Difference, *, every: bool = False) -> str:
    """The same as a table."""
    lines = [
        f"**{_cell(f'{_FIRST[difference.weight]}: {difference.headline}')}**",
        *(f"\n{_cell(warning)}" for warning in _warnings(difference)),
        "",
        f"A: {_cell(_side(difference.a))}",
        "",
        f"B: {_cell(_side(difference.b))}",
        "",
        "| weight | matter | subject | phase | A | B | why |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for weight in _TITLES:
        if every or weight is not Weight.NOTE:
            for group in _groups(difference, weight):
                row = group.row
                cells = (weight.value, group.title, group.names(every=every), row.phase, row.before, row.after, row.why)
                lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    lines += ["", *_counts(difference, every=every)]
    return "".join(f"{runner_safe(line)}\n" for line in lines)


@dataclass
class _Group:
    """Rows that say the same of several subjects: ``title`` is their matter, and of findings their code."""

    row: DiffRow
    title: str
    subjects: list[str]

    def names(self, *, every: bool) -> str:
        """The subjects, or the first of many and how many more there are."""
        first = self.subjects if every else self.subjects[:_SUBJECTS]
        more = len(self.subjects) - len(first)
        return ", ".join(first) + (f" and {more} more" if more else "")


def _groups(difference: Difference, weight: Weight) -> list[_Group]:
    groups: dict[tuple[str, ...], _Group] = {}
    for row in difference.rows:
        if row.weight is weight:
            code, _, subject = row.subject.partition(" ") if row.matter == "finding" else ("", "", row.subject)
            title = f"{row.matter} {code}".rstrip()
            key = (title, row.phase, row.before, row.after, row.why)
            groups.setdefault(key, _Group(row, title, [])).subjects.append(subject or code)
    return list(groups.values())


def _warnings(difference: Difference) -> Iterator[str]:
    """What a reader must know before any row."""
    names = [row.subject for row in difference.rows if row.matter == "setting" and row.weight is Weight.UNSURE]
    if names:
        yield f"A and B are not of the same cache and store: {', '.join(names)} differ."


def _side(side: DiffSide) -> str:
    summary = f"run {side.run_id}, verdict {side.verdict}, {side.started_at} to {side.ended_at}, sha256 {side.digest}"
    return plain(summary, SENTENCE_CHARS)


def _lines(group: _Group, *, every: bool) -> Iterator[str]:
    row = group.row
    phase = f" [{plain(row.phase, NAME_CHARS)}]" if row.phase else ""
    count = f" ({len(group.subjects)})" if len(group.subjects) > 1 else ""
    yield f"{plain(group.title, NAME_CHARS)}{count}: {plain(group.names(every=every), SENTENCE_CHARS * 2)}{phase}"
    changed = f" → {row.after}" if row.before != row.after else ""
    why = f" ({row.why})" if row.why else ""
    yield f"  {plain(f'{row.before}{changed}{why}', SENTENCE_CHARS * 2)}"


def _counts(difference: Difference, *, every: bool) -> Iterator[str]:
    notes, same = (sum(row.weight is weight for row in difference.rows) for weight in (Weight.NOTE, Weight.SAME))
    if notes and not every:
        yield f"different, without weight: {notes}; --all lists them"
    yield f"the same: {same}, in the JSON"


def _cell(cell: str) -> str:
    return markdown_cell(cell, SENTENCE_CHARS) or "–"
