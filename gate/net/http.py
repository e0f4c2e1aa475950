"""Requests that are asked once, of known hosts, within one deadline, and always give a record.

No redirect is followed, no proxy is taken from the environment, nothing is retried, no encoded answer is read: what
the record holds is what one server said.
"""

import re
import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Final, Self

from gate import __version__, limits
from gate.clock import Clock
from gate.errors import RefusedError
from gate.model.basics import Secret
from gate.model.records import HttpAnswer
from gate.net.hosts import HostList, Target, plain_url
from gate.parse.http_cache import kept_lines
from gate.process import CancelToken, Redactor

if TYPE_CHECKING:
    import httpcore

    from gate.net.bounded import Patience

_IDLE_SECONDS: Final = 1.0  # a connection is used again within a batch; the samples of a phase each make their own
_CONNECTIONS: Final = 2 * limits.READ_JOBS
_COUNT: Final = re.compile(r"[0-9]{1,18}")


class Http:
    """Asks servers. ``hosts``, ``plain_http_hosts`` (must be among both) and ``below`` are those of `HostList`.

    ``seconds`` bounds a whole exchange, from the connection to the last byte. ``ca_file`` is a PEM file of further
    certificate authorities beside the system's and certifi's; `RefusedError` when it can't be read. ``connections``
    may be open at a time. ``socket`` is the path of a Unix socket that takes every connection in the place of the host.
    Threads may share an ``Http``. httpcore is used in place of httpx: it sends a path exactly as
    it was signed.
    """

    def __init__(
        self,
        hosts: Iterable[str],
        plain_http_hosts: Iterable[str] = (),
        *,
        clock: Clock,
        cancel: CancelToken | None = None,
        seconds: float = limits.ANSWER_SECONDS,
        ca_file: str | None = None,
        connections: int = _CONNECTIONS,
        below: str = "",
        socket: str | None = None,
    ) -> None:
        self.hosts = HostList(hosts, plain_http_hosts, below)
        self._clock = clock
        self._cancel = cancel or CancelToken()
        self._seconds = seconds
        self._connections = connections
        self._socket = socket
        self._tls = _tls(ca_file)
        self._lock = Lock()
        self._made: tuple[httpcore.ConnectionPool, Patience] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End all connections; the next `ask` makes new ones."""
        with self._lock:
            pools, self._made = self._made, None
        if pools:
            pools[0].close()

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str | Secret] | None = None,
        content: bytes | None = None,
        cap: int,
        keep_body: bool,
        secrets: Iterable[Secret] = (),
    ) -> tuple[HttpAnswer, bytes]:
        """Ask once: the record, and the body's bytes as they came, up to ``cap``.

        The record has the body only with ``keep_body``. Secret headers and ``secrets`` are replaced by ``***`` in it,
        its URLs have no query. It has ``status`` None and ``error`` for everything that is no whole answer:
        ``refused-host``, ``refused-address`` (nothing was sent), ``connect``, ``tls``, ``timeout``, ``cancelled``,
        ``cut`` (an answer that ends too early), ``too-large`` (more than ``cap`` bytes of a 2xx), ``encoded`` (gzip
        and the like, which was not asked for), ``other`` (not HTTP). Of any other status more than ``cap`` bytes are
        only ``body_cut``.
        """
        sent = dict(headers or {})
        exchange = _Exchange(method, plain_url(url), cap, self._clock.monotonic())
        target = self.hosts.read(url)
        if target is None:
            exchange.error = "refused-host"
        else:
            self._exchange(exchange, target, sent, content)
        redactor = Redactor([*secrets, *_secrets_of(sent)])
        millis = round((self._clock.monotonic() - exchange.began) * 1000)
        return exchange.record(redactor, millis, keep_body=keep_body), bytes(exchange.body)

    def _exchange(
        self,
        exchange: "_Exchange",
        target: Target,
        headers: Mapping[str, str | Secret],
        content: bytes | None,
    ) -> None:
        import httpcore  # noqa: PLC0415  # it and what it brings would slow down every command by 50 ms

        from gate.net.bounded import AddressError, TlsError  # noqa: PLC0415  # it imports httpcore

        pool, patience = self._pool()
        patience.until = exchange.began + self._seconds
        url = httpcore.URL(
            scheme=target.scheme, host=target.host.encode(), port=target.port, target=target.path.encode()
        )
        sent = _on_the_wire(exchange.method, target, headers)
        waits = {"timeout": {"pool": self._seconds}}  # for a free connection; all other waits are the patience's
        try:
            with pool.stream(exchange.method, url, headers=sent, content=content, extensions=waits) as response:
                exchange.peer = _peer(response.extensions.get("network_stream"))
                exchange.take_head(response.status, response.headers)
                if not exchange.error:
                    for piece in response.iter_stream():
                        if not exchange.take(piece):
                            break
        except httpcore.TimeoutException:
            exchange.error = "cancelled" if self._cancel.cancelled else "timeout"
        except httpcore.ConnectError as error:
            exchange.error = "refused-address" if isinstance(error, AddressError) else "connect"
            if isinstance(error, TlsError):
                exchange.error = "tls"
        except httpcore.NetworkError:
            exchange.error = "cut"
        except httpcore.RemoteProtocolError as error:
            early = str(error).startswith(("peer closed connection", "Server disconnected"))
            exchange.error = "cut" if early else "other"
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError, ValueError):
            exchange.error = "other"

    def _pool(self) -> "tuple[httpcore.ConnectionPool, Patience]":
        with self._lock:
            if self._made is None:
                import httpcore  # noqa: PLC0415  # as above

                from gate.net.bounded import BoundedBackend, Patience  # noqa: PLC0415  # it imports httpcore

                patience = Patience(self._clock, self._cancel)
                pool = httpcore.ConnectionPool(
                    ssl_context=self._tls,
                    max_connections=self._connections,
                    keepalive_expiry=_IDLE_SECONDS,
                    network_backend=BoundedBackend(patience, self._socket),
                )
                self._made = (pool, patience)
            return self._made


class _Exchange:
    """One question and what has come of the answer so far."""

    def __init__(self, method: str, url: str, cap: int, began: float) -> None:
        self.method = method
        self.url = url
        self.began = began
        self.error: str | None = None
        self.body = bytearray()
        self._cap = cap
        self._cut = False
        self._status: int | None = None
        self._headers: dict[str, str] = {}
        self._lines: list[tuple[str, str]] = []
        self.peer: str | None = None

    def take_head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep status and headers: of a header that comes twice the first, but of those of a cache each line."""
        self._status = status
        for name, text in headers:
            content = text.decode("utf-8", "backslashreplace")[: limits.ERROR_TEXT_CHARS]
            header = name.decode("ascii", "replace").lower()
            self._headers.setdefault(header, content)
            self._lines.append((header, content))
        coding = self._headers.get("content-encoding", "").strip().lower()
        if coding not in ("", "identity") and self.method != "HEAD":  # there it may be what an object is stored as
            self.error = "encoded"

    def take(self, piece: bytes) -> bool:
        """Keep a piece of the body; False when that is enough."""
        room = self._cap - len(self.body)
        self.body += piece[:room]
        self._cut = len(piece) > room
        if self._cut and self._status is not None and 200 <= self._status <= 299:  # noqa: PLR2004  # RFC 9110 15.3
            self.error = "too-large"
        return not self._cut

    def record(self, redactor: Redactor, millis: int, *, keep_body: bool) -> HttpAnswer:
        """The record of it, without secrets."""

        def clean(raw: bytes) -> str:
            return (redactor.feed(raw) + redactor.finish()).decode("utf-8", "backslashreplace")

        got = {name: clean(text.encode()) for name, text in self._headers.items()}
        length, location = got.get("content-length", ""), got.get("location")
        return HttpAnswer(
            url=clean(self.url.encode("utf-8", "backslashreplace")),
            status=None if self.error else self._status,
            error=self.error,
            content_type=got.get("content-type"),
            location=None if location is None else plain_url(location),
            etag=got.get("etag"),
            content_length=int(length) if _COUNT.fullmatch(length) else None,
            last_modified=got.get("last-modified"),
            version_id=got.get("x-amz-version-id"),
            deleted=got.get("x-amz-delete-marker", "").lower() == "true",
            bucket_region=got.get("x-amz-bucket-region"),
            date=got.get("date"),
            headers=tuple(clean(line.encode()) for line in kept_lines(self._lines)),
            peer=self.peer,
            body=clean(bytes(self.body)) if keep_body else "",
            body_cut=self._cut or (self.error is not None and self._status is not None),
            millis=millis,
        )


def _on_the_wire(method: str, target: Target, headers: Mapping[str, str | Secret]) -> list[tuple[bytes, bytes]]:
    """The header lines of a request.

    The connection of a HEAD is not used again: some servers send a body after its answer all the same, as OpenStack
    Swift ends a 404 with a zero chunk, and that would be read as the next answer's status line.
    """
    ours = {
        "Host": target.authority,
        "User-Agent": f"publication-gate/{__version__}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Cache-Control": "no-cache",  # a cache on the way is to ask the origin (RFC 9111, 5.2.1.4)
        "Pragma": "no-cache",  # the same, for those of HTTP/1.0
    }
    if method == "HEAD":
        ours["Connection"] = "close"
    sent = ours | {name: text.reveal() if isinstance(text, Secret) else text for name, text in headers.items()}
    return [(name.encode(), text.encode("utf-8", "surrogateescape")) for name, text in sent.items()]


def _peer(stream: "httpcore.NetworkStream | None") -> str | None:
    """``address:port`` of the connection's other end."""
    place = None
    with suppress(OSError):  # it was reset already
        place = stream.get_extra_info("server_addr") if stream is not None else None
    if not isinstance(place, tuple):
        return None
    host, port = str(place[0]), place[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _secrets_of(headers: Mapping[str, str | Secret]) -> list[Secret]:
    """Secret headers whole, and without the word before (``Bearer …``)."""
    secrets = [text for text in headers.values() if isinstance(text, Secret)]
    return [*secrets, *(Secret(text.reveal().rpartition(" ")[2]) for text in secrets)]


def _tls(ca_file: str | None) -> ssl.SSLContext:
    """The machine's own authorities (as nix, curl and attic use them), certifi's, and those of the site."""
    import certifi  # noqa: PLC0415  # needed only where something is asked

    context = ssl.create_default_context()
    with suppress(OSError):  # without it, the system's stay
        context.load_verify_locations(certifi.where())
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:  # ssl.SSLError is one
            what = error.strerror or error.reason if isinstance(error, ssl.SSLError) else error.strerror
            raise RefusedError(f"The CA file {ca_file} can't be read ({what}): expected PEM certificates.") from None
    return context
