"""An example of docs/kubernetes that takes a real kubectl: the line that gives ``kube-authority``."""

import base64
import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

from tests.helpers.kubectl_tool import real_kubectl

DOCUMENT = Path(__file__).parents[2] / "docs" / "kubernetes" / "README.md"
AUTHORITY = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def test_the_line_that_tells_the_authority_gives_what_the_gate_compares(tmp_path: Path) -> None:
    result = re.search(r"(?s)```console\n(kubectl config view .*?)```", DOCUMENT.read_text(encoding="utf-8"))
    assert result is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kubectl").symlink_to(real_kubectl())
    cluster = {"server": "https://x", "certificate-authority-data": base64.b64encode(AUTHORITY).decode()}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "gate"}}],
        "clusters": [{"name": "other", "cluster": {"server": "https://y"}}, {"name": "lab", "cluster": cluster}],
        "users": [{"name": "gate", "user": {"token": "t"}}],
    }
    (tmp_path / "config").write_text(json.dumps(config), encoding="utf-8")
    environ = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "KUBECONFIG": str(tmp_path / "config")}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", result[1]], env=environ, capture_output=True, check=True)
    assert done.stdout.decode().split()[0] == hashlib.sha256(AUTHORITY).hexdigest()
