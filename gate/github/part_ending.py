"""With what the action ends in a job that makes one part of a split run: no verdict, only whether the part is whole."""

from pathlib import Path

from gate.github.ending import SUCCESS
from gate.github.outputs import UPLOAD_PATH
from gate.model.basics import EXIT_CODES, Word
from gate.render import view
from gate.render.escape import plain, runner_safe


def part_values(
    *, code: int, step: str, told: str, folder: Path | None, digest: str | None, artifact: str
) -> dict[str, str]:
    """The action's outputs for a part. It never says pass: ``verdict`` and ``outcome`` are those of no evidence.

    ``code`` is the part's own, and a 0 is taken only when its ``step`` ended well. ``digest`` is for the outputs of the
    job: the judging job holds the part's files to it.
    """
    taken = EXIT_CODES[Word.INCONCLUSIVE] if code == 0 and step != SUCCESS else code
    return {
        "verdict": Word.INCONCLUSIVE.value,
        "outcome": "fail",
        "exit-code": str(taken),
        "evidence-path": str(folder) if folder is not None else "",
        "evidence-digest": digest or "",
        "artifact-name": artifact if folder is not None else "",
        UPLOAD_PATH: str(folder) if folder is not None else "",
        "failed-paths": "[]",
        "summary": runner_safe(plain(told, view.SENTENCE_CHARS)),
    }


def part_summary(told: str) -> str:
    """The step summary of a part: a sentence, and that there is no verdict yet."""
    return runner_safe(f"> [!NOTE]\n> {plain(told, view.SENTENCE_CHARS)} This is a part of a run, and no verdict.\n")
