"""Whether endpoint, bucket and disk are of one store: what was seen in one is said of the others too."""

from collections.abc import Iterator
from typing import Final

from gate.judge.finding import finding
from gate.model.basics import Label, Truth
from gate.model.document import Facts, Finding, Store, StoredCanary

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
    wrong = [f"{said.name}: {said.changed} ({', '.join(said.values)})" for said in store.said if said.changed]
    if wrong:
        return finding("store-identity-differs", IDENTITY, "; ".join(wrong), evidence=("/store/said",))
    names = ", ".join(said.name for said in store.said) or "nothing"
    peers = f"; its name led to {', '.join(store.peers)}" if store.peers else ""
    told = f"over {store.samples} samples the endpoint said the same of itself ({names}){peers}"
    return finding("store-identity-same", IDENTITY, told, evidence=("/store/said",))


def _canary(canary: StoredCanary | None) -> Finding:
    if canary is None:
        return finding("store-canary-unlocated", CANARY, "the canary's object was not looked for")
    code = _code(canary)
    disks = f"on disk {canary.on_disk.value} ({canary.disks} places)"
    told = f"{canary.place or 'no object is known'}: in the bucket {canary.in_bucket.value}, {disks}"
    return finding(code, CANARY, f"{told}{f'; {canary.note}' if canary.note else ''}", evidence=("/store/canary",))


def _code(canary: StoredCanary) -> str:
    """The code of the row. A look that nobody could make is no absence that gate.toml may state.

    Without it nothing shows that cache, bucket and disk are of one store, and a pass says that of all three. The
    markers, whose disks these are, may never be stated absent, and HeadObject needs no more than s3:GetObject on the
    one bucket.
    """
    if Truth.ABSENT in (canary.in_bucket, canary.on_disk):
        return "store-canary-absent"
    if canary.on_disk is Truth.PRESENT:
        return "store-canary-on-disk" if canary.place is not None else "store-canary-by-time"
    if canary.looked:  # a disk that can be looked at and gave no answer proves nothing
        return "store-canary-unlocated"
    return "store-canary-in-bucket" if canary.in_bucket is Truth.PRESENT else "store-canary-unseen"
