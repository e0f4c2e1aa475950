"""Times as text: RFC 3339 as the evidence and the forge write them, and the dates of HTTP."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

# The one form of a time that a journal has: UTC with milliseconds.
JOURNAL_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(at: datetime) -> str:
    """A time as the evidence writes it: RFC 3339, UTC, milliseconds, ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str | None) -> datetime | None:
    """An RFC 3339 time; None for a text of another form, for a time without a zone, and for none."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def parse_http_date(text: str | None) -> datetime | None:
    """The date of an HTTP header, to the second (RFC 9110, 5.6.7); None for a text of another form, and for none."""
    try:
        at = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def epoch_millis(text: str) -> int:
    """Milliseconds since 1970 of an RFC 3339 time that is known to have a zone."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)
