"""A record that comes twice hides nothing: neither what the first says nor what the second does."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gate.evidence.journal_order import repeated_records
from gate.evidence.references import fold_references
from gate.evidence.stored_objects import fold_uploads
from gate.model import records
from gate.model.basics import Label, Phase, Truth
from gate.model.captures import ReplicaCanaries, ReplicaCanary, StoreLogRead
from tests.helpers import runs
from tests.helpers.runs import Run, answer, healthy

BAD: dict[type, Callable[[Any], Any]] = {
    records.StateSeen: lambda row: replace(row, head=answer(404)),
    records.WorkloadSeen: lambda row: replace(row, identity="9:9"),
    records.LogCanarySent: lambda row: replace(row, nonce="gate-canary-never-logged"),
    records.ControlTried: lambda row: replace(row, fired=Truth.ABSENT),
    records.MissingAsked: lambda row: replace(row, answer=answer(403)),
    records.BuildFacts: lambda row: replace(row, outputs=()),
    records.ChildEnded: lambda row: replace(row, exit=1),
    records.PushSetKnown: lambda row: replace(row, paths=row.paths[:1]),
    records.CaptureClosed: lambda row: replace(row, cut=True),
    records.BucketSampled: runs.lost,
    records.CacheConfigSeen: lambda row: replace(row, answer=answer(403)),
}


def twice(kind: type, *, bad_first: bool) -> Run:
    """The healthy run with a bad record of a kind next to the first good one."""
    rows: list[records.Record] = []
    done = False
    for row in healthy().records:
        pair = [BAD[kind](row), row] if isinstance(row, kind) and not done else [row]
        done = done or isinstance(row, kind)
        rows += pair if bad_first else pair[::-1]
    return Run(tuple(rows), healthy().files)


@pytest.mark.row("HIS-09")
@pytest.mark.parametrize("bad_first", [True, False])
@pytest.mark.parametrize("kind", list(BAD))
def test_a_good_record_does_not_hide_a_bad_one(kind: type, bad_first: bool) -> None:
    assert twice(kind, bad_first=bad_first).word() in ("inconclusive", "quarantine")


def test_a_second_run_in_one_journal_is_told() -> None:
    run = healthy()
    both = Run((*run.records, *run.records), run.files)
    assert both.word() == "inconclusive"
    disorder = both.facts().journal.disorder
    assert {"twice: run-started", "twice: complete", "build ran more than once", "twice: control bit-flip-caught"} < {
        *disorder
    }


def test_what_may_come_again_is_not_told() -> None:
    assert list(repeated_records(healthy().records)) == []
    again = runs.body_read(Label.PROFILE, runs.SOURCES[0], again_after_post=True)
    assert healthy().with_record(again).word() == "pass"
    assert healthy().with_record(runs.cache_config("main")).word() == "pass"


def test_the_worst_trial_of_a_control_counts() -> None:
    for fired, code in (
        (Truth.ABSENT, ("control-token-overprivileged", "fail")),
        (Truth.UNKNOWN, ("control-not-fired", "inconclusive")),
    ):
        trial = runs.control("read-only-push-denied", fired)
        first = healthy().change(records.RunStarted, lambda row: row)
        assert code in first.with_record(trial).rows()
        before = Run((first.records[0], trial, *first.records[1:]), first.files)
        assert code in before.rows()


@pytest.mark.row("HIS-01")
@pytest.mark.parametrize("kind", [records.BodyRead, records.MissingAsked])
def test_what_was_read_or_asked_on_the_wrong_side_of_its_push_is_none(kind: type) -> None:
    rows = list(healthy().records)
    of_profile = [row for row in rows if isinstance(row, kind) and getattr(row, "label", None) is Label.PROFILE]
    rows.remove(of_profile[0])
    rows.insert(1 if kind is records.BodyRead else len(rows) - 1, of_profile[0])
    run = Run(tuple(rows), healthy().files)
    assert (run.word(), run.rows()) == ("inconclusive", {("run-disordered", "inconclusive")})


@pytest.mark.parametrize("kind", [records.BodyRead, records.MissingAsked, records.PushSetKnown])
def test_what_is_of_another_cache_than_the_policys_is_none(kind: type) -> None:
    def change(row: Any) -> Any:
        return replace(row, cache="mirror") if row.label is Label.PROFILE else row

    run = healthy().change(kind, change)
    assert run.word() == "inconclusive"
    assert ("run-disordered", "inconclusive") in run.rows()
    assert healthy().with_policy(probe_cache=None).word() == "inconclusive"


def test_a_cache_that_describes_itself_in_two_ways_is_not_identified() -> None:
    other = runs.cache_config("main")
    renamed = replace(other, answer=replace(other.answer, body=other.answer.body.replace("main:", "main-2:")))
    run = healthy().with_record(renamed)
    assert ("cache-unidentified", "inconclusive") in run.rows()
    note = next(cache.note for cache in run.facts().subject.caches if cache.name == "main")
    assert note == "its descriptions in this run differ"


@pytest.mark.parametrize("name", ["build.log", "push-profile.log", "server.log"])
def test_a_capture_that_is_not_what_was_closed_is_missing(name: str) -> None:
    run = healthy()
    for data in (run.files[name] + b"\n", run.files[name][:-1], run.files[name] + run.files[name]):
        altered = Run(run.records, {**run.files, name: data})
        assert ("capture-missing", "inconclusive") in altered.rows()
        assert altered.word() == "inconclusive"


def test_a_phase_of_samples_counts_each_number_once() -> None:
    """Two samples are wanted: one that stands twice is one."""
    run = healthy().change(
        records.BucketSampled, lambda row: replace(row, number=1) if row.phase is Phase.POST else row
    )
    assert (run.word(), run.rows()) == ("inconclusive", {("run-disordered", "inconclusive")})


PLACE = "kubectl://n/deployment/attic"


def canaries(phase: Phase, *, error: str = "") -> ReplicaCanaries:
    rows = () if error else (ReplicaCanary(pod="attic-a", uid="u"),)
    return ReplicaCanaries(phase=phase, place=PLACE, replicas=rows, error=error)


def known(upstream: tuple[str, ...], label: Label = Label.PROFILE) -> records.ReferencesKnown:
    needed = replace(runs.path_facts("needed"), signatures=("cache.nixos.org-1:AA==",))
    return records.ReferencesKnown(
        label=label, cache="main", paths=(needed,), upstream=upstream, upstream_key_names=("cache.nixos.org-1",)
    )


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("good", "bad", "sentence"),
    [
        (canaries(Phase.POST), canaries(Phase.POST, error="forbidden"), "twice: replica-canaries post"),
        (StoreLogRead(place="p"), StoreLogRead(place="p", notes=("a pod was not read",)), "twice: store-log"),
        (known((runs.path_facts("needed").store_path,)), known(()), "twice: references profile"),
    ],
)
def test_what_is_read_once_does_not_come_again(
    good: records.Record, bad: records.Record, sentence: str, *, turned: bool
) -> None:
    pair = (good, bad) if turned else (bad, good)
    run = healthy().with_record(pair[0]).with_record(pair[1])
    assert list(repeated_records(run.records)) == [sentence]
    assert ("run-disordered", "inconclusive") in run.rows()
    assert list(repeated_records(healthy().with_record(good).records)) == []


def test_each_phase_and_each_publication_has_its_own() -> None:
    rows = (canaries(Phase.PRE), canaries(Phase.POST), known(()), known((), Label.CANARY), StoreLogRead(place="p"))
    assert list(repeated_records(rows)) == []


@pytest.mark.parametrize("turned", [False, True])
def test_looks_that_may_come_again_hide_nothing(*, turned: bool) -> None:
    """All of them are folded: one that was refused, or found nothing, counts whatever the other says."""
    page = "<ListMultipartUploadsResult><Bucket>attic</Bucket></ListMultipartUploadsResult>"
    pre, post, denied = (
        records.UploadsSeen(phase=phase, bucket="attic", answer=reply)
        for phase, reply in (
            (Phase.PRE, answer(body=page)),
            (Phase.POST, answer(body=page)),
            (Phase.POST, answer(403)),
        )
    )
    uploads = fold_uploads([pre, *((post, denied) if turned else (denied, post))])
    assert [row.truth for row in uploads] == [Truth.UNKNOWN]

    needed = runs.path_facts("needed")
    looks = tuple(
        records.ReferenceLooked(
            label=Label.PROFILE, cache="main", store_path=needed.store_path, attempt=1, narinfo=reply
        )
        for reply in (answer(404), answer(body=runs.narinfo(needed)))
    )
    plan = next(
        row for row in healthy().records if isinstance(row, records.PushSetKnown) and row.label is Label.PROFILE
    )
    plan = replace(plan, paths=tuple(replace(path, references=(needed.store_path,)) for path in plan.paths))
    folded = fold_references(plan, known(()), looks if turned else looks[::-1], own_key="main")
    assert (folded.served, [gap.store_path for gap in folded.gaps]) == (0, [needed.store_path])
