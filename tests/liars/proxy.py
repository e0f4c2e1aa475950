"""A reverse proxy that passes on what it receives, and lies where its lie says so.

It keeps the Host header as it came, since S3 signatures cover it. Bodies are held in memory: the lab's are small.
"""

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

HOST: Final = "127.0.0.1"
SECONDS: Final = 60.0
HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "expect"})


@dataclass(frozen=True)
class Request:
    """A request: ``headers`` by their lower-case names."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None

    @property
    def place(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]


@dataclass(frozen=True)
class Answer:
    """A response; ``cut`` says that its framing announces ``announced`` bytes and the connection ends before."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    announced: int | None = None

    def with_header(self, name: str, value: str) -> "Answer":
        """The same answer with one more header line."""
        return replace(self, headers=(*self.headers, (name, value)))

    def without_header(self, *names: str) -> "Answer":
        """The same answer without these headers."""
        lower = {name.lower() for name in names}
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0].lower() not in lower))


Forward = Callable[[], Answer]
Rule = Callable[[Request, Forward], Answer | None]  # None: hang up without a word


@dataclass
class Front:
    """Listens on loopback before ``target``. ``rule`` gives the answer to each request; ``requests`` keeps them all."""

    rule: Rule | None = None
    target: tuple[str, int] | None = None
    requests: list[Request] = field(default_factory=list)
    host: str = HOST

    def __post_init__(self) -> None:
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, name="lying-proxy", daemon=True)

    @property
    def address(self) -> str:
        """``host:port`` of the proxy."""
        return f"{self.host}:{self._server.server_address[1]}"

    @property
    def endpoint(self) -> str:
        """Its URL, without a slash at the end."""
        return f"http://{self.address}"

    def start(self) -> None:
        """Begin to serve; a second call does nothing."""
        if not self._thread.is_alive():
            self._thread.start()

    def stop(self) -> None:
        """End it."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def forward(self, request: Request) -> Answer:
        """What the server behind answers; 502 where it does not."""
        assert self.target is not None
        upstream = http.client.HTTPConnection(*self.target, timeout=SECONDS)
        try:
            headers = {name: value for name, value in request.headers.items() if name not in HOP_BY_HOP}
            upstream.request(request.method, request.path, body=request.body, headers=headers)
            answer = upstream.getresponse()
            length = answer.getheader("Content-Length")
            try:
                body = answer.read()
            except http.client.IncompleteRead as error:
                body = error.partial
            passed_on = tuple(pair for pair in answer.getheaders() if pair[0].lower() not in HOP_BY_HOP)
            cut = length is not None and int(length) != len(body)
            return Answer(answer.status, passed_on, body, int(length) if length is not None and cut else None)
        except (OSError, http.client.HTTPException):
            return Answer(502)
        finally:
            upstream.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, front: Front) -> None:
        self.front = front
        super().__init__((front.host, 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def _handle(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self._body())
        front = self.server.front
        front.requests.append(request)
        answer = front.rule(request, lambda: front.forward(request)) if front.rule else front.forward(request)
        if answer is None:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if self.command == "HEAD":
            if answer.announced is not None:
                self.send_header("Content-Length", str(answer.announced))
        elif answer.status not in {204, 304}:
            length = len(answer.body) if answer.announced is None else answer.announced
            self.send_header("Content-Length", str(length))
            if length != len(answer.body):
                self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815  http.server's own names

    def _body(self) -> bytes | None:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            length = self.headers.get("Content-Length")
            return self.rfile.read(int(length)) if length else None
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's own signature
        """Say nothing."""
