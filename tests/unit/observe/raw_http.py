"""A scripted HTTP server on loopback that can break every rule of the protocol, and what a NAR is made of."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

Handler = Callable[["Request"], None]


class Request:
    """One request: its path, its headers by lower-case name, its body, and the socket to answer on."""

    def __init__(self, path: str, headers: dict[str, str], connection: socket.socket, method: str, body: bytes) -> None:
        self.path = path
        self.headers = headers
        self.connection = connection
        self.method = method
        self.body = body
        self.close = False

    def raw(self, data: bytes, *, close: bool = False) -> None:
        self.connection.sendall(data)
        self.close = close

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {text}" for name, text in headers.items()]
        self.raw("\r\n".join([*lines, "", ""]).encode() + body)

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close = True

    def drip(self, data: bytes, seconds: float) -> None:
        with suppress(OSError):
            for byte in data:
                self.connection.sendall(bytes([byte]))
                time.sleep(seconds)
        self.close = True


class RawServer:
    """Answers each request by ``handler``; ``requests`` and ``connections`` tell what came."""

    def __init__(self, handler: Handler, tls: Path | None = None) -> None:
        self.handler = handler
        self.requests: list[Request] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"http://{self.host}"
        self._open: list[socket.socket] = []
        self._tls: ssl.SSLContext | None = None
        if tls is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(tls)
        threading.Thread(target=self._accept, daemon=True).start()

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with plain, suppress(OSError), self._secured(plain) as connection:
            stream = connection.makefile("rb")
            while line := stream.readline():
                method, path, _ = line.decode().split(" ", 2)
                headers: dict[str, str] = {}
                while (header := stream.readline().strip()) != b"":
                    name, _, content = header.decode().partition(":")
                    headers[name.lower()] = content.strip()
                body = stream.read(int(headers.get("content-length", 0)))
                request = Request(path, headers, connection, method, body)
                self.requests.append(request)
                self.handler(request)
                if request.close:
                    stream.close()  # the stream holds the socket open
                    return

    def _secured(self, plain: socket.socket) -> socket.socket:
        return plain if self._tls is None else self._tls.wrap_socket(plain, server_side=True)

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # close alone would not wake the thread that accepts
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(handler: Handler, tls: Path | None = None) -> Iterator[RawServer]:
    server = RawServer(handler, tls)
    try:
        yield server
    finally:
        server.stop()


def _text(content: bytes) -> bytes:
    return len(content).to_bytes(8, "little") + content + b"\0" * (-len(content) % 8)


def nar_of(content: bytes) -> bytes:
    """The NAR of one regular file (https://nix.dev/manual/nix/2.34/protocols/nix-archive)."""
    words = (b"nix-archive-1", b"(", b"type", b"regular", b"contents", content, b")")
    return b"".join(map(_text, words))
