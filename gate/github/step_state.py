"""What the probe step leaves for the finishing step, and what a refused run leaves for the reader."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gate import limits
from gate.errors import ForeignTextError, ForgedError, GateError, RefusedError
from gate.evidence.codec import adapter
from gate.github.artifact_zip import read_bundle
from gate.github.context import RESULT, START_MARKER
from gate.journal import make_folder, write_file
from gate.journal_log import read_whole
from gate.judge.admission import word_of
from gate.judge.codes.decisions import BY_DECISION
from gate.model.basics import EXIT_CODES, VerdictWord
from gate.model.gating import Answer
from gate.parse.strict_json import as_count, as_flag, as_object, as_text, loads
from gate.render.escape import plain
from gate.render.view import SENTENCE_CHARS

REFUSAL_FILE: Final = "result.json"
SCHEMA: Final = "publication-gate/result/v1"
_FOLDER: Final = "refusal"
_ANSWER_FIELDS: Final = ("headline", "commands", "reliance", "conditions", "owners", "newest_run")
_REASON_FIELDS: Final = ("code", "title", "detail")


def write_refusal(work: Path, sentence: str) -> Path:
    """Write the result of a refused run, why it was refused in ``sentence``, below ``work``, and give the file's path.

    Raises `RefusedError` where the folder can't be made, `InconclusiveError` where the file can't be written.
    """
    folder = work / _FOLDER
    verdict = {
        "word": VerdictWord.REFUSED.value,
        "outcome": "fail",
        "exit_code": EXIT_CODES[VerdictWord.REFUSED],
        "blocks": True,
    }
    result = {"schema": SCHEMA, "verdict": verdict, "evidence": None, "error": plain(sentence, SENTENCE_CHARS)}
    make_folder(folder)
    write_file(folder / REFUSAL_FILE, (json.dumps(result, sort_keys=True) + "\n").encode())
    return folder / REFUSAL_FILE


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
    if set(files) != {REFUSAL_FILE}:
        return False
    try:
        fields = _fields(files[REFUSAL_FILE])
    except ForeignTextError as error:
        raise ForgedError(f"{REFUSAL_FILE} alone is no result of ours: {error}") from None
    if fields != (SCHEMA, VerdictWord.REFUSED.value, "fail", EXIT_CODES[VerdictWord.REFUSED], True, None):
        raise ForgedError(f"{REFUSAL_FILE} alone is taken only from a refused run: evidence is missing")
    return True


def _fields(data: bytes) -> tuple[object, ...]:
    result = as_object(loads(data, cap=limits.RESULT_BYTES, what=REFUSAL_FILE), REFUSAL_FILE)
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


@dataclass(frozen=True, kw_only=True)
class StepState:
    """How the probe ended, as its step reported it; without evidence ``digest`` is None and ``error`` says why."""

    word: VerdictWord
    digest: str | None
    error: str


def say_begun(work: Path, evidence: Path) -> None:
    """Leave word that the evidence folder will be this run's own; raises `RefusedError` when the name is taken."""
    if evidence.exists() or evidence.is_symlink():
        raise RefusedError(f"the evidence folder {evidence} exists and is left untouched: give evidence-dir a new one")
    write_file(work / START_MARKER, b"")


def say_ended(work: Path, result: Mapping[str, Any]) -> None:
    """Leave word of how the run ended: the JSON of a command's result."""
    write_file(work / RESULT, json.dumps(result, sort_keys=True).encode())


def was_begun(work: Path) -> bool:
    """Whether the probe step got as far as making the evidence folder."""
    return (work / START_MARKER).is_file()


def what_was_told(work: Path) -> StepState | None:
    """The probe step's own account; None when it left none, or none that can be read."""
    try:
        result = _result(work)
        word = VerdictWord(result["verdict"]["word"])
        digest = result.get("evidence_digest")
        error = result.get("error")
    except (GateError, ForeignTextError, KeyError, TypeError, ValueError, AttributeError):
        return None
    return StepState(
        word=word,
        digest=digest if isinstance(digest, str) else None,
        error=error if isinstance(error, str) else "",
    )


def what_was_answered(work: Path) -> Answer | None:
    """The run step's own answer in mode require; None when it left none, or none in order.

    Not in order is what has another form or an unknown code, and what blocks by one of its fields or reasons but not by
    another.
    An error has its sentence as headline and no reason, and never says pass.
    """
    try:
        result = _result(work)
        verdict = result["verdict"]
        word, blocks = VerdictWord(verdict["word"]), verdict["blocks"]
        code = as_count(verdict["exit_code"], "exit_code")
        if code != EXIT_CODES[word] or blocks is not (word is not VerdictWord.PASS):
            return None
        if result["error"] is not None:
            error = as_text(result["error"], "The result's error")
            return None if word is VerdictWord.PASS else Answer(word=word, headline=error)
        fields = {name: result[name] for name in _ANSWER_FIELDS}
        fields["reasons"] = [{name: row[name] for name in _REASON_FIELDS} for row in result["reasons"]]
        fields |= {"word": word.value, "under_break_glass": result["break_glass"]}
        answer = adapter(Answer).validate_json(json.dumps(fields), strict=True)
    except (GateError, KeyError, TypeError, ValueError, AttributeError):
        return None
    if not all(row.code in BY_DECISION for row in answer.reasons):
        return None
    passes = bool(answer.reasons) and word_of(answer.reasons) is VerdictWord.PASS
    return answer if passes or word is not VerdictWord.PASS else None


def _result(work: Path) -> Any:  # noqa: ANN401  # whatever JSON the run step left
    return loads(read_whole(work / RESULT, limits.RESULT_BYTES), cap=limits.RESULT_BYTES, what="The result")
