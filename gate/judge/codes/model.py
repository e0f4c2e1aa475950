"""What a reason code is, and the remedies that several of them share."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from gate.model.basics import Status

PASS, FAIL, INCONCLUSIVE, NOT_APPLICABLE = Status.PASS, Status.FAIL, Status.INCONCLUSIVE, Status.NOT_APPLICABLE

CAPTURE_FIRST: Final = "keep broad trusted writes off; run `publication-gate capture` before anybody restarts the store"
REREAD: Final = "keep trusted writes off and don't push again: Attic deduplicates what it wrongly believes to have"
STALLED: Final = (
    "look at the drive's latency, at the kernel's log and at the store's (`health is faulty`, `operation timed out`); "
    "then run the probe again"
)


class Rank(IntEnum):
    """The order in which the codes of a run lead its headline: the lowest is the cause that a person is shown first.

    What ended the run comes before what it could not observe any more, the store before what lies in it, and that
    before what the run itself lacked. A ``CONSEQUENCE`` only ever follows from something that another finding of
    the same run says, such as a push that was not made because the evidence before it was not clean.
    """

    RUN = 0
    INDEX = 10
    STORE = 20
    UNOBSERVED = 25
    STATE = 30
    BODY = 40
    SETUP = 50
    CAUSE = 60
    CONSEQUENCE = 90


CAUSE, CONSEQUENCE = Rank.CAUSE, Rank.CONSEQUENCE

# What a finding may follow from (`Code.follows`).
ANY_CAUSE: Final = ("*",)
RUN_ENDS: Final = ("run-cancelled", "run-stopped", "run-incomplete")
INDEX_CODES: Final = (
    "bucket-index-lost",
    "bucket-data-missing",
    "bucket-unserved",
    "bucket-unlisted",
    "bucket-missing",
    "bucket-flapping",
)
STORE_CAUSES: Final = (
    *INDEX_CODES,
    "disk-full",
    "disk-scan-io",
    "volume-split",
    "store-stalled",
    "bucket-not-ready",
    "bucket-unobservable",
)


@dataclass(frozen=True, kw_only=True)
class Code:
    """A reason code: the statuses it may have, why it has them, and the next step for a person.

    ``neutral``: our own trouble or other people's work, which says nothing about the cache (see `registry.is_neutral`).
    ``index_loss``: a failure with this code means that the store's bucket index was lost. ``headline`` is the sentence
    of a report that this code leads; its fields are those of `gate.judge.cause.headline`, and without one ``why`` is
    taken. ``follows`` are the codes that a finding with this one can follow from, ``*`` for any cause.
    """

    code: str
    statuses: tuple[Status, ...]
    why: str
    remedy: str
    rank: Rank
    neutral: bool
    index_loss: bool
    headline: str = ""
    follows: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """What the code is about, such as ``bucket`` or ``push``: the claims of a pass are named by it."""
        return self.code.partition("-")[0]


def code(
    name: str,
    statuses: tuple[Status, ...],
    why: str,
    remedy: str = "none needed",
    *,
    rank: Rank = CAUSE,
    neutral: bool = False,
    index_loss: bool = False,
    headline: str = "",
    follows: tuple[str, ...] = (),
) -> Code:
    """A row of the registry; without a remedy it is for what needs none."""
    return Code(
        code=name,
        statuses=statuses,
        why=why,
        remedy=remedy,
        rank=rank,
        neutral=neutral,
        index_loss=index_loss,
        headline=headline,
        follows=follows,
    )
