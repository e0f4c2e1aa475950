import os
import threading
from pathlib import Path

import pytest

from gate.model.captures import DiskSeen
from gate.observe.disk_use import look_at_disk


def one(place: str, seconds: float = 30) -> DiskSeen:
    (observation,) = look_at_disk(place, kubectl=None, seconds=seconds)
    return observation


def test_a_folder_of_this_machine(tmp_path: Path) -> None:
    answer = os.statvfs(tmp_path)
    observation = one(f"file://{tmp_path}")
    assert (observation.place, observation.error) == (f"file://{tmp_path}", None)
    assert observation.space is not None
    assert observation.space.total == answer.f_blocks * answer.f_frsize
    assert 0 < observation.space.used + observation.space.free <= observation.space.total


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("nowhere", "'nowhere' is not a locator: expected file:///path or kubectl://NAMESPACE/KIND/NAME."),
        ("file:///gate/none", "/gate/none: No such file or directory"),
        ("file:///proc", "space: this file system tells no size"),
        ("kubectl://n/pod/a?path=/data", "this place is in a cluster, and kubectl is not used here"),
    ],
)
def test_what_can_not_be_told_is_said(place: str, error: str) -> None:
    observation = one(place)
    assert (observation.space, observation.error) == (None, error)


def test_a_disk_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    answer = os.statvfs("/")

    def stalled(path: str) -> os.statvfs_result:
        over.wait(60)
        return answer

    monkeypatch.setattr("gate.observe.disk_use.os.statvfs", stalled)
    observation = one("file:///data", seconds=0.01)
    over.set()
    assert observation == DiskSeen(place="file:///data", error="the disk did not answer within 0.01 s")
