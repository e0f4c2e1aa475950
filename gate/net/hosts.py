"""Which hosts may be asked, and which parts of a URL a record may hold."""

import re
from collections.abc import Iterable
from typing import Final

from gate.errors import RefusedError
from gate.model.basics import value
from gate.parse.addresses import odd_host
from gate.parse.text import excerpt

_HOST: Final = r"[a-z0-9_](?:[a-z0-9._-]{0,253})|\[[0-9a-f:.]{2,45}\]"
# Only what every reader of URLs takes apart in one way: no user, no fragment, no backslash, no blanks, ASCII alone.
_URL: Final = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?P<path>/[!\"$->@-\[\]-~]*)?(?P<query>\?[!\"$-\[\]-~]*)?",
    re.IGNORECASE,
)
_ENTRY: Final = re.compile(rf"(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?", re.IGNORECASE)
_PORTS: Final = {"https": 443, "http": 80}


@value
class Target:
    """A URL taken apart; ``host`` is in lower case, IPv6 in brackets; ``path`` is as it goes over the wire."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the Host header: without the scheme's default port (RFC 9110 section 7.2)."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"


class HostList:
    """The hosts that may be asked. An entry is ``host:port``, or ``host`` for the default port of the scheme.

    ``plain_http`` names those of them that may also be asked by ``http://``; all others need ``https://``.
    ``below`` is one of them of which ``NAME.host`` may be asked as well, as of an S3 server with its buckets' names.
    Raises `RefusedError` for an entry of another form.
    """

    def __init__(self, hosts: Iterable[str], plain_http: Iterable[str] = (), below: str = "") -> None:
        plain = tuple(plain_http)
        self._open = {(scheme, *place) for entry in hosts for scheme in _PORTS for place in [_entry(entry, scheme)]}
        self._plain = {("http", *_entry(entry, "http")) for entry in plain}
        self._below = {scheme: _entry(below, scheme) for scheme in _PORTS} if below else {}

    def read(self, url: str) -> Target | None:
        """The URL taken apart when its host may be asked, or None."""
        match = _URL.fullmatch(url)
        if match is None:
            return None
        scheme, host = match["scheme"].lower(), match["host"].lower()
        port = int(match["port"] or _PORTS[scheme])
        parent, parent_port = self._below.get(scheme, ("", 0))
        is_below = port == parent_port and host.endswith(f".{parent}")
        place = (scheme, parent if is_below else host, port)
        if place not in self._open or (scheme == "http" and place not in self._plain):
            return None
        return Target(scheme=scheme, host=host, port=port, path=(match["path"] or "/") + (match["query"] or ""))


def _entry(entry: str, scheme: str) -> tuple[str, int]:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise RefusedError(f"The host {excerpt(entry)} can't be read: expected host or host:port, without a scheme.")
    if why := odd_host(match["host"]):
        raise RefusedError(f"The host {excerpt(entry)} {why}: expected a name, or the plain address of one server.")
    return match["host"].lower(), int(match["port"] or _PORTS[scheme])


def plain_url(url: str) -> str:
    """A URL, or a Location header, as a record may have it: without its query, its fragment and any user info."""
    if "?" not in url and "#" not in url and "@" not in url:
        return url
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    return re.sub(r"//[^/]*@", "//", bare, count=1)
