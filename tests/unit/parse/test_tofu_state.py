import hashlib
import json
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import ForeignTextError
from gate.limits import STATE_BYTES
from gate.model.parsed import StateFacts
from gate.parse.tofu_state import parse_state

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
    shown = {"serial": 6, "lineage": LINEAGE, **ENVELOPE}
    assert read(shown) == StateFacts(version=None, serial=6, lineage=HASHED, encrypted=True)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ([STATE], "The state is a list"),
        ({}, "version is null"),
        ({**STATE, "version": 3}, "has version 3: expected 4"),
        ({**STATE, "version": "4"}, "version is a string"),
        ({**STATE, "version": True}, "version is a flag"),
        ({**STATE, "serial": -1}, "serial is a number"),
        ({**STATE, "serial": None}, "serial is null"),
        ({**STATE, "lineage": None}, "lineage is null"),
        ({**STATE, "lineage": ""}, "lineage is empty"),
        ({**ENVELOPE, "encryption_version": 0}, "encryption_version is a number"),
        ({"encryption_version": "v0"}, "encrypted_data is null"),
        ({**ENVELOPE, "serial": "6"}, "serial is a string"),
        ({**ENVELOPE, "lineage": 6}, "lineage is a number"),
    ],
)
def test_no_state(state: object, message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        read(state)


@pytest.mark.parametrize("data", [b"", b"<Error/>", b"null", b'{"version": 4', b" " * (STATE_BYTES + 1)])
def test_no_json(data: bytes) -> None:
    with pytest.raises(ForeignTextError, match="The state"):
        parse_state(data)


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
        told = "".join(traceback.format_exception_only(error))
        assert SECRET not in told
        assert LINEAGE not in told
        assert (error.__cause__, error.__context__) == (None, None)
