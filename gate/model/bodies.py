"""What the read-back of one published path gave: transfer, NAR, narinfo and references."""

from typing import Literal

from gate.model.basics import Claim, Label, Truth, value
from gate.model.parsed import NarInfo


@value
class NarRead:
    """What came of one NAR body. ``curl`` is libcurl's own result code (18: partial file; 0: it says all is well).

    ``wire_bytes`` were received, ``nar_bytes`` decompressed (counted up to ``NarSize + 1``), ``sha256`` is nix base
    32 of them. ``error`` is one of `HttpAnswer`'s words, ``codec``, ``decompress``, ``overrun``, or ``memory`` for a
    body that takes more of it to decompress than is allowed here. ``codec`` was declared, ``sniffed`` is what the first
    bytes are. ``clean_end``: the decompressor reached the end of its last frame with nothing left over;
    ``well_formed``: what came out is one whole NAR. ``encoding`` is a Content-Encoding, which was not asked for and is
    not undone; ``cached`` the header by which a cache on the way says that it answered. ``skipped_bytes`` are those of
    zstd's skippable frames, which no reader looks at. ``first_byte_millis``: how long its first byte was waited for,
    None where none came; ``pause_millis``: the longest time in which the gate waited and no byte of a body came, that
    one included.
    """

    hops: tuple[str, ...]
    status: int | None
    curl: int
    curl_text: str = ""
    error: str | None = None
    wire_bytes: int
    nar_bytes: int
    sha256: str | None
    codec: str
    sniffed: str | None
    clean_end: bool
    well_formed: bool = False
    content_type: str | None = None
    encoding: str | None = None
    cached: str | None = None
    body: str = ""
    skipped_bytes: int = 0
    millis: int
    first_byte_millis: int | None = None
    pause_millis: int = 0


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
    """A path that the cache must serve, with every read of it. `gate.judge.body_class` gives the class of the path."""

    label: Label
    cache: str
    store_path: str
    nar_hash: str
    nar_size: int
    claim: Claim
    reads: tuple[Read, ...]


@value
class Gap:
    """A reference that is not known to be served.

    ``state``: ``lost`` is one that the cache does not have, and that no other can be expected to have either, because
    it was made on this machine, or because the cache itself signed it; ``elsewhere`` is one that the cache does not
    have and that came from another source; ``unread`` could not be determined. ``referrer`` is the first path that
    needs it.
    """

    store_path: str
    referrer: str
    state: Literal["lost", "elsewhere", "unread"]
    note: str


@value
class References:
    """The references of one publication that lead out of its push set.

    ``outside`` of them there are; ``upstream`` are left to an upstream of the cache, whose signature the local store
    has; ``served`` have a narinfo in the cache.
    """

    label: Label
    cache: str
    outside: int
    upstream: int
    served: int
    gaps: tuple[Gap, ...]
