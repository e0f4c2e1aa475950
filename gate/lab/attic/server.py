"""``python -m gate.lab.attic.server -f server.toml``: a stand-in for ``atticd -f server.toml``.

The log goes to standard output, as the real server's, in colours unless ``NO_COLOR`` is set; the lines about starting
go to standard error. SIGTERM ends the process at once, by Python's default action, which is also the real server's.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET, AF_INET6
from typing import Final
from urllib.parse import unquote

from gate.lab.attic.access import caller
from gate.lab.attic.chunks import ChunkError
from gate.lab.attic.config import ServerConfig, load
from gate.lab.attic.endpoints import Endpoints
from gate.lab.attic.errors import RejectedError, ServerError
from gate.lab.attic.replies import ApiRequest, Reply, text_reply
from gate.lab.attic.tracelog import TraceLog

UPLOAD_BYTES: Final = 64 * 1024 * 1024  # the largest body taken in; it is held in memory, the real server streams
LINE_BYTES: Final = 65536  # the longest line of a chunked body's frame
IDLE_SECONDS: Final = 60


class BodyTooLargeError(Exception):
    """A request's body is over :data:`UPLOAD_BYTES`."""


class BrokenBodyError(Exception):
    """The client went away, or framed its body wrongly: nobody is left to answer."""


class AtticServer(ThreadingHTTPServer):
    """One listening socket; a thread for each connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, config: ServerConfig, log: TraceLog) -> None:
        """Bind to the configured address."""
        self.address_family = AF_INET6 if ":" in config.host else AF_INET
        self.config = config
        self.log = log
        self.endpoints = Endpoints(config, log)
        super().__init__((config.host, config.port), Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing about clients that went away; anything else is a bug of this program and is shown."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # only shown


class Handler(BaseHTTPRequestHandler):
    """One connection, kept alive as HTTP/1.1 has it."""

    server: AtticServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS

    def setup(self) -> None:
        """Give the connection its task number."""
        super().setup()
        self.task = self.server.log.next_task()

    def handle_any(self) -> None:
        """Answer one request and log the answer if it is a 5xx."""
        started = time.monotonic()
        try:
            reply = self._answer(self._read_body())
        except ServerError as error:
            reply = Reply(error.status, (("content-type", "application/json"),), error.body())
        except RejectedError as error:
            reply = text_reply(error.status, error.text)
        except BrokenBodyError:
            self.close_connection = True
            return
        except BodyTooLargeError:
            self.close_connection = True
            reply = text_reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "length limit exceeded")
        if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.server.log.response_failed(reply.status, int((time.monotonic() - started) * 1000))
        self._send(reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815  names of http.server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  signature of http.server
        """Log no requests: the real server does not."""

    def _answer(self, body: bytes) -> Reply:
        """Hand the request to its route."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = ApiRequest(
            method=self.command,
            target=self.path,
            headers=headers,
            body=body,
            caller=caller(headers.get("authorization"), self.server.config.token_key),
            task=self.task,
        )
        return self.server.endpoints.answer(request, unquote(self.path.partition("?")[0]))

    def _read_body(self) -> bytes:
        """Read the whole body, of known length or chunked."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return b"".join(self._chunked_body())
        size = int(self.headers.get("Content-Length", 0))
        if size > UPLOAD_BYTES:
            raise BodyTooLargeError
        return self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        """Read ``size`` bytes."""
        data = self.rfile.read(size)
        if len(data) < size:
            raise BrokenBodyError
        return data

    def _chunked_body(self) -> Iterator[bytes]:
        """Yield the pieces of a chunked body."""
        total = 0
        while size := self._chunk_size():
            total += size
            if total > UPLOAD_BYTES:
                raise BodyTooLargeError
            yield self._exactly(size)
            self.rfile.readline(LINE_BYTES)
        while self.rfile.readline(LINE_BYTES).strip():
            pass  # trailers

    def _chunk_size(self) -> int:
        """Read the line before a piece of a chunked body."""
        line = self.rfile.readline(LINE_BYTES)
        try:
            return int(line.partition(b";")[0], 16)
        except ValueError as error:
            raise BrokenBodyError from error

    def _send(self, reply: Reply) -> None:
        """Write an answer; the head of a stream goes out before its first piece is asked for."""
        try:
            if reply.stream is None:
                self._send_whole(reply)
            else:
                self._send_stream(reply, reply.stream)
        except OSError:
            self.close_connection = True  # the client is gone

    def _send_whole(self, reply: Reply) -> None:
        """Write head and body at once."""
        head = self._head(reply, ("content-length", str(len(reply.body))))
        self.wfile.write(head if self.command == "HEAD" else head + reply.body)

    def _send_stream(self, reply: Reply, stream: Iterator[bytes]) -> None:
        """Write a chunked body; a storage error cuts the connection, without the last chunk."""
        if self.command == "HEAD":
            self.wfile.write(self._head(reply))
            return
        self.wfile.write(self._head(reply, ("transfer-encoding", "chunked")))
        try:
            for piece in stream:
                self.wfile.write(b"%X\r\n%s\r\n" % (len(piece), piece))
        except ChunkError:
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")

    def _head(self, reply: Reply, *framing: tuple[str, str]) -> bytes:
        """Return the head: names in lower case and no Server header, as recorded."""
        lines = [f"HTTP/1.1 {int(reply.status)} {reply.status.phrase}"]
        headers = (*reply.headers, *framing, ("date", formatdate(usegmt=True)))
        lines += [f"{name}: {value}" for name, value in headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="atticd", description="Stand-in for atticd of Attic b7c9056.")
    parser.add_argument("-f", "--config", type=Path, required=True, help="the file that atticd -f takes")
    config = load(parser.parse_args().config)
    sys.stderr.write("Attic Server 0.1.0 (stand-in)\nRunning migrations...\nStarting API server...\n")
    server = AtticServer(config, TraceLog(sys.stdout, coloured=not os.environ.get("NO_COLOR")))
    sys.stderr.write(f"Listening on {config.host}:{config.port}...\n")
    sys.stderr.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
