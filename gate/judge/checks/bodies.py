"""NAR bodies: one row for each path that the cache must serve."""

from collections.abc import Iterator
from itertools import groupby

from gate.judge.finding import finding
from gate.model.body import Body, Read
from gate.model.document import Facts, Finding


def check_bodies(facts: Facts) -> Iterator[Finding]:
    """The class of each body, as it was folded from its reads."""
    for number, body in enumerate(facts.bodies):
        yield finding(body.code, body.store_path, _summary(body), evidence=(f"/bodies/{number}",))


def _summary(body: Body) -> str:
    told = []
    for words, group in groupby(body.reads, key=_told):
        count = len(list(group))
        told.append(words if count == 1 else f"{count} times {words}")
    return f"claimed {body.claim.value}, {body.nar_size} bytes expected; {', then '.join(told) or 'it was not read'}"


def _told(read: Read) -> str:
    nar = read.nar
    if nar is None:
        return f"{read.code} (narinfo {read.narinfo_error or f'HTTP {read.narinfo_status}'})"
    return f"{read.code} (HTTP {nar.status}, curl {nar.curl}, {nar.wire_bytes} bytes came, {nar.nar_bytes} of the NAR)"
