"""Findings on published paths: their bodies, their closure, and what the machine's own Nix read."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from gate import limits
from gate.evidence.bodies import NON_REPRODUCIBLE, REFUSED, is_whole, waits
from gate.judge.body_class import body_class
from gate.judge.finding import finding
from gate.model.basics import Label, Status
from gate.model.bodies import Body, Read, References
from gate.model.document import Facts, Finding
from gate.model.machine import NixRead

_WORDS = {"lost": "are nowhere", "elsewhere": "only another source may have", "unread": "could not be determined"}


def check_closure(facts: Facts) -> Iterator[Finding]:
    """One row for each publication that was begun, and one for each reference that nobody else can have."""
    for number, observation in enumerate(facts.references):
        for place, gap in enumerate(observation.gaps):
            if gap.state == "lost":
                summary = f"{observation.cache} does not have it, and {gap.referrer} needs it: {gap.note}"
                yield finding("closure-gap", gap.store_path, summary, evidence=(f"/references/{number}/gaps/{place}",))
        code = "closure-incomplete" if observation.gaps else "closure-complete"
        yield finding(code, observation.label.value, _summary(observation), evidence=(f"/references/{number}",))


def _summary(observation: References) -> str:
    if not observation.outside:
        return "every reference is a path of the push set itself"
    counts = Counter[str](gap.state for gap in observation.gaps)
    summary = [f"{counts[state]} {words}" for state, words in _WORDS.items() if counts[state]]
    first = next((gap for gap in observation.gaps if gap.state != "lost"), None)
    more = f"; {first.store_path}: {first.note}" if first else ""
    return (
        f"of {observation.outside} references out of the push set {observation.served} are in {observation.cache}, "
        f"{observation.upstream} are left to an upstream{''.join(f', {part}' for part in summary)}{more}"
    )


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
    ours = {key for key in reads if is_whole(bodies[key])}
    rows = {key: _judged(bodies[key], reads[key]) for key in reads if key in ours}
    yield from (row for row in rows.values() if row is not None and not _is_probe_cache_login(facts, row, reads))
    yield _all(facts, reads, ours, {key for key, row in rows.items() if row is None})


def _all(facts: Facts, reads: Reads, ours: Collection[Key], whole: Collection[Key]) -> Finding:
    """How much both readers read. What the gate did not read whole has its own findings, and counts as read."""
    unread = [
        body for body in facts.bodies if body.label is Label.CANARY and (body.label, body.store_path) not in reads
    ]
    profile = [body for body in facts.bodies if body.label is Label.PROFILE]
    expected = min(limits.NIX_READ_PATHS, sum(1 for body in profile if body.nar_size <= limits.NIX_READ_BYTES))
    count = sum(1 for label, _ in reads if label is Label.PROFILE)
    arrivals = sum(1 for label, _ in whole if label is Label.PROFILE)
    if unread or count < expected or not whole or (expected and not arrivals):
        summary = f"Nix read {arrivals} of {expected} paths of the profile whole, {len(whole)} in all"
        return finding("reader-short", BUILDERS, summary, evidence=WHERE)
    alone = sum(1 for key, rows in reads.items() if key not in ours and rows[-1].outcome == "whole")
    note = f"; {alone} paths that only Nix could read" if alone else ""
    denied = {rows[-1].cache for rows in reads.values() if rows[-1].outcome == "denied"} - {facts.policy.attic_cache}
    note += "".join(f"; it has no right to read {cache}, which builders do not use" for cache in sorted(denied))
    summary = f"Nix, with this machine's own settings, read {len(whole)} paths whole, {arrivals} of the profile{note}"
    return finding("reader-agrees", BUILDERS, summary, evidence=WHERE)


def _judged(body: Body, rows: Sequence[NixRead]) -> Finding | None:
    """What is wrong with the readings of a path that the gate read whole; None where each came whole."""
    path, last = body.store_path, rows[-1]
    if any(row.outcome == "wrong" for row in rows) or all(row.outcome == "cut" for row in rows):
        bad = next(row for row in rows if row.outcome in _BROKEN)
        summary = f"Nix, at attempt {bad.attempt}, did not get the bytes of its narinfo ({bad.words}); the gate did"
        return _row("reader-differs", path, summary, Status.FAIL)
    if any(row.nar_hash not in (None, body.nar_hash) for row in rows):
        summary = f"the narinfo says {last.nar_hash} to Nix: expected {body.nar_hash}"
        return _row("reader-differs", path, summary, Status.INCONCLUSIVE)
    if all(row.outcome == "whole" for row in rows):
        return None
    if last.outcome == "whole":
        first = next(row for row in rows if row.outcome != "whole")
        return _row("reader-unsteady", path, f"Nix read it whole after it had failed: {first.words}")
    if last.outcome == "denied":
        return _row("reader-denied", path, f"{LOGIN}; it says: {last.words}")
    return _row("reader-unread", path, f"Nix could not read it ({last.outcome}): {last.words}")


def _row(code: str, path: str, summary: str, status: Status | None = None) -> Finding:
    return finding(code, path, summary, status=status, evidence=WHERE)


def _is_probe_cache_login(facts: Facts, row: Finding, reads: Reads) -> bool:
    """Builders need no right to read a separate probe cache, which holds nothing for them: a note will do."""
    caches = {read.cache for rows in reads.values() for read in rows if read.store_path == row.subject}
    return row.code == "reader-denied" and facts.policy.attic_cache not in caches


def check_bodies(facts: Facts) -> Iterator[Finding]:
    """The class of each body, as it was folded from its reads, and the reads that took long."""
    for number, body in enumerate(facts.bodies):
        code = body_class(body)
        yield finding(code, body.store_path, _body_summary(body, code), evidence=(f"/bodies/{number}",))
        slow = [wait.text for wait in waits(body) if wait.millis > limits.STORE_SLOW_SECONDS * 1000]
        if slow:
            yield finding("body-slow", body.store_path, "; ".join(slow), evidence=(f"/bodies/{number}",))


def _body_summary(body: Body, code: str) -> str:
    if code == NON_REPRODUCIBLE:
        return _two_builds(body)
    summary = []
    for words, group in groupby(body.reads, key=_reading):
        count = len(list(group))
        summary.append(words if count == 1 else f"{count} times {words}")
    return f"claimed {body.claim.value}, {body.nar_size} bytes expected; {', then '.join(summary) or 'it was not read'}"


def _two_builds(body: Body) -> str:
    """Both contents of one name; the cache's is of the first read that was classed so."""
    info = next(read.narinfo for read in body.reads if read.code == NON_REPRODUCIBLE and read.narinfo is not None)
    return (
        f"claimed {body.claim.value}; the cache has another NAR of it, whole and signed by its key: {info.nar_hash}, "
        f"{info.nar_size} bytes; built here: {body.nar_hash}, {body.nar_size} bytes"
    )


def _reading(read: Read) -> str:
    nar = read.nar
    code = f"at the origin {read.code}" if read.at_origin else read.code
    if nar is None:
        return f"{code} (narinfo {read.narinfo_error or f'HTTP {read.narinfo_status}'})"
    if nar.error in REFUSED:
        return f"{code} (HTTP {nar.status} to {nar.hops[-1] if nar.hops else 'no URL'}, which was not followed)"
    return f"{code} (HTTP {nar.status}, curl {nar.curl}, {nar.wire_bytes} bytes came, {nar.nar_bytes} of the NAR)"
