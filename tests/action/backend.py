"""The lab as the backend of workflows that `act` runs: one stack, several runs, all in one private /nix.

    python tests/action/backend.py OUT

A process of its own, because a private /nix is for a whole process and its children. Everything that was seen lies in
OUT afterwards: ``<run>.json`` with exit code and seconds of each run of act, ``<run>.raw`` with what its steps printed,
``steps.json`` with the drill's outputs, ``artifacts/NUMBER/NAME.zip`` with what was uploaded, ``issues.json`` with what
became of the repository's issues, ``cancel-STAGE/`` with a run that was cancelled there (cancelling.py).
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gate.clock import SystemClock
from gate.lab.attic_stack import BUCKET
from gate.lab.place import enter
from gate.lab.stack import Stack
from gate.process import CancelToken
from gate.settings import SETTINGS
from tests.action.artifact_client import ArtifactClient, client_command
from tests.action.cancelling import STAGES, Cancelling, begun
from tests.action.github_server import GitHubServer
from tests.action.running import Held, probes
from tests.action.splitting import splitting
from tests.helpers import github_world as gh

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
CHECKOUT = "3d3c42e5aac5ba805825da76410c181273ba90b1"
SETUP = "5fda3b95a4ea91299a34e894583c3862153e4b97"
UPLOAD = "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a"
DOWNLOAD = "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c"
PLACEHOLDER = "0" * 40
GATE_COMMIT = "1" * 40
# What a checkout of a release gives, and nothing of this working copy's own.
SHIPPED = ("action.yml", "gate", "report-issue", "requirements", "scripts")
ACT_SECONDS = 600
HELD_SECONDS = 120
TRUSTED = ROOT / gh.WORKFLOW
TEMPLATES = ROOT / "workflows"
MEDIUM = "medium-check"
RIGHT = "probe-attic-publication-synthetic"
# Each run of act by its number on "GitHub".
STORY = (
    *("early", "called", "allowed", "mistyped", "refused", "drill", "dispatched", "stopped", "lost", "sick", "blocked"),
    *("scheduled", "branch", "first", "pushed", "stale", "split", "split-lost", "foreign", "missing"),
)
RUNS = {name: 100 + number for number, name in enumerate(STORY)}
FIRST_CANCELLED = 200
# What the probe itself does not read of gate.toml: what requires it.
REQUIRE = """
[require]
guarded = [{path = ".github/workflows/**", pattern = 'require-cache-push:\\s*"?true'}]
min-gate-version = "0"
profiles = ["medium-check"]
[quarantine]
held = false
"""


def main(out: Path) -> None:
    enter(os.environ)
    out.joinpath("artifacts").mkdir()
    warm = Warm(out)
    with Stack(os.environ, cancel=CancelToken(), clock=SystemClock()) as stack:
        site = Site(stack, out)
        commit = site.make()
        warm.wait()
        with GitHubServer(out / "artifacts", commit) as github, ArtifactClient(out) as client:
            site.github, site.client = github, client
            site.protect()
            whole(site)
            splitting(site)
            cancelling(site)
            issues = {"rows": github.issues.rows, "comments": github.issues.comments}
        (out / "issues.json").write_text(json.dumps(issues), encoding="utf-8")


def whole(site: "Site") -> None:
    """Each workflow in an order that tells a story: what each leaves is what the next finds."""
    site.act("early", TEMPLATES / "required-pr-check.yml", event="pull_request")
    site.act("called", TRUSTED, profile=MEDIUM, confirm="probe-attic-publication-medium-check")
    site.act("allowed", TEMPLATES / "required-pr-check.yml", event="pull_request")
    site.act("pushed", TEMPLATES / "check-before-push.yml", event="push")
    site.act("mistyped", TRUSTED, profile=MEDIUM, confirm="probe-attic-publication-Medium-check")
    site.act("refused", TEMPLATES / "required-pr-check.yml", event="pull_request")
    site.act("drill", HERE / "workflows" / "drill.yml")
    site.act("first", TEMPLATES / "dispatched-probe.yml", confirm=RIGHT)
    with site.held_push():
        site.act("dispatched", TEMPLATES / "dispatched-probe.yml", confirm=RIGHT, during=site.interrupt_probe)
    with site.held_push():
        site.act("stopped", TRUSTED, profile="synthetic", confirm=RIGHT, during=site.interrupt_act)
    site.stack.store.lose(BUCKET)
    site.act("lost", TRUSTED, profile=MEDIUM, confirm="probe-attic-publication-medium-check")
    site.act("stale", TEMPLATES / "check-before-push.yml", event="push")
    site.act("sick", TEMPLATES / "scheduled-synthetic.yml", event="schedule")
    site.stack.store.restore(BUCKET)
    site.act("blocked", TEMPLATES / "required-pr-check.yml", event="pull_request")
    site.act("scheduled", TEMPLATES / "scheduled-synthetic.yml", event="schedule")
    site.act("branch", TRUSTED, confirm=RIGHT, ref="refs/heads/evil")


def cancelling(site: "Site") -> None:
    """The action's run step, cancelled in each of its stages."""
    for number, stage in enumerate(STAGES):
        run = FIRST_CANCELLED + number
        row = site.github.begin(run, "workflow_dispatch", gh.WORKFLOW)
        Cancelling(site.out, site.step_environ(run), [*client_command(), "upload"]).cancel(stage, run)
        site.github.end(row, good=False)


class Warm:
    """The action's environment, made by pip once while the servers start; later runs get a uv that copies from it."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._folder = out / "warm"
        self._folder.mkdir()
        environ = {**os.environ, "RUNNER_TEMP": str(self._folder), "GITHUB_OUTPUT": str(out / "warm.out")}
        environ["PATH"] = os.pathsep.join(part for part in _path() if not (Path(part) / "uv").exists())
        command = [sys.executable, "-I", str(ROOT / "scripts" / "action" / "install.py")]
        self._made = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def wait(self) -> None:
        output, _ = self._made.communicate()
        # Compiled once what each run imports; the copies are links.
        for python in self._folder.glob("*/bin/python"):
            subprocess.run([python, "-I", "-c", "import gate.cli.action, gate.cli.probe, boto3, jinja2"], check=True)
        result = {"exit": self._made.returncode, "said": output}
        (self._out / "install.json").write_text(json.dumps(result), encoding="utf-8")


class Site:
    """A repository whose workflows act runs, with stand-ins of the actions that they use, and the lab behind it."""

    github: GitHubServer
    client: ArtifactClient

    def __init__(self, stack: Stack, out: Path) -> None:
        self.stack = stack
        self.out = out
        self.repository = out / "site"
        self.gate = out / "gate"
        self.bin = out / "bin"
        self.hold = out / "hold"

    def make(self) -> str:
        """Make it, and give its commit."""
        for folder in (self.gate, self.bin):
            folder.mkdir()
        shutil.copytree(HERE / "site", self.repository)
        for name in SHIPPED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, self.gate / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(source, self.gate / name)
        (self.repository / "gate.toml").write_text(self.gate_toml(), encoding="utf-8")
        git = ["git", "-C", str(self.repository)]
        for command in (("init", "--quiet", "--initial-branch", "main"), ("add", "--all")):
            subprocess.run([*git, *command], check=True)
        identity = ("-c", "user.name=lab", "-c", "user.email=lab@example.org")
        subprocess.run([*git, *identity, "commit", "-qm", "site"], check=True)
        subprocess.run([*git, "remote", "add", "origin", f"https://github.com/{gh.REPOSITORY}"], check=True)
        for name in ("bash", "uv"):
            self._program(name, (HERE / "bin" / name).read_text(encoding="utf-8"))
        holder = f'#!/bin/sh\nwhile [ "$1" = push ] && [ -e {self.hold} ]; do sleep 0.05; done\n'
        self._program("attic", f'{holder}exec {self.stack.client} "$@"\n')
        return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()

    def protect(self) -> None:
        """What GitHub has of the repository: a change that relies on trusted publication, and what it is guarded by."""
        head, commit = gh.commit_id("head"), self.github.commit
        world = self.github.world
        world.files[(commit, "gate.toml")] = self.gate_toml().encode()
        world.merge_bases[head] = commit
        world.trees = {
            commit: {"README.md": b"a", ".github/workflows/ci.yml": b"jobs: {}\n"},
            head: {"README.md": b"a", ".github/workflows/ci.yml": gh.TRUSTING},
        }

    def gate_toml(self) -> str:
        """The settings of a run against the lab, as a user would write them."""
        settings = self.stack.settings_for("medium-check")
        tables: dict[str, list[str]] = {}
        for row in SETTINGS:
            value = settings.value_of(row)
            if row.type != "secret" and row.name not in ("attic_bin", "installable") and value != row.default:
                text = json.dumps(list(value) if isinstance(value, tuple) else value)
                tables.setdefault(row.table, []).append(f"{row.name.replace('_', '-')} = {text}")
        tables["profiles.medium-check"] = [f"installable = {json.dumps(settings.policy.installable)}"]
        return "\n".join(line for table, rows in tables.items() for line in (f"[{table}]", *rows)) + REQUIRE

    def _program(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def act(
        self,
        run: str,
        workflow: Path,
        *,
        event: str = "workflow_dispatch",
        ref: str = "refs/heads/main",
        during: "Callable[[str, subprocess.Popen[bytes]], None] | None" = None,
        profile: str | None = None,
        confirm: str | None = None,
        edit: Callable[[str], str] = str,
        number: int | None = None,
    ) -> None:
        """Run a workflow; what `act` lacks of GitHub is put in its place in a copy, and what ``edit`` changes.

        ``number`` is that of a run that was before, of which this is some more.
        """
        number, path = number or RUNS[run], f".github/workflows/{workflow.name}"
        copy = self.repository / ".github" / "workflows" / f"{run}.yml"
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = edit(workflow.read_text(encoding="utf-8"))
        text = text.replace('["self-hosted", "nix"]', '"ubuntu-latest"')
        for label in ("nix", "observe"):
            text = text.replace(f"[self-hosted, {label}]", "ubuntu-latest")
        text = text.replace("${{ job.workflow_repository }}", "OWNER/publication-gate")
        text = text.replace("${{ job.workflow_sha }}", GATE_COMMIT)
        copy.write_text(text, encoding="utf-8")
        payload = json.loads(gh.pull_request()) if event == "pull_request" else {}
        inputs = {"profile": profile, "confirm": confirm}
        payload |= {"ref": ref, "inputs": {name: value for name, value in inputs.items() if value is not None}}
        payload["repository"] = {
            "id": gh.NUMBER,
            "default_branch": "main",
            "name": "widgets",
            "full_name": gh.REPOSITORY,
        }
        (self.out / "event.json").write_text(json.dumps(payload), encoding="utf-8")
        command = [_tool("act"), event, "--workflows", str(copy), "--eventpath", str(self.out / "event.json")]
        command += [f"--platform={name}=-self-hosted" for name in ("ubuntu-latest", "ubuntu-24.04")]
        command += ["--no-cache-server", "--pull=false"]
        command += ["--secret-file", str(self._secrets()), "--action-cache-path", str(self.out / "act")]
        for name, value in {**self._drill(run, number), "WORKFLOW": path}.items():
            command += ["--env", f"DRILL_{name}={value}"]
        for name, folder in self._local().items():
            command += ["--local-repository", f"{name}={folder}"]
        row = self.github.begin(number, event, path)
        good = self._run(run, command, during)
        self.github.end(row, good=good)

    def _drill(self, run: str, number: int) -> Mapping[str, object]:
        return {
            "OUT": self.out,
            "RAW": self.out / f"{run}.raw",
            "GATE": self.gate,
            "NUMBER": number,
            "API": self.github.url,
            "SERVER": self.stack.attic.endpoint,
            "TOKEN": self.github.token(number),
            "CLIENT": shlex.join(client_command()),
        }

    def _local(self) -> Mapping[str, Path]:
        return {
            f"actions/checkout@{CHECKOUT}": HERE / "standins" / "checkout",
            f"actions/setup-python@{SETUP}": HERE / "standins" / "setup-python",
            f"actions/upload-artifact@{UPLOAD}": HERE / "standins" / "upload-artifact",
            f"actions/download-artifact@{DOWNLOAD}": HERE / "standins" / "download-artifact",
            f"OWNER/publication-gate@{PLACEHOLDER}": self.gate,
        }

    def _run(
        self, run: str, command: Sequence[str], during: "Callable[[str, subprocess.Popen[bytes]], None] | None"
    ) -> bool:
        began = time.monotonic()
        with (
            (self.out / f"{run}.log").open("wb") as log,
            subprocess.Popen(
                command,
                cwd=self.repository,
                env=self._environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            if during is not None:
                during(run, process)
            process.wait(ACT_SECONDS)
        output = {"exit": process.returncode, "seconds": time.monotonic() - began}
        (self.out / f"{run}.json").write_text(json.dumps(output), encoding="utf-8")
        return process.returncode == 0

    # --- what happens during a run ----------------------------------------------------------------------------------

    def held_push(self) -> Held:
        return Held(self.hold)

    def interrupt_probe(self, run: str, process: "subprocess.Popen[bytes]") -> None:
        """Signal the probe's own process in its first push, as the runner does."""
        os.kill(self._in_push(run, process), signal.SIGINT)

    def interrupt_act(self, run: str, process: "subprocess.Popen[bytes]") -> None:
        """Signal act in the first push: it kills the step that runs, and goes on to those with `always()`."""
        self._in_push(run, process)
        process.send_signal(signal.SIGINT)

    def _in_push(self, run: str, process: "subprocess.Popen[bytes]") -> int:
        """The number of the probe's process, once its journal says that the first push has begun."""
        ends = time.monotonic() + HELD_SECONDS
        while time.monotonic() < ends:
            assert process.poll() is None, f"act ended before the push of {run}"
            for number, evidence in probes(f"DRILL_NUMBER={RUNS[run]}"):
                if begun(evidence / "journal.jsonl", "push:canary"):
                    return number
            time.sleep(0.05)
        message = f"the probe of {run} did not come to its push"
        raise AssertionError(message)

    # --- what a run is given ------------------------------------------------------------------------------------------

    def step_environ(self, run: int) -> dict[str, str]:
        """The environment of a step that act does not run."""
        secrets = dict(line.split("=", 1) for line in self._secrets().read_text(encoding="utf-8").split("\n") if line)
        config = self.out / "gate.toml"
        config.write_text(self.gate_toml(), encoding="utf-8")
        runner = {
            "GITHUB_REPOSITORY": gh.REPOSITORY,
            "GITHUB_REPOSITORY_ID": str(gh.NUMBER),
            "GITHUB_SHA": self.github.commit,
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_EVENT_NAME": "workflow_dispatch",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_WORKSPACE": str(self.repository),
            "ACTIONS_RESULTS_URL": self.github.url,
            "ACTIONS_RUNTIME_TOKEN": self.github.token(run),
            "GATE_ACTION_CONFIG": str(config),
        }
        return {**self._environ(), **secrets, **runner}

    def _environ(self) -> dict[str, str]:
        environ = {**self.stack.environ(), **self.client.environ}
        environ["PATH"] = os.pathsep.join((str(self.bin), str(self.stack.client.parent), *_path()))
        return environ

    def _secrets(self) -> Path:
        """The file of the secrets: act hands its own environment on to the steps, so they must not be in that."""
        path = self.out / "secrets"
        settings = self.stack.settings_for("medium-check")
        path.touch(mode=0o600)
        names = ("push_token", "read_token", "s3_access_key_id", "s3_secret_access_key")
        token = f"GITHUB_TOKEN={gh.TOKEN}\n"
        text = token + "".join(f"GATE_{name.upper()}={getattr(settings.secrets, name).reveal()}\n" for name in names)
        path.write_text(text)
        with (self.out / "all-secrets").open("a", encoding="utf-8") as remaining:  # each run has tokens of its own
            remaining.write(text)
        return path


def _tool(name: str) -> str:
    neighbor = Path(sys.executable).parent / name
    result = str(neighbor) if neighbor.exists() else shutil.which(name)
    assert result is not None, f"{name} is missing: make setup"
    return result


def _path() -> list[str]:
    return os.environ.get("PATH", os.defpath).split(os.pathsep)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
