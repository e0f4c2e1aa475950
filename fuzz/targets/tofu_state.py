"""`gate.parse.tofu_state`: a state is described by version, serial and hashed lineage, and no word of it is quoted."""

import json

from fuzz.contract import text
from fuzz.target import Target
from gate.errors import ForeignTextError
from gate.parse.tofu_state import STATE_VERSION, parse_state

_FIELDS = ("encryption_version", "encrypted_data")  # which a sentence may name


def check(data: bytes) -> None:
    """Any bytes."""
    try:
        facts = parse_state(data)
    except ForeignTextError as error:
        sentence = str(error)
        assert sentence.isprintable()
        for field in _FIELDS:
            sentence = sentence.replace(field, "")
        words = {word for word in text(data).split('"') if len(word) > 12}
        assert not [word for word in words if word in sentence], "the error quotes the state"
        return
    assert facts.version == (None if facts.encrypted else STATE_VERSION)
    assert facts.encrypted or facts.serial is not None
    assert facts.serial is None or 0 <= facts.serial < 2**64
    assert facts.lineage is None or len(facts.lineage) == 64


def seeds() -> list[bytes]:
    """A state, an encrypted one of each kind, and what is none."""
    plain = {"version": 4, "terraform_version": "1.8.0", "serial": 42, "lineage": "canary-lineage", "outputs": {}}
    sealed = {"meta": {"key_provider": "x"}, "encrypted_data": "AAAA", "encryption_version": "v0"}
    states = [plain, sealed, {**sealed, "serial": 7, "lineage": "canary-lineage"}, {**plain, "version": 3}, []]
    return [*(json.dumps(each).encode() for each in states), json.dumps(plain).encode()[:-9]]


TARGET = Target(
    check,
    seeds,
    parsers=("tofu_state",),
    words=(b'"version":4', b'"serial":', b'"lineage":"', b'"encryption_version":"'),
)
