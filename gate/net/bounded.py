"""Sockets that keep one deadline over a whole exchange, however slowly it trickles.

httpcore's own time-outs begin anew with every read. Its network backends are made to be replaced
(https://www.encode.io/httpcore/network-backends/). Only looking up a name is bounded by the resolver alone.
"""

import os
import socket
import ssl
import threading
from collections.abc import Iterable
from math import inf
from typing import Any, Final

import httpcore

from gate import limits
from gate.clock import Clock
from gate.parse.addresses import odd_address
from gate.process import CancelToken

_WRITE_BYTES: Final = 64 * 1024


class Patience(threading.local):
    """How long the exchange of this thread may still take."""

    def __init__(self, clock: Clock, cancel: CancelToken) -> None:
        self._clock = clock
        self._cancel = cancel
        self.until = inf

    @property
    def remaining(self) -> float:
        """Seconds, never less than one thousandth: zero would mean *do not wait at all* to a socket."""
        return max(self.until - self._clock.monotonic(), 0.001)

    @property
    def over(self) -> bool:
        """Whether the deadline passed or the run was cancelled."""
        return self._cancel.cancelled or self._clock.monotonic() >= self.until


class AddressError(httpcore.ConnectError):
    """The name leads to an address that no server of ours has; nothing was sent."""


class TlsError(httpcore.ConnectError):
    """The server was reached, and no trusted TLS connection came of it."""


class BoundedStream(httpcore.NetworkStream):
    """A connection whose every wait ends with the patience of the thread that uses it."""

    def __init__(self, inner: httpcore.NetworkStream, patience: Patience) -> None:
        self._inner = inner
        self._patience = patience

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002  # the patience is the bound
        """Some bytes, or none at the end of the stream."""
        while True:
            if self._patience.over:
                raise httpcore.ReadTimeout
            try:
                return self._inner.read(max_bytes, min(self._patience.remaining, limits.CANCEL_SECONDS))
            except httpcore.ReadTimeout:
                continue

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002  # the patience is the bound
        """All of the bytes."""
        for at in range(0, len(buffer), _WRITE_BYTES):
            if self._patience.over:
                raise httpcore.WriteTimeout
            self._inner.write(buffer[at : at + _WRITE_BYTES], self._patience.remaining)

    def close(self) -> None:
        """End the connection."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002  # the patience is the bound
    ) -> httpcore.NetworkStream:
        """The same connection, with TLS from here on."""
        most = min(self._patience.remaining, limits.CONNECT_SECONDS)
        try:
            return BoundedStream(self._inner.start_tls(ssl_context, server_hostname, most), self._patience)
        except httpcore.ConnectError as error:
            raise TlsError(str(error)) from error

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401  # httpcore's own signature
        """What httpcore asks of a connection, such as whether it is still open."""
        return self._inner.get_extra_info(info)


class BoundedBackend(httpcore.NetworkBackend):
    """Makes `BoundedStream` connections, all of them to the Unix ``socket`` where there is one."""

    def __init__(self, patience: Patience, socket: str | None = None) -> None:
        self._inner = httpcore.SyncBackend()
        self._patience = patience
        self._socket = socket

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  # the patience is the bound
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to a host: the name is looked up once, and what was checked is what is connected to."""
        if self._socket is not None:
            if not os.access(self._socket, os.W_OK):  # httpcore 1.0.9 leaves its socket open where connecting fails
                raise httpcore.ConnectError(f"{self._socket} can't be written to")
            most = min(self._patience.remaining, limits.CONNECT_SECONDS)
            return BoundedStream(self._inner.connect_unix_socket(self._socket, most), self._patience)
        failed: Exception = httpcore.ConnectError("no address")
        for address in _addresses(host.strip("[]"), port):
            most = min(self._patience.remaining, limits.CONNECT_SECONDS)
            try:
                stream = self._inner.connect_tcp(address, port, most, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return BoundedStream(stream, self._patience)
        raise failed


def _addresses(host: str, port: int) -> list[str]:
    """The addresses of a host, in the resolver's order; all of them are checked before one is used."""
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error
    addresses = list(dict.fromkeys(str(row[4][0]) for row in rows))
    if any(odd_address(address) for address in addresses):
        raise AddressError("refused-address")
    return addresses
