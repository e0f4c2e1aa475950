"""What a run that was refused before it had an evidence folder leaves: one small ``result.json``.

Without it nobody could tell a mistyped confirm phrase, which says nothing of the cache, from evidence that was lost.
"""

import json
from pathlib import Path
from typing import Final

from gate import limits
from gate.errors import ForeignTextError, ForgedError
from gate.github.bundle import read_bundle
from gate.journal import make_folder, write_file
from gate.model.basics import EXIT_CODES, Word
from gate.parse.strict_json import as_count, as_flag, as_object, as_text, loads
from gate.render.escape import plain
from gate.render.view import SENTENCE_CHARS

RESULT: Final = "result.json"
SCHEMA: Final = "publication-gate/result/v1"
_FOLDER: Final = "refusal"


def write_refusal(work: Path, told: str) -> Path:
    """Write the result of a refused run, why it was refused in ``told``, below ``work``, and give the file's path.

    Raises `RefusedError` where the folder can't be made, `InconclusiveError` where the file can't be written.
    """
    folder = work / _FOLDER
    verdict = {"word": Word.REFUSED.value, "outcome": "fail", "exit_code": EXIT_CODES[Word.REFUSED], "blocks": True}
    result = {"schema": SCHEMA, "verdict": verdict, "evidence": None, "error": plain(told, SENTENCE_CHARS)}
    make_folder(folder)
    write_file(folder / RESULT, (json.dumps(result, sort_keys=True) + "\n").encode())
    return folder / RESULT


def is_refusal(data: bytes) -> bool:
    """Whether an artifact's zip is a refused run's result; False for one that holds anything else than that file.

    Raises `ForgedError` for a ``result.json`` alone that does not say, in every field, that its run was refused:
    then evidence is missing.
    """
    if len(data) > limits.RESULT_BYTES:
        return False
    try:
        files = read_bundle(data)
    except ForgedError:
        return False
    if set(files) != {RESULT}:
        return False
    try:
        told = _fields(files[RESULT])
    except ForeignTextError as error:
        message = f"{RESULT} alone is no result of ours: {error}"
        raise ForgedError(message) from None
    if told != (SCHEMA, Word.REFUSED.value, "fail", EXIT_CODES[Word.REFUSED], True, None):
        message = f"{RESULT} alone is taken only from a refused run: evidence is missing"
        raise ForgedError(message)
    return True


def _fields(data: bytes) -> tuple[object, ...]:
    result = as_object(loads(data, cap=limits.RESULT_BYTES, what=RESULT), RESULT)
    verdict = as_object(result.get("verdict"), "verdict")
    as_text(result.get("error"), "error")
    return (
        as_text(result.get("schema"), "schema"),
        as_text(verdict.get("word"), "verdict.word"),
        as_text(verdict.get("outcome"), "verdict.outcome"),
        as_count(verdict.get("exit_code"), "verdict.exit_code"),
        as_flag(verdict.get("blocks"), "verdict.blocks"),
        result.get("evidence", ""),
    )
