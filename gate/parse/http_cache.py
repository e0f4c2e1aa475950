"""Whether an HTTP answer is the origin's own, by the header lines that caches and content delivery networks set.

Nothing is fresh by silence of a list: a line of a cache's header whose value is not known to mean that the origin was
asked is doubt. Every line counts, and every member of a line: a cache adds its own after those of the cache before it.
A cache that sets no header can't be recognized here (see `gate.evidence.origin` for answers that come twice).
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

_MAX_CHARS: Final = 200
_CUT: Final = "…"  # at the end of a line that is longer: no value of a cache's header that is known, so doubt
_QUOTED: Final = re.compile(r'"(?:\\.|[^"\\])*"')
_SPLIT: Final = re.compile(r'(?:"(?:\\.|[^"\\])*"|\([^()]*\)|[^,])+')  # members of a list, commas in quotes left alone

# What the headers of caches say when the origin was asked for this very answer: Varnish, nginx (EXPIRED: fetched anew),
# Squid (MISS from <host>), Fastly, CloudFront (Miss from cloudfront), Akamai and Azure (TCP_MISS, TCP_REFRESH_MISS,
# CONFIG_NOCACHE, PRIVATE_NOSTORE), Cloudflare (DYNAMIC, BYPASS), Vercel, Rack::Cache (miss, store, pass).
_ORIGIN_ANSWER: Final = re.compile(
    r"(?:(?:tcp_|tcp_refresh_|tcp_client_refresh_|cdn-cache-)?miss|bypass|dynamic|expired|pass|uncacheable|uncached"
    r"|config_nocache|private_nostore|no-?cache|0)"
    r"(?:\s+from\s+[\w.:\[\]/-]+)?(?:\s*\([^()]*\))*",
    re.IGNORECASE,
)
# RFC 9211, 2.2: why the origin was asked; `stale` may have been answered by a 304, and the body then is the cache's.
_FORWARDED: Final = re.compile(r"fwd=(?:bypass|method|uri-miss|vary-miss|miss|request)", re.IGNORECASE)
_HIT: Final = re.compile(r"(?:hit|collapsed)(?:=\?1)?", re.IGNORECASE)
_WARNING: Final = re.compile(r"\s*(?:2\d\d|199)\s")  # RFC 7234, 5.5: 1xx but 199 are about freshness
_CACHE_NAME: Final = re.compile(r"(?:^|-)(?:\w*cache\w*|hits?)(?:-|$)")
# Of those names, the ones that say how an answer may be kept, and not whether it was.
_NO_STATUS: Final = re.compile(
    r"(?:.*-)?(?:cache-control|cache-tags?|cache-keys?|cache-groups?|cachedat)|x-amz-.*|x-attic-.*"
)
_OTHER: Final = frozenset({"age", "warning", "x-varnish", "server-timing"})
# What a server says of itself, and what shows that a delivery network is in front of it.
_NETWORK: Final = re.compile(
    r"via|cf-ray|x-served-by|x-timer|x-amz-cf-.*|x-azure-ref|x-akamai-.*|akamai-.*|x-fastly-.*|x-vercel-id|x-iinfo|cdn-(?!cache-control).*"
)
_IDENTITY: Final = re.compile(r"server|(?:x-)?(?:amz-)?request-id|x-amz-id-2|(?:x-.*-)?deployment-id")
_NETWORK_WORDS: Final = re.compile(r"varnish|cloudfront|cloudflare|fastly|akamai|google|squid|cache|cdn", re.IGNORECASE)
_LOOKUP: Final = "x-cache-lookup"  # Squid: what it had, beside `x-cache`, which says what it did
KEPT_LINES: Final = 48  # of one answer; more than a chain of three caches sets
_TOO_MANY: Final = "x-cache: (more header lines than are kept)"  # no word that is known: doubt


@lru_cache(maxsize=256)
def is_kept(name: str) -> bool:
    """Whether records keep the lines of a header, by its lower-case name."""
    return _is_of_a_cache(name) or bool(_NETWORK.fullmatch(name) or _IDENTITY.fullmatch(name))


def kept_lines(lines: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The lines that say whose answer it is, as ``name: value``, in their order; of very many the first."""
    fields = [f"{name}: {_short(text.strip())}" for name, text in lines if is_kept(name)]
    return tuple(fields) if len(fields) <= KEPT_LINES else (*fields[:KEPT_LINES], _TOO_MANY)


def from_a_cache(lines: Sequence[str]) -> str | None:
    """The first line by which a cache may have answered in the origin's place; None when there is none.

    An ``Age`` says that the origin was not asked for this answer (RFC 9111, 5.1). Caches send an age of 0 for what they
    fetched just now, so that alone is no doubt: what is less than a second old is as good as asked. ``Via`` alone
    says nothing: every gateway adds it (RFC 9110, 7.6.3).
    """
    names = {line.partition(":")[0] for line in lines}
    for line in lines:
        name, _, text = line.partition(":")
        decided = name == _LOOKUP and "x-cache" in names
        if _is_of_a_cache(name) and not decided and not _was_asked(name, text.strip()):
            return line
    return None


def network_before(lines: Sequence[str]) -> str | None:
    """The first line that shows a delivery network or another cache in front of the server, whatever it answered."""
    for line in lines:
        name, _, text = line.partition(":")
        if name in ("via", "server-timing", "server"):
            is_network = _NETWORK_WORDS.search(text) is not None
        else:
            is_network = _is_of_a_cache(name) or _NETWORK.fullmatch(name) is not None
        if is_network:
            return line
    return None


def _short(text: str) -> str:
    return text if len(text) <= _MAX_CHARS else text[:_MAX_CHARS] + _CUT


def _is_of_a_cache(name: str) -> bool:
    return name in _OTHER or bool(_CACHE_NAME.search(name) and not _NO_STATUS.fullmatch(name))


def _was_asked(name: str, text: str) -> bool:
    """Whether each member of one line says that the origin was asked."""
    if name == "warning":
        return _WARNING.match(f"{text} ") is not None
    if name == "x-varnish":  # the second number is the request that stored it (vcl_deliver of Varnish)
        return text.isascii() and text.isdigit()
    if text.endswith(_CUT):
        return False
    members = [member.strip() for member in _SPLIT.findall(text)]
    if name == "server-timing":
        return all(_timing_was_asked(member) for member in members)
    if name == "age":
        return bool(members) and all(member.isascii() and not member.strip("0") and member for member in members)
    if name == "cache-status":
        return bool(members) and all(_member_was_asked(member) for member in members)
    return bool(members) and all(_ORIGIN_ANSWER.fullmatch(member) is not None for member in members)


def _member_was_asked(member: str) -> bool:
    """A member of ``Cache-Status`` (RFC 9211): a cache's name and its parameters."""
    parameters = [part.strip() for part in _QUOTED.sub("", member).split(";")[1:]]
    hit = any(_HIT.fullmatch(part) for part in parameters)
    return not hit and any(_FORWARDED.fullmatch(part) for part in parameters)


def _timing_was_asked(member: str) -> bool:
    """A metric of ``Server-Timing`` that has to do with a cache: ``cdn-cache;desc=MISS``, ``cdn-cache-miss``."""
    name, _, rest = member.partition(";")
    if "cache" not in name.lower():
        return True
    text = re.search(r'desc="?([^";]*)', rest, re.IGNORECASE)
    return _ORIGIN_ANSWER.fullmatch(text[1].strip() if text else name.strip()) is not None
