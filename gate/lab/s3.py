"""The lab's S3: rclone's server over a data folder laid out like RustFS's, or a real one that the environment names.

rclone serves a folder of links, one a bucket. A bucket leaves the index, while its data stays on disk, when its link
is pointed at nowhere: ListBuckets then lacks it, HeadBucket is 404, GET and PUT say ``NoSuchBucket``. A link that is
merely removed would be made a real folder again by the next write that is under way.
rclone remembers folders for 50 ms: with no memory at all each write would list the whole bucket and cost 15 times the
processor time. So a change of the index is waited for until it shows.
RustFS's layout (recordings of 1.0.0-beta.2): ``<data>/<bucket>/`` and
``<data>/.rustfs.sys/buckets/<bucket>/.metadata.bin/xl.meta``.
"""

import json
import os
import secrets
import shutil
import sqlite3
import sysconfig
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from gate.errors import InconclusiveError, RefusedError
from gate.lab.children import POLL_SECONDS, Server, can_bind, start_anywhere
from gate.lab.objects import Objects
from gate.model.basics import Secret

REGION: Final = "us-east-1"
# Another loopback address than Attic's: a netrc entry for one host never goes to the other.
HOST: Final = "127.0.0.2"
FALLBACK_HOST: Final = "127.0.0.1"
SYSTEM: Final = ".rustfs.sys"
NOWHERE: Final = "nowhere"
MEMORY: Final = "50ms"  # rclone's --dir-cache-time
TURN_SECONDS: Final = 5.0  # for a change of the index to show; it takes about 0.1
EXTERNAL: Final = (
    "GATE_LAB_S3_ENDPOINT",
    "GATE_LAB_S3_DATA",
    "GATE_LAB_S3_ACCESS_KEY_ID",
    "GATE_LAB_S3_SECRET_ACCESS_KEY",
)


class S3Store(Protocol):
    """An S3 server with its data on this machine's disk. ``commanded``: the lab can bring it to lose its index."""

    objects: Objects
    data: Path
    pid_file: Path | None
    commanded: bool

    def start(self) -> None:
        """Bring it up, if that is ours to do."""
        ...

    def stop(self) -> None:
        """Take it down, if that is ours to do."""
        ...

    def restart(self) -> None:
        """Another process on the same port."""
        ...

    def add_bucket(self, bucket: str) -> None:
        """A bucket with its data folder and its metadata marker."""
        ...

    def lose(self, bucket: str) -> None:
        """Take a bucket out of the index, its data left on disk."""
        ...

    def restore(self, bucket: str) -> None:
        """Put a lost bucket back into the index."""
        ...


def marker(data: Path, bucket: str) -> Path:
    """The folder that holds a bucket's metadata: the second disk marker."""
    return data / SYSTEM / "buckets" / bucket / ".metadata.bin"


def find_rclone(environ: Mapping[str, str]) -> Path:
    """The rclone program: of the wheel in this environment, else the one on PATH; raises `RefusedError`."""
    bundled = Path(sysconfig.get_path("scripts")) / "rclone"
    if os.access(bundled, os.X_OK):
        return bundled
    program = shutil.which("rclone", path=environ.get("PATH", os.defpath))
    if program:
        return Path(program)
    raise RefusedError("the lab needs rclone for its S3 server, and there is none: pip install 'publication-gate[lab]'")


class RcloneStore:
    """rclone's ``serve s3`` over ``<work>/data``, seen through ``<work>/export``."""

    commanded = True

    def __init__(self, work: Path, environ: Mapping[str, str]) -> None:
        self.data = work / "data"
        self.pid_file: Path | None = work / "store.pid"
        self.log = work / "store.log"
        self._export = work / "export"
        self._work = work
        self._rclone = find_rclone(environ)
        self._environ = environ
        self._key = secrets.token_hex(10)
        self._secret = secrets.token_urlsafe(30)
        self._server: Server | None = None
        self.objects = Objects("", REGION, Secret(self._key), Secret(self._secret))
        self._export.mkdir(parents=True)
        (self.data / SYSTEM).mkdir(parents=True)
        format_json = {"version": "1", "format": "erasure-single", "id": str(uuid.uuid4())}
        (self.data / SYSTEM / "format.json").write_text(json.dumps(format_json), encoding="utf-8")

    def start(self) -> None:
        """Serve, on a free port the first time and on that one ever after."""
        if self._server is None:
            host = HOST if can_bind(HOST) else FALLBACK_HOST
            self._server = start_anywhere(lambda port: self._make(host, port), host)
            self.objects.endpoint = f"http://{self._server.address}"
        elif self._server.pid is None:
            self._server.start()

    def _make(self, host: str, port: int) -> Server:
        flags = ("--copy-links", "--dir-cache-time", MEMORY, "--config", "/dev/null", "--log-level", "NOTICE")
        assert self.pid_file is not None  # noqa: S101  for the type checker: this class sets it
        return Server(
            name="S3 server",
            argv=(str(self._rclone), "serve", "s3", "--addr", f"{host}:{port}", *flags, str(self._export)),
            # rclone reads the list of keys as CSV: one key and its secret, so in quotes
            environ={**self._environ, "RCLONE_AUTH_KEY": f'"{self._key},{self._secret}"'},
            log=self.log,
            pid_file=self.pid_file,
            host=host,
            port=port,
        )

    def stop(self) -> None:
        """End the process; the data stays."""
        if self._server:
            self._server.stop()

    def restart(self) -> None:
        """Another process on the same port."""
        self.stop()
        self.start()

    @property
    def pid(self) -> int | None:
        """The server's process number while it runs."""
        return self._server.pid if self._server else None

    def add_bucket(self, bucket: str) -> None:
        """A bucket with its data folder and its metadata marker."""
        (self.data / bucket).mkdir()
        marker(self.data, bucket).mkdir(parents=True)
        (marker(self.data, bucket) / "xl.meta").write_bytes(b"XL2 lab")
        self.restore(bucket)

    def lose(self, bucket: str) -> None:
        """Point the bucket's link at nowhere, and wait until no answer has it."""
        self._point(bucket, self._work / NOWHERE / bucket)
        self._wait(bucket, there=False)

    def restore(self, bucket: str) -> None:
        """Point the bucket's link at its data again, and wait until every answer has it."""
        self._point(bucket, self.data / bucket)
        self._wait(bucket, there=True)

    def _wait(self, bucket: str, *, there: bool) -> None:
        """Until list and head agree on it; nothing to wait for when the server is down."""
        deadline = time.monotonic() + TURN_SECONDS
        while self.pid is not None:
            if {bucket in self.objects.buckets(), self.objects.has_bucket(bucket)} == {there}:
                return
            if time.monotonic() > deadline:
                event = "came back to" if there else "left"
                raise InconclusiveError(f"bucket {bucket} never {event} the index of the lab's S3 server")
            time.sleep(POLL_SECONDS)

    def _point(self, bucket: str, target: Path) -> None:
        """Replace the link in one step: no moment without one, in which a write could make a folder."""
        fresh = self._work / f"{bucket}.link"
        fresh.symlink_to(target)
        fresh.replace(self._export / bucket)


class ExternalStore:
    """A real S3 server, such as RustFS, that somebody else started; its data folder is on this machine."""

    commanded = False
    pid_file: Path | None = None

    def __init__(self, environ: Mapping[str, str]) -> None:
        missing = [name for name in EXTERNAL if not environ.get(name)]
        if missing:
            variables, lacking = ", ".join(EXTERNAL), ", ".join(missing)
            raise RefusedError(f"{EXTERNAL[0]} is set but {lacking} is not: an external S3 needs all of {variables}")
        endpoint, data, key, secret = (environ[name] for name in EXTERNAL)
        self.data = Path(data)
        if not self.data.is_dir():
            raise RefusedError(f"GATE_LAB_S3_DATA is {data!r}: expected the data folder of the S3 server at {endpoint}")
        self.objects = Objects(endpoint.rstrip("/"), REGION, Secret(key), Secret(secret))

    def start(self) -> None:
        """Nothing: it runs, or the first call says that it doesn't."""

    def stop(self) -> None:
        """Nothing: it isn't ours."""

    def restart(self) -> None:
        """Refused: it isn't ours."""
        self._refuse()

    def add_bucket(self, bucket: str) -> None:
        """Make the bucket if it isn't there."""
        self.objects.make_bucket(bucket)

    def lose(self, bucket: str) -> None:
        """Refused: the lab has no hold of its index."""
        self._refuse(bucket)

    def restore(self, bucket: str) -> None:
        """Refused: the lab has no hold of its index."""
        self._refuse(bucket)

    def _refuse(self, bucket: str = "") -> None:
        what = f"make it lose bucket {bucket}" if bucket else "restart it"
        raise RefusedError(
            f"the S3 server at {self.objects.endpoint} is not the lab's, which can't {what}: unset {EXTERNAL[0]}"
        )


def make_store(work: Path, environ: Mapping[str, str], child_environ: Mapping[str, str]) -> RcloneStore | ExternalStore:
    """The S3 server that the environment names, else the lab's own (not started yet)."""
    if environ.get(EXTERNAL[0]):
        return ExternalStore(environ)
    return RcloneStore(work, child_environ)


BUSY_SECONDS: Final = 5.0
STORE_HASH_CHARS: Final = 32  # a store path's hash part
_QUERY: Final = """
SELECT object.store_path, nar.id, nar.nar_size, chunk.remote_file,
       (SELECT count(DISTINCT other.nar_id) FROM chunkref AS other WHERE other.chunk_id = chunk.id)
FROM object
JOIN cache ON cache.id = object.cache_id
JOIN nar ON nar.id = object.nar_id
JOIN chunkref ON chunkref.nar_id = nar.id
JOIN chunk ON chunk.id = chunkref.chunk_id
WHERE cache.name = ? AND nar.state = 'V'
ORDER BY object.id, chunkref.seq
"""


@dataclass(frozen=True, kw_only=True)
class ChunkObject:
    """One object of a body, by its place in S3. ``shared``: other bodies use it too."""

    bucket: str
    key: str
    shared: bool


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A path as the cache's database has it: its NAR's size in bytes and its chunks in order."""

    store_path: str
    nar: int
    nar_size: int
    chunks: tuple[ChunkObject, ...]

    @property
    def hash(self) -> str:
        """The hash part of the store path, which is its name in URLs."""
        return Path(self.store_path).name[:STORE_HASH_CHARS]

    @property
    def alone(self) -> bool:
        """Whether no other body shares a chunk with it."""
        return not any(chunk.shared for chunk in self.chunks)


def stored_paths(database: Path, cache: str) -> tuple[Stored, ...]:
    """All paths of a cache with their chunks; raises `InconclusiveError` when the database can't be read."""
    try:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=BUSY_SECONDS)
        try:
            rows = connection.execute(_QUERY, (cache,)).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise InconclusiveError(
            f"Attic's database {database} can't be read ({error}): expected the tables object, nar, chunkref and chunk"
        ) from None
    return tuple(_group(rows))


def _group(rows: Sequence[tuple[str, int, int, str, int]]) -> Iterator[Stored]:
    by_path: dict[str, list[tuple[str, int, int, str, int]]] = {}
    for row in rows:
        by_path.setdefault(row[0], []).append(row)
    for store_path, path_rows in by_path.items():
        chunks = tuple(_chunk(json.loads(row[3]), holders=row[4]) for row in path_rows)
        yield Stored(store_path=store_path, nar=path_rows[0][1], nar_size=path_rows[0][2], chunks=chunks)


def _chunk(remote: Any, *, holders: int) -> ChunkObject:  # noqa: ANN401  JSON of another program
    """``remote_file`` is ``{"S3": {"region", "bucket", "key"}}``."""
    place = remote.get("S3") if isinstance(remote, dict) else None
    if not isinstance(place, dict) or not isinstance(place.get("key"), str) or not isinstance(place.get("bucket"), str):
        raise InconclusiveError(f"a chunk lies at {str(remote)[:200]!r}: expected a bucket and a key in S3")
    return ChunkObject(bucket=place["bucket"], key=place["key"], shared=holders > 1)
