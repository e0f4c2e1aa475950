"""Two evidences → what is different in the second one. Nothing is judged anew: facts against facts.

What is unknown on a side equals nothing. A loss is told first, whatever else could not be compared.
"""

from collections.abc import Iterator
from typing import Final

from gate.evidence.compare_around import disk_rows, event_rows, finding_rows, log_rows, setting_rows, tool_rows
from gate.evidence.compare_rows import row
from gate.evidence.compare_servers import epoch_rows
from gate.evidence.compare_store import bucket_rows, marker_rows, state_rows
from gate.model.basics import Word
from gate.model.diff import Difference, DiffRow, DiffSide, Weight
from gate.model.document import Evidence

_ORDER: Final = tuple(Weight)
_EXIT: Final = {Weight.SAME: 0, Weight.NOTE: 0, Weight.UNSURE: 3, Weight.WORSE: 4}
_BAD: Final = {Word.PASS: 0, Word.REFUSED: 1, Word.INCONCLUSIVE: 1, Word.QUARANTINE: 2}
_NAMED: Final = 3  # subjects that the headline names


def compare(a: Evidence, b: Evidence, *, digests: tuple[str, str]) -> Difference:
    """B against A; ``digests`` are those of the two documents."""
    rows = (
        *_order(a, b),
        *_verdict(a, b),
        *bucket_rows(a, b),
        *marker_rows(a, b),
        *state_rows(a, b),
        *epoch_rows(a, b),
        *disk_rows(a, b),
        *event_rows(a, b),
        *log_rows(a, b),
        *finding_rows(a, b),
        *tool_rows(a, b),
        *setting_rows(a, b),
    )
    weight = max((each.weight for each in rows), key=_ORDER.index)
    return Difference(
        a=_side(a, digests[0]),
        b=_side(b, digests[1]),
        rows=rows,
        weight=weight,
        exit_code=_EXIT[weight],
        headline=_headline(weight, rows, b),
    )


def _side(of: Evidence, digest: str) -> DiffSide:
    return DiffSide(
        run_id=of.run.run_id,
        started_at=of.started_at,
        ended_at=of.ended_at,
        verdict=of.verdict.word.value,
        digest=digest,
    )


def _order(a: Evidence, b: Evidence) -> Iterator[DiffRow]:
    """Times are the journal's, all in one form, so that they sort as text (`gate.clock.rfc3339`)."""
    if a.started_at > b.started_at:
        why = "B is the earlier one: what was lost since looks like a gain here; give the earlier one first"
        yield row("order", "began at", (a.started_at, b.started_at), Weight.UNSURE, why)


def _verdict(a: Evidence, b: Evidence) -> Iterator[DiffRow]:
    one, two = a.verdict.word, b.verdict.word
    weight, why = Weight.NOTE, ""
    if one is two:
        weight = Weight.SAME
    elif _BAD[two] > _BAD[one]:
        weight = Weight.WORSE if two is Word.QUARANTINE else Weight.UNSURE
        why = f"decided by {', '.join(b.verdict.codes) or 'a claim that was not proved'}"
    yield row("verdict", "of the run", (one.value, two.value), weight, why)


def _headline(weight: Weight, rows: tuple[DiffRow, ...], b: Evidence) -> str:
    heavy = [each for each in rows if each.weight is weight]
    named = ", ".join(dict.fromkeys(f"{each.matter} {each.subject}" for each in heavy[:_NAMED]))
    more = f" and {len(heavy) - _NAMED} more" if len(heavy) > _NAMED else ""
    if weight is Weight.WORSE:
        return f"B is worse than A: {named}{more}. Don't push, don't restart."
    if weight is Weight.UNSURE:
        return f"It can't be said that nothing was lost between A and B: {named}{more}."
    changed = sum(each.weight is Weight.NOTE for each in rows)
    return f"Nothing of weight differs ({changed} notes); B's own verdict is {b.verdict.word.value}, whatever A's was."
