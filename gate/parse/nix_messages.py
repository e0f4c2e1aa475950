"""What Nix's error and warning texts say about a binary cache: one table, from recordings of Nix 2.3.7 to 2.34.8.

Only the first line is matched: the lines below it may be the body of an answer, which is foreign text. Escapes are gone
and so is the `error: ` or `warning: ` in front.
"""

import re
from typing import Literal

from gate.model.basics import value

# `nar`: the body could not be had, or not be used. `narinfo`: the cache could not be asked about one path. `cache`: it
# could not be asked at all. `signature`: it was asked, and its answer refused.
About = Literal["nar", "narinfo", "cache", "signature"]

# The last words of a warning. Elsewhere, or of an error, they are an answer's body, and would hide a final message.
_RETRIES = re.compile(r"; retrying (?:from offset [0-9]+ )?in [0-9.]+ m?s(?: \(attempt [0-9]+/[0-9]+\))?\s*\Z")
_HASH = re.compile(r"([0-9a-z]{32})\.narinfo$")

_DOWNLOAD = re.compile(r"unable to download '([^']{1,2000})': (.*)")
# The reason after the colon. `HTTP error 200 (curl error: …)` is a body that was cut, so curl's words come first.
_REASONS = (
    (re.compile(r"Timeout was reached|timed out"), "timeout"),
    (re.compile(r"Could ?n[o']t (?:connect|resolve)|\((?:5|6|7)\)"), "connect"),
    (re.compile(r"\(curl error: |Server returned nothing|HTTP/2 |\((?:16|18|52|55|56|92)\)"), "partial-transfer"),
    (re.compile(r"HTTP error [0-9]{3}"), "http-error"),
)

# Each with at most the groups `path` and `cache`.
_TEXTS: tuple[tuple[re.Pattern[str], About, str], ...] = (
    (re.compile(r"hash mismatch importing path '(?P<path>[^']+)'"), "nar", "hash-mismatch"),
    (re.compile(r"NAR for '(?P<path>[^']+)' fetched from '(?P<cache>[^']+)' is incomplete"), "nar", "incomplete"),
    (re.compile(r"file 'nar/[^']+' does not exist in binary cache '(?P<cache>[^']+)'"), "nar", "nar-missing"),
    (re.compile(r"substituter '(?P<cache>[^']+)' is disabled"), "nar", "cache-disabled"),
    (re.compile(r"cannot add path '(?P<path>[^']+)' because it lacks a"), "nar", "untrusted-signature"),
    (
        re.compile(
            r"input compression not recognized|Failed to open archive \(|non-zero padding|bad archive: "
            r"|(?:error [0-9]+ )?while decompressing |failed to decompress|NAR (?:file )?contains invalid"
        ),
        "nar",
        "decompress",
    ),
    (
        re.compile(r"ignoring substitute for '(?P<path>[^']+)' from '(?P<cache>[^']+)', as it's not signed by"),
        "signature",
        "untrusted-signature",
    ),
    (
        re.compile(r"the substitute for '(?P<path>[^']+)' from '(?P<cache>[^']+)' is not signed by"),
        "signature",
        "untrusted-signature",
    ),
    (
        re.compile(r"substituter '(?P<cache>[^']+)' does not have a valid signature for path '(?P<path>[^']+)'"),
        "signature",
        "untrusted-signature",
    ),
    (re.compile(r"'(?P<cache>[^']+)' does not appear to be a binary cache"), "cache", "cache-info"),
)
_CORRUPT = re.compile(r"NAR info file '(?:[^']*/)?([0-9a-z]{32})\.narinfo' is corrupt")


@value
class Trouble:
    """One text about a cache: what it is about, the cause as a stable word, and what it names.

    ``path_hash`` is the 32 characters of a narinfo's name, ``url`` what could not be downloaded.
    """

    about: About
    cause: str
    path: str | None = None
    path_hash: str | None = None
    cache: str | None = None
    url: str | None = None


def is_retry(text: str) -> bool:
    """Whether the message announces another try: then nothing is lost yet. ``text`` is the whole message."""
    return not text.startswith("error:") and "; retrying " in text and _RETRIES.search(text) is not None


def read_trouble(text: str) -> Trouble | None:
    """What a final message says about a cache, or None where it says nothing."""
    first = text.partition("\n")[0]
    if match := _DOWNLOAD.match(first):
        return _download(match[1], match[2])
    if match := _CORRUPT.match(first):
        return Trouble(about="narinfo", cause="narinfo-corrupt", path_hash=match[1])
    for pattern, about, cause in _TEXTS:
        if match := pattern.match(first):
            named = match.groupdict()
            return Trouble(about=about, cause=cause, path=named.get("path"), cache=named.get("cache"))
    return None


def _download(url: str, reason: str) -> Trouble:
    cause = next((word for pattern, word in _REASONS if pattern.search(reason)), "unknown")
    cache, _, name = url.rpartition("/")
    if name == "nix-cache-info":
        word = "cache-info" if cause in {"http-error", "unknown"} else cause
        return Trouble(about="cache", cause=word, cache=cache, url=url)
    if match := _HASH.search(name):
        return Trouble(about="narinfo", cause=cause, path_hash=match[1], cache=cache, url=url)
    return Trouble(about="nar", cause=cause, url=url)
