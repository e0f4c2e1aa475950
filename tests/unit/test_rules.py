"""The documents name files and names of the code that exist; docs/rules.md names every check."""

import ast
import importlib
import re
import tomllib
from pathlib import Path

import pytest

from gate.judge.checks import CHECKS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
GUIDES = [ROOT / "CONTRIBUTING.md", *(ROOT / "docs" / name for name in ("architecture.md", "rules.md"))]
GUIDES += sorted(ROOT.glob("docs/adr/*.md"))
ROOMS = {path.stem for path in (ROOT / "gate").iterdir() if path.suffix in ("", ".py")} - {"__init__", "__pycache__"}
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"build", "dist"}
FILE_ENDINGS = ("html", "json", "jsonl", "log", "md", "py", "toml")
GLOSSARY_TERMS = 25
IMPORT_NAMES = {"pyjwt": "jwt"}  # of those packages whose module has another name
PACKAGES = dict(
    re.findall(r"(?m)^\| ([\w-]+) \| [^|]+ \| `([\w/]+\.py)` \|$", (ROOT / "docs/architecture.md").read_text("utf-8"))
)
NAMED = sorted(set(re.findall(r"`(gate/[\w/]+\.py):(\w+)`", TEXT)))


@pytest.mark.parametrize(("path", "function"), NAMED, ids=lambda text: text)
def test_each_function_that_the_rules_name_is_there(path: str, function: str) -> None:
    module = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert function in {node.name for node in module.body if isinstance(node, ast.FunctionDef)}


def test_the_rules_name_every_check() -> None:
    checks = {(f"{check.__module__.replace('.', '/')}.py", check.__name__) for check in CHECKS}
    assert checks <= set(NAMED)


def test_the_section_that_the_code_cites_is_there() -> None:
    cited = {
        number
        for path in ROOT.glob("gate/**/*.py")
        for number in re.findall(r"design section (\d+)", path.read_text(encoding="utf-8"))
    }
    assert cited <= set(re.findall(r"(?m)^## (\d+)\. ", TEXT))


def quoted(text: str) -> set[str]:
    """What a document has between backticks, without its fenced examples."""
    return set(re.findall(r"`([^`\s]+)`", re.sub(r"(?ms)^ *```.*?^ *```", "", text)))


def missing_names(text: str) -> list[str]:
    """The files, folders and Python names of this project that a document names and that do not exist.

    A path starts at the project's root or below ``gate/``; a Python name with dots may leave out ``gate`` too.
    """
    missing = []
    for name in sorted(quoted(text)):
        path = name.partition(":")[0].rstrip("/")
        if re.fullmatch(r"[\w.*-]+(/[\w.*-]+)+", path) and path.partition("/")[0] in FOLDERS | ROOMS:
            exists = any(list(root.glob(path)) for root in (ROOT, ROOT / "gate"))
        elif re.fullmatch(r"\w+(\.\w+)+", path) and path.partition(".")[0] in {"gate", *ROOMS}:
            exists = path.rpartition(".")[2] in FILE_ENDINGS or is_python_name(path.removeprefix("gate."))
        else:
            continue
        if not exists:
            missing.append(name)
    return missing


def is_python_name(name: str) -> bool:
    """Whether a dotted name below ``gate`` is a module, or something in one."""
    module, _, attribute = f"gate.{name}".rpartition(".")
    try:
        return hasattr(importlib.import_module(module), attribute) or bool(importlib.import_module(f"gate.{name}"))
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_names_exists(path: Path) -> None:
    assert missing_names(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "name",
    ["gate/judge/required.py", "judge/*_codes.py", "tests/helpers/tapes.py", "probe.Site", "gate.judge.registry"],
)
def test_a_name_that_does_not_exist_is_caught(name: str) -> None:
    assert missing_names(f"See `{name}`, `probe.World`, `gate/seal.py:seal` and `judge/checks/`.") == [name]


def test_the_glossary_is_short_and_the_readme_leads_to_it() -> None:
    section = (
        (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("\n## Glossary\n")[2].partition("\n## ")[0]
    )
    terms = re.findall(r"(?m)^\| ([^|]+) \| [^|]+ \|$", section)[1:]
    assert 0 < len(terms) <= GLOSSARY_TERMS
    assert {"narinfo", "NAR", "closure", "substituter", "canary pair", "twin", "epoch", "control", "drill"} <= set(
        terms
    )
    assert "](CONTRIBUTING.md#glossary)" in (ROOT / "README.md").read_text(encoding="utf-8")


def imported(path: Path) -> set[str]:
    """The top packages that a module imports, anywhere in its text."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize(("package", "module"), PACKAGES.items())
def test_the_module_that_is_named_imports_the_package(package: str, module: str) -> None:
    assert IMPORT_NAMES.get(package, package.replace("-", "_")) in imported(ROOT / module)


def test_every_package_of_a_run_has_its_row() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {re.split(r"[^\w-]", row)[0] for row in project["dependencies"]} <= set(PACKAGES)
    assert {"httpx", "pyjwt", "zstandard", "boto3", "pydantic", "pytest", "pytest-httpserver"} <= set(PACKAGES)
