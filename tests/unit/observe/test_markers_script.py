"""The script itself, in the shells that containers have: busybox's, with nothing but its own applets, and Debian's."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gate.errors import ForeignTextError
from gate.model.kube import MarkerFrame
from gate.observe.kube_markers import marker_script
from gate.parse.exec_frames import parse_frame

APPLETS = ("sh", "ls", "dd", "stat", "sha256sum")


def path_of(folder: Path, shell: str, without: str = "") -> str:
    """A search path that holds the script's few programs and no others."""
    result = folder / f"bin-{shell}-{without}"
    result.mkdir(exist_ok=True)
    for name in APPLETS:
        real = shutil.which("busybox" if shell == "busybox" else {"sh": "dash"}.get(name, name))
        assert real, f"{shell} is not on PATH: install it (Debian: apt-get install busybox)"
        if name != without:
            (result / name).unlink(missing_ok=True)
            (result / name).symlink_to(real)
    return str(result)


def ask(drive: Path, *buckets: str, path: str) -> bytes:
    argv = ["sh", "-c", marker_script(), "gate-markers", "nonce-1", str(drive), *buckets]
    program = Path(path) / "sh"
    done = subprocess.run(argv, executable=program, env={"PATH": path}, check=False, capture_output=True, timeout=20)
    assert done.returncode == 0, done.stderr
    return done.stdout


def looks(frame: MarkerFrame, drive: Path) -> dict[str, str]:
    return {looked.path.removeprefix(str(drive)): looked.kind for looked in frame.looks}


@pytest.fixture(params=["busybox", "dash"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return path_of(tmp_path, request.param)


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    result = tmp_path / "data"
    (result / "attic").mkdir(parents=True)
    (result / ".rustfs.sys/buckets/attic/.metadata.bin").mkdir(parents=True)
    (result / ".rustfs.sys/format.json").write_text('{"id": "d1",\n "xl": {"this": "n1"}}\n')
    return result


def test_a_healthy_drive(drive: Path, shell: str) -> None:
    frame = parse_frame(ask(drive, "attic", "tofu-state", path=shell), "nonce-1")
    assert looks(frame, drive) == {
        "": "directory",
        "/.rustfs.sys": "directory",
        "/attic": "directory",
        "/.rustfs.sys/buckets/attic/.metadata.bin": "directory",
        "/tofu-state": "absent",
        "/.rustfs.sys/buckets/tofu-state/.metadata.bin": "absent",
    }
    assert len(frame.looks) == 7  # the system folder is looked at before and after
    assert frame.format == b'{"id": "d1",\n "xl": {"this": "n1"}}'


def test_kinds_by_lstat_and_nothing_is_opened(drive: Path, shell: str, tmp_path: Path) -> None:
    for name, target in (("link", drive / "attic"), ("outside", Path("/etc/shadow")), ("loop", drive / "loop")):
        (drive / name).symlink_to(target)
    os.mkfifo(drive / "fifo")
    (drive / "file").write_text("")
    with socket.socket(socket.AF_UNIX) as result:
        result.bind(os.path.relpath(drive / "socket"))
    (drive / ".rustfs.sys/format.json").unlink()
    os.mkfifo(drive / ".rustfs.sys/format.json")
    names = ("link", "outside", "loop", "fifo", "file", "socket")
    frame = parse_frame(ask(drive, *names, path=shell), "nonce-1")
    observation = looks(frame, drive)
    assert [observation[f"/{name}"] for name in names] == ["link", "link", "link", "fifo", "file", "socket"]
    assert frame.format is None


def devices(frame: MarkerFrame) -> dict[str, str]:
    return {looked.path: looked.device for looked in frame.looks if looked.kind == "directory"}


def test_each_folder_s_file_system_is_told(drive: Path, shell: str) -> None:
    answer = devices(parse_frame(ask(drive, "attic", path=shell), "nonce-1"))
    assert len(answer) == 4
    assert set(answer.values()) == {str(drive.lstat().st_dev)}
    other = devices(parse_frame(ask(Path("//"), "proc", path=shell), "nonce-1"))
    assert (other["//"], other["///proc"]) == (str(Path("/").lstat().st_dev), str(Path("/proc").lstat().st_dev))
    assert other["//"] != other["///proc"]


def test_without_stat_no_file_system_is_told(drive: Path, tmp_path: Path) -> None:
    frame = parse_frame(ask(drive, "attic", path=path_of(tmp_path, "dash", without="stat")), "nonce-1")
    assert set(devices(frame).values()) == {""}
    assert len(devices(frame)) == 4


def test_a_stat_that_says_something_else_tells_nothing(drive: Path, tmp_path: Path) -> None:
    path = path_of(tmp_path, "dash", without="stat")
    (Path(path) / "stat").write_text("#!/bin/sh\necho '64769 ; x'\n")
    (Path(path) / "stat").chmod(0o755)
    assert set(devices(parse_frame(ask(drive, "attic", path=path), "nonce-1")).values()) == {""}


def test_a_file_on_the_way_is_an_error_and_not_absence(drive: Path, shell: str) -> None:
    (drive / ".rustfs.sys/buckets/flat").write_text("")
    frame = parse_frame(ask(drive, "flat", path=shell), "nonce-1")
    (wrong,) = [looked for looked in frame.looks if looked.kind == "error"]
    assert wrong.path.endswith("/flat/.metadata.bin")
    assert "Not a directory" in wrong.text


def test_a_drive_that_is_not_there(tmp_path: Path, shell: str) -> None:
    frame = parse_frame(ask(tmp_path / "none", "attic", path=shell), "nonce-1")
    assert {looked.kind for looked in frame.looks} == {"absent"}


def test_no_buckets(drive: Path, shell: str) -> None:
    assert [looked.kind for looked in parse_frame(ask(drive, path=shell), "nonce-1").looks] == ["directory"] * 3


def test_without_sha256sum_it_says_so(drive: Path, tmp_path: Path) -> None:
    output = ask(drive, "attic", path=path_of(tmp_path, "dash", without="sha256sum"))
    with pytest.raises(ForeignTextError, match="has no sha256sum"):
        parse_frame(output, "nonce-1")


def test_without_ls_nothing_is_absent(drive: Path, tmp_path: Path) -> None:
    frame = parse_frame(ask(drive, "attic", "none", path=path_of(tmp_path, "dash", without="ls")), "nonce-1")
    assert {looked.kind for looked in frame.looks} == {"error"}
    assert frame.format is None


def test_another_programs_enoent_is_not_absence(drive: Path, tmp_path: Path) -> None:
    """A program that can't be loaded says `No such file or directory` of its own library."""
    path = path_of(tmp_path, "dash", without="ls")
    broken = Path(path) / "ls"
    broken.write_text(
        "#!/bin/sh\necho 'ls: libc.so: cannot open shared object file: No such file or directory' >&2\nexit 127\n"
    )
    broken.chmod(0o755)
    frame = parse_frame(ask(drive, "none", path=path), "nonce-1")
    assert {looked.kind for looked in frame.looks} == {"error"}


def test_the_script_is_plain_sh() -> None:
    checker = Path(sys.executable).parent / "shellcheck"
    program = str(checker) if checker.exists() else "shellcheck"
    done = subprocess.run(
        [program, "-s", "sh", "-"], input=marker_script(), text=True, check=False, capture_output=True
    )
    assert (done.returncode, done.stdout) == (0, "")
