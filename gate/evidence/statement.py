"""Statements of persons ↔ bytes: a small closed JSON document, format ``publication-gate/statement/v1``."""

from gate import limits
from gate.errors import ForeignTextError
from gate.evidence.wire import adapter, canonical
from gate.model.gating import STATEMENT_SCHEMA, Statement
from gate.parse.strict_json import loads


def statement_bytes(statement: Statement) -> bytes:
    """The document, in RFC 8785 form with a line end."""
    return canonical(Statement, statement) + b"\n"


def read_statement(data: bytes) -> Statement:
    """A statement back; raises `ForeignTextError` for anything but the closed form."""
    from pydantic import ValidationError  # noqa: PLC0415  # heavy, and not needed for --help

    loads(data, cap=limits.STATEMENT_BYTES, what="The statement")
    try:
        read = adapter(Statement).validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"the statement does not have its form at {ascii(where)[:200]}: {first['msg'][:200]}"
        raise ForeignTextError(message) from None
    if read.schema != STATEMENT_SCHEMA or not all(text.strip() for text in (read.who, read.why)):
        message = (
            f"the statement is of schema {ascii(read.schema)[:80]} or says not who and why: expected {STATEMENT_SCHEMA}"
        )
        raise ForeignTextError(message)
    return read
