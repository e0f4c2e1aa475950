"""``verify``, ``show`` and ``explain``: reading what was sealed."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from gate.cli.outcome import RESULT_SCHEMA, Outcome
from gate.errors import GateError, RefusedError
from gate.judge.codes.decisions import BY_DECISION, DecisionCode
from gate.judge.codes.registry import BY_CODE


def verify_folders(folders: Sequence[Path]) -> Outcome:
    """Verify each folder; the worst exit code counts: not genuine before not sealed before genuine."""
    from gate.seal import verify

    if not folders:
        raise RefusedError("verify needs a folder: give the evidence folder of a run")
    lines: list[str] = []
    rows: list[dict[str, object]] = []
    codes: list[int] = []
    for folder in folders:
        try:
            evidence, digest = verify(folder)
            _refuse_secrets(folder, [row.name for row in evidence.manifest])
        except GateError as error:
            codes.append(error.exit_code)
            lines.append(
                f"NOT GENUINE  {error}" if error.exit_code == RefusedError.exit_code else f"NOT SEALED  {error}"
            )
            rows.append({"evidence": str(folder), "genuine": False, "error": str(error)})
        else:
            codes.append(0)
            lines.append(f"genuine  {folder}  verdict {evidence.verdict.word.value}  sha256 {digest}")
            verdict = evidence.verdict
            rows.append(
                {
                    "evidence": str(folder),
                    "genuine": True,
                    "evidence_digest": digest,
                    "verdict": {"word": verdict.word.value, "outcome": verdict.outcome, "exit_code": verdict.exit_code},
                    "error": None,
                }
            )
    code = min((code for code in codes if code), default=0)
    return Outcome(
        exit_code=code,
        text="\n".join(lines) + "\n",
        data={"schema": RESULT_SCHEMA, "verified": rows, "exit_code": code},
    )


def _refuse_secrets(folder: Path, names: Sequence[str]) -> None:
    """Redaction is the first line; a stranger's credential in a log is known to nobody but its shape."""
    from gate.journal_log import stream
    from gate.parse.text import leak_in

    for name in names:
        leak = leak_in(stream(folder / name))
        if leak:
            raise RefusedError(
                f"{folder} holds what looks like {leak} in {name}: rotate it, and delete every copy of this evidence"
            )


def show_folder(folder: Path) -> Outcome:
    """The summary of a genuine folder; exit code 0 whatever its verdict."""
    from dataclasses import replace

    from gate.seal import verify

    evidence, _ = verify(folder)
    return replace(Outcome.of_evidence(evidence, folder), exit_code=0)


def explain_code(code: str) -> Outcome:
    """A reason code in words."""
    row = BY_CODE.get(code)
    if row is None and code in BY_DECISION:
        return _explain_decision(BY_DECISION[code])
    if row is None:
        near = get_close_matches(code, [*BY_CODE, *BY_DECISION], n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        raise RefusedError(
            f"reason code {code[:80]!r} is not known{meant}: docs/reason-codes.md and docs/required-check.md list them"
        )
    statuses = ", ".join(status.value for status in row.statuses)
    text = f"{row.code} ({statuses})\n  why: {row.why}\n  what to do: {row.remedy}\n"
    data = {
        "code": row.code,
        "statuses": [status.value for status in row.statuses],
        "why": row.why,
        "remedy": row.remedy,
    }
    return Outcome(exit_code=0, text=text, data=data)


def _explain_decision(row: DecisionCode) -> Outcome:
    text = f"{row.code} ({row.word.value})\n  why: {row.why}\n  what to do: {row.remedy}\n"
    data = {"code": row.code, "statuses": [row.word.value], "why": row.why, "remedy": row.remedy}
    return Outcome(exit_code=0, text=text, data=data)
