"""The words of a failing disk, as the libraries of containers put them."""

import errno
import os

import pytest

from gate.parse.host_files import is_io_error, is_other_file_system


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EUCLEAN, errno.EREMOTEIO])
def test_what_this_machine_says_of_a_failing_disk(number: int) -> None:
    assert is_io_error(f"/data/attic: {os.strerror(number)}")


@pytest.mark.parametrize(
    "error",
    [
        "/data/attic: ls: /data/attic: I/O error",
        "dd: error reading '/data/.rustfs.sys/format.json': Input/output error",
        "/data/a: Input/output error; /data/b is a link: expected a directory",
        "/data/b is a link: expected a directory; /data/a: Stale file handle ",
    ],
)
def test_a_failing_disk_in_the_words_of_others(error: str) -> None:
    assert is_io_error(error)


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG])
def test_what_is_no_error_of_the_disk(number: int) -> None:
    assert not is_io_error(f"/data/Input/output error/attic: {os.strerror(number)}")
    assert not is_io_error("")


def test_another_file_system() -> None:
    assert is_other_file_system("/data/attic is on another file system than /data")
    assert not is_other_file_system("/data/attic: its file system can't be determined")
