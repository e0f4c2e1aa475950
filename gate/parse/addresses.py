"""Addresses of hosts and caches: which are never ours, and which spellings name the same place."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import unquote, urlsplit

# Readers of URLs differ on these: inet_aton takes 2130706433, 0x7f.1 and 0177.1 for 127.0.0.1, others for names.
_NUMBER: Final = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
# EC2's credentials by IPv6: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
_METADATA: Final = IPv6Address("fd00:ec2::254")


def odd_host(host: str) -> str | None:
    """Why a URL's host is not taken, or None. ``host`` is a name, an IPv4 address, or an IPv6 one in brackets."""
    if host.endswith("."):
        return "ends with a dot"
    if host.startswith("["):
        try:
            literal = IPv6Address(host.strip("[]"))
        except ValueError:
            return "is no IPv6 address"
        return "is an IPv4 address in the guise of an IPv6 one" if literal.ipv4_mapped else odd_address(str(literal))
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return None
    try:
        return odd_address(str(IPv4Address(host)))
    except ValueError:
        return "is a number that not every program reads as the same address"


def odd_address(text: str) -> str | None:
    """Why an address is not connected to, or None; an IPv6 zone (``%eth0``) is left out of account."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return "is no IP address"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_link_local or address == _METADATA:
        return "is link-local, where clouds keep credentials"
    if address.is_unspecified or address.is_multicast or (isinstance(address, IPv4Address) and address.is_reserved):
        return "is no address of one server"
    return None


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine by its very name, so that plain http to it is read by nobody else.

    ``localhost`` (RFC 6761, 6.3) and the loopback addresses (RFC 1122, 3.2.1.3; RFC 4291, 2.5.3). One with user info
    does not count: readers differ on where its host begins.
    """
    try:
        host = urlsplit(url).hostname or ""
        return "@" not in url and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False


_KEY: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}")
_PORTS: Final = {"https": 443, "http": 80}


def cache_place(url: str) -> tuple[str, str | None, int | None, str] | None:
    """Scheme, host, port and path, or None for what is no such URL.

    Case of scheme and host, a default port, slashes at the end, user info and Nix's own ``?priority=…`` make no
    difference; the case of the path does.
    """
    if not url.isascii() or not url.isprintable() or " " in url:  # urlsplit would silently drop some of these
        return None
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme.lower())
    except ValueError:
        return None
    return parts.scheme.lower(), parts.hostname, port, parts.path.rstrip("/")


def same_cache(one: str, other: str) -> bool:
    """Whether two substituter URLs are one place, whatever their letters' case, last slash and ``?priority=…`` are."""
    first = cache_place(one)
    return first is not None and first == cache_place(other)


def plain_place(url: str) -> str:
    """One spelling for all of a place's, to compare by; what is no HTTP URL loses only its last slashes."""
    scheme, host, port, path = cache_place(url) or ("", None, None, "")
    if scheme not in _PORTS or host is None:
        return url.rstrip("/")
    host_text = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host_text}{'' if port == _PORTS[scheme] else f':{port}'}{path}"


def object_place(url: str, buckets: Iterable[str]) -> tuple[str, str] | None:
    """The bucket and the key of an object's URL, by path or by host; None when it is in none of these buckets.

    Only a plain key is read, such as Attic's ``<uuid>.chunk``: it becomes a name on a disk.
    """
    try:
        split = urlsplit(url)
        host = split.hostname or ""
    except ValueError:
        return None
    path = unquote(split.path).removeprefix("/")
    for bucket in buckets:
        key = path.removeprefix(f"{bucket}/")
        if (key != path or host.startswith(f"{bucket}.")) and _KEY.fullmatch(key):
            return bucket, key
    return None
