"""A split run as one: what is taken of each part, and what a hostile publishing job could say. In memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from gate import limits
from gate.errors import ForeignTextError
from gate.evidence.codec import entry_line
from gate.evidence.journal_reader import JournalLog, lines_of, read_chain
from gate.evidence.split import fold_any, part_document
from gate.model import records
from gate.model.basics import Label, Phase, VerdictWord
from gate.model.document import Evidence, ManifestEntry
from gate.model.split import PartJoined, PartName, PartRejected, Previous
from gate.seal import assemble
from tests.helpers import parts, runs
from tests.helpers.parts import Split, healthy, replace_set, without


def rows(evidence: Evidence) -> set[tuple[str, str]]:
    """Codes and subjects of all findings that are no pass."""
    good = ("pass", "not_applicable")
    return {(row.code, row.subject) for row in evidence.findings if row.status.value not in good}


def codes(evidence: Evidence) -> set[str]:
    return {code for code, _ in rows(evidence)}


# --- the whole one ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("nonce", "wrong"), [("aa", set()), ("bb", {"part-plan-unbound"})])
def test_a_synthetic_run_is_held_to_the_nonce_too(nonce: str, wrong: set[str]) -> None:
    own = (runs.path_facts(f"publication-gate-synthetic-{nonce}"),)
    assert codes(synthetic(own).judged(parts.settings("synthetic"))) == wrong


def synthetic(own: tuple[records.PathFacts, ...]) -> Split:
    """The run of the smallest profile: no twin, one path."""
    split = replace_set(without(healthy(), Label.TWIN), Label.PROFILE, own)
    return split.with_record("publish", *(runs.nix_read(Label.PROFILE, facts) for facts in own))


# --- order ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "previous"),
    [
        ("publish", ()),
        ("publish", (Previous(part="pre", digest="0" * 64),)),
        ("during", ()),
        ("post", (Previous(part="pre", digest="0" * 64),)),
        ("pre", (Previous(part="post", digest="0" * 64),)),
    ],
)
def test_a_part_that_was_not_given_the_one_before_is_reordered(name: PartName, previous: tuple[Previous, ...]) -> None:
    evidence = healthy().with_previous(name, *previous).judged()
    assert evidence.verdict.word is VerdictWord.INCONCLUSIVE
    assert ("part-reordered", name) in rows(evidence)


def test_a_part_that_names_one_twice_is_reordered() -> None:
    twice = (Previous(part="pre", digest=healthy().build()["pre"].digest),) * 2
    assert rows(healthy().with_previous("during", *twice).judged()) == {("part-reordered", "during")}


def test_clocks_that_contradict_the_chain_are_a_doubt() -> None:
    split = healthy()
    evidence = replace(split, starts={**split.starts, "pre": 7200}).judged()
    assert {("part-clock", "publish"), ("part-clock", "during"), ("part-clock", "post")} <= rows(evidence)
    assert evidence.verdict.word is VerdictWord.INCONCLUSIVE


# --- what a hostile publishing job could say --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        runs.sample(Phase.POST, 9),
        runs.sample(Phase.DURING, 9),
        runs.control("bit-flip-caught"),
        runs.phase_records(Phase.POST, runs.POST_NONCE)[1],
        runs.closed("server.log", b""),
    ],
    ids=["post sample", "during sample", "control", "state", "capture"],
)
def test_what_is_not_the_publishing_jobs_to_say_is_left_out_and_blocks(record: records.Record) -> None:
    evidence = healthy().with_record("publish", record).judged()
    assert evidence.verdict.word is VerdictWord.INCONCLUSIVE
    assert rows(evidence) == {("part-overreach", "publish")}
    plain = healthy().judged()
    assert (evidence.post, evidence.during, evidence.controls) == (plain.post, plain.during, plain.controls)


def test_an_observing_part_that_says_what_was_published_is_left_out() -> None:
    evidence = healthy().with_record("pre", runs.child("push:profile", "push-profile.log")).judged()
    assert rows(evidence) == {("part-overreach", "pre")}


def test_good_samples_of_another_phase_do_not_hide_a_loss() -> None:
    split = healthy().change("post", records.BucketSampled, runs.lost).with_record("pre", runs.sample(Phase.POST, 3))
    evidence = split.judged()
    assert evidence.verdict.word is VerdictWord.QUARANTINE
    assert {("bucket-index-lost", "attic"), ("part-overreach", "pre")} <= rows(evidence)


def test_reads_by_the_publishing_job_alone_prove_nothing() -> None:
    evidence = healthy().change("post", records.BodyRead, lambda record: None).judged()
    assert evidence.verdict.word is VerdictWord.INCONCLUSIVE
    assert codes(evidence) == {"body-unread", "reader-short"}
    assert evidence.coverage.proved_paths == 0


def test_a_bad_read_by_the_publishing_job_is_not_forgotten() -> None:
    def bad(record: records.BodyRead) -> records.BodyRead:
        if record.store_path != runs.SOURCES[0].store_path or record.nar is None:
            return record
        return replace(record, nar=replace(record.nar, wire_bytes=0, nar_bytes=0))

    healed = healthy().change("publish", records.BodyRead, bad).judged()
    assert rows(healed) == {("body-flapping", runs.SOURCES[0].store_path)}
    both = healthy().change("publish", records.BodyRead, bad).change("post", records.BodyRead, bad)
    assert both.judged().verdict.word is VerdictWord.QUARANTINE


def test_upstream_paths_are_those_whose_signature_another_job_verified() -> None:
    """Else a publishing job could call all paths upstream ones, and nothing would be read."""

    def all_upstream(record: records.PushSetKnown) -> records.PushSetKnown:
        return replace(record, upstream=tuple(path.store_path for path in record.paths))

    evidence = healthy().change("publish", records.PushSetKnown, all_upstream).judged()
    assert evidence.coverage.expected_paths == 24
    assert evidence.verdict.word is VerdictWord.PASS


def test_the_caches_are_what_the_observing_jobs_saw_of_them() -> None:
    other = runs.cache_config("main")
    body = other.answer.body.replace(runs.PUBLIC_KEY, "main:" + "A" * 43 + "=")
    split = healthy().with_record("publish", replace(other, answer=replace(other.answer, body=body)))
    evidence = split.judged()
    assert evidence.verdict.word is VerdictWord.PASS
    assert {cache.public_key for cache in evidence.subject.caches} == {runs.PUBLIC_KEY}


def test_a_smaller_plan_than_gate_toml_allows_is_unbound() -> None:
    evidence = replace_set(healthy(), Label.PROFILE, runs.SOURCES[:4]).judged()
    assert rows(evidence) == {("part-plan-unbound", "plan")}


@pytest.mark.parametrize(
    ("label", "paths"),
    [
        (Label.CANARY, runs.CANARIES),
        (Label.CANARY, parts.CANARIES[:1]),
        (Label.CANARY, (parts.CANARIES[0], replace(parts.CANARIES[1], nar_size=65536))),
        (Label.TWIN, tuple(runs.path_facts(f"publication-gate-twin-bb-{number}") for number in range(11))),
        (Label.TWIN, tuple(replace(path, nar_hash=runs.TWINS[0].nar_hash) for path in runs.TWINS)),
    ],
    ids=["canaries of no run", "one canary", "no large canary", "a twin of another run", "a twin of one content"],
)
def test_canaries_and_twin_that_do_not_bear_the_runs_nonce_are_unbound(
    label: Label, paths: tuple[records.PathFacts, ...]
) -> None:
    evidence = replace_set(healthy(), label, paths).judged()
    assert evidence.verdict.word is VerdictWord.INCONCLUSIVE
    assert ("part-plan-unbound", "plan") in rows(evidence)


def test_without_its_twin_a_representative_run_is_not_one() -> None:
    """That the profile's own paths were fresh is the publishing job's word alone."""
    evidence = without(healthy(), Label.TWIN).judged()
    assert evidence.coverage.fresh_profile >= evidence.policy.min_fresh
    assert rows(evidence) == {("push-not-run", "twin"), ("push-not-representative", "representative")}


def test_a_plan_of_post_that_is_not_the_published_one_is_a_contradiction() -> None:
    def fewer(record: records.PushSetKnown) -> records.PushSetKnown:
        return replace(record, paths=record.paths[:1]) if record.label is Label.TWIN else record

    evidence = healthy().change("post", records.PushSetKnown, fewer).judged()
    assert ("part-overreach", "post") in rows(evidence)
    extra = without_publish_plan(healthy()).judged()
    assert ("part-overreach", "post") in rows(extra)


def without_publish_plan(split: Split) -> Split:
    return split.change("publish", records.PushSetKnown, lambda record: None if record.label is Label.TWIN else record)


def test_a_plan_that_post_did_not_take_over_is_unread() -> None:
    split = (
        healthy()
        .change("post", records.PushSetKnown, lambda record: None)
        .change("post", records.BodyRead, lambda record: None)
    )
    evidence = split.judged()
    assert codes(evidence) == {"body-unread", "reader-short"}


def test_no_job_can_excuse_the_run_from_counting() -> None:
    """Some stops count neither way, so a publishing job that says so would hide what it did."""
    publish = healthy().parts["publish"]
    only = replace(
        publish,
        records=(records.RunStopped(code="push-set-out-of-bounds", reason="over its cap"), records.RunComplete()),
        files={},
    )
    split = replace(healthy(), parts={**healthy().parts, "publish": only})
    evidence = without_reads(split).judged()
    assert evidence.verdict.word is VerdictWord.INCONCLUSIVE
    assert "push-set-out-of-bounds" not in codes(evidence)
    assert "run-trouble" in codes(evidence)
    lost = without_reads(split).change("post", records.BucketSampled, runs.lost).judged()
    assert lost.verdict.word is VerdictWord.QUARANTINE


def without_reads(split: Split) -> Split:
    for kind in (records.BodyRead, records.PushSetKnown):
        split = split.change("post", kind, lambda record: None)
    return split


@pytest.mark.parametrize(
    "edit",
    [
        lambda entry: replace(entry, at="yesterday"),
        lambda entry: replace(entry, at="2026-13-24T00:00:00.000Z"),
        lambda entry: replace(entry, record=runs.child("build", "build.log", millis=-1)),
        lambda entry: replace(entry, record=runs.child("build", "build.log", millis=10**12)),
        lambda entry: replace(entry, record=runs.child("build", "build.log", millis=2**53)),
    ],
    ids=["no time", "no such month", "negative", "a long child", "beyond canonical JSON"],
)
def test_numbers_and_times_that_we_never_write_are_refused(edit: Callable[[records.Entry], records.Entry]) -> None:
    written = parts.healthy().parts["publish"].records
    journal_log = parts.entries((*parts.heads("publish"), *written), 0, step=1)
    broken = (*journal_log[:5], edit(journal_log[5]), *journal_log[6:])
    with pytest.raises(ForeignTextError, match="record 5 of the part"):
        part_document(JournalLog(entries=broken, torn=False), ())


def test_the_journal_of_an_ordinary_run_is_no_parts() -> None:
    journal_log = JournalLog(entries=tuple(runs.entries(runs.healthy().records)), torn=False)
    with pytest.raises(ForeignTextError, match="not a part of a split run"):
        part_document(journal_log, ())


@pytest.mark.parametrize(("name", "file"), [("publish", "server.log"), ("post", "push-profile.log")])
def test_a_file_that_is_another_parts_to_give_is_refused(name: PartName, file: str) -> None:
    journal_log = JournalLog(entries=tuple(parts.entries(parts.heads(name), 0, step=1)), torn=False)
    row = ManifestEntry(name=file, kind="capture", bytes=0, sha256="0" * 64)
    with pytest.raises(ForeignTextError, match="which only another part may have"):
        part_document(journal_log, (row,))


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda records, files: ([*records[:2], *records[1:]], files), "two parts of one kind"),
        (lambda records, files: ([records[0], *records[2:]], files), "the journal joins no such part"),
        (lambda records, files: (records, without_file(files, "part-pre.jsonl")), "its journal is missing"),
        (lambda records, files: (records, without_file(files, "build.log")), "'build.log' of a part is missing"),
        (lambda records, files: (records, {**files, "build.log": b"x"}), "does not match its journal and files"),
        (lambda records, files: ([records[0], other(records[1]), *records[2:]], files), "does not have its digest"),
    ],
    ids=["doubled", "unnamed", "no journal", "no capture", "another capture", "another document"],
)
def test_a_joined_folder_that_contradicts_its_journal_is_none(
    edit: Callable[[list[records.Record], dict[str, bytes]], tuple[list[records.Record], dict[str, bytes]]],
    problem: str,
) -> None:
    records, files = edit(*healthy().joined())
    with pytest.raises(ForeignTextError, match=problem):
        fold_any(JournalLog(entries=tuple(parts.entries(records, 400, step=1)), torn=False), runs.captures(files))


def without_file(files: dict[str, bytes], name: str) -> dict[str, bytes]:
    return {file: data for file, data in files.items() if file != name}


def other(record: records.Record) -> records.Record:
    assert isinstance(record, PartJoined)
    return replace(record, document=record.document.replace("pre", "prf"))


def test_a_judging_job_that_died_leaves_no_pass() -> None:
    records, files = healthy().joined()
    journal_log = JournalLog(entries=tuple(parts.entries(records[:-1], 400, step=1)), torn=False)
    facts = fold_any(journal_log, runs.captures(files))
    assert facts.journal.complete is False


def test_a_line_that_is_longer_than_a_record_may_be_is_torn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RECORD_BYTES", 4)
    assert list(lines_of([b"ab", b"c\nd", b"efghi", b"j\nk"])) == [b"abc\n", b"defghi", b"j\n", b"k"]
    assert list(lines_of([b"ab\n"])) == [b"ab\n"]


def test_a_part_of_another_run_or_policy_is_foreign_however_it_was_joined() -> None:
    """The judging job refuses such a part; a folder that was joined all the same is judged by its records."""
    other_run = healthy().with_run("publish", workflow_attempt="2").judged()
    assert rows(other_run) == {("part-foreign", "publish")}
    assert rows(healthy().with_policy("during", samples=3).judged()) == {("part-foreign", "during")}


def test_a_part_whose_times_run_backwards_is_a_doubt() -> None:
    split = healthy()
    late = {**split.starts, "pre": 4000}
    evidence = replace(split, starts=late).judged()
    assert ("part-clock", "publish") in rows(evidence)
    again = parts.entries((*parts.heads("pre"), *split.parts["pre"].records), 30, step=-1)
    assert again[0].at > again[-1].at
    assert ("part-clock", "pre") in rows(replace(split, steps={"pre": -1}, starts={**split.starts, "pre": 30}).judged())


def test_rejected_and_missing_parts_have_their_rows() -> None:
    records, files = healthy().joined()
    remaining = [record for record in records if getattr(record, "part", None) != "during"]
    rejected = PartRejected(part="during", digest=None, code="part-tampered", reason="bytes differ")
    unknown = PartRejected(part=None, digest=None, code="part-tampered", reason="no part at all")
    evidence = of((remaining[0], rejected, unknown, *remaining[1:]), without_file(files, "part-during.jsonl"))
    assert {("part-tampered", "during"), ("part-tampered", "unknown")} <= rows(evidence)
    missing = of(remaining, without_file(files, "part-during.jsonl"))
    assert ("part-missing", "during") in rows(missing)
    untold = [replace(record, job_digest=None) if isinstance(record, PartJoined) else record for record in records]
    assert {code for code, _ in rows(of(untold, files))} == {"part-unbound"}


def of(records: Sequence[records.Record], files: dict[str, bytes]) -> Evidence:
    journal_log = JournalLog(entries=tuple(parts.entries(records, 400, step=1)), torn=False)
    return assemble(fold_any(journal_log, runs.captures(files)), ())


def test_a_chain_is_read_as_far_as_it_holds() -> None:
    lines = [entry_line(entry) for entry in parts.entries(healthy().parts["during"].records[:4], 0, step=1)]
    assert (len(read_chain(lines).entries), read_chain(lines).torn) == (4, False)
    for broken in ([*lines[:2], lines[3]], [*lines[:2], b"{}\n"], [*lines[:2], lines[2][:-1]]):
        assert (len(read_chain(broken).entries), read_chain(broken).torn) == (2, True)


def test_a_part_that_ended_early_is_incomplete() -> None:
    split = healthy().change("during", records.RunComplete, lambda record: None)
    evidence = split.judged()
    assert {("part-incomplete", "during"), ("run-incomplete", "run")} == rows(evidence)


def test_a_cancelled_part_blocks() -> None:
    evidence = healthy().with_record("publish", records.Cancelled(reason="a signal")).judged()
    assert rows(evidence) == {("run-cancelled", "run")}


def test_a_watch_that_does_not_cover_the_pushes_is_no_watch() -> None:
    split = healthy()
    evidence = replace(split, starts={**split.starts, "during": 20, "publish": 140, "post": 200}).judged()
    assert {("bucket-unobservable", "attic"), ("bucket-unobservable", "tofu-state")} == rows(evidence)


def test_a_loss_that_only_the_watch_saw_is_a_quarantine() -> None:
    split = healthy().change(
        "during", records.BucketSampled, lambda record: runs.lost(record) if record.number == 20 else record
    )
    evidence = split.judged()
    assert evidence.verdict.word is VerdictWord.QUARANTINE
    assert rows(evidence) == {("bucket-index-lost", "attic")}


def test_stages_of_one_name_in_two_parts_are_told_apart() -> None:
    evidence = healthy().judged()
    assert [stage.name for stage in evidence.stages] == ["identify", "during", "publish:identify", "post:identify"]
