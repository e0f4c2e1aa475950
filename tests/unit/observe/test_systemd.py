"""A unit of systemd: its main process, and its journal as the real journalctl reads it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.clock import SystemClock
from gate.model.basics import Phase, Truth
from gate.model.parsed import UnitLocator
from gate.observe.systemd import JournalWindow, Systemd, look_at_unit
from gate.parse.service_manager import DROPPED_ID
from gate.process import CancelToken, Capture
from tests.helpers.systemd_journal import INVOCATION, UNIT, Journal, systemctl

NONCE = "gate-canary-post-1"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    folder = tmp_path / "journal"
    folder.mkdir()
    return Journal(folder)


@pytest.fixture
def systemd() -> Systemd:
    programs = {"journalctl": str(shutil.which("journalctl"))}
    return Systemd(environ=os.environ, programs=programs, cancel=CancelToken(), clock=SystemClock())


def window(journal: Journal, systemd: Systemd) -> JournalWindow:
    return JournalWindow(UnitLocator(unit=UNIT, directory=str(journal.folder)), systemd)


def captured(window: JournalWindow, tmp_path: Path, *, seconds: float = 0.2) -> tuple[list[str], tuple[str, ...]]:
    capture = Capture(tmp_path, "server.log")
    notes = window.capture(capture, [NONCE], clock=SystemClock(), seconds=seconds)
    capture.close()
    return (tmp_path / "server.log").read_text(encoding="utf-8").splitlines(), notes


def test_the_window_has_the_units_entries_from_its_opening_on(
    journal: Journal, systemd: Systemd, tmp_path: Path
) -> None:
    journal.write("before", "last")
    opened = window(journal, systemd)
    journal.write("new", f"GET /main/{NONCE}.narinfo")
    journal.write("of another", unit="other.service")
    lines, notes = captured(opened, tmp_path)
    assert ['"MESSAGE":"new"' in lines[0], NONCE in lines[1], len(lines)] == [True, True, 2]
    assert notes == ()


def test_an_empty_journal_is_read_from_its_first_entry(journal: Journal, systemd: Systemd, tmp_path: Path) -> None:
    journal.write("of another", unit="other.service")
    opened = window(journal, systemd)
    journal.write(NONCE)
    assert captured(opened, tmp_path)[1] == ()


def test_another_process_reads_on_from_the_cursor(journal: Journal, systemd: Systemd, tmp_path: Path) -> None:
    journal.write("last")
    position = window(journal, systemd).position()
    assert "last" not in str(position), "no text of a log"
    journal.write(NONCE)
    place = UnitLocator(unit=UNIT, directory=str(journal.folder))
    lines, notes = captured(JournalWindow(place, systemd, position), tmp_path)
    assert (len(lines), notes) == (1, ())


def test_a_journal_without_its_remembered_entry_may_lack_lines(
    journal: Journal, systemd: Systemd, tmp_path: Path
) -> None:
    journal.write("last")
    opened = window(journal, systemd)
    for file in journal.folder.iterdir():  # as a vacuum does
        file.unlink()
    journal.write(NONCE)
    assert captured(opened, tmp_path)[1] == (
        "the entry at which the window begins is not in the journal any more: lines may be lost",
    )


@pytest.mark.parametrize(("unit", "count"), [(UNIT, 1), ("other.service", 0)])
def test_lines_that_journald_dropped_are_named(
    journal: Journal, systemd: Systemd, tmp_path: Path, unit: str, count: int
) -> None:
    journal.write("last")
    opened = window(journal, systemd)
    dropped = f"Suppressed 12 messages from {unit}"
    journal.write(dropped, unit="systemd-journald.service", MESSAGE_ID=DROPPED_ID, N_DROPPED="12")
    journal.write(NONCE)
    lines, notes = captured(opened, tmp_path)
    assert len(lines) == 1
    assert notes == (f"journald dropped 12 lines of {UNIT}: raise RateLimitBurst=",) * count


def test_a_canary_that_never_comes_is_named(journal: Journal, systemd: Systemd, tmp_path: Path) -> None:
    journal.write("last")
    assert captured(window(journal, systemd), tmp_path)[1] == (f"{NONCE} is not in the journal of {UNIT} after 0.2 s",)


def test_a_journal_that_cannot_be_read_says_so(systemd: Systemd, tmp_path: Path) -> None:
    place = UnitLocator(unit=UNIT, directory=str(tmp_path / "none"))
    opened = JournalWindow(place, systemd)
    assert opened.position().trouble.startswith("journalctl ended with exit code 1")
    assert captured(opened, tmp_path) == ([], (opened.position().trouble,))


# The machine that runs the tests has no service manager, so systemctl is a program that prints in its form.


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield child
    child.kill()
    child.wait()


def manager(tmp_path: Path, *, exit_code: int = 0, **properties: object) -> Systemd:
    """A ``systemctl show`` with these properties."""
    main_pid = properties.pop("MainPID", 0)
    program = systemctl(tmp_path, exit_code=exit_code, main_pid=main_pid, **properties)
    return Systemd(environ=os.environ, programs={"systemctl": str(program)}, cancel=CancelToken(), clock=SystemClock())


def look(systemd: Systemd) -> tuple[Truth, str]:
    observation = look_at_unit("cache", f"systemd://{UNIT}", UnitLocator(unit=UNIT), phase=Phase.PRE, systemd=systemd)
    assert "secret" not in str(observation), "arguments are never recorded"
    return observation.truth, observation.identity or observation.error or ""


def test_a_unit_is_known_by_its_process_invocation_and_restarts(
    tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    truth, identity = look(manager(tmp_path, MainPID=process.pid))
    assert (truth, identity.partition(":")[0]) == (Truth.PRESENT, str(process.pid))
    assert identity.endswith(f", invocation {INVOCATION}, restarts 0")
    assert look(manager(tmp_path, MainPID=process.pid, NRestarts=1))[1] != identity
    assert look(manager(tmp_path, MainPID=process.pid, InvocationID="1" * 32))[1] != identity


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"LoadState": "not-found"}, f"{UNIT} is not-found: expected a unit that is loaded on this machine"),
        ({"ActiveState": "activating", "SubState": "auto-restart"}, f"{UNIT} is activating (auto-restart)"),
        ({}, f"{UNIT} is active (running): expected active (running)"),
        ({"MainPID": 4194303}, "systemd names process 4194303, which does not run on this machine"),
        ({"MainPID": "x"}, "systemctl show gave MainPID='x': expected a number"),
        ({"InvocationID": "zz"}, "systemctl show gave InvocationID='zz': expected 32 hex digits"),
        ({"SubState": None}, "systemctl show gave no SubState"),
        ({"exit_code": 1}, "systemctl ended with exit code 1: it said nothing"),
    ],
)
def test_what_does_not_run_is_unknown(tmp_path: Path, properties: dict[str, object], message: str) -> None:
    truth, error = look(manager(tmp_path, **properties))  # type: ignore[arg-type]  # test
    assert truth is Truth.UNKNOWN
    assert message in error


def test_a_machine_without_systemd_says_so(tmp_path: Path) -> None:
    bare = Systemd(environ=os.environ, programs={}, cancel=CancelToken(), clock=SystemClock())
    assert look(bare) == (
        Truth.UNKNOWN,
        "systemctl was not found on PATH: install systemd's tools where the gate runs",
    )


def test_the_real_systemctl_without_a_manager_is_unknown(tmp_path: Path) -> None:
    real = {"systemctl": str(shutil.which("systemctl"))}
    environ = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/none"}
    bare = Systemd(environ=environ, programs=real, cancel=CancelToken(), clock=SystemClock())
    truth, error = look(bare)
    assert truth is Truth.UNKNOWN
    assert error
