"""Whether bytes hold what looks like a credential: the last look before evidence is believed or shown.

Redaction when a capture is written is the first line; this one knows shapes, not values, and so finds strangers' too.
"""

import re
from collections.abc import Iterable
from typing import Final

_SHAPES: Final = (
    (
        "a signed JSON web token",
        re.compile(rb"eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{20,2000}"),
    ),
    ("a presigned S3 query", re.compile(rb"X-Amz-Signature=[0-9a-fA-F]{64}")),
    ("a GitHub token", re.compile(rb"\bgh[pousr]_[A-Za-z0-9]{36,255}")),
    ("a private key", re.compile(rb"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")),
    (
        "a password in a URL",
        re.compile(rb"[a-z][a-z0-9+.-]{1,15}://[A-Za-z0-9._~%-]{1,80}:[A-Za-z0-9._~%!$&'()+,;=-]{8,200}@[A-Za-z0-9\[]"),
    ),
)
_OVERLAP: Final = 9000  # longer than any of the shapes


def leak_in(pieces: Iterable[bytes]) -> str | None:
    """What kind of credential a stream of bytes seems to hold, or None; shapes across two pieces are found."""
    tail = b""
    for piece in pieces:
        window = tail + piece
        for name, shape in _SHAPES:
            if shape.search(window):
                return name
        tail = window[-_OVERLAP:]
    return None
