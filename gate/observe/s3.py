"""Signed S3 requests, path style, each asked once: what one server says of buckets and objects.

Signing is botocore's (``S3SigV4Auth``); its own client would retry, follow regions and turn answers into exceptions.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from gate import limits
from gate.errors import ForeignTextError, RefusedError
from gate.model.basics import Secret
from gate.model.records import HttpAnswer
from gate.net import Http
from gate.parse.quoting import shown
from gate.parse.s3 import parse_listing
from gate.process import Redactor

if TYPE_CHECKING:
    from botocore.auth import S3SigV4Auth

_OK: Final = 200
_UNRESERVED: Final = "-_.~"  # what SigV4 leaves as it is, beside letters and digits


class S3:
    """One S3 endpoint and one key. ``endpoint`` is ``http(s)://host[:port]``, without a bucket."""

    def __init__(
        self, endpoint: str, access_key_id: Secret, secret_access_key: Secret, region: str, http: Http
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._key_id = access_key_id
        self._secret = secret_access_key
        self._region = region
        self._http = http

    def list_buckets(self) -> tuple[HttpAnswer, ...]:
        """The pages of ListBuckets, each as it came; of a list that is not whole the last page has an ``error``.

        ``token`` there means that a page names one that was read before, ``too-large`` that there are more pages than
        `limits.LIST_PAGES`. Format: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
        """
        pages: list[HttpAnswer] = []
        query = ""
        seen = {""}
        while True:
            answer, body = self._ask("GET", "/", query, cap=limits.S3_BODY_BYTES, keep_body=True)
            token = _next_token(answer, body)
            if token is None:
                return (*pages, answer)
            if token in seen or len(pages) + 1 >= limits.LIST_PAGES:
                return (*pages, replace(answer, status=None, error="token" if token in seen else "too-large"))
            pages.append(answer)
            seen.add(token)
            query = f"continuation-token={quote(token, safe=_UNRESERVED)}"

    def head_bucket(self, bucket: str) -> HttpAnswer:
        """HeadBucket: 200 or 404 of a server that serves it or not."""
        return self._ask("HEAD", _path(bucket), cap=0, keep_body=False)[0]

    def get_bucket(self, bucket: str) -> HttpAnswer:
        """The first name of a bucket's list: a harmless GET, whose error body has a code where HeadBucket has none."""
        query = "list-type=2&max-keys=1"
        return self._ask("GET", _path(bucket), query, cap=limits.ANSWER_BODY_BYTES, keep_body=True)[0]

    def head_object(self, bucket: str, key: str) -> HttpAnswer:
        """An object's size, ETag and version, without its content."""
        return self._ask("HEAD", _path(bucket, key), cap=0, keep_body=False)[0]

    def get_object(self, bucket: str, key: str, *, cap: int) -> tuple[HttpAnswer, bytes]:
        """An object's content, up to ``cap`` bytes; the record never has it, an error's text only."""
        answer, body = self._ask("GET", _path(bucket, key), cap=cap, keep_body=False)
        if answer.error or answer.status == _OK:
            return answer, body
        return self._clean(answer, body), b""

    def _ask(self, method: str, path: str, query: str = "", *, cap: int, keep_body: bool) -> tuple[HttpAnswer, bytes]:
        url = f"{self.endpoint}{path}" + (f"?{query}" if query else "")
        answer, body = self._http.ask(
            method, url, headers=self._signed(method, url), cap=cap, keep_body=keep_body, secrets=[self._secret]
        )
        # Error texts repeat the key's id. A good list must not lose a bucket that has the same name.
        return (answer if answer.status == _OK or not keep_body else self._clean(answer, body)), body

    def _clean(self, answer: HttpAnswer, body: bytes) -> HttpAnswer:
        redactor = Redactor([self._key_id, self._secret])
        text = redactor.feed(body[: limits.ANSWER_BODY_BYTES]) + redactor.finish()
        cut = answer.body_cut or len(body) > limits.ANSWER_BODY_BYTES
        return replace(answer, body=text.decode("utf-8", "backslashreplace"), body_cut=cut)

    def _signed(self, method: str, url: str) -> dict[str, str | Secret]:
        from botocore.awsrequest import AWSRequest  # a quarter of a second

        request = AWSRequest(method=method, url=url)
        self._signer().add_auth(request)
        return {
            name: Secret(text) if name.lower() == "authorization" else text for name, text in request.headers.items()
        }

    def _signer(self) -> "S3SigV4Auth":
        from botocore.auth import S3SigV4Auth  # as above
        from botocore.credentials import Credentials  # as above

        return S3SigV4Auth(Credentials(self._key_id.reveal(), self._secret.reveal()), "s3", self._region)


def _path(bucket: str, key: str = "") -> str:
    """``/bucket`` or ``/bucket/key``, quoted once, as it is signed and sent; `RefusedError` for what is no bucket."""
    if not bucket.strip(".") or "/" in bucket:
        raise RefusedError(f"The bucket {shown(bucket)} can't be asked for: expected the name of a bucket.")
    return f"/{quote(bucket, safe=_UNRESERVED)}" + (f"/{quote(key, safe=_UNRESERVED + '/')}" if key else "")


def _next_token(answer: HttpAnswer, body: bytes) -> str | None:
    """The token of the next page, or None: the last page, or one that can't be read (the fold says so)."""
    if answer.status != _OK:
        return None
    try:
        return parse_listing(body).next_token
    except ForeignTextError:
        return None
