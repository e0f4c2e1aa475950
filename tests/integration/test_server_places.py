"""A whole healthy probe where the Attic server runs under systemd or docker, or rotates its log in a folder."""

import itertools
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gate.clock import SystemClock
from gate.lab.stack import Stack
from gate.model.basics import VerdictWord
from gate.model.document import Evidence
from gate.probe import Quiet, World, run
from gate.process import CancelToken
from tests.helpers.docker_engine import Engine
from tests.helpers.systemd_journal import Journal, systemctl
from tests.liars.scene import FAST

UNIT = "atticd.service"


class Collector:
    """Hands each new line of the server's log on, as a collector beside it does."""

    def __init__(self, log: Path, take: Any) -> None:
        self._log, self._take, self._at = log, take, 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def _follow(self) -> None:
        while True:
            ended = self._ended.is_set()
            lines = self._log.read_text(encoding="utf-8").split("\n")[:-1] if self._log.exists() else []
            if lines[self._at :]:
                self._take(lines[self._at :])
                self._at = len(lines)
            if ended:
                return
            time.sleep(0.05)

    def close(self) -> None:
        self._ended.set()
        self._thread.join()


@contextmanager
def under_docker(stack: Stack, folder: Path) -> Iterator[dict[str, str]]:
    engine = Engine(folder / "docker.sock")
    seconds = itertools.count(1)

    def take(lines: list[str]) -> None:
        for line in lines:
            at = next(seconds)
            engine.lines.append(f"2026-11-30T{10 + at // 3600}:{at // 60 % 60:02}:{at % 60:02}.000000001Z {line}")

    collector = Collector(stack.attic.log, take)
    place = f"docker://atticd?socket={folder}/docker.sock"
    yield {"server_log": place, "cache_workload": place}
    collector.close()
    engine.close()


@contextmanager
def under_systemd(stack: Stack, folder: Path) -> Iterator[dict[str, str]]:
    (folder / "journal").mkdir()
    journal = Journal(folder / "journal")
    collector = Collector(stack.attic.log, lambda lines: journal.write(*lines))
    systemctl(folder, main_pid=int(stack.attic.pid_file.read_text(encoding="ascii")))
    yield {
        "server_log": f"journald://{UNIT}?directory={folder}/journal",
        "cache_workload": f"systemd://{UNIT}",
    }
    collector.close()


@contextmanager
def in_a_folder(stack: Stack, folder: Path) -> Iterator[dict[str, str]]:
    logs = folder / "logs"
    logs.mkdir()
    numbers = itertools.count()

    def take(lines: list[str]) -> None:  # a new file each time
        (logs / f"atticd-{next(numbers):04}.log").write_text("\n".join(lines) + "\n", encoding="utf-8")

    collector = Collector(stack.attic.log, take)
    yield {"server_log": f"dir://{logs}"}
    collector.close()


def probed(tmp_path: Path, around: Any, **more: str) -> Evidence:
    cancel, clock = CancelToken(), SystemClock()
    with Stack(os.environ, cancel=cancel, clock=clock) as stack, around(stack, tmp_path) as places:
        settings = stack.settings_for("synthetic", **{**FAST, **places, **more})
        environ = stack.environ()
        environ["PATH"] = f"{tmp_path}/bin:{environ['PATH']}"
        return run(
            settings, tmp_path / "evidence", World(environ=environ, cancel=cancel, progress=Quiet(), clock=clock)
        )


@pytest.mark.parametrize("around", [under_docker, under_systemd, in_a_folder])
def test_a_healthy_run_passes(tmp_path: Path, around: Any) -> None:
    evidence = probed(tmp_path, around)
    assert (evidence.verdict.word, evidence.verdict.codes) == (VerdictWord.PASS, ())
    assert evidence.server_log.truth.value == "present"


def test_the_machines_own_journal_without_the_unit_is_no_pass(tmp_path: Path) -> None:
    """The same run whose log is looked for where it is not."""
    evidence = probed(tmp_path, under_systemd, server_log=f"journald://other.service?directory={tmp_path}/journal")
    assert evidence.verdict.word is VerdictWord.INCONCLUSIVE
    assert any(code.startswith("log-") for code in evidence.verdict.codes)


def test_tools_of_systemd_are_in_the_evidence(tmp_path: Path) -> None:
    evidence = probed(tmp_path, under_systemd)
    tools = {tool.name: tool for tool in evidence.machine.tools}
    assert tools["journalctl"].sha256 is not None
    version = subprocess.run(["journalctl", "--version"], capture_output=True, text=True, check=True).stdout
    assert tools["journalctl"].version == version.partition("\n")[0]
