"""Reads GitHub's REST interface, each answer within a cap and a deadline; it never changes anything.

A read is repeated after a broken connection, a 5xx or a 429. The token
goes to the interface's own host and to no other. The environment names neither a proxy nor certificate authorities: an
earlier step of a job could use them to lead the token, and the answers, to another server.
"""

import ssl
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote, urljoin, urlsplit

from gate import __version__, limits
from gate.clock import Clock
from gate.errors import ForgedError, InconclusiveError, RefusedError
from gate.model.basics import Secret
from gate.parse.addresses import is_loopback
from gate.parse.strict_json import loads

if TYPE_CHECKING:
    import httpx

_JSON: Final = "application/vnd.github+json"
_RAW: Final = "application/vnd.github.raw+json"
_VERSION: Final = "2022-11-28"
_NOT_FOUND, _TOO_MANY = 404, 429
_SERVER_ERRORS: Final = range(500, 600)
_MOVED: Final = (301, 302, 303, 307, 308)
_REDIRECTS: Final = 3  # a repository that was renamed, and the storage of an artifact; one is left over
_OK: Final = 200
_MESSAGE_CHARS: Final = 200
_PAGE: Final = 100  # the most that GitHub gives
_BUNDLES: Final = (  # where Debian and NixOS, Fedora, and Alpine keep theirs, for a Python that was built elsewhere
    *("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"),
)
_PORTS: Final = {"https": 443, "http": 80}


class TooLargeError(InconclusiveError):
    """An answer has more bytes than are taken."""


class _AgainError(Exception):
    """An answer that another try may better."""


class GitHub:
    """One repository by the REST interface at ``api_url`` (``GITHUB_API_URL``; GHES has its own).

    Every method raises `InconclusiveError` when the answer could not be had in time, and `ForeignTextError` for one of
    another form. Plain http is accepted only for a loopback host.
    """

    def __init__(self, repository: str, token: Secret, *, api_url: str, clock: Clock) -> None:
        _check_url(api_url)
        owner, _, name = repository.partition("/")
        if not owner or not name or "/" in name:
            raise RefusedError(f"the repository is {repository[:200]!a}: expected OWNER/NAME")
        self.repository = repository
        self._root = api_url.rstrip("/")
        self._token = token
        self._clock = clock
        self._ends = clock.monotonic() + limits.API_TOTAL_SECONDS
        self._client: httpx.Client | None = None
        self._date: datetime | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._client is not None:
            self._client.close()

    def json(self, path: str, query: Mapping[str, str | int] | None = None) -> object:
        """The answer of ``/repos/OWNER/NAME`` + ``path``, which is quoted already, as strict JSON."""
        return loads(self._need(path, query, _JSON, limits.API_JSON_BYTES), cap=limits.API_JSON_BYTES, what=path)

    def pages(self, path: str, query: Mapping[str, str | int], most: int) -> Iterator[object]:
        """The pages of a list, 100 rows each, to its end; `InconclusiveError` when that can't be reached.

        ``total_count`` and short pages say where the end is, not a Link header: that could lead elsewhere.
        """
        got = page = 0
        for page in range(1, most + 1):
            answer = self.json(path, {**query, "per_page": _PAGE, "page": page})
            yield answer
            rows = _rows(answer)
            got += rows
            if rows == 0 and got < _total(answer):
                break
            if rows < _PAGE and got >= _total(answer):
                return
        raise InconclusiveError(
            f"GitHub's list {path} gave {got} rows on {page} pages and has more: what is lacking can't be determined"
        )

    def raw(self, path: str, query: Mapping[str, str | int] | None = None, *, cap: int) -> bytes | None:
        """The bytes of a file or blob; None where GitHub says 404."""
        return self._get(path, query, _RAW, cap)

    def download(self, path: str, *, cap: int, digest: str | None) -> bytes:
        """What a path redirects to, asked without the token; raises `ForgedError` where its digest is another."""
        data = self._need(path, None, _JSON, cap, elsewhere=True)
        actual = f"sha256:{sha256(data).hexdigest()}"
        if digest is not None and digest.lower() != actual:
            raise ForgedError(f"the artifact at {path} has {actual}, GitHub says {digest}")
        return data

    def now(self) -> datetime:
        """The forge's own time, by the latest ``Date`` of its answers: the machine's clock may be set to anything.

        Raises `InconclusiveError` before any answer, or when none of them had one.
        """
        if self._date is None:
            raise InconclusiveError("GitHub's answers have no Date: how old evidence is can't be determined")
        return self._date

    def _need(
        self, path: str, query: Mapping[str, str | int] | None, accept: str, cap: int, *, elsewhere: bool = False
    ) -> bytes:
        data = self._get(path, query, accept, cap, elsewhere=elsewhere)
        if data is None:
            raise InconclusiveError(
                f"GitHub answers 404 for {path} of {self.repository}: not there, or the token may not read it"
            )
        return data

    def _get(
        self, path: str, query: Mapping[str, str | int] | None, accept: str, cap: int, *, elsewhere: bool = False
    ) -> bytes | None:
        """Ask, and once more where that may help; None for 404. ``elsewhere``: another host may hold the answer."""
        import httpx  # noqa: PLC0415  # heavy, and only these commands need it
        import stamina  # noqa: PLC0415  # the same

        url = f"{self._root}/repos/{quote(self.repository)}{path}"
        headers = {"Accept": accept, "X-GitHub-Api-Version": _VERSION, "Authorization": self._bearer()}
        trouble = "no answer"
        try:
            for attempt in stamina.retry_context(
                on=_AgainError, attempts=limits.API_ATTEMPTS, timeout=limits.API_SECONDS, wait_max=5.0
            ):
                with attempt:
                    try:
                        return self._follow(url, dict(query or {}), headers, cap, elsewhere=elsewhere)
                    except (httpx.TransportError, ssl.SSLError) as error:
                        raise _AgainError(type(error).__name__) from None
        except _AgainError as error:
            trouble = str(error)
        raise InconclusiveError(
            f"GitHub could not be asked for {path} of {self.repository} ({trouble}): try again later"
        )

    def _follow(
        self, url: str, query: Mapping[str, str | int], headers: Mapping[str, str], cap: int, *, elsewhere: bool
    ) -> bytes | None:
        """One answer, or the one that it redirects to.

        A repository that was renamed answers with a redirect within the interface, which keeps the token. No other
        place gets it, and another place may answer only for an artifact, which is compared with its digest.
        """
        status, location, data = self._exchange(url, query, headers, cap)
        for _ in range(_REDIRECTS):
            if status not in _MOVED:
                break
            try:
                url = urljoin(url, location)
            except ValueError:  # such as http://[
                url = ""
            place = _place(url)
            if not self._is_interface(url):
                headers = {}
                if not elsewhere or place is None or place[0] not in ("https", urlsplit(self._root).scheme):
                    raise InconclusiveError(
                        f"GitHub redirects to {location.partition('?')[0][:200]!a}: expected an address below "
                        f"{self._root[:200]!a}; nothing was asked there"
                    )
            status, location, data = self._exchange(url, {}, headers, cap)
        if status == _NOT_FOUND:
            return None
        if status != _OK:
            raise InconclusiveError(
                f"GitHub answers {status} ({_message(data)}): look at the token's permissions and its rate limit"
            )
        return data

    def _is_interface(self, url: str) -> bool:
        """Whether an address is one of the interface itself: of its host, and below its path."""
        root, parts = urlsplit(self._root), urlsplit(url)
        return _place(url) == _place(self._root) and parts.path.startswith(f"{root.path}/")

    def _exchange(
        self, url: str, query: Mapping[str, str | int], headers: Mapping[str, str], cap: int
    ) -> tuple[int, str, bytes]:
        seconds_left = self._ends - self._clock.monotonic()
        if seconds_left <= 0:
            raise InconclusiveError(f"GitHub took more than {limits.API_TOTAL_SECONDS:g} s in all: try again later")
        until = self._clock.monotonic() + min(seconds_left, limits.API_SECONDS)
        request = self._open().stream("GET", url, params=query or None, headers=headers)
        with request as answer:
            if answer.status_code in _SERVER_ERRORS or answer.status_code == _TOO_MANY:
                raise _AgainError(f"status {answer.status_code}")
            if self._is_interface(url):
                self._keep_date((answer.headers.get_list("date") or [""])[-1])
            data = bytearray()
            for piece in answer.iter_raw(limits.READ_CHUNK_BYTES):
                data += piece
                if len(data) > cap:
                    raise TooLargeError(f"GitHub's answer has more than {cap} bytes: it is not read")
                if self._clock.monotonic() > until:
                    raise _AgainError("deadline")
            return answer.status_code, answer.headers.get("location", ""), bytes(data)

    def _keep_date(self, text: str) -> None:
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return
        if date.tzinfo is not None and (self._date is None or date > self._date):
            self._date = date

    def _open(self) -> "httpx.Client":
        if self._client is None:
            import httpx  # noqa: PLC0415  # as above

            ours = {"User-Agent": f"publication-gate/{__version__}", "Accept-Encoding": "identity"}
            self._client = httpx.Client(
                headers=ours,
                timeout=limits.CONNECT_SECONDS,
                follow_redirects=False,
                trust_env=False,  # no proxy, no authorities and no .netrc that the environment names
                verify=_tls(),
            )
        return self._client

    def _bearer(self) -> str:
        return f"Bearer {self._token.reveal()}"


def api_url_of(environ: Mapping[str, str]) -> str:
    """The interface of the forge that the runner names; raises `RefusedError` where it is of another forge.

    The token may go to the host of ``GITHUB_SERVER_URL``, to ``api.`` of it, and to this machine.
    """
    server = environ.get("GITHUB_SERVER_URL", "").strip() or "https://github.com"
    url = environ.get("GITHUB_API_URL", "").strip() or "https://api.github.com"
    _check_url(url)
    host, forge = urlsplit(url).hostname, _place(server)
    if is_loopback(url) or (forge is not None and host in (forge[1], f"api.{forge[1]}")):
        return url
    raise RefusedError(
        f"GITHUB_API_URL is {url[:200]!a} and GITHUB_SERVER_URL {server[:200]!a}: expected one forge; the token was "
        "not sent"
    )


def _check_url(url: str) -> None:
    place = _place(url)
    if place is None or (place[0] == "http" and not is_loopback(url)):
        raise RefusedError(f"GITHUB_API_URL is {url[:200]!a}: expected an https:// address")


def _place(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an address of http or https; None for any other text."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and "@" not in parts.netloc else None


def _tls() -> ssl.SSLContext:
    """The machine's own authorities and certifi's: a GHES often has a certificate of the site's own.

    The machine's are those of OpenSSL's own configuration; ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name none.
    """
    import certifi  # noqa: PLC0415  # only where something is asked

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    built_in = ssl.get_default_verify_paths()
    for bundle in (built_in.openssl_cafile, *_BUNDLES, certifi.where()):
        if Path(bundle).is_file():
            context.load_verify_locations(cafile=bundle)
    if Path(built_in.openssl_capath).is_dir():
        context.load_verify_locations(capath=built_in.openssl_capath)
    return context


def _rows(answer: object) -> int:
    lists = [part for part in answer.values() if isinstance(part, list)] if isinstance(answer, dict) else []
    return max((len(part) for part in lists), default=0)


def _total(answer: object) -> int:
    total = answer.get("total_count") if isinstance(answer, dict) else None
    return total if isinstance(total, int) and not isinstance(total, bool) else 0


def _message(data: bytes) -> str:
    text = data[: 4 * _MESSAGE_CHARS].decode("utf-8", "backslashreplace")
    return ascii(text)[1 : _MESSAGE_CHARS + 1]
