"""Where builders read through a CDN or a proxy, the server behind it must give the same: bodies and bucket index."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gate.judge.scope import SPOT_BY_NAME, boundary
from gate.model import records
from gate.model.basics import Label, Phase, Truth
from tests.helpers import runs
from tests.helpers.runs import NO_SUCH_BUCKET, Run, answer, body_read, canary_object, good_nar, healthy, lost

SERVER, ENDPOINT = "http://127.0.0.1:81", "http://127.0.0.1:91"
NO_OBJECT = answer(404, '{"code":404,"error":"NoSuchObject","message":"no"}')
READ = (*((Label.CANARY, path) for path in runs.CANARIES), *((Label.PROFILE, path) for path in runs.SOURCES[:10]))
Edit = Callable[[records.BodyRead], records.BodyRead | None]


def at_origin(edit: Edit = lambda read: read, *, run: Run | None = None) -> Run:
    """The healthy run whose canary pair and ten fresh paths were read at the origin as well; those reads are edited."""
    result: list[records.Record] = []
    for record in (run or healthy()).with_policy(origin_server=SERVER).records:
        result.append(record)
        if isinstance(record, records.BodyRead):
            same = next(
                (facts for label, facts in READ if (label, facts.store_path) == (record.label, record.store_path)), None
            )
            there = None if same is None else edit(body_read(record.label, same, at_origin=True))
            result += [] if there is None else [there]
    return Run(tuple(result), healthy().files)


def bodies(**changes: Any) -> Edit:
    """The reads of the profile's first path with another NAR."""
    return lambda read: (
        replace(read, nar=replace(good_nar(runs.SOURCES[0]), **changes))
        if read.store_path == runs.SOURCES[0].store_path
        else read
    )


def rows(run: Run) -> set[str]:
    return {row.code for row in run.judged()[0] if row.status.value in ("fail", "inconclusive")}


@pytest.mark.row("TRU-04")
def test_the_same_at_both_places_is_a_pass() -> None:
    run = at_origin()
    assert run.rows() == set()
    assert run.word() == "pass"
    result = next(row for row in run.judged()[0] if row.code == "origin-same")
    assert result.summary == "12 paths were read at the origin too, 12 of them whole"


@pytest.mark.row("TRU-04")
@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (bodies(status=404, body=NO_SUCH_BUCKET, wire_bytes=0, nar_bytes=0), "body-missing"),
        (bodies(wire_bytes=0, nar_bytes=0), "body-empty"),
        (bodies(nar_bytes=9, sha256="0" * 52, clean_end=False, curl=18), "body-short"),
        (bodies(sha256="0" * 52), "body-corrupt"),
    ],
    ids=["missing", "empty", "short", "corrupt"],
)
def test_a_body_that_is_gone_behind_the_cdn_is_a_failure(edit: Edit, code: str) -> None:
    run = at_origin(edit)
    assert rows(run) >= {code, "origin-differs"}
    assert run.word() == "quarantine"
    body = next(row for row in run.judged()[0] if row.code == code)
    assert f"at the origin {code}" in body.summary
    assert healthy().word() == "pass"


@pytest.mark.row("TRU-04")
def test_a_narinfo_that_the_origin_lacks_is_a_failure_where_it_knows_others() -> None:
    def one(read: records.BodyRead) -> records.BodyRead:
        return replace(read, narinfo=NO_OBJECT, nar=None) if read.store_path == runs.SOURCES[0].store_path else read

    assert at_origin(one).word() == "quarantine"
    other = at_origin(lambda read: replace(read, narinfo=NO_OBJECT, nar=None))  # another server, by a wrong setting
    assert (rows(other), other.word()) == ({"body-unread", "origin-unread"}, "inconclusive")


@pytest.mark.row("TRU-04")
def test_what_is_lost_after_the_publication_is_not_hidden_by_what_was_there_before() -> None:
    first = runs.SOURCES[0]
    absence = replace(good_nar(first), status=404, body=NO_SUCH_BUCKET, wire_bytes=0, nar_bytes=0)
    later = body_read(Label.PROFILE, first, at_origin=True, again_after_post=True, nar=absence)
    run = at_origin().with_record(body_read(Label.PROFILE, first, again_after_post=True)).with_record(later)
    assert rows(run) == {"body-missing", "origin-differs"}


@pytest.mark.row("TRU-04")
@pytest.mark.parametrize(
    "edit",
    [
        lambda read: replace(read, narinfo=answer(None, error="connect"), nar=None),
        lambda read: replace(read, narinfo=answer(401), nar=None),
        lambda read: replace(read, nar=replace(read.nar, cached=True)),  # an origin that is a cache itself
        lambda read: replace(read, nar=replace(read.nar, curl=28)),
    ],
    ids=["refused", "denied", "cache", "timeout"],
)
def test_an_origin_that_cannot_be_read_is_inconclusive(edit: Edit) -> None:
    run = at_origin(edit)
    assert "origin-unread" in rows(run)
    assert run.word() == "inconclusive"


@pytest.mark.row("TRU-04")
@pytest.mark.parametrize(
    ("left_out", "words"),
    [
        (lambda _read: True, "was not read at the origin"),
        (lambda read: read.label is Label.CANARY, "was not read at the origin"),
        (
            lambda read: read.label is Label.PROFILE,
            "0 paths beside the canary pair were read at the origin, expected 10",
        ),
    ],
    ids=["none", "canaries", "fresh"],
)
def test_a_named_origin_that_was_not_read_is_no_pass(left_out: Callable[[records.BodyRead], bool], words: str) -> None:
    run = at_origin(lambda read: None if left_out(read) else read)
    assert rows(run) == {"origin-unread"}
    assert words in next(row.summary for row in run.judged()[0] if row.code == "origin-unread")


@pytest.mark.row("TRU-04")
def test_a_read_at_the_origin_is_no_read_where_builders_read() -> None:
    run = at_origin().change(records.BodyRead, lambda read: read if read.at_origin else None)
    assert "body-unread" in rows(run)
    assert run.word() == "inconclusive"
    bad = at_origin().change(
        records.BodyRead,
        lambda read: read if read.at_origin else replace(read, nar=replace(good_nar(runs.SOURCES[0]), wire_bytes=0)),
    )
    assert rows(bad) >= {"body-empty", "origin-differs"}


# --- the bucket index -------------------------------------------------------------------------------------------------


def of(seen: records.BucketSampled) -> records.OriginSampled:
    return records.OriginSampled(listing=seen.listing, heads=seen.heads, gets=seen.gets)


def sampled(
    edit: Callable[[records.BucketSampled], records.OriginSampled | None], *, phase: Phase | None = None
) -> Run:
    """The healthy run whose samples asked an origin too; what that answered, in one phase or in all, is edited."""

    def change(seen: records.BucketSampled) -> records.BucketSampled:
        return replace(seen, origin=edit(seen) if phase in (None, seen.phase) else of(seen))

    return healthy().with_policy(origin_endpoint=ENDPOINT).change(records.BucketSampled, change)


DENIED = answer(403)
TIMEOUT = answer(None, error="timeout")


@pytest.mark.row("TRU-04")
@pytest.mark.parametrize("phase", list(Phase))
def test_an_index_that_is_lost_behind_the_cdn_is_lost(phase: Phase) -> None:
    run = sampled(lambda seen: of(lost(seen)), phase=phase)
    assert rows(run) >= {"bucket-index-lost", "origin-differs"}
    assert run.word() == "quarantine"
    assert sampled(of).word() == "pass"


@pytest.mark.row("TRU-04")
@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (lambda _seen: None, "origin-unread"),
        (lambda seen: replace(of(seen), listing=(DENIED,)), "origin-unread"),
        (lambda seen: replace(of(seen), heads={}), "origin-unread"),
        (lambda seen: replace(of(seen), gets={"attic": DENIED, "tofu-state": DENIED}), "origin-unread"),
        (lambda seen: replace(of(seen), gets={"attic": TIMEOUT, "tofu-state": TIMEOUT}), "origin-unread"),
    ],
    ids=["unasked", "list", "head", "get", "timeout"],
)
def test_an_origin_of_the_index_that_cannot_be_read(edit: Any, code: str, phase: Phase) -> None:
    run = sampled(edit, phase=phase)
    assert code in rows(run)
    assert run.word() == "inconclusive"


@pytest.mark.row("TRU-04")
def test_an_origin_that_never_had_the_bucket_may_be_another_store() -> None:
    """Without a marker there is nothing that says that it was lost."""
    absent = (records.MarkerSeen(bucket=name, data=Truth.ABSENT, meta=Truth.ABSENT) for name in ("attic", "tofu-state"))
    place = records.PlaceSeen(place="file:///data", markers=tuple(absent))
    run = sampled(lambda seen: of(lost(seen))).change(
        records.BucketSampled, lambda seen: replace(seen, places=(place,))
    )
    assert rows(run) >= {"bucket-unobservable", "origin-differs"}
    assert run.word() == "inconclusive"


@pytest.mark.row("TRU-04")
def test_a_loss_at_the_endpoint_is_not_undone_by_an_origin_that_has_it() -> None:
    run = sampled(of).change(records.BucketSampled, lambda seen: replace(lost(seen), origin=of(seen)))
    assert rows(run) >= {"bucket-index-lost", "origin-differs"}
    assert run.word() == "quarantine"


@pytest.mark.row("TRU-04")
def test_owner_and_dates_are_those_of_the_origin() -> None:
    def listed(seen: records.BucketSampled, owner: str, date: str) -> tuple[records.HttpAnswer, ...]:
        body = seen.listing[0].body.replace("</ListAll", f"<Owner><ID>{owner}</ID></Owner></ListAll")
        return (answer(body=body.replace("<Name>attic", f"<CreationDate>{date}</CreationDate><Name>attic")),)

    def run(owner: str, date: str) -> Run:
        return sampled(of).change(
            records.BucketSampled,
            lambda seen: replace(
                seen,
                listing=listed(seen, "me", "2026-11-01T00:00:00Z"),
                origin=replace(of(seen), listing=listed(seen, owner, date)),
            ),
        )

    assert run("me", "2026-11-01T00:00:00Z").word() == "pass"
    assert run("you", "2026-11-01T00:00:00Z").rows() == {("store-identity-differs", "inconclusive")}
    assert run("me", "2026-11-02T00:00:00Z").rows() == {("store-identity-differs", "inconclusive")}


# --- the boundary -----------------------------------------------------------------------------------------------------

SPOT = SPOT_BY_NAME["cache-without-headers"].sentence


def behind(name: str) -> Run:
    """The healthy run with a sign of a cache before one of its servers."""
    header = ("x-served-by: edge",)
    if name == "store":
        return sampled(of).change(
            records.BucketSampled, lambda seen: replace(seen, listing=(replace(seen.listing[0], headers=header),))
        )
    if name == "narinfo":
        return at_origin(
            run=healthy().change(
                records.BodyRead, lambda read: replace(read, narinfo=replace(read.narinfo, headers=header))
            )
        )
    if name == "redirect":
        unnamed = canary_object(bucket=None, key=None, written="attic/1.chunk")
        return at_origin(run=healthy().change(records.CanaryObject, lambda _seen: unnamed))
    return at_origin(
        run=healthy().change(
            records.CacheConfigSeen, lambda seen: replace(seen, answer=replace(seen.answer, headers=header))
        )
    )


@pytest.mark.row("TRU-04")
@pytest.mark.parametrize("name", ["store", "narinfo", "redirect", "config"])
def test_a_cache_without_a_named_origin_is_in_the_boundary(name: str) -> None:
    run = behind(name)
    assert run.word() == "pass"
    assert SPOT not in boundary(run.facts())
    silent = run.with_policy()
    assert SPOT in boundary(silent.facts())


@pytest.mark.row("TRU-04")
def test_answers_that_nothing_dates_are_in_the_boundary() -> None:
    undated = SPOT_BY_NAME["answers-without-date"].sentence

    def dated(seen: records.BucketSampled) -> records.BucketSampled:
        names = ("x-amz-request-id: 17D3CDA338BC4FAE",)
        heads = {name: replace(head, headers=names, url=name) for name, head in seen.heads.items()}
        gets = {name: replace(got, headers=names, url=f"/{name}") for name, got in seen.gets.items()}
        return replace(seen, listing=(replace(seen.listing[0], headers=names),), heads=heads, gets=gets)

    assert undated in boundary(healthy().facts())
    assert undated not in boundary(sampled(of).facts())
    assert undated not in boundary(healthy().change(records.BucketSampled, dated).facts())


@pytest.mark.row("TRU-04")
def test_no_sign_of_a_cache_is_no_word_of_one() -> None:
    assert SPOT not in boundary(healthy().facts())
