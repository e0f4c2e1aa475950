"""The action, the workflows and the templates, as YAML reads them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
ACTION = ROOT / "action.yml"
REPORT = ROOT / "report-issue" / "action.yml"
ACTIONS = (ACTION, REPORT)
WORKFLOWS = sorted([*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob("workflows/*.yml")])
SCRIPTS = sorted(ROOT.glob("scripts/action/*"))
PINNED = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_./-]+@[0-9a-f]{40}")


def load(path: Path) -> dict[str, Any]:
    """The file's mapping; `on:` is the text on, not the boolean of YAML 1.1."""
    text = re.sub(r"(?m)^on:", "'on':", path.read_text(encoding="utf-8"))
    read: dict[str, Any] = yaml.safe_load(text)
    return read


def steps(path: Path) -> Iterator[dict[str, Any]]:
    """Every step of the action or of a workflow's jobs."""
    read = load(path)
    if path in ACTIONS:
        yield from read["runs"]["steps"]
        return
    for job in read["jobs"].values():
        yield from job["steps"]


def conditions(path: Path) -> Iterator[str]:
    """Every `if:`, of steps and of jobs."""
    jobs = [] if path in ACTIONS else list(load(path)["jobs"].values())
    for part in (*jobs, *steps(path)):
        if "if" in part:
            yield str(part["if"])
