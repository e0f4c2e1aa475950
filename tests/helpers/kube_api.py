"""A small Kubernetes API server: what kubectl needs to find pods, read their logs, run a command, and get a secret.

Its "containers" are this machine: a command runs here, with the program search path that the pod was given. Discovery
is answered in its plain form. Exec speaks the WebSocket channels of kubectl 1.30 and later (v5.channel.k8s.io: 0 stdin,
1 stdout, 2 stderr, 3 the end as a v1.Status, 255 a channel's end). Each fault is set on the server, and ``requests``
shows that kubectl came there.
"""

import base64
import hashlib
import json
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

NAMESPACE = "nix-cache"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


@dataclass
class Exec:
    """What exec does instead of running the command, where it is set."""

    cut_stdout: int | None = None  # so many bytes come, and the end says Success all the same
    banner: bytes = b""  # on stdout, before everything
    end: dict[str, Any] | None = None  # the Status, in place of the command's own
    stdout: bytes | None = None
    before: Callable[[], None] | None = None


@dataclass
class Pod:
    name: str
    owner: tuple[str, str, str] | None
    labels: dict[str, str]
    uid: str
    containers: dict[str, dict[str, Any]]  # name: status
    phase: str = "Running"
    node: str = "node-1"
    annotations: dict[str, str] = field(default_factory=dict)
    ports: list[dict[str, Any]] = field(default_factory=list)  # that each of its containers declares
    address: str = ""
    serves: "Callable[[int, str], tuple[int, str, bytes]] | None" = None  # port and path: status, type and body
    path: str = "/usr/bin:/bin"  # where exec finds its programs

    def json(self) -> dict[str, Any]:
        owners = [{"kind": o[0], "name": o[1], "uid": o[2], "controller": True} for o in [self.owner] if o]
        return {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {
                "name": self.name,
                "namespace": NAMESPACE,
                "uid": self.uid,
                "labels": self.labels,
                "annotations": self.annotations,
                "ownerReferences": owners,
            },
            "spec": {
                "nodeName": self.node,
                "containers": [{"name": name, "ports": self.ports} for name in self.containers],
            },
            "status": {
                "phase": self.phase,
                **({"podIP": self.address} if self.address else {}),
                "containerStatuses": [{"name": name, **status} for name, status in self.containers.items()],
            },
        }


def running(
    restarts: int = 0, started: str = "2026-11-24T00:00:00Z", image: str = "app@sha256:" + "a" * 64
) -> dict[str, Any]:
    return {"restartCount": restarts, "imageID": image, "state": {"running": {"startedAt": started}}}


class KubeApi:
    """The cluster. ``forbidden`` holds ``verb resource`` pairs that RBAC refuses; ``broken`` an answer for all."""

    def __init__(self) -> None:
        self.pods: dict[str, Pod] = {}
        self.workloads: dict[tuple[str, str], dict[str, Any]] = {}
        self.logs: dict[tuple[str, str, bool], list[tuple[datetime, bytes]]] = {}
        self.secrets: dict[str, dict[str, str]] = {}  # name: data, each value as the API gives it, in base64
        self.sentences: dict[tuple[str, str], bytes] = {}  # what a kubelet says in place of a container's log
        self.followed: dict[tuple[str, str], Path] = {}  # a container whose log is a file on this machine
        self.events: list[dict[str, Any]] = []
        self.forbidden: set[str] = set()
        self.broken: tuple[int, str] | None = None
        self.exec = Exec()
        self.skew = timedelta()
        self.requests: list[str] = []
        self.proxied: list[dict[str, str]] = []  # the headers of what went to a pod through the API server
        self.commands: list[list[str]] = []
        self.reviews: list[tuple[str, str, str, str]] = []  # group, verb, resource, name of each access review
        self.review_extra: dict[str, Any] = {}
        self.lock = threading.Lock()
        api = self

        class Handler(_Handler):
            pass

        Handler.api = api
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def kubeconfig(self, folder: Path, **user: Any) -> Path:
        path = folder / "kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "lab",
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "gate", "namespace": "other"}}],
            "clusters": [{"name": "lab", "cluster": {"server": self.url}}],
            "users": [{"name": "gate", "user": user or {"token": "kube-token-canary"}}],
        }
        path.write_text(json.dumps(config))
        return path

    def add(self, workload: str, name: str, pods: int = 1, container: str = "main", **changes: Any) -> list[Pod]:
        """A deployment or stateful set with its pods."""
        uid = f"uid-{workload}-{name}"
        self.workloads[(f"{workload}s", name)] = {
            "kind": workload.capitalize(),
            "apiVersion": "apps/v1",
            "metadata": {"name": name, "namespace": NAMESPACE, "uid": uid},
            "spec": {"selector": {"matchLabels": {"app": name}}},
        }
        return [self.add_pod(workload, name, number, container, **changes) for number in range(pods)]

    def add_pod(self, workload: str, name: str, number: int, container: str = "main", **changes: Any) -> Pod:
        stateful = workload == "statefulset"
        pod = Pod(
            name=f"{name}-{number}" if stateful else f"{name}-7d9f8c-p{number}",
            owner=("StatefulSet", name, f"uid-{workload}-{name}")
            if stateful
            else ("ReplicaSet", f"{name}-7d9f8c", "rs"),
            labels={"app": name},
            uid=f"uid-{name}-{number}",
            containers={container: running()},
        )
        for field_name, value in changes.items():
            setattr(pod, field_name, value)
        self.pods[pod.name] = pod
        return pod

    def event(self, kind: str, name: str, reason: str, message: str, **more: Any) -> None:
        """An event of the cluster about one object of it."""
        now = datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        of = {"kind": kind, "namespace": NAMESPACE, "name": name}
        event = {"involvedObject": of, "type": "Warning", "reason": reason, "message": message, "count": 1}
        self.events.append({**event, "firstTimestamp": now, "lastTimestamp": now, **more})

    def log(self, pod: str, text: str, container: str = "main", *, previous: bool = False, ago: float = 0) -> None:
        """Lines that a container writes now, by the node's own clock."""
        at = datetime.now(tz=UTC) + self.skew - timedelta(seconds=ago)
        lines = self.logs.setdefault((pod, container, previous), [])
        with self.lock:
            lines.extend((at, line.encode()) for line in text.removesuffix("\n").split("\n"))


@contextmanager
def kube_api() -> Iterator[KubeApi]:
    api = KubeApi()
    try:
        yield api
    finally:
        api.close()


class _Handler(BaseHTTPRequestHandler):
    api: KubeApi
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        pass

    def do_POST(self) -> None:
        body = self._body()
        if self.path.partition("?")[0] != REVIEWS:
            self._status(403, "Forbidden", "this cluster has no SPDY")
            return
        self.api.requests.append(f"POST {REVIEWS}")
        if self.api.broken is not None:
            self._status(self.api.broken[0], "InternalError", self.api.broken[1])
            return
        review = json.loads(body)
        attributes = review["spec"]["resourceAttributes"]
        resource = "/".join(filter(None, (attributes["resource"], attributes.get("subresource"))))
        allowed = attributes["namespace"] == NAMESPACE and f"{attributes['verb']} {resource}" not in self.api.forbidden
        self.api.reviews.append((attributes["group"], attributes["verb"], resource, attributes.get("name", "")))
        self._json(201, {**review, "status": {"allowed": allowed, **self.api.review_extra}})

    def _body(self) -> bytes:
        """What was sent; kubectl sends a file in chunks (RFC 9112 section 7.1)."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query, keep_blank_values=True)
        parts = url.path.strip("/").split("/")
        self.api.requests.append(f"{self.command} {url.path}" + (f"?{url.query}" if url.query else ""))
        if self.api.broken is not None:
            self._status(self.api.broken[0], "InternalError", self.api.broken[1])
        elif parts[:2] == ["api", "v1"] and len(parts) > 3:
            self._core(parts[3], parts[4:], query)
        elif parts[:2] == ["apis", "apps"] and len(parts) == 7:
            self._workload(*parts[4:])
        else:
            self._discovery(url.path)

    def _refused(self, verb: str, resource: str, name: str = "") -> bool:
        if f"{verb} {resource}" not in self.api.forbidden:
            return False
        which = f'{resource} "{name}"' if name else resource
        message = f'{which} is forbidden: User "gate" cannot {verb} resource "{resource}"'
        self._status(403, "Forbidden", message)
        return True

    def _workload(self, namespace: str, resource: str, name: str) -> None:
        if self._refused("get", resource, name):
            return
        workload = self.api.workloads.get((resource, name)) if namespace == NAMESPACE else None
        if workload is None:
            self._status(404, "NotFound", f'{resource}.apps "{name}" not found')
        else:
            self._json(200, workload)

    def _core(self, namespace: str, rest: list[str], query: dict[str, list[str]]) -> None:
        if not rest:  # kubectl asks for the namespace when a pod of it is not found
            self._json(200, {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": namespace}})
            return
        if rest[0] == "secrets":
            self._secret(namespace, rest[1])
            return
        if rest in (["events"], ["pods"]):
            if not self._refused("list", rest[0]):
                items = self._events(query) if rest == ["events"] else self._pods(query)
                kind = rest[0][:-1].capitalize() + "List"
                self._json(200, {"kind": kind, "apiVersion": "v1", "metadata": {}, "items": items})
            return
        name, _, port = rest[1].partition(":")
        resource = "pods/" + rest[2] if len(rest) > 2 else "pods"
        if self._refused("get", resource, name) or (
            resource == "pods/exec" and self._refused("create", resource, name)
        ):
            return
        pod = self.api.pods.get(name)
        if pod is None:
            self._status(404, "NotFound", f'pods "{name}" not found')
        elif resource == "pods":
            self._json(200, pod.json())
        elif resource == "pods/log":
            self._log(pod, query)
        elif resource == "pods/proxy":
            self._proxy(pod, int(port), "/" + "/".join(rest[3:]))
        else:
            self._exec(pod, query)

    def _proxy(self, pod: Pod, port: int, path: str) -> None:
        """As the API server does it: the caller's own credential goes no further."""
        self.api.proxied.append(
            {name.lower(): value for name, value in self.headers.items() if name != "Authorization"}
        )
        if pod.serves is None:
            message = f"error trying to reach service: dial tcp {pod.address or '10.0.0.1'}:{port}: connect: refused"
            self._status(503, "ServiceUnavailable", message)
        else:
            self._answer(*pod.serves(port, path))

    def _secret(self, namespace: str, name: str) -> None:
        if self._refused("get", "secrets", name):
            return
        data = self.api.secrets.get(name) if namespace == NAMESPACE else None
        if data is None:
            self._status(404, "NotFound", f'secrets "{name}" not found')
        else:
            metadata = {"name": name, "namespace": namespace}
            secret = {"kind": "Secret", "apiVersion": "v1", "metadata": metadata, "type": "Opaque", "data": data}
            self._json(200, secret)

    def _events(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        fields = dict(part.split("=", 1) for part in query["fieldSelector"][0].split(","))
        kind, name = fields["involvedObject.kind"], fields["involvedObject.name"]
        return [event for event in self.api.events if _about(event) == (kind, name)]

    def _pods(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        key, _, value = query.get("labelSelector", [""])[0].partition("=")
        return [pod.json() for pod in self.api.pods.values() if pod.labels.get(key) == value]

    def _log(self, pod: Pod, query: dict[str, list[str]]) -> None:
        one = {key: values[0] for key, values in query.items()}
        container = one.get("container") or next(iter(pod.containers))
        if container not in pod.containers:
            self._status(400, "BadRequest", f"container {container} is not valid for pod {pod.name}")
            return
        previous = one.get("previous") == "true"
        if previous and (pod.name, container, True) not in self.api.logs:
            self._status(
                400, "BadRequest", f'previous terminated container "{container}" in pod "{pod.name}" not found'
            )
            return
        if (sentence := self.api.sentences.get((pod.name, container))) is not None:
            self._answer(200, "text/plain", sentence)
            return
        self._follow(pod.name, container)
        with self.api.lock:
            lines = list(self.api.logs.get((pod.name, container, previous), []))
        if "sinceTime" in one:
            since = datetime.fromisoformat(one["sinceTime"])
            lines = [line for line in lines if line[0] >= since]
        if "sinceSeconds" in one:
            now = datetime.now(tz=UTC) + self.api.skew
            lines = [line for line in lines if line[0] >= now - timedelta(seconds=int(one["sinceSeconds"]))]
        if "tailLines" in one:
            lines = lines[-int(one["tailLines"]) :]
        stamp = one.get("timestamps") == "true"
        body = b"".join((_stamp(at) if stamp else b"") + text + b"\n" for at, text in lines)
        self._answer(200, "text/plain", body)

    def _follow(self, pod: str, container: str) -> None:
        """Take what a followed file has more; its lines are stamped when they are first seen."""
        file = self.api.followed.get((pod, container))
        if file is None:
            return
        with self.api.lock:
            lines = self.api.logs.setdefault((pod, container, False), [])
            now = datetime.now(tz=UTC) + self.api.skew
            lines.extend((now, line) for line in file.read_bytes().split(b"\n")[:-1][len(lines) :])

    def _exec(self, pod: Pod, query: dict[str, list[str]]) -> None:
        if self.headers.get("Upgrade", "").lower() != "websocket":
            self._status(400, "BadRequest", "you must upgrade")
            return
        command = query["command"]
        self.api.commands.append(command)
        key = self.headers["Sec-WebSocket-Key"] + _GUID
        accept = base64.b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest()).decode()
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)):
            self.send_header(name, value)
        self.send_header("Sec-WebSocket-Protocol", "v5.channel.k8s.io")
        self.end_headers()
        self.close_connection = True
        with suppress(OSError):
            self._run(pod, command)

    def _run(self, pod: Pod, command: list[str]) -> None:
        exec_calls = self.api.exec
        if exec_calls.before:
            exec_calls.before()
        out, err, status = exec_calls.stdout, b"", exec_calls.end
        if out is None and status is None:
            out, err, status = _execute(pod, command)
        out = exec_calls.banner + (out or b"")
        if exec_calls.cut_stdout is not None:
            out, status = out[: exec_calls.cut_stdout], None
        for start in range(0, len(out), 30_000):
            self._frame(1, out[start : start + 30_000])
        if err:
            self._frame(2, err)
        self._frame(3, json.dumps(status or {"metadata": {}, "status": "Success"}).encode())
        self.wfile.write(b"\x88\x02\x03\xe8")  # close, 1000

    def _frame(self, channel: int, data: bytes) -> None:
        payload = bytes([channel]) + data
        head = bytes([0x82, len(payload)]) if len(payload) < 126 else b"\x82\x7e" + struct.pack(">H", len(payload))
        self.wfile.write(head + payload)

    def _discovery(self, path: str) -> None:
        groups = {
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {
                "kind": "APIGroupList",
                "groups": [
                    {
                        "name": "apps",
                        "versions": [{"groupVersion": "apps/v1", "version": "v1"}],
                        "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"},
                    }
                ],
            },
            "/api/v1": _resources("v1", ("pods", "Pod"), ("pods/log", "Pod"), ("pods/exec", "PodExecOptions")),
            "/apis/apps/v1": _resources("apps/v1", ("deployments", "Deployment"), ("statefulsets", "StatefulSet")),
            "/version": {"major": "1", "minor": "35", "gitVersion": "v1.35.0"},
        }
        if path in groups:
            self._json(200, groups[path])
        else:
            self._status(404, "NotFound", "the server could not find the requested resource")

    def _status(self, code: int, reason: str, message: str) -> None:
        body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message}
        self._json(code, {**body, "code": code})

    def _json(self, code: int, document: object) -> None:
        self._answer(code, "application/json", json.dumps(document).encode())

    def _answer(self, code: int, kind: str, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _about(event: dict[str, Any]) -> tuple[str, str]:
    return event["involvedObject"]["kind"], event["involvedObject"]["name"]


def exit_status(code: int) -> dict[str, Any]:
    """The Status by which kubelet says that a command ended with this code."""
    return {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: {code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def no_program(name: str) -> dict[str, Any]:
    """The Status of containerd for a program that the image does not have."""
    message = (
        f'failed to exec in container: failed to start exec "0": OCI runtime exec failed: exec failed: unable to start '
        f'container process: exec: "{name}": executable file not found in $PATH'
    )
    return {"metadata": {}, "status": "Failure", "reason": "InternalError", "message": message, "code": 500}


def _execute(pod: Pod, command: list[str]) -> tuple[bytes, bytes, dict[str, Any] | None]:
    program = next(
        (Path(folder) / command[0] for folder in pod.path.split(":") if (Path(folder) / command[0]).exists()), None
    )
    if program is None:
        return b"", b"", no_program(command[0])
    done = subprocess.run(
        [command[0], *command[1:]],
        executable=program,
        env={"PATH": pod.path},
        check=False,
        capture_output=True,
        timeout=30,
    )
    return done.stdout, done.stderr, exit_status(done.returncode) if done.returncode else None


def _stamp(at: datetime) -> bytes:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f000Z ").encode()


def _resources(version: str, *rows: tuple[str, str]) -> dict[str, Any]:
    resources = [
        {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get", "list", "create"]}
        for name, kind in rows
    ]
    return {"kind": "APIResourceList", "groupVersion": version, "resources": resources}
