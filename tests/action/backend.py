"""The lab as the backend of workflows that `act` runs: one stack, several runs, all in one private /nix.

    python tests/action/backend.py OUT

A process of its own, because a private /nix is for a whole process and its children. Everything that was seen lies in
OUT afterwards: ``<run>.json`` with exit code and seconds of each run of act, ``<run>.raw`` with what its steps printed,
``steps.json`` with the drill's outputs, ``artifacts/`` with what was uploaded.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gate.clock import SystemClock
from gate.lab.attic_stack import BUCKET
from gate.lab.place import enter
from gate.lab.stack import Stack
from gate.process import CancelToken
from gate.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
CHECKOUT = "3d3c42e5aac5ba805825da76410c181273ba90b1"
SETUP = "5fda3b95a4ea91299a34e894583c3862153e4b97"
UPLOAD = "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a"
PLACEHOLDER = "0" * 40
GATE_COMMIT = "1" * 40
# What a checkout of a release gives, and nothing of this working copy's own.
SHIPPED = ("action.yml", "gate", "requirements", "scripts")
ACT_SECONDS = 300


def main(out: Path) -> None:
    enter(os.environ)
    with Stack(os.environ, cancel=CancelToken(), clock=SystemClock()) as stack:
        site = Site(stack, out)
        site.make()
        watcher = threading.Thread(target=site.obey, daemon=True)
        watcher.start()
        site.act("drill", HERE / "workflows" / "drill.yml")
        site.act("dispatched", ROOT / "workflows" / "dispatched-probe.yml", confirm="probe-attic-publication-synthetic")
        site.act("mistyped", ROOT / "workflows" / "dispatched-probe.yml", confirm="probe-attic-publication-Synthetic")
        site.act("scheduled", ROOT / "workflows" / "scheduled-synthetic.yml", event="schedule")
        called = ROOT / ".github" / "workflows" / "trusted-publication-probe.yml"
        site.act("called", called, confirm="probe-attic-publication-synthetic")
        site.act("branch", called, confirm="probe-attic-publication-synthetic", ref="refs/heads/evil")


class Site:
    """A repository whose workflows act runs, with stand-ins of the actions that they use, and the lab behind it."""

    def __init__(self, stack: Stack, out: Path) -> None:
        self.stack = stack
        self.out = out
        self.repository = out / "site"
        self.gate = out / "gate"
        self.bin = out / "bin"
        self.control = out / "control"

    def make(self) -> None:
        for folder in (self.repository, self.gate, self.bin, self.control, self.out / "artifacts"):
            folder.mkdir()
        for name in SHIPPED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, self.gate / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(source, self.gate / name)
        (self.repository / "gate.toml").write_text(self.gate_toml(), encoding="utf-8")
        for command in (("init", "--quiet", "--initial-branch", "main"), ("add", "--all")):
            subprocess.run(["git", "-C", str(self.repository), *command], check=True)
        identity = ("-c", "user.name=lab", "-c", "user.email=lab@example.org")
        subprocess.run(["git", "-C", str(self.repository), *identity, "commit", "-qm", "site"], check=True)
        self._install_once()
        for name in ("bash", "uv"):
            self._program(name, (HERE / "bin" / name).read_text(encoding="utf-8"))

    def gate_toml(self) -> str:
        """The settings of a run against the lab, as a user would write them."""
        settings = self.stack.settings_for("medium-check")
        tables: dict[str, list[str]] = {}
        for row in SETTINGS:
            value = getattr(settings, row.name)
            if row.type != "secret" and row.name not in ("attic_bin", "installable") and value != row.default:
                shown = json.dumps(list(value) if isinstance(value, tuple) else value)
                tables.setdefault(row.table, []).append(f"{row.name.replace('_', '-')} = {shown}")
        tables["profiles.medium-check"] = [f"installable = {json.dumps(settings.installable)}"]
        return "\n".join(line for table, rows in tables.items() for line in (f"[{table}]", *rows))

    def _install_once(self) -> None:
        """Make the action's environment with pip, once; later runs get a uv that copies from it."""
        warm = self.out / "warm"
        warm.mkdir()
        environ = {**os.environ, "RUNNER_TEMP": str(warm), "GITHUB_OUTPUT": str(self.out / "warm.out")}
        environ["PATH"] = os.pathsep.join(part for part in _path() if not (Path(part) / "uv").exists())
        command = [sys.executable, "-I", str(self.gate / "scripts" / "action" / "install.py")]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        # Compiled once what each run imports; the copies are links.
        for python in warm.glob("*/bin/python"):
            subprocess.run([python, "-I", "-c", "import gate.cli.action, gate.cli.probing, boto3, jinja2"], check=True)
        said = {"exit": done.returncode, "said": done.stdout + done.stderr}
        (self.out / "install.json").write_text(json.dumps(said), encoding="utf-8")

    def _program(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def act(self, run: str, workflow: Path, *, event: str = "workflow_dispatch", **given: str) -> None:
        """Run a workflow; what `act` lacks of GitHub is put in its place in a copy."""
        copy = self.repository / ".github" / "workflows" / f"{run}.yml"
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = workflow.read_text(encoding="utf-8")
        text = text.replace("[self-hosted, nix]", "ubuntu-latest").replace('["self-hosted", "nix"]', '"ubuntu-latest"')
        text = text.replace("${{ job.workflow_repository }}", "OWNER/publication-gate")
        text = text.replace("${{ job.workflow_sha }}", GATE_COMMIT)
        copy.write_text(text, encoding="utf-8")
        ref = given.pop("ref", "refs/heads/main")
        repository = {"default_branch": "main", "name": "site", "full_name": "acme/site"}
        payload = {"ref": ref, "repository": repository, "inputs": given}
        (self.out / "event.json").write_text(json.dumps(payload), encoding="utf-8")
        raw = self.out / f"{run}.raw"
        command = [_tool("act"), event, "--workflows", str(copy), "--eventpath", str(self.out / "event.json")]
        command += ["--platform", "ubuntu-latest=-self-hosted", "--no-cache-server", "--pull=false"]
        command += ["--secret-file", str(self._secrets()), "--action-cache-path", str(self.out / "act")]
        artifacts = self.out / "artifacts" / run
        artifacts.mkdir()
        drill = {"OUT": self.out, "RAW": raw, "GATE": self.gate, "ARTIFACTS": artifacts}
        for name, place in drill.items():
            command += ["--env", f"DRILL_{name}={place}"]
        for name, folder in self._local().items():
            command += ["--local-repository", f"{name}={folder}"]
        self._run(run, command)

    def _local(self) -> Mapping[str, Path]:
        return {
            f"actions/checkout@{CHECKOUT}": HERE / "standins" / "checkout",
            f"actions/setup-python@{SETUP}": HERE / "standins" / "setup-python",
            f"actions/upload-artifact@{UPLOAD}": HERE / "standins" / "upload-artifact",
            f"OWNER/publication-gate@{PLACEHOLDER}": self.gate,
        }

    def _run(self, run: str, command: Sequence[str]) -> None:
        began = time.monotonic()
        with (self.out / f"{run}.log").open("wb") as log:
            done = subprocess.run(
                command,
                cwd=self.repository,
                env=self._environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=ACT_SECONDS,
            )
        said = {"exit": done.returncode, "seconds": time.monotonic() - began}
        (self.out / f"{run}.json").write_text(json.dumps(said), encoding="utf-8")

    def _environ(self) -> dict[str, str]:
        environ = self.stack.environ()
        environ["PATH"] = os.pathsep.join((str(self.bin), str(self.stack.client.parent), *_path()))
        return environ

    def _secrets(self) -> Path:
        """The file of the secrets: act hands its own environment on to the steps, so they must not be in that."""
        path = self.out / "secrets"
        settings = self.stack.settings_for("medium-check")
        path.touch(mode=0o600)
        names = ("push_token", "read_token", "s3_access_key_id", "s3_secret_access_key")
        path.write_text("".join(f"GATE_{name.upper()}={getattr(settings, name).reveal()}\n" for name in names))
        return path

    def obey(self) -> None:
        """Do what the drill's steps ask for by a file in ``control``, and say so by another."""
        while True:
            for asked in self.control.glob("*.ask"):
                words = asked.stem.split("_")
                asked.unlink()
                if words[0] == "lose":
                    self.stack.store.lose(BUCKET)
                elif words[0] == "restore":
                    self.stack.store.restore(BUCKET)
                else:
                    number = getattr(signal, f"SIG{words[1]}")
                    threading.Thread(
                        target=_signal_in_push, args=(Path(words[2]), number, self.out), daemon=True
                    ).start()
                (self.control / f"{words[0]}.done").touch()
            time.sleep(0.05)


def _signal_in_push(name: Path, number: int, out: Path) -> None:
    """Signal the probe's own process, as the runner does, once the first push runs."""
    evidence = out / name
    while not (evidence / "push-canary.log").exists():
        time.sleep(0.05)
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            argv = (entry / "cmdline").read_bytes().split(b"\0")
            environ = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"action-run" in argv and f"GATE_ACTION_EVIDENCE={evidence}".encode() in environ:
            (out / f"{name}.pid").write_text(entry.name, encoding="ascii")
            os.kill(int(entry.name), number)


def _tool(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found is not None, f"{name} is missing: make setup"
    return found


def _path() -> list[str]:
    return os.environ.get("PATH", os.defpath).split(os.pathsep)


def read(out: Path, name: str) -> Any:
    """A JSON file of a backend's folder."""
    return json.loads((out / name).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
