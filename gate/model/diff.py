"""The answer of ``diff``: what differs between two evidence folders."""

from enum import StrEnum

from gate.model.basics import value


class Weight(StrEnum):
    """What a difference comes to, from the lightest: nothing, worth a line, may hide a loss, a loss.

    ``unsure`` is what could not be compared, since it is unknown on a side, or changed in a way that can hide a loss.
    """

    SAME = "same"
    NOTE = "note"
    UNSURE = "unsure"
    WORSE = "worse"


@value
class DiffRow:
    """One matter of one subject before (in A) and after (in B). ``phase`` is that of both runs; empty for no phase."""

    matter: str
    subject: str
    phase: str
    before: str
    after: str
    weight: Weight
    why: str


@value
class DiffSide:
    """One of the two: which run it is, when it was taken, its verdict's word, and the digest of its evidence."""

    run_id: str
    started_at: str
    ended_at: str
    verdict: str
    digest: str


@value
class Difference:
    """B against A. ``weight`` is that of the heaviest row; ``exit_code`` 0, 3 for ``unsure``, 4 for ``worse``."""

    a: DiffSide
    b: DiffSide
    rows: tuple[DiffRow, ...]
    weight: Weight
    exit_code: int
    headline: str
