"""What the machine's own Nix read of the publication, beside what the gate read: the two must agree."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from gate import limits
from gate.evidence.bodies import WHOLE
from gate.judge.finding import finding
from gate.model.basics import Label, Status
from gate.model.bodies import Body
from gate.model.document import Facts, Finding
from gate.model.machine import NixRead

Key = tuple[Label, str]
Reads = Mapping[Key, Sequence[NixRead]]
BUILDERS: Final = "builders"  # the subject of the row on all readings
WHERE: Final = ("/machine/nix_reads",)
_BROKEN: Final = frozenset({"wrong", "cut"})
LOGIN: Final = "Nix gets 401 there, or a page in its place: run `attic use`, or add a netrc"


def check_second_reader(facts: Facts) -> Iterator[Finding]:
    """A row for each path that Nix did not simply read whole, and one on all of them."""
    started = {attempt.label for attempt in facts.push.attempts if attempt.started}
    if not started:
        yield finding("reader-unasked", BUILDERS, "nothing was published, so Nix had nothing to read")
        return
    bodies = {(body.label, body.store_path): body for body in facts.bodies}
    reads: dict[tuple[Label, str], list[NixRead]] = {}
    for read in facts.machine.nix_reads:
        if (read.label, read.store_path) in bodies:
            reads.setdefault((read.label, read.store_path), []).append(read)
    ours = {key for key in reads if bodies[key].code == WHOLE}
    rows = {key: _judged(bodies[key], reads[key]) for key in reads if key in ours}
    yield from (row for row in rows.values() if row is not None and not _is_probe_cache_login(facts, row, reads))
    yield _all(facts, reads, ours, {key for key, row in rows.items() if row is None})


def _all(facts: Facts, reads: Reads, ours: Collection[Key], whole: Collection[Key]) -> Finding:
    """How much both readers read. What the gate did not read whole has findings of its own, and counts as seen."""
    unread = [
        body for body in facts.bodies if body.label is Label.CANARY and (body.label, body.store_path) not in reads
    ]
    profile = [body for body in facts.bodies if body.label is Label.PROFILE]
    wanted = min(limits.NIX_READ_PATHS, sum(1 for body in profile if body.nar_size <= limits.NIX_READ_BYTES))
    seen = sum(1 for label, _ in reads if label is Label.PROFILE)
    came = sum(1 for label, _ in whole if label is Label.PROFILE)
    if unread or seen < wanted or not whole or (wanted and not came):
        told = f"Nix read {came} of {wanted} paths of the profile whole, {len(whole)} in all"
        return finding("reader-short", BUILDERS, told, evidence=WHERE)
    alone = sum(1 for key, rows in reads.items() if key not in ours and rows[-1].outcome == "whole")
    note = f"; {alone} paths that only Nix could read" if alone else ""
    denied = {rows[-1].cache for rows in reads.values() if rows[-1].outcome == "denied"} - {facts.policy.attic_cache}
    note += "".join(f"; it has no right to read {cache}, which builders do not use" for cache in sorted(denied))
    told = f"Nix, with this machine's own settings, read {len(whole)} paths whole, {came} of the profile{note}"
    return finding("reader-agrees", BUILDERS, told, evidence=WHERE)


def _judged(body: Body, rows: Sequence[NixRead]) -> Finding | None:
    """What is wrong with the readings of a path that the gate read whole; None where each came whole."""
    path, last = body.store_path, rows[-1]
    if any(row.outcome == "wrong" for row in rows) or all(row.outcome == "cut" for row in rows):
        bad = next(row for row in rows if row.outcome in _BROKEN)
        told = f"Nix, at attempt {bad.attempt}, did not get the bytes of its narinfo ({bad.words}); the gate did"
        return _row("reader-differs", path, told, Status.FAIL)
    if any(row.nar_hash not in (None, body.nar_hash) for row in rows):
        told = f"the narinfo says {last.nar_hash} to Nix: expected {body.nar_hash}"
        return _row("reader-differs", path, told, Status.INCONCLUSIVE)
    if all(row.outcome == "whole" for row in rows):
        return None
    if last.outcome == "whole":
        first = next(row for row in rows if row.outcome != "whole")
        return _row("reader-unsteady", path, f"Nix read it whole after it had failed: {first.words}")
    if last.outcome == "denied":
        return _row("reader-denied", path, f"{LOGIN}; it says: {last.words}")
    return _row("reader-unread", path, f"Nix could not read it ({last.outcome}): {last.words}")


def _row(code: str, path: str, told: str, status: Status | None = None) -> Finding:
    return finding(code, path, told, status=status, evidence=WHERE)


def _is_probe_cache_login(facts: Facts, row: Finding, reads: Reads) -> bool:
    """Builders need no right on a probe cache of its own, which holds nothing for them: a note will do."""
    caches = {read.cache for rows in reads.values() for read in rows if read.store_path == row.subject}
    return row.code == "reader-denied" and facts.policy.attic_cache not in caches
