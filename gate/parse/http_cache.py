"""Whether an HTTP answer came out of a cache on the way, by the headers that caches set."""

import re
from collections.abc import Mapping
from typing import Final

_STANDARD: Final = ("cache-status", re.compile(r";\s*hit\b(?!=\?0)", re.IGNORECASE))  # RFC 9211, 2.1
_COMMON: Final = re.compile(r"\b(?:hit|stale|revalidated)\b", re.IGNORECASE)  # words of CDNs, Varnish and nginx
_STATUS: Final = dict(
    (_STANDARD, *((name, _COMMON) for name in ("x-cache", "x-cache-status", "cf-cache-status", "x-proxy-cache")))
)
HEADERS: Final = ("age", *_STATUS)
_MAX_CHARS: Final = 100


def from_a_cache(headers: Mapping[str, str]) -> str | None:
    """The header, by its lower-case name, that says so; None when none does.

    An age says that the origin was not asked for this answer (RFC 9111, 5.1); caches send an age of 0 for one that they
    had just fetched. ``Via`` alone says nothing: every gateway adds it (RFC 9110, 7.6.3).
    """
    age = headers.get("age", "")
    if age.isascii() and age.strip("0").isdigit():
        return f"age: {age}"[:_MAX_CHARS]
    for name, hit in _STATUS.items():
        if hit.search(headers.get(name, "")):
            return f"{name}: {headers[name]}"[:_MAX_CHARS]
    return None
