"""README.md and the documents say what the code does: commands, settings, examples and links."""

import re
import tomllib
from pathlib import Path

import pytest

from gate.cli.main import app
from gate.judge.scope import BOUNDARY
from gate.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
START = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
FOLDERS = ("bench", "workflows")
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *(ROOT / folder / "README.md" for folder in FOLDERS)]
)
EXAMPLES = re.findall(r"(?s)```toml\n(.*?)```", START)
GROUPS = ("| run | what it does |", "| look | what it does |", "| decide | what it does |")
LINES = 220  # a reader finds the right door on the first screen, and the rest within a few
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]+)?(?:#([^)\s]+))?\)")


def commands() -> set[str]:
    """The commands that ``--help`` shows."""
    return {name for name in app if not name.startswith("-") and app[name].show}


def table(text: str, head: str) -> list[list[str]]:
    """The cells of the table that begins with this line."""
    lines = text.partition(head + "\n")[2].split("\n")[1:]
    rows = lines[: next(number for number, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def shown_commands() -> list[tuple[str, str]]:
    """Each command of the three tables with what follows it, its flags first."""
    return [
        (name, rest)
        for head in GROUPS
        for first, _ in table(README, head)
        for name, rest in re.findall(r"`([a-z-]+)([^`]*)`", first)
    ]


def test_the_tables_of_commands_have_each_of_them_once() -> None:
    assert sorted(name for name, _ in shown_commands()) == sorted(commands())


def test_every_flag_of_the_tables_of_commands_is_one() -> None:
    flags = {name: set(re.findall(r"--[a-z-]+", rest)) for name, rest in shown_commands()}
    assert flags["probe"] == {"--profile", "--confirm", "--output"}
    for name in ("probe", "lab", "capture", "watch", "rustfs-bucket-index-rca", "attic-nar-integrity-check"):
        text = flags.pop(name)
        takes = {flag for argument in app[name].assemble_argument_collection() for flag in argument.names}
        assert text, name
        assert text <= takes, name
    assert not any(flags.values())


def test_the_readme_stays_short() -> None:
    assert len(README.splitlines()) <= LINES


@pytest.mark.parametrize("text", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_key_of_an_example_is_a_setting(text: str) -> None:
    facts = {row.key for row in SETTINGS if row.key}
    read = tomllib.loads(text)
    used = {f"[{section}] {key}" for section, keys in read.items() for key in keys}
    assert used
    assert used <= facts


def test_every_secret_is_named() -> None:
    text = {
        name
        for row in table(START, "| variable | what it must be able to do |")
        for name in re.findall(r"`(GATE_[A-Z_0-9]+)`", row[0])
    }
    assert text == {row.env for row in SETTINGS if row.type == "secret"}


def test_the_boundary_is_shown_in_its_own_words() -> None:
    words = " ".join(README.split())
    assert [line for line in BOUNDARY if line.split(":")[0].rstrip(".") not in words] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    text = re.sub(r"(?s)```.*?```", "", path.read_text(encoding="utf-8"))
    for target, anchor in LINK.findall(text):
        result = (path.parent / target).resolve() if target else path
        assert result.exists(), target
        if anchor and result.suffix == ".md":
            heads = re.findall(r"(?m)^#+ (.+)$", result.read_text(encoding="utf-8"))
            assert anchor in {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads}, anchor
