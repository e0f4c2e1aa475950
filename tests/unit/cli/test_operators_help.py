"""The operators' commands: their help is quick, and names the flags of their runbook."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SHARED = ("--s3-endpoint", "--markers", "--samples", "--sample-spacing", "--json-into", "--format", "--config")
FLAGS = {
    "rustfs-bucket-index-rca": ("--bucket", "--scratch-probe", "--strict-scratch-disk-marker"),
    "tofu-state-ha-readiness": ("--expect-interim", "--key", "--prefix"),
}


@pytest.mark.parametrize("command", FLAGS)
def test_help_loads_nothing_heavy_and_names_every_flag(command: str) -> None:
    heavy = ("boto3", "botocore", "httpx", "httpcore", "pydantic", "pycurl", "cryptography", "jinja2")
    code = (
        f"import sys, gate.cli.main as m; m.main([{command!r}, '--help']);"
        f" print([n for n in {heavy!r} if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(flag in done.stdout for flag in (*SHARED, *FLAGS[command]))


def test_the_list_of_commands_does_not_load_them() -> None:
    code = "import sys, gate.cli.main as m; m.main(['--help']); print('gate.cli.operators' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"
    assert all(command in done.stdout for command in FLAGS)
