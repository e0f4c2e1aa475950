"""Writes values as RFC 8785 canonical JSON, and reads strict JSON of a closed form back."""

import re
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gate import limits
from gate.errors import ForeignTextError
from gate.model.document import Evidence, PartDocument
from gate.model.gating import STATEMENT_SCHEMA, Statement
from gate.model.records import Entry
from gate.parse.strict_json import loads

if TYPE_CHECKING:
    from pydantic import TypeAdapter


_T = TypeVar("_T")
_MANY_DIGITS: Final = re.compile(rb"[0-9]{16}")
_EXACT: Final = 2**53 - 1
START: Final = "0" * 64  # the first line of a journal has this as the hash of the line before


def adapter(of: type[_T]) -> "TypeAdapter[_T]":
    """The pydantic adapter of a model class, built once: its schema is the published one."""
    hashable: Any = of
    typed: TypeAdapter[_T] = _adapter(hashable)
    return typed


@cache
def _adapter(of: Any) -> "TypeAdapter[Any]":  # noqa: ANN401  # any class of the model
    from pydantic import TypeAdapter  # noqa: PLC0415  # heavy, and not needed for --help

    return TypeAdapter(of)


def canonical(of: type[_T], instance: _T) -> bytes:
    """The RFC 8785 bytes of a value; integers stay below 2^53 by the limits of the model."""
    import rfc8785  # noqa: PLC0415  # only where something is written

    return rfc8785.dumps(adapter(of).dump_python(instance, mode="json"))


def digest(document: bytes) -> str:
    """The evidence digest: sha256, in hex, of the canonical bytes, which are the whole of ``evidence.json``."""
    return sha256(document).hexdigest()


def entry_line(entry: Entry) -> bytes:
    """One journal line, newline included."""
    return canonical(Entry, entry) + b"\n"


def read_entry(line: bytes) -> Entry:
    """The entry of one journal line. Raises `ForeignTextError` for anything but exactly one entry."""
    return read_document(Entry, line, limits.RECORD_BYTES, "journal line")


def read_evidence(data: bytes) -> Evidence:
    """The document of ``evidence.json``. Raises `ForeignTextError` for any other form than this schema version's."""
    return read_document(Evidence, data, limits.EVIDENCE_BYTES, "evidence.json")


def read_part(data: bytes) -> PartDocument:
    """The document of ``part.json``. Raises `ForeignTextError` for any other form than this schema version's."""
    return read_document(PartDocument, data, limits.PART_BYTES, "part.json")


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of ``evidence.json``."""
    return adapter(Evidence).json_schema()


def read_document(of: type[_T], data: bytes, cap: int, name: str) -> _T:
    """A value of the model from at most ``cap`` bytes of strict JSON that is called ``name`` in errors.

    Raises `ForeignTextError` for any other form, and for a whole number that not every reader of JSON reads exactly.
    """
    from pydantic import ValidationError  # noqa: PLC0415  # heavy, and not needed for --help

    parsed = loads(data, cap=cap)
    if _MANY_DIGITS.search(data) and not _is_exact(parsed):
        raise ForeignTextError(f"{name} has a whole number beyond 2^53, which RFC 8785 can't write: expected none")
    try:
        read: _T = adapter(of).validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        location = ".".join(str(part) for part in first["loc"])
        raise ForeignTextError(
            f"{name} does not have its form at {ascii(location)[:200]}: {first['msg'][:200]}"
        ) from None
    return read


def _is_exact(parsed: object) -> bool:
    """Whether every reader of JSON reads each whole number of the value exactly."""
    stack = [parsed]
    while stack:
        part = stack.pop()
        if isinstance(part, int) and abs(part) > _EXACT:
            return False
        if isinstance(part, dict | list):
            stack.extend(part.values() if isinstance(part, dict) else part)
    return True


def statement_bytes(statement: Statement) -> bytes:
    """The document, in RFC 8785 form with a line end."""
    return canonical(Statement, statement) + b"\n"


def read_statement(data: bytes) -> Statement:
    """A person's statement. Raises `ForeignTextError` for any other form, and where nobody or no reason is named."""
    from pydantic import ValidationError  # noqa: PLC0415  # heavy, and not needed for --help

    loads(data, cap=limits.STATEMENT_BYTES, what="The statement")
    try:
        read = adapter(Statement).validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        location = ".".join(str(part) for part in first["loc"])
        raise ForeignTextError(
            f"the statement does not have its form at {ascii(location)[:200]}: {first['msg'][:200]}"
        ) from None
    if read.schema != STATEMENT_SCHEMA or not all(text.strip() for text in (read.who, read.why)):
        raise ForeignTextError(
            f"the statement is of schema {ascii(read.schema)[:80]} or lacks who or why: expected {STATEMENT_SCHEMA}"
        )
    return read
