"""A journal is read as far as its lines are those that a run of ours writes."""

import json
from hashlib import sha256

import pytest

from gate.errors import ForeignTextError
from gate.evidence.codec import entry_line, read_entry, read_evidence
from gate.evidence.journal_reader import read_chain
from tests.helpers import runs


def lines(**changed: object) -> list[bytes]:
    """The healthy journal, chained, with the sixth line changed."""
    lines, prev = [], "0" * 64
    for entry in runs.entries(runs.healthy().records, chained=False):
        row = json.loads(entry_line(entry)) | {"prev": prev} | (changed if entry.seq == 5 else {})
        lines.append(json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
        prev = sha256(lines[-1]).hexdigest()
    return lines


def test_a_whole_journal_is_read_to_its_end() -> None:
    journal_log = read_chain(lines())
    assert (len(journal_log.entries), journal_log.torn) == (len(runs.healthy().records), False)
    assert not read_chain(lines(at="2026-11-24T23:59:59.999Z")).torn


@pytest.mark.row("ART-07")
@pytest.mark.parametrize(
    "changed",
    [
        {"at": ""},
        {"at": "2026-11-24T00:00:05Z"},
        {"at": "2026-11-24T00:00:05.000"},
        {"at": "2026-11-24T00:00:05.000+00:00"},
        {"at": "2026-11-24T00:00:05.000Z\n"},
        {"at": "2026-13-24T00:00:05.000Z"},
        {"at": "2026-11-24T00:00:60.000Z"},
        {"at": "0001-01-01T00:00:00.000Z"},
        {"at": "9999-12-31T23:59:59.999Z"},
        {"at": "\uff12\uff10\uff12\uff16-11-24T00:00:05.000Z"},
        {"mono_millis": 2**53},
        {"mono_millis": -(2**53)},
        {"mono_millis": 1.0},
        {"seq": True},
    ],
)
def test_a_time_or_a_number_that_no_run_writes_tears_the_journal(changed: dict[str, object]) -> None:
    journal_log = read_chain(lines(**changed))
    assert (len(journal_log.entries), journal_log.torn) == (5, True)


@pytest.mark.row("ART-07")
def test_numbers_are_those_that_every_reader_of_json_takes_for_the_same() -> None:
    whole = entry_line(runs.entries(runs.healthy().records)[0])[:-1]
    assert read_entry(whole.replace(b'"mono_millis":0', b'"mono_millis":9007199254740991')).mono_millis == 2**53 - 1
    text = whole.replace(b'"run_id":"r1"', b'"run_id":"90071992547409920"')
    assert read_entry(text) == read_entry(text)
    for number in (b"9007199254740992", b"-9007199254740992", b"1" + b"0" * 30):
        with pytest.raises(ForeignTextError, match=r"beyond 2\^53"):
            read_entry(whole.replace(b'"mono_millis":0', b'"mono_millis":' + number))
    with pytest.raises(ForeignTextError, match=r"beyond 2\^53"):
        read_evidence(b'{"a":[{"b":9007199254740992}]}')
