"""Findings on the store: its identity, its speed, its log and its volumes."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from gate.evidence.store_log import troubles_of
from gate.judge.checks.server_log import unreadable
from gate.judge.finding import finding, pointer
from gate.model.basics import Label, Phase, Truth
from gate.model.document import Facts, Finding, PhaseFacts, Store, StoredCanary

IDENTITY: Final = "identity"
CANARY: Final = "canary"


def check_store(facts: Facts) -> Iterator[Finding]:
    """One row for the endpoint, and one for the canary's object where its push was begun."""
    store = facts.store
    if store is not None and store.samples:
        yield _identity(store)
    if canary_is_due(facts):
        yield _canary(store.canary if store is not None else None)


def canary_is_due(facts: Facts) -> bool:
    """Whether something was published whose object can be looked for."""
    return any(attempt.started and attempt.label is Label.CANARY for attempt in facts.push.attempts)


def _identity(store: Store) -> Finding:
    wrong = [
        f"{text.name}: {text.changed} ({', '.join(text.values)})" for text in store.self_descriptions if text.changed
    ]
    if wrong:
        return finding("store-identity-differs", IDENTITY, "; ".join(wrong), evidence=("/store/self_descriptions",))
    names = ", ".join(text.name for text in store.self_descriptions) or "nothing"
    peers = f"; its name led to {', '.join(store.peers)}" if store.peers else ""
    summary = f"over {store.samples} samples the endpoint said the same of itself ({names}){peers}"
    return finding("store-identity-same", IDENTITY, summary, evidence=("/store/self_descriptions",))


def _canary(canary: StoredCanary | None) -> Finding:
    if canary is None:
        return finding("store-canary-unlocated", CANARY, "the canary's object was not looked for")
    code = _code(canary)
    disks = f"on disk {canary.on_disk.value} ({canary.disks} places)"
    summary = f"{canary.place or 'no object is known'}: in the bucket {canary.in_bucket.value}, {disks}"
    return finding(code, CANARY, f"{summary}{f'; {canary.note}' if canary.note else ''}", evidence=("/store/canary",))


def _code(canary: StoredCanary) -> str:
    """The code of the row. A look that nobody could make is no absence that gate.toml may state.

    Without it nothing shows that cache, bucket and disk are of one store, and a pass says that of all three. The
    markers, whose disks these are, may never be stated absent, and HeadObject needs no more than s3:GetObject on the
    one bucket, and where it is denied, a list of the keys that begin with the object's decides.
    """
    if Truth.ABSENT in (canary.in_bucket, canary.on_disk):
        return "store-canary-absent"
    if canary.in_bucket is Truth.PRESENT:  # the disk alone says nothing of the endpoint
        if canary.on_disk is Truth.PRESENT:
            return "store-canary-by-time" if canary.place is None else "store-canary-on-disk"
        if not canary.looked:
            return "store-canary-in-bucket"
    return "store-canary-unlocated" if canary.looked else "store-canary-unseen"


SUBJECT: Final = "store-log"


def check_store_log(facts: Facts) -> Iterator[Finding]:
    """One row where the store's log is read; none where the policy names no place of it."""
    log, where = facts.store_log, ("/store_log",)
    if log is not None and log.troubles:
        troubles = troubles_of(log)
        coded = Counter(event.code or event.level for event in troubles)
        text = ", ".join(f"{count} × {code}" for code, count in sorted(coded.items()))
        first = troubles[0]
        summary = (
            f"the store logged {text} in the window, the first at {first.at or 'an unknown time'}: {first.message}"
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


_CODES = {"scan-io": "disk-scan-io", "other-file-system": "volume-split"}


def check_volumes(facts: Facts) -> Iterator[Finding]:
    """One row for each place whose volume is not one of the policy's, or not the one that it was before."""
    before = _volumes(facts.pre)
    for phase, observation in ((Phase.PRE, before), (Phase.POST, _volumes(facts.post))):
        for place, volume in observation.items():
            expected = facts.policy.volumes
            if expected and volume not in expected:
                yield _row(place, phase, f"the volume is {volume or 'unknown'}, expected {', '.join(expected)}")
            elif phase is Phase.POST and place in before and before[place] != volume:
                yield _row(place, phase, f"the volume was {before[place] or 'unknown'}, and is {volume or 'unknown'}")


def check_drives(facts: Facts) -> Iterator[Finding]:
    """One row for each drive that kept its markers from being told, and each phase; none for drives that did not."""
    for phase, observation in ((Phase.PRE, facts.pre), (Phase.DURING, facts.during), (Phase.POST, facts.post)):
        for number, drive in enumerate(observation.drives):
            where = pointer(phase.value, "drives", number)
            summary = f"{drive.error} (in {drive.samples} of the samples)"
            yield finding(_CODES[drive.what], drive.place, summary, phase=phase, evidence=(where,))


def _row(place: str, phase: Phase, summary: str) -> Finding:
    return finding("volume-foreign", place, summary, phase=phase, evidence=(pointer(phase.value, "buckets"),))


def _volumes(facts: PhaseFacts) -> Mapping[str, str | None]:
    """The volume of each place in the last sample of a phase; a place that could not be looked at is told elsewhere."""
    return {
        place.place: place.volume for bucket in facts.buckets.values() for place in bucket.places if place.error is None
    }
