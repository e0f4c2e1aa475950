"""Where a log stood in one job is where another job reads on, or it is said why that can't be."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import cast

import pytest

from gate.clock import SystemClock
from gate.model.kube import ContainerSeen, PodSeen
from gate.model.parsed import KubectlLocator
from gate.model.split import LogPosition
from gate.observe.kube_log import KubeLogWindow
from gate.observe.kubectl import Kubectl
from gate.observe.server_log import LogWindow, open_window
from gate.parse.locator import parse_locator
from gate.process import Capture

CLOCK = SystemClock()
PLACE = "kubectl://cache/deployment/attic?container=atticd"
OLD = b"[pod/attic-1/atticd] 2026-11-24T00:00:01.000000001Z old error"
NEW = b"[pod/attic-1/atticd] 2026-11-24T00:00:02.000000001Z the canary"


def read_on(log: Path, position: LogPosition, folder: Path) -> tuple[tuple[str, ...], str]:
    capture = Capture(folder, "server.log")
    with LogWindow(f"file://{log}", position) as window:
        notes = window.capture(capture, ["canary"], clock=CLOCK, seconds=0)
    capture.close()
    return notes, (folder / "server.log").read_text()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    result = tmp_path / "atticd.log"
    result.write_text("an old error\n" * 30)
    return result


def stood_at(log: Path) -> LogPosition:
    with LogWindow(f"file://{log}") as window:
        return window.position()


def test_a_file_is_read_on_from_where_it_stood(log: Path, tmp_path: Path) -> None:
    position = stood_at(log)
    assert position.offset == log.stat().st_size
    with log.open("a") as stream:
        stream.write("the canary\nand more\n")
    assert read_on(log, position, tmp_path) == ((), "the canary\nand more\n")


def test_a_file_that_was_empty_is_read_from_its_first_byte(tmp_path: Path) -> None:
    log = tmp_path / "l"
    log.touch()
    position = stood_at(log)
    assert (position.offset, position.before) == (0, sha256(b"").hexdigest())
    log.write_text("canary\n")
    assert read_on(log, position, tmp_path) == ((), "canary\n")


@pytest.mark.parametrize("text", ["canary\n", "another line\n" * 40 + "canary\n"], ids=["shorter", "other lines"])
def test_another_file_in_its_place_is_read_whole_and_said(log: Path, tmp_path: Path, text: str) -> None:
    position = stood_at(log)
    log.unlink()
    log.write_text(text)
    notes, copied = read_on(log, position, tmp_path)
    assert copied == text
    assert len(notes) == 1
    assert "is not the one that stood here before" in notes[0]


def test_where_it_stood_may_be_unknown(log: Path, tmp_path: Path) -> None:
    with log.open("a") as stream:
        stream.write("canary\n")
    for trouble, answer in (("no part told", "no part told"), ("", "it was not told where the log")):
        position = LogPosition(offset=None, before="", trouble=trouble)
        notes, _ = read_on(log, position, new(tmp_path, trouble or "x"))
        assert [note.startswith(answer) for note in notes] == [True]


def new(folder: Path, name: str) -> Path:
    result = folder / name
    result.mkdir()
    return result


def test_a_log_that_can_not_be_read_has_no_place(tmp_path: Path) -> None:
    with LogWindow(f"file://{tmp_path}/nowhere") as window:
        position = window.position()
    assert position.offset is None
    assert "can't be read" in position.trouble


class Pods:
    """A kubectl that has one pod; ``text`` is its log."""

    def __init__(self, text: bytes, uid: str = "u1", restarts: int = 0) -> None:
        self.text = text
        self.asked: list[tuple[str, ...]] = []
        self.uid, self.restarts = uid, restarts

    def pods(self, place: KubectlLocator, *, since: float | None = None) -> tuple[PodSeen, ...]:
        container = ContainerSeen(
            name="atticd",
            started="2026-11-24T00:00:00Z",
            restarts=self.restarts,
            image_id="i@sha256:0",
            trouble="",
            ended="",
        )
        return (
            PodSeen(
                name="attic-1",
                uid=self.uid,
                node="n",
                ended=False,
                owner=None,
                default_container=None,
                containers=(container,),
            ),
        )

    def logs(
        self, namespace: str, pod: str, container: str, options: Sequence[str], *, cap: int, seconds: float
    ) -> tuple[bytes, str]:
        self.asked.append(tuple(options))
        lines = self.text.split(b"\n")
        return (b"\n".join(lines[-2:]), "") if "--tail=1" in options else (self.text, "")


def kube(pods: Pods, position: LogPosition | None = None) -> KubeLogWindow:
    locator = parse_locator(PLACE)
    assert isinstance(locator, KubectlLocator)
    return KubeLogWindow(locator, cast("Kubectl", pods), position)


def kube_copy(pods: Pods, position: LogPosition, folder: Path) -> tuple[tuple[str, ...], bytes]:
    capture = Capture(folder, "server.log")
    notes = kube(pods, position).capture(capture, ["canary"], clock=CLOCK, seconds=0)
    capture.close()
    return notes, (folder / "server.log").read_bytes()


def test_a_workloads_logs_are_read_on_by_time_and_digest_of_the_last_line(tmp_path: Path) -> None:
    position = kube(Pods(OLD + b"\n")).position()
    (row,) = position.containers
    assert (row.pod, row.at) == ("attic-1", "2026-11-24T00:00:01.000000001Z")
    assert row.line == sha256(OLD).hexdigest()
    assert "old error" not in str(position)
    pods = Pods(OLD + b"\n" + NEW + b"\n")
    assert kube_copy(pods, position, tmp_path) == ((), NEW + b"\n")
    assert pods.asked == [("--timestamps", "--prefix", f"--since-time={row.at}")]


def test_a_rotated_log_of_a_workload_is_said(tmp_path: Path) -> None:
    position = kube(Pods(OLD + b"\n")).position()
    notes, copied = kube_copy(Pods(NEW + b"\n"), position, tmp_path)
    assert copied == NEW + b"\n"
    assert ["was rotated or cut" in note for note in notes] == [True]


def test_a_workload_without_a_mark_is_unknown(tmp_path: Path) -> None:
    notes, copied = kube_copy(Pods(NEW + b"\n"), LogPosition(offset=None, before=""), tmp_path)
    assert (notes, copied) == (("it was not told where the logs stood before",), b"")


def test_the_place_says_which_kind_of_window_it_is(log: Path) -> None:
    position = LogPosition(offset=0, before=sha256(b"").hexdigest())
    assert isinstance(open_window(PLACE, cast("Kubectl", Pods(b"")), position), KubeLogWindow)
    window = open_window(f"file://{log}", None, position)
    assert isinstance(window, LogWindow)
    window.close()
