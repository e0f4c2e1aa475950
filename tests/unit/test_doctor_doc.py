"""docs/operations.md, section doctor: its table and its example are the code's own; the command is listed and quick."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gate.cli.main import main
from gate.judge.codes.doctor import DOCTOR
from gate.judge.doctor import examine
from gate.model.basics import BucketState
from gate.model.doctor import LogSeen
from gate.render.examination import examination_text
from tests.helpers import runs
from tests.unit.judge import test_examination as judged

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "docs/operations.md").read_text(encoding="utf-8").partition("\n## doctor\n")[2].partition("\n## ")[0]


def example() -> str:
    """The answer up to its checks: a push token that is over, and logs that may not be read."""
    forbidden = (
        'the log of attic of pod nix-cache/attic-0: Error from server (Forbidden): pods/log "attic-0" is forbidden'
    )
    right = replace(judged.GRANTED, namespace="nix-cache", sources=("server-log",), granted=False)
    result = examine(
        judged.examined(
            tokens=(judged.READ, replace(judged.PUSH, expires="2026-11-23T23:00:10.000Z")),
            push=dict.fromkeys(("main", "probe"), runs.answer(401, '{"code":401,"error":"Unauthorized"}')),
            log=LogSeen(lacking=(forbidden,), late=True),
            cluster=replace(judged.CLUSTER, rights=(right,)),
            facts=judged.facts_before_a_run(),
        )
    )
    lines = examination_text(result).split("\n")
    at = lines.index("checks:")
    title = [line for line in lines[at + 1 :] if not line.startswith(("  ok ", "  not used "))]
    return "\n".join((*lines[: at + 1], *title))


def test_the_example_is_what_the_code_says() -> None:
    result = re.search(r"<!-- example: doctor -->\n```text\n(.*?)```\n", SECTION, re.DOTALL)
    assert result is not None
    assert result[1] == example()


def test_each_kind_of_check_stands_in_the_table_with_its_hint_and_nothing_else_does() -> None:
    table = SECTION.partition("| what to set or grant |\n|---|---|---|\n")[2].partition("\n\n")[0]
    assert table.strip().split("\n") == [f"| `{kind.title}` | {kind.why} | {kind.remedy} |" for kind in DOCTOR]


def test_the_exit_codes_stand_there() -> None:
    rows = re.findall(r"^\| ([0-9]) \| `([a-z]+)` \|", SECTION, re.MULTILINE)
    assert rows == [("0", "pass"), ("2", "refused"), ("3", "inconclusive"), ("4", "quarantine")]


def test_the_classes_that_fail_here_are_named() -> None:
    for state in (BucketState.INDEX_LOST, BucketState.UNSERVED, BucketState.UNLISTED):
        assert f"`{state.value}`" in SECTION


def test_the_command_is_listed_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert re.search(r"doctor +Say, before a run, which parts of its evidence", capsys.readouterr().out)


def test_its_help_loads_nothing_heavy() -> None:
    heavy = ("boto3", "botocore", "httpx", "httpcore", "pydantic", "pycurl", "cryptography", "jinja2")
    code = "import sys, gate.cli.main as m; m.main(['doctor', '--help'])"
    code += f"; print([n for n in {heavy!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert "--profile" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
