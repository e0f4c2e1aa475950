"""Reading what the backend left: JSON, what steps printed, and artifacts as `require` reads them."""

import json
from pathlib import Path
from typing import Any

import pytest

from gate.github.artifact_zip import unpack
from gate.model.document import Evidence
from gate.seal import verify

MARKS = [
    pytest.mark.action,
    pytest.mark.lab,
    pytest.mark.nix,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.xdist_group("act"),
]


def read(path: Path) -> Any:
    """A JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def raw(out: Path, run: str) -> str:
    """What the steps of a run printed."""
    return (out / f"{run}.raw").read_bytes().decode("utf-8")


def downloaded(out: Path, number: int, name: str, into: Path) -> tuple[Evidence, str]:
    """The evidence in an artifact that the client uploaded, unpacked and verified, and its digest."""
    unpack((out / "artifacts" / str(number) / f"{name}.zip").read_bytes(), into / name)
    return verify(into / name)
