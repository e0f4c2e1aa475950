"""The server's log in the default format of ``tracing-subscriber``: time, level, target, message, span trace.

Without ``RUST_LOG`` the real server logs errors only, and so does this one. Lines as in the recordings
``bucket-lost-synthetic-2``, ``bucket-lost-multi-chunk-upload``, ``nar-multi-chunk-bucket-lost`` and
``log-canary-malformed-narinfo``; the source lines in them are those of attic b7c9056.

The recordings were made with ``NO_COLOR``. Without it tracing-subscriber 0.3 colours what it writes, into a file or a
pipe too, and so a server in a container does; a span trace stays plain.
"""

import itertools
import threading
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, TextIO

_SPAWN: Final = (
    "   {index}: tokio::task::runtime.spawn\n"
    "           with kind=task task.name= task.id={task} {fields}\n"
    "             at /build/cargo-vendor-dir/tokio-1.52.3/src/util/trace.rs:69\n"
)
_REQUEST: Final = (
    "   1: tower_http::trace::make_span::request\n"
    "           with method={method} uri={uri} version=HTTP/1.1\n"
    "             at /build/cargo-vendor-dir/tower-http-0.7.0/src/trace/make_span.rs:109\n"
)
_SERVE_FIELDS: Final = (
    'size.bytes=1920 loc.file="/build/cargo-vendor-dir/axum-0.8.9/src/serve/mod.rs" loc.line=389 loc.col=5'
)
_CHUNK_FIELDS: Final = (
    'original_size.bytes=25664 size.bytes=8 loc.file="server/src/api/v1/upload_path.rs" loc.line=342 loc.col=13'
)
_STREAM_FIELDS: Final = 'size.bytes=9616 loc.file="attic/src/io/mod.rs" loc.line=75 loc.col=34'
_DIM, _RED, _ITALIC, _PLAIN = "\x1b[2m", "\x1b[31m", "\x1b[3m", "\x1b[0m"
HANDLERS: Final = {
    "upload_path": (
        "attic_server::api::v1::upload_path::upload_path\n             at server/src/api/v1/upload_path.rs:84"
    ),
    "get_store_path_info": (
        "attic_server::api::binary_cache::get_store_path_info\n             at server/src/api/binary_cache.rs:113"
    ),
    # counted from line 113 in the source, not recorded
    "get_nar": "attic_server::api::binary_cache::get_nar\n             at server/src/api/binary_cache.rs:169",
}
"""The span of each handler that can log an error."""


class TraceLog:
    """Writes whole records, each with one call, from any thread."""

    def __init__(self, stream: TextIO, *, coloured: bool) -> None:
        """Log to ``stream`` (the real server: standard output), with colours or without."""
        self._stream = stream
        self._coloured = coloured
        self._lock = threading.Lock()
        self._tasks = itertools.count(100)

    def next_task(self) -> int:
        """Return a new ``task.id``."""
        return next(self._tasks)

    def request_trace(self, handler: str, method: str, uri: str, task: int) -> str:
        """Return the span trace of an error met in a handler; ``uri`` is the request's, still percent-encoded."""
        return (
            f"   0: {HANDLERS[handler]}\n"
            + _REQUEST.format(method=method, uri=uri)
            + _SPAWN.format(index=2, task=task, fields=_SERVE_FIELDS)
        )

    def chunk_trace(self) -> str:
        """Return the span trace of an error met in a chunk's own task; it names neither request nor path."""
        return _SPAWN.format(index=0, task=self.next_task(), fields=_CHUNK_FIELDS)

    def upload_failed(self, cause: str, trace: str) -> None:
        """Log a storage error of an upload; it wraps itself once, so words and trace come twice."""
        self._error("attic_server::error", f"Storage error: Storage error: {cause}\n{trace}{trace}")

    def common_error(self, trace: str) -> None:
        """Log an error of the common components, such as a hash of the wrong form."""
        self._error("attic_server::error", f"Error from the common components.\n{trace}")

    def stream_failed(self, cause: str) -> None:
        """Log a storage error met after a body's ``200`` has gone out."""
        trace = _SPAWN.format(index=0, task=self.next_task(), fields=_STREAM_FIELDS)
        field = self._field("e", f"Storage error: {cause}")
        self._error("attic_server::api::binary_cache", f"Stream error {field}\n{trace}")

    def response_failed(self, status: int, milliseconds: int) -> None:
        """Log a 5xx answer with its latency."""
        code = self._field("classification", f"Status code: {status} {HTTPStatus(status).phrase}")
        latency = self._field("latency", f"{milliseconds} ms")
        self._error("tower_http::trace::on_failure", f"response failed {code} {latency}\n")

    def _error(self, target: str, text: str) -> None:
        """Write one record at level ERROR; ``text`` ends its own last line."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        head = f"{self._in(_DIM, now)} {self._in(_RED, 'ERROR')} {self._in(_DIM, target)}{self._in(_DIM, ':')}"
        with self._lock:
            self._stream.write(f"{head} {text}")
            self._stream.flush()

    def _field(self, name: str, value: str) -> str:
        """Return a field of a record."""
        return f"{self._in(_ITALIC, name)}{self._in(_DIM, '=')}{value}"

    def _in(self, colour: str, text: str) -> str:
        """Return ``text`` in a colour, where there are colours."""
        return f"{colour}{text}{_PLAIN}" if self._coloured else text
