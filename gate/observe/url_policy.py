"""Which URLs a body may be read from, hop by hop, and where a credential may go."""

from collections.abc import Iterable
from html import escape
from typing import Final
from urllib.parse import quote, unquote_plus

from gate.errors import RefusedError
from gate.net import HostList
from gate.parse.text import excerpt

# Of a presigned query (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html):
_SECRET_CHARS: Final = 12  # shorter values are operations, days and flags
_ALGORITHM: Final = "AWS4-HMAC-SHA256"


class UrlPolicy:
    """The way to the bodies of one cache; `RefusedError` when ``hosts`` does not let its URL be asked."""

    def __init__(self, cache_url: str, hosts: HostList) -> None:
        own = hosts.read(cache_url)
        if own is None or "?" in cache_url:
            raise RefusedError(
                f"The cache's URL is {excerpt(cache_url)}: expected http(s)://<host>[:<port>]/<cache> with an allowed "
                "host, and for http one of the plain-http hosts."
            )
        self._origin = (own.scheme, own.host, own.port)
        self._base = cache_url.rstrip("/")
        self._hosts = hosts

    def below(self, path: str) -> str:
        """The URL of a relative path, which was checked, below the cache's."""
        return f"{self._base}/{path}"

    def is_own(self, url: str) -> bool:
        """Whether a URL has the cache's own scheme, host and port: only there a credential goes."""
        place = self._hosts.read(url)
        return place is not None and (place.scheme, place.host, place.port) == self._origin

    def onward(self, here: str, location: str) -> tuple[str, str | None]:
        """Where a redirect leads, and ``refused-redirect`` or ``refused-host`` when it must not be followed.

        Only absolute URLs and those that begin with a slash are taken. From https nothing leads to http.
        """
        scheme, _, rest = here.partition("://")
        there = location
        if location.startswith("//"):
            there = f"{scheme}:{location}"
        elif location.startswith("/"):
            there = f"{scheme}://{rest.partition('/')[0]}{location}"
        place = self._hosts.read(there)
        if not location or (place is not None and scheme.lower() == "https" and place.scheme == "http"):
            return there, "refused-redirect"
        return there, "refused-host" if place is None else None


def without_queries(text: str, urls: Iterable[str]) -> str:
    """Foreign text with everything of these URLs' queries that could be a credential replaced by ``***``.

    What is replaced: the query, each of its longer values and the name of an S3 key, as written and as quoted or
    escaped for HTML and XML. A presigned query is new for each path, so nothing is prepared and kept.
    """
    for url in urls:
        _, mark, query = url.partition("?")
        if mark:
            for secret in sorted(_secrets_of(query), key=len, reverse=True):
                text = text.replace(secret, "***")
    return text


def _secrets_of(query: str) -> set[str]:
    written = [pair.partition("=")[2] for pair in query.split("&")]
    values = {query, *written, *map(unquote_plus, written)}
    values = {text for text in values if len(text) >= _SECRET_CHARS and text != _ALGORITHM}
    keys = {text.partition("/")[0] for text in values if text.endswith("/aws4_request")} - {""}
    return {form for text in values | keys for form in (text, quote(text, safe=""), quote(text), escape(text))}
