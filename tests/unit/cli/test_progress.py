"""Progress: lines for a log, a live block on a real terminal, and silence; no foreign text moves a cursor."""

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gate.cli import progress
from gate.cli.main import main
from gate.cli.progress import ProgressLines
from gate.clock import SystemClock
from gate.model.basics import BucketState, Label, Phase

ROOT = Path(__file__).parents[3]
COLOR = re.compile(r"\x1b\[[0-9;]*m")
WORK = """
import time
from gate.cli.flags import VERBOSITY
from gate.cli.progress import command_console
from gate.model.basics import BucketState
VERBOSITY.set({verbosity!r})
with command_console(deadline=1200.0) as console:
    console.progress.stage("build")
    console.progress.stage("read back")
    console.progress.buckets({{"attic": BucketState.INDEX_LOST, "tofu-state": BucketState.INDEXED}})
    console.progress.paths_done(12, 24, 3 * 1024 * 1024)
    console.progress.note("LOST attic \\x1b[2J\\r of it")
    console.progress.record(7, "bucket-sampled")
    print("ready", flush=True)
    console.cancel.wait({seconds})
    print("cancelled" if console.cancel.cancelled else "over", flush=True)
    time.sleep(0.4)
"""


class Session:
    """The work above, with a pseudo-terminal as its terminal; all that it wrote there."""

    def __init__(self, verbosity: str = "normal", seconds: float = 0.6, **environ: str) -> None:
        self.main, side = pty.openpty()
        environ = {"PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": "70", "LANG": "C.UTF-8"} | environ
        code = WORK.format(verbosity=verbosity, seconds=seconds)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdin=side, stdout=side, stderr=side, env=environ
        )
        os.close(side)
        self.text = ""

    def read(self, until: str | None = None) -> str:
        """What comes until these words, or until the end."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and (until is None or until not in self.text):
            if not select.select([self.main], [], [], 0.2)[0]:
                continue
            try:
                self.text += os.read(self.main, 65_536).decode()
            except OSError:  # EIO: the other side is closed
                break
        if until is None:
            os.close(self.main)
            assert self.process.wait(20) == 0, self.text
        return self.text


@pytest.fixture(scope="module")
def terminal() -> str:
    """All that a terminal got of one whole command."""
    return Session().read()


def test_a_terminal_gets_a_block_that_is_redrawn_below_the_lines(terminal: str) -> None:
    text = COLOR.sub("", terminal)
    assert re.search(r"0:0\d of 20:00; Ctrl-C ends and seals", text)
    assert "stage  read back (1 done): 12 of 24 paths, 3.0 MiB" in text
    assert "index  ✗ attic  ✓ tofu-state" in text
    assert "\x1b[1;31m✗" in terminal
    assert "\x1b[1A" in text, "drawn more than once, in the same place"
    assert text.count("] build\r\n") == 1, "lines stay"
    assert text.rindex("\x1b[2K") > text.rindex("stage  read back"), "the block is gone at the end"


def test_no_foreign_text_moves_the_cursor(terminal: str) -> None:
    assert r"LOST attic \x1b[2J\x0d of it" in COLOR.sub("", terminal)


def test_no_color_means_none_and_a_dumb_terminal_gets_lines() -> None:
    assert "\x1b[1;31m" not in Session(NO_COLOR="1").read()
    text = Session(TERM="dumb").read()
    assert "\x1b" not in text
    assert "] read back\r\n" in text
    assert "stage  read back" not in text


def test_ctrl_c_says_what_it_does() -> None:
    session = Session(seconds=15)
    session.read("ready")
    session.process.send_signal(signal.SIGINT)
    assert "cancelling: what was recorded is sealed now" in session.read()
    assert "cancelled\r\n" in session.text
    assert "Traceback" not in session.text


@pytest.mark.parametrize(("verbosity", "has_record", "has_stage"), [("quiet", False, False), ("verbose", True, True)])
def test_quiet_and_verbose(verbosity: str, *, has_record: bool, has_stage: bool) -> None:
    text = Session(verbosity).read()
    assert ("record 7: bucket-sampled" in text, "] build" in text) == (has_record, has_stage)
    assert "over\r\n" in text


def test_a_log_gets_lines_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "HEARTBEAT_SECONDS", 0.02)
    stream = io.StringIO()
    with ProgressLines(stream, SystemClock()) as lines:
        lines.stage("read back")
        lines.sample(Phase.DURING, 1)
        lines.sample(Phase.POST, 1)
        lines.push_running(Label.CANARY)
        lines.buckets({"attic": BucketState.INDEX_LOST})
        lines.record(1, "run-started")
        lines.paths_done(2, 3, 512)
        while "2 of 3" not in stream.getvalue():
            time.sleep(0.01)
    text = stream.getvalue()
    assert "] read back: 2 of 3 paths, 512 B\n" in text
    assert "] post: bucket sample 1\n" in text
    assert "] push of the canary is running\n" in text
    assert "during" not in text
    assert "run-started" not in text


def test_quiet_and_verbose_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "--list-faults"]) == 0
    assert main(["doctor", "-q", "--verbose"]) == 2
    assert "--quiet and --verbose exclude each other: give one of them" in capsys.readouterr().err
