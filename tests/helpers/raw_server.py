"""A server of one scripted handler a connection, for framing that no honest server sends."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Handler = Callable[[socket.socket, bytes], None]  # the connection, and the request's head


class RawServer:
    """``requests`` are the heads that came, in order: a test shows by them that its fault happened."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self._handler = handler
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        self.over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._spawn(self._accept)

    def close(self) -> None:
        self.over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in list(self._threads):
            thread.join(10)

    def _spawn(self, target: Callable[..., None], *args: socket.socket) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            self._spawn(self._serve, connection)

    def _serve(self, plain: socket.socket) -> None:
        plain.settimeout(10)
        with suppress(OSError), plain:
            connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    head += piece
                self.requests.append(head)
                self._handler(connection, head)


@contextmanager
def raw_server(handler: Handler | bytes, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Serve; bytes are sent as they are, and the connection closed."""

    def send(connection: socket.socket, _head: bytes) -> None:
        assert isinstance(handler, bytes)
        connection.sendall(handler)

    server = RawServer(send if isinstance(handler, bytes) else handler, tls)
    try:
        yield server
    finally:
        server.close()
