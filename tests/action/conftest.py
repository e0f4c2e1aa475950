"""What the runs of act and the cancelled runs left, made once for all tests that look at it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.action.files import ROOT

BACKEND = Path(__file__).with_name("backend.py")


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the backend saw of all its runs."""
    folder = tmp_path_factory.mktemp("act")
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(BACKEND), str(folder)], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder
