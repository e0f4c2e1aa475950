"""How a GitHub runner finds commands in a step's output, as an oracle for tests.

Behaviour of actions/runner src/Runner.Common/ActionCommand.cs (TryParseV2, TryParse) and of .NET's ReadLine, with two
things made stricter: every command name counts as registered (``stop-commands`` can register any), and a line is also
read as a culture-sensitive search would, with the characters that ICU ignores taken out.
"""

import re
import unicodedata
from collections.abc import Iterator

# .NET StreamReader.ReadLine ends a line at CR, LF and CRLF.
_LINE_END = re.compile("\r\n|\r|\n")
_V2 = re.compile(r"\s*::(?P<info>.*?)::(?P<data>.*)", re.DOTALL)
_V1 = re.compile(r"##\[(?P<info>[^\]]*)\](?P<data>.*)", re.DOTALL)


def commands(output: str) -> Iterator[str]:
    """Every line of the output that a runner might take for a command."""
    for line in _LINE_END.split(output):
        for read in {line, without_ignorable(line)}:
            if is_command(read):
                yield line


def is_command(line: str) -> bool:
    return _V2.match(line) is not None or _V1.search(line) is not None


def without_ignorable(line: str) -> str:
    return "".join(
        char for char in line if unicodedata.category(char) not in {"Cc", "Cf", "Mn", "Me", "Cs", "Cn", "Co"}
    )
