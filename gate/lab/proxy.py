"""A reverse proxy before a server of the lab: it answers uploads with an HTML page and status 200, or delays requests.

The page is what a captive or authenticating proxy gives. Attic's client takes any 2xx answer that is not JSON for
success (attic b7c9056 client/src/api/mod.rs:207), so a push through it is green while nothing was written. A delay is
as over a stalled disk, where one kind of request hangs and another is answered (recordings/rustfs-live).
"""

import http.client
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

HOST: Final = "127.0.0.1"
PAGE: Final = b"<!doctype html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n"
UPLOAD: Final = "/_api/v1/upload-path"
PIECE_BYTES: Final = 64 * 1024
UPSTREAM_SECONDS: Final = 60.0
HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "expect"})


def _at_once(_method: str, _path: str) -> float:
    return 0.0


class Proxy:
    """Listens on a free port of loopback; ``target`` is the server behind it, ``pages`` counts the pages served.

    ``hold`` says for how many seconds a request, by its method and its path, is held back. ``keeps_host``: the server
    gets the Host header as it came, since S3 signatures cover it.
    """

    def __init__(self, *, hold: Callable[[str, str], float] = _at_once, keeps_host: bool = False) -> None:
        self.hold = hold
        self.keeps_host = keeps_host
        self.target: tuple[str, int] | None = None
        self.answers_pages = False
        self.pages = 0
        self._server = _ProxyServer(self)
        self._thread = threading.Thread(target=self._server.serve_forever, name="lab-proxy", daemon=True)

    @property
    def address(self) -> str:
        """``host:port`` of the proxy."""
        return f"{HOST}:{self._server.server_address[1]}"

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


class _ProxyServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # idle keep-alive connections would be waited for

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        super().__init__((HOST, 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  http.server's own signature
        """Say nothing: a client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _ProxyServer
    disable_nagle_algorithm = True

    def _forward(self) -> None:
        body = self._read_body()
        proxy = self.server.proxy
        if proxy.answers_pages and self.command == "PUT" and self.path == UPLOAD:
            proxy.pages += 1
            self._answer(200, [("Content-Type", "text/html")], PAGE)
            return
        if proxy.target is None:
            self._answer(503, [], b"")
            return
        time.sleep(proxy.hold(self.command, self.path))
        upstream = http.client.HTTPConnection(*proxy.target, timeout=UPSTREAM_SECONDS)
        dropped = HOP_BY_HOP - {"host"} if proxy.keeps_host else HOP_BY_HOP
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
            upstream.request(self.command, self.path, body=body, headers=headers)
            self._relay(upstream.getresponse())
        except (OSError, http.client.HTTPException):
            self.close_connection = True  # whatever was sent so far ends here, as the server behind ended it
        finally:
            upstream.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _forward  # noqa: N815  http.server's own names

    def _read_body(self) -> bytes | None:
        """The request's body, whole: by its length, or by chunks."""
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

    def _relay(self, answer: http.client.HTTPResponse) -> None:
        """Pass an answer on as it comes; a body that is cut behind the proxy is cut before it too."""
        length = answer.getheader("Content-Length")
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        bare = self.command == "HEAD" or answer.status in {204, 304}
        if length is not None:
            self.send_header("Content-Length", length)
        elif not bare:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if bare:
            return
        remaining = int(length) if length is not None else None
        while piece := answer.read1(PIECE_BYTES):
            self.wfile.write(piece if remaining is not None else b"%x\r\n%s\r\n" % (len(piece), piece))
            remaining = remaining - len(piece) if remaining is not None else None
        if remaining is None:
            self.wfile.write(b"0\r\n\r\n")
        elif remaining:
            self.close_connection = True

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's own signature
        """Say nothing."""
