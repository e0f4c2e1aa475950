"""The class of a published path, from the classes of its reads, and the status that the registry gives to it."""

from collections.abc import Sequence
from itertools import product

from gate.evidence.bodies import WHOLE
from gate.judge.codes.registry import BY_CODE
from gate.model.basics import Status
from gate.model.bodies import Body

UNREAD = "body-unread"
_WORST_FIRST = (Status.FAIL, Status.INCONCLUSIVE, Status.PASS)


def class_status(code: str) -> Status:
    """The one status of a class of bodies; inconclusive for a class that only another version of the gate knows."""
    return BY_CODE[code].statuses[0] if code in BY_CODE else Status.INCONCLUSIVE


def body_class(body: Body) -> str:
    """The class of a path: the worst of four groups of reads, and ``body-unread`` without an ordinary read.

    The groups are the reads where builders read and at the origin, each before and after the last bucket sample. A
    read before it where builders read is an ordinary one.
    """
    groups = [
        [read.code for read in body.reads if (read.at_origin, read.after_post) == group]
        for group in product((False, True), repeat=2)
    ]
    codes = [repeated_class(codes) for codes in groups if codes]
    if not groups[0]:
        codes.append(UNREAD)
    return min(codes, key=lambda code: _WORST_FIRST.index(class_status(code)))


def body_status(body: Body) -> Status:
    """The status of a path's class."""
    return class_status(body_class(body))


def repeated_class(codes: Sequence[str]) -> str:
    """The class of repeated reads: flapping where only some are whole, else the first failure, else the first code."""
    bad = [code for code in codes if code != WHOLE]
    if not bad:
        return WHOLE
    if len(bad) < len(codes):
        return "body-flapping"
    return next((code for code in bad if class_status(code) is Status.FAIL), bad[0])
