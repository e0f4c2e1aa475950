"""Foreign text becomes one visible line that no terminal, runner or Markdown reader acts on."""

import re
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.render.escape import markdown_cell, markdown_code, plain, runner_safe
from tests.unit.render.hostile import hostile_text
from tests.unit.render.runner_parser import commands

any_text = (
    st.text(max_size=80)
    | hostile_text
    | st.text(alphabet=st.characters(categories=("Cc", "Cf", "Cs", "Zl", "Zp", "Zs")), max_size=20)
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("deadnix-check", "deadnix-check"),
        ("", ""),
        ("Grüße, 世界 ✅", "Grüße, 世界 ✅"),
        ("a\nb", "a\\x0ab"),
        ("a\rb", "a\\x0db"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\x00\x7f\x85\xa0", "a\\x00\\x7f\\x85\\xa0"),
        ("pass\u202essap", "pass\\u{202e}ssap"),
        ("\u2066\u2069\u200e\u200f\u061c", "\\u{2066}\\u{2069}\\u{200e}\\u{200f}\\u{61c}"),
        ("a\u200b\u200d\u2060\ufeffb", "a\\u{200b}\\u{200d}\\u{2060}\\u{feff}b"),
        ("a\u2028\u2029b", "a\\u{2028}\\u{2029}b"),
        ("\ud800", "\\u{d800}"),
        ("\U000e0041", "\\u{e0041}"),
    ],
)
def test_plain_shows_what_was_hidden(text: str, expected: str) -> None:
    assert plain(text, 200) == expected


def test_every_control_format_surrogate_and_separator_of_unicode_is_shown() -> None:
    hidden = [
        chr(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    ]
    assert [f"{ord(char):x}" for char in hidden if plain(char, 20) == char] == []
    blanks = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace() and chr(code) != " "]
    assert [f"{ord(char):x}" for char in blanks if plain(char, 20) == char] == []


@pytest.mark.parametrize(
    ("text", "cap", "expected"),
    [
        ("abcd", 4, "abcd"),
        ("abcde", 4, "abc…"),
        ("ab\x1bcd", 6, "ab…"),
        ("ab\x1bcd", 7, "ab\\x1b…"),
        ("\x1b", 4, "\\x1b"),
        ("\x1b", 3, "…"),
        ("a" * 1_000_000, 5, "aaaa…"),
        ("ab", 1, "…"),
    ],
)
def test_plain_cuts_at_the_cap_and_never_inside_an_escape(text: str, cap: int, expected: str) -> None:
    assert plain(text, cap) == expected


@given(any_text, st.integers(1, 60))
@settings(deadline=None, max_examples=300)
def test_plain_keeps_its_promises_for_any_text(text: str, cap: int) -> None:
    output = plain(text, cap)
    assert len(output) <= cap
    assert len(output.splitlines()) <= 1
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for char in output)
    assert output.encode()[:0] == b""
    if not output.endswith("…"):
        assert plain(output, cap) == output


@pytest.mark.parametrize(
    ("line", "safe"),
    [
        ("::error::x", "\\x3a:error::x"),
        ("   ::error::x", "   \\x3a:error::x"),
        ("text ::error::x", "text ::error::x"),
        ("a ##[error]x", "a ##\\x5berror]x"),
        ("##[a]##[b]###[c]", "##\\x5ba]##\\x5bb]###\\x5bc]"),
        ("#\u00ad#\u200b[error]x", "#\u00ad#\u200b\\x5berror]x"),
        ("\u200b:\u200b:error::x", "\u200b\\x3a\u200b:error::x"),
        ("# heading [x]", "# heading [x]"),
        ("a: b:: c", "a: b:: c"),
    ],
)
def test_runner_safe_breaks_commands_and_nothing_else(line: str, safe: str) -> None:
    assert runner_safe(line) == safe
    assert runner_safe(f"first\n{line}\nlast") == f"first\n{safe}\nlast"


@pytest.mark.parametrize(
    "line", ["::error::x", "  ::group::x", "x ##[error]y", "#\u00ad#[error]y", "a\r::error::x", "##[x]"]
)
def test_the_oracle_sees_commands(line: str) -> None:
    assert list(commands(line)) != []


@pytest.mark.parametrize("line", ["a ::error::x", "::error", "##error]", "a: b", "##[x"])
def test_the_oracle_sees_no_command_where_there_is_none(line: str) -> None:
    assert list(commands(line)) == []


@given(st.lists(any_text, max_size=4))
@settings(deadline=None, max_examples=400)
def test_no_line_of_escaped_text_is_a_command(texts: list[str]) -> None:
    assert list(commands(runner_safe("\n".join(plain(text, 200) for text in texts)))) == []
    assert list(commands(runner_safe("".join(plain(text, 200) for text in texts)))) == []


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a|b", "a&#124;b"),
        ("`x`", "&#96;x&#96;"),
        ("<b>&", "&#60;b&#62;&#38;"),
        ("a: b", "a: b"),
        ("https://x", "https&#58;//x"),
        ("www.x.org 1.2", "www&#46;x.org 1.2"),
        ("*_[a](b)!#~@$\\", "&#42;&#95;&#91;a&#93;(b)&#33;&#35;&#126;&#64;&#36;&#92;"),
        ("a\nb", "a&#92;x0ab"),
    ],
)
def test_markdown_cell(text: str, cell: str) -> None:
    assert markdown_cell(text, 100) == cell


@pytest.mark.parametrize(
    ("text", "code"),
    [("main", "`main`"), ("a`b|c", "`a\\x60b\\x7cc`"), ("", "–"), ("   ", "–"), (" a ", "`a`"), ("<b>", "`<b>`")],
)
def test_markdown_code(text: str, code: str) -> None:
    assert markdown_code(text, 100) == code


@given(any_text)
@settings(deadline=None, max_examples=300)
def test_markdown_has_no_structure_of_foreign_text(text: str) -> None:
    assert re.search(r"[|`<>*_\[\]\\]", markdown_cell(text, 100)) is None
    assert re.fullmatch(r"`[^`|]+`|–", markdown_code(text, 100)) is not None
