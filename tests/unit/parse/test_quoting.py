import pytest

from gate.parse.text import excerpt


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "'plain'"),
        ("a\nb\r\x1b[31m\u202e", r"'a\nb\r\x1b[31m\u202e'"),
        (b"bytes", "\"b'bytes'\""),
        (None, "'None'"),
        ("x" * 80, f"'{'x' * 80}'"),
        ("x" * 81, f"'{'x' * 80}'… (81 characters)"),
    ],
)
def test_foreign_text_is_shown_short_and_in_ascii(text: object, expected: str) -> None:
    assert excerpt(text) == expected
