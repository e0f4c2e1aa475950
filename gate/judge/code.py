"""What a reason code is, and the remedies that several of them share."""

from dataclasses import dataclass
from typing import Final

from gate.model.basics import Status

PASS, FAIL, INCONCLUSIVE, NOT_APPLICABLE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE, Status.NOT_APPLICABLE

CAPTURE_FIRST: Final = "keep broad trusted writes off; run `publication-gate capture` before anybody restarts the store"
REREAD: Final = "keep trusted writes off and don't push again: Attic deduplicates what it wrongly believes to have"
LOOK: Final = "mend the source that could not be read, then run the probe again"
AGAIN: Final = "run the probe again; if it stays, look at the capture that the finding names"


@dataclass(frozen=True, kw_only=True)
class Code:
    """A reason code: the statuses it may have, why it has them, and the next step for a person."""

    code: str
    statuses: tuple[Status, ...]
    why: str
    remedy: str


def code(name: str, statuses: tuple[Status, ...], why: str, remedy: str = "none needed") -> Code:
    """A row of the registry; without a remedy it is for what needs none."""
    return Code(code=name, statuses=statuses, why=why, remedy=remedy)
