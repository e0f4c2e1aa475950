"""The house stays in order: no import cycle, short files, and names and texts that a stranger understands."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.house import (
    BANNED_NAMES,
    BEFORE,
    BEFORE_BY_ROOM,
    Module,
    banned_definitions,
    by_room,
    cycles,
    duplicate_classes,
    imports,
    one_importer,
    read_modules,
    report,
    single_use_helpers,
)

ROOT = Path(__file__).resolve().parents[2]
MODULES = read_modules(ROOT)
FILE_LINES = 600
README_LINES = 220

# The names of the JSON of `quarantine` and of gate.toml's [quarantine], which users read and write.
DOCUMENTED_NAMES = ["gate.model.gating: field held", "gate.model.gating: field met"]

# Phrases of texts that a reader has to translate. Those in the first table are gone and stay so.
BANNED_TEXTS = (
    *(r"\b(could|can|cannot|may) not be told\b", r"\bnot to be told\b", r"\bto be told\b", r"\bmend(s|ed|ing)?\b"),
    *(r"\bparted\b", r"\bof weight\b", r"\bcomes? as stated\b", r"\bas (they|it) stands?\b", r"\bstands\b"),
    *(r"\bown word\b", r"\bnobody else's\b", r"\bof its own\b", r"\bhalf of it is missing\b"),
    *(r"\bwhat of (its?|them|an?|the)\b", r"(?-i:(?<!there )\b(is|are|was|were) none\b)"),
)
# RustFS's own message.
QUOTATIONS = ("fallback disk is none",)
TEXT_FILES = sorted(
    path
    for pattern in ("gate/**/*", "docs/**/*", "workflows/*", "README.md", "CONTRIBUTING.md", "action.yml")
    for path in ROOT.glob(pattern)
    if path.suffix in {".py", ".md", ".yml", ".yaml", ".j2", ".sh", ".toml", ".json", ".service"}
)
TEXTS = {
    path: re.sub("|".join(QUOTATIONS), "", " ".join(path.read_text(encoding="utf-8").split())) for path in TEXT_FILES
}


def matches(patterns: tuple[str, ...], texts: dict[Path, str]) -> list[str]:
    """Each place where one of the patterns matches, as ``file: the words around it``."""
    return [
        f"{path.name}: …{text[max(match.start() - 40, 0) : match.end() + 40]}…"
        for path, text in texts.items()
        for pattern in patterns
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]


@pytest.fixture
def package(tmp_path: Path) -> Callable[..., tuple[Module, ...]]:
    """The modules of a package ``gate`` with these files; ``a__b`` is a/b.py."""

    def write(**files: str) -> tuple[Module, ...]:
        for name, source in files.items():
            path = tmp_path / "gate" / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        return read_modules(tmp_path)

    return write


def test_no_modules_import_one_another() -> None:
    assert cycles(imports(MODULES)) == []


def test_a_cycle_is_caught_through_types_packages_and_relative_imports(
    package: Callable[..., tuple[Module, ...]],
) -> None:
    modules = package(
        a="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from gate import b\n",
        b="def f() -> None:\n    import gate.room.c\n",
        room__c="from ..a import x\nfrom gate.other import y\n",
        other="import gate.b.missing\n",
    )
    assert cycles(imports(modules)) == [["gate.a", "gate.b", "gate.room.c"]]
    assert imports(modules)["gate.room.c"] == {"gate.a", "gate.other"}
    assert one_importer(imports(modules)) == ["gate.a", "gate.b", "gate.other", "gate.room.c"]


def test_files_are_short() -> None:
    long = [f"{module.name}: {module.lines} lines" for module in MODULES if module.lines > FILE_LINES]
    assert long == [], f"more than {FILE_LINES}: split by concept"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= README_LINES


def test_no_definition_has_a_banned_name() -> None:
    definitions = {
        f"{each.module}: {each.kind} {each.name}" for module in MODULES for each in banned_definitions(module)
    }
    assert sorted(definitions) == DOCUMENTED_NAMES


@pytest.mark.parametrize(
    "source",
    [
        "def told(): ...",
        "def _told(self): ...",
        "def f(*, seen): ...",
        "f = lambda *seen: 0",
        "class Made: ...",
        "class A:\n    held: int",
        "found = 1",
        "for way in (): ...",
        "if (found := 1): ...",
        "(found for found in ())",
        "try: ...\nexcept E as said: ...",
        "with a as left: ...",
        "match a:\n    case {'x': seen}: ...",
        "match a:\n    case [*seen]: ...",
        "match a:\n    case {**seen}: ...",
        "_GONE = 1",
    ],
)
def test_a_banned_name_is_caught(source: str, package: Callable[..., tuple[Module, ...]]) -> None:
    (module,) = package(a=source)
    assert len(banned_definitions(module)) == 1


@pytest.mark.parametrize("source", ["error.told", "f(told=1)", "seen_paths = 1", "import told", '"""Told."""'])
def test_other_names_are_not_caught(source: str, package: Callable[..., tuple[Module, ...]]) -> None:
    (module,) = package(a=source)
    assert banned_definitions(module) == []


def test_banned_names_are_single_words() -> None:
    assert [name for name in BANNED_NAMES if not re.fullmatch(r"[a-z]+", name)] == []


def test_class_names_are_unique(package: Callable[..., tuple[Module, ...]]) -> None:
    assert duplicate_classes(MODULES) == {}
    assert duplicate_classes(package(a="class X: ...", b="class X: ...\nclass Y: ...")) == {"X": ["gate.a", "gate.b"]}


def test_banned_texts_are_gone() -> None:
    assert matches(BANNED_TEXTS, TEXTS) == []


@pytest.mark.parametrize(
    "text", ["It could not be told.", "Mend the source.", "Names, parted by commas", "0: nothing of weight"]
)
def test_a_banned_text_is_caught(text: str) -> None:
    assert len(matches(BANNED_TEXTS, {Path("a.md"): text})) == 1


def test_a_helper_that_is_called_once_is_counted(package: Callable[..., tuple[Module, ...]]) -> None:
    (module,) = package(
        a="def _once(): ...\ndef _twice(): ...\ndef _recursive():\n    _recursive()\n"
        "def public():\n    _once(), _twice(), _twice(), _recursive(), self._method()\n"
        "class A:\n    def _method(self): ...\n    def __len__(self): ...\n"
    )
    assert single_use_helpers(module) == ["_method", "_once", "_recursive"]


def test_the_report_has_each_room_and_each_total() -> None:
    text = "\n".join(report(MODULES, 200))
    for name in (*BEFORE, *BEFORE_BY_ROOM, *by_room(MODULES)):
        assert re.search(rf"(?m)^{re.escape(name)} +\d+", text), name
    assert sum(lines for _, lines in BEFORE_BY_ROOM.values()) == BEFORE["lines"]
    assert (
        sum(lines for room, (_, lines) in BEFORE_BY_ROOM.items() if room != "gate/lab")
        == BEFORE["lines without gate/lab"]
    )
    assert Counter(module.room for module in MODULES).keys() == by_room(MODULES).keys()
