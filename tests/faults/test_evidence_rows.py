"""Rows of the fault matrix on evidence that is downloaded and verified elsewhere, and on what a run saw over time."""

import json
import random
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from gate.cli.main import main
from gate.errors import ForgedError
from gate.model import records
from gate.model.basics import Phase, Truth
from gate.seal import finalize, seal, verify
from tests.helpers import runs
from tests.helpers.runs import Run, answer, healthy
from tests.unit.judge.test_breaks import BREAKS, WORSE
from tests.unit.test_seal import folder

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0abcdef.c2lnbmF0dXJlc2lnbmF0dXJl"
Edit = Callable[[bytes], bytes]


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    at = folder(tmp_path / "run", healthy())
    assert seal(at).verdict.word.value == "pass"
    assert main(["verify", str(at)]) == 0
    return at


def forged(at: Path, edit: Edit) -> str:
    """Edit the stored document; what verify says of it, as library and as command."""
    before = (at / "evidence.json").read_bytes()
    after = edit(before)
    assert after != before
    (at / "evidence.json").write_bytes(after)
    with pytest.raises(ForgedError) as error:
        verify(at)
    assert main(["verify", str(at)]) == 2
    assert main(["show", str(at)]) == 2
    return str(error.value)


def swap(old: str, new: str) -> Edit:
    def edit(data: bytes) -> bytes:
        assert data.count(old.encode()) >= 1, old
        return data.replace(old.encode(), new.encode(), 1)

    return edit


def document(change: Callable[[dict[str, Any]], object]) -> Edit:
    """The document with a change, in its canonical form again."""

    def edit(data: bytes) -> bytes:
        read = json.loads(data)
        change(read)
        return rfc8785.dumps(read)

    return edit


@pytest.mark.row("ART-06")
def test_a_key_twice_is_refused(sealed: Path) -> None:
    verdict = '"verdict":{"blocks":true,"codes":[],"exit_code":4,"headline":"","outcome":"fail","word":"quarantine"},'
    assert "two equal keys" in forged(sealed, swap('"verdict":', verdict + '"verdict":'))


NUMBERS = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-0",
    "0.0",
    "1" * 400,
    "true",
    '"0"',
    "00",
    "0x0",
    "1_0",
    "+0",
    "0.",
]


@pytest.mark.row("ART-07")
@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_that_is_none_is_refused(sealed: Path, number: str) -> None:
    forged(sealed, swap('"exit_code":0', f'"exit_code":{number}'))


@pytest.mark.row("ART-07")
@pytest.mark.parametrize(("old", "new"), [('"blocks":false', '"blocks":0'), ('"complete":true', '"complete":1')])
def test_a_number_in_the_place_of_a_truth_is_refused(sealed: Path, old: str, new: str) -> None:
    forged(sealed, swap(old, new))


ENCODINGS: dict[str, Edit] = {
    "bom": lambda data: b"\xef\xbb\xbf" + data,
    "utf-16": lambda data: data.decode().encode("utf-16"),
    "utf-16 without bom": lambda data: data.decode().encode("utf-16-le"),
    "lone surrogate": swap('"headline":"', '"headline":"\\ud800'),
    "raw surrogate": lambda data: data.replace(b'"headline":"', b'"headline":"\xed\xa0\x80', 1),
    "invalid utf-8": lambda data: data.replace(b'"headline":"', b'"headline":"\xff', 1),
    "nul": lambda data: data.replace(b'"headline":"', b'"headline":"\x00', 1),
    "escaped nul": swap('"headline":"', '"headline":"\\u0000'),
    "nul behind": lambda data: data + b"\x00",
    "blank behind": lambda data: data + b"\n",
    "second document": lambda data: data + data,
    "nothing": lambda _data: b"",
}


@pytest.mark.row("ART-09")
@pytest.mark.parametrize("edit", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_another_encoding_is_refused(sealed: Path, edit: Edit) -> None:
    forged(sealed, edit)


STRANGE: dict[str, Callable[[dict[str, Any]], object]] = {
    "field": lambda read: read.update(note="x"),
    "field of a finding": lambda read: read["findings"][0].update(severity="low"),
    "field left out": lambda read: read.pop("boundary"),
    "schema": lambda read: read.update(schema="publication-gate/evidence/v2"),
    "no schema": lambda read: read.pop("schema"),
    "judge revision": lambda read: read.update(judge_revision=read["judge_revision"] + 1),
    "reason code": lambda read: read["findings"][0].update(code="all-is-well"),
    "verdict word": lambda read: read["verdict"].update(word="passed"),
    "status": lambda read: read["findings"][0].update(status="ok"),
    "finding taken out": lambda read: read["findings"].pop(),
    "finding twice": lambda read: read["findings"].append(read["findings"][0]),
    "subject": lambda read: read["subject"].update(cache="other"),
    "run": lambda read: read["run"].update(nonce="bb"),
    "policy": lambda read: read["policy"].update(min_fresh=1),
    "boundary": lambda read: read.update(boundary=[]),
}


@pytest.mark.row("ART-10")
@pytest.mark.parametrize("change", STRANGE.values(), ids=STRANGE.keys())
def test_a_document_of_another_form_is_refused(sealed: Path, change: Callable[[dict[str, Any]], object]) -> None:
    forged(sealed, document(change))


@pytest.mark.row("ART-12")
def test_any_one_byte_of_the_document_decides(sealed: Path) -> None:
    """Bytes all over it; the other files are in its manifest by their hashes."""
    good = (sealed / "evidence.json").read_bytes()
    for at in range(random.Random(1).randrange(37), len(good), len(good) // 50):
        (sealed / "evidence.json").write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(ForgedError):
            verify(sealed)
    (sealed / "evidence.json").write_bytes(good)
    verify(sealed)


@pytest.mark.row("ART-13")
def test_a_file_under_another_name_is_refused(sealed: Path) -> None:
    (sealed / "push-profile.log").rename(sealed / "push-canary-2.log")
    with pytest.raises(ForgedError, match=r"push-(profile|canary-2)\.log"):
        verify(sealed)


@pytest.mark.row("ART-29")
def test_a_secret_in_a_capture_is_refused_and_to_be_rotated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = f"2026-11-24T00:00:30.000799Z  INFO attic_server::api: Authorization: Bearer {TOKEN}\n"
    run = healthy().with_file("server.log", runs.SERVER_LOG + line.encode())
    closed = runs.closed("server.log", run.files["server.log"])
    run = run.change(records.CaptureClosed, lambda row: closed if row.name == "server.log" else row)
    at = folder(tmp_path / "run", run)
    assert seal(at).verdict.word.value == "pass"
    verify(at)
    assert main(["verify", str(at)]) == 2
    output = capsys.readouterr().out
    assert "a signed JSON web token in server.log: rotate it" in output
    assert TOKEN not in output


# ----------------------------------------------------------------------------------------------- what a run saw in time


@pytest.mark.row("HIS-02")
@pytest.mark.parametrize(
    "kind", [records.BucketSampled, records.StateSeen, records.WorkloadSeen, records.LogCanarySent]
)
def test_without_a_look_after_there_is_no_pass(kind: type) -> None:
    run = healthy().change(kind, lambda row: None if row.phase is Phase.POST else row)
    assert run.word() == "inconclusive"
    assert {status for _, status in run.rows()} == {"inconclusive"}


@pytest.mark.row("HIS-03")
def test_the_looks_before_of_another_run_are_not_taken(tmp_path: Path) -> None:
    """Its lines do not follow ours by their hashes, and its canary's nonce is in no log of ours."""
    ours, theirs = folder(tmp_path / "ours", healthy()), folder(tmp_path / "theirs", healthy().with_policy(min_paths=4))
    lines, other = ((at / "journal.jsonl").read_bytes().splitlines(keepends=True) for at in (ours, theirs))
    before = [number for number, line in enumerate(other) if b'"phase":"pre"' in line]
    (ours / "journal.jsonl").write_bytes(b"".join(other[at] if at in before else line for at, line in enumerate(lines)))
    evidence = finalize(ours)
    assert (evidence.verdict.word.value, evidence.journal.torn) == ("inconclusive", True)
    assert evidence.journal.records == before[0]
    stale = healthy().change(records.LogCanarySent, lambda row: replace(row, nonce=row.nonce.replace("-aa", "-bb")))
    assert stale.word() == "inconclusive"


@pytest.mark.row("HIS-05")
def test_a_state_that_is_gone_from_index_and_disk_alike_is_lost() -> None:
    """Index and disk agree after it; only the look before tells that something was there."""

    def gone(row: records.BucketSampled) -> records.Record:
        if row.phase is not Phase.POST:
            return row
        bare = replace(runs.lost(row, "tofu-state"), number=row.number)
        places = tuple(
            replace(
                place,
                markers=tuple(
                    replace(mark, data=Truth.ABSENT, meta=Truth.ABSENT) if mark.bucket == "tofu-state" else mark
                    for mark in place.markers
                ),
            )
            for place in bare.places
        )
        return replace(bare, places=places)

    run = healthy().change(records.BucketSampled, gone)
    run = run.change(records.StateSeen, lambda row: replace(row, head=answer(404)) if row.phase is Phase.POST else row)
    assert {("state-lost", "fail"), ("bucket-missing", "fail")} <= run.rows()
    assert run.word() == "quarantine"


@pytest.mark.row("HIS-06")
def test_as_many_as_before_and_not_the_same_is_a_loss() -> None:
    """Two buckets before, two after: one of them another."""

    def other(row: records.BucketSampled) -> records.Record:
        if row.phase is not Phase.POST:
            return row
        observation = runs.lost(row)
        body = observation.listing[0].body.replace("<Buckets>", "<Buckets><Bucket><Name>attic2</Name></Bucket>")
        return replace(observation, listing=(answer(body=body),))

    run = healthy().change(records.BucketSampled, other)
    assert ("bucket-index-lost", "fail") in run.rows()
    assert run.word() == "quarantine"
    name = runs.SOURCES[0].store_path.removeprefix("/nix/store/")
    twice = runs.SOURCES[1].store_path.removeprefix("/nix/store/")
    log = healthy().files["push-profile.log"].replace(name.encode(), twice.encode())
    swapped = healthy().with_file("push-profile.log", log)
    assert log.count("✅".encode()) == len(runs.SOURCES)
    assert ("push-unaccounted", "inconclusive") in swapped.rows()
    assert swapped.word() == "inconclusive"


@pytest.mark.row("HIS-07")
def test_what_was_bad_before_is_never_normal() -> None:
    run = healthy().change(records.BucketSampled, runs.lost)
    assert ("bucket-index-lost", "fail") in run.rows()
    assert run.word() == "quarantine"
    before = healthy().change(records.BucketSampled, lambda row: runs.lost(row) if row.phase is Phase.PRE else row)
    assert before.word() == "quarantine"


@pytest.mark.row("HIS-11")
@pytest.mark.parametrize("fault", ["gap", "fork", "order", "edited"])
def test_a_chain_that_does_not_hold_ends_there(tmp_path: Path, fault: str) -> None:
    at = folder(tmp_path / "run", healthy())
    lines = (at / "journal.jsonl").read_bytes().splitlines(keepends=True)
    broken = {
        "gap": [*lines[:9], *lines[10:]],
        "fork": [*lines[:9], lines[8], *lines[9:]],
        "order": [*lines[:9], lines[10], lines[9], *lines[11:]],
        "edited": [*lines[:9], re.sub(rb'"mono_millis":(\d+)', rb'"mono_millis":9\1', lines[9]), *lines[10:]],
    }[fault]
    (at / "journal.jsonl").write_bytes(b"".join(broken))
    evidence = finalize(at)
    assert (evidence.verdict.word.value, evidence.journal.torn) == ("inconclusive", True)
    assert "run-incomplete" in evidence.verdict.codes
    assert evidence.journal.records == (10 if fault == "edited" else 9)


@pytest.mark.row("HIS-12")
def test_ten_runs_on_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    digests = set()
    for number in range(10):
        at = folder(tmp_path / str(number), healthy())
        seal(at)
        digests.add(sha256((at / "evidence.json").read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.row("HIS-13")
@pytest.mark.parametrize("seed", range(40))
def test_faults_on_faults_never_make_a_verdict_better(seed: int) -> None:
    """Any two or three of the faults of the judge's own table, in any order."""
    dice = random.Random(seed)
    run: Run = healthy()
    worst = 0
    for name in dice.sample(sorted(BREAKS), dice.choice((2, 3))):
        with suppress(TypeError):  # it edits what the one before took away
            run = BREAKS[name][0](run)
            worst = max(worst, min(WORSE[BREAKS[name][0](healthy()).word()], 1))
        assert WORSE[run.word()] >= worst, name
