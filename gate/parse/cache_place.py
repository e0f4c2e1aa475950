"""Where a binary cache is, by its URL: two spellings of one place are one place. And which object a URL names."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote, urlsplit

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
    named = f"[{host}]" if ":" in host else host
    return f"{scheme}://{named}{'' if port == _PORTS[scheme] else f':{port}'}{path}"


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
