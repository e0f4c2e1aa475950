"""The healthy run passes; each single break gives its own reason code and verdict, and no second break improves it."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gate import limits
from gate.model import records
from gate.model.basics import Label, Phase, Truth
from tests.helpers import runs
from tests.helpers.runs import Run, answer, healthy

Break = Callable[[Run], Run]
QUARANTINE, INCONCLUSIVE, PASS = "quarantine", "inconclusive", "pass"


def samples(
    phase: Phase, edit: Callable[[records.BucketSampled], records.BucketSampled], *, number: int | None = None
) -> Break:
    def change(record: records.BucketSampled) -> records.BucketSampled:
        return edit(record) if record.phase is phase and number in (None, record.number) else record

    return lambda run: run.change(records.BucketSampled, change)


def unwatched(*numbers: int) -> Break:
    """Without the samples of these numbers while a push ran; 1 is the canary's and 3 the profile's."""

    def change(record: records.BucketSampled) -> records.BucketSampled | None:
        return None if record.phase is Phase.DURING and record.number in numbers else record

    return lambda run: run.change(records.BucketSampled, change)


def slow_push(seconds: float) -> Break:
    """The profile's push as one that began so long ago, with no sample but those near its end."""

    def change(record: records.ChildEnded) -> records.ChildEnded:
        return replace(record, millis=round(seconds * 1000)) if record.name == "push:profile" else record

    return lambda run: run.change(records.ChildEnded, change)


def markers(truth: Truth) -> Callable[[records.BucketSampled], records.BucketSampled]:
    def edit(seen: records.BucketSampled) -> records.BucketSampled:
        place = seen.places[0]
        bare = tuple(replace(marker, data=truth, meta=truth) for marker in place.markers)
        return replace(seen, places=(replace(place, markers=bare),))

    return edit


def heads(status: int) -> Callable[[records.BucketSampled], records.BucketSampled]:
    return lambda seen: replace(seen, heads={**seen.heads, "attic": answer(status)})


def states(phase: Phase, **changes: Any) -> Break:
    def change(record: records.StateSeen) -> records.StateSeen:
        return replace(record, **changes) if record.phase is phase else record

    return lambda run: run.change(records.StateSeen, change)


def workloads(phase: Phase, **changes: Any) -> Break:
    def change(record: records.WorkloadSeen) -> records.WorkloadSeen:
        return replace(record, **changes) if record.phase is phase and record.role == "store" else record

    return lambda run: run.change(records.WorkloadSeen, change)


def nar(**changes: Any) -> Break:
    """Every read of the first source comes back so."""
    target = runs.SOURCES[0].store_path

    def change(record: records.BodyRead) -> records.BodyRead:
        changed: Any = record.nar
        return replace(record, nar=replace(changed, **changes)) if record.store_path == target else record

    return lambda run: run.change(records.BodyRead, change)


def reads(**changes: Any) -> Break:
    target = runs.SOURCES[0].store_path

    def change(record: records.BodyRead) -> records.BodyRead:
        return replace(record, **changes) if record.store_path == target else record

    return lambda run: run.change(records.BodyRead, change)


def pushed(log: bytes, label: str = "profile", **child: Any) -> Break:
    def change(record: records.ChildEnded) -> records.ChildEnded:
        return replace(record, **child) if record.name == f"push:{label}" else record

    return lambda run: run.change(records.ChildEnded, change).with_file(f"push-{label}.log", log)


def failing(error: str) -> bytes:
    good, bad = runs.SOURCES[:-1], runs.SOURCES[-1]
    line = f"❌ {bad.store_path.removeprefix('/nix/store/')}: {error}\nError: {error}\n"
    return runs.push_log(good, announced=len(runs.SOURCES)) + line.encode()


def build(**changes: Any) -> Break:
    return lambda run: run.change(records.BuildFacts, lambda record: replace(record, **changes))


def build_ended(**changes: Any) -> Break:
    def change(record: records.ChildEnded) -> records.ChildEnded:
        return replace(record, **changes) if record.name == "build" else record

    return lambda run: run.change(records.ChildEnded, change)


def drop(kind: type, keep: Callable[[Any], bool] = lambda _: False) -> Break:
    return lambda run: run.change(kind, lambda record: record if keep(record) else None)


def rows(label: Label, kind: type) -> Break:
    return drop(kind, lambda record: getattr(record, "label", None) is not label)


def missing(body: str, status: int = 200) -> Break:
    def change(record: records.MissingAsked) -> records.MissingAsked:
        return replace(record, answer=answer(status, body)) if record.label is Label.PROFILE else record

    return lambda run: run.change(records.MissingAsked, change)


def narinfo_text(edit: Callable[[str], str]) -> records.HttpAnswer:
    return answer(body=edit(runs.narinfo(runs.SOURCES[0])))


def masked(cache: str, certainty: str) -> Break:
    """A build log in which a substitute of that cache failed and its derivation was then built."""
    path = runs.SOURCES[0].store_path
    name = path.removeprefix("/nix/store/")[33:]
    lines = [
        {"action": "start", "id": 1, "level": 0, "text": "", "type": 104},
        {"action": "start", "id": 2, "level": 0, "text": "", "type": 103},
        {"action": "start", "id": 3, "level": 0, "text": "", "type": 108, "fields": [path, cache]},
        {"action": "msg", "level": 0, "msg": f"error: file 'nar/x.nar' does not exist in binary cache '{cache}'"},
        {"action": "stop", "id": 3},
        {"action": "result", "id": 2, "type": 105, "fields": [0, 1, 0, 0]},
        {
            "action": "start",
            "id": 4,
            "level": 3,
            "text": "",
            "type": 105,
            "fields": [f"/nix/store/{'a' * 32}-{name}.drv", "", 1, 1],
        },
        {"action": "stop", "id": 4},
    ]
    if certainty == "suspected":
        lines = [
            {"action": "start", "id": 2, "level": 0, "text": "", "type": 103},
            {
                "action": "msg",
                "level": 1,
                "msg": f"warning: unable to download '{cache}/nix-cache-info': HTTP error 500",
            },
            {"action": "result", "id": 2, "type": 105, "fields": [0, 0, 0, 0]},
            {
                "action": "start",
                "id": 4,
                "level": 3,
                "text": "",
                "type": 105,
                "fields": [f"/nix/store/{'a' * 32}-{name}.drv", "", 1, 1],
            },
            {"action": "stop", "id": 4},
        ]
    log = b"".join(b"@nix " + json.dumps(line).encode() + b"\n" for line in lines)
    return lambda run: run.with_file("build.log", log)


OURS = "http://127.0.0.1:8/main"
ATTIC_404 = '{"code":404,"error":"NoSuchObject","message":"The requested object does not exist."}'
HALF = {"wire_bytes": 40, "nar_bytes": 100, "clean_end": False, "well_formed": False}
BREAKS: dict[str, tuple[Break, str, tuple[str, str]]] = {
    # buckets
    "lost before": (samples(Phase.PRE, runs.lost), QUARANTINE, ("bucket-index-lost", "fail")),
    "lost during": (samples(Phase.DURING, runs.lost), QUARANTINE, ("bucket-index-lost", "fail")),
    "a nonce that the cache knows": (
        lambda run: run.change(
            records.MissingAsked,
            lambda row: replace(row, answer=answer(body='{"missing_paths":[]}')) if row.label is Label.CANARY else row,
        ),
        INCONCLUSIVE,
        ("push-nonce-known", "inconclusive"),
    ),
    "nobody watched": (unwatched(1, 2, 3), INCONCLUSIVE, ("bucket-unobservable", "inconclusive")),
    "one push not watched": (unwatched(3), INCONCLUSIVE, ("bucket-unobservable", "inconclusive")),
    "a watch that could not see": (
        samples(Phase.DURING, heads(500)),
        INCONCLUSIVE,
        ("bucket-unobservable", "inconclusive"),
    ),
    "a watch without markers": (
        samples(Phase.DURING, markers(Truth.UNKNOWN)),
        INCONCLUSIVE,
        ("bucket-unobservable", "inconclusive"),
    ),
    "a long silence": (
        slow_push(limits.STALL_BRIDGE_SECONDS * 9),
        INCONCLUSIVE,
        ("bucket-unobservable", "inconclusive"),
    ),
    "half absent while pushing": (
        lambda run: run.with_record(markers(Truth.UNKNOWN)(runs.lost(runs.sample(Phase.DURING, 9)))),
        INCONCLUSIVE,
        ("bucket-unobservable", "inconclusive"),
    ),
    "no marker while pushing": (
        samples(Phase.DURING, markers(Truth.ABSENT)),
        INCONCLUSIVE,
        ("bucket-marker-missing", "inconclusive"),
    ),
    "gone while pushing": (
        samples(Phase.DURING, lambda seen: markers(Truth.ABSENT)(runs.lost(seen)), number=3),
        QUARANTINE,
        ("bucket-missing", "fail"),
    ),
    "lost after": (samples(Phase.POST, runs.lost), QUARANTINE, ("bucket-index-lost", "fail")),
    "one sample lost": (samples(Phase.POST, runs.lost, number=2), QUARANTINE, ("bucket-flapping", "fail")),
    "one sample not ready": (
        samples(Phase.POST, lambda seen: replace(seen, ready=answer(503, '{"ready":false}')), number=2),
        INCONCLUSIVE,
        ("bucket-flapping", "inconclusive"),
    ),
    "not ready": (
        samples(Phase.POST, lambda seen: replace(seen, ready=answer(503, '{"ready":false}'))),
        INCONCLUSIVE,
        ("bucket-not-ready", "inconclusive"),
    ),
    "listed and not served": (samples(Phase.POST, heads(404)), QUARANTINE, ("bucket-unserved", "fail")),
    "served and not listed": (
        samples(Phase.POST, lambda seen: replace(seen, listing=(answer(body=runs.EMPTY_LISTING),))),
        QUARANTINE,
        ("bucket-unlisted", "fail"),
    ),
    "get says no bucket": (
        samples(Phase.POST, lambda seen: replace(seen, gets={**seen.gets, "attic": answer(404, runs.NO_SUCH_BUCKET)})),
        QUARANTINE,
        ("bucket-unserved", "fail"),
    ),
    "gone from disk too": (
        samples(Phase.POST, lambda seen: markers(Truth.ABSENT)(runs.lost(seen))),
        QUARANTINE,
        ("bucket-missing", "fail"),
    ),
    "never there": (
        samples(Phase.PRE, lambda seen: markers(Truth.ABSENT)(runs.lost(seen))),
        INCONCLUSIVE,
        ("bucket-missing", "inconclusive"),
    ),
    "marker missing": (
        samples(Phase.PRE, markers(Truth.ABSENT)),
        INCONCLUSIVE,
        ("bucket-marker-missing", "inconclusive"),
    ),
    "marker unknown": (
        samples(Phase.PRE, markers(Truth.UNKNOWN)),
        INCONCLUSIVE,
        ("bucket-unobservable", "inconclusive"),
    ),
    "head forbidden": (samples(Phase.POST, heads(403)), INCONCLUSIVE, ("bucket-unobservable", "inconclusive")),
    "unlisted and head forbidden": (
        samples(Phase.POST, lambda seen: heads(403)(runs.lost(seen))),
        INCONCLUSIVE,
        ("bucket-unobservable", "inconclusive"),
    ),
    "one sample unknown": (
        samples(Phase.POST, heads(500), number=1),
        INCONCLUSIVE,
        ("bucket-unobservable", "inconclusive"),
    ),
    "a sample missing": (
        drop(records.BucketSampled, lambda record: (record.phase, record.number) != (Phase.POST, 2)),
        INCONCLUSIVE,
        ("bucket-unobservable", "inconclusive"),
    ),
    "no sample": (drop(records.BucketSampled), INCONCLUSIVE, ("bucket-unobservable", "inconclusive")),
    # state
    "state gone": (states(Phase.POST, head=answer(404)), QUARANTINE, ("state-lost", "fail")),
    "state never there": (
        lambda run: states(Phase.POST, head=answer(404))(states(Phase.PRE, head=answer(404))(run)),
        INCONCLUSIVE,
        ("state-absent", "inconclusive"),
    ),
    "state changed": (
        states(Phase.POST, head=answer(etag='"e2"', content_length=432)),
        INCONCLUSIVE,
        ("state-changed", "inconclusive"),
    ),
    "state forbidden": (states(Phase.POST, head=answer(403)), INCONCLUSIVE, ("state-unobservable", "inconclusive")),
    "state locked": (states(Phase.POST, lock=answer(200)), INCONCLUSIVE, ("state-locked", "inconclusive")),
    "lock unknown": (
        states(Phase.POST, lock=answer(None, error="timeout")),
        INCONCLUSIVE,
        ("state-unobservable", "inconclusive"),
    ),
    "state looked at once": (
        drop(records.StateSeen, lambda record: record.phase is Phase.PRE),
        INCONCLUSIVE,
        ("state-unobservable", "inconclusive"),
    ),
    "state looked at after": (
        drop(records.StateSeen, lambda record: record.phase is Phase.POST),
        INCONCLUSIVE,
        ("state-unobservable", "inconclusive"),
    ),
    "state never looked at": (drop(records.StateSeen), INCONCLUSIVE, ("state-unobservable", "inconclusive")),
    # epochs
    "restart": (workloads(Phase.POST, identity="9:9"), INCONCLUSIVE, ("epoch-changed", "inconclusive")),
    "restart after a loss": (
        lambda run: workloads(Phase.POST, identity="9:9")(samples(Phase.DURING, runs.lost)(run)),
        QUARANTINE,
        ("epoch-changed", "fail"),
    ),
    "workload unknown": (
        workloads(Phase.PRE, truth=Truth.UNKNOWN, identity=None, error="no pid"),
        INCONCLUSIVE,
        ("epoch-unobservable", "inconclusive"),
    ),
    "workload not looked at": (drop(records.WorkloadSeen), INCONCLUSIVE, ("epoch-unobservable", "inconclusive")),
    # caches
    "cache unasked": (
        drop(records.CacheConfigSeen, lambda record: record.cache == "main"),
        INCONCLUSIVE,
        ("cache-unidentified", "inconclusive"),
    ),
    "cache config is html": (
        lambda run: run.change(records.CacheConfigSeen, lambda record: replace(record, answer=answer(body="<html>"))),
        INCONCLUSIVE,
        ("cache-unidentified", "inconclusive"),
    ),
    "cache config refused": (
        lambda run: run.change(records.CacheConfigSeen, lambda record: replace(record, answer=answer(401))),
        INCONCLUSIVE,
        ("cache-unidentified", "inconclusive"),
    ),
    # build
    "no build": (drop(records.BuildFacts), INCONCLUSIVE, ("build-not-run", "inconclusive")),
    "build failed": (build_ended(exit=1), INCONCLUSIVE, ("build-failed", "inconclusive")),
    "no outputs": (build(outputs=()), INCONCLUSIVE, ("build-failed", "inconclusive")),
    "build not ended": (
        drop(records.ChildEnded, lambda record: record.name != "build"),
        INCONCLUSIVE,
        ("build-failed", "inconclusive"),
    ),
    "not among substituters": (
        build(cache_among_substituters=Truth.ABSENT, substituters=()),
        INCONCLUSIVE,
        ("build-substituter-disabled", "inconclusive"),
    ),
    "no build events": (
        lambda run: run.with_file("build.log", b""),
        INCONCLUSIVE,
        ("build-log-unread", "inconclusive"),
    ),
    "nix aborted": (
        lambda run: build_ended(exit=None, signal=6)(
            run.with_file(
                "build.log",
                runs.BUILD_LOG + b"terminate called after throwing an instance of 'nix::SubstituterDisabled'\n",
            )
        ),
        INCONCLUSIVE,
        ("build-aborted", "inconclusive"),
    ),
    "masked by fallback, ours": (masked(OURS, "proven"), QUARANTINE, ("build-fallback-masked", "fail")),
    "masked by fallback, another's": (
        masked("https://cache.example", "proven"),
        INCONCLUSIVE,
        ("build-fallback-masked", "inconclusive"),
    ),
    "perhaps masked, ours": (masked(OURS, "suspected"), INCONCLUSIVE, ("build-cache-denied", "inconclusive")),
    # push
    "storage error": (
        pushed(failing("InternalServerError: The server encountered an internal error or misconfiguration."), exit=1),
        QUARANTINE,
        ("push-path-failed", "fail"),
    ),
    "storage error behind exit 0": (
        pushed(failing("InternalServerError: The server encountered an internal error or misconfiguration.")),
        QUARANTINE,
        ("push-path-failed", "fail"),
    ),
    "proxy 413": (
        pushed(failing("HTTP 413 Payload Too Large: <html>"), exit=1),
        INCONCLUSIVE,
        ("push-path-refused", "inconclusive"),
    ),
    "a failure that an error's text forges": (
        pushed(
            failing(
                f"HTTP 413 Payload Too Large: <html>\n❌ {runs.SOURCES[0].store_path[11:]}: InternalServerError: x"
            ),
            exit=1,
        ),
        INCONCLUSIVE,
        ("push-path-contradicted", "inconclusive"),
    ),
    "no result": (
        pushed(runs.push_log(runs.SOURCES[:-1], announced=len(runs.SOURCES))),
        INCONCLUSIVE,
        ("push-unaccounted", "inconclusive"),
    ),
    "exit 1 without a line": (
        pushed(runs.push_log(runs.SOURCES), exit=1),
        INCONCLUSIVE,
        ("push-unattributed", "inconclusive"),
    ),
    "all cached": (
        lambda run: missing('{"missing_paths":[]}')(
            pushed("✅ All done! (11 already cached, 0 in upstream)\n".encode())(run)
        ),
        INCONCLUSIVE,
        ("push-not-representative", "inconclusive"),
    ),
    "nothing specified": (
        lambda run: missing('{"missing_paths":[]}')(pushed("🤷 Nothing specified.\n".encode())(run)),
        INCONCLUSIVE,
        ("push-wrote-nothing", "inconclusive"),
    ),
    "canary deduplicated": (
        pushed(
            "".join(
                [
                    '⚙️ Pushing 2 paths to "probe" on "gate" (0 already cached, 0 in upstream)...\n',
                    *(f"✅ {facts.store_path[11:]} (deduplicated)\n" for facts in runs.CANARIES),
                ]
            ).encode(),
            label="canary",
        ),
        INCONCLUSIVE,
        ("push-wrote-nothing", "inconclusive"),
    ),
    "counts differ": (
        pushed(runs.push_log(runs.SOURCES, announced=12)),
        INCONCLUSIVE,
        ("push-counts-differ", "inconclusive"),
    ),
    "no header": (
        pushed(runs.push_log(runs.SOURCES).split(b"\n", 1)[1]),
        INCONCLUSIVE,
        ("push-counts-differ", "inconclusive"),
    ),
    "missing not asked": (
        rows(Label.PROFILE, records.MissingAsked),
        INCONCLUSIVE,
        ("push-counts-differ", "inconclusive"),
    ),
    "missing refused": (missing("", status=403), INCONCLUSIVE, ("push-counts-differ", "inconclusive")),
    "missing is html": (missing("<html>"), INCONCLUSIVE, ("push-counts-differ", "inconclusive")),
    "token refused": (
        pushed(b"Error: Unauthorized: Unauthorized.\n", exit=1),
        INCONCLUSIVE,
        ("push-auth", "inconclusive"),
    ),
    "push timed out": (
        pushed(runs.push_log(runs.SOURCES), exit=None, signal=15, ended_by="deadline"),
        INCONCLUSIVE,
        ("push-timed-out", "inconclusive"),
    ),
    "push ended at loss": (
        pushed(runs.push_log(runs.SOURCES), exit=None, signal=15, ended_by="loss"),
        INCONCLUSIVE,
        ("push-ended-at-loss", "inconclusive"),
    ),
    "foreign line": (
        pushed(runs.push_log(runs.SOURCES) + f"✅ {'b' * 32}-elsewhere (1 B/s)\n".encode()),
        INCONCLUSIVE,
        ("push-foreign-lines", "inconclusive"),
    ),
    "profile not pushed": (
        drop(records.ChildEnded, lambda record: record.name != "push:profile"),
        INCONCLUSIVE,
        ("push-not-run", "inconclusive"),
    ),
    "no canary": (
        lambda run: rows(Label.CANARY, records.BodyRead)(rows(Label.CANARY, records.PushSetKnown)(run)),
        INCONCLUSIVE,
        ("push-not-run", "inconclusive"),
    ),
    "too little written": (
        lambda run: run.with_policy(min_fresh=12),
        INCONCLUSIVE,
        ("push-not-representative", "inconclusive"),
    ),
    # bodies
    "empty body": (
        nar(wire_bytes=0, nar_bytes=0, curl=18, clean_end=False, well_formed=False),
        QUARANTINE,
        ("body-empty", "fail"),
    ),
    "empty body, well ended": (nar(wire_bytes=0, nar_bytes=0, clean_end=False), QUARANTINE, ("body-empty", "fail")),
    "cut body": (nar(curl=18, **HALF), QUARANTINE, ("body-short", "fail")),
    "cut at the very end": (nar(curl=18), INCONCLUSIVE, ("body-misframed", "inconclusive")),
    "cut at the very end, error told": (nar(curl=92, error="cut"), INCONCLUSIVE, ("body-misframed", "inconclusive")),
    "cut in the frame's own end": (nar(curl=18, clean_end=False), QUARANTINE, ("body-short", "fail")),
    "hidden bytes": (nar(skipped_bytes=9), QUARANTINE, ("body-hidden-bytes", "fail")),
    "hidden bytes, cut at the very end": (nar(skipped_bytes=9, curl=18), QUARANTINE, ("body-hidden-bytes", "fail")),
    "frame not ended": (nar(clean_end=False), QUARANTINE, ("body-short", "fail")),
    "short body": (nar(nar_bytes=100, sha256="x", well_formed=False), QUARANTINE, ("body-short", "fail")),
    "short and undecodable": (
        nar(nar_bytes=100, error="decompress", well_formed=False),
        QUARANTINE,
        ("body-corrupt", "fail"),
    ),
    "same size, other bytes": (nar(sha256="x", well_formed=False), QUARANTINE, ("body-corrupt", "fail")),
    "another whole nar": (nar(sha256="x", nar_bytes=120), QUARANTINE, ("body-foreign", "fail")),
    "longer": (
        nar(nar_bytes=201, error="overrun", clean_end=False, well_formed=False),
        QUARANTINE,
        ("body-long", "fail"),
    ),
    "longer whole nar": (nar(nar_bytes=201, error="overrun", clean_end=False), QUARANTINE, ("body-foreign", "fail")),
    "s3 says no bucket": (nar(status=404, body=runs.NO_SUCH_BUCKET), QUARANTINE, ("body-missing", "fail")),
    "attic says no object": (nar(status=404, body=ATTIC_404), QUARANTINE, ("body-missing", "fail")),
    "incomplete nar": (
        nar(status=503, body='{"code":503,"error":"IncompleteNar","message":"m"}'),
        QUARANTINE,
        ("body-server-error", "fail"),
    ),
    "proxy 502": (nar(status=502, body="<html>"), INCONCLUSIVE, ("body-unread", "inconclusive")),
    "other codec": (nar(sniffed="xz"), INCONCLUSIVE, ("body-codec-mismatch", "inconclusive")),
    "encoded on the way": (nar(encoding="gzip"), INCONCLUSIVE, ("body-encoded", "inconclusive")),
    "encoded as it is": (nar(encoding="Identity"), PASS, ("", "")),
    "body of a cache on the way": (nar(cached="age: 3"), INCONCLUSIVE, ("body-from-a-cache", "inconclusive")),
    "narinfo of a cache on the way": (
        reads(narinfo=replace(narinfo_text(str), headers=("x-cache: HIT",))),
        INCONCLUSIVE,
        ("body-from-a-cache", "inconclusive"),
    ),
    "codec of no decoder": (nar(curl=23, error="codec"), INCONCLUSIVE, ("body-codec-unread", "inconclusive")),
    "redirect denied": (
        nar(status=307, error="refused-redirect"),
        INCONCLUSIVE,
        ("body-redirect-denied", "inconclusive"),
    ),
    "stalled": (nar(curl=28), INCONCLUSIVE, ("body-timed-out", "inconclusive")),
    "refused connection": (nar(curl=7, status=None), INCONCLUSIVE, ("body-unread", "inconclusive")),
    "odd curl code": (nar(curl=61, error="other"), INCONCLUSIVE, ("body-unread", "inconclusive")),
    "no nar": (reads(nar=None), INCONCLUSIVE, ("body-unread", "inconclusive")),
    "not read": (rows(Label.PROFILE, records.BodyRead), INCONCLUSIVE, ("body-unread", "inconclusive")),
    "narinfo gone": (reads(narinfo=answer(404, ATTIC_404), nar=None), QUARANTINE, ("body-missing", "fail")),
    "narinfo timed out": (
        reads(narinfo=answer(None, error="timeout"), nar=None),
        INCONCLUSIVE,
        ("body-timed-out", "inconclusive"),
    ),
    "narinfo no connection": (
        reads(narinfo=answer(None, error="connect"), nar=None),
        INCONCLUSIVE,
        ("body-unread", "inconclusive"),
    ),
    "narinfo 500": (reads(narinfo=answer(500), nar=None), INCONCLUSIVE, ("body-unread", "inconclusive")),
    "narinfo html": (
        reads(narinfo=answer(body="<html>"), nar=None),
        INCONCLUSIVE,
        ("body-narinfo-unreadable", "inconclusive"),
    ),
    "narinfo of another path": (
        reads(narinfo=narinfo_text(lambda text: text.replace("source-0", "source-x")), nar=None),
        QUARANTINE,
        ("body-foreign", "fail"),
    ),
    "narinfo with other references": (
        reads(narinfo=narinfo_text(lambda text: text.replace("References: \n", f"References: {'a' * 32}-other\n"))),
        QUARANTINE,
        ("body-foreign", "fail"),
    ),
    "narinfo url elsewhere": (
        reads(narinfo=narinfo_text(lambda text: text.replace("URL: nar/", "URL: http://e/")), nar=None),
        QUARANTINE,
        ("body-url-denied", "fail"),
    ),
    "unsigned": (
        reads(narinfo=narinfo_text(lambda text: text[: text.index("Sig:")])),
        QUARANTINE,
        ("body-unsigned", "fail"),
    ),
    "signed by another": (
        reads(narinfo=narinfo_text(lambda text: text.replace("Sig: main:", "Sig: other:"))),
        QUARANTINE,
        ("body-untrusted", "fail"),
    ),
    "cache key malformed": (
        lambda run: run.change(
            records.CacheConfigSeen,
            lambda record: replace(
                record, answer=replace(record.answer, body=record.answer.body.replace(runs.PUBLIC_KEY, "main:!!"))
            ),
        ),
        INCONCLUSIVE,
        ("body-signature-unknown", "inconclusive"),
    ),
    "second read good": (
        lambda run: run.change(
            records.BodyRead, lambda record: replace(record, nar=replace(record.nar, curl=18, **HALF))
        ).with_record(runs.body_read(Label.PROFILE, runs.SOURCES[0], attempt=2)),
        QUARANTINE,
        ("body-flapping", "inconclusive"),
    ),
    "gone after post": (
        lambda run: run.with_record(
            runs.body_read(
                Label.PROFILE, runs.SOURCES[0], again_after_post=True, narinfo=answer(404, ATTIC_404), nar=None
            )
        ),
        QUARANTINE,
        ("body-missing", "fail"),
    ),
    "failed and not there": (
        lambda run: pushed(failing("HTTP 502 Bad Gateway: x"), exit=1)(
            run.change(
                records.BodyRead,
                lambda record: (
                    replace(record, narinfo=answer(404, ATTIC_404), nar=None)
                    if record.store_path == runs.SOURCES[-1].store_path
                    else record
                ),
            )
        ),
        INCONCLUSIVE,
        ("body-not-published", "inconclusive"),
    ),
    # server log
    "log has NoSuchBucket": (
        lambda run: run.with_file(
            "server.log",
            runs.SERVER_LOG
            + b"2026-11-24T00:49:00.000000Z ERROR attic_server::error: Storage error: service error: unhandled error "
            b'(NoSuchBucket): Error { code: "NoSuchBucket" }\n',
        ),
        INCONCLUSIVE,
        ("log-storage-error", "inconclusive"),
    ),
    "log is empty": (
        lambda run: run.with_file("server.log", b""),
        INCONCLUSIVE,
        ("log-canary-missing", "inconclusive"),
    ),
    "log is cut": (
        lambda run: run.change(
            records.CaptureClosed, lambda record: replace(record, cut=True) if record.name == "server.log" else record
        ),
        INCONCLUSIVE,
        ("capture-cut", "inconclusive"),
    ),
    "no canaries": (drop(records.LogCanarySent), INCONCLUSIVE, ("log-unobservable", "inconclusive")),
    "no log": (
        lambda run: drop(records.CaptureClosed, lambda record: record.name != "server.log")(
            Run(run.records, {name: data for name, data in run.files.items() if name != "server.log"})
        ),
        INCONCLUSIVE,
        ("log-unobservable", "inconclusive"),
    ),
    "canary unanswered": (
        lambda run: run.change(
            records.LogCanarySent, lambda record: replace(record, answer=answer(None, error="connect"))
        ),
        PASS,
        ("", ""),
    ),
    # controls
    "control silent": (
        lambda run: run.change(records.ControlTried, lambda record: replace(record, fired=Truth.UNKNOWN)),
        INCONCLUSIVE,
        ("control-not-fired", "inconclusive"),
    ),
    "read token may push": (
        lambda run: run.change(
            records.ControlTried,
            lambda record: replace(record, fired=Truth.ABSENT) if record.name == "read-only-push-denied" else record,
        ),
        QUARANTINE,
        ("control-token-overprivileged", "fail"),
    ),
    "no controls": (drop(records.ControlTried), INCONCLUSIVE, ("control-missing", "inconclusive")),
    # captures and the run
    "capture lost": (
        lambda run: Run(run.records, {name: data for name, data in run.files.items() if name != "build.log"}),
        INCONCLUSIVE,
        ("capture-missing", "inconclusive"),
    ),
    "capture never closed": (
        drop(records.CaptureClosed, lambda record: record.name != "push-profile.log"),
        INCONCLUSIVE,
        ("capture-missing", "inconclusive"),
    ),
    "no last record": (
        lambda run: run.cut_after(len(run.records) - 1),
        INCONCLUSIVE,
        ("run-incomplete", "inconclusive"),
    ),
    "cancelled": (
        lambda run: run.with_record(records.Cancelled(reason="signal SIGTERM")),
        INCONCLUSIVE,
        ("run-cancelled", "inconclusive"),
    ),
    "trouble": (
        lambda run: run.with_record(records.Trouble(stage="logs", message="disk full")),
        INCONCLUSIVE,
        ("run-trouble", "inconclusive"),
    ),
    "publish skipped": (
        lambda run: run.with_record(records.StageMark(name="publish", state="skipped", note="not clean")),
        INCONCLUSIVE,
        ("run-publish-skipped", "inconclusive"),
    ),
}


@pytest.mark.parametrize("name", list(BREAKS))
def test_each_break_has_its_code_and_verdict(name: str) -> None:
    change, word, row = BREAKS[name]
    run = change(healthy())
    assert run.word() == word, run.rows()
    if word != PASS:
        assert row in run.rows()
    else:
        assert run.rows() == set()


@pytest.mark.parametrize("name", list(BREAKS))
def test_no_state_that_a_check_knows_makes_the_gate_accuse_itself(name: str) -> None:
    findings, _ = BREAKS[name][0](healthy()).judged()
    assert [row.subject for row in findings if row.code == "run-claim-missing"] == []


@pytest.mark.parametrize(
    ("hops", "place"), [((), "no URL"), (("http://a/x", "https://s3.example/y"), "https://s3.example/y")]
)
def test_a_redirect_that_was_not_followed_names_its_place(hops: tuple[str, ...], place: str) -> None:
    findings, _ = nar(status=307, error="refused-host", hops=hops)(healthy()).judged()
    rows = [row for row in findings if row.code == "body-redirect-denied"]
    assert rows
    assert all(f"HTTP 307 to {place}, which was not followed" in row.summary for row in rows)
    assert all("`hosts`" in row.remedy for row in rows)


def test_the_healthy_run_passes_with_every_claim_proved() -> None:
    findings, verdict = healthy().judged()
    assert (verdict.word.value, verdict.outcome, verdict.exit_code, verdict.blocks) == ("pass", "pass", 0, False)
    assert len(findings) == 1 + 2 * 3 + 2 + 1 + 2 + 2 + 1 + 1 + 2 + 2 + 13 + 1 + 13 + 2 + 1 + 4 + 4 + 1


WORSE = {"pass": 0, "inconclusive": 1, "quarantine": 2}
ADDITIONS: dict[str, records.Record] = {
    "trouble": records.Trouble(stage="x", message="y"),
    "cancelled": records.Cancelled(reason="z"),
    "stopped": records.RunStopped(code="push-set-out-of-bounds", reason="r"),
    "a loss while pushing": runs.lost(runs.sample(Phase.DURING, 9)),
    "a body gone later": runs.body_read(
        Label.PROFILE, runs.SOURCES[3], again_after_post=True, narinfo=answer(404, ATTIC_404), nar=None
    ),
    "a second child without its capture": runs.child("other", "other.log"),
    "an unknown sample": heads(500)(runs.sample(Phase.POST, 3)),
}


@pytest.mark.parametrize(("number", "name"), list(enumerate(BREAKS)))
def test_an_added_fault_never_improves_a_verdict(number: int, name: str) -> None:
    broken = BREAKS[name][0](healthy())
    before = WORSE[broken.word()]
    for addition in (number % len(ADDITIONS), (number + 3) % len(ADDITIONS)):
        worse = broken.with_record(list(ADDITIONS.values())[addition])
        assert WORSE[worse.word()] >= max(before, WORSE["inconclusive"])
