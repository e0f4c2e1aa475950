"""A whole run in an environment and a folder that are full of traps: none of them acts, and what was kept is named."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.nix, pytest.mark.slow, pytest.mark.timeout(300)]
DEAD = "http://127.0.0.1:9"


def traps(folder: Path, pwned: Path) -> dict[str, str]:
    """Files and variables that make a program run other code, or talk to another server, when they are heeded."""
    folder.mkdir()
    code = f"import pathlib; pathlib.Path({str(pwned)!r}).write_text(__name__)\n"
    for name in ("json.py", "sitecustomize.py", "usercustomize.py", "gate.py", "pydantic.py"):
        (folder / name).write_text(code, encoding="utf-8")
    (folder / "gate").mkdir()
    (folder / "gate" / "__init__.py").write_text(code, encoding="utf-8")
    (folder / "pyvenv.cfg").write_text("home = /nowhere\n", encoding="utf-8")
    (folder / "evil.sh").write_text(f"touch {pwned}\n", encoding="utf-8")
    return {
        "BASH_ENV": str(folder / "evil.sh"),
        "ENV": str(folder / "evil.sh"),
        "PYTHONPATH": str(folder),
        "PYTHONHOME": "/nowhere",
        "PYTHONSTARTUP": str(folder / "json.py"),
        "PYTHONINSPECT": "1",
        "GIT_DIR": "/nowhere",
        "GIT_SSH_COMMAND": f"touch {pwned}",
        "AWS_ENDPOINT_URL": DEAD,
        "AWS_ENDPOINT_URL_S3": DEAD,
        "HTTP_PROXY": DEAD,
        "HTTPS_PROXY": DEAD,
        "NO_PROXY": "127.0.0.1,127.0.0.2,localhost",
        "SSL_CERT_DIR": "/etc/ssl/certs",
        "KUBECONFIG": "/nowhere/config",
    }


@pytest.mark.row("RUN-19", "RUN-20")
def test_nothing_of_the_environment_or_the_folder_acts(tmp_path: Path) -> None:
    pwned, out = tmp_path / "pwned", tmp_path / "run"
    environ = traps(tmp_path / "workspace", pwned)
    command = [sys.executable, "-I", "-m", "gate", "lab", "--profile", "synthetic", "--output", str(out)]
    done = subprocess.run(
        command, cwd=tmp_path / "workspace", env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not pwned.exists()
    document = json.loads((out / "evidence.json").read_text(encoding="utf-8"))
    assert document["verdict"]["word"] == "pass"
    remaining = set(document["run"]["environment"])
    assert remaining >= {"PATH", "NIX_CONFIG"}
    never = {name for name in environ if name.startswith(("BASH", "PYTHON", "GIT", "AWS", "LD_"))} | {"ENV"}
    assert remaining & never == set()
    assert DEAD not in json.dumps(document["run"])


@pytest.mark.row("RUN-20")
def test_the_traps_are_sprung_where_they_are_heeded(tmp_path: Path) -> None:
    """The same folder without -I: the test above could fail."""
    pwned = tmp_path / "pwned"
    traps(tmp_path / "workspace", pwned)
    subprocess.run([sys.executable, "-c", "import json"], cwd=tmp_path / "workspace", check=True)
    assert pwned.read_text(encoding="utf-8") == "json"
