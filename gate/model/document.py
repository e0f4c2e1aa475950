"""What ``evidence.json`` says: one closed object, format ``publication-gate/evidence/v1``.

Folded from the journal and the captures (``evidence/``), judged (``judge/``), and the only thing that ``render/`` sees.
"""

from collections.abc import Mapping
from typing import Literal

from gate.model.basics import BucketState, Label, Status, Truth, VerdictWord, value
from gate.model.bodies import Body, References
from gate.model.captures import DiskSeen, Incident, ReplicaLog, StoreLog
from gate.model.facts import JournalFacts, Push
from gate.model.machine import Machine
from gate.model.parsed import BuildLedger, LogEvent
from gate.model.policy import Identity, Policy, Tools
from gate.model.records import DriveTrouble, Listening, PlaceSeen, StateTold, Uploads
from gate.model.split import PartFacts, PartName, Previous

SCHEMA = "publication-gate/evidence/v1"
JUDGE_REVISION = 1


@value
class Stage:
    """One step of the run as the journal marks it."""

    name: str
    state: str
    started_at: str | None
    ended_at: str | None
    note: str


@value
class BucketSample:
    """One bucket in one sample, classified: what list, head, get and markers say.

    ``marker`` is the whole marker (data and metadata) on at least one drive, ``trace`` any part of it on any drive,
    ``data`` the bucket's data folder on any drive. ``at`` is when its sources were asked, ``ended_at`` when the last
    one had answered or its time was over. ``unanswered`` are the sources that gave no answer in time, ``sample`` among
    them when the whole took too long; ``notes`` name what made a source unknown. ``endpoint``
    and ``origin`` are the classes of what the servers at the endpoint and at ``origin-endpoint`` said, with the same
    markers; None without an origin.
    """

    number: int
    at: str
    ended_at: str
    listed: Truth
    head: Truth
    get: Truth
    marker: Truth
    trace: Truth
    data: Truth
    ready: Truth
    state: BucketState
    notes: tuple[str, ...]
    unanswered: tuple[str, ...]
    endpoint: BucketState | None = None
    origin: BucketState | None = None


@value
class Bucket:
    """A bucket over the samples of a phase, classed by `gate.evidence.buckets`.

    ``index_lost_seen``: one sample at least was index-lost, or data-missing, with markers. ``doubts`` are the reasons
    beside the samples' own for which the bucket is unobservable, one sentence each.
    """

    state: BucketState
    index_lost_seen: bool
    samples: tuple[BucketSample, ...]
    places: tuple[PlaceSeen, ...]
    doubts: tuple[str, ...] = ()


@value
class SamplePace:
    """How promptly the store answered the samples of a phase.

    ``slowest_millis`` is the longest answer, or the time after which none was waited for any more; ``slowest`` names
    its source, ``slowest_at`` when it was asked. ``gap_millis`` is the longest time from one whole sample to the next,
    ``stalled`` the numbers of the samples in which a source gave no answer in time.
    """

    slowest_millis: int
    slowest: str
    slowest_at: str
    gap_millis: int
    stalled: tuple[int, ...]


@value
class SlowAnswer:
    """An answer of the store beside the samples that took longer than `limits.STORE_SLOW_SECONDS`, when it had come."""

    source: str
    at: str
    millis: int


@value
class State:
    """The OpenTofu state object by HEAD: whether it is there, its ETag, size and version, and the lock.

    ``contents`` is what its content told, where the policy has it read.
    """

    bucket: str
    key: str
    truth: Truth
    etag: str | None
    size: int | None
    version_id: str | None
    locked: Truth
    note: str
    contents: StateTold | None = None


@value
class Workload:
    """The epoch of a server, or of one replica of it: who it is and since when, and its image where that is told.

    ``owner`` is the kind and name of what keeps a pod; ``listening`` says who listens at the endpoint on this machine.
    """

    role: str
    place: str
    truth: Truth
    identity: str | None
    started: str | None
    error: str | None
    image: str | None = None
    listening: Listening | None = None
    owner: str | None = None


@value
class Canary:
    """A log canary of a phase. ``answered``: the server gave its 500; ``logged``: the nonce is in the log.

    ``answered_at`` is our time of its answer, ``logged_at`` the server's own time of the event with the nonce.
    """

    nonce: str
    answered: Truth
    logged: Truth
    answered_at: str | None = None
    logged_at: str | None = None


@value
class PhaseFacts:
    """Everything seen before, or after, the publication.

    ``replicas`` are those of the Attic server whose log is read in a cluster, and whether each one's own log is known
    to be read; ``replicas_error`` says why they could not be determined.
    """

    buckets: Mapping[str, Bucket]
    state: State | None
    workloads: tuple[Workload, ...]
    canary: Canary | None
    replicas: tuple[ReplicaLog, ...] = ()
    replicas_error: str = ""
    drives: tuple[DriveTrouble, ...] = ()
    pace: SamplePace | None = None
    slow: tuple[SlowAnswer, ...] = ()
    disks: tuple[DiskSeen, ...] = ()


@value
class Watched:
    """One bucket while one push ran: its samples, how many told all that was asked, and the longest silence.

    ``gap_millis``: the longest stretch of the push, its begin and end included, without a whole sample. ``bridged``:
    each sample that was not whole, because a source was slow, has a whole one before and after it in this push.
    """

    samples: int
    whole: int
    gap_millis: int
    bridged: bool = True


@value
class PushWatch:
    """One push, by the times of the journal, and how each bucket was watched meanwhile."""

    label: Label
    began_at: str
    ended_at: str
    buckets: Mapping[str, Watched]


@value
class During:
    """Bucket samples taken while a push ran; ``first_loss_at`` dates the onset of a loss.

    ``disks`` are the looks at the drives when a push had failed.
    """

    buckets: Mapping[str, Bucket]
    first_loss_at: str | None
    pushes: tuple[PushWatch, ...] = ()
    drives: tuple[DriveTrouble, ...] = ()
    pace: SamplePace | None = None
    disks: tuple[DiskSeen, ...] = ()


@value
class Build:
    """The build: its setting, its end, and the ledger of where its paths came from.

    ``trusted_public_keys`` are those by which Nix on this machine trusts a signature; None where they are not known.
    """

    installable: str
    derivation: str | None
    outputs: tuple[str, ...]
    substituters: tuple[str, ...]
    cache_among_substituters: Truth
    fallback: bool
    nix_version: str | None
    exit: int | None
    signal: int | None
    ended_by: str | None
    ledger: BuildLedger | None
    trusted_public_keys: tuple[str, ...] | None = None


@value
class ServerEvent(LogEvent):
    """An event of the server's log, and what of ours it belongs to; None for what nothing of ours explains.

    ``canary`` is this run's canary, ``other-canary`` that of another run; ``push``, ``read`` and ``ask`` a push, a read
    or a question of this run that failed at the same time and blocks a pass by itself; ``answer`` the line that tells
    the HTTP status of the event before it, so that one failure is counted once.
    """

    explained: Literal["canary", "other-canary", "push", "read", "ask", "answer"] | None = None


@value
class Skew:
    """By how much the server's clock is ahead of ours: between ``low_millis`` and ``high_millis``, by the canaries."""

    low_millis: int
    high_millis: int


@value
class NearFailure:
    """What the server logged when a push or a read of a path failed: a correlation in time, never a cause.

    Attic's lines carry no store path (attic b7c9056 server/src/api/v1/upload_path.rs, ``skip_all``). ``began`` and
    ``ended`` are ours, RFC 3339; for a push they are the whole publication's. ``events`` are indices into
    ``/server_log/events``, the first ``limits.NEAR_EVENTS`` of ``count``; no event excuses nothing.
    """

    label: Label
    store_path: str
    what: Literal["push", "read"]
    began: str
    ended: str
    events: tuple[int, ...]
    count: int


@value
class ServerLog:
    """The server's log of the window. ``truth`` is present only when both canaries were found in it.

    A replica that answered its canary must have that canary in its log, too (``replicas`` of each phase).

    ``events`` are in the log's order, at most ``limits.LOG_EVENTS_SHOWN``: first choice those that speak of storage,
    second those that nothing of ours explains. ``event_count`` counts all at WARN and ERROR, ``unexplained`` the errors
    and warnings that nothing of ours explains, that don't speak of storage and that are not known to be harmless,
    ``restarts`` how often a server that was there before began anew. ``skew`` is None where no canary's own time could
    be told. ``parsed_count`` counts the events at all levels, ``unread_lines`` the lines that were not understood;
    ``first_unread`` is the first of them, escaped and cut.
    """

    truth: Truth
    events: tuple[ServerEvent, ...]
    event_count: int
    cut: bool
    unexplained: int = 0
    restarts: int = 0
    skew: Skew | None = None
    near: tuple[NearFailure, ...] = ()
    parsed_count: int = 0
    unread_lines: int = 0
    first_unread: str = ""


@value
class Control:
    """A control of the run: whether a detector was shown to fire."""

    name: str
    expected: str
    got: str
    fired: Truth


@value
class CacheFacts:
    """A cache by its own description: key, endpoints, upstream key names."""

    name: str
    truth: Truth
    public_key: str | None
    api_endpoint: str | None
    substituter_endpoint: str | None
    is_public: bool | None
    upstream_key_names: tuple[str, ...]
    note: str


@value
class Subject:
    """What the verdict is about. ``push_set_digest`` is the sha256 of the sorted profile paths with their NarHash.

    ``network`` is the first header line that shows a CDN or another cache in front of the endpoint.
    """

    commit: str | None
    endpoint: str
    cache: str
    caches: tuple[CacheFacts, ...]
    push_set_digest: str | None
    epochs: tuple[str, ...]
    network: str | None = None


@value
class Coverage:
    """Expected, fresh, proved and skipped paths and bytes over all labels; fresh paths of profile and twin.

    Fresh is what is shown to be written: ``fresh_paths`` wrote something, ``fresh_bytes`` is how much, and in
    ``fresh_profile`` and ``fresh_twin`` a path that was written by a half counts as a half.
    """

    expected_paths: int
    expected_bytes: int
    fresh_paths: int
    fresh_bytes: int
    proved_paths: int
    proved_bytes: int
    skipped_paths: int
    upstream_paths: int
    fresh_profile: int
    fresh_twin: int


@value
class Finding:
    """One check's answer on one subject. ``evidence`` are JSON pointers into this document.

    ``because`` is the code of another finding of this document from which this one follows; empty: from none.
    """

    code: str
    status: Status
    subject: str
    phase: str
    summary: str
    remedy: str
    evidence: tuple[str, ...]
    because: str = ""


@value
class Action:
    """One thing to do, as a sentence, and the command that does it; no command: a person does it by other means."""

    text: str
    command: str = ""


@value
class Verdict:
    """The fold of the findings. ``outcome`` is ``pass`` only for the word pass; ``codes`` are those that decided.

    ``codes`` begin with ``cause``, the code that leads the headline; it is empty for a pass. ``actions`` are taken in
    their order, ``prohibitions`` are what must not be done meanwhile, each as the words that follow "don't".
    """

    word: VerdictWord
    outcome: str
    exit_code: int
    blocks: bool
    codes: tuple[str, ...]
    headline: str
    cause: str = ""
    actions: tuple[Action, ...] = ()
    prohibitions: tuple[str, ...] = ()


@value
class QuarantineEffect:
    """How this run counts in the standing decision, which is computed over a history and never stored."""

    effect: str
    why: str


@value
class ManifestEntry:
    """A file of the evidence folder: ``kind`` is journal, capture, part (the journal of one) or rendering."""

    name: str
    kind: str
    bytes: int
    sha256: str


@value
class SelfDescription:
    """What the S3 endpoint said of itself under one name, over the samples: each value once, in order.

    ``changed`` says why the values are not of one store; empty where they may be.
    """

    name: str
    values: tuple[str, ...]
    changed: str = ""


@value
class StoredCanary:
    """The small canary's object: where the cache says that it is, and whether it is there.

    ``place`` is ``<bucket>/<key>``, None where the cache did not name it: ``on_disk`` then says whether an object of
    Attic's form was written to a disk while the canary was pushed. ``note`` says why something is unknown, and
    ``looked`` whether any disk could be looked at.
    """

    place: str | None
    in_bucket: Truth
    on_disk: Truth
    disks: int
    looked: bool
    note: str


@value
class Store:
    """Whether endpoint, bucket and disk are of one store, and the addresses that the endpoint's name led to.

    ``undated``: an answer had neither a date nor an id of its request, by which one that came before is recognized.
    """

    samples: int
    self_descriptions: tuple[SelfDescription, ...]
    peers: tuple[str, ...]
    network: str | None
    canary: StoredCanary | None
    undated: bool = False


@value
class Facts:
    """The evidence before it is judged: everything that was seen, nothing of what it means.

    ``capture``: the run only looked, and published nothing.
    """

    run: Identity
    started_at: str
    ended_at: str
    subject: Subject
    policy: Policy
    tools: Tools
    stages: tuple[Stage, ...]
    pre: PhaseFacts
    during: During
    post: PhaseFacts
    build: Build | None
    push: Push
    bodies: tuple[Body, ...]
    server_log: ServerLog
    controls: tuple[Control, ...]
    coverage: Coverage
    journal: JournalFacts
    store_log: StoreLog | None = None
    incident: Incident | None = None
    parts: tuple[PartFacts, ...] = ()
    uploads: tuple[Uploads, ...] = ()
    references: tuple[References, ...] = ()
    machine: Machine = Machine()
    store: Store | None = None
    capture: bool = False


@value
class Evidence(Facts):
    """The whole of ``evidence.json``: the facts, what was made of them, and the folder's manifest."""

    schema: str
    judge_revision: int
    findings: tuple[Finding, ...]
    verdict: Verdict
    quarantine: QuarantineEffect
    boundary: tuple[str, ...]
    manifest: tuple[ManifestEntry, ...]


PART_SCHEMA = "publication-gate/part/v1"


@value
class PartDocument:
    """``part.json``: all of it follows from the journal and the captures, so it is made again to be believed.

    ``policy`` is the sha256 of the policy's canonical form. ``previous`` are the parts that this one was given, each
    with its digest. ``manifest`` lists the journal and the captures.
    """

    schema: str
    part: PartName
    run: Identity
    policy: str
    tools: Tools
    previous: tuple[Previous, ...]
    started_at: str
    ended_at: str
    records: int
    complete: bool
    manifest: tuple[ManifestEntry, ...]
