"""Where a binary cache is, by its URL: two spellings of one place are one place."""

from typing import Final
from urllib.parse import urlsplit

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
