"""OpenTofu states: which state it is and how far it got, never what it holds.

Formats: https://opentofu.org/docs/language/state/ (version 4 of the state file) and, for encrypted states,
opentofu internal/encryption/base.go (``meta``, ``encrypted_data``, ``encryption_version``), which shows serial and
lineage beside them since 1.7.1 (https://github.com/opentofu/opentofu/issues/1407). A state is full of secrets: no
message made here holds a piece of it.
"""

import hashlib
from typing import Final

from gate.errors import ForeignTextError
from gate.limits import STATE_BYTES
from gate.model.parsed import StateFacts
from gate.parse.strict_json import as_count, as_object, as_text, loads

STATE_VERSION: Final = 4


def parse_state(data: bytes) -> StateFacts:
    """Version, serial and hashed lineage of a state; `ForeignTextError` when the bytes are no OpenTofu state."""
    what = "The state"
    state = as_object(loads(data, cap=STATE_BYTES, what=what), what)
    if "encryption_version" in state:
        return _encrypted(state)
    version = as_count(state.get("version"), f"{what}'s version")
    if version != STATE_VERSION:
        raise ForeignTextError(f"{what} has version {version}: expected {STATE_VERSION}.")
    return StateFacts(
        version=version,
        serial=as_count(state.get("serial"), f"{what}'s serial"),
        lineage=_hashed(state.get("lineage")),
    )


def _encrypted(state: dict[str, object]) -> StateFacts:
    """The envelope of an encrypted state: the version of what is inside can't be seen."""
    as_text(state["encryption_version"], "The state's encryption_version")
    as_text(state.get("encrypted_data"), "The state's encrypted_data")
    serial, lineage = state.get("serial"), state.get("lineage")
    return StateFacts(
        version=None,
        serial=None if serial is None else as_count(serial, "The state's serial"),
        lineage=None if lineage is None else _hashed(lineage),
        encrypted=True,
    )


def _hashed(lineage: object) -> str:
    text = as_text(lineage, "The state's lineage")
    if not text:
        raise ForeignTextError("The state's lineage is empty: expected the identifier that OpenTofu gave it.")
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
