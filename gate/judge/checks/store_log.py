"""The store's own log: a store that speaks of trouble in the window is doubt; its silence alone proves nothing.

It is looked at where the policy names its place. Then a pass needs it to have been read.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from gate.evidence.store_log import is_trouble
from gate.judge.finding import finding
from gate.model.basics import Truth
from gate.model.document import Facts, Finding

SUBJECT: Final = "store-log"


def check_store_log(facts: Facts) -> Iterator[Finding]:
    """One row where the store's log is read; none where the policy names no place of it."""
    log, where = facts.store_log, ("/store_log",)
    if log is not None and log.troubles:
        coded = Counter(str(event.code) for event in log.events if is_trouble(event))
        told = ", ".join(f"{count} × {code}" for code, count in sorted(coded.items()))
        first = next(event for event in log.events if is_trouble(event))
        summary = (
            f"the store logged {told} in the window, the first at {first.at or 'an unknown time'}: {first.message}"
        )
        yield finding("log-storage-error", SUBJECT, summary, evidence=("/store_log/events",))
    if not facts.policy.store_log:
        return
    if log is None:
        yield finding("log-store-unobservable", SUBJECT, "the store's log was not read", evidence=where)
    elif log.truth is not Truth.PRESENT:
        summary = f"{log.place}: {'; '.join(log.notes) or 'there is no capture of it'}; cut: {log.cut}"
        yield finding("log-store-unobservable", SUBJECT, summary, evidence=where)
    elif not log.troubles:
        summary = f"{log.event_count} events at WARN and ERROR, none of the store's own trouble"
        yield finding("log-store-clean", SUBJECT, summary, evidence=where)
