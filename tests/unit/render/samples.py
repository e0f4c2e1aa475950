"""Whole `Evidence` values to render: a pass, the incident, an inconclusive run, one that stopped."""

from dataclasses import replace

from gate.model.basics import BucketState, Claim, Label, Status, Truth, VerdictWord
from gate.model.document import (
    JUDGE_REVISION,
    SCHEMA,
    Build,
    CacheFacts,
    Control,
    Coverage,
    During,
    Evidence,
    ManifestEntry,
    NearFailure,
    PhaseFacts,
    QuarantineEffect,
    ServerEvent,
    ServerLog,
    Skew,
    Subject,
    Verdict,
)
from gate.model.facts import Captured, JournalFacts, Push, Stopped
from gate.model.parsed import BuildLedger, LedgerPath, Masked
from gate.model.policy import Identity, Tools
from tests.unit.render.parts import (
    BOUNDARY,
    BUCKETS,
    DIGEST,
    HEADLINES,
    INTERNAL,
    LOST,
    NO_COUNTS,
    OUTPUT,
    SOURCE,
    at,
    attempt,
    body,
    bucket,
    finding,
    nar_size,
    phase,
    policy,
    push_path,
    read,
    stages,
    store_path,
)


def passed() -> Evidence:
    """22 paths of a representative profile, all uploaded, all read back whole."""
    counts = replace(NO_COUNTS, attempted=22, uploaded=22)
    return Evidence(
        run=Identity(
            run_id="01JV3N6Q4E",
            nonce="1f6c",
            tool_version="0.1.0",
            repository="example/flywheel",
            commit="15afd127a3074443e6968fa14525a0279abbd869",
            ref="refs/heads/main",
            event="workflow_dispatch",
            workflow_run="25817881900",
            workflow_attempt="1",
            actor="octocat",
            runner="runner-7",
            python="3.11.7",
            system="Linux",
            versions={"nix": "2.34.8", "attic": "0.1.0"},
        ),
        started_at=at(0),
        ended_at=at(458),
        subject=Subject(
            commit="15afd127a3074443e6968fa14525a0279abbd869",
            endpoint="https://attic.example.test",
            cache="main",
            caches=(
                CacheFacts(
                    name="main",
                    truth=Truth.PRESENT,
                    public_key="main:WcnO6w==",
                    api_endpoint="https://attic.example.test/",
                    substituter_endpoint="https://attic.example.test/main",
                    is_public=False,
                    upstream_key_names=("cache.nixos.org-1",),
                    note="",
                ),
            ),
            push_set_digest=DIGEST,
            epochs=("store uid 7c9f0d6e, restarts 0",),
        ),
        policy=policy(),
        tools=Tools(),
        stages=stages(),
        pre=phase(3),
        during=During(
            buckets={name: bucket(BucketState.INDEXED, 225) for name in BUCKETS},
            first_loss_at=None,
        ),
        post=phase(432),
        build=Build(
            installable=".#checks.x86_64-linux.deadnix",
            derivation="/nix/store/0qv5y5p1x4sq6rc0yq8r1jpg3b8r6ql3-deadnix-check.drv",
            outputs=(OUTPUT,),
            substituters=("https://attic.example.test/main", "https://cache.nixos.org"),
            cache_among_substituters=Truth.PRESENT,
            fallback=True,
            nix_version="2.34.8",
            exit=0,
            signal=None,
            ended_by=None,
            ledger=BuildLedger(
                paths=(
                    LedgerPath(store_path=OUTPUT, how="built"),
                    LedgerPath(store_path=SOURCE, how="substituted"),
                ),
                masked=(),
                aborted=False,
                errors=(),
                events=412,
                unread_lines=0,
            ),
        ),
        push=Push(
            attempts=(
                attempt(replace(NO_COUNTS, attempted=2, uploaded=2), 0, label=Label.CANARY),
                attempt(counts, 0),
            ),
            paths=tuple(push_path(number, Claim.UPLOADED) for number in range(22)),
            counts=counts,
        ),
        bodies=tuple(
            body(
                number,
                Claim.UPLOADED,
                (read("body-whole", 1, number, nar_bytes=nar_size(number)),),
            )
            for number in range(22)
        ),
        server_log=ServerLog(truth=Truth.PRESENT, events=(), event_count=2, cut=False),
        controls=tuple(
            Control(name=name, expected=expected, got=expected, fired=Truth.PRESENT)
            for name, expected in (
                ("no-token", "a GET without a token is denied"),
                ("read-only-push", "get-missing-paths with the read token is denied"),
                ("absent-path", "a path that was never published is 404"),
                ("flipped-bit", "a flipped bit in a good body is caught"),
            )
        ),
        coverage=Coverage(
            expected_paths=22,
            expected_bytes=2_851_807,
            fresh_paths=22,
            fresh_bytes=2_851_807,
            proved_paths=22,
            proved_bytes=2_851_807,
            skipped_paths=0,
            upstream_paths=0,
            fresh_profile=22,
            fresh_twin=0,
        ),
        journal=JournalFacts(
            records=171,
            complete=True,
            torn=False,
            stopped=None,
            cancelled=None,
            troubles=(),
            captures=(Captured(name="push-profile.log", bytes=1811, sha256=DIGEST, cut=False, redactions=0),),
            missing_captures=(),
        ),
        schema=SCHEMA,
        judge_revision=JUDGE_REVISION,
        findings=tuple(
            finding("bucket-indexed", Status.PASS, name, "listed, served and marked in 3 of 3 samples", "")
            for name in BUCKETS
        ),
        verdict=Verdict(
            word=VerdictWord.PASS,
            outcome="pass",
            exit_code=0,
            blocks=False,
            codes=(),
            headline=HEADLINES["pass"],
        ),
        quarantine=QuarantineEffect(effect="counts-toward-release", why="a representative pass on this server epoch"),
        boundary=BOUNDARY,
        manifest=(
            ManifestEntry(name="journal.jsonl", kind="journal", bytes=91_442, sha256=DIGEST),
            ManifestEntry(name="push-profile.log", kind="capture", bytes=1811, sha256=DIGEST),
        ),
    )


def quarantined() -> Evidence:
    """The incident: the output deduplicated, 21 paths failed, both buckets off the index with their data on disk."""
    good = passed()
    counts = replace(NO_COUNTS, attempted=22, deduplicated=1, failed=21)
    short = tuple(read("body-empty", number, 0, curl=18, nar_bytes=0) for number in (1, 2, 3))
    absent = replace(read("body-not-published", 1, 1, nar_bytes=0), narinfo_status=404, signed=Truth.UNKNOWN, nar=None)
    return replace(
        good,
        during=During(
            buckets={name: bucket(BucketState.INDEX_LOST, 225, **LOST) for name in BUCKETS}, first_loss_at=at(233)
        ),
        post=phase(432, BucketState.INDEX_LOST, **LOST),
        push=Push(
            attempts=(good.push.attempts[0], attempt(counts, 1, INTERNAL)),
            paths=(
                push_path(0, Claim.DEDUPLICATED),
                *(push_path(number, Claim.FAILED, INTERNAL) for number in range(1, 22)),
            ),
            counts=counts,
        ),
        bodies=(
            body(0, Claim.DEDUPLICATED, short),
            *(body(number, Claim.FAILED, (absent,)) for number in range(1, 22)),
        ),
        server_log=ServerLog(
            truth=Truth.PRESENT,
            events=(
                ServerEvent(
                    at=at(234),
                    level="ERROR",
                    target="attic_server::api::binary_cache",
                    code="NoSuchBucket",
                    message="Storage error: service error: unhandled error (NoSuchBucket)",
                    source="server/src/api/v1/upload_path.rs:364",
                    explained="push",
                ),
            ),
            event_count=23,
            cut=False,
            skew=Skew(low_millis=-12, high_millis=9),
            near=(
                NearFailure(
                    label=Label.PROFILE,
                    store_path=OUTPUT,
                    what="read",
                    began=at(300),
                    ended=at(301),
                    events=(),
                    count=0,
                ),
                *(
                    NearFailure(
                        label=Label.PROFILE,
                        store_path=store_path(number),
                        what="push",
                        began=at(225),
                        ended=at(240),
                        events=(0,),
                        count=23,
                    )
                    for number in range(1, 22)
                ),
            ),
        ),
        coverage=replace(good.coverage, fresh_paths=0, fresh_bytes=0, proved_paths=0, proved_bytes=0, fresh_profile=0),
        findings=(
            finding(
                "body-empty",
                Status.FAIL,
                OUTPUT,
                "the cache answered HTTP 200 and sent 0 of 112 bytes; expected the whole NAR",
                "Treat every path of this window as suspect: run `publication-gate suspects`.",
            ),
            *(
                finding(
                    "bucket-index-lost",
                    Status.FAIL,
                    name,
                    "absent from list and head in 3 of 3 samples while its marker is on disk",
                    "Run `publication-gate capture` before anything is restarted.",
                )
                for name in BUCKETS
            ),
            *(
                finding(
                    "push-path-failed",
                    Status.FAIL,
                    store_path(number),
                    f"InternalServerError: {INTERNAL.message}",
                    "Do not push again: a retry hides the fault.",
                    phase="during",
                )
                for number in range(1, 22)
            ),
            *(
                finding("body-not-published", Status.INCONCLUSIVE, store_path(number), "the push failed", "")
                for number in range(1, 22)
            ),
        ),
        verdict=Verdict(
            word=VerdictWord.QUARANTINE,
            outcome="fail",
            exit_code=4,
            blocks=True,
            codes=("body-empty", "bucket-index-lost", "push-path-failed"),
            headline=HEADLINES["quarantine"],
        ),
        quarantine=QuarantineEffect(effect="holds", why="the failure class was seen"),
    )


def inconclusive() -> Evidence:
    """The markers could not be read, so nothing was published."""
    good = passed()
    unknown = {"marker": Truth.UNKNOWN, "notes": ("markers: kubectl exec ended early",)}
    masked = Masked(name="deadnix-1.2.1", cause="HTTP error 404", certainty="suspected", cache=None)
    assert good.build is not None
    assert good.build.ledger is not None
    return replace(
        good,
        pre=phase(3, BucketState.UNOBSERVABLE, **unknown),
        during=During(buckets={}, first_loss_at=None),
        post=phase(432, BucketState.UNOBSERVABLE, **unknown),
        stages=stages("canary", "profile", "read-back"),
        build=replace(good.build, ledger=replace(good.build.ledger, masked=(masked,))),
        push=Push(attempts=(), paths=(), counts=NO_COUNTS),
        bodies=(),
        controls=(*good.controls[1:], replace(good.controls[0], got="no answer", fired=Truth.UNKNOWN)),
        coverage=Coverage(**dict.fromkeys(Coverage.__dataclass_fields__, 0)),
        findings=(
            *(
                finding(
                    "bucket-unobservable",
                    Status.INCONCLUSIVE,
                    name,
                    "the markers are unknown in 3 of 3 samples",
                    "Give the probe a way to read the store's drives.",
                    phase="pre",
                )
                for name in BUCKETS
            ),
            finding(
                "run-publish-skipped", Status.INCONCLUSIVE, "run", "pre was not clean", "Mend pre first.", phase="pre"
            ),
        ),
        verdict=Verdict(
            word=VerdictWord.INCONCLUSIVE,
            outcome="fail",
            exit_code=3,
            blocks=True,
            codes=("bucket-unobservable", "run-publish-skipped"),
            headline=HEADLINES["inconclusive"],
        ),
    )


def stopped() -> Evidence:
    """A server without the cache: there is a folder, and nothing in it but why the run stopped."""
    good = passed()
    nothing = PhaseFacts(buckets={}, state=None, workloads=(), canary=None)
    reason = "the server has no cache main: check attic-cache and probe-cache; nothing was published"
    return replace(
        good,
        subject=replace(good.subject, caches=(), push_set_digest=None, epochs=()),
        stages=(),
        pre=nothing,
        during=During(buckets={}, first_loss_at=None),
        post=nothing,
        build=None,
        push=Push(attempts=(), paths=(), counts=NO_COUNTS),
        bodies=(),
        server_log=ServerLog(truth=Truth.UNKNOWN, events=(), event_count=0, cut=False),
        controls=(),
        coverage=Coverage(**dict.fromkeys(Coverage.__dataclass_fields__, 0)),
        journal=replace(good.journal, records=3, captures=(), stopped=Stopped(code="cache-missing", reason=reason)),
        findings=(finding("cache-missing", Status.INCONCLUSIVE, "run", reason, "Check attic-cache.", phase="pre"),),
        verdict=Verdict(
            word=VerdictWord.INCONCLUSIVE,
            outcome="fail",
            exit_code=3,
            blocks=True,
            codes=("cache-missing",),
            headline=HEADLINES["inconclusive"],
        ),
        quarantine=QuarantineEffect(effect="counts-against", why="not proved: cache-missing"),
        manifest=good.manifest[:1],
    )


def crowded() -> Evidence:
    """Every text that may be left out is there: for what must hold of each field."""
    bad, unsure = quarantined(), inconclusive()
    canary, profile = bad.push.attempts
    journal = replace(
        bad.journal,
        cancelled="SIGTERM",
        stopped=Stopped(code="run-stopped", reason="a reason"),
        troubles=("post: the index did not answer",),
        missing_captures=("server.log",),
    )
    event = bad.server_log.events[0]
    empty = bad.bodies[0].reads[0]
    assert empty.nar is not None
    silent = replace(empty, narinfo_error="timeout", nar=replace(empty.nar, error="connect", curl=0))
    hidden = replace(bad.post.workloads[0], truth=Truth.UNKNOWN, identity=None, error="kubectl: forbidden")
    assert unsure.build is not None
    assert unsure.build.ledger is not None
    masked = replace(unsure.build.ledger.masked[0], certainty="proven", cache="https://attic.example.test/main")
    return replace(
        bad,
        policy=policy(absent=("state", "server-log"), finish_push=True, publish_anyway=True, cache_public=True),
        stages=unsure.stages,
        pre=unsure.pre,
        post=replace(bad.post, workloads=(hidden,)),
        build=replace(unsure.build, ended_by="deadline", ledger=replace(unsure.build.ledger, masked=(masked,))),
        push=replace(bad.push, attempts=(replace(canary, ended_by="loss"), profile)),
        bodies=(replace(bad.bodies[0], reads=(silent,)), *bad.bodies[1:]),
        server_log=replace(bad.server_log, events=(event, replace(event, at=None, code=None, source=None))),
        controls=unsure.controls,
        findings=(*bad.findings, *unsure.findings, *passed().findings),
        journal=journal,
    )


ALL = {"pass": passed, "quarantine": quarantined, "inconclusive": inconclusive}
