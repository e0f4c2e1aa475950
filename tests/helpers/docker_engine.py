"""A small Docker engine on a Unix socket: two questions of the documented API, answered by a real HTTP server.

https://docs.docker.com/reference/api/engine/version/v1.44/ (ContainerInspect, ContainerLogs).
"""

import json
import socketserver
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ID = "a" * 64
IMAGE = "sha256:" + "b" * 64


@dataclass
class Engine:
    """One container, ``atticd``; ``lines`` are what it logged, each with docker's time."""

    socket: Path
    lines: list[str] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    tty: bool = False
    id: str = ID
    restarts: int = 0
    cut: int = 0  # bytes that the answer lacks at its end
    status: int = 200

    def __post_init__(self) -> None:
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                place = urlsplit(self.path)
                body = engine.answer(place.path, {name: text[0] for name, text in parse_qs(place.query).items()})
                self.send_response(404 if body is None else engine.status)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def address_string(self) -> str:
                return "unix"

            def log_message(self, *_: object) -> None:
                pass

        self._server = socketserver.ThreadingUnixStreamServer(str(self.socket), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, query: dict[str, str]) -> bytes | None:
        if path == "/containers/atticd/json":
            return json.dumps(self.inspected()).encode()
        if path == "/containers/atticd/logs":
            assert (query["stdout"], query["stderr"], query["timestamps"]) == ("1", "1", "1")
            lines = [line for line in self.lines if "since" not in query or line >= _time(query["since"])]
            lines = lines[-int(query["tail"]) :] if "tail" in query else lines
            whole = b"".join(self._framed(line.encode() + b"\n") for line in lines)
            return whole[: len(whole) - self.cut]
        return None

    def inspected(self) -> dict[str, Any]:
        state = {"Status": "running", "Running": True, "Paused": False, "Pid": 7, "StartedAt": "2026-11-30T22:00:00.5Z"}
        return {
            "Id": self.id,
            "Image": IMAGE,
            "RestartCount": self.restarts,
            "State": {**state, **self.state},
            "Config": {"Tty": self.tty},
            "HostConfig": {"LogConfig": {"Type": "json-file"}},
        }

    def _framed(self, text: bytes) -> bytes:
        return text if self.tty else b"\2\0\0\0" + len(text).to_bytes(4, "big") + text


def _time(since: str) -> str:
    """The API's ``since``, seconds and nanoseconds, as the time before a line."""
    from datetime import UTC, datetime

    seconds, _, nanos = since.partition(".")
    return f"{datetime.fromtimestamp(int(seconds), tz=UTC):%Y-%m-%dT%H:%M:%S}.{nanos}Z"
