"""Text for a terminal: color where it is wanted, and lines fitted to the width; neither changes what is said."""

import io
import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.cli.paint import fitted, painted, wants_color

ROOT = Path(__file__).parents[3]
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
LINE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs"), include_characters=" "))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "wanted"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (io.StringIO(), {}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
    ],
)
def test_color_is_for_terminals_unless_the_environment_says_otherwise(
    stream: io.StringIO, environ: dict[str, str], *, wanted: bool
) -> None:
    assert wants_color(stream, environ) is wanted


def test_the_word_and_the_marks_are_painted() -> None:
    text = painted("QUARANTINE: x\n  attic  before ✓✓✗?\nno QUARANTINE: here")
    assert text.split("\n") == [
        "\x1b[1;31mQUARANTINE\x1b[0m: x",
        "  attic  before \x1b[1;32m✓✓\x1b[0m\x1b[1;31m✗\x1b[0m?",
        "no QUARANTINE: here",
    ]


@given(st.lists(LINE))
def test_paint_adds_nothing_but_escapes(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert ESCAPE.sub("", painted(text)) == ESCAPE.sub("", text)


@given(st.lists(LINE), st.integers(40, 200))
def test_fitting_loses_no_word(lines: list[str], width: int) -> None:
    text = "\n".join(lines)
    assert fitted(text, width).split() == text.split()


def test_a_long_line_goes_on_under_its_own_text() -> None:
    text = "  read back   0 of 24 whole: 1 HTTP 200 with no bytes, 2 not in the cache, 21 never arrived"
    assert fitted(text, 60).split("\n") == [
        "  read back   0 of 24 whole: 1 HTTP 200 with no bytes, 2 not",
        "              in the cache, 21 never arrived",
    ]
    assert fitted(text, 20) == text


def test_a_real_terminal_gets_color_and_its_own_width() -> None:
    """The catalog of codes, in a pseudo-terminal of 60 columns."""
    main, side = pty.openpty()
    environ = {"PATH": os.environ["PATH"], "COLUMNS": "60", "TERM": "xterm", "LANG": "C.UTF-8"}
    code = "from gate.cli.terminal import present; import os; present('PASS: ' + 'word ' * 40 + chr(10), os.environ)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=side, cwd=ROOT, env=environ) as child:
        os.close(side)
        data = b""
        while select.select([main], [], [], 30)[0]:
            try:
                piece = os.read(main, 4096)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            data += piece
        assert child.wait(timeout=30) == 0
    os.close(main)
    text = data.decode()
    assert text.startswith("\x1b[1;32mPASS\x1b[0m: ")
    assert max(len(ESCAPE.sub("", line)) for line in text.splitlines()) <= 60
