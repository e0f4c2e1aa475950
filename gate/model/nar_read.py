"""What came of reading one NAR body."""

from gate.model.basics import value


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
