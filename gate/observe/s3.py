"""Signed S3 requests, each asked once: what one server says of buckets and objects.

A request that was signed for another region than the server's was not answered: it is signed again for the region that
the server names, once, and the record says so. The four that write are for the scratch probe's own bucket
(`gate.observe.scratch`); nothing else calls them. Signing is botocore's (``S3SigV4Auth``); its own client would retry,
follow regions and turn answers into exceptions.
"""

from collections.abc import Callable
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from gate import limits
from gate.errors import ForeignTextError, RefusedError
from gate.model.basics import Secret
from gate.model.records import HttpAnswer
from gate.net import Http
from gate.parse.s3 import parse_fault, parse_listing, parse_objects, region_name
from gate.parse.text import excerpt
from gate.process import Redactor

if TYPE_CHECKING:
    from botocore.auth import S3SigV4Auth

_OK: Final = 200
_BAD_REQUEST: Final = 400
_SECRET: Final = ("authorization", "x-amz-security-token")
_UNRESERVED: Final = "-_.~"  # what SigV4 leaves as it is, beside letters and digits
_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
_DEFAULT_REGION: Final = "us-east-1"  # the one that CreateBucket must not name
_PAGE_KEYS: Final = 500  # keys have up to 1,024 bytes, each up to three characters when quoted


class S3:
    """One S3 endpoint and one key. ``endpoint`` is ``http(s)://host[:port]``, without a bucket.

    ``session_token`` is that of a temporary key. ``virtual_host``: a bucket's name comes before the endpoint's host
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html), else in the path.
    """

    def __init__(
        self,
        endpoint: str,
        access_key_id: Secret,
        secret_access_key: Secret,
        region: str,
        http: Http,
        *,
        session_token: Secret | None = None,
        virtual_host: bool = False,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._key_id = access_key_id
        self._secret = secret_access_key
        self._region = region
        self._http = http
        self._session_token = session_token
        self._virtual_host = virtual_host
        self._regions: dict[str | None, str] = {}  # by bucket: the region that the server named

    def prepare(self) -> None:
        """Load what signs a request, a quarter of a second, before anything is timed."""
        self._signer(self._region)

    def list_buckets(self) -> tuple[HttpAnswer, ...]:
        """The pages of ListBuckets, each as it came; of a list that is not whole the last page has an ``error``.

        ``token`` there means that a page names one that was read before, ``too-large`` that there are more pages than
        `limits.LIST_PAGES`. Format: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
        """
        return self._pages(None, "", lambda body: parse_listing(body).next_token)

    def list_objects(self, bucket: str, prefix: str) -> tuple[HttpAnswer, ...]:
        """The pages of ListObjectsV2 below a prefix, ended as those of `list_buckets` are.

        Format: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
        """
        query = f"encoding-type=url&list-type=2&max-keys={_PAGE_KEYS}&prefix={quote(prefix, safe=_UNRESERVED)}"
        return self._pages(bucket, query, lambda body: parse_objects(body).next_token)

    def get_versioning(self, bucket: str) -> HttpAnswer:
        """Whether a bucket keeps old versions of its objects (GetBucketVersioning)."""
        return self._ask("GET", bucket, query="versioning=", cap=limits.ANSWER_BODY_BYTES, keep_body=True)[0]

    def list_uploads(self, bucket: str) -> HttpAnswer:
        """The first page of ListMultipartUploads: what was begun and neither completed nor aborted."""
        query = f"encoding-type=url&max-uploads={limits.OPEN_UPLOADS}&uploads="
        return self._ask("GET", bucket, query=query, cap=limits.S3_BODY_BYTES, keep_body=True)[0]

    def head_bucket(self, bucket: str) -> HttpAnswer:
        """HeadBucket: 200 or 404 of a server that serves it or not."""
        return self._ask("HEAD", bucket, cap=0, keep_body=False)[0]

    def get_bucket(self, bucket: str) -> HttpAnswer:
        """The first name of a bucket's list: a harmless GET, whose error body has a code where HeadBucket has none."""
        query = "list-type=2&max-keys=1"
        return self._ask("GET", bucket, query=query, cap=limits.ANSWER_BODY_BYTES, keep_body=True)[0]

    def head_object(self, bucket: str, key: str) -> HttpAnswer:
        """An object's size, ETag and version, without its content."""
        return self._ask("HEAD", bucket, key, cap=0, keep_body=False)[0]

    def get_object(self, bucket: str, key: str, *, cap: int) -> tuple[HttpAnswer, bytes]:
        """An object's content, up to ``cap`` bytes; the record never has it, an error's text only."""
        answer, body = self._ask("GET", bucket, key, cap=cap, keep_body=False)
        if answer.error or answer.status == _OK:
            return answer, body
        return self._clean(answer, body), b""

    def create_bucket(self, bucket: str) -> HttpAnswer:
        """Make a bucket: 200 with an empty body."""
        place = f"<LocationConstraint>{escape(self._region)}</LocationConstraint>"
        body = f'<CreateBucketConfiguration xmlns="{_NAMESPACE}">{place}</CreateBucketConfiguration>'
        return self._write("PUT", bucket, content=b"" if self._region == _DEFAULT_REGION else body.encode())

    def put_object(self, bucket: str, key: str, content: bytes) -> HttpAnswer:
        """Write an object whole: 200 with an empty body and its ETag."""
        return self._write("PUT", bucket, key, content=content)

    def delete_object(self, bucket: str, key: str) -> HttpAnswer:
        """Remove an object: 204, also when there was none."""
        return self._write("DELETE", bucket, key)

    def delete_bucket(self, bucket: str) -> HttpAnswer:
        """Remove an empty bucket: 204."""
        return self._write("DELETE", bucket)

    def _write(self, method: str, bucket: str, key: str = "", *, content: bytes | None = None) -> HttpAnswer:
        return self._ask(method, bucket, key, cap=limits.ANSWER_BODY_BYTES, keep_body=True, content=content)[0]

    def _pages(
        self, bucket: str | None, query: str, next_token: Callable[[bytes], str | None]
    ) -> tuple[HttpAnswer, ...]:
        pages: list[HttpAnswer] = []
        page_query = query
        tokens = {""}
        while True:
            answer, body = self._ask("GET", bucket, query=page_query, cap=limits.S3_BODY_BYTES, keep_body=True)
            token = _token(answer, body, next_token)
            if token is None:
                return (*pages, answer)
            if token in tokens or len(pages) + 1 >= limits.LIST_PAGES:
                return (*pages, replace(answer, status=None, error="token" if token in tokens else "too-large"))
            pages.append(answer)
            tokens.add(token)
            page_query = f"continuation-token={quote(token, safe=_UNRESERVED)}" + (f"&{query}" if query else "")

    def _ask(
        self,
        method: str,
        bucket: str | None,
        key: str = "",
        *,
        query: str = "",
        cap: int,
        keep_body: bool,
        content: bytes | None = None,
    ) -> tuple[HttpAnswer, bytes]:
        url = self._url(bucket, key) + (f"?{query}" if query else "")
        region = self._regions.get(bucket, self._region)
        answer, body = self._ask_signed(method, url, region, cap=cap, keep_body=keep_body, content=content)
        region_of_answer = _named_region(answer, body)
        if region_of_answer not in (None, region):
            region = self._regions[bucket] = region_of_answer
            answer, body = self._ask_signed(method, url, region, cap=cap, keep_body=keep_body, content=content)
        if region != self._region:
            answer = replace(answer, signed_for=region)
        # Error texts repeat the key's id. A good list must not lose a bucket that has the same name.
        return (answer if answer.status == _OK or not keep_body else self._clean(answer, body)), body

    def _ask_signed(
        self, method: str, url: str, region: str, *, cap: int, keep_body: bool, content: bytes | None
    ) -> tuple[HttpAnswer, bytes]:
        return self._http.ask(
            method,
            url,
            headers=self._signed(method, url, content, region),
            content=content,
            cap=cap,
            keep_body=keep_body,
            secrets=self._secrets,
        )

    @property
    def _secrets(self) -> list[Secret]:
        return [self._secret, *([self._session_token] if self._session_token else [])]

    def _url(self, bucket: str | None, key: str) -> str:
        """The URL of the server, a bucket or an object, quoted once, as it is signed and sent."""
        path = quote(key, safe=_UNRESERVED + "/")
        if bucket is None:
            return f"{self.endpoint}/"
        if not bucket.strip(".") or "/" in bucket:
            raise RefusedError(f"The bucket {excerpt(bucket)} can't be asked for: expected the name of a bucket.")
        if self._virtual_host:
            scheme, _, host = self.endpoint.partition("://")
            return f"{scheme}://{quote(bucket, safe=_UNRESERVED)}.{host}/{path}"
        return f"{self.endpoint}/{quote(bucket, safe=_UNRESERVED)}" + (f"/{path}" if key else "")

    def _clean(self, answer: HttpAnswer, body: bytes) -> HttpAnswer:
        redactor = Redactor([self._key_id, *self._secrets])
        text = redactor.feed(body[: limits.ANSWER_BODY_BYTES]) + redactor.finish()
        cut = answer.body_cut or len(body) > limits.ANSWER_BODY_BYTES
        return replace(answer, body=text.decode("utf-8", "backslashreplace"), body_cut=cut)

    def _signed(self, method: str, url: str, content: bytes | None, region: str) -> dict[str, str | Secret]:
        from botocore.awsrequest import AWSRequest  # a quarter of a second

        request = AWSRequest(method=method, url=url, data=content)
        self._signer(region).add_auth(request)
        return {name: Secret(text) if name.lower() in _SECRET else text for name, text in request.headers.items()}

    def _signer(self, region: str) -> "S3SigV4Auth":
        from botocore.auth import S3SigV4Auth  # as above
        from botocore.credentials import Credentials  # as above

        token = self._session_token.reveal() if self._session_token else None
        return S3SigV4Auth(Credentials(self._key_id.reveal(), self._secret.reveal(), token), "s3", region)


def _named_region(answer: HttpAnswer, body: bytes) -> str | None:
    """The region that the server wants a request to be signed for; None where it does not refuse it for that.

    The code is AuthorizationHeaderMalformed; an answer to HEAD has no body, and says it by a header alone.
    """
    if answer.status != _BAD_REQUEST:
        return None
    fault = parse_fault(body)
    if fault is not None and fault.code == "AuthorizationHeaderMalformed" and fault.region:
        return fault.region
    return region_name(answer.bucket_region or "") if not body else None


def _token(answer: HttpAnswer, body: bytes, next_token: Callable[[bytes], str | None]) -> str | None:
    """The token of the next page, or None: the last page, or one that can't be read (the fold says so)."""
    if answer.status != _OK:
        return None
    try:
        return next_token(body)
    except ForeignTextError:
        return None
