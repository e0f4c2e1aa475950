"""What became of one published path: part of ``evidence.json`` (`gate.model.document`), and of use without it."""

from gate.model.basics import Claim, Label, Status, Truth, value
from gate.model.nar_read import NarRead
from gate.model.parsed import NarInfo


@value
class Read:
    """One attempt to read a body back, and its class; ``at_origin``: at ``origin-server``, not where builders do.

    ``narinfo_millis``: how long the answer with the narinfo took.
    """

    attempt: int
    at: str
    after_post: bool
    narinfo: NarInfo | None
    narinfo_status: int | None
    narinfo_error: str | None
    signed: Truth
    nar: NarRead | None
    code: str
    narinfo_millis: int = 0
    at_origin: bool = False


@value
class Body:
    """A path that the cache must serve: every read of it, and the class that stands (the worst of them)."""

    label: Label
    cache: str
    store_path: str
    nar_hash: str
    nar_size: int
    claim: Claim
    status: Status
    code: str
    reads: tuple[Read, ...]
