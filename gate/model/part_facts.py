"""What ``evidence.json`` says of the parts of a run that was split between jobs."""

from gate.model.basics import value
from gate.model.part_records import Previous
from gate.model.policy import Identity, Tools


@value
class PartFacts:
    """One part of a split run: ``state`` is joined, missing or rejected (then ``code`` and ``reason`` say why).

    ``digest`` is of its ``part.json``, ``told`` what its own job handed on by another way; ``policy`` the sha256 of its
    policy. ``strays`` are sentences on records that it may not give, or that contradict another part's: those were left
    out.
    """

    part: str
    state: str
    code: str | None = None
    reason: str = ""
    digest: str | None = None
    told: str | None = None
    run: Identity | None = None
    policy: str | None = None
    tools: Tools | None = None
    previous: tuple[Previous, ...] = ()
    started_at: str | None = None
    ended_at: str | None = None
    records: int = 0
    complete: bool = False
    strays: tuple[str, ...] = ()
