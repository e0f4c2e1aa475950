"""What a command ends with: an exit code, a text, and the same as JSON. JSON comes on failure too."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gate.cli.flags import VERBOSITY, Format
from gate.cli.terminal import complain, present, records
from gate.errors import GateError, InconclusiveError, RefusedError

if TYPE_CHECKING:
    from gate.model.document import Evidence

RESULT_SCHEMA = "publication-gate/result/v1"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of a command. ``text`` and ``markdown`` are for stdout, ``data`` is its JSON."""

    exit_code: int
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
    markdown: str | None = None

    @classmethod
    def of_evidence(cls, evidence: "Evidence", folder: Path, *, full: bool = False) -> "Outcome":
        """The outcome of a sealed run: its summary, whole where it is a capture's, and its verdict's exit code."""
        from gate.evidence.codec import adapter, canonical, digest
        from gate.model.document import Evidence, Verdict
        from gate.render import markdown, text

        return cls(
            exit_code=evidence.verdict.exit_code,
            text=(text.summary if full or evidence.capture else text.short)(evidence, directory=str(folder)),
            markdown=markdown.summary(evidence),
            data={
                "schema": RESULT_SCHEMA,
                "verdict": adapter(Verdict).dump_python(evidence.verdict, mode="json"),
                "evidence": str(folder),
                "evidence_digest": digest(canonical(Evidence, evidence)),
                "error": None,
            },
        )

    @classmethod
    def of_error(cls, error: GateError) -> "Outcome":
        """The outcome of a run that gave no evidence: one sentence, and the JSON of a verdict all the same."""
        word = "refused" if error.exit_code == RefusedError.exit_code else "inconclusive"
        verdict = blocking_verdict(word, error.exit_code)
        return cls(
            exit_code=error.exit_code,
            text="",
            data={"schema": RESULT_SCHEMA, "verdict": verdict, "evidence": None, "error": str(error)},
        )


def blocking_verdict(word: str, exit_code: int) -> dict[str, Any]:
    """The JSON of a verdict that is no pass and has no evidence behind it."""
    return {"word": word, "outcome": "fail", "exit_code": exit_code, "blocks": True}


def report(
    make: Callable[[], Outcome], *, format: Format, json_into: Path | None, quiet: bool = False, verbose: bool = False
) -> int:
    """Run a command, write its result, and give its exit code."""
    if quiet and verbose:
        raise RefusedError("--quiet and --verbose exclude each other: give one of them; nothing was done")
    VERBOSITY.set("quiet" if quiet else "verbose" if verbose else "normal")
    try:
        outcome = make()
    except GateError as error:
        _write(Outcome.of_error(error), format, json_into)
        raise
    written = _write(outcome, format, json_into)
    return outcome.exit_code if written or outcome.exit_code else InconclusiveError.exit_code


def _write(outcome: Outcome, format: Format, json_into: Path | None) -> bool:
    """Write the result where it was asked for; False when the file could not be written, so a pass is not one."""
    needs_json = format == "json" or json_into is not None
    document = _json(outcome.data) if needs_json else ""
    if format == "json":
        records(document)
    elif format == "text":
        present(outcome.text, os.environ)
    else:
        records(outcome.markdown if outcome.markdown is not None else outcome.text)
    if json_into is not None:
        try:
            json_into.write_text(document, encoding="utf-8")
        except OSError as error:
            complain(f"--json-into {json_into} can't be written ({error.strerror}): give a writable place")
            return False
    return True


def _json(data: Mapping[str, Any]) -> str:
    """The value as JSON without a runner's command: ``##[`` counts anywhere in a line (ActionCommand.cs:132)."""
    return json.dumps(data, indent=2, sort_keys=True).replace("##[", "\\u0023#[") + "\n"
