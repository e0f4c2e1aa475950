"""JSON without Python's leniency (RFC 8259, I-JSON RFC 7493).

``json.loads`` keeps the last of two equal keys, takes ``NaN``, guesses encodings and recurses as deep as the text says.
Text that needs any of it is refused. No message and no chained exception holds a piece of the text: it may be a state.
"""

import json
import math
from typing import Final, NoReturn

from gate.errors import ForeignTextError
from gate.limits import JSON_DEPTH

_BOM: Final = b"\xef\xbb\xbf"
_NESTING: Final = (dict, list)
_ESCAPE: Final = b"\\u"  # the one way to half of a surrogate pair: UTF-8 has none


def loads(data: bytes, *, cap: int, what: str = "The answer") -> object:
    """The value of a JSON text of at most ``cap`` bytes; ``what`` begins the sentence of the `ForeignTextError`.

    Refused: a byte order mark, invalid UTF-8, lone surrogates, equal keys in one object, numbers that are not finite
    or have thousands of digits, nesting deeper than `gate.limits.JSON_DEPTH`.
    """
    if len(data) > cap:
        raise ForeignTextError(f"{what} has {len(data)} bytes: expected at most {cap}.")
    if data.startswith(_BOM):
        raise ForeignTextError(f"{what} begins with a byte order mark: expected plain UTF-8 JSON.")
    parsed, trouble = _parse(data)
    trouble = trouble or _trouble_of(parsed, escaped=_ESCAPE in data)
    if trouble:
        raise ForeignTextError(f"{what} {trouble}.")
    return parsed


def as_object(parsed: object, what: str) -> dict[str, object]:
    """The same value, known to be a JSON object; ``what`` begins the sentence of the `ForeignTextError`."""
    if not isinstance(parsed, dict):
        raise ForeignTextError(f"{what} is {_kind(parsed)}: expected a JSON object.")
    return parsed


def as_text(parsed: object, what: str) -> str:
    """The same value, known to be a string; ``what`` begins the sentence of the `ForeignTextError`."""
    if not isinstance(parsed, str):
        raise ForeignTextError(f"{what} is {_kind(parsed)}: expected a string.")
    return parsed


def as_texts(parsed: object, what: str) -> tuple[str, ...]:
    """A list of strings as a tuple; ``what`` begins the sentence of the `ForeignTextError`."""
    if not isinstance(parsed, list) or not all(isinstance(entry, str) for entry in parsed):
        raise ForeignTextError(f"{what} is {_kind(parsed)}: expected a list of strings.")
    return tuple(parsed)


def as_flag(parsed: object, what: str) -> bool:
    """The same value, known to be true or false; ``what`` begins the sentence of the `ForeignTextError`."""
    if not isinstance(parsed, bool):
        raise ForeignTextError(f"{what} is {_kind(parsed)}: expected true or false.")
    return parsed


def as_count(parsed: object, what: str) -> int:
    """The same value, known to be a whole number from 0 to 2**63-1; ``what`` begins the sentence of the error."""
    if not isinstance(parsed, int) or isinstance(parsed, bool) or not 0 <= parsed < 2**63:
        raise ForeignTextError(f"{what} is {_kind(parsed)}: expected a whole number from 0 to 2^63-1.")
    return parsed


def _parse(data: bytes) -> tuple[object, str]:
    """The value and no trouble, or None and what the trouble is: raised later, so that no cause holds the text."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant), ""
    except UnicodeDecodeError:
        return None, "is not UTF-8: expected JSON"
    except json.JSONDecodeError as error:
        return None, f"is not JSON from character {error.pos} on (of {len(data)} bytes): expected one whole JSON text"
    except RecursionError:
        return None, f"is nested too deep: expected at most {JSON_DEPTH} levels"
    except _RefusedError as error:
        return None, error.trouble
    except ValueError:
        return None, "has a number with thousands of digits: expected numbers that a program can hold"


class _RefusedError(Exception):
    """Raised inside of the decoder only: valid JSON for Python, refused here."""

    def __init__(self, trouble: str) -> None:
        self.trouble = trouble
        super().__init__(trouble)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise _RefusedError("has an object with two equal keys: expected each key once")
    return mapping


def _constant(_text: str) -> NoReturn:
    raise _RefusedError("has NaN or Infinity: expected numbers of JSON")


def _trouble_of(parsed: object, *, escaped: bool) -> str:
    """What is wrong inside of a decoded value, or an empty string. Level by level, without recursion.

    ``escaped``: its text has escapes of code units; only then are its strings looked at.
    """
    level, depth = [parsed], 0
    while level:
        if escaped and not all(_is_unicode(part) for part in level if isinstance(part, str)):
            return "has half of a surrogate pair: expected Unicode text"
        if not all(math.isfinite(part) for part in level if isinstance(part, float)):
            return "has a number beyond all floats: expected numbers that a program can hold"
        parts = [part for part in level if isinstance(part, _NESTING)]
        if parts and depth >= JSON_DEPTH:
            return f"is nested too deep: expected at most {JSON_DEPTH} levels"
        level = []
        for part in parts:
            level.extend(part.values() if isinstance(part, dict) else part)
            if escaped and isinstance(part, dict):
                level.extend(part)
        depth += 1
    return ""


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _kind(parsed: object) -> str:
    """A JSON value in an error message: what it is, never what it says."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a flag", int: "a number", float: "a number"}
    return names.get(type(parsed), "null")
