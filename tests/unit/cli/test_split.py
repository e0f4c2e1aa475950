"""The commands of a split run: what is refused before anything, and what `judge` and `finalize` make of folders."""

import json
import os
from pathlib import Path

import pytest

from gate.cli.main import main
from gate.journal_log import PART
from gate.model import records
from tests.helpers import parts, runs
from tests.helpers.parts import ORDER, Folders, healthy

TOML = """
[cache]
attic-server = "http://127.0.0.1:8"
attic-cache = "main"
probe-cache = "probe"
plain-http-hosts = ["127.0.0.1:8", "127.0.0.1:9"]
cache-workload = "file:///c.pid"
server-log = "file:///c.log"
[store]
s3-endpoint = "http://127.0.0.1:9"
state-key = "runners/terraform.tfstate"
markers = ["file:///data"]
store-workload = "file:///s.pid"
[sampling]
samples = 2
sample-spacing = 0.5
"""
PROFILE = ("--profile", "medium-check")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("GATE_", "GITHUB_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    (tmp_path / "gate.toml").write_text(TOML, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def judge(folders: Folders, *more: str, digests: bool = True) -> tuple[int, dict[str, object]]:
    answer = [text for name, digest in folders.digests.items() for text in ("--digest", f"{name}={digest}")]
    names = [str(folders.at / name) for name in ORDER]
    argv = ["judge", *names, *PROFILE, *(answer if digests else ()), "--output", str(folders.at / "run"), *more]
    code = main([*argv, "--json-into", str(folders.at / "result.json")])
    return code, json.loads((folders.at / "result.json").read_text(encoding="utf-8"))


def test_judge_gives_the_verdict_of_the_joined_run(tmp_path: Path) -> None:
    code, output = judge(healthy().write(tmp_path / "parts"))
    assert code == 0
    assert output["verdict"]["word"] == "pass"  # type: ignore[index]  # a mapping
    assert main(["verify", str(tmp_path / "parts" / "run")]) == 0
    assert main(["show", str(tmp_path / "parts" / "run")]) == 0
    assert main(["finalize", str(tmp_path / "parts" / "run")]) == 3
    assert main(["finalize", str(tmp_path / "parts" / "pre")]) == 3


def test_a_part_is_no_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    healthy().write(tmp_path / "parts")
    assert main(["verify", str(tmp_path / "parts" / "pre")]) == 3
    assert "is a part of a split run, and no evidence" in capsys.readouterr().out


def test_judge_without_digests_is_inconclusive_and_an_empty_one_is_none(tmp_path: Path) -> None:
    folders = healthy().write(tmp_path / "parts")
    assert judge(folders, digests=False)[0] == 3
    empty = healthy().write(tmp_path / "empty")
    assert judge(empty, *(text for name in ORDER for text in ("--digest", f"{name}=")), digests=False)[0] == 3


def test_judge_refuses_a_tampered_part_and_leaves_what_the_others_saw(tmp_path: Path) -> None:
    folders = healthy().change("post", records.BucketSampled, runs.lost).write(tmp_path / "parts")
    (tmp_path / "parts" / "publish" / "build.log").write_bytes(b"x")
    code, output = judge(folders)
    assert code == 2
    assert str(output["error"]).startswith("part-tampered: ")
    assert "(quarantine)" in str(output["error"])
    assert main(["verify", str(tmp_path / "parts" / "run")]) == 0


@pytest.mark.parametrize("digest", ["pre", "pre=0", "prae=" + "0" * 64, "=x"])
def test_a_digest_of_another_form_is_refused(tmp_path: Path, digest: str) -> None:
    folders = healthy().write(tmp_path / "parts")
    assert judge(folders, "--digest", digest, digests=False)[0] == 2
    assert not (tmp_path / "parts" / "run").exists()


@pytest.mark.parametrize(
    "argv",
    [
        ("capture", "--phase", "pre"),
        ("capture", "--profile", "small-check"),
        ("capture", "--after", "x"),
        ("capture", "--seconds", "3"),
        ("capture", "--phase", "pre", *PROFILE, "--after", "x"),
        ("capture", "--phase", "pre", *PROFILE, "--seconds", "3"),
        ("capture", "--phase", "during", *PROFILE, "--after", "x"),
        ("capture", "--phase", "post", *PROFILE, "--until", "x"),
        ("capture", "--phase", "during", *PROFILE, "--seconds", "0"),
        ("capture", "--phase", "during", *PROFILE, "--seconds", "99999"),
        ("capture", "--phase", "during", *PROFILE, "--seconds", "5"),
        ("capture", "--phase", "post", *PROFILE),
        ("publish", *PROFILE),
        ("publish", *PROFILE, "--confirm", "probe-attic-publication-synthetic"),
        ("judge", *PROFILE),
    ],
    ids=" ".join,
)
def test_what_does_not_belong_together_is_refused_before_anything(tmp_path: Path, argv: tuple[str, ...]) -> None:
    assert main([*argv, "--output", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("argv", "secret"),
    [
        (("capture", "--phase", "pre", *PROFILE), "GATE_PUSH_TOKEN"),
        (("capture", "--phase", "during", "--seconds", "5", *PROFILE), "GATE_PUSH_TOKEN"),
        (("capture", "--phase", "post", *PROFILE), "GATE_PUSH_TOKEN"),
        *(
            (("publish", *PROFILE, "--confirm", "probe-attic-publication-medium-check"), name)
            for name in ("GATE_READ_TOKEN", "GATE_SIGNING_SECRET", "GATE_S3_ACCESS_KEY_ID", "GATE_S3_SECRET_ACCESS_KEY")
        ),
        (("publish", *PROFILE, "--confirm", "probe-attic-publication-medium-check"), "KUBECONFIG"),
        (("judge", "x", *PROFILE), "GATE_S3_SECRET_ACCESS_KEY"),
    ],
)
def test_a_job_that_holds_what_is_not_its_parts_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    argv: tuple[str, ...],
    secret: str,
) -> None:
    monkeypatch.setenv(secret, "a-secret-value")
    assert main([*argv, "--output", str(tmp_path / "out")]) == 2
    output = capsys.readouterr().err
    assert secret in output
    assert "a-secret-value" not in output
    assert not (tmp_path / "out").exists()


def given(folders: Folders, name: str, digest: str | None = None) -> list[str]:
    answer = ["--digest", f"{name}={digest}"] if digest else []
    return ["--after", str(folders.at / name), *answer]


def test_a_part_that_is_given_must_be_genuine_and_of_this_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GATE_S3_ACCESS_KEY_ID", "GATE_S3_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "a-secret-value")
    during = ["capture", "--phase", "during", "--seconds", "1", *PROFILE, "--output", str(tmp_path / "out")]
    folders = healthy().write(tmp_path / "parts")
    cases = [
        (given(folders, "publish"), "the part pre was not given"),
        (given(folders, "pre", "0" * 64), "its own job told"),
        ([*given(folders, "pre"), *given(folders, "pre")], "two parts pre were given"),
        (given(healthy().with_run("pre", workflow_attempt="2").write(tmp_path / "other"), "pre"), "is not of this run"),
        (given(healthy().with_policy("pre", samples=9).write(tmp_path / "rules"), "pre"), "settings differ"),
    ]
    for argv, answer in cases:
        assert main([*during, *argv]) == 2
        assert answer in capsys.readouterr().err
        assert not (tmp_path / "out").exists()


def test_finalize_seals_what_a_dead_job_left_of_a_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = healthy().write(tmp_path / "parts")
    (tmp_path / "parts" / "during" / PART).unlink()
    lines = (tmp_path / "parts" / "during" / "journal.jsonl").read_bytes().split(b"\n")
    (tmp_path / "parts" / "during" / "journal.jsonl").write_bytes(b"\n".join(lines[:-3]) + b"\n")
    (tmp_path / "parts" / "during" / ".part.json.new").write_bytes(b"half")
    assert main(["finalize", str(tmp_path / "parts" / "during")]) == 3
    assert "This is a part of a run, and no verdict" in capsys.readouterr().out
    code, _ = judge(folders, digests=False)
    assert code == 3


def test_a_part_says_that_it_was_stopped_cancelled_or_skipped(tmp_path: Path) -> None:
    from gate.cli.probe import part_outcome
    from gate.probe.split_folders import verify_part

    extras: list[tuple[records.Record, int]] = [
        (records.RunStopped(code="push-set-out-of-bounds", reason="over its cap"), 3),
        (records.Cancelled(reason="a signal"), 3),
        (records.StageMark(name="publish", state="skipped", note="pre is not clean"), 3),
        (records.Trouble(stage="x", message="y"), 0),
    ]
    for number, (record, code) in enumerate(extras):
        folders = healthy().with_record("publish", record).write(tmp_path / str(number))
        outcome = part_outcome(verify_part(folders.at / "publish"))
        assert outcome.exit_code == code
        assert outcome.data["part_digest"] == folders.digests["publish"]
    assert parts.NONCE == "aa"
