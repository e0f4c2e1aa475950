"""The build and its ledger. A green build is no health: `--fallback` masks a failing cache by design."""

from collections.abc import Iterator
from typing import Final

from gate.judge.finding import finding, how_ended
from gate.model.basics import Status, Truth
from gate.model.document import Build, CacheFacts, Facts, Finding
from gate.model.parsed import BuildLedger
from gate.parse.addresses import cache_place, same_cache
from gate.parse.narinfo import trusts
from gate.parse.text import excerpt


def check_build(facts: Facts) -> Iterator[Finding]:
    """The build's own row, one for each masked substitute, and one for each doubt that its log leaves."""
    build = facts.build
    if build is None:
        yield finding("build-not-run", "build", "no build was begun")
        return
    rows = (*_masked(facts, build.ledger), *_doubts(facts, build.ledger)) if build.ledger else ()
    yield from rows
    blocking = sum(row.status is not Status.PASS for row in rows)
    code, summary = _outcome(build, blocking)
    yield finding(code, "build", summary, evidence=("/build",))


def _outcome(build: Build, blocking: int) -> tuple[str, str]:
    summary = how_ended(build)
    ledger = build.ledger
    if ledger is not None and ledger.aborted:
        return "build-aborted", f"nix aborted ({summary})"
    if not _is_green(build):
        return "build-failed", f"nix build of {build.installable} gave {len(build.outputs)} outputs ({summary})"
    if ledger is None or ledger.events == 0:
        return "build-log-unread", "the build's log has no event that could be read"
    if build.cache_among_substituters is not Truth.PRESENT:
        among, others = build.cache_among_substituters.value, ", ".join(build.substituters) or "none"
        return (
            "build-substituter-disabled",
            f"the cache under test among the substituters: {among} (they are: {others})",
        )
    ending = f"{ledger.unread_lines} lines not read ({summary})"
    if blocking:
        return (
            "build-green-in-doubt",
            f"green, {len(ledger.masked)} substitutes failed, {ledger.doubt_count} doubts in its log, {ending}",
        )
    return (
        "build-clean",
        f"{len(build.outputs)} outputs, {len(ledger.paths)} paths, no failed substitute of this cache, {ending}",
    )


def _is_green(build: Build | None) -> bool:
    return build is not None and build.exit == 0 and build.ended_by is None and bool(build.outputs)


# Causes that have a code and so a remedy of their own, where nothing is proven.
_BY_CAUSE: Final = {
    "cache-info": "build-cache-denied",
    "auth": "build-cache-denied",
    "connect": "build-cache-unreachable",
    "timeout": "build-cache-unreachable",
    "tls": "build-cache-tls",
}


def _masked(facts: Facts, ledger: BuildLedger) -> Iterator[Finding]:
    for number, row in enumerate(ledger.masked):
        summary = f"a substitute failed ({row.cause}, {row.certainty}) at {row.cache or 'an unnamed cache'}; built here"
        evidence = (f"/build/ledger/masked/{number}",)
        if _is_other(facts, row.cache):
            yield finding("build-other-cache", row.name, summary, evidence=evidence)
        elif row.certainty == "proven":
            status = Status.FAIL if _is_ours(facts, row.cache) else Status.INCONCLUSIVE
            yield finding("build-fallback-masked", row.name, summary, status=status, evidence=evidence)
        elif row.cause in _BY_CAUSE:
            yield finding(_BY_CAUSE[row.cause], row.name, summary, evidence=evidence)
        else:
            status = Status.INCONCLUSIVE
            yield finding("build-fallback-masked", row.name, summary, status=status, evidence=evidence)


def _doubts(facts: Facts, ledger: BuildLedger) -> Iterator[Finding]:
    for number, doubt in enumerate(ledger.doubts):
        subject = doubt.name or doubt.cache or "build log"
        where = doubt.cache or "an unnamed cache"
        evidence = (f"/build/ledger/doubts/{number}",)
        if doubt.cause == "not-understood":
            if not _is_green(facts.build):  # such a build has its own errors
                continue
            yield finding("build-log-not-understood", subject, f"Nix said: {excerpt(doubt.text)}", evidence=evidence)
        elif _is_other(facts, doubt.cache):
            yield finding("build-other-cache", subject, f"{where} failed ({doubt.cause})", evidence=evidence)
        else:
            code = _BY_CAUSE.get(doubt.cause, "build-cache-in-doubt")
            yield finding(code, subject, f"{where} failed ({doubt.cause}): {excerpt(doubt.text)}", evidence=evidence)
    if ledger.doubt_count > len(ledger.doubts) and _is_green(facts.build):
        yield finding(
            "build-log-not-understood",
            "build log",
            f"{ledger.doubt_count - len(ledger.doubts)} doubts more than the evidence lists",
            evidence=("/build/ledger/doubt_count",),
        )


def _own_places(facts: Facts) -> tuple[str, ...]:
    ours = (cache.substituter_endpoint for cache in facts.subject.caches)
    return (f"{facts.policy.attic_server.rstrip('/')}/{facts.policy.attic_cache}", *(place for place in ours if place))


def _is_ours(facts: Facts, cache: str | None) -> bool:
    return cache is not None and any(same_cache(cache, place) for place in _own_places(facts))


def _is_other(facts: Facts, cache: str | None) -> bool:
    """Whether a cache is known to be another one than the cache under test, so that its outage is no word on that.

    The machine's own Nix must say so: it is among the substituters, on no host of ours, and named after that host is a
    key that this machine or gate.toml's `upstream-keys` trusts (as ``cache.nixos.org-1`` is), which is not our cache's.
    The word of the cache under test on its upstreams does not count. What is not known stays doubt.
    """
    place = cache_place(cache) if cache is not None else None
    build = facts.build
    if cache is None or place is None or build is None or place[1] is None:
        return False
    if not any(same_cache(cache, substituter) for substituter in build.substituters):
        return False
    if place[1] in {own[1] for url in _own_places(facts) if (own := cache_place(url))}:
        return False
    ours = {row.public_key for row in facts.subject.caches}
    keys = {*(build.trusted_public_keys or ()), *facts.policy.upstream_keys} - ours
    return any(key.partition(":")[0].rpartition("-")[0].lower() == place[1] for key in keys)


def check_builders(facts: Facts) -> Iterator[Finding]:
    """A row for each cache that sends its readers elsewhere, and one on the key of the cache under test.

    Only that cache's key counts: a separate probe cache holds nothing that a builder should take.
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
    summary = cache.substituter_endpoint
    read = f"{facts.policy.attic_server.rstrip('/')}/{cache.name}"
    if summary and not same_cache(summary, read):
        yield finding(
            "cache-served-elsewhere",
            cache.name,
            f"the run read at {excerpt(read)}, builders are sent to {excerpt(summary)}",
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
        return finding("cache-key-trusted", subject, f"Nix on this machine trusts {excerpt(key)}", evidence=where)
    summary = (
        f"the cache signs by {excerpt(key)}, which is not what any of this machine's {len(trusted)} trusted keys says"
    )
    return finding("cache-key-untrusted", subject, summary, evidence=where)
