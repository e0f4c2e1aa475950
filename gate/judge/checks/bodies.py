"""NAR bodies: one row for each path that the cache must serve."""

from collections.abc import Iterator
from itertools import groupby

from gate import limits
from gate.evidence.bodies import NON_REPRODUCIBLE, REFUSED, waits
from gate.judge.finding import finding
from gate.model.bodies import Body, Read
from gate.model.document import Facts, Finding


def check_bodies(facts: Facts) -> Iterator[Finding]:
    """The class of each body, as it was folded from its reads, and what of it was long in coming."""
    for number, body in enumerate(facts.bodies):
        yield finding(body.code, body.store_path, _summary(body), evidence=(f"/bodies/{number}",))
        slow = [wait.text for wait in waits(body) if wait.millis > limits.STORE_SLOW_SECONDS * 1000]
        if slow:
            yield finding("body-slow", body.store_path, "; ".join(slow), evidence=(f"/bodies/{number}",))


def _summary(body: Body) -> str:
    if body.code == NON_REPRODUCIBLE:
        return _two_builds(body)
    told = []
    for words, group in groupby(body.reads, key=_told):
        count = len(list(group))
        told.append(words if count == 1 else f"{count} times {words}")
    return f"claimed {body.claim.value}, {body.nar_size} bytes expected; {', then '.join(told) or 'it was not read'}"


def _two_builds(body: Body) -> str:
    """Both contents of one name; the cache's is of the first read that was classed so."""
    info = next(read.narinfo for read in body.reads if read.code == NON_REPRODUCIBLE and read.narinfo is not None)
    return (
        f"claimed {body.claim.value}; the cache has another NAR of it, whole and signed by its key: {info.nar_hash}, "
        f"{info.nar_size} bytes; built here: {body.nar_hash}, {body.nar_size} bytes"
    )


def _told(read: Read) -> str:
    nar = read.nar
    code = f"at the origin {read.code}" if read.at_origin else read.code
    if nar is None:
        return f"{code} (narinfo {read.narinfo_error or f'HTTP {read.narinfo_status}'})"
    if nar.error in REFUSED:
        return f"{code} (HTTP {nar.status} to {nar.hops[-1] if nar.hops else 'no URL'}, which was not followed)"
    return f"{code} (HTTP {nar.status}, curl {nar.curl}, {nar.wire_bytes} bytes came, {nar.nar_bytes} of the NAR)"
