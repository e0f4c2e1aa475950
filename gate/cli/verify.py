"""``verify`` and ``show``: reading what was sealed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from gate.cli.flags import Exchange
from gate.cli.outcome import RESULT_SCHEMA, Outcome
from gate.errors import (
    ForgedError,
    GateError,
    InconclusiveError,
    NotEvidenceError,
    RefusedError,
    UnsealedError,
)

if TYPE_CHECKING:
    from gate.model.document import Evidence


class _LeakError(RefusedError):
    """Evidence holds what looks like a credential."""


# The word before the sentence of an error, and the exit code of `verify`; the first that fits counts.
_ENDS: Final[tuple[tuple[type[Exception], str, int], ...]] = (
    (ForgedError, "NOT GENUINE", ForgedError.exit_code),
    (NotEvidenceError, "NOT EVIDENCE", InconclusiveError.exit_code),
    (_LeakError, "HOLDS A CREDENTIAL", RefusedError.exit_code),
    (UnsealedError, "NOT SEALED", UnsealedError.exit_code),
    (RefusedError, "NOT VERIFIED", RefusedError.exit_code),
    (GateError, "NOT VERIFIED", InconclusiveError.exit_code),
)


def verified(path: Path) -> tuple["Evidence", str]:
    """The evidence and its digest of a sealed folder, or of an artifact's zip as it was downloaded.

    Raises as `gate.seal.verify` does, and `NotEvidenceError` for a zip without evidence.
    """
    from gate.seal import verify

    with _folder_of(path) as folder:
        return verify(folder)


@contextmanager
def _folder_of(path: Path) -> Iterator[Path]:
    """The folder itself, or a folder with a zip's members for the time of its use; errors name what was given."""
    from gate import limits
    from gate.github.artifact_zip import unpack
    from gate.github.step_state import REFUSAL_FILE
    from gate.journal_log import names, read_whole

    if not path.is_file():
        yield path
        return
    with TemporaryDirectory(prefix="publication-gate-") as scratch:
        folder = Path(scratch) / "evidence"
        try:
            unpack(read_whole(path, limits.BUNDLE_BYTES), folder)
        except ForgedError as error:
            raise NotEvidenceError(
                f"{path} is no evidence zip ({error}): give the artifact's zip as it was downloaded, or a folder"
            ) from None
        if names(folder) == [REFUSAL_FILE]:
            raise NotEvidenceError(
                f"{path} is the result of a refused run, which leaves no evidence: see its {REFUSAL_FILE}"
            )
        try:
            yield folder
        except GateError as error:
            error.args = (str(error).replace(str(folder), str(path)),)
            raise


def verify_folders(paths: Sequence[Path]) -> Outcome:
    """Verify each folder or zip; the worst exit code counts: 2, then 3, then 0."""
    from gate.audit.folder import is_audit, load_audit
    from gate.limits import ERROR_TEXT_CHARS
    from gate.render.escape import plain, runner_safe
    from gate.seal import verify

    if not paths:
        raise RefusedError("verify needs a folder or an artifact's zip: give the evidence of a run")
    lines: list[str] = []
    rows: list[dict[str, object]] = []
    codes: list[int] = []
    for path in paths:
        try:
            with _folder_of(path) as folder:
                if is_audit(folder):
                    document = load_audit(folder)
                    codes.append(0)
                    name = document.result.verdict.value
                    lines.append(f"genuine  {path}  verdict {name}  result_digest {document.result_digest}")
                    rows.append({"evidence": str(path), "genuine": True, "result": "genuine", "error": None})
                    continue
                evidence, digest = verify(folder)
                _refuse_secrets(folder, [row.name for row in evidence.manifest])
        except GateError as error:
            word, code = next((word, code) for kind, word, code in _ENDS if isinstance(error, kind))
            codes.append(code)
            lines.append(plain(f"{word}: {error}", ERROR_TEXT_CHARS))
            rows.append({"evidence": str(path), "genuine": False, "result": word.lower(), "error": str(error)})
        else:
            codes.append(0)
            lines.append(f"genuine  {path}  verdict {evidence.verdict.word.value}  sha256 {digest}")
            verdict = evidence.verdict
            rows.append(
                {
                    "evidence": str(path),
                    "genuine": True,
                    "result": "genuine",
                    "evidence_digest": digest,
                    "verdict": {"word": verdict.word.value, "outcome": verdict.outcome, "exit_code": verdict.exit_code},
                    "error": None,
                }
            )
    code = min((code for code in codes if code), default=0)
    return Outcome(
        exit_code=code,
        text=runner_safe("\n".join(lines)) + "\n",
        data={"schema": RESULT_SCHEMA, "verified": rows, "exit_code": code},
    )


def _refuse_secrets(folder: Path, names: Sequence[str]) -> None:
    """Redaction is the first line; a stranger's credential in a log is known to nobody but its shape."""
    from gate.journal_log import stream
    from gate.parse.text import leak_in

    for name in names:
        leak = leak_in(stream(folder / name))
        if leak:
            raise _LeakError(
                f"{folder} holds what looks like {leak} in {name}: rotate it, and delete every copy of this evidence"
            )


def exchanged(path: Path, form: Exchange) -> Outcome:
    """The findings of a genuine folder or zip in a form that other tools read; exit code 0 whatever its verdict."""
    from gate.render import exchange

    evidence, _ = verified(path)
    document = exchange.junit(evidence) if form == "junit" else exchange.sarif(evidence)
    return Outcome(exit_code=0, text=document, markdown=document)


def show_folder(path: Path, *, full: bool = False) -> Outcome:
    """The summary of a genuine folder or zip, on a screen or in full; exit code 0 whatever its verdict."""
    from gate.audit.folder import is_audit, load_audit

    if is_audit(path):
        from gate.cli.audit import audit_outcome

        return replace(audit_outcome(load_audit(path), path, full=full), exit_code=0)
    return replace(Outcome.of_evidence(verified(path)[0], path, full=full), exit_code=0)
