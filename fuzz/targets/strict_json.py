"""`gate.parse.strict_json`: what it takes, every reader takes for the same; nothing is twice there or deep."""

import json
from typing import Any

from fuzz.contract import tried
from fuzz.target import Target
from gate.errors import ForeignTextError
from gate.limits import JSON_DEPTH
from gate.parse.strict_json import as_count, as_flag, as_object, as_text, as_texts, loads

_CAP = 1 << 16


def check(data: bytes) -> None:
    """Any bytes."""
    try:
        value = loads(data, cap=_CAP, what="The text")
    except ForeignTextError as error:
        assert str(error).isprintable()
        assert error.__context__ is None, "an error that quotes the text comes along"
        return
    assert len(data) <= _CAP
    pairs = json.loads(data, object_pairs_hook=_without_repeats)
    assert pairs == value, "another reader reads something else"
    assert _depth(value) <= JSON_DEPTH
    again = json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    assert loads(again, cap=len(again)) == value, "it does not come back as it was"
    for shape in (as_object, as_text, as_texts, as_flag, as_count):
        tried(shape, value, "The text")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    assert len(mapping) == len(pairs), "a key is repeated"
    return mapping


def _depth(value: object) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, dict | list)
        ]
    return deepest if isinstance(value, dict | list) else 0


def seeds() -> list[bytes]:
    """Values of every kind, and what is refused."""
    good = ['{"a": [1, -2.5e3, "\\u00e9\\ud83d\\ude00", null, true]}', "0", '""', "[]", "[[[[1]]]]", '{"a": {"b": {}}}']
    bad = ['{"a": 1, "a": 2}', "NaN", "[1e999]", '"\\ud800"', "[" * 150 + "]" * 150, "9" * 5000, "\ufeff1", "1 2", "{"]
    return [each.encode() for each in (*good, *bad)]


TARGET = Target(
    check, seeds, parsers=("strict_json",), words=(b"\\ud83d", b"NaN", b"Infinity", b"1e999", b'{"a":', b"[[")
)
