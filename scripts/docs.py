"""Write what is generated: settings, reason codes, and the marked parts of action.yml and docs/action.md.

``python scripts/docs.py`` writes them; ``tests/unit/test_docs.py`` fails when they are out of date.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from gate.judge.registry import CODES
from gate.settings import PROFILES, SETTINGS, Setting

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Made by `make docs` from the code. Change the table there. -->"


def documents() -> Mapping[str, str]:
    """Every generated document by its path below the project's root."""
    action = with_part(with_part(_read("action.yml"), "settings", action_inputs()), "variables", action_variables())
    told = _read("docs/action.md")
    for name, table in (("inputs", inputs_table(action)), ("outputs", outputs_table(action))):
        told = with_part(told, name, table)
    return {
        "docs/settings.md": settings(),
        "docs/reason-codes.md": reason_codes(),
        "action.yml": action,
        "docs/action.md": told,
    }


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
        f"| {_code(row.env)} | {_code(row.flag)} | {_code(row.key)} | {_default(row.default)} | {_cell(row.meaning)} |"
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


def with_part(text: str, name: str, lines: list[str]) -> str:
    """The text with these lines between the line that has ``name: begin`` in it and the one that has ``name: end``."""
    begin, end = (rf"(?m)^.*(?:#|<!--) {name}: {word}\b.*$" for word in ("begin", "end"))
    head = re.search(begin, text)
    tail = re.search(end, text)
    if head is None or tail is None:
        message = f"no lines '{name}: begin' and '{name}: end' to write between"
        raise SystemExit(message)
    return "\n".join((text[: head.end()], *lines, text[tail.start() :]))


def action_inputs() -> list[str]:
    """The inputs of `action.yml` that are settings."""
    lines = []
    for row in SETTINGS:
        if row.action_input:
            said = (row.meaning + _form(row)).replace("'", "''")
            lines += [f"  {row.action_input}:", f"    description: '{said}'", "    required: false", "    default: ''"]
    return lines


def action_variables() -> list[str]:
    """The variables by which the action's probe step hands its inputs on."""
    return [f"        {row.env}: ${{{{ inputs.{row.action_input} }}}}" for row in SETTINGS if row.action_input]


def inputs_table(action: str) -> list[str]:
    """The table of all inputs of `action.yml`."""
    known = {row.action_input: row for row in SETTINGS if row.action_input}
    lines = ["| input | default | meaning |", "|---|---|---|"]
    for name, row in yaml.safe_load(action)["inputs"].items():
        default = _default(known[name].default) if name in known else _code(row["default"])
        lines.append(f"| `{name}` | {default} | {_cell(row['description'])} |")
    return lines


def outputs_table(action: str) -> list[str]:
    """The table of all outputs of `action.yml`."""
    rows = yaml.safe_load(action)["outputs"].items()
    return ["| output | meaning |", "|---|---|", *(f"| `{name}` | {_cell(row['description'])} |" for name, row in rows)]


def _form(row: Setting) -> str:
    if row.choices:
        return f" One of {', '.join(row.choices)}."
    return {"flag": " true or false.", "list": " Parted by blanks or commas."}.get(row.type, "")


def _read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _default(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return _code(" ".join(value))
    return _code("" if value is None else str(value))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    for path, content in documents().items():
        (ROOT / path).write_text(content, encoding="utf-8")
        sys.stderr.write(f"{path}\n")
