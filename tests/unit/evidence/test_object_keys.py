from gate.evidence.buckets import read_sample
from gate.evidence.stored_objects import fold_keys
from gate.model.basics import Phase, Truth
from gate.model.records import BucketSampled, HttpAnswer
from tests.helpers.scripted_s3 import error, listing, objects


def page(body: bytes, status: int | None = 200, error_: str | None = None, *, cut: bool = False) -> HttpAnswer:
    return HttpAnswer(url="http://s3/b", status=status, error=error_, body=body.decode(), body_cut=cut)


def test_pages_that_hang_together() -> None:
    assert fold_keys([page(objects([]))]) == ((), None)
    assert fold_keys([page(objects(["a", "b"], "t")), page(objects([], "u")), page(objects(["é", "z"]))]) == (
        ("a", "b", "é", "z"),
        None,
    )


def test_pages_that_do_not() -> None:
    first = page(objects(["b", "c"], "t"))
    back = "the list of objects goes back: a page repeats or precedes keys of the one before"
    assert fold_keys([first, page(objects(["c"]))]) == (("b", "c"), back)
    assert fold_keys([first, page(objects(["a"]))]) == (("b", "c"), back)
    assert fold_keys([]) == ((), "the list of objects has no end")
    assert fold_keys([first]) == (("b", "c"), "the list of objects has no end")
    assert fold_keys([first, page(b"", None, "cut")]) == (("b", "c"), "the list of objects: cut")
    assert fold_keys([page(error("AccessDenied"), 403)]) == ((), "the list of objects: HTTP 403 AccessDenied")
    assert fold_keys([page(objects([]), cut=True)]) == ((), "the list of objects: HTTP 200")
    keys, problem = fold_keys([page(b"<html/>")])
    assert (keys, problem) == ((), "The list of objects is a <'html'>: expected <ListBucketResult>.")


def test_a_page_of_buckets_that_repeats_another_makes_the_list_unknown() -> None:
    pages = (page(listing(["a", "b"], "t")), page(listing(["b", "c"])))
    at = "2026-11-24T00:00:00.000Z"
    sample = BucketSampled(
        phase=Phase.PRE, number=1, began_at=at, ended_at=at, listing=pages, heads={}, gets={}, places=()
    )
    row = read_sample(sample, "c")
    assert (row.listed, row.notes[0]) == (Truth.UNKNOWN, "list: a page names a bucket that an earlier one has")
