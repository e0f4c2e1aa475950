"""Every level of a state's readiness, and that nothing unknown is ever relied on."""

from dataclasses import replace
from typing import Any

import pytest

from gate.judge.state_readiness import judge_readiness
from gate.model.basics import BucketState, Truth, VerdictWord
from gate.model.operators import Level, Readiness, ReadinessSeen, StateObject, StateRead
from gate.model.parsed import StateFacts
from gate.model.records import BucketSampled, HttpAnswer
from tests.unit.judge.test_bucket_rca import ONE, answer, sampled, timed

PRESENT, ABSENT, UNKNOWN = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN
STATEMENT = "platform team, 2026-11: three-site store"


def there(etag: str | None = '"e"', size: int | None = 161, **rest: Any) -> HttpAnswer:
    return HttpAnswer(
        url="http://s3/b/k",
        status=200,
        etag=etag,
        content_length=size,
        last_modified="Mon, 23 Nov 2026 23:19:57 GMT",
        date="Mon, 23 Nov 2026 23:20:57 GMT",
        **rest,
    )


FACTS = StateFacts(version=4, serial=7, lineage="ab" * 32)
READ = StateRead(
    bucket="b",
    key="k",
    head=there(),
    lock=answer(404),
    get=there(),
    again=there(),
    size=161,
    content="state",
    facts=FACTS,
)
SEEN = ReadinessSeen(
    endpoint="https://state.example",
    cache_endpoint="https://cache.example",
    bucket="b",
    cache_buckets=("attic",),
    places=("file:///data",),
    samples_requested=2,
    spacing_millis=500,
    samples=tuple(timed(sampled(), sampled())),
    versioning=answer(200, "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"),
    reads=(READ,),
    trouble=None,
    statement=STATEMENT,
    now="2026-11-23T23:30:00.000Z",
)


def judged(*, expect_interim: bool = False, **changes: Any) -> Readiness:
    return judge_readiness(replace(SEEN, **changes), expect_interim=expect_interim)


def read(**changes: Any) -> Readiness:
    return judged(reads=(replace(READ, **changes),))


def level(ready: Readiness, expected: Level, told: str) -> None:
    assert ready.level is expected
    assert told in ready.why
    assert ready.state_objects[0].level is expected
    word = {Level.BROKEN: VerdictWord.QUARANTINE, Level.HA: VerdictWord.PASS}.get(expected, VerdictWord.INCONCLUSIVE)
    assert (ready.verdict.word, ready.verdict.exit_code) == (
        word,
        {VerdictWord.PASS: 0, VerdictWord.INCONCLUSIVE: 3}.get(word, 4),
    )


def test_ha_takes_a_statement_and_says_that_it_is_one() -> None:
    ready = judged()
    level(ready, Level.HA, "served whole")
    assert (
        f"HA is an operator's statement ([state] state-ha-statement), which S3 can't prove: {STATEMENT}" in ready.notes
    )
    assert "an operator states" in ready.verdict.headline
    assert (ready.beside_cache, ready.versioning) == (ABSENT, "enabled")
    assert ready.state_objects == (
        StateObject(
            key="k",
            level=Level.HA,
            why="served whole, and the same before and after it was read",
            serial=7,
            lineage="ab" * 32,
            version=4,
            encrypted=False,
            size=161,
            etag='"e"',
            version_id=None,
            age_seconds=60,
            locked=ABSENT,
            lock_age_seconds=None,
        ),
    )


def test_without_a_statement_it_is_interim_and_passes_only_where_that_is_expected() -> None:
    level(judged(statement=""), Level.INTERIM, "served whole")
    expected = judged(statement="", expect_interim=True)
    assert (expected.level, expected.verdict.exit_code) == (Level.INTERIM, 0)
    assert "interim is not HA" in expected.verdict.headline
    assert "no operator states that this store is HA" in expected.notes[0]
    assert judged(expect_interim=True).verdict.exit_code == 0


@pytest.mark.parametrize(
    ("changes", "beside", "told"),
    [
        ({"cache_endpoint": "https://STATE.example:443"}, PRESENT, "the same S3 endpoint"),
        ({"cache_endpoint": "http://state.example"}, ABSENT, "another endpoint"),
        ({"cache_endpoint": "https://state.example:99999"}, PRESENT, "the same S3 endpoint"),
        ({"cache_endpoint": ""}, UNKNOWN, "no s3-endpoint of the cache"),
        ({"samples": tuple(timed(sampled(extra=("attic",)), sampled()))}, PRESENT, "also lists attic"),
        (
            {"samples": tuple(timed(sampled(extra=("attic",)), sampled())), "cache_endpoint": ""},
            PRESENT,
            "also lists attic",
        ),
        ({"cache_buckets": ()}, UNKNOWN, "does not tell"),
    ],
)
def test_a_state_beside_the_cache_is_not_ha_whatever_is_stated(changes: Any, beside: Truth, told: str) -> None:
    ready = judged(**changes)
    assert (ready.beside_cache, told in ready.beside_why) == (beside, True), ready.beside_why
    assert ready.level is (Level.HA if beside is ABSENT else Level.INTERIM)
    assert ("the statement alone gives no ha" in " ".join(ready.notes)) is (beside is not ABSENT)


def test_a_list_that_can_not_be_read_does_not_set_the_state_apart() -> None:
    ready = judged(samples=tuple(timed(sampled(listed=UNKNOWN), sampled())))
    assert (ready.beside_cache, ready.level) == (UNKNOWN, Level.UNKNOWN)


@pytest.mark.parametrize("state", ONE)
def test_each_class_of_the_bucket(state: BucketState) -> None:
    ready = judged(samples=tuple(timed(ONE[state], ONE[state])))
    expected = {
        BucketState.INDEXED: Level.HA,
        BucketState.INDEX_LOST: Level.BROKEN,
        BucketState.DATA_MISSING: Level.BROKEN,
        BucketState.UNSERVED: Level.BROKEN,
        BucketState.UNLISTED: Level.BROKEN,
    }.get(state, Level.UNKNOWN)
    level(ready, expected, "served whole" if expected is Level.HA else f"bucket b is {state.value}")
    assert ready.bucket_state is state
    assert ready.state_objects[0].locked is (ABSENT if expected is Level.HA else UNKNOWN)


def test_a_loss_that_came_and_went_is_broken_and_too_few_samples_are_unknown() -> None:
    flapping = judged(samples=tuple(timed(ONE[BucketState.INDEXED], ONE[BucketState.INDEX_LOST])))
    level(flapping, Level.BROKEN, "bucket b is flapping")
    level(judged(samples=SEEN.samples[:1]), Level.UNKNOWN, "only 1 of 2 samples")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Level.HA),
        ({"ready": UNKNOWN}, Level.HA),
        ({"ready": ABSENT}, Level.UNKNOWN),
        ({"head": ABSENT}, Level.UNKNOWN),
        ({"listed": ABSENT, "head": ABSENT, "get": ABSENT}, Level.UNKNOWN),
        ({"get": UNKNOWN}, Level.UNKNOWN),
    ],
)
def test_without_places_s3s_own_word_is_taken_and_that_is_said(changes: Any, expected: Level) -> None:
    bare = replace(sampled(**changes), places=())
    ready = judged(places=(), samples=tuple(timed(bare, bare)))
    assert (ready.level, ready.bucket_state) == (expected, BucketState.UNOBSERVABLE)
    assert "no place of the disk markers is set" in " ".join(ready.notes)


GONE = answer(404)
NO_KEY: dict[str, Any] = {"get": GONE, "size": 0, "content": "unread", "facts": None, "fault": "NoSuchKey"}
NO_STATE: dict[str, Any] = {"content": "no-state", "facts": None, "problem": "The state is not JSON."}


@pytest.mark.parametrize(
    ("changes", "expected", "told"),
    [
        (NO_STATE, Level.BROKEN, "its 161 bytes are no state (The state is not JSON.)"),
        ({**NO_STATE, "head": there(etag=None)}, Level.UNKNOWN, "names no ETag"),
        ({**NO_STATE, "get": there(etag=None)}, Level.UNKNOWN, "names no ETag"),
        ({**NO_STATE, "again": there(etag='"f"')}, Level.UNKNOWN, "changed while it was read"),
        ({**NO_STATE, "head": there(size=None)}, Level.BROKEN, "its 161 bytes are no state (The state is not JSON.)"),
        (
            {**NO_STATE, "head": there(size=None), "again": there(size=None)},
            Level.UNKNOWN,
            "HEAD gives no length to hold them to",
        ),
        ({"size": 160}, Level.UNKNOWN, "HEAD says 161 bytes, and 160 bytes came"),
        ({"head": GONE}, Level.UNKNOWN, "HEAD before it was read gave HTTP 404, and GET gave HTTP 200"),
        ({**NO_STATE, "content": "other-version"}, Level.UNKNOWN, "not read whole as a state: The state is not JSON."),
        ({"content": "unread", "facts": None}, Level.UNKNOWN, "state: it was cut"),
        ({**NO_KEY, "fault": "NoSuchBucket"}, Level.BROKEN, "NoSuchBucket, and the bucket's marker is on disk"),
        ({**NO_KEY, "fault": "NoSuchBucket", "get": answer(400)}, Level.UNKNOWN, "(HTTP 400 NoSuchBucket)"),
        (NO_KEY, Level.BROKEN, "HEAD serves it and GET says NoSuchKey"),
        ({**NO_KEY, "again": GONE}, Level.UNKNOWN, "could not be read (HTTP 404 NoSuchKey)"),
        ({**NO_KEY, "head": GONE, "again": GONE}, Level.UNKNOWN, "check the key"),
        ({**NO_KEY, "fault": None, "get": answer(None, error="cut")}, Level.UNKNOWN, "could not be read (cut)"),
        ({**NO_KEY, "fault": None}, Level.UNKNOWN, "could not be read (HTTP 404)"),
        ({"lock": answer(403)}, Level.UNKNOWN, "its lock could not be looked for (HTTP 403)"),
        ({"lock": answer(None, error="timeout")}, Level.UNKNOWN, "(no answer in time)"),
    ],
)
def test_each_way_in_which_an_object_is_not_relied_on(changes: Any, expected: Level, told: str) -> None:
    level(read(**changes), expected, told)


def test_no_such_bucket_without_a_trace_on_disk_is_unknown() -> None:
    bare = replace(sampled(), places=())
    ready = judged(
        places=(), samples=tuple(timed(bare, bare)), reads=(replace(READ, **{**NO_KEY, "fault": "NoSuchBucket"}),)
    )
    level(ready, Level.UNKNOWN, "could not be read (HTTP 404 NoSuchBucket)")


def test_the_worst_object_counts_and_none_prove_nothing() -> None:
    ready = judged(reads=(READ, replace(READ, key="x", **NO_STATE)))
    assert (ready.level, ready.why.startswith("x: "), ready.verdict.exit_code) == (Level.BROKEN, True, 4)
    assert [row.level for row in ready.state_objects] == [Level.HA, Level.BROKEN]
    assert "x: its 161 bytes are no state" in ready.verdict.headline
    none = judged(reads=())
    assert (none.level, none.verdict.exit_code) == (Level.UNKNOWN, 3)
    assert "no state object was found" in none.why
    partly = judged(trouble="the list of objects: HTTP 500")
    assert (partly.level, partly.why) == (Level.UNKNOWN, "the list of objects: HTTP 500")
    assert judged(reads=(), samples=tuple(timed(ONE[BucketState.INDEX_LOST], ONE[BucketState.INDEX_LOST]))).level is (
        Level.BROKEN
    )


def test_an_encrypted_state_is_judged_by_its_envelope() -> None:
    ready = read(facts=StateFacts(version=None, serial=None, lineage=None, encrypted=True))
    level(ready, Level.HA, "served whole")
    assert "k is encrypted: only its envelope was judged" in ready.notes
    assert (ready.state_objects[0].encrypted, ready.state_objects[0].serial) == (True, None)


def test_a_lock_is_told_with_its_age() -> None:
    ready = read(lock=there())
    assert (ready.state_objects[0].locked, ready.state_objects[0].lock_age_seconds) == (PRESENT, 60)
    assert "k is locked: somebody works on it, or a run died with its lock" in ready.notes


@pytest.mark.parametrize(
    ("date", "changed", "age"),
    [
        ("Mon, 23 Nov 2026 23:20:57 GMT", "Mon, 23 Nov 2026 23:19:57 GMT", 60),
        (None, "Mon, 23 Nov 2026 23:19:57 GMT", 603),
        ("yesterday", "Mon, 23 Nov 2026 23:19:57 -0000", 603),
        ("Mon, 23 Nov 2026 23:20:57 GMT", "yesterday", None),
        ("Mon, 23 Nov 2026 23:20:57 GMT", None, None),
    ],
)
def test_the_age_is_by_the_servers_own_clock(date: str | None, changed: str | None, age: int | None) -> None:
    ready = read(head=replace(there(), date=date, last_modified=changed))
    assert ready.state_objects[0].age_seconds == age


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (200, "<VersioningConfiguration/>", "off"),
        (200, "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>", "suspended"),
        (200, "<html/>", "unknown"),
        (501, "<Error><Code>NotImplemented</Code></Error>", "unknown"),
    ],
)
def test_versioning_is_told_and_lowers_nothing(status: int, body: str, word: str) -> None:
    ready = judged(versioning=answer(status, body))
    assert (ready.versioning, ready.level) == (word, Level.HA)
    assert f"versioning is {word}: a bad write of the state could not be undone" in ready.notes


def test_another_file_beside_a_good_state_is_passed_over_with_a_note() -> None:
    plan = replace(READ, key="env/plan", content="other-file", facts=None, problem="it is a saved plan")
    ready = judged(reads=(READ, plan))
    assert (ready.level, [row.key for row in ready.state_objects]) == (Level.HA, ["k"])
    assert "env/plan was passed over: it is a saved plan" in ready.notes
    alone = judged(reads=(plan,))
    assert (alone.level, alone.why) == (Level.UNKNOWN, "no state object was found, so nothing is proved")
    unsteady = judged(reads=(READ, replace(plan, again=there(etag='"other"'))))
    assert unsteady.level is Level.UNKNOWN


DENIED = answer(403, "<Error><Code>AccessDenied</Code></Error>")


def denied(*samples: BucketSampled) -> tuple[BucketSampled, ...]:
    """The same samples for a key of the state's bucket alone."""
    return tuple(replace(sample, listing=(DENIED,)) for sample in samples)


@pytest.mark.parametrize("places", [("file:///data",), ()])
def test_a_key_of_the_states_bucket_alone_is_enough(places: tuple[str, ...]) -> None:
    """False alarms C: OpenTofu's documents make such a key; HEAD and GET of the bucket suffice."""
    samples = denied(*SEEN.samples)
    if not places:
        samples = tuple(replace(sample, places=()) for sample in samples)
    ready = judged(samples=samples, places=places)
    assert (ready.level, ready.beside_cache) == (Level.HA, UNKNOWN)
    assert "whether the cache's buckets are on this store too is unknown" in " ".join(ready.notes)
    assert judged(samples=samples, places=places, statement="").level is Level.INTERIM
    assert judged(samples=samples, places=places, cache_endpoint=SEEN.endpoint).level is Level.INTERIM


@pytest.mark.parametrize("listing", [answer(None, error="timeout"), answer(500), answer(403), answer(403, "<html>")])
def test_a_list_that_was_not_denied_by_s3_is_still_unknown(listing: HttpAnswer) -> None:
    samples = tuple(replace(sample, listing=(listing,)) for sample in SEEN.samples)
    assert judged(samples=samples).level is Level.UNKNOWN
    mixed = (denied(SEEN.samples[0])[0], replace(SEEN.samples[1], listing=(listing,)))
    assert judged(samples=mixed).level is Level.UNKNOWN


@pytest.mark.parametrize(
    "changes", [{"head": ABSENT, "get": ABSENT}, {"get": UNKNOWN}, {"marks": (ABSENT, ABSENT)}, {"ready": ABSENT}]
)
def test_without_the_list_every_other_source_counts(changes: Any) -> None:
    observation = tuple(timed(sampled(**changes), sampled(**changes)))
    assert judged(samples=denied(*observation)).level in (Level.UNKNOWN, Level.BROKEN)


def test_a_head_without_a_length_and_a_weak_etag_are_one_object() -> None:
    """False alarms B: R2 and Cloudflare give HEAD no length, and a proxy that touches an answer makes its ETag weak."""
    bare = replace(READ.head, content_length=None)
    assert read(head=bare, again=bare).level is Level.HA
    weak = replace(READ.get, etag=f"W/{READ.get.etag}")
    assert read(get=weak).level is Level.HA


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"again": replace(READ.again, etag='"other"')}, 'it changed while it was read: ETag "'),
        ({"get": replace(READ.get, etag='"other"')}, "HEAD names the ETag"),
        ({"get": replace(READ.get, etag=None)}, "names no ETag"),
        ({"head": replace(READ.head, content_length=5)}, "HEAD says 5, 161 bytes, and 161 bytes came"),
        ({"head": answer(None, error="connect")}, "HEAD before it was read gave connect, and GET gave HTTP 200"),
        ({"again": answer(503)}, "HEAD after it was read gave HTTP 503, and GET gave HTTP 200"),
    ],
)
def test_what_came_is_said_where_the_answers_are_not_of_one_object(changes: Any, told: str) -> None:
    level(read(**changes), Level.UNKNOWN, told)


def test_a_deleted_state_is_named_with_the_marker_that_hides_it() -> None:
    absence = replace(answer(404), deleted=True, version_id="v9")
    ready = read(head=absence, again=absence, get=absence, fault="NoSuchKey", content="unread", facts=None, size=0)
    level(ready, Level.UNKNOWN, "it was deleted: a delete marker (version v9) hides its older versions")
    bare = replace(absence, version_id=None)
    ready = read(head=bare, again=bare, get=bare, fault="NoSuchKey", content="unread", facts=None, size=0)
    level(ready, Level.UNKNOWN, "a delete marker (the newest version)")


def test_a_store_that_starts_is_named_by_its_own_words() -> None:
    ready = read(get=answer(503), fault="ServiceUnavailable", message="waiting for storage_quorum", content="unread")
    level(ready, Level.UNKNOWN, "it could not be read (HTTP 503 ServiceUnavailable, waiting for storage_quorum)")


def test_samples_closer_than_wanted_prove_nothing_of_the_bucket() -> None:
    level(judged(spacing_millis=8000), Level.UNKNOWN, "sample 2 began 1000 ms after sample 1, expected 8000 ms")
