"""The keys of a list of objects, only where its pages hang together.

Keys come sorted by their UTF-8 bytes (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html); a
page that goes back or repeats a key is no continuation of the one before.
"""

from collections.abc import Sequence

from gate.errors import ForeignTextError
from gate.model.records import HttpAnswer
from gate.parse.s3 import parse_fault, parse_objects

_OK = 200


def fold_keys(pages: Sequence[HttpAnswer]) -> tuple[tuple[str, ...], str | None]:
    """The keys of the pages that could be read, and why there may be others; None: these are all."""
    keys: list[str] = []
    last = b""
    token: str | None = None
    for page in pages:
        if page.status != _OK or page.body_cut or page.error:
            return tuple(keys), f"the list of objects: {_why(page)}"
        try:
            listing = parse_objects(page.body.encode())
        except ForeignTextError as error:
            return tuple(keys), str(error)
        if any(key.encode() <= last for key in listing.keys):
            return tuple(keys), "the list of objects goes back: a page repeats or precedes keys of the one before"
        keys.extend(listing.keys)
        last = max((key.encode() for key in listing.keys), default=last)
        token = listing.next_token
    return tuple(keys), "the list of objects has no end" if token is not None or not pages else None


def _why(page: HttpAnswer) -> str:
    fault = parse_fault(page.body.encode())
    return (page.error or f"HTTP {page.status}") + (f" {fault.code}" if fault else "")
