"""A capture takes the evidence of both phases, publishes nothing, and is never a pass."""

import os
import re
import sqlite3
from pathlib import Path

import pytest

from gate.clock import SystemClock
from gate.lab.stack import Stack
from gate.model.basics import VerdictWord
from gate.model.document import Evidence
from gate.probe import Quiet, World, capture
from gate.process import CancelToken
from gate.seal import verify
from tests.helpers.changed import changed

pytestmark = [pytest.mark.lab, pytest.mark.nix, pytest.mark.xdist_group("lab-stack")]
BUCKETS = ("attic", "tofu-state")


class Store(Quiet):
    """A store that says of its drive that it is faulty, between the two looks."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def stage(self, name: str) -> None:
        if name == "incident":
            with self.log.open("a") as log:
                log.write('{"level":"WARN","fields":{"message":"Disk health check marked disk faulty"}}\n')


def captured(at: Path, *, lost: bool) -> tuple[Evidence, int]:
    """A capture of a lab, and how many paths were added to its caches meanwhile."""
    clock = SystemClock()
    cancel = CancelToken()
    with Stack(os.environ, cancel=cancel, clock=clock) as stack:
        if lost:
            for bucket in BUCKETS:
                stack.store.lose(bucket)
        before = paths(stack)
        log = at.with_name("rustfs.log")
        log.write_text('{"level":"ERROR","fields":{"message":"erasure read quorum"}}\n')  # before the window
        settings = changed(stack.settings_for("synthetic"), store_log=f"file://{log}" if lost else "")
        progress = Store(log) if lost else Quiet()
        world = World(environ=stack.environ(), cancel=cancel, progress=progress, clock=clock)
        evidence = capture(settings, at, world)
        return evidence, paths(stack) - before


def paths(stack: Stack) -> int:
    with sqlite3.connect(stack.attic.database) as database:
        return int(database.execute("select count(*) from object").fetchone()[0])


def test_a_capture_of_a_healthy_site_is_inconclusive_and_publishes_nothing(tmp_path: Path) -> None:
    evidence, added = captured(tmp_path / "run", lost=False)
    assert (evidence.verdict.word, added) == (VerdictWord.INCONCLUSIVE, 0)
    assert {row.state for row in (*evidence.pre.buckets.values(), *evidence.post.buckets.values())} == {"indexed"}
    assert evidence.server_log.truth.value == "present"
    assert evidence.store_log is None
    assert evidence.push.paths == ()
    assert evidence.incident is not None
    (disk,) = evidence.incident.disks
    assert (disk.place, disk.error) == (evidence.policy.markers[0], None)
    assert (evidence.incident.events, evidence.incident.previous_logs) == ((), ())
    assert [stage.state for stage in evidence.stages if stage.name == "incident"] == ["ended"]
    assert evidence.verdict.codes == ("run-captured",)
    assert re.fullmatch(
        r"CAPTURED: all 2 buckets indexed, state there, disk \d+ %: nothing wrong was seen\.", evidence.verdict.headline
    )
    assert evidence.quarantine.effect == "none"
    verify(tmp_path / "run")


def test_a_capture_of_the_incident_is_a_quarantine(tmp_path: Path) -> None:
    evidence, added = captured(tmp_path / "run", lost=True)
    assert (evidence.verdict.word, added) == (VerdictWord.QUARANTINE, 0)
    assert "bucket-index-lost" in evidence.verdict.codes
    assert ("log-storage-error", "store-log") in {(row.code, row.subject) for row in evidence.findings}
    assert evidence.store_log is not None
    assert [event.code for event in evidence.store_log.events] == ["drive-faulty"]
    assert {row.state for row in evidence.pre.buckets.values()} == {"index-lost"}
