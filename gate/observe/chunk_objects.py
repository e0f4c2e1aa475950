"""Reads chunk objects from the store by key, and holds each against the sha256 that Attic's database has of it.

Each chunk costs one signed GET and nothing of Attic's, so that ``object.last_accessed_at`` stays, on which Attic's
retention rests (attic b7c9056 server/src/gc.rs). Nothing is listed: RustFS reads a whole bucket for each page
(rustfs crates/ecstore/src/disk/local.rs, ``scan_dir``). libcurl signs (CURLOPT_AWS_SIGV4).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote

from gate import limits
from gate.clock import Clock
from gate.errors import InconclusiveError, RefusedError
from gate.model.audit import ChunkPlace, ChunkReading, ChunkState
from gate.model.basics import Secret, value
from gate.net import HostList
from gate.observe.curl_transfer import authorities
from gate.parse.audit_files import ChunkClaim
from gate.parse.s3 import parse_fault
from gate.process import CancelToken

if TYPE_CHECKING:
    from gate.observe.request_rate import RateLimit

_OK: Final = 200
_NOT_FOUND: Final = 404
_REFUSALS: Final = frozenset({400, 401, 403})
_SLOW: Final = frozenset({429, 500, 502, 503, 504})
_UNRESERVED: Final = "-_.~"
_TIMEOUT: Final = 28  # CURLE_OPERATION_TIMEDOUT
_TWO_ANSWERS: Final = "two reads gave two answers"
_WRITE_ERROR: Final = 23  # CURLE_WRITE_ERROR: the sink took no more


class StoreStoppedError(InconclusiveError):
    """The store answers in a way that makes further reads pointless: its index, its readiness or the key's rights."""


@value
class ChunkSource:
    """The store, and the key that may get objects. ``endpoint`` is ``http(s)://host[:port]``."""

    endpoint: str
    access_key_id: Secret
    secret_access_key: Secret
    session_token: Secret | None
    hosts: HostList
    places: tuple[ChunkPlace, ...]
    is_virtual_host: bool = False
    ca_file: str | None = None

    def url(self, claim: ChunkClaim) -> str:
        """Where a chunk is."""
        bucket, key = self.places[claim.place].bucket, quote(claim.key, safe=_UNRESERVED + "/")
        if self.is_virtual_host:
            scheme, _, host = self.endpoint.partition("://")
            return f"{scheme}://{quote(bucket, safe=_UNRESERVED)}.{host}/{key}"
        return f"{self.endpoint}/{quote(bucket, safe=_UNRESERVED)}/{key}"


class ChunkReader:
    """Reads blocks of chunks, some at a time in one thread, within a rate.

    A chunk that does not come whole is asked again, up to `limits.AUDIT_ATTEMPTS` times, and its last row counts;
    bytes that differ each time are ``flapping``.
    """

    def __init__(
        self, store: ChunkSource, rate: "RateLimit", *, clock: Clock, cancel: CancelToken, jobs: int = limits.AUDIT_JOBS
    ) -> None:
        import pycurl  # noqa: PLC0415  # a C library: only where it is used

        self.received_bytes = 0
        self._rate = rate
        self._store = store
        self._clock = clock
        self._cancel = cancel
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, jobs + 1)
        trusted = authorities(store.ca_file)
        self._idle = [_Transfer(store, trusted) for _ in range(jobs)]
        self._busy: dict[Any, _Transfer] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for handle, transfer in self._busy.items():
            self._multi.remove_handle(handle)
            transfer.handle.close()
        for transfer in self._idle:
            transfer.handle.close()
        self._multi.close()

    def read(self, claims: Sequence[ChunkClaim]) -> list[ChunkReading]:
        """Read each chunk; gives the rows of those that are not whole, by id.

        Raises `StoreStoppedError` where the store as a whole is wrong, and when ``cancel`` asks for the end: what was
        read of the block then says nothing.
        """
        waiting: deque[tuple[ChunkClaim, int, ChunkReading | None]] = deque((claim, 1, None) for claim in claims)
        rows: list[ChunkReading] = []
        while (waiting or self._busy) and not self._cancel.cancelled:
            self._start(waiting)
            for transfer, code in self._ended():
                row = transfer.row(code)
                self.received_bytes += transfer.size
                self._idle.append(transfer)
                if row is None:
                    self._rate.healthy()
                    if transfer.before is not None and transfer.before.state is not ChunkState.UNREAD:
                        rows.append(replace(transfer.before, state=ChunkState.FLAPPING, problem=_TWO_ANSWERS))
                    continue
                if reason := transfer.stop_reason(row):
                    raise StoreStoppedError(reason)
                if row.status in _SLOW or row.curl == _TIMEOUT:
                    self._rate.overloaded()
                before: ChunkReading | None = transfer.before
                final = _joined(before, row)
                is_confirmed = _is_confirmed(before, row)
                if is_confirmed or transfer.attempt >= limits.AUDIT_ATTEMPTS:
                    rows.append(final if is_confirmed else _unconfirmed(final))
                else:
                    waiting.append((transfer.claim, transfer.attempt + 1, final))
        if self._cancel.cancelled:
            raise StoreStoppedError(f"the shard was ended ({self._cancel.reason}): run it again, it goes on")
        unread = sum(row.state is ChunkState.UNREAD for row in rows)
        if unread > max(1, limits.AUDIT_UNREAD_SHARE * len(claims)):
            raise StoreStoppedError(
                f"{unread} of {len(claims)} chunks could not be read (the last: {rows[-1].problem}): the store is not "
                "well; run the shard again when it is, it goes on"
            )
        return sorted(rows, key=lambda row: row.chunk_id)

    def _start(self, waiting: "deque[tuple[ChunkClaim, int, ChunkReading | None]]") -> None:
        while waiting and self._idle and self._rate.take(waiting[0][0].file_size or 0):
            claim, attempt, before = waiting.popleft()
            transfer = self._idle.pop()
            transfer.ask(claim, attempt, before)
            self._busy[transfer.handle] = transfer
            self._multi.add_handle(transfer.handle)

    def _ended(self) -> "list[tuple[_Transfer, int]]":
        self._multi.perform()
        _, good, bad = self._multi.info_read()
        if not good and not bad:
            if self._busy:
                expected = self._multi.timeout()
                bound = limits.POLL_SECONDS if expected < 0 else min(expected / 1000, limits.POLL_SECONDS)
                self._multi.select(min(bound, self._rate.wait_seconds()) if self._idle else bound)
            else:
                self._clock.sleep(min(self._rate.wait_seconds(), limits.POLL_SECONDS))
            return []
        ended = []
        for handle, code in (*((handle, 0) for handle in good), *((row[0], row[1]) for row in bad)):
            self._multi.remove_handle(handle)
            ended.append((self._busy.pop(handle), code))
        return ended


def _is_confirmed(before: ChunkReading | None, row: ChunkReading) -> bool:
    """Whether two reads agree that the store has no such object, or that it has the same other bytes."""
    return (
        before is not None
        and row.state in (ChunkState.ABSENT, ChunkState.CORRUPT)
        and (before.state, before.sha256) == (row.state, row.sha256)
    )


def _unconfirmed(row: ChunkReading) -> ChunkReading:
    """The last row of a chunk of which no two reads agree: a failure needs the same other bytes twice.

    ``absent`` stays, which is no failure until a recheck has asked again.
    """
    if row.state is not ChunkState.CORRUPT:
        return row
    return replace(row, state=ChunkState.UNREAD, problem="other bytes in one read, and no other one answered")


def _joined(before: ChunkReading | None, row: ChunkReading) -> ChunkReading:
    """The row of two reads: what was seen outranks what could not be read, and two that contradict are flapping."""
    if before is None or before.state is ChunkState.UNREAD:
        return row
    if row.state is ChunkState.UNREAD or (before.state, before.sha256) == (row.state, row.sha256):
        return before
    return replace(row, state=ChunkState.FLAPPING, problem=_TWO_ANSWERS)


class _Transfer:
    """One libcurl handle, and the chunk that it reads."""

    def __init__(self, store: ChunkSource, trusted: bytes) -> None:
        import pycurl  # noqa: PLC0415  # a C library: only where it is used

        self._curl = pycurl
        self._store = store
        self._region: str | None = None
        self._status = 0
        self._sum = sha256()
        self._head = b""
        self._lines: list[bytes] = []
        self._cap = 0
        self.size = 0
        self.attempt = 0
        self.before: ChunkReading | None = None
        self.claim: ChunkClaim
        self.handle: Any = pycurl.Curl()
        token = [f"x-amz-security-token: {store.session_token.reveal()}"] if store.session_token else []
        for option, choice in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.PROXY, ""),
            (pycurl.NETRC, pycurl.NETRC_IGNORED),
            (pycurl.CONNECTTIMEOUT_MS, round(limits.CONNECT_SECONDS * 1000)),
            (pycurl.BUFFERSIZE, limits.CURL_BUFFER_BYTES),
            (pycurl.LOW_SPEED_LIMIT, limits.LOW_SPEED_BYTES_PER_SECOND),
            (pycurl.LOW_SPEED_TIME, limits.LOW_SPEED_SECONDS),
            (pycurl.TIMEOUT_MS, round(limits.BODY_SECONDS * 1000)),
            (pycurl.HEADERFUNCTION, self._lines.append),
            (pycurl.WRITEFUNCTION, self._take),
            (pycurl.HTTPHEADER, ["Cache-Control: no-cache", *token]),
            (pycurl.USERNAME, store.access_key_id.reveal()),
            (pycurl.PASSWORD, store.secret_access_key.reveal()),
        ):
            self.handle.setopt(option, choice)
        self.handle.set_ca_certs(trusted)

    def ask(self, claim: ChunkClaim, attempt: int, before: ChunkReading | None) -> None:
        """Make ready for a chunk."""
        self.claim, self.attempt, self.before = claim, attempt, before
        self._sum, self._head, self.size = sha256(), b"", 0
        self._lines.clear()
        self._cap = limits.AUDIT_CHUNK_BYTES if claim.file_size is None else claim.file_size
        region = self._store.places[claim.place].region
        if region != self._region:
            self.handle.setopt(self._curl.AWS_SIGV4, f"aws:amz:{region}:s3")
            self._region = region
        url = self._store.url(claim)
        if self._store.hosts.read(url) is None:
            raise RefusedError("the S3 endpoint is not among the hosts that may be asked: see hosts in gate.toml")
        self.handle.setopt(self._curl.URL, url)

    def _take(self, data: bytes) -> int | None:
        self.size += len(data)
        self._sum.update(data)
        if len(self._head) < limits.AUDIT_FAULT_BYTES:
            self._head += data[: limits.AUDIT_FAULT_BYTES]
        return None if self.size <= max(self._cap, limits.AUDIT_FAULT_BYTES) else -1

    def row(self, code: int) -> ChunkReading | None:
        """The row of the answer; None where the chunk is whole."""
        claim = self.claim
        status = int(self.handle.getinfo(self._curl.RESPONSE_CODE)) or None
        got = self._sum.hexdigest()
        if status == _OK and code in (0, _WRITE_ERROR):
            if claim.file_hash is None:
                return self._row(ChunkState.UNREAD, status, code, "the database has no file_hash to hold it against")
            if code == 0 and f"sha256:{got}" == claim.file_hash:
                return None
            if not any(line[:5].lower() == b"etag:" for line in self._lines):  # GetObject of any S3 server has one
                return self._row(ChunkState.UNREAD, status, code, "an answer without an ETag: not the store's")
            if code:  # how much of it came is no property of the object
                return self._row(ChunkState.CORRUPT, status, code, "longer than the database's file_size")
            return self._row(ChunkState.CORRUPT, status, code, None, got)
        if code:
            return self._row(ChunkState.UNREAD, status, code, f"libcurl {code}")
        name = self._fault_code()
        if status == _NOT_FOUND and name == "NoSuchKey":
            return self._row(ChunkState.ABSENT, status, code, name)
        return self._row(ChunkState.UNREAD, status, code, name or f"HTTP {status}")

    def _row(
        self, state: ChunkState, status: int | None, code: int, problem: str | None, got: str | None = None
    ) -> ChunkReading:
        return ChunkReading(
            chunk_id=self.claim.chunk_id,
            state=state,
            status=status,
            curl=code,
            size=self.size if got else 0,
            sha256=got,
            problem=problem,
        )

    def _fault_code(self) -> str | None:
        fault = parse_fault(self._head[: limits.AUDIT_FAULT_BYTES])
        return fault.code if fault is not None else None

    def stop_reason(self, row: ChunkReading) -> str | None:
        """Why nothing more is to be asked; None where it is."""
        bucket = self._store.places[self.claim.place].bucket
        if row.problem == "NoSuchBucket":
            return (
                f"the store says that it has no bucket {bucket}: its index is lost, or the endpoint is another's; run "
                "rustfs-bucket-index-rca, and the shard again when the bucket is back"
            )
        if row.status in _REFUSALS:
            return (
                f"the store answers {row.status} {row.problem}: the key needs s3:GetObject, and s3:ListBucket, without "
                "which an absent object looks forbidden"
            )
        return None
