"""What the lab itself does to S3: make buckets, put, read and break objects, ask for the index."""

import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from gate.errors import InconclusiveError
from gate.model.basics import Secret

_T = TypeVar("_T")
ANSWER_SECONDS: Final = 10.0
EXISTS: Final = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")


@dataclass
class Objects:
    """An S3 endpoint with the right to write; every failure is an `InconclusiveError` that names the call."""

    endpoint: str
    region: str
    access_key_id: Secret
    secret_access_key: Secret
    _boto_client: Any = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @property
    def address(self) -> str:
        """``host:port``, as presigned URLs name it."""
        return urllib.parse.urlsplit(self.endpoint).netloc

    def _client(self) -> Any:  # noqa: ANN401  boto3's clients are made at run time
        with self._lock:
            if self._boto_client is None:
                import boto3
                from botocore.config import Config

                self._boto_client = boto3.session.Session().client(
                    "s3",
                    endpoint_url=self.endpoint,
                    region_name=self.region,
                    aws_access_key_id=self.access_key_id.reveal(),
                    aws_secret_access_key=self.secret_access_key.reveal(),
                    config=Config(
                        s3={"addressing_style": "path"},
                        retries={"total_max_attempts": 1},
                        connect_timeout=ANSWER_SECONDS,
                        read_timeout=ANSWER_SECONDS,
                        proxies={},
                        # rclone's answers fail the checksums that boto3 asks for by default
                        request_checksum_calculation="when_required",
                        response_checksum_validation="when_required",
                    ),
                )
            return self._boto_client

    def _call(self, what: str, call: Callable[[Any], _T]) -> _T:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return call(self._client())
        except (BotoCoreError, ClientError) as error:
            raise InconclusiveError(f"the lab could not {what} at {self.endpoint}: {error}") from None

    def make_bucket(self, bucket: str) -> None:
        """Make a bucket; one that is there is as good."""
        from botocore.exceptions import ClientError

        try:
            self._client().create_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in EXISTS:
                raise InconclusiveError(f"the lab could not make bucket {bucket} at {self.endpoint}: {error}") from None

    def buckets(self) -> frozenset[str]:
        """The names that ListBuckets gives."""
        answer = self._call("list buckets", lambda s3: s3.list_buckets())
        return frozenset(row["Name"] for row in answer.get("Buckets", ()))

    def has_bucket(self, bucket: str) -> bool:
        """What HeadBucket says: True for 200, False for 404; raises `InconclusiveError` for anything else."""
        from botocore.exceptions import ClientError

        try:
            self._client().head_bucket(Bucket=bucket)
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status == 404:  # noqa: PLR2004  HTTP's not found
                return False
            raise InconclusiveError(
                f"HeadBucket of {bucket} at {self.endpoint} answered {status}, expected 200 or 404"
            ) from None
        return True

    def keys(self, bucket: str) -> frozenset[str]:
        """All keys of a bucket."""

        def every(s3: Any) -> frozenset[str]:  # noqa: ANN401  boto3's clients are made at run time
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
            return frozenset(row["Key"] for page in pages for row in page.get("Contents", ()))

        return self._call(f"list {bucket}", every)

    def get(self, bucket: str, key: str) -> bytes:
        """An object's bytes."""
        answer: bytes = self._call(
            f"get {bucket}/{key}", lambda s3: s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        )
        return answer

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object, in the place of one of that name."""
        self._call(f"put {bucket}/{key}", lambda s3: s3.put_object(Bucket=bucket, Key=key, Body=body))

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object."""
        self._call(f"delete {bucket}/{key}", lambda s3: s3.delete_object(Bucket=bucket, Key=key))
