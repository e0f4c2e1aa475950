"""A state whose content was read before and after: what each difference comes to, and that no doubt is a pass."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from gate.evidence.journal_reader import JournalLog
from gate.judge.checks.state import check_state
from gate.judge.codes.registry import BY_CODE
from gate.model import records
from gate.model.basics import Phase, Status, Truth
from gate.model.document import Facts, State
from gate.model.parsed import StateFacts
from gate.model.records import StateTold
from gate.probe.building import facts_so_far, unclean
from tests.helpers import runs
from tests.helpers.runs import answer

ETAG = '"e1"'
FACTS = StateFacts(version=4, serial=7, lineage="ab" * 32)
OTHER = replace(FACTS, lineage="cd" * 32)
SEALED = StateFacts(version=None, serial=None, lineage=None, encrypted=True)


def contents(facts: StateFacts | None = FACTS, *, etag: str = ETAG, **changes: Any) -> records.StateContents:
    result = records.StateContents(
        get=answer(etag=etag, content_length=432),
        again=answer(etag=etag, content_length=432),
        size=432,
        content="state" if facts else "no-state",
        facts=facts,
        problem=None if facts else "The state is not JSON.",
    )
    return replace(result, **changes)


def refused(status: int | None, fault: str | None = None, error: str | None = None) -> records.StateContents:
    return contents(None, get=answer(status, error=error), content="unread", problem=None, fault=fault, size=0)


def run(
    before: records.StateContents | None, after: records.StateContents | None, *, etag: str = ETAG, **post: Any
) -> runs.Run:
    """A healthy run with these contents; ``etag`` and ``post`` are of the HEAD answers after."""

    def change(record: records.StateSeen) -> records.StateSeen:
        if record.phase is Phase.PRE:
            return replace(record, contents=before)
        return replace(record, contents=after, **{"head": answer(etag=etag, content_length=432), **post})

    return runs.healthy().with_policy(state_contents=True).change(records.StateSeen, change)


def moved(serial: int | None, **changes: Any) -> records.StateContents:
    return contents(replace(FACTS, serial=serial, **changes), etag='"e2"')


NEXT: dict[str, Any] = {"etag": '"e2"'}
CASES: dict[str, tuple[runs.Run, str, str, str]] = {
    "the same": (run(contents(), contents()), "state-unchanged", "pass", "pass"),
    "a later serial": (run(contents(), moved(8), **NEXT), "state-serial-moved", "pass", "pass"),
    "a later serial of an encrypted state": (
        run(contents(), moved(9, version=None, encrypted=True), **NEXT),
        "state-serial-moved",
        "pass",
        "pass",
    ),
    "another lineage": (run(contents(), contents(OTHER)), "state-lineage-changed", "fail", "quarantine"),
    "another lineage and no HEAD": (
        run(contents(), contents(OTHER), head=answer(503)),
        "state-lineage-changed",
        "fail",
        "quarantine",
    ),
    "an earlier serial": (run(contents(), moved(6), **NEXT), "state-serial-back", "inconclusive", "inconclusive"),
    "other bytes of one serial": (run(contents(), moved(7), **NEXT), "state-changed", "inconclusive", "inconclusive"),
    "a hidden serial, the same bytes": (run(contents(SEALED), contents(SEALED)), "state-unchanged", "pass", "pass"),
    "a hidden serial, other bytes": (
        run(contents(SEALED), contents(SEALED, etag='"e2"'), **NEXT),
        "state-changed",
        "inconclusive",
        "inconclusive",
    ),
    "encrypted since, so that nothing shows": (
        run(contents(), contents(SEALED, etag='"e2"'), **NEXT),
        "state-changed",
        "inconclusive",
        "inconclusive",
    ),
    "a serial, and its lineage hidden": (
        run(contents(replace(SEALED, serial=7)), contents(replace(SEALED, serial=8), etag='"e2"'), **NEXT),
        "state-changed",
        "inconclusive",
        "inconclusive",
    ),
    "no state any more": (run(contents(), contents(None)), "state-damaged", "fail", "quarantine"),
    "no bytes any more": (run(contents(), contents(None, size=0)), "state-damaged", "fail", "quarantine"),
    "no state any more, and no HEAD lock": (
        run(contents(), contents(None), lock=answer(500)),
        "state-damaged",
        "fail",
        "quarantine",
    ),
    "never a state": (run(contents(None), contents(None)), "state-damaged", "inconclusive", "inconclusive"),
    "a state only since": (run(contents(None), contents()), "state-damaged", "inconclusive", "inconclusive"),
    "a page of a proxy": (
        run(contents(), contents(None, get=answer())),
        "state-changed",
        "inconclusive",
        "inconclusive",
    ),
    "changed while it was read": (
        run(contents(), contents(again=answer(etag='"e2"'))),
        "state-changed",
        "inconclusive",
        "inconclusive",
    ),
    "no HEAD after it": (
        run(contents(), contents(again=answer(None, etag=ETAG, error="timeout"))),
        "state-changed",
        "inconclusive",
        "inconclusive",
    ),
    "whole as a state and of another size": (
        run(contents(), contents(size=431)),
        "state-changed",
        "inconclusive",
        "inconclusive",
    ),
    "without an ETag": (
        run(contents(), contents(etag=""), head=answer(content_length=432)),
        "state-changed",
        "inconclusive",
        "inconclusive",
    ),
    "another version": (
        run(contents(), contents(None, content="other-version")),
        "state-unobservable",
        "inconclusive",
        "inconclusive",
    ),
    "GET refused": (
        run(contents(), refused(403, "AccessDenied")),
        "state-unobservable",
        "inconclusive",
        "inconclusive",
    ),
    "GET refused before": (
        run(refused(500), contents()),
        "state-unobservable",
        "inconclusive",
        "inconclusive",
    ),
    "GET cut": (
        run(contents(), refused(None, error="cut")),
        "state-unobservable",
        "inconclusive",
        "inconclusive",
    ),
    "too large": (
        run(contents(), contents(None, content="unread", get=answer(etag=ETAG, body_cut=True))),
        "state-unobservable",
        "inconclusive",
        "inconclusive",
    ),
    "not read": (run(contents(), None), "state-unobservable", "inconclusive", "inconclusive"),
    "HEAD serves it and GET has no key": (
        run(contents(), refused(404, "NoSuchKey")),
        "state-lost",
        "fail",
        "quarantine",
    ),
    "GET has no bucket, and HEAD is unknown": (
        run(contents(), refused(404, "NoSuchBucket"), head=answer(503)),
        "state-lost",
        "fail",
        "quarantine",
    ),
    "HEAD has no object": (
        run(contents(), refused(404, "NoSuchKey"), head=answer(404)),
        "state-lost",
        "fail",
        "quarantine",
    ),
    "a 404 without a word of S3": (run(contents(), refused(404)), "state-unobservable", "inconclusive", "inconclusive"),
    "GET never had the key": (
        run(refused(404, "NoSuchKey"), refused(404, "NoSuchKey")),
        "state-unobservable",
        "inconclusive",
        "inconclusive",
    ),
    "a later serial, and a lock": (
        run(contents(), moved(8), lock=answer(), **NEXT),
        "state-locked",
        "inconclusive",
        "inconclusive",
    ),
    "a later serial, and the lock unknown": (
        run(contents(), moved(8), lock=answer(500), **NEXT),
        "state-unobservable",
        "inconclusive",
        "inconclusive",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_the_contents_come_to(name: str) -> None:
    tried, code, status, word = CASES[name]
    rows = [row for row in tried.judged()[0] if row.code.startswith("state-")]
    assert [(row.code, row.status.value) for row in rows] == [(code, status)]
    assert tried.word() == word
    assert rows[0].evidence == ("/pre/state", "/post/state")


def test_the_summary_tells_both_sides() -> None:
    (row,) = check_state(CASES["a later serial of an encrypted state"][0].facts())
    assert row.summary == (
        'before present, ETag "e1", 432 bytes, lock absent, serial 7, lineage abababababab (hashed); '
        'after present, ETag "e2", 432 bytes, lock absent, serial 9, lineage abababababab (hashed), encrypted'
    )
    (row,) = check_state(CASES["a hidden serial, the same bytes"][0].facts())
    assert row.summary.endswith("serial None, lineage hidden, encrypted")
    (row,) = check_state(CASES["changed while it was read"][0].facts())
    assert row.summary.endswith(
        "the answers to HEAD, GET and HEAD are not of one object, serial 7, lineage abababababab (hashed)"
    )
    (row,) = check_state(CASES["GET refused"][0].facts())
    assert row.summary.endswith("content unread: HTTP 403 AccessDenied")
    (row,) = check_state(CASES["too large"][0].facts())
    assert row.summary.endswith("content unread: HTTP 200, cut")
    (row,) = check_state(CASES["no bytes any more"][0].facts())
    assert row.summary.endswith("content no-state: 0 bytes: The state is not JSON.")


def test_a_state_that_was_looked_at_on_one_side_only_or_is_not_kept_here() -> None:
    facts = CASES["the same"][0].facts()
    for pre, post, words in ((facts.pre, None, "before"), (None, facts.post, "after"), (None, None, "never")):
        sides = (pre or replace(facts.pre, state=None), post or replace(facts.post, state=None))
        (row,) = check_state(replace(facts, pre=sides[0], post=sides[1]))
        assert (row.code, row.summary) == ("state-unobservable", f"the state was looked at {words} only")
    (row,) = check_state(replace(facts, policy=replace(facts.policy, absent=("state",))))
    assert (row.code, row.status) == ("state-not-here", Status.NOT_APPLICABLE)


def test_contents_that_nobody_asked_for_are_not_missed() -> None:
    unread = run(None, None).with_policy(state_contents=False)
    assert unread.word() == "pass"
    assert [row.code for row in check_state(unread.facts())] == ["state-unchanged"]


_TOLD = (
    None,
    StateTold(content="state", version=4, serial=7, lineage="a"),
    StateTold(content="state", version=4, serial=8, lineage="a"),
    StateTold(content="state", version=4, serial=7, lineage="b"),
    StateTold(content="state", serial=7, encrypted=True),
    StateTold(content="state", encrypted=True),
    StateTold(content="unsteady", serial=7, lineage="b"),
    *(StateTold(content=content) for content in ("other-version", "no-state", "gone", "unsteady", "unread")),
)
_HEADS = (("e1", Truth.PRESENT), ("e2", Truth.PRESENT), (None, Truth.ABSENT), (None, Truth.UNKNOWN))


def _facts(pre: State, post: State) -> Facts:
    facts = run(None, None).facts()
    return replace(facts, pre=replace(facts.pre, state=pre), post=replace(facts.post, state=post))


def _state(head: tuple[str | None, Truth], told: StateTold | None, locked: Truth) -> State:
    return State(
        bucket="b", key="k", truth=head[1], etag=head[0], size=1, version_id=None, locked=locked, note="", contents=told
    )


def test_of_all_pairs_only_the_same_state_passes_and_a_failure_stays_one_when_more_is_unknown() -> None:
    facts = _facts(_state(_HEADS[0], None, Truth.ABSENT), _state(_HEADS[0], None, Truth.ABSENT))
    sides = [(head, result, lock) for head, result, lock in product(_HEADS, _TOLD, (Truth.ABSENT, Truth.UNKNOWN))]
    judged: dict[tuple[Any, Any], Status] = {}
    for before, after in product(sides, sides):
        pair = replace(
            facts,
            pre=replace(facts.pre, state=_state(*before)),
            post=replace(facts.post, state=_state(*after)),
        )
        (row,) = check_state(pair)
        judged[before, after] = row.status
        assert row.status in BY_CODE[row.code].statuses
        if row.status is Status.PASS:
            result = (before[1], after[1])
            assert None not in result
            assert {side.content for side in result if side} == {"state"}
            assert len({side.lineage for side in result if side}) == 1
            assert before[2] is after[2] is Truth.ABSENT
            assert before[0][1] is after[0][1] is Truth.PRESENT
            same = before[:2] == after[:2]
            assert same or row.code == "state-serial-moved"
    worse = {Status.PASS: 0, Status.INCONCLUSIVE: 1, Status.FAIL: 2}
    for (before, after), status in judged.items():
        unknown = (before, (after[0], after[1], Truth.UNKNOWN))
        assert worse[judged[unknown]] >= worse[status]
    assert len(judged) == len(sides) ** 2


@pytest.mark.parametrize(
    ("before", "clean"), [(contents(), True), (contents(None), False), (refused(403), False), (None, False)]
)
def test_nothing_is_published_over_a_state_that_could_not_be_read(
    before: records.StateContents | None, clean: bool
) -> None:
    entries = [entry for entry in runs.entries(run(before, contents()).records) if not _after(entry.record)]
    result = unclean(facts_so_far(entries))
    assert result == (() if clean else ("the content of the OpenTofu state could not be read as one",))
    assert JournalLog(entries=tuple(entries), torn=False).of(records.StateSeen)


def _after(record: records.Record) -> bool:
    return isinstance(record, records.BucketSampled | records.StateSeen) and record.phase is not Phase.PRE
