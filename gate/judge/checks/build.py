"""The build and its ledger. A green build is no health: `--fallback` masks a failing cache by design."""

from collections.abc import Iterator

from gate.judge.finding import finding, how_ended
from gate.model.basics import Status, Truth
from gate.model.document import Build, Facts, Finding
from gate.model.parsed import BuildLedger, Masked


def check_build(facts: Facts) -> Iterator[Finding]:
    """The build's rows: one that says how it went, and one for each masked substitute."""
    build = facts.build
    if build is None:
        yield finding("build-not-run", "build", "no build was begun")
        return
    masked = tuple(_masked(facts, build.ledger)) if build.ledger else ()
    yield from masked
    code, summary = _outcome(build)
    if code != "build-clean" or not masked:
        yield finding(code, "build", summary, evidence=("/build",))


def _outcome(build: Build) -> tuple[str, str]:
    told = how_ended(build)
    ledger = build.ledger
    if ledger is not None and ledger.aborted:
        return "build-aborted", f"nix aborted ({told})"
    if build.exit != 0 or build.ended_by is not None or not build.outputs:
        return "build-failed", f"nix build of {build.installable} gave {len(build.outputs)} outputs ({told})"
    if ledger is None or ledger.events == 0:
        return "build-log-unread", "the build's log has no event that could be read"
    if build.cache_among_substituters is not Truth.PRESENT:
        asked = ", ".join(build.substituters) or "none"
        return (
            "build-substituter-disabled",
            f"the cache under test among the substituters: {build.cache_among_substituters.value} (they are: {asked})",
        )
    return (
        "build-clean",
        f"{len(build.outputs)} outputs, {len(ledger.paths)} paths in the ledger, no failed substitute ({told})",
    )


def _masked(facts: Facts, ledger: BuildLedger) -> Iterator[Finding]:
    for number, row in enumerate(ledger.masked):
        yield finding(
            "build-fallback-masked",
            row.name,
            f"a substitute failed ({row.cause}, {row.certainty}) at {row.cache or 'an unnamed cache'}; built here",
            status=Status.FAIL if row.certainty == "proven" and _ours(facts, row) else Status.INCONCLUSIVE,
            evidence=(f"/build/ledger/masked/{number}",),
        )


def _ours(facts: Facts, row: Masked) -> bool:
    ours = {cache.substituter_endpoint for cache in facts.subject.caches if cache.substituter_endpoint}
    ours.add(f"{facts.policy.attic_server.rstrip('/')}/{facts.policy.attic_cache}")
    return row.cache is not None and row.cache.rstrip("/") in {url.rstrip("/") for url in ours}
