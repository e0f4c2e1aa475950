"""Print the section of CHANGELOG.md of a version: the text of its release.

``python scripts/release_notes.py VERSION``; exit code 2 when the version is not that of the package, or has no section.
Needs nothing but Python's own library.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSION = re.compile(r'(?m)^__version__ = "(.+)"$')


def section(changelog: str, version: str) -> str | None:
    """The text below ``## [VERSION] - DATE``, up to the next version or the links at the end; None without one."""
    head = re.search(rf"(?m)^## \[{re.escape(version)}\] - \d{{4}}-\d{{2}}-\d{{2}}\n", changelog)
    if head is None:
        return None
    return re.split(r"(?m)^(?:## |\[)", changelog[head.end() :])[0].strip() or None


def main(arguments: list[str]) -> int:
    """Print the notes; 2 and a sentence when there are none."""
    package = VERSION.search((ROOT / "gate" / "__init__.py").read_text(encoding="utf-8"))
    if len(arguments) != 1 or package is None or package[1] != arguments[0]:
        sys.stderr.write(f"release: expected the version of gate/__init__.py, {package and package[1]}: {arguments}\n")
        return 2
    notes = section((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), arguments[0])
    if notes is None:
        sys.stderr.write(f"release: CHANGELOG.md has no section '## [{arguments[0]}] - DATE' with text in it\n")
        return 2
    sys.stdout.write(notes + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
