"""A split run's folders: each part sealed and verified, and all parts joined into one evidence folder."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from gate import limits
from gate.errors import ForeignTextError, ForgedError, GateError, InconclusiveError, RefusedError, UnsealedError
from gate.evidence.codec import read_part
from gate.evidence.journal_reader import JournalLog
from gate.evidence.split import JOURNAL, journal_name, part_bytes, part_document, policy_digest, run_differences
from gate.journal import NAME, Journal, make_folder, write_file
from gate.journal_log import PART, captures_of, hold, names, read_journal_log, read_whole, stream
from gate.model.document import Evidence, ManifestEntry, PartDocument
from gate.model.policy import SECRET_SETTINGS, Identity
from gate.model.records import RunComplete, RunStarted, Trouble
from gate.model.split import PARTS, PRE, PartBegun, PartJoined, PartName, PartRejected, Rejection
from gate.probe.identify import identity
from gate.probe.world import World
from gate.seal import seal
from gate.settings import Settings


@dataclass(frozen=True, kw_only=True)
class SealedPart:
    """A part as its folder has it: ``digest`` is the sha256, in hex, of ``part.json``."""

    folder: Path
    document: PartDocument
    digest: str
    journal_log: JournalLog


def is_part_folder(directory: Path) -> bool:
    """Whether a folder is that of a part, sealed or not; raises `RefusedError` where there is no journal."""
    return any(isinstance(entry.record, PartBegun) for entry in read_journal_log(directory).entries[:2])


def claimed_part(directory: Path) -> PartName | None:
    """Which part a folder says that it is, unchecked; None where that can't be read."""
    try:
        return read_part(read_whole(directory / PART, limits.PART_BYTES)).part
    except GateError:
        return None


def seal_part(directory: Path) -> SealedPart:
    """Write ``part.json``. Raises `ForeignTextError` where the journal is no part's."""
    result = _remade(directory)
    write_file(directory / PART, part_bytes(result.document))
    return result


def finalize_part(directory: Path) -> SealedPart:
    """Seal what a job that died has left; one that still writes is refused."""
    release = hold(directory)
    try:
        for name in names(directory):
            if name.startswith(".") and name.endswith(".new"):
                (directory / name).unlink()
        return seal_part(directory)
    finally:
        release()


def verify_part(directory: Path, text: str | None = None) -> SealedPart:
    """A sealed part, when every byte is what its own records give, and its digest what its job ``told``.

    Raises `UnsealedError` without a ``part.json``, `ForgedError` with the first difference otherwise.
    """
    present = names(directory)
    if PART not in present:
        raise UnsealedError(f"{directory} was never sealed as a part: run `publication-gate finalize {directory}`")
    stored = read_whole(directory / PART, limits.PART_BYTES)
    digest = sha256(stored).hexdigest()
    if text is not None and text != digest:
        raise ForgedError(f"{directory} is not genuine: its digest is {digest}, its own job told {text[:64]}")
    try:
        document = read_part(stored)
        result = _remade(directory)
    except ForeignTextError as error:
        raise ForgedError(f"{directory} is not genuine: {error}") from None
    listed = {row.name for row in document.manifest}
    strange = sorted({*listed, PART} ^ set(present))
    if strange or part_bytes(result.document) != stored:
        what = (
            f"{ascii(strange[0])[:100]} is there or listed, and not both" if strange else _differing(document, result)
        )
        raise ForgedError(f"{directory} is not genuine: {what}")
    return result


def _remade(directory: Path) -> SealedPart:
    journal_log = read_journal_log(directory)
    document = part_document(journal_log, _manifest(directory))
    digest = sha256(part_bytes(document)).hexdigest()
    return SealedPart(folder=directory, document=document, digest=digest, journal_log=journal_log)


def _manifest(directory: Path) -> Sequence[ManifestEntry]:
    files = [(NAME, "journal"), *((name, "capture") for name in sorted(captures_of(directory)))]
    rows = []
    for name, kind in files:
        running, size = sha256(), 0
        for block in stream(directory / name):
            running.update(block)
            size += len(block)
        rows.append(ManifestEntry(name=name, kind=kind, bytes=size, sha256=running.hexdigest()))
    return rows


def _differing(stored: PartDocument, result: SealedPart) -> str:
    for name in stored.__dataclass_fields__:
        if getattr(stored, name) != getattr(result.document, name):
            return f"its {name} is not what its journal and captures give"
    return "part.json is not in RFC 8785 form"


DOUBLED: Final = "part-doubled"
FOREIGN: Final = "part-foreign"
TAMPERED: Final = "part-tampered"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class _Read:
    """What came of the folders that were given."""

    accepted: list[SealedPart]
    rejected: list[PartRejected]
    troubles: list[Trouble]


def join(
    settings: Settings, folders: Sequence[Path], text: Mapping[str, str], directory: Path, world: World
) -> tuple[Evidence, tuple[str, ...]]:
    """Join the parts into the new folder ``directory`` and seal it; a sentence for each folder that was refused.

    ``told`` has the digests that the parts' jobs handed on by another way, by the names of the parts. Raises
    `RefusedError` before anything is written when a secret is held, no folder was given, or ``directory`` exists.
    """
    _refuse_secrets(settings)
    _refuse_odd_digests(text)
    if not folders:
        raise RefusedError("no part was given: give the folders of the parts pre, publish, during and post")
    read = _read_all(folders, text)
    start = RunStarted(run=_identity(read.accepted, world), policy=settings.policy, tools=settings.tools)
    for part in list(read.accepted):
        wrong = list(run_differences(start.run, part.document.run))
        if part.document.policy != policy_digest(start.policy):
            wrong.append("its policy is another one: settings differ between the jobs")
        if wrong:
            read.accepted.remove(part)
            read.rejected.append(_rejected(part, FOREIGN, "; ".join(wrong)))
    _write(directory, world, start, read, text)
    refused = tuple(f"{row.code}: {row.reason}" for row in read.rejected if row.code != DOUBLED)
    return seal(directory), refused


def _read_all(folders: Sequence[Path], text: Mapping[str, str]) -> _Read:
    """Every folder as a part, or why it is not one."""
    parts: list[SealedPart] = []
    rejected: list[PartRejected] = []
    troubles: list[Trouble] = []
    for folder in folders:
        if not folder.exists():  # its job left nothing that could be fetched
            troubles.append(Trouble(stage="judge", message=f"{folder} is not there"))
            continue
        try:
            part = verify_part(folder)
        except UnsealedError as error:
            troubles.append(Trouble(stage="judge", message=str(error)))
        except GateError as error:
            rejected.append(PartRejected(part=claimed_part(folder), digest=None, code=TAMPERED, reason=str(error)))
        else:
            parts.append(part)
    kinds = [part.document.part for part in parts]
    for part in list(parts):
        kind = part.document.part
        if kinds.count(kind) > 1:
            parts.remove(part)
            rejected.append(_rejected(part, DOUBLED, f"{kinds.count(kind)} parts {kind} were given"))
        elif text.get(kind, part.digest) != part.digest:
            parts.remove(part)
            reason = f"its digest is {part.digest}, its own job told {text[kind]}"
            rejected.append(_rejected(part, TAMPERED, reason))
    return _Read(accepted=parts, rejected=rejected, troubles=troubles)


def _rejected(part: SealedPart, code: Rejection, reason: str) -> PartRejected:
    return PartRejected(part=part.document.part, digest=part.digest, code=code, reason=reason)


def _identity(parts: Sequence[SealedPart], world: World) -> Identity:
    """This job's own identity, with the nonce of ``pre`` and the versions of the tools that published."""
    by_name = {part.document.part: part.document.run for part in parts}
    first = by_name.get(PRE) or next(iter(by_name.values()), None)
    nonce = first.nonce if first is not None else world.nonce
    publishing = by_name.get("publish")
    return identity(replace(world, nonce=nonce), publishing.versions if publishing is not None else {})


def _write(directory: Path, world: World, start: RunStarted, read: _Read, text: Mapping[str, str]) -> None:
    """The joined folder: each part's files first, then the journal that names them."""
    make_folder(directory)
    for part in read.accepted:
        _copy(part, directory)
    journal = Journal(directory, world.clock)
    try:
        journal.write(start)
        for trouble in read.troubles:
            journal.write(trouble)
        for rejected in read.rejected:
            journal.write(rejected)
        for part in sorted(read.accepted, key=lambda part: PARTS.index(part.document.part)):
            journal.write(
                PartJoined(
                    part=part.document.part,
                    digest=part.digest,
                    job_digest=text.get(part.document.part),
                    document=part_bytes(part.document).decode(),
                )
            )
        journal.write(RunComplete())
    finally:
        journal.close()


def _copy(part: SealedPart, directory: Path) -> None:
    """The part's files as they were verified; raises `InconclusiveError` when one has changed since, or has no room."""
    for row in part.document.manifest:
        name = journal_name(part.document.part) if row.name == JOURNAL else row.name
        running = sha256()
        try:
            with (directory / name).open("xb") as copy:
                for block in stream(part.folder / row.name):
                    running.update(block)
                    copy.write(block)
        except OSError as error:
            raise InconclusiveError(
                f"{name} of the part {part.document.part} can't be copied ({error.strerror}): give --output room"
            ) from None
        if running.hexdigest() != row.sha256:
            raise InconclusiveError(
                f"{part.folder / row.name} has changed since it was read: keep other writers away from the parts"
            )


def _refuse_secrets(settings: Settings) -> None:
    secrets = [
        row.env for row in SECRET_SETTINGS if row.type == "secret" and getattr(settings.secrets, row.name) is not None
    ]
    if secrets:
        raise RefusedError(
            f"the judging job was given {', '.join(secrets)}, expected no secret at all: nothing was done"
        )


def _refuse_odd_digests(text: Mapping[str, str]) -> None:
    for name, digest in text.items():
        if name not in PARTS or not _DIGEST.fullmatch(digest):
            names = ", ".join(PARTS)
            raise RefusedError(
                f"--digest {ascii(name)[:40]}={ascii(digest)[:80]}: expected PART=SHA256, PART one of {names}"
            )
