"""What ``nix store verify`` says of one path that it reads from a cache: whole, wrong, or why it could not be read.

Its words are those of Nix 2.8 to 2.34 (src/nix/verify.cc, src/libstore/filetransfer.cc). What is not known is
``other``, which is never taken for good or for bad.
"""

import re
from typing import Final, Literal

from gate.parse.lines import decode, strip_escapes
from gate.parse.nix_messages import is_retry, read_trouble, severity, without_severity
from gate.parse.quoting import shown

Outcome = Literal["whole", "wrong", "cut", "untrusted", "absent", "denied", "tls", "connect", "other"]
_CAUSES: Final[dict[str, Outcome]] = {
    "hash-mismatch": "wrong",
    "partial-transfer": "cut",
    "incomplete": "cut",
    "decompress": "wrong",
    "nar-missing": "absent",
    "auth": "denied",
    "cache-info": "denied",
    "tls": "tls",
    "connect": "connect",
    "timeout": "connect",
}
_WRONG: Final = re.compile(r"path '[^']+' was modified! expected hash")
_UNTRUSTED: Final = re.compile(r"path '[^']+' is untrusted")
_ABSENT: Final = re.compile(r"path '[^']+' (?:is not valid|does not exist)")
_DENIED: Final = re.compile(r"HTTP error (?:401|403|407)")
_NOT_FOUND: Final = re.compile(r"HTTP error (?:404|410)")
_MESSAGES: Final = 50  # more lines of one path's reading are not looked at


def read_verify(stderr: bytes) -> tuple[Outcome, str]:
    """What a reading that did not end well says, and its decisive line, made harmless; the worst word counts."""
    found: list[tuple[Outcome, str]] = []
    for raw in stderr.split(b"\n")[:_MESSAGES]:
        line = decode(strip_escapes(raw)).strip()
        outcome = None if not line or is_retry(line) else _outcome(line)
        if outcome is not None:
            found.append((outcome, shown(line)))
    order = ("wrong", "cut", "untrusted", "denied", "tls", "connect", "absent", "other")
    return min(found, key=lambda each: order.index(each[0]), default=("other", "nothing that is known"))


def _outcome(line: str) -> Outcome | None:
    text = without_severity(line)
    if _WRONG.match(text):
        return "wrong"
    if _UNTRUSTED.match(text):
        return "untrusted"
    if _ABSENT.match(text):
        return "absent"
    if _DENIED.search(text):
        return "denied"
    if _NOT_FOUND.search(text):
        return "absent"
    trouble = read_trouble(line)
    if trouble is not None:
        return _CAUSES.get(trouble.cause, "other")
    return "other" if severity(line) == "error" else None
