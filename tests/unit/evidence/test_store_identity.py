"""Endpoint, bucket and disk are one store, or the run says that they may not be."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.model import records
from gate.model.basics import Phase, Truth
from gate.parse.addresses import object_place
from tests.helpers import runs
from tests.helpers.runs import Run, answer, canary_object, healthy

DIFFERS = {("store-identity-differs", "inconclusive")}
OWNER = "<Owner><ID>{}</ID></Owner></ListAllMyBucketsResult>"


def after(edit: Callable[[records.BucketSampled], records.BucketSampled]) -> Run:
    """The healthy run whose samples after the publication are edited."""
    return healthy().change(
        records.BucketSampled, lambda sample: edit(sample) if sample.phase is Phase.POST else sample
    )


def with_headers(sample: records.BucketSampled, *headers: str) -> records.BucketSampled:
    def edit(name: str, old: records.HttpAnswer) -> records.HttpAnswer:
        return replace(old, headers=headers, url=f"http://s3/{sample.phase}/{sample.number}/{name}")

    return replace(
        sample,
        listing=tuple(edit("", page) for page in sample.listing),
        heads={name: edit(f"head/{name}", head) for name, head in sample.heads.items()},
        gets={name: edit(f"get/{name}", got) for name, got in sample.gets.items()},
    )


def with_list(sample: records.BucketSampled, owner: str, date: str) -> records.BucketSampled:
    body = sample.listing[0].body.replace("</ListAllMyBucketsResult>", OWNER.format(owner))
    body = body.replace("<Name>attic", f"<CreationDate>{date}</CreationDate><Name>attic")
    return replace(sample, listing=(replace(sample.listing[0], body=body),))


@pytest.mark.row("S3-29")
@pytest.mark.parametrize(
    ("before", "later"),
    [
        (("server: RustFS",), ("server: MinIO",)),
        (("server: RustFS",), ()),
        ((), ("server: RustFS",)),
        (("x-request-id: a0f4c4d3-5453-4498-840a-e4db7db99a81",), ("x-request-id: 17D3CDA338BC4FAE",)),
        (("x-request-id: a0f4c4d3-5453-4498-840a-e4db7db99a81",), ("x-amz-request-id: 17D3CDA338BC4FAE",)),
        (("x-minio-deployment-id: d1",), ("x-minio-deployment-id: d2",)),
    ],
)
def test_another_server_after_the_publication(before: tuple[str, ...], later: tuple[str, ...]) -> None:
    def edit(sample: records.BucketSampled) -> records.BucketSampled:
        return with_headers(sample, *(later if sample.phase is Phase.POST else before))

    assert healthy().change(records.BucketSampled, edit).rows() == DIFFERS
    assert healthy().change(records.BucketSampled, lambda sample: with_headers(sample, *before)).word() == "pass"


@pytest.mark.row("S3-29")
def test_a_deployment_that_is_not_that_of_the_drives() -> None:
    def edit(sample: records.BucketSampled, name: str) -> records.BucketSampled:
        places = tuple(replace(place, volume="d1/drive-1") for place in sample.places)
        return replace(with_headers(sample, f"x-minio-deployment-id: {name}"), places=places)

    assert healthy().change(records.BucketSampled, lambda sample: edit(sample, "d2")).rows() == DIFFERS
    assert healthy().change(records.BucketSampled, lambda sample: edit(sample, "d1")).word() == "pass"


@pytest.mark.row("S3-29")
@pytest.mark.parametrize(
    ("owner", "date", "rows"),
    [
        ("me", "2026-11-01T00:00:00.000Z", set()),
        ("you", "2026-11-01T00:00:00.000Z", DIFFERS),
        ("me", "2026-11-02T00:00:00.000Z", DIFFERS),  # another bucket of that name, made before the run
        ("me", "2026-10-02T00:00:00.000Z", DIFFERS),
        ("me", "2026-11-24T00:00:30.000Z", set()),  # the folder's own time, since the run wrote to it
        ("me", "soon", set()),
        ("me", "2026-11-24T00:00:30", set()),
    ],
)
def test_owner_and_dates_of_the_buckets(owner: str, date: str, rows: set[tuple[str, str]]) -> None:
    def edit(sample: records.BucketSampled) -> records.BucketSampled:
        if sample.phase is Phase.POST:
            return with_list(sample, owner, date)
        return with_list(sample, "me", "2026-11-01T00:00:00.000Z")

    assert healthy().change(records.BucketSampled, edit).rows() == rows


def test_a_date_that_comes_and_goes_is_of_two_stores() -> None:
    def edit(sample: records.BucketSampled) -> records.BucketSampled:
        new = sample.phase is not Phase.DURING
        return with_list(sample, "me", "2026-11-24T00:00:01.000Z" if new else "2026-11-24T00:00:09.000Z")

    assert healthy().change(records.BucketSampled, edit).rows() == DIFFERS


def test_answers_that_were_under_way_together_are_recorded_in_either_order() -> None:
    """A folder's time as a bucket's date moves with each write, and a slower answer may be recorded later."""

    def edit(sample: records.BucketSampled) -> records.BucketSampled:
        moment = "15" if sample.phase is Phase.POST else "17"
        return with_list(sample, "me", f"2026-11-24T00:00:01.0{moment}Z")

    assert healthy().change(records.BucketSampled, edit).rows() == set()


def test_what_is_told_of_a_store() -> None:
    def edit(sample: records.BucketSampled) -> records.BucketSampled:
        heads = {name: replace(head, peer="10.0.0.1:9") for name, head in sample.heads.items()}
        return replace(with_headers(sample, "x-served-by: edge"), heads=heads)

    store = healthy().change(records.BucketSampled, edit).facts().store
    assert store is not None
    assert (store.peers, store.network) == (("10.0.0.1:9",), "x-served-by: edge")
    unread = after(lambda sample: replace(sample, listing=(answer(body="<html>"),)))
    assert DIFFERS.isdisjoint(unread.rows())


UNKNOWN = records.ObjectPlace(place="file:///data", truth=Truth.UNKNOWN, error="EIO")
ABSENT = records.ObjectPlace(place="file:///data", truth=Truth.ABSENT)
THERE = records.ObjectPlace(place="file:///data", truth=Truth.PRESENT)
SIDECAR = records.ObjectPlace(place="kubectl://a", truth=Truth.UNKNOWN, error="no", denied=True)
DENIED = answer(403)


BY_TIME = {"bucket": None, "key": None, "written": "attic/1.chunk", "places": (THERE, ABSENT)}


def listed(*keys: str) -> records.HttpAnswer:
    """A whole page of ListObjectsV2."""
    contents = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys)
    return answer(body=f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>")


@pytest.mark.row("S3-29")
@pytest.mark.parametrize(
    ("changes", "code", "word"),
    [
        ({}, "store-canary-on-disk", "pass"),
        ({"places": (ABSENT, THERE)}, "store-canary-on-disk", "pass"),
        ({"head": DENIED}, "store-canary-unlocated", "inconclusive"),
        ({"head": DENIED, "listing": (listed("0a1b.chunk"),)}, "store-canary-on-disk", "pass"),
        ({"head": DENIED, "listing": (listed("0a1b.chunk2"),)}, "store-canary-absent", "inconclusive"),
        ({"head": DENIED, "listing": (listed(),)}, "store-canary-absent", "inconclusive"),
        ({"head": DENIED, "listing": (answer(503),)}, "store-canary-unlocated", "inconclusive"),
        ({"head": DENIED, "listing": (answer(body="<html>"),)}, "store-canary-unlocated", "inconclusive"),
        ({"head": None}, "store-canary-unlocated", "inconclusive"),
        ({"head": answer(404)}, "store-canary-absent", "inconclusive"),
        ({"places": (ABSENT,)}, "store-canary-absent", "inconclusive"),
        ({"places": (ABSENT,), "head": DENIED}, "store-canary-absent", "inconclusive"),
        ({"places": (ABSENT, UNKNOWN)}, "store-canary-unlocated", "inconclusive"),
        ({"places": (UNKNOWN,)}, "store-canary-unlocated", "inconclusive"),
        ({"places": (SIDECAR,)}, "store-canary-in-bucket", "pass"),
        ({"places": (SIDECAR,), "head": DENIED, "listing": (listed("0a1b.chunk"),)}, "store-canary-in-bucket", "pass"),
        ({"places": (SIDECAR,), "head": answer(404)}, "store-canary-absent", "inconclusive"),
        ({"places": (SIDECAR,), "head": DENIED}, "store-canary-unseen", "inconclusive"),
        ({"places": (SIDECAR,), "head": answer(headers=("age: 9",))}, "store-canary-unseen", "inconclusive"),
        ({"places": (SIDECAR, UNKNOWN)}, "store-canary-unlocated", "inconclusive"),
        ({"bucket": None, "key": None, "head": None, "places": ()}, "store-canary-unlocated", "inconclusive"),
        ({"bucket": None, "key": None, "head": None, "places": (UNKNOWN,)}, "store-canary-unlocated", "inconclusive"),
        ({"bucket": None, "key": None, "head": None, "places": (SIDECAR,)}, "store-canary-unseen", "inconclusive"),
        ({"bucket": None, "key": None, "head": None, "places": (ABSENT,)}, "store-canary-absent", "inconclusive"),
        ({**BY_TIME, "head": answer()}, "store-canary-by-time", "pass"),
        ({**BY_TIME, "head": answer(404)}, "store-canary-absent", "inconclusive"),
        ({**BY_TIME, "head": DENIED}, "store-canary-unlocated", "inconclusive"),
        ({**BY_TIME, "head": DENIED, "listing": (listed("1.chunk"),)}, "store-canary-by-time", "pass"),
        ({**BY_TIME, "head": DENIED, "listing": (listed(),)}, "store-canary-absent", "inconclusive"),
        ({**BY_TIME, "head": None, "written": None}, "store-canary-unlocated", "inconclusive"),
    ],
)
def test_the_canarys_object(changes: dict[str, object], code: str, word: str) -> None:
    run = healthy().change(records.CanaryObject, lambda _seen: canary_object(**changes))
    rows = [row.code for row in run.judged()[0] if row.subject == "canary" and row.code.startswith("store")]
    assert (rows, run.word()) == ([code], word)


@pytest.mark.row("S3-29")
def test_the_canary_is_looked_for_after_the_last_sample() -> None:
    """A name that leads to another store afterwards: what was there before its samples says nothing of it."""
    rows = [record for record in healthy().records if not isinstance(record, records.CanaryObject)]
    at = next(at for at, record in enumerate(rows) if isinstance(record, records.BucketSampled))
    early = Run((*rows[: at + 2], canary_object(), *rows[at + 2 :]), healthy().files)
    assert early.rows() == {("store-canary-unlocated", "inconclusive")}


@pytest.mark.row("S3-29")
def test_a_canary_that_was_not_looked_for_is_no_pass() -> None:
    run = healthy().change(records.CanaryObject, lambda _seen: None)
    assert run.rows() == {("store-canary-unlocated", "inconclusive")}


def test_a_run_that_sampled_and_published_nothing_has_no_row_on_the_store() -> None:
    run = healthy().change(records.BucketSampled, lambda _seen: None)
    early = Run(
        tuple(row for row in run.records if not isinstance(row, records.ChildEnded | records.CanaryObject)), run.files
    )
    assert [row for row in early.judged()[0] if row.code.startswith("store-")] == []
    assert early.word() == "inconclusive"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://s3:9/attic/4e78-5c.chunk", ("attic", "4e78-5c.chunk")),
        ("http://attic.s3/4e78.chunk", ("attic", "4e78.chunk")),
        ("http://s3/other/4e78.chunk", None),
        ("http://s3/attic/a/b", None),
        ("http://s3/attic/..", None),
        ("http://s3/attic/%2e%2e", None),
        ("http://s3/attic/a%2Fb", None),
        ("http://s3/attic/a%00", None),
        ("http://s3/attic/", None),
        ("http://[s3/attic/a", None),
    ],
)
def test_which_object_a_url_names(url: str, place: tuple[str, str] | None) -> None:
    assert object_place(url, ("attic", "tofu-state")) == place


@settings(max_examples=200, deadline=None)
@given(url=st.text(max_size=80) | st.text(max_size=40).map(lambda key: f"http://s3/attic/{key}"))
def test_a_key_is_a_plain_name_on_a_disk(url: str) -> None:
    place = object_place(url, ("attic",))
    assert place is None or ("/" not in place[1] and not place[1].startswith(".") and place[1].isascii())
    assert runs.answer().ok
