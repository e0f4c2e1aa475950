"""What the runner reads of a step: outputs, step summary, annotations. Foreign text gets there only when escaped.

Formats: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands. ``GITHUB_ENV`` and
``GITHUB_PATH`` are never written.
"""

import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Final

from gate import limits
from gate.errors import RefusedError
from gate.github.conclusion import SUCCESS, Conclusion
from gate.model.basics import EXIT_CODES, Status, VerdictWord
from gate.model.document import Evidence
from gate.render import markdown, view
from gate.render.answer import answer_markdown, reason_annotations
from gate.render.escape import markdown_cell, plain, runner_safe
from gate.seal import REPORT

OUTPUTS: Final = (
    "verdict",
    "outcome",
    "exit-code",
    "evidence-path",
    "evidence-digest",
    "artifact-name",
    "failed-paths",
    "codes",
    "cause",
    "run-url",
    "report-path",
    "summary",
)
UPLOAD_PATH: Final = "upload-path"  # for the action's own next step, no output of the action
_LEVELS: Final = ((Status.FAIL, "error"), (Status.INCONCLUSIVE, "warning"))
# A command's data ends with its line, a property at a comma or colon (toolkit command.ts, escapeData and
# escapeProperty; actions/runner ActionCommand.cs _escapeDataMappings).
_DATA: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})


def output_values(
    ending: Conclusion, artifact: str, *, run_url: str = "", refusal: Path | None = None
) -> dict[str, str]:
    """Every output but the artifact's address, by name; none has more than one line.

    What is uploaded is the evidence folder, or else the ``refusal``: the file that a refused run leaves. ``run_url`` is
    this run's page; an answer of mode require names the newest probe's instead.
    """
    upload = ending.folder or refusal
    if ending.answer is not None:
        run_url = ending.answer.newest_run.url if ending.answer.newest_run is not None else ""
    codes = [plain(code, view.NAME_CHARS) for code in ending.codes]
    report = ending.folder / REPORT if ending.folder is not None else None
    return {
        "verdict": "break-glass" if ending.under_break_glass else ending.word.value,
        "outcome": ending.outcome,
        "exit-code": str(ending.exit_code),
        "evidence-path": str(ending.folder) if ending.folder else "",
        "evidence-digest": ending.digest or "",
        "artifact-name": artifact if upload else "",
        UPLOAD_PATH: str(upload) if upload else "",
        "failed-paths": json.dumps(ending.failed_paths[: limits.OUTPUT_PATHS]),
        "codes": " ".join(codes),
        "cause": codes[0] if codes else "",
        "run-url": plain(run_url, limits.ANNOTATION_CHARS),
        "report-path": str(report) if report is not None and report.is_file() else "",
        "summary": runner_safe(_headline(ending)),
    }


def output_file(values: Mapping[str, str], delimiter: str) -> bytes:
    """The lines of ``GITHUB_OUTPUT``. ``delimiter`` is random: a value that held it could set other outputs.

    Raises `RefusedError` for a value that does hold it.
    """
    for name, value in values.items():
        if delimiter in value:
            raise RefusedError(
                f"the output {name} holds the delimiter of this step: nothing was written; run the action again"
            )
    return "".join(f"{name}<<{delimiter}\n{value}\n{delimiter}\n" for name, value in values.items()).encode(
        "utf-8",
        "surrogateescape",  # a path may hold bytes that are not UTF-8
    )


def step_summary(ending: Conclusion) -> str:
    """The step summary: the answer's or the evidence's own, and above it why its verdict is not taken, if so."""
    if ending.answer is not None and ending.answer.reasons:
        return _shorter(answer_markdown(ending.answer), limits.SUMMARY_BYTES)
    own = runner_safe(f"> [!{_alert(ending)}]\n> **{markdown_cell(_headline(ending), view.SENTENCE_CHARS)}**\n\n")
    if ending.evidence is None:
        return own
    if ending.note:
        return own + _shorter(markdown.summary(ending.evidence), limits.SUMMARY_BYTES - len(own.encode()))
    return markdown.summary(ending.evidence)


def annotations(ending: Conclusion) -> Iterator[str]:
    """The annotations, worst first, at most `limits.ANNOTATIONS` of a level: the runner drops what is more."""
    level = "notice" if ending.outcome == "pass" else "error"
    yield _command(
        level, "Trusted Publication Probe" if ending.answer is None else "Trusted publication", _headline(ending)
    )
    allowed = {"error": limits.ANNOTATIONS - (level == "error"), "warning": limits.ANNOTATIONS}
    for status, each in _LEVELS:
        for title, message in _groups(ending.evidence, status):
            if allowed[each] > 0:
                allowed[each] -= 1
                yield _command(each, title, message)
    answer = ending.answer
    if answer is None or level == "notice":
        return
    reliance = answer.reliance
    if reliance is not None and reliance.path is not None:
        # A notice on the guarded line of the change: nothing is wrong with it.
        yield _command("notice", "Why this change is asked", reliance.detail, path=reliance.path, line=reliance.line)
    for title, message in islice(reason_annotations(answer), allowed["error"]):
        yield _command(level, title, message)


def masks(secrets: Iterable[str]) -> Iterator[str]:
    """The commands by which the runner leaves these values out of every log from then on, each once.

    A value of several lines is masked line by line too: a log is read by lines. Pieces of under `limits.MASKED_CHARS`
    characters are not masked: every log would be full of stars.
    """
    pieces: dict[str, None] = {}
    for secret in secrets:
        for piece in (secret.strip(), *secret.splitlines()):
            if len(piece.strip()) >= limits.MASKED_CHARS:
                pieces[piece.strip()] = None
    for piece in pieces:
        yield f"::add-mask::{piece.translate(_DATA)}"


def append(path: Path, data: bytes) -> None:
    """Append to a file of the runner's; raises `RefusedError` where it can't be written or is not a regular file.

    A link could lead into the evidence, and a pipe that nobody reads would be waited for.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        with os.fdopen(handle, "ab") as stream:
            regular = stat.S_ISREG(os.fstat(handle).st_mode)
            if regular:
                stream.write(data)
    except OSError as error:
        raise RefusedError(
            f"{path} can't be written ({error.strerror}): the runner's own files must be writable"
        ) from None
    if not regular:
        raise RefusedError(f"{path} can't be written: it is no regular file, as the runner's own are")


def _headline(ending: Conclusion) -> str:
    """The verdict's word and the headline; an answer's own headline begins with its word for people."""
    answered = ending.answer is not None and ending.answer.reasons
    return plain(ending.headline if answered else f"{ending.word.upper()}: {ending.headline}", view.SENTENCE_CHARS)


def _alert(ending: Conclusion) -> str:
    if ending.outcome == "pass":
        return "NOTE"
    return "CAUTION" if ending.word is VerdictWord.QUARANTINE or ending.under_break_glass else "WARNING"


def _groups(evidence: Evidence | None, status: Status) -> Iterator[tuple[str, str]]:
    """Title and text for the findings of one status; a run that failed gives no advice on what is unknown."""
    if evidence is None:
        return
    for group in view.groups(evidence, status):
        first = group.findings[0]
        more = f" (and {len(group.findings) - 1} more)" if len(group.findings) > 1 else ""
        because = f"; follows from {group.because}" if group.because else ""
        remedy = f"; {group.remedy}" if view.advises(evidence, group) else ""
        yield group.code, f"{first.subject} [{first.phase}]{more}: {first.summary}{because}{remedy}"


def _command(level: str, title: str, message: str, *, path: str | None = None, line: int | None = None) -> str:
    """One workflow command. The data is neutralised as well: it stays harmless where a tool shows it as a line."""
    data = runner_safe(plain(message, limits.ANNOTATION_CHARS)).translate(_DATA)
    properties = {"file": path, "line": str(line) if line else None, "title": title}
    texts = {
        name: plain(text, view.NAME_CHARS).translate(_DATA) for name, text in properties.items() if text is not None
    }
    listed = ",".join(f"{name}={text.replace(':', '%3A').replace(',', '%2C')}" for name, text in texts.items())
    return f"::{level} {listed}::{data}"


def _shorter(text: str, size: int) -> str:
    """Whole lines of a text, at most ``size`` bytes of UTF-8."""
    data = text.encode()
    return text if len(data) <= size else data[:size].rpartition(b"\n")[0].decode() + "\n"


def part_values(
    *, code: int, step: str, sentence: str, folder: Path | None, digest: str | None, artifact: str
) -> dict[str, str]:
    """The action's outputs for a part. It never says pass: ``verdict`` and ``outcome`` are those of no evidence.

    ``code`` is the part's own, and a 0 is taken only when its ``step`` ended well. ``digest`` is for the outputs of the
    job: the judging job holds the part's files to it.
    """
    exit_code = EXIT_CODES[VerdictWord.INCONCLUSIVE] if code == 0 and step != SUCCESS else code
    return {
        "verdict": VerdictWord.INCONCLUSIVE.value,
        "outcome": "fail",
        "exit-code": str(exit_code),
        "evidence-path": str(folder) if folder is not None else "",
        "evidence-digest": digest or "",
        "artifact-name": artifact if folder is not None else "",
        UPLOAD_PATH: str(folder) if folder is not None else "",
        "failed-paths": "[]",
        "codes": "",
        "cause": "",
        "run-url": "",
        "report-path": "",
        "summary": runner_safe(plain(sentence, view.SENTENCE_CHARS)),
    }


def part_summary(sentence: str) -> str:
    """The step summary of a part: a sentence, and that there is no verdict yet."""
    return runner_safe(
        f"> [!NOTE]\n> {plain(sentence, view.SENTENCE_CHARS)} This is a part of a run, and no verdict.\n"
    )
