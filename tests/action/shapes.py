"""What of a workflow or an action decides what runs, when, and with which rights: everything but words for people.

``python -m tests.action.shapes`` writes `EXPECTED` anew; a change of that file is a change of rights or conditions, and
is reviewed as one.
"""

import json
import re
from pathlib import Path
from typing import Any, Final

from tests.action.files import ACTIONS, ROOT, WORKFLOWS, load

EXPECTED: Final = ROOT / "tests" / "action" / "expected-workflows.json"
PLACES: Final = [*ACTIONS, *WORKFLOWS]
_WORDS: Final = ("description", "author", "branding")
_COMMIT: Final = re.compile(r"@[0-9a-f]{40}$")
_SETTING: Final = re.compile(r"GATE_(?!ACTION_|ISSUE_)")  # made from the table of settings, which test_files compares


def shape(document: dict[str, Any]) -> dict[str, Any]:
    """The document without descriptions, commits of pinned actions, and what the table of settings makes."""
    result: dict[str, Any] = _shape(document)
    if "runs" in result:  # an action: its inputs and outputs are compared with their tables
        result = {key: value for key, value in result.items() if key not in ("inputs", "outputs", "name")}
    return result


def _shape(node: object) -> Any:  # YAML
    if isinstance(node, dict):
        return {
            str(key): _COMMIT.sub("", value) if key == "uses" else _shape(value)
            for key, value in node.items()
            if key not in _WORDS and not _SETTING.match(str(key))
        }
    return [_shape(each) for each in node] if isinstance(node, list) else node


def name_of(path: Path) -> str:
    """A file's place in the repository."""
    return str(path.relative_to(ROOT))


def expected() -> dict[str, Any]:
    """The documents as they must be, by their places."""
    read: dict[str, Any] = json.loads(EXPECTED.read_text(encoding="utf-8"))
    return read


if __name__ == "__main__":
    made = {name_of(path): shape(load(path)) for path in PLACES}
    EXPECTED.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
