"""Write the generated documents: the settings and the reason codes, from the tables that the code itself uses.

``python scripts/docs.py`` writes them; ``tests/unit/test_docs.py`` fails when they are out of date.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from gate.judge.registry import CODES
from gate.settings import PROFILES, SETTINGS

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Made by `make docs` from the code. Change the table there. -->"


def documents() -> Mapping[str, str]:
    """Every generated document by its path below the project's root."""
    return {"docs/settings.md": settings(), "docs/reason-codes.md": reason_codes()}


def settings() -> str:
    """`docs/settings.md` from `gate.settings`."""
    lines = [
        "# Settings",
        NOTE,
        "",
        "Precedence, highest first: flag, environment, `gate.toml`, default. An unknown key in `gate.toml` is refused.",
        "A secret comes from its variable or from a file named by the variable with `_FILE`; it has no flag and no",
        "`gate.toml` key, because argv and a repository are public. Lists are parted by blanks or commas.",
        "",
        "| environment | flag | `gate.toml` | default | meaning |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{row.env}` | {_code(row.flag)} | {_code(row.key)} | {_default(row.default)} | {_cell(row.meaning)} |"
        for row in SETTINGS
    ]
    lines += [
        "",
        "## Profiles",
        "",
        "Further ones, or other bounds for these, come from `[profiles.<name>]` of `gate.toml` with the keys below.",
        "",
        "| profile | confirm phrase | push-set | installable | min-paths | max-paths | max-bytes | min-fresh |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{row.name}` | `{row.confirm}` | `{row.push_set}` | {_code(row.installable) or '`builtins.toFile`'} "
        f"| {row.min_paths} | {row.max_paths} | {row.max_bytes} | {row.min_fresh} |"
        for row in PROFILES
    ]
    return "\n".join(lines) + "\n"


def reason_codes() -> str:
    """`docs/reason-codes.md` from `gate.judge.registry`."""
    lines = [
        "# Reason codes",
        NOTE,
        "",
        "`fail` is for the failure class alone: index or published truth that is wrong. Our own trouble, and other",
        "people's work, is `inconclusive`. Any `fail` gives **quarantine**, else any `inconclusive` gives",
        "**inconclusive**; a **pass** needs every required claim positively observed.",
        "",
        "| code | status | why | what to do |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{row.code}` | {', '.join(row.statuses)} | {_cell(row.why)} | {_cell(row.remedy)} |" for row in CODES]
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _default(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return _code(" ".join(value))
    return _code("" if value is None else str(value))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    for path, content in documents().items():
        (ROOT / path).write_text(content, encoding="utf-8")
        sys.stderr.write(f"{path}\n")
