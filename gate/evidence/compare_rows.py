"""The one way to make a row of a comparison."""

from gate.model.diff import DiffRow, Weight

NOT_LOOKED_AT = "not looked at"


def row(matter: str, subject: str, told: tuple[str, str], weight: Weight, why: str = "", *, phase: str = "") -> DiffRow:
    """A row of what A and B tell; ``why`` says what its weight rests on where the two don't show it."""
    before, after = told
    return DiffRow(matter=matter, subject=subject, phase=phase, before=before, after=after, weight=weight, why=why)


def plain_row(matter: str, subject: str, before: str, after: str) -> DiffRow:
    """A row that is no more than a note, whatever it says."""
    return row(matter, subject, (before, after), Weight.SAME if before == after else Weight.NOTE)
