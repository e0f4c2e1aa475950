"""The store's own log: what it says at WARN and ERROR is doubt, and so is what is not understood, and silence.

It is looked at where the policy names its place. Then a pass needs it to have been read, with an event in it. What is
known to be an answer to a client is set aside.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from gate.evidence.store_log import troubles_of
from gate.judge.checks.server_log import unreadable
from gate.judge.finding import finding
from gate.model.basics import Truth
from gate.model.document import Facts, Finding

SUBJECT: Final = "store-log"


def check_store_log(facts: Facts) -> Iterator[Finding]:
    """One row where the store's log is read; none where the policy names no place of it."""
    log, where = facts.store_log, ("/store_log",)
    if log is not None and log.troubles:
        troubles = troubles_of(log)
        coded = Counter(event.code or event.level for event in troubles)
        told = ", ".join(f"{count} × {code}" for code, count in sorted(coded.items()))
        first = troubles[0]
        summary = (
            f"the store logged {told} in the window, the first at {first.at or 'an unknown time'}: {first.message}"
        )
        yield finding("log-storage-error", SUBJECT, summary, evidence=("/store_log/events",))
    if log is not None and log.unread_lines:
        yield unreadable(log, SUBJECT, "/store_log/unread_lines")
    if not facts.policy.store_log:
        return
    if log is None:
        yield finding("log-store-unobservable", SUBJECT, "the store's log was not read", evidence=where)
    elif log.truth is not Truth.PRESENT:
        summary = f"{log.place}: {'; '.join(log.notes) or 'there is no capture of it'}; cut: {log.cut}"
        yield finding("log-store-unobservable", SUBJECT, summary, evidence=where)
    elif log.parsed_count == 0:
        if not log.unread_lines:
            summary = f"{log.place}: the store logged nothing in the window, which proves nothing"
            yield finding("log-store-unobservable", SUBJECT, summary, evidence=where)
    elif not log.troubles and not log.unread_lines:
        summary = (
            f"{log.parsed_count} events, {log.event_count} of them at WARN and ERROR, and all of those are known to be "
            "no trouble of the store"
        )
        yield finding("log-store-clean", SUBJECT, summary, evidence=where)
