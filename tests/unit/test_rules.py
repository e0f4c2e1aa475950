"""docs/rules.md names functions that exist, and every check."""

import ast
import re
from pathlib import Path

import pytest

from gate.judge.checks import CHECKS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
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
