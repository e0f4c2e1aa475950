"""A split run: the records and the facts of each part."""

from collections.abc import Mapping
from typing import Final, Literal

from gate.model.basics import value
from gate.model.policy import Identity, Tools

PartName = Literal["pre", "publish", "during", "post"]
Rejection = Literal["part-tampered", "part-foreign", "part-doubled"]
PRE: Final = "pre"
PUBLISH: Final = "publish"
DURING: Final = "during"
POST: Final = "post"
PARTS: Final[tuple[PartName, ...]] = (PRE, PUBLISH, DURING, POST)
# Which parts each must have been given, by its own account.
PREDECESSORS: Final[Mapping[str, tuple[PartName, ...]]] = {
    PRE: (),
    PUBLISH: (PRE,),
    DURING: (PRE,),
    POST: (PRE, PUBLISH),
}


@value
class Previous:
    """A part that another was given, and the digest that it had then."""

    part: str
    digest: str


@value
class PartBegun:
    """The second record of a part's journal: which part this is, and the parts that it was given."""

    kind: Literal["part"] = "part"
    part: PartName
    previous: tuple[Previous, ...]


@value
class ContainerStood:
    """Where one container's log stood: time stamp and sha256 of its last line, both None for an empty log.

    A file of a folder of logs has its inode as ``uid``, its size in bytes as ``offset``, and the sha256 of its last
    bytes as ``line``.
    """

    pod: str
    container: str
    uid: str
    restarts: int
    at: str | None
    line: str | None
    trouble: str
    offset: int | None = None


@value
class LogPosition:
    """Where a log stood in ``pre``, for the job that reads on in ``post``: the Attic server's, or the store's.

    A file's log by its size in bytes (``offset``) and the sha256 of its last bytes (``before``), a workload's by the
    last line of each container. ``trouble`` says why it could not be determined.
    """

    kind: Literal["log-stood"] = "log-stood"
    offset: int | None
    before: str
    containers: tuple[ContainerStood, ...] = ()
    trouble: str = ""
    of: Literal["cache", "store"] = "cache"


@value
class PartJoined:
    """A part was taken into the joined run. ``document`` is its ``part.json``, byte for byte.

    ``job_digest`` is the digest that the part's own job handed on by another way than its files; None when none was
    given.
    """

    kind: Literal["part-joined"] = "part-joined"
    part: PartName
    digest: str
    job_digest: str | None
    document: str


@value
class PartRejected:
    """A folder that was given as a part and not taken; ``code`` is of the registry, ``reason`` a sentence.

    ``part`` is what it says of itself, None where that can't be read.
    """

    kind: Literal["part-rejected"] = "part-rejected"
    part: str | None
    digest: str | None
    code: Rejection
    reason: str


@value
class PartFacts:
    """One part of a split run: ``state`` is joined, missing or rejected (then ``code`` and ``reason`` say why).

    ``digest`` is of its ``part.json``, ``job_digest`` what its own job handed on by another way; ``policy`` the sha256
    of its policy. ``disallowed_records`` are sentences on records that it may not give, or that contradict another
    part's: those were left out.
    """

    part: str
    state: str
    code: str | None = None
    reason: str = ""
    digest: str | None = None
    job_digest: str | None = None
    run: Identity | None = None
    policy: str | None = None
    tools: Tools | None = None
    previous: tuple[Previous, ...] = ()
    started_at: str | None = None
    ended_at: str | None = None
    records: int = 0
    complete: bool = False
    disallowed_records: tuple[str, ...] = ()
