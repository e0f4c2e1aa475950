"""Values and bytes: canonical out, strict and closed in."""

import json

import pytest

from gate.errors import ForeignTextError
from gate.evidence.codec import canonical, digest, entry_line, json_schema, read_entry, read_evidence
from gate.model.document import Evidence
from gate.seal import assemble
from tests.helpers import runs


def test_an_entry_comes_back_as_it_went() -> None:
    for entry in runs.entries(runs.healthy().records):
        assert read_entry(entry_line(entry)[:-1]) == entry


def test_a_document_comes_back_as_it_went_and_its_digest_is_of_its_bytes() -> None:
    evidence = assemble(runs.healthy().facts(), ())
    document = canonical(Evidence, evidence)
    assert read_evidence(document) == evidence
    assert digest(document) == digest(canonical(Evidence, read_evidence(document)))
    assert (
        document == json.dumps(json.loads(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda line: {**line, "extra": 1}, "extra"),
        (lambda line: {**line, "seq": "0"}, "seq"),
        (lambda line: {**line, "record": {**line["record"], "kind": "surprise"}}, "record"),
        (lambda line: {**line, "record": {**line["record"], "surprise": 1}}, "record"),
        (lambda line: {key: value for key, value in line.items() if key != "prev"}, "prev"),
    ],
    ids=("extra field", "text for a number", "unknown kind", "extra field in the record", "missing field"),
)
def test_what_is_not_exactly_an_entry_is_refused(edit, problem: str) -> None:  # type: ignore[no-untyped-def]  # a lambda
    line = json.loads(entry_line(runs.entries(runs.healthy().records)[1]))
    with pytest.raises(ForeignTextError, match=problem):
        read_entry(json.dumps(edit(line)).encode())


def test_duplicate_keys_are_refused() -> None:
    line = entry_line(runs.entries(runs.healthy().records)[1])[:-1]
    with pytest.raises(ForeignTextError):
        read_entry(line[:-1] + b',"seq":1}')


def test_the_schema_is_closed() -> None:
    schema = json_schema()
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) >= {"schema", "verdict", "findings", "manifest", "push", "bodies"}
