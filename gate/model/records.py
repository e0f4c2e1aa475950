"""The records of a journal: what a run observed, one type for each kind of observation."""

from collections.abc import Mapping
from typing import Final, Literal

from gate.model.basics import Label, Phase, Truth, value
from gate.model.bodies import NarRead
from gate.model.captures import DiskLook, DiskSeen, EventsSeen, PreviousLogSeen, ReplicaCanaries, StoreLogRead
from gate.model.machine import NixConfigSeen, NixRead, ToolsFound
from gate.model.parsed import OpenUpload, StateFacts
from gate.model.policy import Identity, Policy, Tools
from gate.model.split import LogPosition, PartBegun, PartJoined, PartRejected


@value
class DriveTrouble:
    """A drive on which the markers of a phase could not all be told, for a reason that is the drive's own.

    ``scan-io``: the disk gave an error of input or output. ``other-file-system``: a folder is on another file system
    than the drive, as when something is mounted over it. ``error`` is the first such error; so
    many ``samples`` had one.
    """

    place: str
    what: Literal["scan-io", "other-file-system"]
    error: str
    samples: int


@value
class Uploads:
    """The open multipart uploads of one bucket: an upload is no object, and nobody reads it.

    ``truth`` is present when they were listed before the publication and after it, unknown otherwise; ``note`` then
    says why. ``left_open`` began after the look before, by the store's own clock, and were still open at the first and
    the last look after the publication. ``others`` counts all else that was open last, and ``oldest_seconds`` is how
    old the oldest of those was then, 0 where there are none. ``more``: the store has more of them than were looked at.
    """

    bucket: str
    truth: Truth
    note: str
    left_open: tuple[OpenUpload, ...]
    others: int
    oldest_seconds: int
    more: bool


@value
class StateTold:
    """The content of a state object, read once with ``state-contents``, between two HEADs.

    ``content``: ``state``; ``other-version``; ``no-state`` for a whole object that is not a state; ``gone``
    where GET says NoSuchKey or NoSuchBucket; ``unsteady`` where the answers are not all of one object (what a state
    among them told counts all the same); ``unread``.
    ``lineage`` is the sha256 of the lineage, in hex. An encrypted state may hide its version, its serial and its
    lineage: those are None. ``note`` says what the bytes are when they are no state, or why they were not read.
    """

    content: Literal["state", "other-version", "no-state", "gone", "unsteady", "unread"]
    version: int | None = None
    serial: int | None = None
    lineage: str | None = None
    encrypted: bool = False
    note: str = ""


@value
class Listening:
    """Who listens at the endpoint of a workload on this machine.

    ``truth``: present where the workload's own process listens there (or its child or its parent), absent where
    another process does and nothing joins the two, unknown with ``note`` where that could not be determined.
    ``listener`` is the identity ``<pid>:<start in kernel ticks>`` of another process that listens there.
    """

    truth: Truth
    listener: str | None = None
    note: str = ""


@value
class HttpAnswer:
    """One HTTP answer as it came, or the reason why none came.

    ``status`` is None when there was no whole answer; ``error`` then names why (``connect``, ``tls``, ``timeout``,
    ``cancelled``, ``cut``, ``refused-redirect``, ``refused-host``, ``too-large``, ``encoded``, ``token`` for a list
    that names a further page in circles, ``other``). ``body`` is decoded as UTF-8 with backslash escapes and cut at
    the cap of its kind (``body_cut``). ``location`` has its query removed. ``headers`` are the lines that say whose
    answer it is, as ``name: value``: every line of a cache's headers, and what the server says of itself (see
    `gate.parse.http_cache`). ``peer`` is the address and port that was connected to. ``deleted``: S3 says that a
    delete marker hides older versions of the object (``x-amz-delete-marker``); ``version_id`` is then the marker's.
    ``bucket_region`` is the region that the server names (``x-amz-bucket-region``), ``signed_for`` the one for which
    the request was signed where that is not the policy's, because the server had named it.
    """

    url: str
    status: int | None
    error: str | None = None
    content_type: str | None = None
    location: str | None = None
    etag: str | None = None
    content_length: int | None = None
    last_modified: str | None = None
    version_id: str | None = None
    deleted: bool = False
    bucket_region: str | None = None
    signed_for: str | None = None
    date: str | None = None
    headers: tuple[str, ...] = ()
    peer: str | None = None
    body: str = ""
    body_cut: bool = False
    millis: int = 0

    @property
    def ok(self) -> bool:
        """Whether it is a whole answer of status 200."""
        return self.status == 200 and self.error is None and not self.body_cut  # noqa: PLR2004  # RFC 9110, 15.3.1


@value
class RunStarted:
    """The first record: from here every death leaves evidence that says ``inconclusive``.

    ``capture``: the run only looks, and publishes nothing.
    """

    kind: Literal["run-started"] = "run-started"
    run: Identity
    policy: Policy
    tools: Tools
    capture: bool = False


OWN_DEADLINE: Final = "the run's own deadline"  # the reason of a run that was cancelled because it took too long
StopCode = Literal[
    "build-other-tree",
    "build-unclear",
    "cache-leads-elsewhere",
    "cache-missing",
    "push-nonce-known",
    "push-set-out-of-bounds",
    "run-stopped",
]


@value
class RunStopped:
    """The run found, after its first question to a server, that it must not go on; ``reason`` is one sentence."""

    kind: Literal["run-stopped"] = "run-stopped"
    code: StopCode
    reason: str


@value
class StageMark:
    """A step of the run began, ended, or was left out with a reason."""

    kind: Literal["stage"] = "stage"
    name: str
    state: Literal["started", "ended", "skipped"]
    note: str = ""


@value
class CacheConfigSeen:
    """Attic's own description of a cache (``/_api/v1/cache-config/<cache>``)."""

    kind: Literal["cache-config"] = "cache-config"
    cache: str
    answer: HttpAnswer


@value
class MarkerSeen:
    """The two disk markers of one bucket at one place.

    ``data`` is ``<place>/<bucket>``; ``meta`` is ``<place>/.rustfs.sys/buckets/<bucket>/.metadata.bin``. Present
    means a
    real directory seen by lstat; a link, a FIFO or an error is unknown, with ``error`` saying which.
    """

    bucket: str
    data: Truth
    meta: Truth
    error: str | None = None


@value
class PlaceSeen:
    """All markers at one place (one drive of the store). ``volume`` identifies the drive where it says so."""

    place: str
    markers: tuple[MarkerSeen, ...]
    volume: str | None = None
    error: str | None = None


@value
class OriginSampled:
    """What the S3 server at ``origin-endpoint`` answered in a bucket sample, asked beside the endpoint."""

    listing: tuple[HttpAnswer, ...]
    heads: Mapping[str, HttpAnswer]
    gets: Mapping[str, HttpAnswer]


@value
class BucketSampled:
    """One sample of bucket truth: list, heads, one harmless GET a bucket, markers, readiness to read and to write.

    All sources were asked at ``began_at``; ``ended_at`` is when the last one had answered, or its time was over. Both
    are RFC 3339. A source without an answer in time has the error ``timeout``, a place of markers says so in words.
    """

    kind: Literal["bucket-sample"] = "bucket-sample"
    phase: Phase
    number: int
    began_at: str
    ended_at: str
    listing: tuple[HttpAnswer, ...]
    heads: Mapping[str, HttpAnswer]
    gets: Mapping[str, HttpAnswer]
    places: tuple[PlaceSeen, ...]
    ready: HttpAnswer | None = None
    writable: HttpAnswer | None = None
    origin: OriginSampled | None = None


@value
class StateContents:
    """What may be told of a state's content, read whole and let go of: never its values.

    ``get`` and ``again`` are the answers to GET and to the HEAD after it, without a body; ``size`` counts the bytes
    that came. ``content`` is what those are (``other-file`` only below a prefix, which no run reads), ``problem`` one
    sentence on it that holds no piece of them, and ``fault`` the error code of a GET that was refused.
    """

    get: HttpAnswer
    again: HttpAnswer
    size: int
    content: Literal["state", "other-version", "no-state", "other-file", "unread"]
    facts: StateFacts | None = None
    problem: str | None = None
    fault: str | None = None


@value
class StateSeen:
    """The OpenTofu state object and its lock object by HEAD; with ``state-contents`` the content was read as well."""

    kind: Literal["state"] = "state"
    phase: Phase
    bucket: str
    key: str
    head: HttpAnswer
    lock: HttpAnswer
    contents: StateContents | None = None


@value
class WorkloadSeen:
    """One server process or pod: who it is and since when.

    ``identity`` is what must not change: pid and kernel start ticks for ``file://``; for a replica in Kubernetes its
    pod's UID, container start, restarts, image and node, and ``image`` again by itself; ``owner`` is the kind and name
    of what keeps the pod, such as its ReplicaSet. ``truth`` is absent for a
    replica that does not run, and unknown where it could not be determined; ``error`` says why. ``listening`` says for
    ``file://`` whether this process is the one that listens at the endpoint.
    """

    kind: Literal["workload"] = "workload"
    phase: Phase
    role: Literal["store", "cache"]
    place: str
    truth: Truth
    identity: str | None = None
    started: str | None = None
    error: str | None = None
    image: str | None = None
    listening: Listening | None = None
    owner: str | None = None


@value
class UploadsSeen:
    """The multipart uploads of a bucket that are open: the first page of ListMultipartUploads, as it came."""

    kind: Literal["uploads"] = "uploads"
    phase: Phase
    bucket: str
    answer: HttpAnswer


@value
class LogCanarySent:
    """A GET of ``<nonce>.narinfo`` with a malformed hash: Attic answers 500 and logs the nonce."""

    kind: Literal["log-canary"] = "log-canary"
    phase: Phase
    nonce: str
    answer: HttpAnswer


@value
class ControlTried:
    """A detector was given something that it must catch.

    ``fired`` is present when it did, absent when it did not, unknown when the trial itself failed.
    """

    kind: Literal["control"] = "control"
    name: str
    expected: str
    got: str
    fired: Truth


@value
class ChildEnded:
    """A child process is over. ``exit`` is None when a signal ended it; ``ended_by`` says who ended it early.

    ``ended_at`` is when it ended, RFC 3339, which can be before this record was written. ``output_times`` are pairs:
    the bytes of the capture from this offset on came so many milliseconds after the child's start, or up to
    `limits.OUTPUT_TIME_MILLIS` later. There are at most `limits.OUTPUT_TIMES`; the last of so many has no end.
    """

    kind: Literal["child"] = "child"
    name: str
    argv: tuple[str, ...]
    exit: int | None
    signal: int | None
    ended_by: Literal["deadline", "cancelled", "loss", "limit", "missing"] | None = None
    capture: str | None = None
    millis: int
    ended_at: str | None = None
    output_times: tuple[tuple[int, int], ...] = ()


@value
class PathFacts:
    """What the local Nix database says of a path: the yardstick. ``nar_hash`` is ``sha256:<nix base 32>``.

    ``ultimate``: it was built on this machine. ``content_addressed``: its name follows from its content, as that of a
    source or a fixed output does, so no other content can rightly have it.
    """

    store_path: str
    nar_hash: str
    nar_size: int
    references: tuple[str, ...]
    signatures: tuple[str, ...]
    ultimate: bool
    content_addressed: bool = False


@value
class PushSetKnown:
    """The paths of one publication and their yardstick. ``upstream`` are those whose upstream signature verified."""

    kind: Literal["push-set"] = "push-set"
    label: Label
    cache: str
    paths: tuple[PathFacts, ...]
    outputs: tuple[str, ...]
    upstream: tuple[str, ...]
    upstream_key_names: tuple[str, ...]


@value
class ReferencesKnown:
    """The paths that a push set refers to and does not hold, with what the local database says of them.

    ``upstream`` are those whose upstream signature verified. Those beyond `limits.REFERENCES` are left out.
    """

    kind: Literal["references"] = "references"
    label: Label
    cache: str
    paths: tuple[PathFacts, ...]
    upstream: tuple[str, ...]
    upstream_key_names: tuple[str, ...]


@value
class ReferenceLooked:
    """One look for the narinfo of such a path in the cache; no body is read."""

    kind: Literal["reference-look"] = "reference-look"
    label: Label
    cache: str
    store_path: str
    attempt: int
    narinfo: HttpAnswer


@value
class MissingAsked:
    """What the cache's own ``get-missing-paths`` said before a push: a claim of its database."""

    kind: Literal["missing-paths"] = "missing-paths"
    label: Label
    cache: str
    answer: HttpAnswer


@value
class BuildFacts:
    """The build's setting: what was asked, which substituters it used, and whether our cache was among them.

    ``problem``: what Nix named as built is not one thing's store paths, in one sentence; there are no outputs then.
    ``trusted_public_keys`` are Nix's on this machine, in their order; None where they were not told.
    """

    kind: Literal["build"] = "build"
    installable: str
    derivation: str | None
    outputs: tuple[str, ...]
    substituters: tuple[str, ...]
    cache_among_substituters: Truth
    fallback: bool
    nix_version: str | None
    problem: str | None = None
    trusted_public_keys: tuple[str, ...] | None = None


@value
class BodyRead:
    """One attempt to read a path back: its narinfo, and the NAR when the narinfo allowed it.

    ``at_origin``: it was read at ``origin-server``, and not at the place that builders read.
    """

    kind: Literal["body-read"] = "body-read"
    label: Label
    cache: str
    store_path: str
    attempt: int
    again_after_post: bool = False
    at_origin: bool = False
    narinfo: HttpAnswer
    nar: NarRead | None = None


@value
class ObjectPlace:
    """Whether one place of the store's disk has an object, by lstat; ``error`` says why that is unknown.

    ``denied``: objects can't be looked for there at all, as by the log of a marker sidecar. ``written`` is the object
    that a search by time found, as ``<bucket>/<key>``.
    """

    place: str
    truth: Truth
    error: str | None = None
    denied: bool = False
    written: str | None = None


@value
class CanaryObject:
    """The object of the small canary, looked for in the bucket and on the disks of the markers.

    Attic redirects a NAR of one chunk to the object that holds it (attic b7c9056 server/src/api/binary_cache.rs), so
    the place that ``hop`` names is where the push wrote. ``bucket`` and ``key`` are None where it names none, as behind
    a proxy that follows the redirect. ``listing`` are the pages of ListObjectsV2 of the keys that begin with ``key``,
    asked for where HeadObject was denied. The places are then searched for an object of Attic's form that was written
    within ``window``, the begin and the end of the canary's push; ``written`` is the first one, as ``<bucket>/<key>``,
    and ``head`` the answer for it.
    """

    kind: Literal["canary-object"] = "canary-object"
    cache: str
    store_path: str
    hop: str | None
    bucket: str | None = None
    key: str | None = None
    head: HttpAnswer | None = None
    listing: tuple[HttpAnswer, ...] = ()
    written: str | None = None
    places: tuple[ObjectPlace, ...] = ()
    window: tuple[str, str] | None = None


@value
class CaptureClosed:
    """A capture file is complete. ``cut`` says that its cap was reached; ``redactions`` counts replaced secrets."""

    kind: Literal["capture"] = "capture"
    name: str
    bytes: int
    sha256: str
    cut: bool
    redactions: int


@value
class Trouble:
    """A step could not be finished: what the gate caught, in one sentence."""

    kind: Literal["trouble"] = "trouble"
    stage: str
    message: str


@value
class Cancelled:
    """A signal or the run's deadline ended the run early."""

    kind: Literal["cancelled"] = "cancelled"
    reason: str


@value
class RunComplete:
    """The last record: every step was either done or recorded as not done."""

    kind: Literal["complete"] = "complete"


Record = (
    RunStarted
    | RunStopped
    | StageMark
    | CacheConfigSeen
    | BucketSampled
    | StateSeen
    | WorkloadSeen
    | UploadsSeen
    | LogCanarySent
    | ReplicaCanaries
    | StoreLogRead
    | ControlTried
    | ChildEnded
    | PushSetKnown
    | ReferencesKnown
    | ReferenceLooked
    | MissingAsked
    | BuildFacts
    | BodyRead
    | CanaryObject
    | DiskSeen
    | DiskLook
    | EventsSeen
    | PreviousLogSeen
    | LogPosition
    | PartBegun
    | PartJoined
    | PartRejected
    | ToolsFound
    | NixConfigSeen
    | NixRead
    | CaptureClosed
    | Trouble
    | Cancelled
    | RunComplete
)


@value
class Entry:
    """One journal line: ``at`` is RFC 3339 UTC, ``mono_millis`` monotonic, ``prev`` the sha256 of the line before.

    The first line's ``prev`` is 64 zeros.
    """

    seq: int
    at: str
    mono_millis: int
    prev: str
    record: Record
