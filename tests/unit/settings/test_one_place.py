"""A setting is declared beside its field in the model, and is everywhere from there."""

import json
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from gate.judge.admission import weaker
from gate.judge.diff import setting_rows
from gate.model.basics import Kind
from gate.model.diff import Weight
from gate.model.policy import POLICY_SETTINGS, SECRET_SETTINGS, TOOL_SETTINGS, Policy, Tools
from gate.model.setting import Setting, settings_of
from gate.seal import assemble
from gate.settings import SETTINGS
from tests.helpers import runs

ROOT = Path(__file__).resolve().parents[3]
FIELD = """
    drive_patience: Annotated[
        float,
        Setting(meaning="Seconds that a drive may take.", table="store", least=1, most=60, compared="at-least",
                default_counts=True, subject=True),
    ] = 7.0

    @property
    def representative("""
PROGRAM = """
import json
from gate.cli.setting_flags import Flags, set_flags
from gate.errors import RefusedError
from gate.judge.diff import setting_rows
from gate.evidence.codec import canonical
from gate.judge.admission import weaker
from gate.model.policy import Policy
from gate.seal import assemble
from gate.settings import BY_NAME, resolve
from gate.settings.require import demand_of, read_require
from scripts import docs
from tests.helpers import runs

base = {"cache": {"attic-server": "https://a.example", "attic-cache": "main"}, "store": {"s3-endpoint": "https://s"},
        "require": {"guarded": [{"path": "a"}]}}
stated = {**base, "store": {**base["store"], "drive-patience": 12}}

def value(toml=base, environ=(), flags=()):
    return resolve("synthetic", toml=toml, environ=dict(environ), flags=dict(flags), read_file=str)

def demanded(toml):
    demand = demand_of("medium-check", read_require(toml), toml, {"GATE_DRIVE_PATIENCE": "1"})
    return demand.required_settings["drive_patience"]

try:
    value(environ={"GATE_DRIVE_PATIENCE": "61"}.items())
    refused = ""
except RefusedError as error:
    refused = str(error)
flag = set_flags(Flags(drive_patience=9.0))
evidence = assemble(runs.healthy().facts(), ())
other = assemble(runs.healthy().with_policy(drive_patience=8.0).facts(), ())
made = docs.documents()
print(json.dumps({
    "values": [value().policy.drive_patience, value(stated).policy.drive_patience,
               value(stated, {"GATE_DRIVE_PATIENCE": "10"}.items()).policy.drive_patience,
               value(stated, {"GATE_DRIVE_PATIENCE": "10"}.items(), flag.items()).policy.drive_patience],
    "refused": refused,
    "settings.md": [line for line in made["docs/settings.md"].split("\\n") if "drive-patience" in line],
    "action.yml": [line.strip() for line in made["action.yml"].split("\\n") if "drive-patience" in line.lower()],
    "docs/action.md": [line for line in made["docs/action.md"].split("\\n") if "drive-patience" in line],
    "demanded": [demanded(base), demanded(stated)],
    "weaker": weaker(BY_NAME["drive_patience"], 5.0, 7.0),
    "diff": [[row.subject, row.before, row.after, row.weight] for row in setting_rows(evidence, other)][0],
    "evidence": json.loads(canonical(Policy, value(stated).policy))["drive_patience"],
}))
"""


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a copy of the project says, in whose model one field was added and nothing else."""
    at = tmp_path_factory.mktemp("project")
    for name in ("gate", "scripts", "docs", "workflows", "tests/helpers", "tests/liars", ".github/workflows"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, at / name, ignore=shutil.ignore_patterns("__pycache__", ".attic*"))
    for name in ("action.yml", "README.md", "tests/__init__.py", "scripts/__init__.py"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, at / name)
    model = at / "gate" / "model" / "policy.py"
    text = model.read_text(encoding="utf-8")
    mark = "\n    @property\n    def representative("
    assert text.count(mark) == 1
    model.write_text(text.replace(mark, FIELD), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=at,
        env={"PYTHONPATH": str(at)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_a_setting_that_is_declared_once_is_everywhere(everywhere: dict[str, Any]) -> None:
    assert everywhere["values"] == [7.0, 12.0, 10.0, 9.0]  # default, gate.toml, environment, flag
    assert everywhere["refused"] == "GATE_DRIVE_PATIENCE is 61.0: expected a number from 1 to 60"
    (row,) = everywhere["settings.md"]
    assert "`GATE_DRIVE_PATIENCE` | `--drive-patience` | `[store] drive-patience` | `7` s |" in row
    assert everywhere["action.yml"] == ["drive-patience:", "GATE_DRIVE_PATIENCE: ${{ inputs.drive-patience }}"]
    assert len(everywhere["docs/action.md"]) == 1
    assert everywhere["demanded"] == [7.0, 12.0]  # whatever the environment says
    assert everywhere["weaker"] == "5 (expected 7)"
    assert everywhere["diff"] == ["drive-patience", "7.0", "8.0", "unsure"]
    assert everywhere["evidence"] == 12


def test_each_field_of_the_policy_is_a_setting_by_its_one_name() -> None:
    assert [row.name for row in POLICY_SETTINGS] == [field.name for field in fields(Policy)]
    assert [row.name for row in TOOL_SETTINGS] == [field.name for field in fields(Tools)]
    names = [row.name for row in (*POLICY_SETTINGS, *TOOL_SETTINGS, *SECRET_SETTINGS)]
    assert len(set(names)) == len(names)
    assert all(row.meaning for row in (*POLICY_SETTINGS, *TOOL_SETTINGS, *SECRET_SETTINGS))
    assert {row.part for row in SETTINGS if row.type == "secret"} == {"secrets"}
    assert {row.unit for row in SETTINGS if row.type == "seconds"} == {"s"}


def test_a_field_without_a_declaration_is_a_defect() -> None:
    from dataclasses import make_dataclass

    with pytest.raises(TypeError, match="the field size of Odd declares no setting"):
        settings_of(make_dataclass("Odd", [("size", int)]), "policy")


WEAKER: dict[str, tuple[Any, Any]] = {
    "text": ("theirs", "ours"),
    "choice": ("never", "auto"),
    "list": (("a",), ("a", "b")),
    "whole": (2, 3),
    "seconds": (0.5, 8.0),
    "flag": (False, True),
}
COMPARED = [row for row in POLICY_SETTINGS if row.compared]


@pytest.mark.row("TRU-11")
@pytest.mark.parametrize("row", COMPARED, ids=lambda row: row.name)
def test_a_run_by_a_weaker_setting_is_told_from_one_by_the_same(row: Setting) -> None:
    less, more = WEAKER[row.type]
    got, expected = (more, less) if row.compared in ("none-beyond", "never") else (less, more)
    assert weaker(row, got, expected)
    equal = False if row.compared == "never" else expected
    assert weaker(row, equal, equal) == ""


def another(row: Setting, now: object) -> Any:
    """A value of a setting that is not the one of now."""
    if row.name == "kind":
        return Kind.LAB
    if row.choices:
        return row.choices[:1] if row.type == "list" else next(choice for choice in row.choices if choice != now)
    return next(value for value in WEAKER[row.type] if value != now)


@pytest.mark.parametrize("row", POLICY_SETTINGS, ids=lambda row: row.name)
def test_what_two_runs_are_about_weighs_in_their_difference(row: Setting) -> None:
    healthy = assemble(runs.healthy().facts(), ())
    other = another(row, getattr(healthy.policy, row.name))
    changed = replace(healthy, policy=replace(healthy.policy, **{row.name: other}))
    (result,) = [each for each in setting_rows(healthy, changed) if each.subject == row.toml_key]
    assert result.weight is (Weight.UNSURE if row.subject else Weight.NOTE)
