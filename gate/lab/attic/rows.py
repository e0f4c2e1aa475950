"""What the database holds, as values (attic b7c9056 ``server/src/database/entity/*.rs``)."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Cache:
    """One binary cache."""

    id: int
    name: str
    keypair: str = field(repr=False)
    is_public: bool
    store_dir: str
    priority: int
    upstream_cache_key_names: tuple[str, ...]
    retention_period: int | None
    """Seconds; ``None`` is the server's own setting."""


@dataclass(frozen=True, slots=True)
class NewObject:
    """What a client says about the path it uploads; sizes are in bytes."""

    store_path_hash: str
    store_path: str
    references: tuple[str, ...]
    system: str | None
    deriver: str | None
    sigs: tuple[str, ...]
    ca: str | None
    nar_hash: str
    """``sha256:`` and 64 hexadecimal digits."""
    nar_size: int


@dataclass(frozen=True, slots=True)
class Located(NewObject):
    """A path as found in a cache, with its NAR."""

    id: int
    nar_id: int
    compression: str
    num_chunks: int
    cache: Cache


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A chunk about to be written; the hashes are as in :class:`NewObject`."""

    chunk_hash: str
    chunk_size: int
    compression: str
    remote_file: str
    """JSON: region, bucket and key."""
    remote_file_id: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk that is stored."""

    id: int
    chunk_size: int
    file_size: int
    """Bytes of the compressed object in S3."""
    remote_file: str


@dataclass(frozen=True, slots=True)
class Nar:
    """A NAR that is stored, in any cache."""

    id: int
    nar_size: int
