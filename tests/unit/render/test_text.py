"""The terminal's summary says first what to do, then everything that the verdict rests on."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gate import limits
from gate.model.basics import BucketState, Kind, Status, Truth, VerdictWord
from gate.model.captures import ReplicaLog, StoreLog
from gate.model.document import Action, Evidence, Skew
from gate.render import text
from tests.unit.render import parts, samples


def lines(evidence: Evidence) -> list[str]:
    return text.summary(evidence, "build/evidence").splitlines()


@pytest.mark.parametrize("name", samples.ALL)
@pytest.mark.parametrize("render", [text.summary, text.short])
def test_the_first_line_is_the_verdict_with_its_cause(name: str, render: Callable[[Evidence, str], str]) -> None:
    assert render(samples.ALL[name](), "d").splitlines()[0] == f"{name.upper()}: {parts.HEADLINES[name]}"


def test_the_incident_in_figures() -> None:
    output = lines(samples.quarantined())
    assert "verdict:     quarantine (exit code 4, blocks): body-empty, bucket-index-lost, push-path-failed" in output
    assert (
        "push:        22 attempted: 0 uploaded, 1 deduplicated, 0 already cached, 0 in upstream, "
        "21 failed, 0 unaccounted" in output
    )
    assert "bodies:      0 of 22 proved (0 B of 2.7 MiB)" in output
    assert "controls:    4 of 4 fired" in output
    assert output[output.index("bucket      pre      during      post") :][1:4] == [
        "attic       indexed  index-lost  index-lost",
        "tofu-state  indexed  index-lost  index-lost",
        "first loss during a push: 2026-05-13T09:03:53.000Z",
    ]
    assert output[-1] == "evidence: build/evidence"


def test_a_group_whose_findings_say_the_same_says_it_once() -> None:
    output = lines(samples.quarantined())
    start = output.index(
        "  push-path-failed (21): InternalServerError: The server encountered an internal error or misconfiguration."
    )
    assert output[start + 1 : start + 4] == [
        f"    - {parts.SOURCE} [during]",
        "      (server log at that time, a correlation and never a cause: 23 events at its push: NoSuchBucket)",
        f"    - {parts.store_path(2)} [during]",
    ]
    assert output[start + limits.LISTED_SUBJECTS + 2 : start + limits.LISTED_SUBJECTS + 4] == [
        "    - and 11 more, in evidence.json under findings",
        "    do: Do not push again: a retry hides the fault.",
    ]


def test_failing_findings_come_before_inconclusive_ones_and_passing_ones_are_left_out() -> None:
    output = lines(samples.quarantined())
    assert output.index("failing:") < output.index("unknown:")
    passed = lines(samples.passed())
    assert "failing:" not in passed
    assert "unknown:" not in passed
    assert not any("bucket-indexed" in line for line in passed)


def test_no_more_subjects_of_a_code_than_the_limit_are_listed_and_the_rest_is_counted() -> None:
    one = parts.finding("push-path-failed", Status.FAIL, "s", "failed", "Do not push again.")
    many = tuple(replace(one, subject=f"path-{number}") for number in range(limits.LISTED_SUBJECTS + 7))
    other = parts.finding("bucket-index-lost", Status.FAIL, "attic", "lost", "Capture first.")
    output = lines(replace(samples.quarantined(), findings=(*many, other)))
    assert sum(line.startswith("    - path-") for line in output) == limits.LISTED_SUBJECTS
    assert "    - and 7 more, in evidence.json under findings" in output
    at = output.index("  bucket-index-lost (1)")
    assert output[at + 1 : at + 3] == ["    - attic [post]: lost", "    do: Capture first."]


def test_the_boundary_travels_with_every_verdict() -> None:
    for sample in samples.ALL.values():
        output = lines(sample())
        start = output.index("what this verdict is, and is not:")
        assert output[start + 1 : start + 5] == [f"  - {sentence}" for sentence in parts.BOUNDARY]


def test_an_epoch_is_same_changed_or_unknown() -> None:
    good = samples.passed()
    store, cache = good.post.workloads
    restarted = replace(store, identity="uid 7c9f0d6e, restarts 1", started=parts.at(300))
    hidden = replace(cache, truth=Truth.UNKNOWN, identity=None, started=None, error="kubectl: forbidden")
    output = lines(replace(good, post=replace(good.post, workloads=(restarted, hidden))))
    assert (
        "epoch of store kubectl://nix-cache/deployment/attic-rustfs-openebs: changed (uid 7c9f0d6e, restarts 0, since "
        "2026-05-13T09:00:00.000Z before; uid 7c9f0d6e, restarts 1, since 2026-05-13T09:05:00.000Z after)" in output
    )
    assert (
        "epoch of cache kubectl://nix-cache/deployment/attic: unknown (uid 21a4c0b8, restarts 2, since "
        "2026-05-13T09:00:00.000Z before; unknown: kubectl: forbidden after)" in output
    )


def test_a_server_seen_only_once_has_an_unknown_epoch() -> None:
    good = samples.passed()
    output = lines(replace(good, post=replace(good.post, workloads=())))
    assert sum(line.startswith("epoch of ") and ": unknown (" in line for line in output) == 2


def test_what_was_not_looked_at_is_said_so() -> None:
    output = lines(samples.stopped())
    assert "build:       none" in output
    assert "state:       not looked at" in output
    assert "server log:  unknown: not both canaries were found in it; 0 events; clock skew not measured" in output
    assert not any(line.startswith("bucket ") for line in output)


def test_controlled_reproductions_and_absent_sources_are_said() -> None:
    policy = parts.policy(
        finish_push=True, publish_anyway=True, cache_public=True, probe_cache=None, absent=("state", "server-log")
    )
    output = lines(replace(samples.passed(), policy=policy))
    assert (
        "flags:       publish-anyway (controlled reproduction), finish-push (controlled reproduction), "
        "public cache: no claim that a read without a token is denied, "
        "no probe cache: canaries and twins go to the cache under test" in output
    )
    assert "sources said absent: state, server-log" in output


def test_a_torn_record_is_told_whole() -> None:
    good = samples.passed()
    journal = replace(
        good.journal,
        records=1,
        complete=False,
        torn=True,
        cancelled="SIGTERM",
        troubles=("post: the index did not answer",),
        missing_captures=("server.log",),
    )
    assert (
        "record:      1 record; NOT complete; torn tail; cancelled: SIGTERM; captures missing: server.log; "
        "trouble: post: the index did not answer" in lines(replace(good, journal=journal))
    )


def test_a_push_that_was_never_begun_or_was_ended_early() -> None:
    good = samples.passed()
    canary, profile = good.push.attempts
    attempts = (
        replace(canary, started=False),
        replace(profile, exit=None, signal=15, ended_by="loss"),
        replace(profile, exit=None, signal=9),
        replace(profile, exit=None),
    )
    ends = [
        line.split(": ")[1].split(";")[0]
        for line in lines(replace(good, push=replace(good.push, attempts=attempts)))
        if " to " in line and "attempted" in line
    ]
    assert ends == ["not begun", "ended by loss", "ended by signal 9", "no exit code"]


def test_a_build_without_ledger_and_masked_failures() -> None:
    good = samples.passed()
    assert good.build is not None
    output = lines(replace(good, build=replace(good.build, ledger=None, exit=1)))
    assert "build:       exit 1; its log was not read" in output
    assert any("masked failures: 0 proven, 1 suspected" in line for line in lines(samples.inconclusive()))


def test_another_etag_of_the_state_is_told() -> None:
    good = samples.passed()
    assert good.post.state is not None
    other = replace(good, post=replace(good.post, state=replace(good.post.state, etag='"other"')))
    once = replace(good, post=replace(good.post, state=None))
    assert any(
        line.endswith("present, lock absent before; present, lock absent after; another ETag") for line in lines(other)
    )
    assert any(line.endswith("present, lock absent before; not looked at after") for line in lines(once))


def test_a_bucket_seen_in_one_phase_only() -> None:
    good = samples.passed()
    only = replace(good.during, buckets={"late": parts.bucket(BucketState.FLAPPING, 230)})
    output = lines(replace(good, during=only))
    assert "late        not sampled  flapping     not sampled" in output


def test_a_server_log_that_was_cut_or_is_not_there() -> None:
    good = samples.passed()
    cut = replace(good, server_log=replace(good.server_log, cut=True, event_count=1))
    none = replace(good, server_log=replace(good.server_log, truth=Truth.ABSENT, event_count=0))
    assert "server log:  read, both canaries in it; 1 event, cut at its cap; clock skew not measured" in lines(cut)
    assert "server log:  there is none; 0 events; clock skew not measured" in lines(none)


def test_what_a_server_log_says_of_itself() -> None:
    good = samples.passed()
    log = replace(good.server_log, event_count=7, unexplained=2, restarts=1, skew=Skew(low_millis=-1500, high_millis=4))
    assert (
        "server log:  read, both canaries in it; 7 events, 2 of them errors or warnings that nothing of this run "
        "explains; the server started 1 × in it; server's clock -1.500 to +0.004 s off ours"
    ) in lines(replace(good, server_log=log))
    unread = replace(good.server_log, truth=Truth.UNKNOWN, event_count=1, unread_lines=3)
    output = "server log:  unknown: it can't be relied on; 1 event; 3 lines not understood; clock skew not measured"
    assert output in lines(replace(good, server_log=unread))


def replica(pod: str, *, logged: Truth = Truth.PRESENT, note: str = "") -> ReplicaLog:
    return ReplicaLog(pod=pod, route=None if note else "proxy", answered=not note, logged=logged, note=note)


def test_how_many_replicas_are_known_to_be_read_is_told() -> None:
    good = samples.passed()
    rows = (replica("a"), replica("b", logged=Truth.UNKNOWN, note="forbidden"))
    pre, post = replace(good.pre, replicas=rows), replace(good.post, replicas_error="no list")
    output = next(line for line in lines(replace(good, pre=pre, post=post)) if line.startswith("server log:"))
    assert output.endswith("; replicas whose own log is known to be read: 1 of 2 before, unknown after")
    alone = replace(good, pre=replace(good.pre, replicas=rows[:1]))
    assert not [line for line in lines(alone) if "whose own log" in line]


def test_the_stores_log_has_a_line_where_it_is_named() -> None:
    good = samples.passed()
    assert not [line for line in lines(good) if line.startswith("store log:")]
    names = replace(good, policy=replace(good.policy, store_log="file:///l"))
    assert "store log:   not read" in lines(names)
    log = StoreLog(place="file:///l", truth=Truth.PRESENT, events=(), event_count=3, troubles=0, cut=False, notes=())
    whole = "store log:   read; 3 events, 0 of them not known to be harmless"
    assert whole in lines(replace(names, store_log=log))
    cut = replace(log, truth=Truth.UNKNOWN, cut=True, troubles=1)
    answer = "store log:   not all of it was read; 3 events, cut at its cap, 1 of them not known to be harmless"
    assert answer in lines(replace(names, store_log=cut))
    assert f"{whole}; 1 line not understood" in lines(replace(names, store_log=replace(log, unread_lines=1)))


def test_a_failing_path_has_the_events_of_its_time_and_no_cause() -> None:
    output = "\n".join(lines(samples.quarantined()))
    assert "(server log at that time, a correlation and never a cause: 0 events at its read)" in output
    bad = samples.quarantined()
    event = replace(bad.server_log.events[0], code=None, target="")
    answer = replace(bad, server_log=replace(bad.server_log, events=(event,)))
    assert "23 events at its push: ERROR)" in "\n".join(lines(answer))
    none = replace(bad, server_log=replace(bad.server_log, events=()))  # indices of a forged document
    assert "23 events at its push)" in "\n".join(lines(none))


def short(evidence: Evidence) -> list[str]:
    return text.short(evidence, "build/evidence").splitlines()


def test_the_short_form_fits_on_a_screen_and_ends_with_where_to_look() -> None:
    for sample in samples.ALL.values():
        output = short(sample())
        assert len(output) <= 30
        assert output[-2:] == ["evidence: build/evidence", "report:   build/evidence/report.html"]


def test_the_short_form_of_the_incident() -> None:
    evidence = samples.quarantined()
    verdict = replace(
        evidence.verdict,
        actions=(Action(text="Stop everything."), Action(text="Capture.", command="publication-gate capture")),
        prohibitions=("push again", "restart"),
    )
    output = short(replace(evidence, verdict=verdict))
    at = output.index("  do     1  Stop everything.")
    assert output[at : at + 5] == [
        "  do     1  Stop everything.",
        "         2  Capture.",
        "            publication-gate capture",
        "  don't     push again",
        "            restart",
    ]
    rows = [line for line in output if line.startswith("  attic ")]
    (attic,) = rows
    assert attic.startswith("  attic       before ✓✓✓  pushing ✗✗✗  after ✗✗✗   lost at 09:03:45 while pushing;")
    assert attic.endswith("; not back after; its data is still on disk")
    assert "  published   22 paths: 1 deduplicated, 21 failed" in output
    assert "  read back   0 of 22 whole: 1 HTTP 200 with no bytes, 21 never arrived" in output


def test_findings_that_a_failure_leaves_unknown_are_counted_with_the_way_to_see_them() -> None:
    evidence = samples.quarantined()
    doubt = parts.finding("push-failed", Status.INCONCLUSIVE, "profile", "exit 1", "Run the probe again.")
    result = replace(evidence, findings=(*evidence.findings, doubt))
    number = sum(row.status is Status.INCONCLUSIVE for row in result.findings)
    line = f"  {number} more findings are unknown; all of them: publication-gate show --full build/evidence"
    assert line in short(result)
    assert not any("Run the probe again." in line for line in (*short(result), *lines(result)))


@pytest.mark.parametrize(
    ("codes", "shown"),
    [
        (("push-auth",), True),
        (("push-auth", "push-not-run"), True),
        (("log-storage-error",), False),
        (("push-auth", "log-storage-error"), False),
        ((), False),
    ],
)
def test_only_a_run_whose_doubts_are_all_our_own_trouble_says_that_nothing_of_the_cache_was_wrong(
    codes: tuple[str, ...], *, shown: bool
) -> None:
    """An all-clear beside a storage error in the server's log would be the false pass of the terminal."""
    good = samples.passed()
    verdict = replace(good.verdict, word=VerdictWord.INCONCLUSIVE, codes=codes)
    line = "  the cache   nothing wrong was observed of it"
    assert (line in short(replace(good, verdict=verdict))) is shown
    assert line not in short(good)
    assert line not in short(samples.quarantined())


def test_many_samples_are_shown_by_their_number() -> None:
    good = samples.passed()
    bucket = good.pre.buckets["attic"]
    many = tuple(replace(bucket.samples[0], number=number) for number in range(400))
    result = replace(good, pre=replace(good.pre, buckets={"attic": replace(bucket, samples=many)}))
    assert any("before ✓×400" in line for line in short(result))


def test_a_lab_run_says_so_first() -> None:
    good = samples.passed()
    lab = replace(good, policy=replace(good.policy, kind=Kind.LAB))
    assert short(lab)[0].startswith("LAB RUN: ")
    assert lines(lab)[0].startswith("LAB RUN: ")


def test_a_finding_that_follows_from_another_names_it() -> None:
    evidence = samples.quarantined()
    rows = tuple(replace(row, because="bucket-index-lost", remedy="") for row in evidence.findings)
    assert "    follows from bucket-index-lost" in lines(replace(evidence, findings=rows))
