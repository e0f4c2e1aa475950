"""Who must review what: `.github/CODEOWNERS` here, and the one that docs/required-check.md gives to copy."""

import re
import subprocess
from pathlib import Path

import pytest
from codeowners import CodeOwners

ROOT = Path(__file__).resolve().parents[2]
OWN = ROOT / ".github" / "CODEOWNERS"
REVIEWERS = "@OWNER/gate-reviewers"
# What decides, by the first name of its path: code, what calls it, what is installed with it, what tests it.
DECIDING = (
    *(".ci", ".github", "Makefile", "action.yml", "fixtures", "flake.nix", "fuzz", "gate", "pyproject.toml"),
    *("report-issue", "requirements", "scripts", "tests", "workflows"),
)
# Forms that GitHub and every reader of the file take alike: it has no negation and no ranges, and skips a line that it
# can't read (docs.github.com, About code owners, CODEOWNERS syntax).
LINE = re.compile(r"(\*|/[A-Za-z0-9._/-]+)( @OWNER/[a-z-]+)+")


def files() -> list[str]:
    """Every file of the project, those that are not yet committed too."""
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(listed, check=True, capture_output=True, text=True).stdout
    return [name for name in answer.split("\0") if name]


def unguarded(text: str) -> list[str]:
    """The files that decide and that another than the reviewers may let pass."""
    owners = CodeOwners(text)
    deciding = [name for name in files() if name.partition("/")[0] in DECIDING]
    assert {name.partition("/")[0] for name in deciding} == set(DECIDING)
    return [name for name in deciding if owners.of(name) != [("TEAM", REVIEWERS)]]


@pytest.mark.row("RUN-33")
def test_every_file_that_decides_is_the_reviewers() -> None:
    assert unguarded(OWN.read_text(encoding="utf-8")) == []


@pytest.mark.row("RUN-33")
@pytest.mark.parametrize(
    ("line", "loses"),
    [
        ("/gate/", "gate/seal.py"),
        ("*.yml @OWNER/maintainers", "action.yml"),
        ("CODEOWNERS @OWNER/maintainers", ".github/CODEOWNERS"),
        ("/.github/workflows/", ".github/workflows/ci.yml"),
        ("**/*.txt @someone", "requirements/runtime.txt"),
    ],
)
def test_a_later_line_that_takes_a_file_away_is_seen(line: str, loses: str) -> None:
    assert loses in unguarded(OWN.read_text(encoding="utf-8") + line + "\n")


def test_a_line_that_is_left_out_is_seen() -> None:
    text = OWN.read_text(encoding="utf-8")
    for name in DECIDING:
        fewer, absence = re.subn(rf"(?m)^/{re.escape(name)}/? .*\n", "", text)
        assert absence == 1, name
        assert {each.partition("/")[0] for each in unguarded(fewer)} == {name}


def test_every_file_has_an_owner_and_every_line_is_one_that_github_reads() -> None:
    text = OWN.read_text(encoding="utf-8")
    owners = CodeOwners(text)
    assert [name for name in files() if not owners.of(name)] == []
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    assert [line for line in lines if not LINE.fullmatch(line)] == []


def test_no_other_file_stands_in_its_place() -> None:
    """GitHub takes the first of .github/, the root and docs/."""
    assert [name for name in files() if Path(name).name == "CODEOWNERS"] == [".github/CODEOWNERS"]


@pytest.mark.row("RUN-33")
def test_the_one_to_copy_covers_what_decides_in_the_probed_repository() -> None:
    text = (ROOT / "docs" / "required-check.md").read_text(encoding="utf-8")
    block = re.search(r"(?s)```\n( +/gate\.toml.*?)```", text)
    assert block is not None
    owners = CodeOwners(block[1])
    decide = ("gate.toml", ".github/CODEOWNERS", ".github/workflows/required-pr-check.yml")
    for name in (*decide, ".github/actions/push-to-attic/action.yml", "nix/trusted-caches.nix"):
        assert owners.of(name) == [("TEAM", "@OWNER/cache-operators")], name
    assert owners.of("README.md") == []
