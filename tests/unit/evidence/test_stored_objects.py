"""Multipart uploads that stay open: those of the run are doubt, older ones and a store that lists none are a note."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from gate.evidence.stored_objects import fold_uploads
from gate.model import records
from gate.model.basics import Phase, Truth
from tests.helpers import runs
from tests.helpers.runs import answer

OLD = ("old.chunk", "u0", "2026-11-20T00:00:00.000Z")
NEW = ("new.chunk", "u1", "2026-11-24T00:00:20.000Z")
OTHER = ("other.chunk", "u2", "2026-11-24T00:00:25Z")
DATES = {"pre": "Tue, 24 Nov 2026 00:00:07 GMT", "post": "Tue, 24 Nov 2026 00:00:40 GMT"}
DENIED = answer(403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>", date=DATES["pre"])
Upload = tuple[str, str, str]


def page(*uploads: Upload, truncated: bool = False) -> str:
    rows = "".join(
        f"<Upload><Key>{key}</Key><UploadId>{number}</UploadId><Initiated>{since}</Initiated></Upload>"
        for key, number, since in uploads
    )
    return (
        '<?xml version="1.0"?><ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Bucket>attic</Bucket><IsTruncated>{str(truncated).lower()}</IsTruncated>{rows}</ListMultipartUploadsResult>"
    )


def look(phase: Phase, *uploads: Upload, truncated: bool = False, **changes: Any) -> records.UploadsSeen:
    listing = answer(body=page(*uploads, truncated=truncated), date=DATES[phase.value])
    return records.UploadsSeen(phase=phase, bucket="attic", answer=replace(listing, **changes))


def run_with(pre: Sequence[records.UploadsSeen], post: Sequence[records.UploadsSeen]) -> runs.Run:
    """The healthy run with these looks, each behind the first sample of its phase."""
    looks: Mapping[Phase, Sequence[records.UploadsSeen]] = {Phase.PRE: pre, Phase.POST: post}
    rows: list[records.Record] = []
    for record in runs.healthy().records:
        rows.append(record)
        if isinstance(record, records.BucketSampled) and record.number == 1 and record.phase in looks:
            rows.extend(looks[record.phase])
    return runs.Run(tuple(rows), runs.healthy().files)


def verdict_row(run: runs.Run) -> tuple[str, str, str, str]:
    """The one row on uploads, and the verdict's word."""
    (row,) = [row for row in run.judged()[0] if row.code.startswith("upload-")]
    assert (row.subject, row.phase, row.evidence) == ("attic", "post", ("/uploads/0",))
    return row.code, row.status.value, run.word(), row.summary


@pytest.mark.row("HIS-10")
def test_an_upload_that_the_run_left_open_is_no_pass_and_no_object() -> None:
    run = run_with([look(Phase.PRE, OLD)], [look(Phase.POST, OLD, NEW), look(Phase.POST, OLD, NEW)])
    code, status, word, summary = verdict_row(run)
    assert (code, status, word) == ("upload-left-open", "inconclusive", "inconclusive")
    assert run.judged()[1].exit_code == 3
    assert run.rows() == {("upload-left-open", "inconclusive")}
    assert summary == (
        "1 multipart uploads of this run are still open after it, the first of new.chunk since 2026-11-24T00:00:20.000Z"
    )
    facts = run.facts()
    assert [upload.key for upload in facts.uploads[0].left_open] == ["new.chunk"]
    assert facts.coverage == runs.healthy().facts().coverage, "it counts as no object"


@pytest.mark.row("HIS-10")
@pytest.mark.parametrize(
    ("pre", "post", "code", "summary"),
    [
        pytest.param(
            [look(Phase.PRE)],
            [look(Phase.POST), look(Phase.POST)],
            "upload-none",
            "the store lists no open multipart upload",
            id="none",
        ),
        pytest.param(
            [look(Phase.PRE, OLD)],
            [look(Phase.POST, OLD), look(Phase.POST, OLD)],
            "upload-older",
            "1 multipart uploads are open that are not of this run, the oldest for 96.0 hours",
            id="older",
        ),
        pytest.param(
            [look(Phase.PRE)],
            [look(Phase.POST, NEW), look(Phase.POST, OTHER)],
            "upload-older",
            "1 multipart uploads are open that are not of this run, the oldest for 0.0 hours",
            id="another client's, under way",
        ),
        pytest.param(
            [look(Phase.PRE, truncated=True)],
            [look(Phase.POST, OLD, truncated=True), look(Phase.POST, OLD, truncated=True)],
            "upload-older",
            "1 multipart uploads are open that are not of this run, the oldest for 96.0 hours, and the store has more "
            "than were looked at",
            id="older, not on the first page before",
        ),
        pytest.param(
            [look(Phase.PRE, NEW)],
            [look(Phase.POST, NEW), look(Phase.POST, NEW)],
            "upload-older",
            "1 multipart uploads are open that are not of this run, the oldest for 0.0 hours",
            id="there before, whatever its time says",
        ),
    ],
)
def test_what_is_not_of_the_run_is_a_note(
    pre: list[records.UploadsSeen], post: list[records.UploadsSeen], code: str, summary: str
) -> None:
    assert verdict_row(run_with(pre, post)) == (code, "pass", "pass", summary)


@pytest.mark.row("HIS-10")
@pytest.mark.parametrize(
    ("pre", "post", "note"),
    [
        pytest.param([replace(look(Phase.PRE), answer=DENIED)], [look(Phase.POST)] * 2, "pre: HTTP 403 AccessDenied"),
        pytest.param([look(Phase.PRE, status=501, body="x")], [look(Phase.POST)] * 2, "pre: HTTP 501"),
        pytest.param([look(Phase.PRE)], [look(Phase.POST, status=None, error="timeout")], "post: timeout"),
        pytest.param([look(Phase.PRE, date=None)], [look(Phase.POST)], "pre: the store's answer has no date"),
        pytest.param(
            [look(Phase.PRE, date="Tue, 24 Nov 2026 00:00:07 +9999999999")], [look(Phase.POST)], "pre: the store"
        ),
        pytest.param(
            [look(Phase.PRE)], [look(Phase.POST, body="<html></html>")], "post: The list of uploads is a <'html'>"
        ),
        pytest.param([look(Phase.PRE)], [look(Phase.POST, body_cut=True)], "post: HTTP 200"),
        pytest.param([look(Phase.PRE)], [], "post: not asked"),
        pytest.param([], [look(Phase.POST, NEW)], "pre: not asked"),
    ],
)
def test_a_store_that_does_not_list_them_is_noted_and_blocks_nothing(
    pre: list[records.UploadsSeen], post: list[records.UploadsSeen], note: str
) -> None:
    run = run_with(pre, post)
    code, status, word, summary = verdict_row(run)
    assert (code, status, word) == ("upload-unlisted", "pass", "pass")
    assert summary.startswith(f"open uploads could not be listed: {note}")
    assert run.facts().uploads[0].truth is Truth.UNKNOWN


def test_without_a_push_nothing_is_of_the_run() -> None:
    looks = [look(Phase.PRE), look(Phase.POST, NEW), look(Phase.POST, NEW)]
    run = runs.healthy().change(records.ChildEnded, lambda row: None if row.name.startswith("push:") else row)
    for each in looks:
        run = run.with_record(each)
    (row,) = [row for row in run.judged()[0] if row.code.startswith("upload-")]
    assert (row.code, row.summary.partition(",")[0]) == (
        "upload-older",
        "1 multipart uploads are open that are not of this run",
    )


def test_each_bucket_has_its_row_and_a_run_that_did_not_look_has_none() -> None:
    assert fold_uploads([]) == ()
    assert runs.healthy().facts().uploads == ()
    both = [
        look(Phase.PRE),
        look(Phase.POST),
        replace(look(Phase.PRE), bucket="a"),
        replace(look(Phase.POST), bucket="a"),
    ]
    assert [(row.bucket, row.truth.value) for row in fold_uploads(both)] == [("a", "present"), ("attic", "present")]


def test_a_time_without_a_zone_is_utc() -> None:
    (row,) = fold_uploads([look(Phase.PRE, date="Tue, 24 Nov 2026 00:00:07"), look(Phase.POST, NEW)])
    assert [upload.key for upload in row.left_open] == ["new.chunk"]
