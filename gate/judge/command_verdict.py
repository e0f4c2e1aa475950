"""The verdict of an operators' command from the statuses of what it looked at: the worst one counts."""

from collections.abc import Iterable

from gate.model.basics import EXIT_CODES, Status, Word
from gate.model.operators import Decision

_ORDER = (Status.FAIL, Status.INCONCLUSIVE, Status.NOT_APPLICABLE, Status.PASS)


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of some statuses; of none it is inconclusive, for silence is no health."""
    return min(statuses, key=_ORDER.index, default=Status.INCONCLUSIVE)


def decide(status: Status, headline: str) -> Decision:
    """The decision that a status comes to; only a pass does not block."""
    word = {Status.FAIL: Word.QUARANTINE, Status.PASS: Word.PASS}.get(status, Word.INCONCLUSIVE)
    return Decision(
        word=word,
        outcome="pass" if word is Word.PASS else "fail",
        exit_code=EXIT_CODES[word],
        blocks=word is not Word.PASS,
        headline=headline,
    )
