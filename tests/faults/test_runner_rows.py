"""Rows of the fault matrix in the layer GitHub runner that are about files, memory, signals and defects of our own."""

import errno
import itertools
import json
import os
import re
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from gate import journal as journal_module
from gate.cli.main import main
from gate.clock import SystemClock
from gate.errors import ForgedError, GateError, InconclusiveError, RefusedError, UnsealedError
from gate.journal import Journal, make_folder
from gate.model.basics import VerdictWord
from gate.seal import finalize, seal, verify
from tests.helpers import runs
from tests.unit.test_seal import folder

ROOT = Path(__file__).resolve().parents[2]
CLOSED = "http://127.0.0.1:9"
SITE = {
    "GATE_ATTIC_SERVER": CLOSED,
    "GATE_ATTIC_CACHE": "main",
    "GATE_S3_ENDPOINT": CLOSED,
    "GATE_S3_ACCESS_KEY_ID": "k" * 8,
    "GATE_S3_SECRET_ACCESS_KEY": "s" * 8,
    "GATE_PLAIN_HTTP_HOSTS": "127.0.0.1:9",
    "GATE_SAMPLES": "2",
    "GATE_SAMPLE_SPACING": "0.05",
}


def gate(*argv: str, before: Callable[[], None] | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **SITE, **environ}
    command = [sys.executable, "-m", "gate", *argv]
    return subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=100, check=False, preexec_fn=before
    )


def word(at: Path) -> VerdictWord | None:
    """The word of a folder's evidence, or None where there is none, or it is not genuine."""
    try:
        return verify(at)[0].verdict.word
    except GateError:
        return None


# ----------------------------------------------------------------------------------------------- a file system's faults


class Faulty:
    """Counts the calls that change a disk, and fails from the n-th on, once or for ever."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, at: int, code: int, ever: bool) -> None:
        self.calls = 0
        self._at, self._code, self._ever = at, code, ever
        for module, name in ((os, "write"), (os, "fsync"), (os, "open")):
            monkeypatch.setattr(module, name, self._wrapped(getattr(module, name), name))
        monkeypatch.setattr(Path, "replace", self._wrapped(Path.replace, "replace"))

    def _wrapped(self, real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            if name == "open" and not (len(arguments) > 1 and arguments[1] & os.O_WRONLY):
                return real(*arguments, **more)
            self.calls += 1
            if self.calls == self._at or (self._ever and self.calls > self._at > 0):
                raise OSError(self._code, os.strerror(self._code))
            return real(*arguments, **more)

        return call


RECORDS = runs.healthy().records


def recorded(at: Path) -> VerdictWord:
    """A whole healthy run onto the disk, as a probe writes it: journal, captures, seal."""
    make_folder(at)
    journal = Journal(at, SystemClock())
    try:
        for name, data in runs.healthy().files.items():
            (at / name).write_bytes(data)
        for record in RECORDS[:4]:
            journal.write(record)
        journal.write(RECORDS[-1])
        return seal(at).verdict.word
    finally:
        journal.close()


@pytest.mark.row("RUN-07")
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EROFS, errno.EDQUOT], ids=errno.errorcode.get)
@pytest.mark.parametrize("ever", [False, True])
def test_any_write_that_fails_is_told_and_is_no_end_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, *, ever: bool
) -> None:
    """Every call that changes the disk fails in its turn."""
    with monkeypatch.context() as patched:
        counted = Faulty(patched, at=0, code=code, ever=ever)
        assert recorded(tmp_path / "whole") is VerdictWord.INCONCLUSIVE
    assert counted.calls > 20
    for number in range(1, counted.calls + 1):
        at = tmp_path / f"run-{number}"
        with monkeypatch.context() as patched:
            Faulty(patched, at=number, code=code, ever=ever)
            with pytest.raises(GateError, match=os.strerror(code)) as error:
                recorded(at)
        assert error.value.exit_code == InconclusiveError.exit_code
        assert word(at) is not VerdictWord.PASS
        if (at / "journal.jsonl").exists() and (at / "journal.jsonl").stat().st_size:
            with suppress(GateError):
                assert finalize(at).verdict.word is VerdictWord.INCONCLUSIVE


@pytest.mark.row("RUN-07")
def test_writes_that_are_short_or_interrupted_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = os.write, itertools.count()

    def short(handle: int, data: bytes) -> int:
        return real(handle, bytes(data)[: 1 + next(calls) % 7])

    monkeypatch.setattr(os, "write", short)
    assert recorded(tmp_path / "run") is VerdictWord.INCONCLUSIVE
    assert next(calls) > 100
    assert len(verify(tmp_path / "run")[0].stages) == 1


@dataclass
class Disk:
    """What a disk may hold after the power is gone: what was synced, and any of what was not yet."""

    names: dict[str, bytes] = field(default_factory=dict)  # durable names with their durable content
    pending: list[tuple[str, str, bytes]] = field(default_factory=list)  # (what, name, content or new name)

    def states(self) -> Iterator[dict[str, bytes]]:
        """Each legal state: any subset of what is pending, in any part of its bytes."""
        for remaining in itertools.product((False, True), repeat=len(self.pending)):
            now = dict(self.names)
            for (what, name, content), there in zip(self.pending, remaining, strict=True):
                if not there:
                    continue
                if what == "data":
                    now[name] = content[: len(content) // 2]
                elif what == "rename":
                    now.pop(name, None)
                    now[content.decode()] = self.contents[content.decode()]
            yield now

    contents: dict[str, bytes] = field(default_factory=dict)


@pytest.mark.row("RUN-08")
def test_after_a_loss_of_power_each_state_of_the_disk_is_unsealed_or_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The calls of a seal, replayed up to each of them, with what was not synced there in part or not at all."""
    at = folder(tmp_path / "run", runs.healthy())
    start = {path.name: path.read_bytes() for path in at.iterdir()}
    calls = sealing(at, monkeypatch)
    assert [what for what, _, _ in calls] == ["data", "sync", "rename", "sync-folder"] * 3
    observation: set[VerdictWord | None] = set()
    number = 0
    for upto in range(len(calls) + 1):
        disk = Disk(names=dict(start))
        for what, name, content in calls[:upto]:
            play(disk, what, name, content)
        for state in disk.states():
            number += 1
            copy = tmp_path / f"state-{number}"
            copy.mkdir()
            for name, data in state.items():
                (copy / name).write_bytes(data)
            result = word(copy)
            assert result in (None, VerdictWord.PASS)
            assert (result is VerdictWord.PASS) is ({"evidence.json", "report.html", "summary.md"} <= set(state))
            observation.add(result)
            # The journal is whole: the seal can be made again, by a person, and what the run had sealed stays.
            assert finalize(copy).verdict.word is (result or VerdictWord.INCONCLUSIVE)
            assert word(copy) is (result or VerdictWord.INCONCLUSIVE)
    assert observation == {None, VerdictWord.PASS}
    assert number > 15


def sealing(at: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, bytes]]:
    """The disk's calls of a seal: data of a temporary file, its sync, its rename, the folder's sync."""
    calls: list[tuple[str, str, bytes]] = []
    with monkeypatch.context() as patched:
        real_sync, real_replace, real_folder = os.fsync, Path.replace, journal_module.fsync_folder

        def sync(handle: int) -> None:
            path = Path(f"/proc/self/fd/{handle}").readlink()
            if path.is_file():
                calls.append(("data", path.name, path.read_bytes()))
                calls.append(("sync", path.name, b""))
            real_sync(handle)

        def replace(self: Path, target: Path) -> Path:
            calls.append(("rename", self.name, Path(target).name.encode()))
            return real_replace(self, target)

        def sync_folder(directory: Path) -> None:
            calls.append(("sync-folder", "", b""))
            real_folder(directory)

        patched.setattr(os, "fsync", sync)
        patched.setattr(Path, "replace", replace)
        patched.setattr(journal_module, "fsync_folder", sync_folder)
        assert seal(at).verdict.word is VerdictWord.PASS
    return calls


def play(disk: Disk, what: str, name: str, content: bytes) -> None:
    """One call: what it makes durable, and what it leaves open."""
    if what == "data":
        disk.contents[name] = content
        disk.pending.append((what, name, content))
    elif what == "sync":
        disk.names[name] = disk.contents[name]
        disk.pending = [row for row in disk.pending if row[:2] != ("data", name)]
    elif what == "rename":
        disk.contents[content.decode()] = disk.contents[name]
        disk.pending.append((what, name, content))
    else:
        for _, old, new in disk.pending:
            disk.names.pop(old, None)
            disk.names[new.decode()] = disk.contents[new.decode()]
        disk.pending = []


@pytest.mark.row("RUN-22")
def test_a_link_in_the_place_of_the_evidence_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    for name, place in (("folder", target), ("nowhere", tmp_path / "none"), ("loop", tmp_path / "loop")):
        link = tmp_path / name
        link.symlink_to(place)
        with pytest.raises(RefusedError, match="exists"):
            make_folder(link)
        done = gate("capture", "--output", str(link))
        assert (done.returncode, "exists" in done.stderr) == (2, True), done.stderr
    assert list(target.iterdir()) == []
    make_folder(tmp_path / "own")
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o700
    Journal(tmp_path / "own", SystemClock()).close()
    assert stat.S_IMODE((tmp_path / "own" / "journal.jsonl").stat().st_mode) == 0o600


@pytest.mark.row("RUN-23")
def test_no_room_for_the_first_record_is_told(tmp_path: Path) -> None:
    """A file may have no byte (RLIMIT_FSIZE): the same error at the same call as a full disk."""

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    out = tmp_path / "run"
    done = gate("capture", "--output", str(out), before=no_room)
    assert done.returncode == 3, done.stderr
    assert "the journal can't be written (File too large)" in done.stderr
    assert "Traceback" not in done.stderr
    assert word(out) is None
    assert gate("capture", "--output", str(tmp_path / "fine")).returncode == 3
    assert word(tmp_path / "fine") is VerdictWord.INCONCLUSIVE


# A capture whose first sample of the buckets takes all the memory that is left. What comes then is Python's MemoryError
# (and there is memory again), or a SIGKILL, as the kernel gives it.
HUNGRY = """
import os, resource, signal, sys
from pathlib import Path
from gate.cli.main import main
from gate.probe import observing

def hungry(sources, *, phase, number):
    if phase.value == "post":
        return real(sources, phase=phase, number=number)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + 64 * 2**20, resource.RLIM_INFINITY))
    hoard = []
    try:
        while True:
            hoard.append(bytearray(2**20))
    except MemoryError:
        print("taken:", len(hoard), "MiB", file=sys.stderr)
        if sys.argv[1] == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        raise

real, observing.begin_sample = observing.begin_sample, hungry
raise SystemExit(main(["capture", "--output", sys.argv[2]]))
"""


def hungry(how: str, out: Path) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **SITE}
    command = [sys.executable, "-c", HUNGRY, how, str(out)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=110, check=False)
    samples = re.search(r"taken: (\d+) MiB", done.stderr)
    assert samples is not None, done.stderr
    assert int(samples[1]) > 0
    return done


@pytest.mark.row("RUN-24")
def test_memory_that_ends_in_a_step_is_told_and_the_run_goes_on_to_its_seal(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = hungry("given-back", out)
    assert done.returncode == InconclusiveError.exit_code, done.stderr
    assert done.stdout.startswith("CAPTURED: 0 of 2 buckets indexed")
    assert "Traceback" not in done.stderr
    evidence, _ = verify(out)
    assert (evidence.verdict.word, evidence.journal.complete) == (VerdictWord.INCONCLUSIVE, True)
    (answer,) = [trouble for trouble in evidence.journal.troubles if "MemoryError" in trouble]
    assert answer.startswith("pre: memory ended: MemoryError at ")
    assert "run-trouble" in evidence.verdict.codes
    assert {name: len(bucket.samples) for name, bucket in evidence.post.buckets.items()} == {
        "attic": 2,
        "tofu-state": 2,
    }


@pytest.mark.row("RUN-24")
def test_what_a_run_saw_before_it_was_killed_for_its_memory_can_be_sealed(tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert hungry("killed", out).returncode == -signal.SIGKILL
    assert not (out / "evidence.json").exists()
    with pytest.raises(UnsealedError):
        verify(out)
    records = [json.loads(line)["record"] for line in (out / "journal.jsonl").read_bytes().split(b"\n") if line]
    assert records[0]["kind"] == "run-started"
    assert [row["name"] for row in records if row["kind"] == "stage"][-1] == "pre"
    done = gate("finalize", str(out))
    assert (done.returncode, done.stdout.startswith("CAPTURED: 0 of 2 buckets indexed")) == (3, True), done.stderr
    evidence, _ = verify(out)
    assert (evidence.verdict.word, evidence.journal.complete) == (VerdictWord.INCONCLUSIVE, False)
    assert "run-incomplete" in evidence.verdict.codes


@pytest.mark.row("RUN-25")
def test_a_second_gate_on_one_folder_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "run"
    make_folder(out)
    journal = Journal(out, SystemClock())
    journal.write(RECORDS[0])
    before = (out / "journal.jsonl").read_bytes()
    for command in (["capture", "--output", str(out)], ["finalize", str(out)]):
        assert gate(*command).returncode == 2, command
    assert (out / "journal.jsonl").read_bytes() == before
    journal.close()
    assert gate("finalize", str(out)).returncode == 3


@pytest.mark.row("RUN-27")
def test_another_language_and_closed_streams_give_the_same_bytes(tmp_path: Path) -> None:
    result: dict[str, dict[str, bytes]] = {}
    for name, environ in (
        ("usual", {"LC_ALL": "C.UTF-8"}),
        ("ascii", {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}),
        ("latin", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1", "TZ": "Asia/Kolkata"}),
    ):
        at = folder(tmp_path / name, runs.healthy())
        done = gate("finalize", str(at), before=None, **environ)
        assert (done.returncode, done.stderr) == (3, ""), name
        result[name] = {path.name: path.read_bytes() for path in at.iterdir()}
    assert result["usual"] == result["ascii"] == result["latin"]


# ------------------------------------------------------------------------------------------------------ our own defects


class Thrown:
    """Raises at the n-th call of a function of ours, in this thread."""

    def __init__(self, at: int, error: type[BaseException] | None) -> None:
        self.calls = 0
        self._at, self._error = at, error

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and "/gate/" in frame.f_code.co_filename and "/cli/main.py" not in frame.f_code.co_filename:
            self.calls += 1
            if self.calls == self._at and self._error is not None:
                raise self._error("a secret hunter2")


@contextmanager
def throwing(at: int, error: type[BaseException] | None) -> Iterator[Thrown]:
    thrown = Thrown(at, error)
    before = sys.gettrace()
    sys.settrace(thrown)
    try:
        yield thrown
    finally:
        sys.settrace(before)


# A generator that is thrown away is called too, and Python only warns of what is raised there.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.row("RUN-40")
@pytest.mark.slow
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, MemoryError, RecursionError])
def test_a_defect_at_any_call_is_no_pass_and_shows_no_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: type[BaseException]
) -> None:
    """Calls of a `finalize` that would seal, one after the other over their whole length."""
    at = folder(tmp_path / "count", runs.healthy())
    with throwing(0, None) as counted:
        assert main(["finalize", str(at)]) == 3
    assert counted.calls > 2000
    for number, call in enumerate(range(1, counted.calls + 1, counted.calls // 10)):
        copy = folder(tmp_path / f"run-{number}", runs.healthy())
        with throwing(call, error):
            code = main(["finalize", str(copy)])
        output = capsys.readouterr()
        assert "hunter2" not in output.out + output.err
        assert "Traceback" not in output.out + output.err
        assert code in (2, 3), call  # one sentence, or a seal
        assert output.err.startswith("publication-gate: ") or output.out.startswith("INCONCLUSIVE: ")
        assert finalize(copy).verdict.word is VerdictWord.INCONCLUSIVE


@pytest.mark.row("RUN-40")
def test_a_defect_in_a_step_of_a_run_leaves_sealed_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in SITE.items():
        monkeypatch.setenv(name, value)

    def broken(*_arguments: object, **_more: object) -> None:
        raise ZeroDivisionError("a secret hunter2")

    monkeypatch.setattr("gate.probe.observing.begin_sample", broken)
    assert main(["capture", "--output", str(tmp_path / "run")]) == 3
    evidence, _ = verify(tmp_path / "run")
    assert evidence.verdict.word is VerdictWord.INCONCLUSIVE
    assert any("ZeroDivisionError" in trouble for trouble in evidence.journal.troubles)
    assert "hunter2" not in capsys.readouterr().out + (tmp_path / "run" / "evidence.json").read_text()


@pytest.mark.row("RUN-05")
def test_until_the_last_rename_nothing_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict is known in memory before; a folder without ``evidence.json`` is no evidence."""
    at = folder(tmp_path / "run", runs.healthy())

    def dies(_self: Path, target: Path) -> Path:
        if Path(target).name == "evidence.json":
            raise KeyboardInterrupt
        return real(_self, target)

    real = Path.replace
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            seal(at)
    assert {"report.html", "summary.md"} <= {path.name for path in at.iterdir()}
    with pytest.raises((UnsealedError, ForgedError)):
        verify(at)
    assert finalize(at).verdict.codes == ("run-finalized",)
