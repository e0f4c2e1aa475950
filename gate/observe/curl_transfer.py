"""One libcurl handle and the answer that it receives: a single hop, never a redirect of libcurl's own.

libcurl is what Nix itself reads with (nix ``src/libstore/filetransfer.cc``): its result codes are the operators' words.
"""

import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from gate import limits
from gate.errors import RefusedError
from gate.parse.addresses import odd_address
from gate.parse.http_cache import kept_lines

# Result codes (https://curl.se/libcurl/c/libcurl-errors.html) as the words of `HttpAnswer.error`.
_WORDS: Final = {
    **dict.fromkeys((5, 6, 7), "connect"),
    **dict.fromkeys((16, 18, 52, 55, 56, 92, 95), "cut"),
    28: "timeout",
    **dict.fromkeys((35, 53, 54, 58, 59, 60, 64, 66, 77, 80, 82, 83, 90, 91, 98), "tls"),
}

_STATUS_LINE: Final = b"HTTP/"
_HEADER_BYTES: Final = 2048  # of one header's value; a presigned URL is about 600 bytes
_KEPT_HEADERS: Final = {
    name.encode(): name
    for name in (
        *("content-type", "content-length", "location", "etag", "last-modified", "date"),
        "x-amz-version-id",
        "content-encoding",
    )
}


class _Lent(socket.socket):
    """A socket of which libcurl takes a copy at once; ours ends with its last name (pycurl ``src/easycb.c``)."""

    def __del__(self) -> None:
        """Close without the warning that a forgotten socket gives."""
        self.close()


def curl_word(code: int) -> str | None:
    """The word for a libcurl result code: None for 0, ``connect``, ``timeout``, ``tls``, ``cut`` or ``other``."""
    return None if code == 0 else _WORDS.get(code, "other")


def load() -> None:
    """Load what a `CurlHop` takes, for a caller that has time for it before it reads."""
    import certifi  # noqa: F401, PLC0415  # needed only where something is asked
    import pycurl  # noqa: F401, PLC0415  # a C library: only where it is used


def authorities(ca_file: str | None) -> bytes:
    """The certificate authorities to trust, as PEM: the system's, certifi's, and those of ``ca_file``.

    `RefusedError` when ``ca_file`` can't be read; the others may be missing.
    """
    import certifi  # noqa: PLC0415  # needed only where something is asked

    bundles = []
    for file in (ssl.get_default_verify_paths().cafile, certifi.where()):
        with suppress(OSError, UnicodeDecodeError):
            bundles.append(Path(file or "").read_text("utf-8"))
    if ca_file is not None:
        try:
            bundles.append(Path(ca_file).read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise RefusedError(f"The CA file {ca_file} can't be read ({error}): expected PEM certificates.") from None
    return "\n".join(bundles).encode()


class CurlHop:
    """A libcurl handle for one transfer after the other; connections are kept and used again.

    ``trusted`` are certificate authorities in PEM, see `authorities`. A transfer slower than
    `limits.LOW_SPEED_BYTES_PER_SECOND` for ``low_speed_seconds`` ends as timed out. No proxy, no netrc, nothing of the
    environment.

    ``status`` and ``headers`` (lower-case names, of those that records have a field for) are of the last answer;
    header values are decoded with escapes and cut. The multi handle that ``handle`` is added to drives it; it says by
    `wait` how long it had nothing to do. ``first_byte_millis`` and ``pause_millis`` count that time alone, so that a
    gate that is slow itself is no pause of the server's.
    """

    def __init__(self, trusted: bytes, low_speed_seconds: int) -> None:
        import pycurl  # noqa: PLC0415  # a C library: only where it is used

        self._status: int | None = None  # as it was when the first piece of a body came
        self._lines: list[bytes] = []  # of all heads of the transfer; libcurl takes 300 kB of them at most
        self._sink: Callable[[int, bytes], bool] = lambda _status, _data: False
        self._sent: Sequence[str] = ()
        self._waited = self._pause = 0.0  # seconds since the last piece of a body, and the longest such time
        self._first: float | None = None
        self._curl = pycurl
        self.handle: Any = pycurl.Curl()
        for option, choice in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.PATH_AS_IS, 1),  # what was checked is what is asked
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),  # a cut body is then always code 18, 52 or 56
            (pycurl.PROXY, ""),  # not even what the environment names
            (pycurl.NETRC, pycurl.NETRC_IGNORED),
            (pycurl.CONNECTTIMEOUT_MS, round(limits.CONNECT_SECONDS * 1000)),
            (pycurl.BUFFERSIZE, limits.CURL_BUFFER_BYTES),
            (pycurl.LOW_SPEED_LIMIT, limits.LOW_SPEED_BYTES_PER_SECOND),
            (pycurl.LOW_SPEED_TIME, low_speed_seconds),
            (pycurl.HEADERFUNCTION, self._lines.append),
            (pycurl.WRITEFUNCTION, self._data),
            (pycurl.OPENSOCKETFUNCTION, self._socket),
        ):
            self.handle.setopt(option, choice)
        self.handle.set_ca_certs(trusted)
        if (folder := ssl.get_default_verify_paths().capath) is not None:
            self.handle.setopt(pycurl.CAPATH, folder)

    def ask(
        self,
        url: str,
        *,
        headers: Sequence[str],
        seconds: float,
        sink: Callable[[int, bytes], bool],
    ) -> None:
        """Make ready for a GET, all of it within ``seconds``.

        ``sink`` takes the status and each piece of the body; answering False it ends the transfer (code 23).
        """
        self._lines.clear()
        self._status = None
        self._waited = self._pause = 0.0
        self._first = None
        self._sink = sink
        setopt, curl = self.handle.setopt, self._curl
        setopt(curl.URL, url)
        if headers is not self._sent:
            setopt(curl.HTTPHEADER, headers)
            self._sent = headers
        setopt(curl.TIMEOUT_MS, max(1, round(seconds * 1000)))

    def millis(self) -> int:
        """How long the last transfer took, from its start."""
        seconds: float = self.handle.getinfo(self._curl.TOTAL_TIME)
        return round(seconds * 1000)

    def wait(self, seconds: float) -> None:
        """So long nothing came on any connection."""
        self._waited += seconds

    @property
    def first_byte_millis(self) -> int | None:
        """How long the first byte of the last answer's body was waited for; None where none came."""
        return None if self._first is None else round(self._first * 1000)

    @property
    def pause_millis(self) -> int:
        """The longest wait in the last transfer: for its first byte, between two pieces, or for its end."""
        return round(max(self._pause, self._waited) * 1000)

    def close(self) -> None:
        """Give the handle back to libcurl."""
        self.handle.close()

    @property
    def status(self) -> int | None:
        """The status of the last answer, None before there is one."""
        if self._status is not None:
            return self._status or None
        for line in reversed(self._lines):
            if line[:5] == _STATUS_LINE:
                code = line.split(b" ", 2)[1:2]
                return int(code[0]) if code and code[0].strip().isdigit() else None
        return None

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the last answer; those of a 1xx before it do not count."""
        fields: dict[str, str] = {}
        for line in self._lines:
            name, colon, content = line.partition(b":")
            key = _KEPT_HEADERS.get(name.lower())
            if key is not None and colon:
                fields[key] = content.strip()[:_HEADER_BYTES].decode("utf-8", "backslashreplace")
            elif line[:5] == _STATUS_LINE:
                fields.clear()
        return fields

    @property
    def kept_lines(self) -> tuple[str, ...]:
        """The header lines of the last answer that say whose answer it is, as ``name: value``."""
        lines: list[tuple[str, str]] = []
        for line in self._lines:
            if line[:5] == _STATUS_LINE:
                lines.clear()
            name, colon, content = line.partition(b":")
            if colon:
                text = content.strip()[:_HEADER_BYTES].decode("utf-8", "backslashreplace")
                lines.append((name.decode("ascii", "replace").lower(), text))
        return kept_lines(lines)

    @property
    def peer(self) -> str | None:
        """``address:port`` of the connection that the last transfer used; None where there was none."""
        host, port = (self.handle.getinfo(option) for option in (self._curl.PRIMARY_IP, self._curl.PRIMARY_PORT))
        return (f"[{host}]:{port}" if ":" in host else f"{host}:{port}") if host else None

    def _socket(self, _purpose: int, address: tuple[int, int, int, tuple[Any, ...]]) -> socket.socket | int:
        """A socket for an address that a name led to; none (libcurl's code 7) for one that no server of ours has."""
        family, kind, protocol, place = address
        if odd_address(str(place[0])):
            refused: int = self._curl.SOCKET_BAD
            return refused
        return _Lent(family, kind, protocol)

    def _data(self, piece: bytes) -> int:
        if self._status is None:
            self._status = self.status or 0
            self._first = self._waited
        self._pause, self._waited = max(self._pause, self._waited), 0.0
        return len(piece) if self._sink(self._status, piece) else -1
