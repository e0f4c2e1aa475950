"""The template of a split run under act: five jobs and their artifacts to one verdict; splitting.py has the runs."""

import re
from pathlib import Path

from gate.model.document import Evidence
from tests.action.backend import RUNS
from tests.action.seen import MARKS, downloaded, raw, read
from tests.action.splitting import PARTS, PROFILE

pytestmark = MARKS
JOBS = ("before", "publish", "during", "after", "judge")


def log(out: Path, run: str) -> str:
    return (out / f"{run}.log").read_text(encoding="utf-8")


def evidence_of(out: Path, number: int, into: Path, suffix: str = "") -> Evidence:
    return downloaded(out, number, f"publication-evidence-{PROFILE}-{number}-1{suffix}", into)[0]


def joined(evidence: Evidence) -> set[str]:
    return {row.subject for row in evidence.findings if row.code == "part-joined"}


def ends(out: Path, run: str) -> dict[str, str]:
    """How each job ended, in act's words."""
    return dict(re.findall(r"split probe, (\w+) *\] 🏁  Job (\w+)", log(out, run)))


def test_five_jobs_with_their_own_rights_give_one_pass(out: Path, tmp_path: Path) -> None:
    assert read(out / "split.json")["exit"] == 0, log(out, "split")
    assert ends(out, "split") == dict.fromkeys(JOBS, "succeeded")
    evidence = evidence_of(out, RUNS["split"], tmp_path)
    assert (evidence.verdict.word.value, joined(evidence)) == ("pass", set(PARTS))
    assert (evidence.coverage.expected_paths, evidence.coverage.proved_paths) == (3, 3)
    assert evidence.run.workflow_run == str(RUNS["split"])


def test_a_part_says_that_it_is_no_verdict_and_the_last_job_gives_one(out: Path) -> None:
    output = (out / "split.raw.none.md").read_text(encoding="utf-8")
    assert output.count("This is a part of a run, and no verdict.") == len(PARTS)
    assert output.count("> **PASS: ") == 1
    answer = set(re.findall(r"split probe, (\w+) *\] +⚙  ::set-output:: verdict=(\w*)", log(out, "split")))
    assert answer == {*((name, "inconclusive") for name in JOBS[:-1]), ("judge", "pass")}


def test_a_bucket_that_is_lost_while_the_publishing_job_pushes_is_a_quarantine(out: Path, tmp_path: Path) -> None:
    assert read(out / "split-lost.json")["exit"] == 1
    evidence = evidence_of(out, RUNS["split-lost"], tmp_path)
    assert (evidence.verdict.word.value, joined(evidence)) == ("quarantine", set(PARTS))
    assert {"bucket-index-lost", "push-path-failed"} <= set(evidence.verdict.codes)
    assert evidence.during.first_loss_at is not None
    assert raw(out, "split-lost").endswith("verdict: exit code 4\n")


def test_what_is_there_after_is_seen_and_judged_although_the_publishing_job_failed(out: Path, tmp_path: Path) -> None:
    failed = {"publish": "failed", "judge": "failed"}
    assert ends(out, "split-lost") == {**dict.fromkeys(JOBS, "succeeded"), **failed}
    evidence = evidence_of(out, RUNS["split-lost"], tmp_path)
    assert (evidence.coverage.proved_paths, evidence.push.counts.failed) == (0, 2)
    after = [row for row in evidence.findings if (row.code, row.phase) == ("bucket-index-lost", "post")]
    assert [row.subject for row in after] == ["attic"]


def test_a_part_of_another_run_blocks_although_its_job_told_its_digest(out: Path, tmp_path: Path) -> None:
    assert read(out / "foreign.json")["exit"] == 1
    evidence = evidence_of(out, RUNS["split"], tmp_path, "-foreign")
    assert evidence.verdict.word.value == "inconclusive"
    foreign = [row for row in evidence.findings if row.code == "part-foreign"]
    assert [(row.subject, row.status.value) for row in foreign] == [("publish", "inconclusive")]
    own, other = RUNS["split"], RUNS["split-lost"]
    assert f"its workflow run is '{other}', expected '{own}'" in foreign[0].summary
    assert joined(evidence) == {"pre", "during"}
    assert raw(out, "foreign").endswith("verdict: exit code 3\n")


def test_a_part_that_is_missing_blocks(out: Path, tmp_path: Path) -> None:
    assert read(out / "missing.json")["exit"] == 1
    evidence = evidence_of(out, RUNS["split"], tmp_path, "-missing")
    assert evidence.verdict.word.value == "inconclusive"
    assert [row.subject for row in evidence.findings if row.code == "part-missing"] == ["during"]
    assert joined(evidence) == {"pre", "publish", "post"}
    assert raw(out, "missing").endswith("verdict: exit code 3\n")
