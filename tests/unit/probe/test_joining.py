"""Joining the parts of a split run: a whole one passes, and every fault of a part has its exact code."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from gate import journal_log
from gate.errors import ForgedError, InconclusiveError, RefusedError
from gate.journal import make_folder
from gate.journal_log import PART
from gate.judge.scope import BOUNDARY, SPOT_BY_NAME
from gate.model import records
from gate.model.basics import Phase, Truth, VerdictWord
from gate.model.document import Evidence
from gate.model.split import PartName
from gate.probe import join, split_folders
from gate.probe.split_folders import seal_part, verify_part
from gate.seal import finalize, verify
from tests.helpers import parts, runs
from tests.helpers.changed import changed
from tests.helpers.parts import ORDER, Folders, Split, healthy


def rows(evidence: Evidence) -> set[tuple[str, str]]:
    """Codes and subjects of all findings that are no pass."""
    good = ("pass", "not_applicable")
    return {(row.code, row.subject) for row in evidence.findings if row.status.value not in good}


def codes(evidence: Evidence) -> set[str]:
    return {code for code, _ in rows(evidence)}


@pytest.fixture(autouse=True)
def disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """These folders need not outlive a power cut, and a busy disk takes its time."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def test_a_whole_split_run_passes_and_is_ordinary_evidence(tmp_path: Path) -> None:
    evidence, refused = healthy().write(tmp_path).join()
    verify(tmp_path / "run")
    assert (evidence.verdict.word, rows(evidence), refused) == (VerdictWord.PASS, set(), ())
    assert [(part.part, part.state) for part in evidence.parts] == [(name, "joined") for name in ORDER]
    assert evidence.boundary[: len(BOUNDARY)] == BOUNDARY
    split = {SPOT_BY_NAME[name].sentence for name in ("split-publication", "split-canaries", "split-times")}
    assert split <= set(evidence.boundary)
    assert (evidence.coverage.expected_paths, evidence.coverage.proved_paths) == (24, 24)
    assert (evidence.started_at, evidence.run.nonce) == ("2026-11-24T00:00:00.000Z", "aa")
    assert {row.kind for row in evidence.manifest} == {"journal", "part", "capture", "rendering"}
    assert {"part-joined", "part-plan-bound"} <= {row.code for row in evidence.findings}
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    assert finalize(tmp_path / "run") == evidence
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_the_order_in_which_the_folders_are_named_does_not_matter(tmp_path: Path) -> None:
    evidence, _ = healthy().write(tmp_path).join("post", "during", "pre", "publish")
    assert evidence.verdict.word is VerdictWord.PASS


# --- parts that are not there, twice there, or of something else ------------------------------------------------------


@pytest.mark.parametrize("gone", ORDER)
def test_a_missing_part_is_inconclusive(tmp_path: Path, gone: PartName) -> None:
    evidence, refused = healthy().write(tmp_path).join(*(name for name in ORDER if name != gone))
    assert (evidence.verdict.word, refused) == (VerdictWord.INCONCLUSIVE, ())
    assert ("part-missing", gone) in rows(evidence)
    verify(tmp_path / "run")


@pytest.mark.parametrize("twice", ORDER)
def test_a_doubled_part_is_inconclusive_and_neither_counts(tmp_path: Path, twice: PartName) -> None:
    folders = healthy().write(tmp_path)
    shutil.copytree(tmp_path / twice, tmp_path / "again")
    evidence, refused = folders.join(*ORDER, "again")
    assert (evidence.verdict.word, refused) == (VerdictWord.INCONCLUSIVE, ())
    assert ("part-doubled", twice) in rows(evidence)
    assert not (tmp_path / "run" / f"part-{twice}.jsonl").exists()
    verify(tmp_path / "run")


FOREIGN = {
    "run": {"workflow_run": "78"},
    "attempt": {"workflow_attempt": "2"},
    "repository": {"repository_id": "6"},
    "nonce": {"nonce": "bb"},
    "gate version": {"tool_version": "0.0.0"},
    "commit": {"commit": "d" * 40},
}


CASES = [
    *(pytest.param("publish", changes, id=name) for name, changes in FOREIGN.items()),
    *(pytest.param(name, FOREIGN["attempt"], id=f"attempt of {name}") for name in ("during", "post")),
]


@pytest.mark.parametrize(("name", "changes"), CASES)
def test_a_part_of_another_run_is_refused_and_the_rest_is_sealed(
    tmp_path: Path, name: PartName, changes: dict[str, str]
) -> None:
    evidence, refused = healthy().with_run(name, **changes).write(tmp_path).join()
    assert (len(refused), refused[0].partition(":")[0]) == (1, "part-foreign")
    assert evidence.verdict.word is VerdictWord.INCONCLUSIVE
    assert ("part-foreign", name) in rows(evidence)
    verify(tmp_path / "run")


def test_a_foreign_pre_leaves_nothing_of_this_run(tmp_path: Path) -> None:
    """The other parts are of the run, but the nonce that they share is not the one that ``pre`` drew."""
    evidence, refused = healthy().with_run("pre", nonce="bb").write(tmp_path).join()
    assert {text.partition(":")[0] for text in refused} == {"part-foreign"}
    assert evidence.verdict.word is VerdictWord.INCONCLUSIVE


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("pre", {"samples": 3}),
        ("publish", {"min_fresh": 1}),
        ("during", {"buckets": ("attic",)}),
        ("post", {"jobs": 9}),
    ],
)
def test_a_part_of_another_policy_is_refused(tmp_path: Path, name: PartName, changes: dict[str, object]) -> None:
    evidence, refused = healthy().with_policy(name, **changes).write(tmp_path).join()
    assert [text.partition(":")[0] for text in refused] == ["part-foreign"]
    assert ("part-foreign", name) in rows(evidence)
    assert "settings differ" in refused[0]


def test_the_judging_jobs_own_attempt_counts(tmp_path: Path) -> None:
    """A re-run of the judging job alone would join parts of another attempt."""
    folders = healthy().write(tmp_path)
    evidence, refused = folders.join(environ={"GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "2"})
    assert len(refused) == len(ORDER)
    assert codes(evidence) >= {"part-foreign"}
    assert evidence.verdict.word is VerdictWord.INCONCLUSIVE


# --- bytes that were changed ------------------------------------------------------------------------------------------


def files_of(folders: Folders) -> Iterable[Path]:
    return sorted(path for name in ORDER for path in (folders.at / name).iterdir())


def test_any_changed_byte_of_any_part_is_refused(tmp_path: Path) -> None:
    folders = healthy().write(tmp_path)
    for path in files_of(folders):
        data = path.read_bytes()
        for at in (0, len(data) // 2, len(data) - 1):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            with pytest.raises(ForgedError):
                verify_part(path.parent, folders.digests[path.parent.name])
        path.write_bytes(data)
        verify_part(path.parent, folders.digests[path.parent.name])


@pytest.mark.parametrize("file", ["journal.jsonl", "build.log", PART])
def test_a_tampered_part_is_refused_by_name_and_the_rest_is_sealed(tmp_path: Path, file: str) -> None:
    folders = healthy().write(tmp_path)
    data = (tmp_path / "publish" / file).read_bytes()
    (tmp_path / "publish" / file).write_bytes(data[:-2] + b"x" + data[-1:])
    evidence, refused = folders.join()
    assert [text.partition(":")[0] for text in refused] == ["part-tampered"]
    assert evidence.verdict.word is VerdictWord.INCONCLUSIVE
    assert "part-tampered" in codes(evidence)
    verify(tmp_path / "run")


def test_a_file_too_many_or_too_few_is_refused(tmp_path: Path) -> None:
    folders = healthy().write(tmp_path)
    (tmp_path / "publish" / "extra.txt").write_text("x", encoding="ascii")
    assert [text.partition(":")[0] for text in folders.join()[1]] == ["part-tampered"]
    (tmp_path / "publish" / "extra.txt").unlink()
    shutil.rmtree(tmp_path / "run")
    (tmp_path / "publish" / "build.log").unlink()
    assert [text.partition(":")[0] for text in folders.join()[1]] == ["part-tampered"]


def test_a_part_that_was_sealed_anew_after_a_change_is_not_what_its_job_told(tmp_path: Path) -> None:
    folders = healthy().write(tmp_path)
    (tmp_path / "publish" / "build.log").write_bytes(b"another log\n")
    seal_part(tmp_path / "publish")
    evidence, refused = folders.join()
    assert "its own job told" in refused[0]
    assert ("part-tampered", "publish") in rows(evidence)


def test_a_part_without_a_digest_from_its_job_is_unbound(tmp_path: Path) -> None:
    folders = healthy().write(tmp_path)
    answer = {name: digest for name, digest in folders.digests.items() if name != "pre"}
    evidence, refused = folders.join(digests=answer)
    assert (rows(evidence), refused) == ({("part-unbound", "pre")}, ())
    assert evidence.verdict.word is VerdictWord.INCONCLUSIVE


def test_a_folder_that_is_not_there_counts_as_missing(tmp_path: Path) -> None:
    """A job that died left no artifact, and the names of all folders are given all the same."""
    folders = healthy().write(tmp_path)
    shutil.rmtree(tmp_path / "publish")
    evidence, refused = folders.join()
    assert refused == ()
    assert {("part-missing", "publish"), ("run-trouble", "run")} <= rows(evidence)


def test_an_unsealed_part_counts_as_missing(tmp_path: Path) -> None:
    folders = healthy().write(tmp_path)
    (tmp_path / "during" / PART).unlink()
    evidence, refused = folders.join()
    assert refused == ()
    assert {("part-missing", "during"), ("run-trouble", "run")} <= rows(evidence)


def test_any_changed_byte_of_the_joined_folder_is_found(tmp_path: Path) -> None:
    healthy().write(tmp_path).join()
    for path in sorted((tmp_path / "run").iterdir()):
        data = path.read_bytes()
        path.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
        with pytest.raises(ForgedError):
            verify(tmp_path / "run")
        path.write_bytes(data)
    verify(tmp_path / "run")


@pytest.mark.parametrize("name", ORDER)
def test_a_joined_folder_without_one_of_its_parts_is_not_genuine(tmp_path: Path, name: PartName) -> None:
    healthy().write(tmp_path).join()
    (tmp_path / "run" / f"part-{name}.jsonl").unlink()
    with pytest.raises(ForgedError):
        verify(tmp_path / "run")


def test_a_post_that_was_made_before_the_publish_part_is_reordered(tmp_path: Path) -> None:
    """Its bodies may be read from an earlier publication."""
    folders = healthy().write(tmp_path)
    other = healthy().with_record("publish", records.Trouble(stage="x", message="y")).write(tmp_path / "other")
    shutil.rmtree(tmp_path / "publish")
    shutil.copytree(tmp_path / "other" / "publish", tmp_path / "publish")
    evidence, _ = folders.join(digests={**folders.digests, "publish": other.digests["publish"]})
    assert ("part-reordered", "post") in rows(evidence)


def test_a_tampered_publish_part_does_not_hide_what_the_others_saw(tmp_path: Path) -> None:
    folders = healthy().change("post", records.BucketSampled, runs.lost).write(tmp_path)
    (tmp_path / "publish" / "build.log").write_bytes(b"x")
    evidence, refused = folders.join()
    assert refused[0].startswith("part-tampered: ")
    assert evidence.verdict.word is VerdictWord.QUARANTINE
    assert {("bucket-index-lost", "attic"), ("part-tampered", "publish")} <= rows(evidence)


# --- what the command refuses before anything -------------------------------------------------------------------------


def test_a_judging_job_holds_no_secret_and_leaves_what_is_there_alone(tmp_path: Path) -> None:
    from gate.model.basics import Secret

    folders = healthy().write(tmp_path)
    holder = replace(folders, settings=changed(folders.settings, read_token=Secret("x")))
    with pytest.raises(RefusedError, match="GATE_READ_TOKEN"):
        holder.join()
    with pytest.raises(RefusedError, match="PART=SHA256"):
        folders.join(digests={"pre": "abc"})
    with pytest.raises(RefusedError, match="PART=SHA256"):
        folders.join(digests={"prae": "0" * 64})
    with pytest.raises(RefusedError, match="no part was given"):
        join(folders.settings, (), {}, tmp_path / "run", parts.world())
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    with pytest.raises(RefusedError, match="exists and is left untouched"):
        folders.join()


def test_nothing_genuine_gives_evidence_that_says_so(tmp_path: Path) -> None:
    folders = healthy().write(tmp_path)
    for name in ORDER:
        (tmp_path / name / PART).write_bytes(b"{}")
    evidence, refused = folders.join()
    assert len(refused) == len(ORDER)
    assert [part.part for part in evidence.parts if part.state == "missing"] == list(ORDER)
    assert evidence.verdict.word is VerdictWord.INCONCLUSIVE
    verify(tmp_path / "run")


def test_a_part_that_changes_while_it_is_copied_is_not_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = healthy().write(tmp_path)
    real = make_folder

    def changing(at: Path) -> None:
        real(at)
        (tmp_path / "publish" / "build.log").write_bytes(b"late")

    monkeypatch.setattr(split_folders, "make_folder", changing)
    with pytest.raises(InconclusiveError, match="has changed since it was read"):
        folders.join()


def test_no_disk_for_the_joined_folder_is_no_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = healthy().write(tmp_path)

    read: set[Path] = set()
    stream = journal_log.stream

    def full(path: Path) -> Iterable[bytes]:
        """Each file can be read once, as `verify_part` does; the disk is full when it is copied."""
        if path in read:
            raise OSError(28, "No space left on device")
        read.add(path)
        return stream(path)

    monkeypatch.setattr(split_folders, "stream", full)
    with pytest.raises(InconclusiveError, match="No space left"):
        folders.join()


def test_adding_a_fault_never_improves_the_verdict(tmp_path: Path) -> None:
    """Each fault of the publishing job on top of a loss leaves it a quarantine."""
    lost = healthy().change("post", records.BucketSampled, runs.lost)
    faults: list[Split] = [
        lost.with_run("publish", workflow_run="9"),
        lost.with_record("publish", runs.sample(Phase.POST, 7)),
        lost.with_record("publish", records.RunStopped(code="build-other-tree", reason="no")),
        lost.with_record("publish", records.Cancelled(reason="no")),
        lost.with_record("publish", runs.control("x", Truth.ABSENT)),
        lost.with_previous("publish"),
    ]
    for number, split in enumerate(faults):
        evidence, _ = split.write(tmp_path / str(number)).join()
        assert evidence.verdict.word is VerdictWord.QUARANTINE
