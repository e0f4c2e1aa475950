"""Which paths an upstream serves: decided here, each time, by their signatures and the policy's keys.

A path that is left to an upstream is not read from this cache, so the word of a record is not enough for it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from gate.errors import ForeignTextError
from gate.model.document import CacheFacts
from gate.model.policy import Policy
from gate.model.records import Entry, PathFacts, PushSetKnown, ReferencesKnown
from gate.parse.narinfo import fingerprint, key_name, verify


def is_upstream(fact: PathFacts, names: Collection[str | None], keys: Sequence[str]) -> bool:
    """Whether the local store has a signature by one of the upstreams that verifies by a key that was given.

    Facts or keys that are malformed prove nothing.
    """
    by_upstream = [signature for signature in fact.signatures if key_name(signature) in names]
    try:
        signed = fingerprint(fact.store_path, fact.nar_hash, fact.nar_size, fact.references) if by_upstream else b""
        return any(verify(signed, signature, keys) for signature in by_upstream)
    except ForeignTextError:
        return False


def upstream_entries(entries: Sequence[Entry], policy: Policy, caches: Iterable[CacheFacts]) -> tuple[Entry, ...]:
    """The journal's entries with the upstream paths of each publication as their signatures have them.

    An upstream is one that the cache itself names, and never the cache: else all that it ever signed would be left out.
    """
    known = {cache.name: cache for cache in caches}
    return tuple(
        replace(entry, record=_verified(entry.record, policy, known))
        if isinstance(entry.record, PushSetKnown | ReferencesKnown)
        else entry
        for entry in entries
    )


def _verified(
    record: PushSetKnown | ReferencesKnown, policy: Policy, caches: Mapping[str, CacheFacts]
) -> PushSetKnown | ReferencesKnown:
    cache = caches.get(record.cache)
    names: set[str | None] = set()
    if cache is not None:
        names = {name for name in record.upstream_key_names if name in cache.upstream_key_names}
        names.discard(key_name(cache.public_key or ""))
    paths = (path.store_path for path in record.paths if is_upstream(path, names, policy.upstream_keys))
    return replace(record, upstream=tuple(paths))
