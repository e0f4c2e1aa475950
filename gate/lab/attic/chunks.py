"""Chunk objects in S3, and S3's failures in the words of aws-sdk-rust (the recordings' log lines).

Path style, one attempt for an answer and two for a dead pooled connection: a lost bucket must answer within about
0.1 s, as recorded (``bucket-lost-synthetic-2``: 64 ms).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from gate.lab.attic.config import BucketConfig

PRESIGNED_SECONDS: Final = 600  # attic b7c9056 server/src/storage/s3.rs:154
CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 30
CONNECTIONS: Final = 32
READ_BYTES: Final = 256 * 1024
REFUSED: Final = (
    "dispatch failure: io error: client error (Connect): tcp connect error: Connection refused (os error 111)"
)
CLOSED: Final = "dispatch failure: io error: client error (SendRequest): connection closed before message completed"
TIMED_OUT: Final = "request has timed out: operation timed out"  # not recorded


class ChunkError(Exception):
    """S3 did not do it; the text is what the server logs."""


class ChunkStore:
    """The bucket of chunks; safe to use from any thread."""

    def __init__(self, bucket: BucketConfig) -> None:
        """Make the client; no request is sent, so a server starts without S3 as the real one does."""
        import botocore.session
        from botocore.config import Config

        self._bucket = bucket
        self._client: Any = botocore.session.get_session().create_client(
            "s3",
            region_name=bucket.region,
            endpoint_url=bucket.endpoint,
            aws_access_key_id=bucket.access_key_id,
            aws_secret_access_key=bucket.secret_access_key,
            config=Config(
                s3={"addressing_style": "path"},
                signature_version="s3v4",
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                retries={"total_max_attempts": 1},
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                max_pool_connections=CONNECTIONS,
                proxies={},
            ),
        )
        self._client.meta.events.register("before-sign.s3.GetObject", _name_operation)
        self._client.meta.events.register("before-sign.s3.PutObject", _expect_nothing)

    def remote_file(self, key: str) -> str:
        """Return the reference that Attic keeps in ``chunk.remote_file``."""
        place = {"region": self._bucket.region, "bucket": self._bucket.name, "key": key}
        return json.dumps({"S3": place}, separators=(",", ":"))

    def remote_file_id(self, key: str) -> str:
        """Return the reference that Attic keeps in ``chunk.remote_file_id``."""
        return f"s3:{self._bucket.region}/{self._bucket.name}/{key}"

    def put(self, key: str, data: bytes) -> None:
        """Write an object."""
        _call(lambda: self._client.put_object(Bucket=self._bucket.name, Key=key, Body=data))

    def delete(self, key: str) -> None:
        """Delete an object."""
        _call(lambda: self._client.delete_object(Bucket=self._bucket.name, Key=key))

    def read(self, remote_file: str) -> Iterator[bytes]:
        """Yield an object's bytes; the request is sent when the first piece is asked for."""
        place = json.loads(remote_file)["S3"]
        answer = _call(lambda: self._client.get_object(Bucket=place["bucket"], Key=place["key"]))
        pieces = answer["Body"].iter_chunks(READ_BYTES)
        while piece := _call(lambda: next(pieces, b"")):
            yield piece

    def presigned(self, remote_file: str) -> str:
        """Return an address that reads an object without credentials for :data:`PRESIGNED_SECONDS`."""
        place = json.loads(remote_file)["S3"]
        address: str = self._client.generate_presigned_url(
            "get_object",
            Params={"Bucket": place["bucket"], "Key": place["key"]},
            ExpiresIn=PRESIGNED_SECONDS,
        )
        return address


def _name_operation(request: Any, **_: object) -> None:  # noqa: ANN401  botocore has no types
    """Add ``x-id``, which aws-sdk-rust signs into every address (recording ``nar-single-chunk-redirect-healthy``)."""
    request.url += "&x-id=GetObject" if "?" in request.url else "?x-id=GetObject"


def _expect_nothing(request: Any, **_: object) -> None:  # noqa: ANN401  botocore has no types
    """Drop ``Expect: 100-continue``: it costs a round trip for each chunk of 64 KiB."""
    del request.headers["Expect"]


def _call(operation: Callable[[], Any]) -> Any:  # noqa: ANN401  botocore has no types
    """Run an operation, once more if its pooled connection was dead, and put failures into the SDK's words."""
    from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError

    try:
        try:
            return operation()
        except ConnectionClosedError:
            return operation()
    except ClientError as error:
        raise ChunkError(_service_error(error.response, error.operation_name)) from error
    except BotoCoreError as error:
        raise ChunkError(_dispatch_failure(error)) from error


def _service_error(answer: Mapping[str, Any], operation: str) -> str:
    """Word an answer of S3: only GetObject's NoSuchKey has its own type, the rest is "unhandled"."""
    detail = answer.get("Error", {})
    code, message = detail.get("Code", ""), detail.get("Message")
    if code == "NoSuchKey" and operation == "GetObject":
        return "service error: NoSuchKey: NoSuchKey" + (f": {message}" if message else "")
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    fields = {
        "code": code,
        "message": message,
        "aws_request_id": headers.get("x-amz-request-id"),
        "s3_extended_request_id": headers.get("x-amz-id-2"),
    }
    text = ", ".join(f"{name}: {json.dumps(value)}" for name, value in fields.items() if value)
    return f"service error: unhandled error ({code}): Error {{ {text} }}"


def _dispatch_failure(error: Exception) -> str:
    """Word a request that got no answer."""
    from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

    if isinstance(error, EndpointConnectionError):
        return REFUSED
    if isinstance(error, (ConnectTimeoutError, ReadTimeoutError)):
        return TIMED_OUT
    return CLOSED
