"""The client's side of the wire (attic b7c9056 ``client/src/api/mod.rs``), with reqwest's words for failures."""

import json
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from gate.lab.attic.client_config import ClientError

PREAMBLE_THRESHOLD: Final = 4096  # a description of this many bytes goes ahead of the NAR, not into a header
TIMEOUT_SECONDS: Final = 600
USER_AGENT: Final = "Attic/attic-client (stand-in)"


class ApiError(ClientError):
    """The server, or something before it, answered with an error."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    reason: str
    body: bytes

    def is_success(self) -> bool:
        """Tell whether the status is 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


@dataclass(frozen=True, slots=True)
class _Question:
    """A request as it will be sent; the headers hold the token."""

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    payload: Iterable[bytes] | bytes | None = field(repr=False)


class ApiClient:
    """Speaks to one server with one token; a connection for each request, from any thread."""

    def __init__(self, endpoint: str, token: str | None) -> None:
        """Keep where the server is; ``token`` goes into the Authorization header only."""
        self.endpoint = endpoint
        self._token = token

    def cache_config(self, cache: str) -> dict[str, Any]:
        """Return a cache's settings."""
        return self._json(self._request("GET", f"_api/v1/cache-config/{cache}"))

    def create_cache(self, cache: str, settings: dict[str, Any]) -> None:
        """Make a cache."""
        self._checked(self._request("POST", f"_api/v1/cache-config/{cache}", json_body=settings))

    def missing_paths(self, cache: str, hashes: Sequence[str]) -> set[str]:
        """Return those store path hashes that the server wants uploaded."""
        question = {"cache": cache, "store_path_hashes": list(hashes)}
        answer = self._json(self._request("POST", "_api/v1/get-missing-paths", json_body=question))
        return set(answer["missing_paths"])

    def upload(self, info: dict[str, Any], nar: Iterable[bytes]) -> dict[str, Any] | None:
        """Upload a NAR; ``None`` for a success whose body is no JSON, which the real client counts as uploaded."""
        text = json.dumps(info, separators=(",", ":")).encode()
        if len(text) < PREAMBLE_THRESHOLD:
            headers, body = {"X-Attic-Nar-Info": text.decode()}, nar
        else:
            headers, body = {"X-Attic-Nar-Info-Preamble-Size": str(len(text))}, _after(text, nar)
        answer = self._checked(self._request("PUT", "_api/v1/upload-path", headers=headers, body=body))
        try:
            result = json.loads(answer.body)
        except ValueError:
            return None
        return result if isinstance(result, dict) and "kind" in result else None

    def _request(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        body: Iterable[bytes] | None = None,
        json_body: dict[str, Any] | None = None,
    ) -> Answer:
        """Send one request and read the whole answer."""
        sent = {"User-Agent": USER_AGENT, **(headers or {})}
        if self._token is not None:
            sent["Authorization"] = f"bearer {self._token}"
        payload: Iterable[bytes] | bytes | None = body
        if json_body is not None:
            sent["Content-Type"] = "application/json"
            payload = json.dumps(json_body, separators=(",", ":")).encode()
        if body is not None:
            sent["Transfer-Encoding"] = "chunked"
        question = _Question(method, urljoin(self.endpoint, path), sent, payload)
        parts = urlsplit(question.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
        try:
            _connect(connection, question.url)
            return _exchange(connection, question)
        finally:
            connection.close()

    @staticmethod
    def _checked(answer: Answer) -> Answer:
        """Return an answer that is a success, or raise what it says."""
        if answer.is_success():
            return answer
        text = answer.body.decode(errors="replace")
        try:
            error = json.loads(text)
            message = f"{error['error']}: {error['message']}"
        except (ValueError, KeyError, TypeError):
            message = f"HTTP {answer.status} {answer.reason}: {text}"
        raise ApiError(message)

    def _json(self, answer: Answer) -> dict[str, Any]:
        """Return the JSON object of a success."""
        try:
            value = json.loads(self._checked(answer).body)
        except ValueError as error:
            message = "error decoding response body"
            raise ClientError(message, str(error)) from error
        if not isinstance(value, dict):
            message = "error decoding response body"
            raise ClientError(message, "expected a JSON object")
        return value


def _after(head: bytes, rest: Iterable[bytes]) -> Iterable[bytes]:
    """Yield ``head``, then the pieces of ``rest``."""
    yield head
    yield from rest


def _connect(connection: HTTPConnection, url: str) -> None:
    """Open a connection, or raise in reqwest's words (recording ``server-down``)."""
    message = f"error sending request for url ({url})"
    try:
        connection.connect()
    except socket.gaierror as error:
        raise ClientError(message, "client error (Connect)", "dns error", str(error.strerror)) from error
    except OSError as error:
        cause = f"{error.strerror} (os error {error.errno})"
        raise ClientError(message, "client error (Connect)", "tcp connect error", cause) from error


def _exchange(connection: HTTPConnection, question: _Question) -> Answer:
    """Send a request on an open connection; an answer that comes before the body is out still counts."""
    try:
        _send(connection, question)
        response = connection.getresponse()
        return Answer(response.status, response.reason, response.read())
    except (HTTPException, OSError) as error:
        message = f"error sending request for url ({question.url})"
        cause = "connection closed before message completed"
        raise ClientError(message, "client error (SendRequest)", cause) from error


def _send(connection: HTTPConnection, question: _Question) -> None:
    """Send a request; a peer that stops reading may have answered already, so that is no failure yet."""
    path = urlsplit(question.url).path
    try:
        connection.request(question.method, path, body=question.payload, headers=question.headers, encode_chunked=True)
    except (BrokenPipeError, ConnectionResetError):
        return
