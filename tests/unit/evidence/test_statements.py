"""Statements of persons: a closed form, byte for byte the same when written again."""

import json

import pytest

from gate.errors import ForeignTextError
from gate.evidence.codec import read_statement, statement_bytes
from gate.model.gating import Statement, StatementKind

SAID = Statement(
    schema="publication-gate/statement/v1",
    kind=StatementKind.BACKEND_REPLACED,
    who="Ada",
    why="Garage in place of RustFS",
    at="2026-05-20T00:00:00.000Z",
    incident="2026-05-06",
    cache="main",
    endpoint="https://attic",
)


def test_a_statement_comes_back_as_it_was() -> None:
    data = statement_bytes(SAID)
    assert read_statement(data) == SAID
    assert statement_bytes(read_statement(data)) == data


@pytest.mark.parametrize(
    "change",
    [
        {"who": " "},
        {"why": ""},
        {"who": 3},
        {"kind": "trust-me"},
        {"schema": "publication-gate/statement/v2"},
        {"verdict": "pass"},
        {"at": None},
    ],
)
def test_another_form_is_refused(change: dict[str, object]) -> None:
    whole = json.loads(statement_bytes(SAID))
    with pytest.raises(ForeignTextError, match="the statement"):
        read_statement(json.dumps({**whole, **change}).encode())


def test_json_that_says_a_thing_twice_is_refused() -> None:
    data = statement_bytes(SAID).replace(b'"who":"Ada"', b'"who":"Ada","who":"Bob"')
    with pytest.raises(ForeignTextError, match="two equal keys"):
        read_statement(data)
