"""Parts of made-up evidence: buckets, phases, pushes, reads, findings."""

from typing import Any

from gate.model.basics import BucketState, Claim, Kind, Label, Status, Truth
from gate.model.bodies import Body, NarRead, Read
from gate.model.document import Bucket, BucketSample, Canary, Finding, PhaseFacts, Stage, State, Workload
from gate.model.facts import Counts, PushAttempt, PushPath
from gate.model.parsed import Announced, PushError
from gate.model.policy import Policy
from gate.model.records import MarkerSeen, PlaceSeen

DIGEST = "4f2c1d" * 10 + "abcd"
NAR_HASH = "sha256:" + "0" * 51 + "1"
OUTPUT = "/nix/store/ljsjzk9xcwb9rsfwk6p8dgcjcviqiwlj-deadnix-check"
SOURCE = "/nix/store/mdxyb7p8m5sfqhcks25pvs25k90prmis-source"
BUCKETS = ("attic", "tofu-state")
BOUNDARY = (
    "Attic/RustFS is a mutable cache-forward binary cache.",
    "A pass is no proof of remote execution.",
    "OpenTofu state needs a dedicated HA authority.",
    "Fallback is required, because cache acceleration must not become build authority.",
)
HEADLINES = {
    "pass": "main served every published byte in this run: medium-check passes.",
    "quarantine": "Do not let trusted builds write to main, do not push again.",
    "inconclusive": "Do not rely on this run: what medium-check had to prove could not be determined.",
}
INTERNAL = PushError(
    code="InternalServerError", message="The server encountered an internal error or misconfiguration."
)
NO_COUNTS = Counts(attempted=0, uploaded=0, deduplicated=0, already_cached=0, in_upstream=0, failed=0, unaccounted=0)


def at(second: int, millis: int = 0) -> str:
    return f"2026-05-13T09:{second // 60:02d}:{second % 60:02d}.{millis:03d}Z"


def store_path(number: int) -> str:
    """The 22 paths of the incident's push: the output, the source that it failed on, and 20 more."""
    if number == 0:
        return OUTPUT
    return SOURCE if number == 1 else f"/nix/store/{number:02d}{'z' * 30}-source-{number}"


def nar_size(number: int) -> int:
    return 112 if number == 0 else 12_345 * number


def sample(number: int, second: int, **truths: Any) -> BucketSample:
    observation = dict.fromkeys(("listed", "head", "get", "marker", "trace", "data", "ready"), Truth.PRESENT)
    return BucketSample(
        number=number, at=at(second), ended_at=at(second), **{**observation, "notes": (), "unanswered": (), **truths}
    )


def bucket(state: BucketState, first: int, **truths: Any) -> Bucket:
    lost = state is BucketState.INDEX_LOST
    markers = tuple(MarkerSeen(bucket=name, data=Truth.PRESENT, meta=Truth.PRESENT) for name in BUCKETS)
    return Bucket(
        state=state,
        index_lost_seen=lost,
        samples=tuple(sample(number, first + 8 * number, state=state, **truths) for number in range(3)),
        places=(PlaceSeen(place="kubectl://nix-cache/deployment/attic-rustfs-openebs?path=/data", markers=markers),),
    )


LOST = {"listed": Truth.ABSENT, "head": Truth.ABSENT, "get": Truth.ABSENT, "ready": Truth.ABSENT}


def phase(first: int, state: BucketState = BucketState.INDEXED, **truths: Any) -> PhaseFacts:
    return PhaseFacts(
        buckets={name: bucket(state, first, **truths) for name in BUCKETS},
        state=State(
            bucket="tofu-state",
            key="bumble/terraform.tfstate",
            truth=truths.get("head", Truth.PRESENT),
            etag=None if "head" in truths else '"9b2cf535f27731c974343645a3985328"',
            size=48_211,
            version_id=None,
            locked=Truth.ABSENT,
            note="",
        ),
        workloads=(
            Workload(
                role="store",
                place="kubectl://nix-cache/deployment/attic-rustfs-openebs",
                truth=Truth.PRESENT,
                identity="uid 7c9f0d6e, restarts 0",
                started=at(0),
                error=None,
            ),
            Workload(
                role="cache",
                place="kubectl://nix-cache/deployment/attic",
                truth=Truth.PRESENT,
                identity="uid 21a4c0b8, restarts 2",
                started=at(0),
                error=None,
            ),
        ),
        canary=Canary(nonce="gate-canary-1f6c", answered=Truth.PRESENT, logged=Truth.PRESENT),
    )


def policy(**other: Any) -> Policy:
    value: dict[str, Any] = {
        "profile": "medium-check",
        "kind": Kind.PRODUCTION,
        "push_set": "build-closure",
        "installable": ".#checks.x86_64-linux.deadnix",
        "min_paths": 5,
        "max_paths": 2000,
        "max_bytes": 8 * 1024**3,
        "min_fresh": 10,
        "twin": "auto",
        "samples": 3,
        "sample_spacing": 8.0,
        "buckets": BUCKETS,
        "state_bucket": "tofu-state",
        "state_key": "bumble/terraform.tfstate",
        "attic_cache": "main",
        "probe_cache": "probe",
        "cache_public": False,
        "attic_server": "https://attic.example.test",
        "s3_endpoint": "http://attic-rustfs.nix-cache.svc:9000",
        "markers": ("kubectl://nix-cache/deployment/attic-rustfs-openebs?path=/data",),
        "read_attempts": 3,
        "read_spacing": 1.0,
        "jobs": 4,
    }
    return Policy(**{**value, **other})


def read(code: str, attempt: int, number: int, *, status: int = 200, curl: int = 0, nar_bytes: int) -> Read:
    return Read(
        attempt=attempt,
        at=at(420 + attempt),
        after_post=False,
        narinfo=None,
        narinfo_status=200,
        narinfo_error=None,
        signed=Truth.PRESENT,
        nar=NarRead(
            hops=("attic.example.test",),
            status=status,
            curl=curl,
            curl_text="transfer closed with outstanding read data remaining" if curl else "",
            wire_bytes=nar_bytes // 2,
            nar_bytes=nar_bytes,
            sha256=NAR_HASH if nar_bytes else None,
            codec="zstd",
            sniffed="zstd" if nar_bytes else None,
            clean_end=bool(nar_bytes),
            millis=12,
        ),
        code=code,
    )


def body(number: int, claim: Claim, reads: tuple[Read, ...]) -> Body:
    return Body(
        label=Label.PROFILE,
        cache="main",
        store_path=store_path(number),
        nar_hash=NAR_HASH,
        nar_size=nar_size(number),
        claim=claim,
        reads=reads,
    )


def push_path(number: int, claim: Claim, error: PushError | None = None) -> PushPath:
    return PushPath(
        label=Label.PROFILE,
        cache="main",
        store_path=store_path(number),
        nar_hash=NAR_HASH,
        nar_size=nar_size(number),
        claimed_before=Truth.ABSENT,
        claim=claim,
        error=error,
        doubted=False,
    )


def attempt(
    counts: Counts, exit_code: int, fatal: PushError | None = None, label: Label = Label.PROFILE
) -> PushAttempt:
    return PushAttempt(
        label=label,
        cache="main" if label is Label.PROFILE else "probe",
        started=True,
        exit=exit_code,
        signal=None,
        ended_by=None,
        announced=Announced(pushing=counts.attempted, already_cached=0, in_upstream=0),
        done=exit_code == 0,
        vacuous=False,
        fatal=fatal,
        contradicted=(),
        foreign=(),
        unread_lines=0,
        cut=False,
        missing_asked=Truth.PRESENT,
        counts=counts,
    )


def stages(*skipped: str) -> tuple[Stage, ...]:
    spans = {
        "identify": (0, 2),
        "pre": (2, 31),
        "build": (31, 214),
        "canary": (214, 221),
        "profile": (221, 390),
        "read-back": (390, 431),
        "post": (431, 455),
        "logs": (455, 457),
    }
    return tuple(
        Stage(name=name, state="skipped", started_at=None, ended_at=None, note="pre was not clean")
        if name in skipped
        else Stage(name=name, state="ended", started_at=at(first), ended_at=at(last), note="")
        for name, (first, last) in spans.items()
    )


def finding(code: str, status: Status, subject: str, summary: str, remedy: str, *, phase: str = "post") -> Finding:
    return Finding(
        code=code,
        status=status,
        subject=subject,
        phase=phase,
        summary=summary,
        remedy=remedy,
        evidence=(f"/{phase}/buckets/{subject}",),
    )
