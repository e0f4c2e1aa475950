"""docs/example-summary.md is one of a real run of the incident, in today's form; README.md has its first lines."""

import re
from pathlib import Path

import pytest

from gate.judge.codes.registry import BY_CODE
from gate.judge.scope import BOUNDARY
from gate.judge.verdict import judge
from gate.model.basics import EXIT_CODES
from gate.render import text
from gate.render.overview import LAB_NOTICE
from tests.unit.render import samples

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / "docs" / "example-summary.md").read_text(encoding="utf-8")
EXIT_CODES_PAGE = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
FIRST_LINES = 9
MAY_BE_LEFT_OUT = {"commit", "by", "flags", "sources said absent"}


def block(document: str) -> list[str]:
    """The lines of the example between the marks."""
    marked = document.partition("<!-- summary:begin -->\n")[2].partition("<!-- summary:end -->")[0]
    example = re.fullmatch(r"```text\n(.+)\n```\n", marked, re.DOTALL)
    assert example is not None, "fill the block between the summary marks: run `make docs`"
    return example[1].split("\n")


def shown() -> list[str]:
    return block(EXAMPLE)


def row_names(lines: list[str]) -> list[str]:
    """The names of the facts: everything up to the first line that begins a list."""
    begin = next(number for number, line in enumerate(lines) if line.startswith("verdict:"))
    facts = lines[begin : lines.index("publications, in order:")]
    return [line.partition(":")[0] for line in facts if line]


def headings(lines: list[str]) -> list[str]:
    return [line for line in lines if re.fullmatch(r"[a-z][a-z, ]+:", line)]


def test_it_has_the_renderers_rows_and_headings() -> None:
    today = text.summary(samples.quarantined(), "build/evidence").splitlines()
    assert [name for name in row_names(shown()) if name not in MAY_BE_LEFT_OUT] == [
        name for name in row_names(today) if name not in MAY_BE_LEFT_OUT
    ]
    assert headings(shown()) == headings(today)


def test_the_readme_has_its_first_lines() -> None:
    assert block(README) == shown()[:FIRST_LINES]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_readme_shows_the_report_in_both_themes(theme: str) -> None:
    name = f"docs/pictures/incident-{theme}.png"
    assert f'"{name}"' in README
    assert (ROOT / name).read_bytes().startswith(b"\x89PNG")


def test_it_is_the_incident_of_the_lab() -> None:
    lines = shown()
    _, verdict = judge(samples.quarantined())
    assert lines[0] == LAB_NOTICE
    assert lines[2] == f"QUARANTINE: {verdict.headline}"
    assert any(re.fullmatch(r"profile: +medium-check \(build-closure; lab evidence\)", line) for line in lines)
    assert any(
        re.match("  profile to main: exit 1; 22 attempted: 0 uploaded, 1 deduplicated,.* 21 failed", line)
        for line in lines
    )
    assert any(re.fullmatch("attic +indexed +(index-lost|flapping) +index-lost", line) for line in lines)


def test_its_codes_and_its_boundary_are_todays() -> None:
    lines = shown()
    codes = [result[1] for line in lines if (result := re.match(r"  ([a-z0-9-]+) \(\d+\)", line))]
    assert "bucket-index-lost" in codes
    assert [code for code in codes if code not in BY_CODE] == []
    start = lines.index("what this verdict is, and is not:")
    assert lines[start + 1 : start + 1 + len(BOUNDARY)] == [f"  - {sentence}" for sentence in BOUNDARY]


@pytest.mark.parametrize("document", [README, EXAMPLE], ids=["README.md", "example-summary.md"])
def test_no_path_of_the_machine_that_made_it_is_shown(document: str) -> None:
    assert re.findall(r"(?<![\w.-])/(?:work|root|home)/[^\s]*", document) == []


def test_the_table_of_exit_codes_is_the_programs() -> None:
    table = dict(re.findall(r"^\| (\w+)[^|]* \| (\d) \| (?:yes|no) \|$", EXIT_CODES_PAGE, re.MULTILINE))
    assert table == {word.value: str(code) for word, code in EXIT_CODES.items()}


def test_the_first_paragraph_of_the_readme_has_the_exit_codes_too() -> None:
    words = dict(re.findall(r"\*\*(\w+)\*\* \((?:exit code )?(\d)\)", README))
    assert words == {word.value: str(code) for word, code in EXIT_CODES.items()}
