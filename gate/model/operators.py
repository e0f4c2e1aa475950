"""What the operators' two commands see and say: words of their own, apart from the journal and ``evidence.json``."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from gate.model.basics import BucketState, Status, Truth, VerdictWord, value
from gate.model.document import BucketSample, SamplePace
from gate.model.parsed import StateFacts
from gate.model.records import BucketSampled, HttpAnswer, PlaceSeen

SCRATCH_PREFIX = "publication-gate-scratch-"


@value
class ScratchSeen:
    """One way of a scratch bucket: made, found, written to, read, removed.

    An answer is None where its step was not reached. ``sample`` and ``places`` are the last look for the new bucket,
    ``same``: what came back is byte for byte what was put. ``removals`` answer DeleteBucket; ``after`` and
    ``places_after`` are the look after them. ``skipped`` says why nothing was made, ``cut_short`` what ended it early.
    """

    bucket: str
    strict: bool
    created: HttpAnswer | None = None
    sample: BucketSampled | None = None
    places: tuple[PlaceSeen, ...] = ()
    put: HttpAnswer | None = None
    got: HttpAnswer | None = None
    same: Truth = Truth.UNKNOWN
    deleted: HttpAnswer | None = None
    removals: tuple[HttpAnswer, ...] = ()
    after: BucketSampled | None = None
    places_after: tuple[PlaceSeen, ...] = ()
    skipped: str | None = None
    cut_short: str | None = None


@value
class StateRead:
    """One state object as it was read: answers without their bodies, and what may be told of its content.

    ``head`` and ``again`` are HEAD before and after the GET. ``content`` says what the bytes are: a state, one of
    another version, whole bytes that are ``no-state``, an ``other-file`` of OpenTofu's, or ``unread``. ``problem`` is
    one sentence on it. ``fault`` is the error code of a GET that was refused, ``message`` the server's own
    message of a 5xx. ``size`` counts the bytes that came.
    """

    bucket: str
    key: str
    head: HttpAnswer
    lock: HttpAnswer
    get: HttpAnswer
    again: HttpAnswer
    size: int
    content: Literal["state", "other-version", "no-state", "other-file", "unread"]
    facts: StateFacts | None = None
    problem: str | None = None
    fault: str | None = None
    message: str | None = None


@value
class ReadinessSeen:
    """Everything that a readiness check saw.

    ``samples_requested`` samples were to be taken of the state's bucket ``bucket``, ``spacing_millis`` apart. ``reads``
    are the state objects, ``trouble`` why there may be more of them. ``cache_buckets`` are the cache's on its own
    store, ``cache_endpoint`` that store's URL, empty where none is set. ``now`` is RFC 3339. ``statement`` is the
    operator's. ``sample_seconds`` is what each source of a sample had to answer.
    """

    endpoint: str
    cache_endpoint: str
    bucket: str
    cache_buckets: tuple[str, ...]
    places: tuple[str, ...]
    samples_requested: int
    spacing_millis: int
    samples: tuple[BucketSampled, ...]
    versioning: HttpAnswer
    reads: tuple[StateRead, ...]
    trouble: str | None
    statement: str
    now: str
    sample_seconds: float = 3.0


class Level(StrEnum):
    """How far a state may be relied on, the worst first."""

    BROKEN = "broken"
    UNKNOWN = "unknown"
    INTERIM = "interim"
    HA = "ha"


@value
class Decision:
    """The end of an operators' command, as ``verdict`` of its JSON; ``headline`` says what to do."""

    word: VerdictWord
    outcome: str
    exit_code: int
    blocks: bool
    headline: str


@value
class RcaSample:
    """One bucket in one sample: its class, and what each drive showed."""

    sample: BucketSample
    places: tuple[PlaceSeen, ...]


@value
class BucketCause:
    """One bucket over all samples that were taken."""

    state: BucketState
    status: Status
    samples: tuple[RcaSample, ...]
    doubts: tuple[str, ...] = ()


@value
class Step:
    """One step of the scratch probe: what it showed."""

    name: str
    status: Status
    detail: str


@value
class ScratchResult:
    """What the scratch probe showed. ``removed`` is false when the bucket may still be there."""

    bucket: str
    status: Status
    steps: tuple[Step, ...]
    removed: bool
    note: str = ""


@value
class Rca:
    """The whole answer of ``rustfs-bucket-index-rca``: ``samples_taken`` of ``samples_requested`` samples came about.

    ``leftovers`` are scratch buckets that other runs left.
    """

    endpoint: str
    samples_requested: int
    samples_taken: int
    buckets: Mapping[str, BucketCause]
    scratch: ScratchResult | None
    leftovers: tuple[str, ...]
    pace: SamplePace | None
    verdict: Decision


@value
class StateObject:
    """One state object, judged. ``age_seconds`` by the server's own clock; ``lineage`` is hashed."""

    key: str
    level: Level
    why: str
    serial: int | None
    lineage: str | None
    version: int | None
    encrypted: bool
    size: int | None
    etag: str | None
    version_id: str | None
    age_seconds: int | None
    locked: Truth
    lock_age_seconds: int | None


@value
class Readiness:
    """The whole answer of ``tofu-state-ha-readiness``."""

    endpoint: str
    bucket: str
    bucket_state: BucketState
    level: Level
    why: str
    state_objects: tuple[StateObject, ...]
    samples: tuple[BucketSample, ...]
    samples_requested: int
    versioning: Literal["enabled", "suspended", "off", "unknown"]
    beside_cache: Truth
    beside_why: str
    statement: str
    notes: tuple[str, ...]
    verdict: Decision
