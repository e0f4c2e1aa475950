"""A real drive without room, as `statvfs` tells it: a small tmpfs in a mount namespace of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LOOK = """
import os, sys
from gate.judge.checks.incident import disk_words
from gate.evidence.capture import is_full
from gate.observe.disk_use import look_at_disk
place = sys.argv[1]
if sys.argv[2] == "bytes":
    with open(f"{place}/filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
elif sys.argv[2] == "inodes":
    try:
        for number in range(10_000):
            open(f"{place}/{number}", "wb").close()
    except OSError:
        pass
(disk,) = look_at_disk(f"file://{place}", kubectl=None)
print(is_full(disk.space), is_full(disk.inodes), disk_words(disk))
"""


def looked(tmp_path: Path, taken: str) -> str:
    """What a look says of a tmpfs of 1 MiB and 64 inodes of which all bytes, all inodes or nothing are taken."""
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    mount = 'mount -t tmpfs -o size=1m,nr_inodes=64 none "$1" && shift && exec "$@"'
    python = [sys.executable, "-c", LOOK, str(tmp_path), taken]
    argv = [*namespace, "sh", "-c", mount, "sh", str(tmp_path), *python]
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.mark.row("TRU-16")
@pytest.mark.parametrize(
    ("taken", "told"),
    [
        ("nothing", "False False"),
        ("bytes", "True False"),
        ("inodes", "False True"),
    ],
)
def test_a_drive_without_room(tmp_path: Path, taken: str, told: str) -> None:
    output = looked(tmp_path, taken)
    assert output.startswith(f"{told} file://{tmp_path}: ")
    assert ("100 % of its bytes taken" in output, "100 % of its inodes taken" in output) == (
        taken == "bytes",
        taken == "inodes",
    )
