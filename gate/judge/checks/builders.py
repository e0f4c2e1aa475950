"""What the run proved is what builders get: they read at the same place, and trust the key that signs there."""

from collections.abc import Iterator

from gate.judge.finding import finding
from gate.model.document import CacheFacts, Facts, Finding
from gate.parse.addresses import same_cache
from gate.parse.narinfo import trusts
from gate.parse.text import shown


def check_builders(facts: Facts) -> Iterator[Finding]:
    """A row for each cache that sends its readers elsewhere, and one on the key of the cache under test.

    Only that cache's key counts: a probe cache of its own holds nothing that a builder should take.
    """
    for number, cache in enumerate(facts.subject.caches):
        yield from _place(facts, number, cache)
    yield _key(facts)


def key_subject(cache: str) -> str:
    """What the row on a cache's key is about; not the cache itself, whose own claim it must not prove."""
    return f"key of {cache}"


def _place(facts: Facts, number: int, cache: CacheFacts) -> Iterator[Finding]:
    """Builders take the URL of ``attic use``, the cache's own ``substituter_endpoint``, and not ``attic-server``.

    (attic b7c9056 client/src/command/use.rs, ``cache_config.substituter_endpoint``)
    """
    told = cache.substituter_endpoint
    read = f"{facts.policy.attic_server.rstrip('/')}/{cache.name}"
    if told and not same_cache(told, read):
        yield finding(
            "cache-served-elsewhere",
            cache.name,
            f"the run read at {shown(read)}, builders are sent to {shown(told)}",
            evidence=(f"/subject/caches/{number}/substituter_endpoint",),
        )


def _key(facts: Facts) -> Finding:
    subject = key_subject(facts.policy.attic_cache)
    key = next((cache.public_key for cache in facts.subject.caches if cache.name == facts.policy.attic_cache), None)
    trusted = facts.build.trusted_public_keys if facts.build else None
    if key is None or trusted is None:
        what = "the cache's key" if key is None else "what keys Nix trusts on this machine"
        return finding("cache-key-unchecked", subject, f"{what} is not known")
    where = ("/build/trusted_public_keys", "/subject/caches")
    if trusts(trusted, key):
        return finding("cache-key-trusted", subject, f"Nix on this machine trusts {shown(key)}", evidence=where)
    told = f"the cache signs by {shown(key)}, which is not what any of this machine's {len(trusted)} trusted keys says"
    return finding("cache-key-untrusted", subject, told, evidence=where)
