"""No answer that a cache kept, or that came before, is the origin's, at any door."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gate.evidence.fold import fold
from gate.evidence.journal_reader import JournalLog
from gate.evidence.origin import answers_in, header_values, of_origin, server_time, with_answers
from gate.judge.body_class import body_class
from gate.judge.verdict import judge
from gate.model import records
from gate.model.basics import Label, Phase
from tests.helpers import runs
from tests.helpers.runs import EMPTY_LISTING, answer, entries, healthy

KEPT = ("x-cache: HIT",)
OF_THE_LOG = (records.LogCanarySent,)  # the log itself decides


def with_one(record: records.Record, number: int, **changes: Any) -> records.Record:
    """The record with its answer of that number changed."""
    count = iter(range(1000))
    changed: records.Record = with_answers(
        record, lambda answer: replace(answer, **changes) if next(count) == number else answer
    )
    return changed


RUN = healthy()
DOORS = [
    pytest.param(at, number, id=f"{at}-{record.kind}-{number}")
    for at, record in enumerate(RUN.records)
    if not isinstance(record, (*OF_THE_LOG, records.CanaryObject))
    and not (isinstance(record, records.BodyRead) and at % 5)
    for number, each in enumerate(answers_in(record))
    if not isinstance(record, records.BucketSampled)
    or each not in (record.ready, record.writable)  # they are extra words
]


@pytest.mark.row("TRU-03")
@pytest.mark.parametrize(("at", "number"), DOORS)
def test_an_answer_of_a_cache_makes_no_pass_and_no_quarantine(at: int, number: int) -> None:
    cached = with_one(RUN.records[at], number, headers=("server: x", *KEPT))
    assert cached != RUN.records[at]
    assert runs.Run((*RUN.records[:at], cached, *RUN.records[at + 1 :]), RUN.files).word() == "inconclusive"


@pytest.mark.row("TRU-03")
@pytest.mark.parametrize("headers", [KEPT, ("age: 120",), ("x-cache: MISS", "x-cache-hits: 1")])
def test_a_loss_that_only_a_cache_tells_is_no_loss(headers: tuple[str, ...]) -> None:
    def lose(sample: records.BucketSampled) -> records.BucketSampled:
        loss = runs.lost(sample)
        return replace(
            loss,
            listing=tuple(replace(page, headers=headers) for page in loss.listing),
            heads={name: replace(head, headers=headers) for name, head in loss.heads.items()},
            gets={name: replace(get, headers=headers) for name, get in loss.gets.items()},
        )

    run = RUN.change(records.BucketSampled, lambda sample: lose(sample) if sample.phase is Phase.POST else sample)
    assert run.word() == "inconclusive"
    notes = run.facts().post.buckets["attic"].samples[0].notes
    assert f"list: an HTTP cache may have answered ({headers[-1]})" in notes


def test_a_404_that_a_cache_kept_is_no_lost_body() -> None:
    not_found = answer(404, '{"code":404,"error":"NoSuchObject","message":"x"}', headers=("age: 30",))

    def lose(read: records.BodyRead) -> records.BodyRead:
        return replace(read, narinfo=not_found, nar=None) if read.label is Label.PROFILE else read

    assert ("body-from-a-cache", "inconclusive") in RUN.change(records.BodyRead, lose).rows()
    plain = RUN.change(
        records.BodyRead, lambda read: replace(lose(read), narinfo=replace(lose(read).narinfo, headers=()))
    )
    assert ("body-missing", "fail") in plain.rows()


def spoken(run: runs.Run, head: Callable[[int, int], records.HttpAnswer]) -> tuple[tuple[str, ...], str]:
    """The notes on `attic` after the publication, and the verdict, where each HEAD of it is answered so.

    ``head`` is given the number of the entry and that of the HEAD.
    """
    rows, count = [], 0
    for at, record in enumerate(run.records):
        row = record
        if isinstance(record, records.BucketSampled):
            one = head(at, count)
            lines = tuple(f"{line}t" for line in one.headers)
            other = replace(one, url="http://127.0.0.1:9/t", headers=lines, date=None)
            row = replace(record, heads={"attic": one, "tofu-state": other})
            count += 1
        rows.append(row)
    facts = runs.Run(tuple(rows), run.files).facts()
    return tuple(note for sample in facts.post.buckets["attic"].samples for note in sample.notes), judge(facts)[
        1
    ].word.value


def date(seconds: int) -> str:
    return f"Tue, 24 Nov 2026 00:{seconds // 60:02}:{seconds % 60:02} GMT"


def test_the_same_request_id_twice_is_a_replay() -> None:
    twice = spoken(RUN, lambda _at, count: answer(headers=(f"x-amz-request-id: {min(count, 4)}",)))
    assert twice == (("head: an answer that came before came again (request id 4)",), "inconclusive")
    fresh = spoken(RUN, lambda _at, count: answer(headers=(f"x-amz-request-id: {count}",)))
    assert fresh == ((), "pass")


def test_a_server_that_gives_every_request_one_id_gives_none() -> None:
    one = ("x-amz-request-id: tx0",)

    def same(sample: records.BucketSampled) -> records.BucketSampled:
        heads = {name: replace(head, url=f"http://s3/{name}", headers=one) for name, head in sample.heads.items()}
        return replace(sample, heads=heads)

    assert RUN.change(records.BucketSampled, same).word() == "pass"


def test_a_date_that_stays_while_our_clock_goes_is_a_replay() -> None:
    dates: dict[int, int] = {}

    def still(at: int, count: int) -> records.HttpAnswer:
        dates[count] = at
        return answer(date=date(dates[1] if count >= 4 else at))

    notes, word = spoken(RUN, still)
    assert word == "inconclusive"
    assert notes
    assert all("came again (Date" in note for note in notes)
    assert spoken(RUN, lambda at, _count: answer(date=date(at))) == ((), "pass")
    assert spoken(RUN, lambda at, _count: answer(date=date(at // 2 * 2))) == ((), "pass")  # answered in one second
    assert spoken(RUN, lambda _at, _count: answer(date="no date")) == ((), "pass")


def test_a_date_far_behind_is_old_where_other_answers_are_not() -> None:
    def late(at: int, count: int) -> records.HttpAnswer:
        return answer(date=f"Mon, 23 Nov 2026 23:3{count % 10}:00 GMT" if count >= 4 else date(at))

    notes, word = spoken(RUN, late)
    assert word == "inconclusive"
    assert all(note.startswith("head: the answer is old (Date Mon, 23 Nov") for note in notes)
    # our own clock may be wrong: then all of them are behind alike
    behind = spoken(RUN, lambda at, _count: answer(date=f"Mon, 23 Nov 2026 22:{at // 60:02}:{at % 60:02} GMT"))
    assert behind == ((), "pass")


def test_what_has_no_kept_answer_is_the_very_same_value() -> None:
    sample = runs.sample(Phase.PRE, 1)
    assert of_origin(sample) is sample
    assert of_origin([sample])[0] is sample
    cached = replace(sample, listing=(answer(body=EMPTY_LISTING, headers=KEPT),))
    assert [page.error for page in of_origin(cached).listing] == ["an HTTP cache may have answered (x-cache: HIT)"]
    assert of_origin(answer(None, error="cut", headers=KEPT)).error == "cut"


def test_headers_and_dates_are_read_by_name() -> None:
    reply = answer(headers=("server: a", "server: b", "x-served-by: c"), date="Tue, 24 Nov 2026 00:00:05 -0000")
    assert header_values(reply, "server") == ("a", "b")
    assert str(server_time(reply)) == "2026-11-24 00:00:05+00:00"
    assert server_time(answer(date="Tue, 99 Nov 2026 00:00:05 GMT")) is None


def test_the_facts_of_a_replay_keep_the_bodies_as_they_came() -> None:
    """A body that a cache delivered is what builders get: its class is decided where bodies are."""
    journal_log = JournalLog(entries=tuple(entries(RUN.records)), torn=False)
    assert {body_class(body) for body in fold(journal_log, runs.captures(RUN.files)).bodies} == {"body-whole"}
    flipped = RUN.change(
        records.BodyRead, lambda read: replace(read, nar=replace(read.nar, sha256="0" * 52, cached="age: 9"))
    )
    assert flipped.word() == "quarantine"
