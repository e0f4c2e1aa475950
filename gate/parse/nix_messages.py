"""What Nix's error and warning texts say about a binary cache: one table, from recordings of Nix 2.3.7 to 2.34.8.

What the table does not have is trouble of unknown wording, unless it is known to be harmless: no list says what is bad.
Of a message the first line counts, and of one that begins with a trace the line that begins with a severity again. What
follows ``response body:`` is foreign text. Escapes are gone.
"""

import re
from typing import Literal

from gate.model.basics import value

# `nar`: the body could not be had, or not be used. `narinfo`: the cache could not be asked about one path. `cache`: it
# could not be asked at all. `signature`: it was asked, and its answer refused.
# `disabled`: it is not asked for a while, because of an earlier failure.
About = Literal["nar", "narinfo", "cache", "signature", "disabled"]

# `error: `, `warning: error: `, `error (ignored): `, `Error: `, and a severity alone on its line, before a trace.
_SEVERITY = re.compile(
    r"\s*(?:(?:[a-z][a-z0-9 ._-]{0,30}: ?)?(?:error|warning|fatal error|fatal)"
    r"(?: ?[(\[][^()\[\]\n]{0,60}[)\]])?:[ \t]*)+",
    re.IGNORECASE,
)
_BODY = re.compile(r"^\s*response body:", re.MULTILINE)

# Messages of every severity that say nothing of a cache: what expressions print (`trace:`, `evaluation warning:`), and
# Nix's own words about its work, its settings and the flake (nix 2.34.8 src/libexpr, src/libflake, src/libstore).
_HARMLESS_WORK = re.compile(
    r"(?:trace|evaluation warning): |  /[^'\s]{1,700}$|don't know how to build these paths:"
    r"|note: keeping build directory '|copying [0-9]{1,9} paths\.\.\.$|\s*$"
)
_HARMLESS_WARNINGS = re.compile(
    r"Git tree '[^'\n]*' (?:is dirty|has uncommitted changes)|(?:creating|updating|not writing modified) lock file\b"
    r"|unknown (?:setting|experimental feature) '|input '[^'\n]*' has an override for a non-existent input '"
    r"|ignoring untrusted flake configuration setting '|'[^'\n]*' is (?:a )?deprecated\b|dumping very large path \("
    r"|Nix search path entry '[^'\n]*' does not exist, ignoring|\$HOME \('[^'\n]*'\) is not owned by you"
    r"|download buffer is full; consider increasing the 'download-buffer-size' setting"
    r"|SQLite database '[^'\n]*' is busy"
)

# The last words of a warning. Elsewhere, or of an error, they are an answer's body, and would hide a final message.
_RETRIES = re.compile(r"; retrying (?:from offset [0-9]+ )?in [0-9.]+ m?s(?: \(attempt [0-9]+/[0-9]+\))?\s*\Z")
_HASH = re.compile(r"([0-9a-z]{32})\.narinfo$")

_DOWNLOAD = re.compile(r"unable to download '([^']{1,2000})': (.*)")
# The reason after the colon. `HTTP error 200 (curl error: …)` is a body that was cut, so curl's words come first.
# libcurl's codes and sentences (curl_easy_strerror) about TLS: of the handshake, certificates, authorities and keys.
_TLS = (
    r"[^()]*\((?:35|51|53|54|58|59|60|64|66|77|80|82|83|90|91|98)\)"
    r"|.*\(curl error: [^)]*(?:SSL|TLS|certificate|CRL file)"
    r"|(?:SSL|TLS|Peer certificate|Problem with the (?:local )?SSL)\b"
)
_REASONS = (
    (re.compile(rf"^(?:{_TLS})"), "tls"),
    (re.compile(r"Timeout was reached|timed out"), "timeout"),
    (re.compile(r"Could ?n[o']t (?:connect|resolve)|\((?:5|6|7)\)"), "connect"),
    (re.compile(r"\(curl error: |Server returned nothing|HTTP/2 |\((?:16|18|52|55|56|92)\)"), "partial-transfer"),
    (re.compile(r"HTTP error (?:401|407)"), "auth"),
    (re.compile(r"HTTP error [0-9]{3}"), "http-error"),
)

# Each with at most the groups `path` and `cache`.
_TEXTS: tuple[tuple[re.Pattern[str], About, str], ...] = (
    (re.compile(r"hash mismatch importing path '(?P<path>[^']+)'"), "nar", "hash-mismatch"),
    (re.compile(r"NAR for '(?P<path>[^']+)' fetched from '(?P<cache>[^']+)' is incomplete"), "nar", "incomplete"),
    (re.compile(r"file 'nar/[^']+' does not exist in binary cache '(?P<cache>[^']+)'"), "nar", "nar-missing"),
    (re.compile(r"substituter '(?P<cache>[^']+)' is disabled"), "disabled", "cache-disabled"),
    (re.compile(r"disabling binary cache '(?P<cache>[^']+)'"), "disabled", "cache-disabled"),
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
class CacheMessage:
    """One text about a cache: what it is about, the cause as a stable word, and what it names.

    ``path_hash`` is the 32 characters of a narinfo's name, ``url`` what could not be downloaded.
    """

    about: About
    cause: str
    path: str | None = None
    path_hash: str | None = None
    cache: str | None = None
    url: str | None = None


def severity(text: str) -> str:
    """``error`` or ``warning`` where the text begins like one of Nix's, in whatever spelling, else nothing."""
    match = _SEVERITY.match(text)
    return "" if match is None else "warning" if text.lstrip()[:7].lower() == "warning" else "error"


def is_harmless(text: str) -> bool:
    """Whether the message, of whatever severity, is known to say nothing of a cache."""
    if _HARMLESS_WORK.match(text):
        return True
    first, _, more = text.partition("\n")
    is_listed = first.startswith("warning: ") and _HARMLESS_WARNINGS.match(first.removeprefix("warning: ")) is not None
    return is_listed and not any(severity(line) for line in more.split("\n"))


def without_severity(text: str) -> str:
    """What the message says after its severity."""
    match = _SEVERITY.match(text)
    return text[match.end() :] if match else text


def ends_retry(line: str) -> bool:
    """Whether a line ends a message that announces another try."""
    return not line.startswith("error") and "; retrying " in line and _RETRIES.search(line) is not None


def is_retry(text: str) -> bool:
    """Whether the message announces another try: then nothing is lost yet. ``text`` is the whole message."""
    return text.startswith("warning:") and ends_retry(text)


def read_trouble(text: str) -> CacheMessage | None:
    """What a final message says about a cache, or None where it says nothing that is known."""
    body = _BODY.search(text)
    own = text[: body.start()] if body else text
    first, *more = own.split("\n")
    lines = [without_severity(first), *(without_severity(line) for line in more if severity(line))]
    return next((trouble for line in lines if (trouble := _of_line(line))), None)


def _of_line(first: str) -> CacheMessage | None:
    if match := _DOWNLOAD.match(first):
        return _download(match[1], match[2])
    if match := _CORRUPT.match(first):
        return CacheMessage(about="narinfo", cause="narinfo-corrupt", path_hash=match[1])
    for pattern, about, cause in _TEXTS:
        if match := pattern.match(first):
            groups = match.groupdict()
            return CacheMessage(about=about, cause=cause, path=groups.get("path"), cache=groups.get("cache"))
    return None


def _download(url: str, reason: str) -> CacheMessage:
    cause = next((word for pattern, word in _REASONS if pattern.search(reason)), "unknown")
    cache, _, name = url.rpartition("/")
    if "/nar/" in url:
        return CacheMessage(about="nar", cause=cause, cache=url.rpartition("/nar/")[0], url=url)
    if name == "nix-cache-info":
        word = "cache-info" if cause in {"http-error", "unknown"} else cause
        return CacheMessage(about="cache", cause=word, cache=cache, url=url)
    if match := _HASH.search(name):
        return CacheMessage(about="narinfo", cause=cause, path_hash=match[1], cache=cache, url=url)
    return CacheMessage(about="nar", cause=cause, url=url)
