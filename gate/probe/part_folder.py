"""A part's folder: sealed by ``part.json``, and read back with every byte checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from gate import limits
from gate.errors import ForeignTextError, ForgedError, GateError, UnsealedError
from gate.evidence.codec import read_part
from gate.evidence.fold import Tape
from gate.evidence.split import part_bytes, part_document
from gate.journal import NAME, write_file
from gate.model.document import ManifestEntry, PartDocument
from gate.model.split import PartBegun, PartName
from gate.tape import PART, captures_of, hold, names, read_tape, read_whole, stream


@dataclass(frozen=True, kw_only=True)
class SealedPart:
    """A part as its folder has it: ``digest`` is the sha256, in hex, of ``part.json``."""

    folder: Path
    document: PartDocument
    digest: str
    tape: Tape


def is_part_folder(directory: Path) -> bool:
    """Whether a folder is that of a part, sealed or not; raises `RefusedError` where there is no journal."""
    return any(isinstance(entry.record, PartBegun) for entry in read_tape(directory).entries[:2])


def claimed_part(directory: Path) -> PartName | None:
    """Which part a folder says that it is, unchecked; None where that can't be read."""
    try:
        return read_part(read_whole(directory / PART, limits.PART_BYTES)).part
    except GateError:
        return None


def seal_part(directory: Path) -> SealedPart:
    """Write ``part.json``. Raises `ForeignTextError` where the journal is no part's."""
    made = _remade(directory)
    write_file(directory / PART, part_bytes(made.document))
    return made


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


def verify_part(directory: Path, told: str | None = None) -> SealedPart:
    """A sealed part, when every byte is what its own records give, and its digest what its job ``told``.

    Raises `UnsealedError` without a ``part.json``, `ForgedError` with the first difference otherwise.
    """
    present = names(directory)
    if PART not in present:
        message = f"{directory} was never sealed as a part: run `publication-gate finalize {directory}`"
        raise UnsealedError(message)
    stored = read_whole(directory / PART, limits.PART_BYTES)
    digest = sha256(stored).hexdigest()
    if told is not None and told != digest:
        message = f"{directory} is not genuine: its digest is {digest}, its own job told {told[:64]}"
        raise ForgedError(message)
    try:
        document = read_part(stored)
        made = _remade(directory)
    except ForeignTextError as error:
        message = f"{directory} is not genuine: {error}"
        raise ForgedError(message) from None
    listed = {row.name for row in document.manifest}
    strange = sorted({*listed, PART} ^ set(present))
    if strange or part_bytes(made.document) != stored:
        what = f"{ascii(strange[0])[:100]} is there or listed, and not both" if strange else _differing(document, made)
        message = f"{directory} is not genuine: {what}"
        raise ForgedError(message)
    return made


def _remade(directory: Path) -> SealedPart:
    tape = read_tape(directory)
    document = part_document(tape, _manifest(directory))
    digest = sha256(part_bytes(document)).hexdigest()
    return SealedPart(folder=directory, document=document, digest=digest, tape=tape)


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


def _differing(stored: PartDocument, made: SealedPart) -> str:
    for name in stored.__dataclass_fields__:
        if getattr(stored, name) != getattr(made.document, name):
            return f"its {name} is not what its journal and captures give"
    return "part.json is not in RFC 8785 form"
