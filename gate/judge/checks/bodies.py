"""NAR bodies: one row for each path that the cache must serve."""

from collections.abc import Iterator

from gate.judge.finding import finding
from gate.model.document import Body, Facts, Finding


def check_bodies(facts: Facts) -> Iterator[Finding]:
    """The class of each body, as it was folded from its reads."""
    for number, body in enumerate(facts.bodies):
        yield finding(body.code, body.store_path, _summary(body), evidence=(f"/bodies/{number}",))


def _summary(body: Body) -> str:
    told = "; ".join(_told(body, number) for number in range(len(body.reads))) or "it was not read"
    return f"claimed {body.claim.value}, {body.nar_size} bytes expected; {told}"


def _told(body: Body, number: int) -> str:
    read = body.reads[number]
    nar = read.nar
    if nar is None:
        return f"read {read.attempt}: {read.code}, narinfo {read.narinfo_error or f'HTTP {read.narinfo_status}'}"
    return (
        f"read {read.attempt}: {read.code}, HTTP {nar.status}, curl {nar.curl}, {nar.wire_bytes} bytes came, "
        f"{nar.nar_bytes} of the NAR"
    )
