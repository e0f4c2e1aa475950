"""Write what is generated: settings, reason codes, trust, and the marked parts of action.yml and of other documents.

``python scripts/docs.py`` writes them; ``tests/unit/test_docs.py`` fails when they are out of date.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from gate.cli import exit_codes
from gate.judge.codes.doctor import DOCTOR, DoctorCode
from gate.judge.codes.model import Code
from gate.judge.codes.registry import CODES
from gate.model.basics import EXIT_CODES, VerdictWord
from gate.settings import PROFILES, SETTINGS, Profile, Setting

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Made by `make docs` from the code. Change the table there. -->"


def documents() -> Mapping[str, str]:
    """Every generated document by its path below the project's root."""
    action = with_part(with_part(_read("action.yml"), "settings", action_inputs()), "variables", action_variables())
    parts = {
        "README.md": {"template": template(ROOT / "workflows" / "dispatched-probe.yml")},
        "workflows/README.md": {"templates": templates()},
        "docs/action.md": {
            "inputs": inputs_table(action),
            "outputs": outputs_table(action),
            "permissions": permissions_table(),
        },
        "docs/exit-codes.md": {"exit-codes": exit_codes_table(), "commands": exit_codes.table()},
    }
    texts = {
        "docs/settings.md": settings(),
        "docs/reason-codes.md": reason_codes(),
        "docs/trust.md": trust(),
        "action.yml": action,
    }
    for path, tables in parts.items():
        texts[path] = _read(path)
        for name, lines in tables.items():
            texts[path] = with_part(texts[path], name, lines)
    return texts


def trust() -> str:
    """`docs/trust.md` from the table of lies, which belongs to the tests."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    from tests.liars.document import trust_document  # noqa: PLC0415  only where the tests are

    return trust_document().replace("# Trust\n", f"# Trust\n{NOTE}\n", 1)


def settings() -> str:
    """`docs/settings.md` from `gate.settings`."""
    lines = [
        "# Settings",
        NOTE,
        "",
        "Precedence, highest first: flag, environment, `gate.toml`, default. An unknown key in `gate.toml` is refused.",
        "A secret comes from its variable or from a file named by the variable with `_FILE`; it has no flag and no",
        "`gate.toml` key, because argv and a repository are public. Lists are separated by spaces or commas.",
        "",
        "`require` compares what a run was made with to the base branch's `gate.toml`. *Stated or default*: a file",
        "that is silent demands the default, so the environment of the job can't set it unnoticed. *Stated*: a silent",
        "file leaves it to the environment. In the evidence, each setting is a field of `policy` or of `tools`.",
        "",
        "| environment | flag | `gate.toml` | default | `require` | meaning |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {_code(row.env)} | {_code(row.flag)} | {_code(row.key)} | {_default(row.default)}"
        f"{f' {row.unit}' if row.unit else ''} | {_compared(row)} | {_cell(row.meaning)} |"
        for row in SETTINGS
    ]
    lines += [
        "",
        "## Profiles",
        "",
        "Further ones, or other bounds for these, come from `[profiles.<name>]` of `gate.toml` with the keys below.",
        "",
        *profiles_table(),
        "",
        "Their bounds, by the keys of `gate.toml`:",
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
    """`docs/reason-codes.md` from `gate.judge.codes.registry`."""
    lines = [
        "# Reason codes",
        NOTE,
        "",
        "`fail` is only for the failure class: an index or a published body that is wrong. Our own trouble, and other",
        "people's work, is `inconclusive`. Any `fail` gives **quarantine**, else any `inconclusive` gives",
        "**inconclusive**; a **pass** needs every required claim positively observed.",
        "",
        "| code | status | why | what to do |",
        "|---|---|---|---|",
    ]
    lines += [_code_row(row) for row in CODES if not isinstance(row, DoctorCode)]
    lines += [
        "",
        "The checks of `doctor` (operations.md) are codes of the same registry; evidence has none of them:",
        "",
        "| code | status | what it looks at | what to do |",
        "|---|---|---|---|",
    ]
    lines += [_code_row(row) for row in DOCTOR]
    return "\n".join(lines) + "\n"


def _code_row(row: Code) -> str:
    return f"| `{row.code}` | {', '.join(row.statuses)} | {_cell(row.why)} | {_cell(row.remedy)} |"


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
            meaning = (row.meaning + _form(row)).replace("'", "''")
            lines += [
                f"  {row.action_input}:",
                f"    description: '{meaning}'",
                "    required: false",
                "    default: ''",
            ]
    return lines


def action_variables() -> list[str]:
    """The variables by which the action's probe step hands its inputs on."""
    return [f"        {row.env}: ${{{{ inputs.{row.action_input} }}}}" for row in SETTINGS if row.action_input]


def inputs_table(action: str) -> list[str]:
    """The table of all inputs of `action.yml`."""
    by_input = {row.action_input: row for row in SETTINGS if row.action_input}
    lines = ["| input | default | meaning |", "|---|---|---|"]
    for name, row in yaml.safe_load(action)["inputs"].items():
        default = _default(by_input[name].default) if name in by_input else _code(row["default"])
        lines.append(f"| `{name}` | {default} | {_cell(row['description'])} |")
    return lines


def outputs_table(action: str) -> list[str]:
    """The table of all outputs of `action.yml`."""
    rows = yaml.safe_load(action)["outputs"].items()
    return ["| output | meaning |", "|---|---|", *(f"| `{name}` | {_cell(row['description'])} |" for name, row in rows)]


def permissions_table() -> list[str]:
    """What GitHub's token may do in each job of the workflows, and why, from their own comments."""
    lines = ["| workflow | job | permission | for what |", "|---|---|---|---|"]
    for path in sorted([*ROOT.glob("workflows/*.yml"), ROOT / ".github/workflows/trusted-publication-probe.yml"]):
        where = path.relative_to(ROOT)
        rows = _rights(path)
        lines += [f"| [{where.name}](../{where}) | {job} | `{right}` | {_cell(why)} |" for job, right, why in rows]
    return lines


def _rights(path: Path) -> list[tuple[str, str, str]]:
    """The rights of a workflow's jobs: the job's name, the permission, and the comment on its line."""
    name, rows = "", []
    for line in _read(str(path.relative_to(ROOT))).partition("\njobs:\n")[2].split("\n"):
        name = line.removeprefix("    name: ") if line.startswith("    name: ") else name
        if right := re.fullmatch(r" {6}([a-z-]+: (?:read|write)) # (.+)", line):
            rows.append((name, right[1], right[2]))
    return rows


def templates() -> list[str]:
    """The workflows to copy, whole, each behind its first line."""
    lines = []
    for path in sorted((ROOT / "workflows").glob("*.yml")):
        what = _what(_read(str(path.relative_to(ROOT))))
        lines += [f"<details><summary><code>{path.name}</code>: {what}</summary>", ""]
        lines += [*template(path), "", "</details>", ""]
    return lines[:-1]


def template(path: Path) -> list[str]:
    """One workflow to copy, whole."""
    return ["```yaml", _read(str(path.relative_to(ROOT))).rstrip(), "```"]


def _what(text: str) -> str:
    return str(yaml.safe_load(text)["name"])


def exit_codes_table() -> list[str]:
    """Word, exit code and whether it blocks."""
    meanings = {
        VerdictWord.PASS: "every claim that a pass needs was positively seen",
        VerdictWord.REFUSED: "wrong settings, tools, caps or confirm phrase; nothing of the profile was published",
        VerdictWord.INCONCLUSIVE: "something that a pass needs could not be determined, or the run was cut short",
        VerdictWord.QUARANTINE: "the index or a published body is wrong",
    }
    rows = [f"| {word.value}: {meanings[word]} | {EXIT_CODES[word]} | {_blocks(word)} |" for word in meanings]
    return ["| verdict | exit code | blocks |", "|---|---|---|", *rows]


def _blocks(word: VerdictWord) -> str:
    return "no" if word is VerdictWord.PASS else "yes"


def profiles_table() -> list[str]:
    """The built-in profiles with their phrases and bounds."""
    lines = ["| profile | publishes | at most | confirm phrase |", "|---|---|---|---|"]
    for row in PROFILES:
        what = f"outputs and sources that `{row.installable}` needed" if row.installable else "one fresh path"
        lines.append(f"| `{row.name}` | {what} | {_bounds(row)} | `{row.confirm}` |")
    return lines


def _bounds(row: Profile) -> str:
    paths = "1 path" if row.max_paths == 1 else f"{row.max_paths} paths"
    mebibytes = row.max_bytes // 2**20
    return f"{paths}, {mebibytes // 1024} GiB" if mebibytes >= 1024 else f"{paths}, {mebibytes} MiB"  # noqa: PLR2004  # MiB a GiB


def _form(row: Setting) -> str:
    if row.choices:
        return f" One of {', '.join(row.choices)}."
    return {"flag": " true or false.", "list": " Separated by blanks or commas."}.get(row.type, "")


def _read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _compared(row: Setting) -> str:
    if row.name in ("attic_server", "attic_cache"):
        return "the same: they are the subject"
    rules = {
        "same": "the same",
        "template": "the same",
        "at-least": "at least that",
        "all-of": "all of them",
        "none-beyond": "nothing beyond",
        "never": "never true",
    }
    when = "stated or default" if row.default_counts else "stated"
    return f"{rules[row.compared]} ({when})" if row.compared else ""


def _default(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return _code(" ".join(value))
    if isinstance(value, float):
        return _code(f"{value:g}")
    return _code("" if value is None else str(value))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    for path, content in documents().items():
        (ROOT / path).write_text(content, encoding="utf-8")
        sys.stderr.write(f"{path}\n")
