"""The server's log beside a run: whose each event is, how far the clocks are apart, what stands beside a failure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate import limits
from gate.evidence.log_join import Failure, FailureKind, LogJoin, failures_of, measure_skew
from gate.evidence.pushes import PushSources, fold_push
from gate.model import records
from gate.model.basics import Label, Phase
from gate.model.document import NearFailure, ServerEvent, ServerLog, Skew
from gate.model.parsed import LogEvent
from gate.model.time import parse_time
from gate.parse.server_log import ServerLogParser, speaks_of_storage
from tests.helpers import runs
from tests.helpers.runs import Run, answer, healthy

ORIGIN = "2026-11-24T00:00:00.000Z"
UPLOAD = "PUT /_api/v1/upload-path"
NARINFO = "GET /main/00000000000000000000000000000000.narinfo"
STORAGE = "Storage error: Storage error: service error: unhandled error (NoSuchBucket): Error"
INTERNAL = "InternalServerError: The server encountered an internal error or misconfiguration."


def at(second: float) -> str:
    moved = datetime.fromisoformat(ORIGIN) + timedelta(seconds=second)
    return moved.isoformat(timespec="microseconds").replace("+00:00", "Z")


def line(second: float, message: str, request: str | None = None, target: str = "attic_server::error") -> str:
    """An event as Attic prints it; its own 500 follows where there is a request."""
    text = f"{at(second)} ERROR {target}: {message}\n"
    if request is None:
        return text
    method, _, uri = request.partition(" ")
    failed = "tower_http::trace::on_failure: response failed classification=Status code: 500 Internal Server Error"
    return (
        f"{text}   1: tower_http::trace::make_span::request\n"
        f"           with method={method} uri={uri} version=HTTP/1.1\n"
        f"{at(second + 0.00008)} ERROR {failed} latency=0 ms\n"
    )


def canary(second: float, nonce: str) -> str:
    return line(second, "Error from the common components.", f"GET /main/{nonce}.narinfo")


def log(*middle: str, ahead: float = 0) -> bytes:
    """A log with both canaries of the healthy run, by a clock that is so many seconds ahead of ours."""
    when = {record.phase: moment for moment, record in sent(healthy())}
    pre, post = seconds(when[Phase.PRE]) + ahead, seconds(when[Phase.POST]) + ahead
    return "".join([canary(pre, runs.PRE_NONCE), *middle, canary(post, runs.POST_NONCE)]).encode()


def sent(run: Run) -> list[tuple[str, records.LogCanarySent]]:
    entries = runs.entries(run.records, chained=False)
    return [(entry.at, entry.record) for entry in entries if isinstance(entry.record, records.LogCanarySent)]


def seconds(time: str) -> float:
    return (datetime.fromisoformat(time) - datetime.fromisoformat(ORIGIN)).total_seconds()


def folded(run: Run, text: bytes) -> ServerLog:
    return run.with_file("server.log", text).facts().server_log


def whose(server_log: Iterable[ServerEvent]) -> list[str | None]:
    return [event.explained for event in server_log]


def time_of(run: Run, kind: type, **fields: object) -> float:
    """When, in seconds, the run recorded the first record of a kind with these fields."""
    for entry in runs.entries(run.records, chained=False):
        if isinstance(entry.record, kind) and all(getattr(entry.record, key) == to for key, to in fields.items()):
            return seconds(entry.at)
    raise AssertionError(kind)


def failed_push(millis: int = 3000) -> Run:
    good, bad = runs.SOURCES[:-1], runs.SOURCES[-1]
    failing = f"❌ {bad.store_path.removeprefix('/nix/store/')}: {INTERNAL}\nError: {INTERNAL}\n".encode()

    def change(record: records.ChildEnded) -> records.ChildEnded:
        return replace(record, exit=1, millis=millis) if record.name == "push:profile" else record

    text = runs.push_log(good, announced=len(runs.SOURCES)) + failing
    return healthy().change(records.ChildEnded, change).with_file("push-profile.log", text)


# ------------------------------------------------------------------------------------------------- whose an event is


def test_both_canaries_and_their_answers_are_ours() -> None:
    server_log = folded(healthy(), log())
    assert whose(server_log.events) == ["canary", "answer", "canary", "answer"]
    assert (server_log.unexplained, server_log.restarts, server_log.near) == (0, 0, ())


def test_another_runs_canaries_are_no_fault_of_the_server() -> None:
    server_log = folded(healthy(), log(canary(9, "gate-canary-pre-00ff"), canary(10, "gate-canary-post-00ff")))
    assert whose(server_log.events)[2:6] == ["other-canary", "answer", "other-canary", "answer"]
    assert server_log.unexplained == 0


@pytest.mark.parametrize(
    "request_line",
    [
        NARINFO,
        "GET /main/gate-canary-pre-00ff.narinfo.narinfo",
        "GET /gate-canary-pre-00ff.narinfo",
        "PUT /main/gate-canary-pre-00ff.narinfo",
        "GET /main/gate-canary-x-00ff.narinfo",
    ],
)
def test_what_only_looks_like_a_canary_is_not_explained(request_line: str) -> None:
    server_log = folded(healthy(), log(line(9, "Database error", None), line(9, "oops", request_line)))
    assert server_log.unexplained == 1
    assert whose(server_log.events) == ["canary", "answer", None, None, "answer", "canary", "answer"]


def test_a_nonce_explains_one_event_only() -> None:
    server_log = folded(healthy(), log(line(9, "oops", f"GET /main/{runs.PRE_NONCE}.narinfo?again")))
    assert server_log.unexplained == 0  # of the form of a canary: refused before anything is looked up
    assert whose(server_log.events)[2:4] == ["other-canary", "answer"]
    server_log = folded(healthy(), log(line(9, f"oops {runs.PRE_NONCE}", NARINFO)))
    assert (server_log.unexplained, whose(server_log.events)[2:4]) == (1, [None, "answer"])


def test_a_canary_that_met_the_store_is_no_canary() -> None:
    server_log = folded(healthy(), line(5, STORAGE, f"GET /main/{runs.PRE_NONCE}.narinfo").encode() + log())
    assert whose(server_log.events)[:2] == [None, "answer"]
    assert speaks_of_storage(server_log.events[0])


def test_a_failed_push_explains_the_uploads_errors_of_its_time_and_nothing_else() -> None:
    run = failed_push()
    ended = time_of(run, records.ChildEnded, name="push:profile")
    text = log(
        line(ended - 1, STORAGE, UPLOAD),
        line(ended - 1, "oops", UPLOAD),
        line(ended - 1, "oops")
        + '           with loc.file="server/src/api/v1/upload_path.rs" loc.line=342 loc.col=1\n',
        line(ended - 1, "oops", NARINFO),
        line(ended - 3 - limits.LOG_JOIN_SECONDS - 1, "oops", UPLOAD),
        line(ended + limits.LOG_JOIN_SECONDS + 1, "oops", UPLOAD),
    )
    server_log = folded(run, text)
    assert whose(server_log.events)[2:-2] == [
        "push",
        "answer",
        "push",
        "answer",
        "push",
        None,
        "answer",
        None,
        "answer",
        None,
        "answer",
    ]
    assert server_log.unexplained == 3


def test_a_failed_read_explains_the_errors_of_reading() -> None:
    bad = runs.SOURCES[0].store_path

    def change(record: records.BodyRead) -> records.BodyRead:
        return replace(record, narinfo=answer(500, millis=2500), nar=None) if record.store_path == bad else record

    run = healthy().change(records.BodyRead, change)
    ended = time_of(run, records.BodyRead, store_path=bad)
    text = log(
        line(ended - 2.4, "oops", NARINFO),
        line(ended - 1, "Stream error e=Storage error: NoSuchKey", None, "attic_server::api::binary_cache"),
        line(ended - 1, "oops", UPLOAD),
        line(ended - 1, "oops", "HEAD /main/x.narinfo"),
    )
    server_log = folded(run, text)
    assert whose(server_log.events)[2:-2] == ["read", "answer", "read", None, "answer", None, "answer"]
    assert [(each.store_path, each.what, each.count) for each in server_log.near] == [(bad, "read", 3)]
    assert server_log.near[0].began == at(ended - 2.5)[:-4] + "Z"


def test_between_two_failed_reads_of_a_path_nothing_is_beside_it() -> None:
    bad = runs.SOURCES[0].store_path
    again: list[records.Record] = []
    for record in healthy().records:
        again.append(record)
        if isinstance(record, records.BodyRead) and record.store_path == bad:
            again[-1] = replace(record, narinfo=answer(500), nar=None)
        elif isinstance(record, records.LogCanarySent) and record.phase is Phase.POST:
            again += [runs.body_read(Label.PROFILE, runs.SOURCES[0], attempt=2, narinfo=answer(500), nar=None)]
    run = Run(tuple(again), healthy().files)
    first, second = (
        time_of(run, records.BodyRead, store_path=bad),
        time_of(run, records.BodyRead, store_path=bad, attempt=2),
    )
    assert second - first > 3 * limits.LOG_JOIN_SECONDS
    server_log = folded(
        run, log(*(line(at_second, "oops", NARINFO) for at_second in (first, (first + second) / 2, second)))
    )
    assert [(each.store_path, each.count) for each in server_log.near] == [(bad, 4)]
    assert server_log.unexplained == 1


@pytest.mark.parametrize("status", [500, None])
def test_an_unanswered_question_explains_the_errors_of_its_time(status: int | None) -> None:
    run = healthy().change(
        records.MissingAsked,
        lambda record: replace(record, answer=answer(status)) if record.label is Label.PROFILE else record,
    )
    asked_at = time_of(run, records.MissingAsked, label=Label.PROFILE)
    text = log(line(asked_at, "oops", "POST /_api/v1/get-missing-paths"), line(asked_at, "no request told"))
    assert whose(folded(run, text).events)[2:-2] == ["ask", "answer", "ask"]
    assert folded(run, text).near == ()


def test_a_failure_with_no_error_of_the_server_is_said_with_none() -> None:
    run = failed_push()
    (near,) = folded(run, log()).near
    ended = time_of(run, records.ChildEnded, name="push:profile")
    assert near == NearFailure(
        label=Label.PROFILE,
        store_path=runs.SOURCES[-1].store_path,
        what="push",
        began=at(ended - 3)[:-4] + "Z",
        ended=at(ended)[:-4] + "Z",
        events=(),
        count=0,
    )


def test_beside_a_failure_some_events_are_named_and_all_counted() -> None:
    run = failed_push()
    ended = time_of(run, records.ChildEnded, name="push:profile")
    server_log = folded(run, log(*(line(ended - 1 + number / 1000, STORAGE, UPLOAD) for number in range(30))))
    (near,) = server_log.near
    assert (len(near.events), near.count) == (limits.NEAR_EVENTS, 60)
    assert {server_log.events[index].explained for index in near.events} == {"push", "answer"}


def test_an_answer_far_from_its_error_is_an_event_of_its_own() -> None:
    alone = line(
        9, "response failed classification=Status code: 502 Bad Gateway", None, "tower_http::trace::on_failure"
    )
    server_log = folded(healthy(), log(alone))
    assert (server_log.unexplained, server_log.events[2].explained, server_log.events[2].code) == (1, None, "HTTP 502")
    without_time = alone.replace(at(9), "").strip() + "\n"
    assert folded(healthy(), log(line(8, "oops"), without_time)).unexplained == 2


def test_answers_belong_to_errors_of_their_own_replica() -> None:
    one = "".join(f"[pod/attic-0/attic] {text}\n" for text in canary(5, runs.PRE_NONCE).split("\n")[:-1])
    other = "[pod/attic-1/attic] " + line(5, "response failed classification=Status code: 500 x", None, "a::on_failure")
    server_log = folded(healthy(), (one + other).encode())
    assert [(event.origin, event.explained) for event in server_log.events] == [
        ("pod/attic-0/attic", "canary"),
        ("pod/attic-0/attic", "answer"),
        ("pod/attic-1/attic", None),
    ]
    assert server_log.unexplained == 1


def test_warnings_need_no_explanation() -> None:
    warning = f"{at(9)}  WARN sqlx::query: slow statement: execution time exceeded alert threshold elapsed=2s\n"
    panic = f"{at(9)}  WARN a::on_failure: Status code: 500\n"
    assert folded(healthy(), log(warning)).unexplained == 0
    assert folded(healthy(), log(panic)).unexplained == 1


def test_more_events_than_are_kept_make_the_log_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.evidence.server_log.ServerLogParser", lambda: ServerLogParser(keep=4))
    server_log = folded(healthy(), log(line(9, "oops")))
    assert (server_log.cut, server_log.truth.value, server_log.event_count) == (True, "unknown", 5)


def test_the_shown_events_are_the_stores_then_the_unexplained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOG_EVENTS_SHOWN", 2)
    server_log = folded(healthy(), log(line(9, "oops"), line(10, "again"), line(11, STORAGE)))
    assert [event.message for event in server_log.events] == ["oops", STORAGE]
    assert (server_log.unexplained, server_log.event_count) == (2, 7)


# ------------------------------------------------------------------------------------------------- the time of a line


def timed(run: Run, **changes: object) -> Run:
    def change(record: records.ChildEnded) -> records.ChildEnded:
        return replace(record, **changes) if record.name == "push:profile" else record  # type: ignore[arg-type]  # test

    return run.change(records.ChildEnded, change)


def test_a_failed_path_has_the_time_of_its_own_line() -> None:
    run = failed_push(millis=20_000)
    offset = run.files["push-profile.log"].index("❌".encode())
    run = timed(run, output_times=((0, 40), (offset, 5000)))
    line_at = time_of(run, records.ChildEnded, name="push:profile") - 15
    server_log = folded(run, log(line(line_at, STORAGE, UPLOAD), line(line_at + 10, STORAGE, UPLOAD)))
    (near,) = server_log.near
    assert (near.began, near.ended) == (at(line_at)[:-4] + "Z", at(line_at + 0.1)[:-4] + "Z")
    assert whose(server_log.events)[2:6] == ["push", "answer", None, "answer"]
    assert run.facts().push.paths[-1].failure_millis == 5000


def test_the_line_times_of_a_real_push_whose_end_a_sample_held_back() -> None:
    """The record of the end came 9 s after the client's: the whole publication's time explains another's errors too."""
    parser = ServerLogParser()
    parser.feed(Path("fixtures/recordings/rustfs-live/stall-at-3.4.atticd.log").read_bytes())
    events = parser.finish()
    began = datetime.fromisoformat("2026-12-01T00:31:14.120Z")  # 2.11 s into the run
    later = replace(events[2], at=(began + timedelta(seconds=9)).isoformat())
    label, paths = Label.CANARY, runs.CANARIES
    text = (
        runs.push_log([], announced=2)
        + "".join(f"❌ {facts.store_path.removeprefix('/nix/store/')}: {INTERNAL}\n" for facts in paths).encode()
    )
    ended = runs.child(
        "push:canary",
        "push-canary.log",
        exit=1,
        millis=11_770,
        output_times=((0, 12), (text.index("❌".encode()), 2225)),
    )
    over = (began + timedelta(milliseconds=11_770)).isoformat()
    push_set = records.PushSetKnown(
        label=label, cache="probe", paths=paths, outputs=(), upstream=(), upstream_key_names=()
    )
    push = fold_push([PushSources(push_set=push_set, missing_asked=None, ended=ended, log=[text], cut=False)])
    failures = failures_of([records.Entry(seq=0, at=over, mono_millis=0, prev="", record=ended)], push, ())
    join = LogJoin([*events, later], (), failures, None)
    assert join.explanations()[2:6] == ("push", "answer", "push", "answer")
    assert join.explanations()[-1] is None
    assert [near.count for near in join.near_failures({})] == [4, 4]


@pytest.mark.parametrize("size", [1, 7, 10**6])
def test_the_pieces_of_the_log_say_nothing_of_its_times(size: int) -> None:
    text = failed_push().files["push-profile.log"]
    offset = text.index("❌".encode())
    times = ((0, 1), (offset - 3, 9), (offset + 1, 300), (len(text), 800))
    assert failure_millis(text, times, size) == 300


def test_a_last_line_without_an_end_has_the_time_of_its_last_piece() -> None:
    name = runs.SOURCES[0].store_path.removeprefix("/nix/store/")
    text = f"❌ {name}: {INTERNAL}".encode()
    assert failure_millis(text, ((0, 1), (9, 70)), 10**6) == 70


def test_without_times_and_after_the_last_of_too_many_a_failure_lasts_as_its_publication(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = failed_push().files["push-profile.log"]
    assert failure_millis(text, (), 10**6) is None
    monkeypatch.setattr(limits, "OUTPUT_TIMES", 2)
    assert failure_millis(text, ((0, 1), (len(text) - 1, 900)), 10**6) == 1
    assert failure_millis(text, ((0, 1), (2, 900)), 10**6) is None


def failure_millis(text: bytes, times: tuple[tuple[int, int], ...], size: int) -> int | None:
    ended = runs.child("push:profile", "push-profile.log", exit=1, output_times=times)
    push_set = records.PushSetKnown(
        label=Label.PROFILE, cache="main", paths=runs.SOURCES, outputs=(), upstream=(), upstream_key_names=()
    )
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    push = fold_push([PushSources(push_set=push_set, missing_asked=None, ended=ended, log=chunks, cut=False)])
    return next(path.failure_millis for path in push.paths if path.error is not None)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-5, 3000), st.integers(-(10**15), 10**15)), max_size=6),
    st.integers(-(10**15), 10**15),
)
def test_forged_times_stay_within_the_publication(times: list[tuple[int, int]], millis: int) -> None:
    run = timed(failed_push(millis), output_times=tuple(times))
    (near,) = folded(run, log()).near
    assert parse_time(near.ended) is not None


# --------------------------------------------------------------------------------------------------------- the clocks


def entry(second: float, millis: int = 0) -> records.Entry:
    record = records.LogCanarySent(phase=Phase.PRE, nonce="n", answer=answer(500, millis=millis))
    return records.Entry(seq=0, at=at(second), mono_millis=0, prev="", record=record)


def event(second: float | None) -> LogEvent:
    return LogEvent(at=None if second is None else at(second), level="ERROR", target="", code=None, message="")


@pytest.mark.parametrize(
    ("rows", "skew"),
    [
        ([(entry(10, 40), event(9.98))], (-20, 20)),
        ([(entry(10), event(610))], (600_000, 600_000)),
        ([(entry(10, 40), event(9.98)), (entry(50, 100), event(49.99))], (-10, 20)),
        ([(entry(10, 40), event(9.98)), (entry(50), event(55))], (-20, 5000)),
        ([(entry(10), event(None))], None),
        ([(replace(entry(10), record=records.RunComplete()), event(10))], None),
        ([], None),
    ],
)
def test_a_canary_bounds_the_difference_of_the_clocks(
    rows: list[tuple[records.Entry, LogEvent]], skew: tuple[int, int] | None
) -> None:
    expected = None if skew is None else Skew(low_millis=skew[0], high_millis=skew[1])
    assert measure_skew(rows) == expected


def test_the_canary_has_both_times_and_the_log_the_difference() -> None:
    facts = healthy().with_file("server.log", log(ahead=7)).facts()
    assert facts.server_log.skew == Skew(low_millis=7000, high_millis=7000)
    assert facts.pre.canary is not None
    answered, logged = facts.pre.canary.answered_at, facts.pre.canary.logged_at
    assert (answered, logged) == (sent(healthy())[0][0], at(seconds(answered or "") + 7))


@pytest.mark.parametrize("ahead", [-3600.0, -59.0, 0.0, 59.0, 3600.0])
def test_the_difference_is_taken_away_before_events_are_joined(ahead: float) -> None:
    run = failed_push()
    ended = time_of(run, records.ChildEnded, name="push:profile")
    text = log(line(ended - 1 + ahead, STORAGE, UPLOAD), ahead=ahead)
    server_log = folded(run, text)
    assert whose(server_log.events)[2:4] == ["push", "answer"]
    assert server_log.near[0].count == 2


def test_a_log_without_times_is_joined_to_nothing() -> None:
    request = "ERROR a::b: x\n   with method=GET uri=/main/{}.narinfo version=HTTP/1.1\n"
    text = (request.format(runs.PRE_NONCE) + request.format(runs.POST_NONCE) + "ERROR a::b: oops\n").encode()
    server_log = folded(failed_push(), text)
    assert (server_log.skew, whose(server_log.events), server_log.unexplained) == (None, ["canary", "canary", None], 1)
    assert server_log.truth.value == "present"


@pytest.mark.parametrize("text", [None, "", "x", "2026-11-24T00:00:00", "0000-01-01T00:00:00Z"])
def test_what_is_no_time(text: str | None) -> None:
    assert parse_time(text) is None


@pytest.mark.parametrize("year", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize("ahead", [-600, 600])
def test_the_ends_of_time_do_no_harm(year: str, ahead: float) -> None:
    assert folded(failed_push(), log(f"{year} ERROR a::b: oops\n", ahead=ahead)).unexplained == 1


def test_a_push_that_began_before_there_was_time_is_as_long_as_its_end() -> None:
    facts, entries = failed_push().facts(), runs.entries(failed_push(millis=10**15).records, chained=False)
    (failure,) = failures_of(entries, facts.push, facts.bodies)
    assert failure.began == failure.ended


def test_an_entry_without_a_time_explains_nothing() -> None:
    facts = failed_push().facts()
    entries = [replace(each, at="?") for each in runs.entries(failed_push().records, chained=False)]
    assert failures_of(entries, facts.push, facts.bodies) == ()


# ----------------------------------------------------------------------------------------------------- in every order


@settings(max_examples=150, deadline=None)
@given(
    spans=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=6),
    times=st.lists(st.integers(-10, 100), max_size=12),
)
def test_an_event_is_explained_when_and_only_when_a_failure_was_then(
    spans: list[tuple[int, int]], times: list[int]
) -> None:
    """Spans that overlap are merged before events are looked up; that must not change whose an event is."""
    what: FailureKind = "push"
    start = datetime.fromisoformat(ORIGIN)
    failures = [
        Failure(
            what=what,
            began=start + timedelta(seconds=began),
            ended=start + timedelta(seconds=began + lasts),
            store_path=str(number),
        )
        for number, (began, lasts) in enumerate(spans)
    ]
    events = [replace(event(second), request=UPLOAD) for second in times]
    join = LogJoin(events, (), failures, None)
    tolerance = limits.LOG_JOIN_SECONDS
    within = [[began - tolerance <= second <= began + lasts + tolerance for began, lasts in spans] for second in times]
    assert join.explanations() == tuple("push" if any(row) else None for row in within)
    near = {each.store_path: each for each in join.near_failures({index: index for index in range(len(events))})}
    for number in range(len(spans)):
        expected = {index for index, row in enumerate(within) if row[number]}
        assert near[str(number)].count == len(expected)
        assert set(near[str(number)].events) == expected
