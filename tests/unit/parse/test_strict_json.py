import json
import traceback
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import ForeignTextError
from gate.limits import JSON_DEPTH
from gate.parse.strict_json import as_count, as_flag, as_object, as_text, as_texts, loads

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"{}", {}),
        (b' {"a": [1, 2.5, true, null, "\\u00e9\\ud83d\\ude00"]}\n', {"a": [1, 2.5, True, None, "é😀"]}),
        (b'"x"', "x"),
        (b"18446744073709551616", 2**64),
        (b"[" * JSON_DEPTH + b"]" * JSON_DEPTH, None),
    ],
)
def test_what_is_read(data: bytes, expected: object) -> None:
    parsed = loads(data, cap=1000)
    assert expected is None or parsed == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not JSON from character 0 on"),
        (b"{", "is not JSON from character 1 on"),
        (b"{} {}", "is not JSON from character 3 on"),
        (b"{'a': 1}", "is not JSON"),
        (b"<html>", "is not JSON"),
        (b'{"a": 1, "a": 1}', "has an object with two equal keys"),
        (b'[{"b": {"a": 1, "\\u0061": 2}}]', "has an object with two equal keys"),
        (b"[NaN]", "has NaN or Infinity"),
        (b"-Infinity", "has NaN or Infinity"),
        (b"[1e999]", "has a number beyond all floats"),
        (b"9" * 5000, "has a number with thousands of digits"),
        (b"\xef\xbb\xbf{}", "begins with a byte order mark"),
        (b'"\xff"', "is not UTF-8"),
        (b'"\xed\xa0\x80"', "is not UTF-8"),
        ("{}".encode("utf-16"), "is not UTF-8"),
        (b'"\\ud800"', "has half of a surrogate pair"),
        (b'{"\\udc00": 1}', "has half of a surrogate pair"),
        (b'{"a": ["\\ude00\\ud83d"]}', "has half of a surrogate pair"),
        (b"[" * (JSON_DEPTH + 1) + b"]" * (JSON_DEPTH + 1), "is nested too deep: expected at most 100 levels"),
        (b'{"a":' * 150 + b"1" + b"}" * 150, "is nested too deep"),
        (b"[" * 4000, "is nested too deep"),
        (b"[" * 4000 + b"]" * 4000, "is nested too deep"),
        (b'"' + b"x" * 9999, "has 10000 bytes: expected at most 8001"),
    ],
)
def test_what_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ForeignTextError, match=f"The thing {message}"):
        loads(data, cap=8001, what="The thing")


@pytest.mark.parametrize(
    "data", [b'{"a": "hunter2"', b'{"hunter2": 1, "hunter2": 2}', b'["hunter2", NaN]', b'["hunter2", "\\ud800"]']
)
def test_no_piece_of_the_text_is_in_the_error(data: bytes) -> None:
    with pytest.raises(ForeignTextError) as caught:
        loads(data, cap=1000)
    assert caught.value.__context__ is None
    assert "hunter2" not in "".join(traceback.format_exception_only(caught.value))


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (as_object, [{}, {"a": 1}], [None, [], "x", 1, True]),
        (as_text, ["", "x"], [None, [], {}, 1, False]),
        (as_flag, [True, False], [None, 0, 1, "true", []]),
        (as_count, [0, 1, 2**63 - 1], [-1, 2**63, 1.0, True, "1", None]),
    ],
)
def test_kinds(check: Callable[[object, str], object], good: list[object], bad: list[object]) -> None:
    for value in good:
        assert check(value, "It") == value
    for value in bad:
        with pytest.raises(ForeignTextError, match=r"^It is .*: expected"):
            check(value, "It")


def test_lists_of_strings() -> None:
    assert as_texts(["a", ""], "It") == ("a", "")
    assert as_texts([], "It") == ()
    for value in (None, "ab", ["a", 1], [["a"]], {"a": "b"}):
        with pytest.raises(ForeignTextError, match=r"^It is .*: expected a list of strings"):
            as_texts(value, "It")


@settings(deadline=None, max_examples=100)
@given(plain, st.booleans())
def test_every_json_text_is_read_as_python_reads_it(value: object, ascii_only: bool) -> None:
    assert loads(json.dumps(value, ensure_ascii=ascii_only).encode(), cap=100_000) == value


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.binary(), st.text('[]{}",:\\u0d8NaInf-1e9 \n').map(str.encode)))
def test_any_bytes_are_json_or_foreign(data: bytes) -> None:
    try:
        parsed = loads(data, cap=1000)
    except ForeignTextError:
        return
    json.dumps(parsed, allow_nan=False).encode()
