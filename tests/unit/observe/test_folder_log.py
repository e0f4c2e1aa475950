"""A folder of logs: what any of its files gets, through rotations."""

from pathlib import Path

import pytest

from gate.clock import SystemClock
from gate.observe.folder_log import FolderLogWindow
from gate.process import Capture

NONCE = "gate-canary-post-1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "rustfs-01.log").write_text("old\n", encoding="utf-8")
    return folder


def append(file: Path, text: str) -> None:
    with file.open("a", encoding="utf-8") as log:
        log.write(text)


def captured(window: FolderLogWindow, tmp_path: Path) -> tuple[str, tuple[str, ...]]:
    capture = Capture(tmp_path, "store.log")
    notes = window.capture(capture, [NONCE], clock=SystemClock(), seconds=0.1)
    capture.close()
    window.close()
    return (tmp_path / "store.log").read_text(encoding="utf-8"), notes


def test_the_window_has_new_lines_and_new_files(folder: Path, tmp_path: Path) -> None:
    window = FolderLogWindow(folder)
    append(folder / "rustfs-01.log", "last of the hour\n")
    append(folder / "rustfs-02.log", f"first of the next {NONCE}\n")
    assert captured(window, tmp_path) == (f"last of the hour\nfirst of the next {NONCE}\n", ())


def test_lines_of_two_files_are_never_mixed(folder: Path, tmp_path: Path) -> None:
    window = FolderLogWindow(folder)
    append(folder / "rustfs-01.log", "2026 ERROR without its")
    append(folder / "rustfs-02.log", f"{NONCE}\n")
    assert captured(window, tmp_path) == (f"{NONCE}\n2026 ERROR without its", ())


def test_a_renamed_file_is_read_to_its_end(folder: Path, tmp_path: Path) -> None:
    window = FolderLogWindow(folder)
    append(folder / "rustfs-01.log", "before its new name\n")
    (folder / "rustfs-01.log").rename(folder / "rustfs-01.log.1")
    append(folder / "rustfs-01.log", f"{NONCE}\n")
    text, notes = captured(window, tmp_path)
    assert sorted(text.splitlines()) == ["before its new name", NONCE]
    assert notes == ()


def test_a_removed_file_that_was_open_is_still_read(folder: Path, tmp_path: Path) -> None:
    window = FolderLogWindow(folder)
    append(folder / "rustfs-01.log", f"{NONCE}\n")
    (folder / "rustfs-01.log").unlink()
    assert captured(window, tmp_path) == (f"{NONCE}\n", ())


def test_a_truncated_file_may_lack_lines(folder: Path, tmp_path: Path) -> None:
    window = FolderLogWindow(folder)
    (folder / "rustfs-01.log").write_text("x\n", encoding="utf-8")
    text, notes = captured(window, tmp_path)
    assert text == "x\n"
    assert notes[0] == f"a log of {folder} was truncated: lines of the window may be lost"


def test_links_and_folders_are_no_logs(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("", encoding="utf-8")
    (folder / "link.log").symlink_to(secret)
    (folder / "more").mkdir()
    window = FolderLogWindow(folder)
    append(secret, NONCE)
    assert captured(window, tmp_path) == ("", (f"{NONCE} is in no log of {folder} after 0.1 s",))


def test_another_process_reads_on_from_where_the_files_stood(folder: Path, tmp_path: Path) -> None:
    window = FolderLogWindow(folder)
    position = window.position()
    window.close()
    append(folder / "rustfs-01.log", "since\n")
    append(folder / "rustfs-02.log", f"{NONCE}\n")
    assert captured(FolderLogWindow(folder, position), tmp_path) == (f"since\n{NONCE}\n", ())


def test_another_process_that_finds_another_file_may_lack_lines(folder: Path, tmp_path: Path) -> None:
    window = FolderLogWindow(folder)
    position = window.position()
    window.close()
    (folder / "rustfs-01.log").write_text(f"another {NONCE}\n", encoding="utf-8")
    assert captured(FolderLogWindow(folder, position), tmp_path)[1] == (
        f"a log of {folder} is not the one that stood there before",
    )
    (tmp_path / "store.log").unlink()
    (folder / "rustfs-01.log").unlink()
    assert (
        f"a log of {folder} is gone: lines of the window may be lost"
        in (captured(FolderLogWindow(folder, position), tmp_path)[1])
    )


def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    window = FolderLogWindow(tmp_path / "none")
    why = f"the folder of logs {tmp_path / 'none'} can't be read: No such file or directory"
    assert (window.position().trouble, captured(window, tmp_path)) == (why, ("", (why,)))
