"""What the parsers give: values read out of foreign text. None of it is believed yet."""

from collections.abc import Mapping
from typing import Literal

from gate.model.basics import Claim, value


@value
class NarInfo:
    """A narinfo, each field once. ``nar_hash`` is ``sha256:<nix base 32>``, references are base names.

    FileHash and FileSize are None in Attic (attic b7c9056 server/src/database/entity/object.rs:130).
    """

    store_path: str
    url: str
    compression: str
    nar_hash: str
    nar_size: int
    references: tuple[str, ...]
    signatures: tuple[str, ...]
    deriver: str | None = None
    file_hash: str | None = None
    file_size: int | None = None


@value
class Announced:
    """The header of a push: how many paths the client says it will push, has cached, or leaves to upstream."""

    pushing: int
    already_cached: int
    in_upstream: int


@value
class PushError:
    """What the client printed for a failed path.

    ``code`` is ``InternalServerError``, another error name of Attic's, ``HTTP <status>``, ``request`` for a request
    that
    got no answer, or ``unknown``; ``message`` is the foreign text after it, cut at ``limits.ERROR_TEXT_CHARS``.
    """

    code: str
    message: str


@value
class PushLine:
    """One path in the client's output: ``uploaded``, ``deduplicated`` or ``failed``.

    ``deduplicated_permille``: of an uploaded path, the part of the NAR in thousandths that the server says that it had
    already, so that it wrote nothing new for it; None where the client prints none (at most 10).
    """

    store_path: str
    claim: Claim
    error: PushError | None = None
    deduplicated_permille: int | None = None


@value
class PushReport:
    """The client's whole output, read against the paths that were to be pushed.

    ``fatal`` is the client's last ``Error:`` line where no path explains it. ``done`` says that ``All done!`` was
    printed, ``vacuous`` that it said ``Nothing specified`` or ``Nothing selected``. ``contradicted`` are paths with
    two results, a success told twice among them (they count as failed, without an error where none was printed).
    ``foreign`` results name paths that are not of the plan. ``doubted`` paths have only success lines that may be
    part of
    the error text of another path: the client is not known to have said anything of them, so they are in no line, but
    what it may have said is an obligation of the cache all the same.
    """

    announced: Announced | None
    lines: tuple[PushLine, ...]
    fatal: PushError | None
    done: bool
    vacuous: bool
    contradicted: tuple[str, ...]
    foreign: tuple[str, ...]
    unread_lines: int
    doubted: tuple[str, ...] = ()


@value
class LedgerPath:
    """How a path came to be in the local store, as far as the log tells; ``cause`` for a failed substitute."""

    store_path: str
    how: Literal["substituted", "built", "rebuilt", "substitute-failed"]
    cause: str | None = None


@value
class Masked:
    """A substitute that failed behind a green build. ``cache`` is the substituter, where the log names it."""

    name: str
    cause: str
    certainty: Literal["proven", "suspected"]
    cache: str | None = None


@value
class BuildDoubt:
    """Trouble in a build log that no masked substitute accounts for.

    ``cause`` is a stable word, ``not-understood`` for an error or a warning of unknown wording and for an event that
    can't be read. ``cache`` is the substituter, where the log names it, ``name`` the path or its hash; ``text`` is the
    beginning of the message.
    """

    cause: str
    text: str
    cache: str | None = None
    name: str | None = None


@value
class BuildLedger:
    """What ``nix build`` did, by its internal-json log. A builder can forge lines, so it may only lower a verdict.

    ``doubts`` are the first `limits.NIX_DOUBTS` of ``doubt_count``.
    """

    paths: tuple[LedgerPath, ...]
    masked: tuple[Masked, ...]
    aborted: bool
    errors: tuple[str, ...]
    events: int
    unread_lines: int
    doubts: tuple[BuildDoubt, ...] = ()
    doubt_count: int = 0


@value
class LogEvent:
    """One event of a server log. ``code`` is ``NoSuchBucket``, ``NoSuchKey``, ``dispatch``, … or None.

    ``request`` is the method and the URI, without its query, of the request that it belongs to, where the log says so;
    ``origin`` the ``pod/NAME/CONTAINER`` that `kubectl logs --prefix` names.
    """

    at: str | None
    level: str
    target: str
    code: str | None
    message: str
    source: str | None = None
    request: str | None = None
    origin: str | None = None


@value
class S3Fault:
    """An S3 error answer, from its XML: only documented codes are ever read as absence.

    ``region`` is the one that the server expects, where it names one.
    """

    code: str
    message: str
    region: str = ""


@value
class BucketListing:
    """One page of ListBuckets. ``next_token`` is None on the last page."""

    names: tuple[str, ...]
    next_token: str | None = None


@value
class ObjectListing:
    """One page of ListObjectsV2. ``next_token`` is None on the last page."""

    keys: tuple[str, ...]
    next_token: str | None = None


@value
class StateFacts:
    """What may be told of an OpenTofu state: never its values. ``lineage`` is the sha256 of the lineage, in hex.

    An encrypted state hides its version, and one written by OpenTofu 1.7 its serial and lineage too: those are None.
    """

    version: int | None
    serial: int | None
    lineage: str | None
    encrypted: bool = False


@value
class CacheConfig:
    """Attic's description of a cache. The endpoints are where the client will go, None when Attic names none."""

    public_key: str
    is_public: bool
    upstream_cache_key_names: tuple[str, ...]
    api_endpoint: str | None = None
    substituter_endpoint: str | None = None


@value
class NixSettings:
    """What ``nix show-config`` says of substitution on this machine."""

    substituters: tuple[str, ...]
    trusted_public_keys: tuple[str, ...]
    fallback: bool


@value
class NixBuilt:
    """One thing that ``nix build`` built or found: a derivation and the store path of each of its outputs by name.

    ``derivation`` is None for a store path that was named itself; its only output is then called ``out``.
    """

    derivation: str | None
    outputs: Mapping[str, str]


@value
class NarMeasure:
    """What a NAR body turned out to be, counted while it streamed. Sizes in bytes.

    ``nar_bytes`` were decompressed, counted up to one over the expected size; then ``overrun`` is set and the rest was
    not looked at. ``sha256`` is Nix's base 32 of the counted bytes, without the ``sha256:`` of a `PathFacts.nar_hash`.
    ``clean_end`` says that the last frame ended and nothing followed (without compression: that the expected size was
    reached). ``well_formed``: the counted bytes are one whole NAR, or with ``overrun`` the beginning of a longer one.
    ``sniffed`` is the codec that the first bytes speak of, None when they speak of none. ``error`` is a short sentence
    when the bytes can't be decompressed. ``skipped_bytes`` of the whole stood in frames that readers pass over (zstd's
    skippable ones): they are in no NAR, and no hash of it tells of them.
    """

    wire_bytes: int
    nar_bytes: int
    sha256: str
    clean_end: bool
    overrun: bool
    well_formed: bool
    sniffed: str | None
    error: str | None = None
    skipped_bytes: int = 0


@value
class OpenUpload:
    """A multipart upload that was begun and neither completed nor aborted; ``initiated`` is the store's RFC 3339."""

    key: str
    upload_id: str
    initiated: str


@value
class UploadListing:
    """A page of ListMultipartUploads; ``truncated`` says that there are more."""

    uploads: tuple[OpenUpload, ...]
    truncated: bool


@value
class FileLocator:
    """A place in this machine's own file system: ``file:///absolute/path``."""

    path: str


@value
class KubectlLocator:
    """A workload of a cluster: ``kubectl://NAMESPACE/KIND/NAME?container=C&path=/data``.

    ``container`` None is the pod's only one, or its default; ``path`` is absolute inside the container, None for the
    workload as a whole. ``by``: whether what is at the path is asked by exec, or read from the container's log.
    ``port`` is where the container serves HTTP, None for the one that it declares.
    """

    namespace: str
    workload: Literal["deployment", "statefulset", "pod"]
    name: str
    container: str | None = None
    path: str | None = None
    by: Literal["exec", "log"] = "exec"
    port: int | None = None


@value
class SecretLocator:
    """One key of a Kubernetes secret: ``kubectl://NAMESPACE/secret/NAME?key=KEY``."""

    namespace: str
    name: str
    key: str


@value
class TcpSocket:
    """One TCP socket as the kernel lists it; ``inode`` is 0 for a connection that ended."""

    address: str
    port: int
    peer_port: int
    listening: bool
    inode: int


@value
class UnitLocator:
    """A systemd unit of this machine: ``systemd://UNIT``, or ``journald://UNIT`` where its log is meant.

    ``directory`` is a folder of journal files, None for the machine's own journal.
    """

    unit: str
    directory: str | None = None


@value
class DockerLocator:
    """A container of this machine's docker or podman: ``docker://NAME``.

    ``socket`` is the Unix socket of the API, None for ``/var/run/docker.sock``.
    """

    name: str
    socket: str | None = None


@value
class FolderLocator:
    """A folder of log files that a server starts anew by itself: ``dir:///absolute/path``."""

    path: str


@value
class UnitState:
    """A systemd unit by ``systemctl show`` (org.freedesktop.systemd1(5)).

    ``main_pid`` is 0 where no main process runs; ``invocation`` changes with each start, ``restarts`` counts those by
    ``Restart=``; ``program`` is the path of ``ExecStart``, without its arguments.
    """

    load: str
    active: str
    sub: str
    main_pid: int
    invocation: str
    restarts: int
    program: str | None


@value
class JournalEntry:
    """One entry of a journal by ``journalctl --output=json``: its cursor and the line of the unit in it.

    ``dropped`` is set in the place of a line where journald says that it dropped so many of them.
    """

    cursor: str
    line: bytes
    dropped: int | None = None


@value
class ContainerState:
    """A container by the Docker Engine API (``GET /containers/{id}/json``); ``tty``: its log is no framed stream."""

    id: str
    image: str
    status: str
    running: bool
    pid: int
    started: str
    restarts: int
    log_driver: str
    tty: bool
