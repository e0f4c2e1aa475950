"""One request and one answer, apart from the sockets that carry them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from gate.lab.attic.access import Caller


@dataclass(frozen=True, slots=True)
class Request:
    """A request with its whole body."""

    method: str
    target: str
    """Path and query as sent, percent-encoded."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    caller: Caller
    task: int
    """Number of the connection's task, for the log."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: ``body`` whole, or ``stream`` piece by piece after the head has gone out."""

    status: HTTPStatus
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    stream: Iterator[bytes] | None = field(default=None)


def json_reply(value: object) -> Reply:
    """Return 200 with compact JSON."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return Reply(HTTPStatus.OK, (("content-type", "application/json"),), body)


def text_reply(status: HTTPStatus, text: str, content_type: str = "text/plain; charset=utf-8") -> Reply:
    """Return text of any status."""
    return Reply(status, (("content-type", content_type),), text.encode())
