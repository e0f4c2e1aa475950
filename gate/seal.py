"""Fold, judge, render, manifest: a journal becomes sealed evidence. Verifying is sealing again in memory and comparing.

It believes nothing that is stored: it derives findings and verdict from the journal and the captures each time.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from gate import limits
from gate.errors import ForeignTextError, ForgedError, NotEvidenceError, RefusedError, UnsealedError
from gate.evidence.codec import canonical, digest, read_evidence
from gate.evidence.fold import Captures
from gate.evidence.split import fold_any, is_part
from gate.journal import NAME, write_file
from gate.journal_log import EVIDENCE, FINALIZED, PART, captures_of, hold, names, read_journal_log, read_whole, stream
from gate.judge.scope import boundary
from gate.judge.verdict import effect, judge
from gate.model.document import JUDGE_REVISION, SCHEMA, Evidence, Facts, ManifestEntry

REPORT: Final = "report.html"
SUMMARY: Final = "summary.md"
_FINALIZED_TEXT: Final = b"A person sealed this evidence with `publication-gate finalize`; the run itself did not.\n"


def seal(directory: Path) -> Evidence:
    """Seal a folder: write its renderings, then ``evidence.json``, the last by one rename.

    Raises `RefusedError` where there is no journal, `ForeignTextError` where it has no first record.
    """
    evidence, document, renderings = seal_in_memory(directory)
    for name, data in renderings.items():
        write_file(directory / name, data)
    write_file(directory / EVIDENCE, document)
    return evidence


def finalize(directory: Path) -> Evidence:
    """Seal what a dead run left; a run that still writes is refused, and what the run itself sealed is left as it is.

    The evidence says that a person sealed it: the run did not reach its end, where it would have given its verdict.
    """
    release = hold(directory)
    try:
        if EVIDENCE in names(directory):
            with suppress(RefusedError):
                return verify(directory)[0]
        for name in names(directory):
            if name.startswith(".") and name.endswith(".new"):
                (directory / name).unlink()
        write_file(directory / FINALIZED, _FINALIZED_TEXT)
        return seal(directory)
    finally:
        release()


def seal_in_memory(directory: Path) -> tuple[Evidence, bytes, Mapping[str, bytes]]:
    """The evidence of a folder, its canonical bytes and its renderings, from only the journal and the captures."""
    journal_log = read_journal_log(directory)
    captures = captures_of(directory)
    facts = fold_any(journal_log, captures)
    if FINALIZED in names(directory):
        facts = replace(facts, journal=replace(facts.journal, finalized=True))
    evidence = assemble(facts, _recorded(directory, captures))
    renderings = _render(evidence)
    listed = tuple(
        ManifestEntry(name=name, kind="rendering", bytes=len(data), sha256=sha256(data).hexdigest())
        for name, data in renderings.items()
    )
    whole = replace(evidence, manifest=(*evidence.manifest, *listed))
    return whole, canonical(Evidence, whole), renderings


def assemble(facts: Facts, manifest: tuple[ManifestEntry, ...]) -> Evidence:
    """Judge the facts and put the document together."""
    findings, verdict = judge(facts)
    fields = {name: getattr(facts, name) for name in facts.__dataclass_fields__}
    return Evidence(
        **fields,
        schema=SCHEMA,
        judge_revision=JUDGE_REVISION,
        findings=findings,
        verdict=verdict,
        quarantine=effect(facts, findings, verdict),
        boundary=boundary(facts),
        manifest=manifest,
    )


def _recorded(directory: Path, captures: Captures) -> tuple[ManifestEntry, ...]:
    rows = [_entry(directory, NAME, "journal")]
    rows += [_entry(directory, name, "mark") for name in names(directory) if name == FINALIZED]
    rows += [_entry(directory, name, "part" if is_part(name) else "capture") for name in sorted(captures)]
    return tuple(rows)


def _entry(directory: Path, name: str, kind: str) -> ManifestEntry:
    total = 0
    running = sha256()
    try:
        for block in stream(directory / name):
            total += len(block)
            running.update(block)
    except OSError as error:
        raise RefusedError(
            f"{directory / name} can't be read ({error.strerror}): give the folder as the run left it"
        ) from None
    return ManifestEntry(name=name, kind=kind, bytes=total, sha256=running.hexdigest())


def _render(evidence: Evidence) -> Mapping[str, bytes]:
    from gate.render import html, markdown  # noqa: PLC0415  # jinja2 is heavy

    return {REPORT: html.report(evidence).encode(), SUMMARY: markdown.summary(evidence).encode()}


def verify(directory: Path) -> tuple[Evidence, str]:
    """The evidence of a sealed folder and its digest, when every byte is what sealing again gives.

    Needs no network. Raises `NotEvidenceError` for a folder that is not a run's, `UnsealedError` for one without
    ``evidence.json``, `RefusedError` for what can't be read, and `ForgedError` with the first difference otherwise.
    """
    present = names(directory)
    if NAME in present and EVIDENCE not in present:
        message = f"{directory} was never sealed: run `publication-gate finalize {directory}`"
        if PART in present:
            message = f"{directory} is a part of a split run, and no evidence: `publication-gate judge` joins the parts"
        raise UnsealedError(message)
    if EVIDENCE not in present:
        raise NotEvidenceError(
            f"{directory} is no evidence folder: it has neither {NAME} nor {EVIDENCE}; give the folder of a run"
        )
    stored = read_whole(directory / EVIDENCE, limits.EVIDENCE_BYTES)
    try:
        evidence = read_evidence(stored)
        _check_folder(directory, evidence, present)
        _, again, renderings = seal_in_memory(directory)
    except ForeignTextError as error:
        raise ForgedError(f"{directory} is not genuine: {error}") from None
    for name, data in renderings.items():
        if read_whole(directory / name, len(data)) != data:
            raise ForgedError(f"{directory} is not genuine: {name} is not what its evidence renders to")
    if again != stored:
        raise ForgedError(f"{directory} is not genuine: {_difference(evidence, again)}")
    return evidence, digest(stored)


def _check_folder(directory: Path, evidence: Evidence, present: list[str]) -> None:
    listed = {row.name: row for row in evidence.manifest}
    for name in sorted({*listed, EVIDENCE} ^ set(present)):
        problem = "is listed in the manifest and missing" if name in listed else "is not listed in the manifest"
        raise ForeignTextError(f"{ascii(name)[:100]} {problem}")
    for name, row in listed.items():
        now = _entry(directory, name, row.kind)
        if (now.bytes, now.sha256) != (row.bytes, row.sha256):
            raise ForeignTextError(f"{name} has sha256 {now.sha256}, its manifest says {row.sha256}")


def _difference(stored: Evidence, again: bytes) -> str:
    rebuilt = read_evidence(again)
    for name in rebuilt.__dataclass_fields__:
        if getattr(stored, name) != getattr(rebuilt, name):
            if name == "verdict":
                return f"its verdict says {stored.verdict.word}, its records give {rebuilt.verdict.word}"
            return f"its {name} is not what its journal and captures give"
    return "its bytes are not what this version writes for it (RFC 8785 form): another version may have written it"
