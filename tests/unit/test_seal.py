"""Sealing, finalizing and verifying on real folders: every byte counts, and a dead run never passes."""

import json
import os
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from gate.clock import SystemClock
from gate.errors import ForgedError, InconclusiveError, RefusedError, UnsealedError
from gate.evidence.codec import entry_line, read_evidence
from gate.journal import Journal, make_folder
from gate.journal_log import read_journal_log
from gate.model import records
from gate.model.basics import Phase, VerdictWord
from gate.seal import finalize, seal, verify
from tests.helpers import runs


def folder(at: Path, run: runs.Run) -> Path:
    """A run as the journal and the captures leave it on disk, not sealed."""
    make_folder(at)
    (at / "journal.jsonl").write_bytes(b"".join(entry_line(entry) for entry in runs.entries(run.records)))
    for name, data in run.files.items():
        (at / name).write_bytes(data)
    return at


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    at = folder(tmp_path / "run", runs.healthy())
    assert seal(at).verdict.word is VerdictWord.PASS
    return at


def test_a_sealed_folder_is_genuine_and_its_digest_is_the_files_own(sealed: Path) -> None:
    evidence, digest = verify(sealed)
    assert evidence.verdict.word is VerdictWord.PASS
    assert digest == sha256((sealed / "evidence.json").read_bytes()).hexdigest()
    assert {row.name for row in evidence.manifest} == {path.name for path in sealed.iterdir()} - {"evidence.json"}


@pytest.mark.row("HIS-12")
def test_verifying_changes_nothing_and_sealing_again_gives_the_same_bytes(sealed: Path) -> None:
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in sealed.iterdir()}
    verify(sealed)
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in sealed.iterdir()} == before
    finalize(sealed)
    assert {path.name: path.read_bytes() for path in sealed.iterdir()} == {
        name: data for name, (data, _) in before.items()
    }


@pytest.mark.row("ART-12")
def test_any_changed_byte_is_found(sealed: Path, tmp_path: Path) -> None:
    """A byte in each part of each file, spread over its length."""
    for path in sorted(sealed.iterdir()):
        data = path.read_bytes()
        for at in {0, len(data) // 3, len(data) // 2, len(data) - 1}:
            copy = tmp_path / "copy"
            shutil.copytree(sealed, copy)
            (copy / path.name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            with pytest.raises(ForgedError):
                verify(copy)
            shutil.rmtree(copy)


@pytest.mark.row("ART-13")
@pytest.mark.parametrize("name", ["journal.jsonl", "push-profile.log", "report.html", "evidence.json"])
def test_a_file_that_is_gone_or_cut_is_found(sealed: Path, name: str) -> None:
    data = (sealed / name).read_bytes()
    (sealed / name).write_bytes(data[:-1])
    with pytest.raises(ForgedError):
        verify(sealed)
    (sealed / name).unlink()
    with pytest.raises((ForgedError, UnsealedError)):
        verify(sealed)


@pytest.mark.row("ART-13")
def test_a_file_too_many_is_found(sealed: Path) -> None:
    (sealed / "extra.log").write_bytes(b"x")
    with pytest.raises(ForgedError, match=r"extra\.log"):
        verify(sealed)


@pytest.mark.row("ART-02")
@pytest.mark.parametrize("name", ["journal.jsonl", "push-profile.log", "report.html", "evidence.json"])
def test_a_link_in_the_place_of_a_file_is_refused(sealed: Path, tmp_path: Path, name: str) -> None:
    """It has the very bytes, and could have others a moment later."""
    (sealed / name).rename(tmp_path / "elsewhere")
    (sealed / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError, match="can't be read"):
        verify(sealed)


@pytest.mark.row("ART-11")
def test_a_better_verdict_written_by_hand_is_not_believed(tmp_path: Path) -> None:
    run = runs.healthy().change(
        records.BucketSampled, lambda record: runs.lost(record) if record.phase is Phase.POST else record
    )
    at = folder(tmp_path / "run", run)
    assert seal(at).verdict.word is VerdictWord.QUARANTINE
    stored = json.loads((at / "evidence.json").read_bytes())
    stored["verdict"] = {**stored["verdict"], "word": "pass", "outcome": "pass", "exit_code": 0, "blocks": False}
    import rfc8785

    (at / "evidence.json").write_bytes(rfc8785.dumps(stored))
    with pytest.raises(ForgedError, match="verdict says pass, its records give quarantine"):
        verify(at)


@pytest.mark.row("ART-11")
def test_a_capture_edited_with_its_hashes_mended_gives_another_verdict(sealed: Path) -> None:
    """ART-11: the verdict follows the captures, not what is stored of them."""
    log = (sealed / "push-profile.log").read_bytes()
    name = runs.SOURCES[-1].store_path[11:]
    bad = log.replace(f"✅ {name} (8.31 KiB/s)".encode(), f"❌ {name}: InternalServerError: x".encode())
    (sealed / "push-profile.log").write_bytes(bad)
    stored = json.loads((sealed / "evidence.json").read_bytes())
    for row in stored["manifest"]:
        if row["name"] == "push-profile.log":
            row.update(bytes=len(bad), sha256=sha256(bad).hexdigest())
    import rfc8785

    (sealed / "evidence.json").write_bytes(rfc8785.dumps(stored))
    with pytest.raises(ForgedError):
        verify(sealed)
    assert finalize(sealed).verdict.word is VerdictWord.QUARANTINE


def test_a_run_cut_at_any_record_is_finalized_to_no_pass(tmp_path: Path) -> None:
    run = runs.healthy()
    for count in range(1, len(run.records), 4):
        at = folder(tmp_path / f"cut-{count}", run.cut_after(count))
        with pytest.raises(UnsealedError, match="finalize"):
            verify(at)
        assert finalize(at).verdict.word is VerdictWord.INCONCLUSIVE
        assert verify(at)[0].journal.complete is False


def test_a_torn_tail_is_read_up_to_the_tear(tmp_path: Path) -> None:
    at = folder(tmp_path / "run", runs.healthy())
    data = (at / "journal.jsonl").read_bytes()
    for cut in (len(data) - 1, len(data) - 40, len(data) // 2):
        (at / "journal.jsonl").write_bytes(data[:cut])
        evidence = finalize(at)
        assert evidence.journal.torn
        assert evidence.verdict.word is VerdictWord.INCONCLUSIVE
        verify(at)


@pytest.mark.row("HIS-11")
def test_a_journal_whose_chain_breaks_ends_there(tmp_path: Path) -> None:
    at = folder(tmp_path / "run", runs.healthy())
    lines = (at / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (at / "journal.jsonl").write_bytes(b"".join([*lines[:5], *lines[6:]]))
    journal_log = read_journal_log(at)
    assert (len(journal_log.entries), journal_log.torn) == (5, True)


def test_no_journal_is_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"journal\.jsonl"):
        finalize(tmp_path)
    with pytest.raises(RefusedError, match="can't be listed"):
        verify(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "journal.jsonl")
    with pytest.raises(RefusedError):
        finalize(tmp_path)


def test_an_empty_journal_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_bytes(b"")
    with pytest.raises(Exception, match="run-started"):
        finalize(tmp_path)


def test_a_folder_that_exists_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    with pytest.raises(RefusedError, match="exists"):
        make_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.row("RUN-22")
def test_a_symlink_in_the_place_of_a_journal_is_not_followed(tmp_path: Path) -> None:
    at = folder(tmp_path / "run", runs.healthy())
    (at / "journal.jsonl").rename(tmp_path / "elsewhere")
    (at / "journal.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError):
        finalize(at)


def test_the_journal_chains_and_a_writer_holds_it(tmp_path: Path) -> None:
    at = tmp_path / "run"
    make_folder(at)
    journal = Journal(at, SystemClock())
    first = journal.write(runs.healthy().records[0])
    second = journal.write(records.Trouble(stage="a", message="b"))
    line = (at / "journal.jsonl").read_bytes().split(b"\n")[0] + b"\n"
    assert (first.prev, second.prev) == ("0" * 64, sha256(line).hexdigest())
    with pytest.raises(RefusedError, match="still writes"):
        finalize(at)
    journal.close()
    assert finalize(at).verdict.word is VerdictWord.INCONCLUSIVE
    with pytest.raises(InconclusiveError):
        journal.write(records.RunComplete())


@pytest.mark.row("RUN-07")
def test_a_full_disk_is_no_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = tmp_path / "run"
    make_folder(at)
    journal = Journal(at, SystemClock())
    journal.write(runs.healthy().records[0])
    real = os.write

    def full(handle: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(InconclusiveError, match="No space left"):
        journal.write(records.RunComplete())
    monkeypatch.setattr(os, "write", real)
    with pytest.raises(InconclusiveError, match="No space left"):
        journal.write(records.RunComplete())
    journal.close()
    assert finalize(at).verdict.word is VerdictWord.INCONCLUSIVE


@pytest.mark.row("RUN-05")
def test_leftovers_of_an_interrupted_seal_are_swept(tmp_path: Path) -> None:
    at = folder(tmp_path / "run", runs.healthy())
    (at / ".evidence.json.new").write_bytes(b"half")
    result = finalize(at)
    assert (result.verdict.word, result.verdict.codes) == (VerdictWord.INCONCLUSIVE, ("run-finalized",))
    assert verify(at)[0] == result
    assert finalize(at) == result
    assert read_evidence((at / "evidence.json").read_bytes()).schema == "publication-gate/evidence/v1"


@pytest.mark.row("RUN-04")
def test_what_a_run_has_sealed_is_left_as_it_is(tmp_path: Path) -> None:
    """A person's finalize adds nothing to it; what somebody changed is sealed again, by a person, and is no pass."""
    at = folder(tmp_path / "run", runs.healthy())
    seal(at)
    before = {path.name: path.read_bytes() for path in at.iterdir()}
    assert finalize(at).verdict.word is VerdictWord.PASS
    assert {path.name: path.read_bytes() for path in at.iterdir()} == before
    (at / "report.html").write_bytes(b"another")
    assert finalize(at).verdict.word is VerdictWord.INCONCLUSIVE
    (at / "finalized.txt").unlink()
    with pytest.raises(ForgedError):
        verify(at)
