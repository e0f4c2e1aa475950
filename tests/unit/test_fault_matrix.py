"""Every row of the fault matrix is proved by a test that names it; no test names a row that is not there."""

import ast
import csv
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"[A-Z][A-Z0-9]+-[0-9]{2}")
MATRIX = ROOT / "fixtures" / "fault-matrix.tsv"


def rows() -> dict[str, dict[str, str]]:
    with MATRIX.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file, delimiter="\t")}


def named() -> set[str]:
    return {name for path in sorted((ROOT / "tests").rglob("test_*.py")) for name in marks(path)}


def marks(path: Path) -> Iterator[str]:
    """The arguments of every ``pytest.mark.row(…)``, and the names in a table called ``ROWS``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.row":
            yield from (ast.literal_eval(argument) for argument in node.args if not isinstance(argument, ast.Starred))
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == "ROWS" for target in targets):
                texts = (part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant))
                yield from (text for text in texts if isinstance(text, str) and ROW.fullmatch(text))


def test_every_row_that_is_due_has_a_test() -> None:
    due = {name for name, row in rows().items() if row["priority"] != "later"}
    assert sorted(due - named()) == []


def test_every_named_row_is_in_the_matrix() -> None:
    assert sorted(named() - set(rows())) == []
