import hashlib
import json
import traceback
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import BeyondLimitError, ForeignTextError
from gate.limits import STATE_BYTES
from gate.model.parsed import StateFacts
from gate.parse.tofu_state import has_other_version, other_file, parse_state

LINEAGE = "7490ef49-8634-ac56-596b-6f2f4259bece"
HASHED = hashlib.sha256(LINEAGE.encode()).hexdigest()
SECRET = "hunter2"
STATE = {
    "version": 4,
    "terraform_version": "1.9.0",
    "serial": 6,
    "lineage": LINEAGE,
    "outputs": {"password": {"value": SECRET, "type": "string", "sensitive": True}},
    "resources": [{"mode": "managed", "type": "x", "instances": [{"attributes": {"password": SECRET}}]}],
    "check_results": None,
}
ENVELOPE = {
    "meta": {"key_provider.pbkdf2.k": "eyJzYWx0Ijoi"},
    "encrypted_data": "aHVudGVyMg==",
    "encryption_version": "v0",
}


def read(state: object) -> StateFacts:
    return parse_state(json.dumps(state).encode())


def test_a_state_tells_which_one_it_is() -> None:
    assert read(STATE) == StateFacts(version=4, serial=6, lineage=HASHED, encrypted=False)


def test_an_encrypted_state_tells_what_it_shows() -> None:
    assert read(ENVELOPE) == StateFacts(version=None, serial=None, lineage=None, encrypted=True)
    text = {"serial": 6, "lineage": LINEAGE, **ENVELOPE}
    assert read(text) == StateFacts(version=None, serial=6, lineage=HASHED, encrypted=True)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ([STATE], "The state is a list"),
        ({}, "version is nothing"),
        ({**STATE, "version": 3}, "has version 3: expected 4"),
        ({**STATE, "version": 0}, "has version 0: expected 4"),
        ({**STATE, "version": "4"}, "version is no number"),
        ({**STATE, "version": True}, "version is no number"),
        ({**STATE, "version": 4.0}, "version is no such number"),
        ({**STATE, "serial": -1}, "serial is no such number"),
        ({**STATE, "serial": 2**64}, "serial is no such number"),
        ({**STATE, "lineage": 6}, "lineage is a number"),
        ({**STATE, "outputs": []}, "outputs have another type"),
        ({**STATE, "resources": {}}, "resources have another type"),
        ({**ENVELOPE, "encryption_version": 0}, "version is nothing"),
        ({**ENVELOPE, "encryption_version": ""}, "version is nothing"),
        ({"encryption_version": "v0"}, "encrypted_data is null"),
        ({**ENVELOPE, "serial": "6"}, "serial is no number"),
        ({**ENVELOPE, "lineage": 6}, "lineage is a number"),
    ],
)
def test_no_state(state: object, message: str) -> None:
    with pytest.raises(ForeignTextError, match=message) as caught:
        read(state)
    assert not isinstance(caught.value, BeyondLimitError)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<Error/>",
        b"null",
        b'{"version": 4',
        b"\xef\xbb\xbf{}",
        b'{"version": NaN}',
        b'{"version": 1' + b"0" * 5000 + b"}",
    ],
)
def test_what_go_does_not_decode_is_no_state(data: bytes) -> None:
    with pytest.raises(ForeignTextError, match="The state") as caught:
        parse_state(data)
    assert not isinstance(caught.value, BeyondLimitError)


@pytest.mark.parametrize("data", [b" " * (STATE_BYTES + 1), b"[" * 200_000 + b"]" * 200_000])
def test_what_only_this_gate_does_not_read_is_no_damage(data: bytes) -> None:
    with pytest.raises(BeyondLimitError, match="this gate reads"):
        parse_state(data)


CASES = Path("fixtures/cases/state")


@pytest.mark.parametrize(
    ("data", "known"),
    [
        ((CASES / "empty-lineage.tfstate").read_bytes(), False),
        ((CASES / "equal-keys.tfstate").read_bytes(), True),
        ((CASES / "number-beyond-float64.tfstate").read_bytes(), True),
        (b'{"version": 4, "serial": 7}', False),
        (b'{"version": 4, "serial": 7, "lineage": null, "outputs": null, "resources": null}', False),
        (b'{"Version": 4, "SERIAL": 7, "lineage": "x"}', True),
        (b'{"version": 3, "version": 4, "serial": 7, "serial": null, "lineage": "x"}', True),
        (b'{"version": 4, "serial": 7, "lineage": "a\xffb"}', True),
        (b'{"version": 4, "serial": 7, "lineage": "\\ud800"}', True),
        (b'{"version": 4, "serial": 7, "lineage": "x", "resources": ' + b"[" * 150 + b"]" * 150 + b"}", True),
        (b'{"version": 4, "serial": 7, "lineage": "x", "n": ' + b"9" * 6000 + b"}", True),
        (b'{"version": 4, "serial": 7, "lineage": "x", "o": {"version": 9, "serial": -1}}', True),
    ],
)
def test_what_opentofu_reads_is_a_state(data: bytes, known: bool) -> None:
    facts = parse_state(data)
    assert (facts.version, facts.serial, facts.encrypted) == (4, 7, False)
    assert (facts.lineage is not None) == known


def test_a_missing_serial_is_the_one_that_opentofu_takes() -> None:
    assert parse_state(b'{"version": 4}') == StateFacts(version=4, serial=0, lineage=None)


@pytest.mark.parametrize(
    ("key", "data", "what"),
    [
        ("env/a.tfstate", b"PK\x03\x04plan", "a saved plan"),
        ("env/run.tfplan", b"", "a saved plan"),
        ("env/.terraform.lock.hcl", b"", "a dependency lock file"),
        ("env/lock", b'# This file is maintained automatically by "tofu init".\n', "a dependency lock file"),
        ("env/a.tfstate", b"", None),
        ("env/a", b"\0\0\0\0", None),
    ],
)
def test_other_files_of_opentofu(key: str, data: bytes, what: str | None) -> None:
    assert other_file(key, data) == what


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, len(json.dumps(STATE)) - 1),
    st.sampled_from([b"", b'"', b"}", b"\\", b"\xff", b'\\ud800"', b"NaN", b'"password":1,"password":2,']),
)
def test_no_value_is_in_any_error(cut: int, junk: bytes) -> None:
    data = json.dumps(STATE).encode()
    for broken in (data[:cut] + junk, data[:cut] + junk + data[cut:]):
        try:
            parse_state(broken)
        except ForeignTextError as caught:
            error = caught
        else:
            continue
        answer = "".join(traceback.format_exception_only(error))
        assert SECRET not in answer
        assert LINEAGE not in answer
        assert (error.__cause__, error.__context__) == (None, None)


@pytest.mark.parametrize(
    ("data", "other"),
    [
        (b'{"version": 3}', True),
        (b'{"version": 9}', True),
        (b'{"version": 4}', False),
        (b'{"version": 0}', False),
        (b'{"version": "3"}', False),
        (b'{"version": true}', False),
        (b'{"version": -3}', False),
        (b"{}", False),
        (b"[", False),
    ],
)
def test_another_version(data: bytes, other: bool) -> None:
    assert has_other_version(data) == other
