"""What the server answers when it does not do as asked (attic b7c9056 ``server/src/error.rs``).

Every error of Attic's is JSON, ``{"code":404,"error":"NoSuchObject","message":"..."}``. Storage errors reach the client
as ``InternalServerError``; only the server's log has the cause. What axum refuses before Attic sees
it, a body that is not JSON or an invalid cache name, is plain text.
"""

import json
from http import HTTPStatus
from typing import Final

ANSWERS: Final = {
    "NotFound": (HTTPStatus.NOT_FOUND, "The URL you requested was not found."),
    "Unauthorized": (HTTPStatus.UNAUTHORIZED, "Unauthorized."),
    "InternalServerError": (
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The server encountered an internal error or misconfiguration.",
    ),
    "NoSuchCache": (HTTPStatus.NOT_FOUND, "The requested cache does not exist."),
    "CacheAlreadyExists": (HTTPStatus.BAD_REQUEST, "The cache already exists."),
    "NoSuchObject": (HTTPStatus.NOT_FOUND, "The requested object does not exist."),
    "IncompleteNar": (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The requested NAR has missing chunks and needs to be repaired.",
    ),
    "AccessError": (
        HTTPStatus.FORBIDDEN,
        "Access error: User does not have permission to complete this action.",
    ),
    "RequestError": (HTTPStatus.BAD_REQUEST, "General request error: {detail}"),
    "InvalidStorePathHash": (HTTPStatus.INTERNAL_SERVER_ERROR, "Error from the common components."),
}
"""Status and message of each error name."""


class ServerError(Exception):
    """An answer other than success; ``name`` is a key of :data:`ANSWERS`."""

    def __init__(self, name: str, detail: str = "") -> None:
        """Make the answer called ``name``; ``detail`` fills the message of a ``RequestError``."""
        self.status, text = ANSWERS[name]
        self.name = name
        self.message = text.format(detail=detail)
        super().__init__(f"{name}: {self.message}")

    def body(self) -> bytes:
        """Return the JSON that the client reads."""
        answer = {"code": int(self.status), "error": self.name, "message": self.message}
        return json.dumps(answer, separators=(",", ":")).encode()


class RejectedError(Exception):
    """A request that axum refuses, in plain text, before it looks at the caller's rights (axum 0.8 ``extract``)."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        """Answer ``status`` with ``text``."""
        self.status = status
        self.text = text
        super().__init__(text)


class StorageError(ServerError):
    """S3 failed while a NAR was taken in."""

    def __init__(self, cause: str, *, spawned: bool) -> None:
        """Keep ``cause``, worded as aws-sdk-rust does; ``spawned`` if a chunk's own task met it."""
        super().__init__("InternalServerError")
        self.cause = cause
        self.spawned = spawned
