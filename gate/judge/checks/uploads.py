"""Multipart uploads that were left open: what a server began to write and never came to the end of.

An upload is no object, so it is counted nowhere else. One that began in the run's own window and stays open is doubt;
older ones, and a store that does not list them, are a note.
"""

from collections.abc import Iterator

from gate.judge.finding import finding
from gate.model.basics import Phase, Truth
from gate.model.document import Facts, Finding
from gate.model.records import Uploads

_HOUR = 3600


def check_uploads(facts: Facts) -> Iterator[Finding]:
    """One row for each bucket whose uploads were looked at; none where nobody looked."""
    pushed = any(attempt.started for attempt in facts.push.attempts)
    for number, seen in enumerate(facts.uploads):
        code, summary = _told(seen, pushed=pushed)
        yield finding(code, seen.bucket, summary, phase=Phase.POST, evidence=(f"/uploads/{number}",))


def _told(seen: Uploads, *, pushed: bool) -> tuple[str, str]:
    if seen.truth is not Truth.PRESENT:
        return "upload-unlisted", f"open uploads could not be listed: {seen.note}"
    more = ", and the store has more than were looked at" if seen.more else ""
    if seen.left and pushed:
        first = seen.left[0]
        return "upload-left-open", (
            f"{len(seen.left)} multipart uploads that began in this run are open after it, the first of {first.key} "
            f"since {first.initiated}{more}"
        )
    count = len(seen.left) + seen.others
    if count:
        age = f", the oldest for {seen.oldest_seconds / _HOUR:.1f} hours" if seen.others else ""
        return "upload-older", f"{count} multipart uploads are open that are not of this run{age}{more}"
    return "upload-none", f"the store lists no open multipart upload{more}"
