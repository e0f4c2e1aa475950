"""OpenTofu states: which state it is and how far it got, never what it holds.

Formats: https://opentofu.org/docs/language/state/ (version 4 of the state file) and, for encrypted states,
opentofu internal/encryption/base.go (``meta``, ``encrypted_data``, ``encryption_version``), which shows serial and
lineage beside them since 1.7.1 (https://github.com/opentofu/opentofu/issues/1407).

The yardstick is OpenTofu's own reader (opentofu internal/states/statefile/read.go and version4.go), which decodes by
Go's ``encoding/json``: of equal keys the last counts, a field's name may have letters of either case, ``null`` sets
nothing, a missing serial is 0 and a missing lineage empty, values that are not looked at may be any number, and
invalid UTF-8 in a string is replaced. So this reader is not `gate.parse.strict_json`. A state is full of secrets: no
message made here holds a piece of it.
"""

import hashlib
import json
from typing import Final, NoReturn

from gate.errors import BeyondLimitError, ForeignTextError
from gate.limits import STATE_BYTES
from gate.model.parsed import StateFacts
from gate.parse.strict_json import as_object, as_text

STATE_VERSION: Final = 4
_WHAT: Final = "The state"
_BOM: Final = b"\xef\xbb\xbf"
_FIELDS: Final = frozenset(
    ("version", "serial", "lineage", "outputs", "resources", "encryption_version", "encrypted_data")
)
_U64: Final = 2**64
_U64_DIGITS: Final = 20
_NO_COUNT: Final = (
    -1
)  # a number that Go does not decode into uint64: with a sign, a fraction, an exponent, or too large
_ZIP: Final = b"PK\x03\x04"  # a saved plan is a zip archive (opentofu internal/plans/planfile/writer.go)
_LOCK_FILE_HEADS: Final = (b"# This file is maintained automatically by ", b'provider "')


def parse_state(data: bytes) -> StateFacts:
    """Version, serial and hashed lineage of a state of version 4, or the envelope of an encrypted one.

    Raises `ForeignTextError` when OpenTofu can't read the bytes as such a state either, and `BeyondLimitError` when
    only this gate can't.
    """
    fields = _fields(data)
    if fields.get("encryption_version") and isinstance(fields["encryption_version"], str):
        return _encrypted(fields)
    version = _count(fields.get("version"), f"{_WHAT}'s version")
    if version != STATE_VERSION:
        raise ForeignTextError(f"{_WHAT} has version {version}: expected {STATE_VERSION}.")
    for name, kind in (("outputs", dict), ("resources", list)):
        if not isinstance(fields.get(name, kind()), kind):
            raise ForeignTextError(
                f"{_WHAT}'s {name} have another type than OpenTofu reads: expected a {kind.__name__}."
            )
    return StateFacts(
        version=version,
        serial=_count(fields.get("serial", 0), f"{_WHAT}'s serial"),
        lineage=_hashed(fields.get("lineage", "")),
    )


def has_other_version(data: bytes) -> bool:
    """Whether the bytes call themselves a state of another version, which is not this gate's to call damaged."""
    try:
        version = _fields(data).get("version")
    except ForeignTextError:
        return False
    return isinstance(version, int) and not isinstance(version, bool) and version not in (_NO_COUNT, 0, STATE_VERSION)


def other_file(key: str, data: bytes) -> str | None:
    """What OpenTofu file that is no state an object is, by its own bytes or by its name; None where that is unknown.

    A damaged state is not among these: it begins with neither, and nobody names a state so.
    """
    if data.startswith(_ZIP) or key.endswith(".tfplan"):
        return "a saved plan"
    if key.endswith(".lock.hcl") or data.startswith(_LOCK_FILE_HEADS):
        return "a dependency lock file"
    return None


def _encrypted(fields: dict[str, object]) -> StateFacts:
    """The envelope of an encrypted state: the version of what is inside can't be seen."""
    as_text(fields.get("encrypted_data"), f"{_WHAT}'s encrypted_data")
    serial = fields.get("serial")
    return StateFacts(
        version=None,
        serial=None if serial is None else _count(serial, f"{_WHAT}'s serial"),
        lineage=_hashed(fields.get("lineage", "")),
        encrypted=True,
    )


def _fields(data: bytes) -> dict[str, object]:
    """The fields of the outermost object that are looked at, as Go's decoder leaves them."""
    if len(data) > STATE_BYTES:
        raise BeyondLimitError(f"{_WHAT} has {len(data)} bytes: this gate reads at most {STATE_BYTES}.")
    if data.startswith(_BOM):
        raise ForeignTextError(f"{_WHAT} begins with a byte order mark: expected plain UTF-8 JSON.")
    trouble = ""
    try:
        decoded = json.loads(
            data.decode("utf-8", "replace"),
            object_pairs_hook=_object,
            parse_int=_whole,
            parse_float=lambda _: _NO_COUNT,
            parse_constant=_constant,
        )
    except RecursionError:
        decoded = None
        trouble = "deep"
    except ValueError as error:  # raised again below, so that no cause holds the text
        decoded = None
        position = f" from character {error.pos} on" if isinstance(error, json.JSONDecodeError) else ""
        trouble = f"is not JSON{position} (of {len(data)} bytes): expected one whole JSON text"
    if trouble == "deep":
        raise BeyondLimitError(f"{_WHAT} is nested deeper than this gate reads: look at it with `tofu state pull`.")
    if trouble:
        raise ForeignTextError(f"{_WHAT} {trouble}.")
    return as_object(decoded, _WHAT)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object's fields of those names, the last of each; nothing else of it is kept."""
    folded = ((key.lower(), value) for key, value in pairs)
    return {key: value for key, value in folded if key in _FIELDS and value is not None}


def _whole(digits: str) -> int:
    count = int(digits) if digits.isdigit() and len(digits) <= _U64_DIGITS else _NO_COUNT
    return count if count < _U64 else _NO_COUNT


def _constant(_text: str) -> NoReturn:
    raise ValueError


def _count(value: object, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value == _NO_COUNT:
        kind = "nothing" if value is None else "no such number" if value == _NO_COUNT else "no number"
        raise ForeignTextError(f"{what} is {kind}: expected a whole number from 0 to 2^64-1.")
    return value


def _hashed(lineage: object) -> str | None:
    """The sha256 of a lineage; None where the state has none, which OpenTofu writes too."""
    text = as_text(lineage, f"{_WHAT}'s lineage")
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() if text else None
