"""The one registry of reason codes: which status each may have, why, and what to do.

`docs/reason-codes.md` is made from it. ``fail`` is for the failure class alone: index or published truth that is wrong.
Our own trouble, and other people's work, is ``inconclusive``.
"""

from typing import Final

from gate.judge.code import Code
from gate.judge.publication_codes import PUBLICATION
from gate.judge.run_codes import RUN
from gate.judge.store_codes import STORE
from gate.judge.witness_codes import WITNESS

CODES: tuple[Code, ...] = (*STORE, *PUBLICATION, *WITNESS, *RUN)
BY_CODE: Final = {row.code: row for row in CODES}
