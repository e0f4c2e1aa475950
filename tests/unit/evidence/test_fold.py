"""The fold: what the journal and the captures say, and nothing of what it means."""

from dataclasses import replace
from hashlib import sha256

import pytest

from gate.errors import ForeignTextError
from gate.evidence.bodies import Expected, fold_body
from gate.evidence.buckets import phase_state, sample_state
from gate.evidence.fold import fold
from gate.evidence.journal_reader import JournalLog
from gate.judge.body_class import body_class
from gate.model import records
from gate.model.basics import BucketState, Claim, Label, Phase, Truth
from tests.helpers import runs
from tests.helpers.runs import answer, healthy

PRESENT, ABSENT, UNKNOWN = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN
SLOW_DOWN = "<Error><Code>SlowDown</Code></Error>"


def test_a_journal_must_begin_with_the_first_record() -> None:
    with pytest.raises(ForeignTextError, match="run-started"):
        fold(JournalLog(entries=tuple(runs.entries(healthy().records[1:])), torn=False), {})
    with pytest.raises(ForeignTextError, match="run-started"):
        fold(JournalLog(entries=(), torn=True), {})


def test_the_account_of_a_push_adds_up_and_follows_the_plan() -> None:
    facts = healthy().facts()
    counts = facts.push.counts
    assert (counts.attempted, counts.uploaded) == (13, 13)
    assert [attempt.label for attempt in facts.push.attempts] == [Label.CANARY, Label.PROFILE]
    assert facts.coverage.expected_paths == facts.coverage.proved_paths == 13
    assert facts.coverage.proved_bytes == 16384 + 655360 + 11 * 200


def test_the_part_that_the_server_had_already_is_in_the_account_of_its_path() -> None:
    log = runs.push_log(runs.SOURCES).replace(b"8.31 KiB/s", b"8.31 KiB/s, 100.0% deduplicated", 1)
    paths = healthy().with_file("push-profile.log", log).facts().push.paths
    permille = {path.store_path: path.deduplicated_permille for path in paths if path.deduplicated_permille is not None}
    assert permille == {runs.SOURCES[0].store_path: 1000}
    assert all(path.claim is Claim.UPLOADED for path in paths)


def test_paths_without_a_line_are_cached_upstream_or_unaccounted() -> None:
    cached, theirs, unverified, *rest = runs.SOURCES
    upstream = replace(theirs, signatures=("main:AAAA", runs.signature(theirs)))
    signed = replace(unverified, signatures=("cache.nixos.org-1:AAAA",))

    def change(record: records.PushSetKnown) -> records.PushSetKnown:
        if record.label is Label.CANARY:
            return record
        paths = (cached, upstream, signed, *rest)
        claimed = (upstream.store_path, signed.store_path)  # what the record says of it is not believed
        return replace(record, paths=paths, upstream=claimed, upstream_key_names=("cache.nixos.org-1",))

    hashes = [facts.store_path[11:43] for facts in rest]
    head = f'⚙️ Pushing {len(rest)} paths to "main" on "gate" (1 already cached, 2 in upstream)...\n'.encode()
    log = head + runs.push_log(rest).split(b"\n", 1)[1]
    missing = answer(body='{"missing_paths":["' + '","'.join(hashes) + '"]}')
    run = (
        healthy()
        .with_policy(upstream_keys=(runs.UPSTREAM_KEY,))
        .change(records.PushSetKnown, change)
        .change(
            records.MissingAsked,
            lambda record: record if record.label is Label.CANARY else replace(record, answer=missing),
        )
        .with_file("push-profile.log", log)
    )
    claims = {path.store_path: path.claim for path in run.facts().push.paths}
    assert claims[cached.store_path] is Claim.ALREADY_CACHED
    assert claims[upstream.store_path] is Claim.IN_UPSTREAM
    assert claims[signed.store_path] is Claim.UNACCOUNTED
    assert upstream.store_path not in {body.store_path for body in run.facts().bodies}
    assert ("push-unaccounted", "inconclusive") in run.rows()


def test_a_doubted_path_has_no_result_yet_its_body_must_be_there() -> None:
    first, second, *rest = runs.SOURCES
    names = [facts.store_path[11:] for facts in (first, second, *rest)]
    lines = [f'⚙️ Pushing {len(names)} paths to "main" on "gate" (0 already cached, 0 in upstream)...']
    lines += [f"✅ {name} (1 B/s)" for name in names[2:]]
    lines += [f"❌ {names[0]}: HTTP 502 Bad Gateway: <html>", f"✅ {names[1]} (1 B/s)", "</html>"]
    not_found = answer(404, '{"code":404,"error":"NoSuchObject","message":"m"}')
    run = (
        healthy()
        .with_file("push-profile.log", ("\n".join(lines) + "\n").encode())
        .change(
            records.BodyRead,
            lambda record: (
                replace(record, narinfo=not_found, nar=None) if record.store_path == second.store_path else record
            ),
        )
    )
    path = next(path for path in run.facts().push.paths if path.store_path == second.store_path)
    assert (path.claim, path.doubted) == (Claim.UNACCOUNTED, True)
    assert ("body-missing", "fail") in run.rows()


def test_the_push_set_digest_is_of_sorted_paths_with_their_hashes() -> None:
    lines = "".join(sorted(f"{path.store_path} {path.nar_hash}\n" for path in runs.SOURCES))
    assert healthy().facts().subject.push_set_digest == sha256(lines.encode()).hexdigest()
    without = healthy().change(records.PushSetKnown, lambda record: record if record.label is Label.CANARY else None)
    assert without.facts().subject.push_set_digest is None


def test_stages_have_their_times_and_notes() -> None:
    run = healthy().with_record(records.StageMark(name="publish", state="skipped", note="why"))
    stages = {stage.name: stage for stage in run.facts().stages}
    assert stages["identify"].state == "ended"
    assert stages["identify"].started_at is not None
    assert stages["identify"].ended_at is not None
    assert (stages["publish"].state, stages["publish"].note, stages["publish"].started_at) == ("skipped", "why", None)


def test_the_first_loss_during_a_push_is_dated() -> None:
    run = healthy().with_record(runs.lost(runs.sample(Phase.DURING, 2)))
    during = run.facts().during
    minutes, seconds = divmod(len(run.records) - 2, 60)
    assert during.first_loss_at == f"2026-11-24T00:{minutes:02}:{seconds:02}.000Z"
    assert during.buckets["attic"].index_lost_seen
    assert healthy().facts().during.first_loss_at is None


@pytest.mark.parametrize(
    ("truths", "state"),
    [
        ((PRESENT, PRESENT, PRESENT, PRESENT, PRESENT, PRESENT), BucketState.INDEXED),
        ((PRESENT, PRESENT, PRESENT, PRESENT, PRESENT, UNKNOWN), BucketState.INDEXED),
        ((ABSENT, ABSENT, ABSENT, PRESENT, PRESENT, PRESENT), BucketState.INDEX_LOST),
        ((ABSENT, ABSENT, UNKNOWN, ABSENT, PRESENT, PRESENT), BucketState.INDEX_LOST),
        ((ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, PRESENT), BucketState.MISSING),
        ((PRESENT, ABSENT, ABSENT, PRESENT, PRESENT, PRESENT), BucketState.UNSERVED),
        ((PRESENT, PRESENT, ABSENT, PRESENT, PRESENT, PRESENT), BucketState.UNSERVED),
        ((ABSENT, PRESENT, PRESENT, PRESENT, PRESENT, PRESENT), BucketState.UNLISTED),
        ((PRESENT, PRESENT, PRESENT, ABSENT, ABSENT, PRESENT), BucketState.MARKER_MISSING),
        ((PRESENT, PRESENT, PRESENT, ABSENT, PRESENT, PRESENT), BucketState.MARKER_MISSING),
        ((PRESENT, PRESENT, PRESENT, PRESENT, PRESENT, ABSENT), BucketState.NOT_READY),
        ((UNKNOWN, PRESENT, PRESENT, PRESENT, PRESENT, PRESENT), BucketState.UNOBSERVABLE),
        ((PRESENT, UNKNOWN, PRESENT, PRESENT, PRESENT, PRESENT), BucketState.UNOBSERVABLE),
        ((PRESENT, PRESENT, UNKNOWN, PRESENT, PRESENT, PRESENT), BucketState.UNOBSERVABLE),
        ((PRESENT, PRESENT, PRESENT, UNKNOWN, PRESENT, PRESENT), BucketState.UNOBSERVABLE),
        ((ABSENT, ABSENT, ABSENT, UNKNOWN, UNKNOWN, PRESENT), BucketState.UNOBSERVABLE),
    ],
)
def test_the_state_of_one_sample(truths: tuple[Truth, ...], state: BucketState) -> None:
    listed, head, get, marker, trace, ready = truths
    sampled = sample_state(listed=listed, head=head, get=get, marker=marker, trace=trace, data=PRESENT, ready=ready)
    assert sampled is state


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ((), BucketState.UNOBSERVABLE),
        ((BucketState.INDEXED,) * 3, BucketState.INDEXED),
        ((BucketState.INDEXED, BucketState.UNOBSERVABLE), BucketState.UNOBSERVABLE),
        ((BucketState.UNOBSERVABLE, BucketState.UNOBSERVABLE), BucketState.UNOBSERVABLE),
        ((BucketState.INDEX_LOST, BucketState.UNOBSERVABLE), BucketState.INDEX_LOST),
        ((BucketState.NOT_READY, BucketState.UNOBSERVABLE), BucketState.UNOBSERVABLE),
        ((BucketState.INDEXED, BucketState.INDEX_LOST), BucketState.FLAPPING),
    ],
)
def test_the_state_over_samples(states: tuple[BucketState, ...], state: BucketState) -> None:
    assert phase_state(states) is state


def one_sample(**changes: object) -> records.BucketSampled:
    return replace(runs.sample(Phase.POST, 1), **changes)  # type: ignore[arg-type]  # a test's own changes


MARKER = records.MarkerSeen(bucket="attic", data=PRESENT, meta=PRESENT)


@pytest.mark.parametrize(
    ("changes", "field", "truth", "note"),
    [
        ({"listing": ()}, "listed", UNKNOWN, "list: not asked"),
        (
            {"listing": (answer(403, "<Error><Code>AccessDenied</Code></Error>"),)},
            "listed",
            UNKNOWN,
            "list: HTTP 403 AccessDenied",
        ),
        ({"listing": (answer(None, error="timeout"),)}, "listed", UNKNOWN, "list: no answer in time"),
        ({"listing": (answer(body="<html></html>"),)}, "listed", UNKNOWN, "list: "),
        ({"listing": (answer(body=runs.LISTING, body_cut=True),)}, "listed", UNKNOWN, "list: HTTP 200"),
        (
            {
                "listing": (
                    answer(
                        body=runs.LISTING.replace("</Buckets>", "</Buckets><ContinuationToken>t</ContinuationToken>")
                    ),
                )
            },
            "listed",
            UNKNOWN,
            "list: the last page names a further one",
        ),
        ({"heads": {}}, "head", UNKNOWN, "head: not asked"),
        ({"heads": {"attic": answer(301)}}, "head", UNKNOWN, "head: HTTP 301"),
        ({"gets": {}}, "get", UNKNOWN, "get: not asked"),
        (
            {"gets": {"attic": answer(200, "<Error><Code>SlowDown</Code></Error>")}},
            "get",
            UNKNOWN,
            "get: HTTP 200 SlowDown",
        ),
        ({"gets": {"attic": answer(404, "<html>")}}, "get", UNKNOWN, "get: HTTP 404"),
        ({"gets": {"attic": answer(None, error="connect")}}, "get", UNKNOWN, "get: connect"),
        ({"places": ()}, "marker", UNKNOWN, "markers: no place is configured"),
        ({"places": (records.PlaceSeen(place="p", markers=()),)}, "marker", UNKNOWN, "markers at p: not looked at"),
        ({"places": (records.PlaceSeen(place="p", markers=(), error="EIO"),)}, "trace", UNKNOWN, "markers at p: EIO"),
        (
            {"places": (records.PlaceSeen(place="p", markers=(replace(MARKER, meta=UNKNOWN, error="a link"),)),)},
            "marker",
            UNKNOWN,
            "markers at p: a link",
        ),
    ],
)
def test_what_makes_a_source_unknown_is_noted(changes: dict[str, object], field: str, truth: Truth, note: str) -> None:
    run = healthy().change(
        records.BucketSampled, lambda record: one_sample(**changes) if record.phase is Phase.POST else record
    )
    sample = run.facts().post.buckets["attic"].samples[0]
    assert getattr(sample, field) is truth
    assert any(text.startswith(note) for text in sample.notes), sample.notes


def test_one_whole_marker_on_any_drive_is_enough_unless_a_drive_is_unknown_and_a_part_is_a_trace() -> None:
    bare = replace(MARKER, data=ABSENT, meta=ABSENT)
    places = (records.PlaceSeen(place="a", markers=(bare,)), records.PlaceSeen(place="b", markers=(MARKER,)))
    half = (records.PlaceSeen(place="a", markers=(replace(MARKER, meta=ABSENT),)),)

    def marker_truths(of: tuple[records.PlaceSeen, ...]) -> tuple[Truth, Truth]:
        run = healthy().change(
            records.BucketSampled, lambda record: one_sample(places=of) if record.phase is Phase.POST else record
        )
        sample = run.facts().post.buckets["attic"].samples[0]
        return sample.marker, sample.trace

    failed = records.PlaceSeen(place="c", markers=(replace(MARKER, error="EIO"),))
    assert marker_truths(places) == (PRESENT, PRESENT)
    assert marker_truths((*places, records.PlaceSeen(place="c", markers=(replace(MARKER, error="EIO"),)))) == (
        UNKNOWN,
        PRESENT,
    )
    assert marker_truths((failed,)) == (UNKNOWN, PRESENT)
    assert marker_truths((*places, records.PlaceSeen(place="c", markers=(), error="EIO"))) == (UNKNOWN, PRESENT)
    assert marker_truths(half) == (ABSENT, PRESENT)
    assert marker_truths((records.PlaceSeen(place="a", markers=(bare,)),)) == (ABSENT, ABSENT)


@pytest.mark.parametrize(
    ("ready", "truth"),
    [
        (None, UNKNOWN),
        (answer(None, error="connect"), UNKNOWN),
        (answer(404, "{}"), UNKNOWN),
        (answer(200, "<html>"), UNKNOWN),
        (answer(200, "[]"), UNKNOWN),
        (answer(200, '{"ready":"yes"}'), UNKNOWN),
        (answer(200, '{"ready":true}'), PRESENT),
        (answer(503, '{"ready":false}'), ABSENT),
    ],
)
def test_readiness_is_believed_in_its_own_form_only(ready: records.HttpAnswer | None, truth: Truth) -> None:
    run = healthy().change(
        records.BucketSampled, lambda record: one_sample(ready=ready) if record.phase is Phase.POST else record
    )
    assert run.facts().post.buckets["attic"].samples[0].ready is truth


@pytest.mark.parametrize(
    ("ready", "writable", "truth"),
    [
        (answer(200, '{"ready":true}'), None, PRESENT),
        (
            answer(200, '{"ready":true}'),
            answer(403, "<Error><Code>AccessDenied</Code></Error>"),
            PRESENT,
        ),  # RustFS 1.0.0-beta.2
        (answer(200, '{"ready":true}'), answer(200, '{"ready":true}'), PRESENT),
        (answer(200, '{"ready":true}'), answer(503, '{"ready":false}'), ABSENT),  # it can be read, and not written to
        (answer(503, '{"ready":false}'), answer(200, '{"ready":true}'), ABSENT),
        (answer(503, '{"ready":false}'), answer(503, '{"ready":false}'), ABSENT),
        (answer(403, "<Error/>"), answer(200), PRESENT),  # MinIO
        (answer(403, "<Error/>"), answer(503), ABSENT),
        (answer(403, "<Error/>"), answer(412), UNKNOWN),
        (answer(403, "<Error/>"), answer(503, "<html>"), UNKNOWN),
        (answer(403, "<Error/>"), answer(200, "", body_cut=True), UNKNOWN),
        (answer(403, "<Error/>"), answer(None, error="connect"), UNKNOWN),
    ],
)
def test_a_store_that_can_not_be_written_to_is_not_ready(
    ready: records.HttpAnswer, writable: records.HttpAnswer | None, truth: Truth
) -> None:
    def change(record: records.BucketSampled) -> records.BucketSampled:
        return replace(record, ready=ready, writable=writable) if record.phase is Phase.POST else record

    run = healthy().change(records.BucketSampled, change)
    sample = run.facts().post.buckets["attic"].samples[0]
    assert sample.ready is truth
    assert (sample.state.value == "not-ready") is (truth is ABSENT)
    assert (run.word() == "pass") is (truth is not ABSENT)
    has_note = any("can't be written to" in note for note in sample.notes)
    assert has_note is (truth is ABSENT and ready.status != 503)


def test_a_public_key_that_is_no_key_leaves_the_signature_unknown() -> None:
    facts = runs.SOURCES[0]
    for key in (None, "main:!!"):
        expected = Expected(label=Label.PROFILE, cache="main", facts=facts, claim=Claim.UPLOADED, public_key=key)
        body = fold_body(expected, [("2026-11-24T00:00:00.000Z", runs.body_read(Label.PROFILE, facts))])
        assert (body_class(body), body.reads[0].signed) == ("body-signature-unknown", UNKNOWN)
