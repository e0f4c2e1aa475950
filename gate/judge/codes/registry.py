"""The one registry of reason codes: which status each may have, why, and what to do.

`docs/reason-codes.md` is made from it. ``fail`` is for the failure class alone: index or published truth that is wrong.
Our own trouble, and other people's work, is ``inconclusive``.
"""

from collections.abc import Collection
from typing import Final

from gate.judge.codes.audit import AUDIT
from gate.judge.codes.doctor import DOCTOR
from gate.judge.codes.logs import LOG_CODES
from gate.judge.codes.model import CONSEQUENCE, Code
from gate.judge.codes.publication import PUBLICATION
from gate.judge.codes.run import MACHINE, RUN
from gate.judge.codes.store import STORE

CODES: tuple[Code, ...] = (*STORE, *PUBLICATION, *LOG_CODES, *MACHINE, *RUN, *DOCTOR, *AUDIT)
BY_CODE: Final = {row.code: row for row in CODES}


def is_neutral(codes: Collection[str]) -> bool:
    """Whether a run that is inconclusive for these codes says nothing about the cache.

    Each cause must be neutral, and one must be there: consequences alone do not say what they follow from.
    """
    rows = [BY_CODE[name] for name in codes if name in BY_CODE]
    causes = [row for row in rows if row.rank is not CONSEQUENCE or row.neutral]
    return len(rows) == len(codes) and bool(causes) and all(row.neutral for row in causes)
