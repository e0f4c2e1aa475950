"""Doctor's visits to the lab's servers, healthy and with one fault each, and prints what was said as one JSON object.

A process of its own, because a private /nix is for a whole process. Each visit's answer comes with the secrets that
its settings held and that stand in any of its bytes: there must be none.
"""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from gate.cli.operators import as_json
from gate.clock import SystemClock
from gate.judge.doctor import check_name, examine
from gate.lab.attic_stack import BUCKET, MAIN, PROBE
from gate.lab.place import enter
from gate.lab.s3 import RcloneStore
from gate.lab.stack import Stack
from gate.model.basics import Secret
from gate.model.doctor import Examination
from gate.probe import World
from gate.probe.doctor import visit
from gate.probe.world import Quiet
from gate.process import CancelToken
from gate.render.examination import examination_text
from gate.settings import SETTINGS, Settings
from tests.helpers.changed import changed
from tests.helpers.kube_api import KubeApi, kube_api
from tests.helpers.kubectl_tool import real_kubectl

DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>"
KUBE_TOKEN = "kube-token-canary"


def secrets_of(settings: Settings) -> list[str]:
    values = [getattr(settings.secrets, field.name) for field in fields(settings.secrets)]
    return [value.reveal() for value in values if isinstance(value, Secret)] + [KUBE_TOKEN]


class Clinic:
    """Makes visits with changed settings or a changed environment."""

    def __init__(self, stack: Stack, api: KubeApi, folder: Path) -> None:
        self.stack = stack
        self.api = api
        self.kubeconfig = str(api.kubeconfig(folder))
        assert isinstance(stack.store, RcloneStore)
        self.data = stack.store.data

    def see(self, changes: dict[str, Any] | None = None, environ: dict[str, str] | None = None) -> dict[str, Any]:
        settings = changed(self.stack.settings_for("medium-check"), **(changes or {}))
        env = {**self.stack.environ(), "KUBECONFIG": self.kubeconfig, **(environ or {})}
        world = World(environ=env, cancel=CancelToken(), progress=Quiet(), clock=SystemClock())
        result = examine(visit(settings, world))
        data, text = as_json(Examination, result), examination_text(result)
        return {
            "code": result.verdict.exit_code,
            "word": result.verdict.word.value,
            "bad": {
                check_name(check): [check.status.value, check.summary]
                for check in result.findings
                if check.status.value not in ("pass", "not_applicable")
            },
            "names": [check_name(check) for check in result.findings],
            "hintless": [
                check_name(check)
                for check in result.findings
                if check.status.value == "inconclusive" and not (check.remedy or check.because)
            ],
            "unknown": sorted({f"{claim.family}:{claim.subject}" for claim in result.unknown}),
            "leaks": [secret[:4] for secret in secrets_of(settings) if secret in text + json.dumps(data)],
            "text": text,
        }

    def in_cluster(self) -> dict[str, Any]:
        return {
            "markers": (f"kubectl://nix-cache/statefulset/rustfs?container=rustfs&path={self.data}",),
            "store_workload": "kubectl://nix-cache/statefulset/rustfs?container=rustfs",
            "cache_workload": "kubectl://nix-cache/deployment/attic?container=attic",
            "server_log": "kubectl://nix-cache/deployment/attic?container=attic",
            "kubectl_bin": str(real_kubectl()),
            "kube_context": "lab",
            "kube_server": self.api.url,
        }

    def forbidding(self, *rights: str) -> dict[str, Any]:
        self.api.forbidden = set(rights)
        try:
            return self.see(self.in_cluster())
        finally:
            self.api.forbidden = set()

    def command(self, folder: Path, *argv: str, **environ: str) -> dict[str, Any]:
        """The command itself, in a home and a folder of its own that must stay as they were."""
        home = folder / "home"
        home.mkdir()
        settings = self.stack.settings_for("medium-check")
        env = {**self.stack.environ(), **environment_of(settings), "HOME": str(home), "PYTHONPATH": str(Path.cwd())}
        env.update(environ)
        config = folder / "gate.toml"  # takes this setting alone: see Policy.nix_settings
        config.write_text(f"[nix]\nnix-settings = {json.dumps(settings.policy.nix_settings)}\n", encoding="utf-8")
        paths = count_paths(self.stack)
        done = subprocess.run(
            [sys.executable, "-m", "gate", "doctor", "--config", str(config), *argv],
            cwd=home,
            env=env,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return {
            "code": done.returncode,
            "out": done.stdout,
            "err": done.stderr,
            "written": sorted(str(path.relative_to(home)) for path in home.rglob("*")),
            "pushed": count_paths(self.stack) - paths,
            "leaks": [secret[:4] for secret in secrets_of(settings) if secret in done.stdout + done.stderr],
        }


def environment_of(settings: Settings) -> dict[str, str]:
    result: dict[str, str] = {}
    for row in SETTINGS:
        value = settings.value_of(row)
        if not row.env or value is None:
            continue
        if isinstance(value, Secret):
            result[row.env] = value.reveal()
        elif isinstance(value, tuple):
            result[row.env] = " ".join(value)
        else:
            result[row.env] = str(value).lower() if isinstance(value, bool) else str(value)
    return result


def count_paths(stack: Stack) -> int:
    return len(stack.store.objects.keys(BUCKET))


@contextmanager
def denying() -> Iterator[str]:
    """An S3 server whose key has no right at all."""

    class Denying(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
            pass

        def do_GET(self) -> None:
            self.send_response(403)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(DENIED)))
            self.end_headers()
            self.wfile.write(DENIED if self.command == "GET" else b"")

        do_HEAD = do_GET  # noqa: N815  # the base class looks for this name

    server = ThreadingHTTPServer(("127.0.0.1", 0), Denying)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def nobody() -> Iterator[str]:
    """A place that is taken and at which nobody listens: a connection is refused."""
    with socket.socket() as samples:
        samples.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{samples.getsockname()[1]}"


def elsewhere(stack: Stack, host: str) -> dict[str, Any]:
    """Settings with another S3 server that may be asked."""
    settings = stack.settings_for("medium-check")
    return {"s3_endpoint": f"http://{host}", "plain_http_hosts": (*settings.policy.plain_http_hosts, host)}


def no_attic(clinic: Clinic) -> dict[str, Any]:
    settings = clinic.stack.settings_for("medium-check")
    with nobody() as host:
        return clinic.see(
            {"attic_server": f"http://{host}", "plain_http_hosts": (*settings.policy.plain_http_hosts, host)}
        )


def no_s3(clinic: Clinic) -> dict[str, Any]:
    with nobody() as host:
        return clinic.see(elsewhere(clinic.stack, host))


def without_marker(clinic: Clinic) -> dict[str, Any]:
    marker = clinic.data / ".rustfs.sys/buckets" / BUCKET / ".metadata.bin"
    away = clinic.data.parent / "away"
    marker.rename(away)
    try:
        return clinic.see()
    finally:
        away.rename(marker)


def lost(clinic: Clinic) -> dict[str, Any]:
    clinic.stack.store.lose(BUCKET)
    try:
        return clinic.see()
    finally:
        clinic.stack.store.restore(BUCKET)


def broken_api(clinic: Clinic) -> dict[str, Any]:
    clinic.api.broken = (503, "the API server is not well")
    try:
        return clinic.see(clinic.in_cluster())
    finally:
        clinic.api.broken = None


def visits(clinic: Clinic, work: Path) -> dict[str, Callable[[], dict[str, Any]]]:
    stack, mint = clinic.stack, clinic.stack.attic.mint
    other_log = work / "other.log"
    other_log.touch()
    empty = work / "empty"
    empty.mkdir()

    def denied() -> dict[str, Any]:
        with denying() as host:
            return clinic.see(elsewhere(stack, host))

    return {
        "healthy": clinic.see,
        "expired-push-token": lambda: clinic.see({"push_token": mint.push((MAIN, PROBE), seconds=-60)}),
        "read-only-push-token": lambda: clinic.see({"push_token": mint.read((MAIN, PROBE))}),
        "push-token-as-read-token": lambda: clinic.see({"read_token": mint.push((MAIN, PROBE))}),
        "no-tokens": lambda: clinic.see({"read_token": None, "push_token": None}),
        "minted-read-token": lambda: clinic.see({"read_token": None, "signing_secret": mint.key}),
        "torn-token": lambda: clinic.see({"read_token": Secret("eyJ-torn-token-canary.x.y")}),
        "wrong-s3-secret": lambda: clinic.see({"s3_secret_access_key": Secret("wrong-secret-canary")}),
        "half-an-s3-key": lambda: clinic.see({"s3_secret_access_key": None}),
        "s3-key-without-rights": denied,
        "no-s3-server": lambda: no_s3(clinic),
        "attic-as-s3-server": lambda: clinic.see(elsewhere(stack, stack.attic.address)),
        "no-attic-server": lambda: no_attic(clinic),
        "no-markers": lambda: clinic.see({"markers": ()}),
        "markers-elsewhere": lambda: clinic.see({"markers": (f"file://{work}/nowhere",)}),
        "marker-gone": lambda: without_marker(clinic),
        "index-lost": lambda: lost(clinic),
        "no-state-key": lambda: clinic.see({"state_key": ""}),
        "state-elsewhere": lambda: clinic.see({"state_key": "no/such.tfstate"}),
        "log-of-another": lambda: clinic.see({"server_log": f"file://{other_log}"}),
        "no-log": lambda: clinic.see({"server_log": ""}),
        "absent-sources": lambda: clinic.see(
            {
                "absent": ("state", "store-workload", "cache-workload", "server-log"),
                "store_workload": "",
                "cache_workload": "",
                "server_log": "",
            }
        ),
        "no-nix": lambda: clinic.see(environ={"PATH": str(empty)}),
        "no-attic-client": lambda: clinic.see({"attic_bin": "attic-none"}),
        "no-twin": lambda: clinic.see({"twin": "never"}),
        "cluster": lambda: clinic.see(clinic.in_cluster()),
        "no-kubectl": lambda: clinic.see({**clinic.in_cluster(), "kubectl_bin": "kubectl-none"}),
        "other-cluster": lambda: clinic.see({**clinic.in_cluster(), "kube_server": "https://prod:6443"}),
        "cluster-down": lambda: broken_api(clinic),
        "no-log-right": lambda: clinic.forbidding("get pods/log"),
        "no-exec-right": lambda: clinic.forbidding("create pods/exec"),
        "no-pods-right": lambda: clinic.forbidding("list pods"),
        "command": lambda: clinic.command(folder(work, "a"), "--json"),
        "command-fault": lambda: clinic.command(
            folder(work, "b"), GATE_PUSH_TOKEN=mint.push((MAIN, PROBE), seconds=-60).reveal()
        ),
        "command-refused": lambda: clinic.command(folder(work, "c"), "--json", "--profile", "none"),
    }


def folder(work: Path, name: str) -> Path:
    result = work / name
    result.mkdir()
    return result


def main() -> None:
    enter(os.environ)
    with Stack(os.environ, cancel=CancelToken(), clock=SystemClock()) as stack, kube_api() as api:
        api.add("statefulset", "rustfs", 1, "rustfs")
        (attic,) = api.add("deployment", "attic", 1, "attic")
        api.followed[attic.name, "attic"] = Path(
            stack.settings_for("synthetic").policy.server_log.removeprefix("file://")
        )
        work = Path(sys.argv[1])
        result = {name: act() for name, act in visits(Clinic(stack, api, work), work).items()}
        posts = sorted({request[5:] for request in api.requests if request.startswith("POST ")})
        print(json.dumps({"visits": result, "kube_posts": posts, "reviews": api.reviews}))


main()
