import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from gate import limits
from gate.clock import SystemClock
from gate.model.basics import Phase, Secret
from gate.net import Http
from gate.observe.server_log import LogWindow, send_canary
from gate.process import Capture

CLOCK = SystemClock()
PRE, POST = "gate-canary-pre-00ff", "gate-canary-post-00ff"


def append(log: Path, text: str) -> None:
    with log.open("a") as stream:
        stream.write(text)


class Window:
    """A log file with one old line, and a window that begins after it."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "atticd.log"
        self.log.write_text("before the window\n")
        self.window = LogWindow(f"file://{self.log}")
        self.folder = folder
        self.capture = Capture(folder, "server.log", secrets=[Secret("token-token")])

    def copied(self, *nonces: str, seconds: float = 0.2) -> tuple[tuple[str, ...], str]:
        notes = self.window.capture(self.capture, nonces, clock=CLOCK, seconds=seconds)
        self.capture.close()
        return notes, (self.folder / "server.log").read_text()


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    result = Window(tmp_path)
    with result.window:
        yield result


def test_the_part_of_the_window_is_copied(window: Window) -> None:
    append(window.log, f"a {PRE}\nerror token-token\n{POST} z\n")
    assert window.copied(PRE, POST) == ((), f"a {PRE}\nerror ***\n{POST} z\n")


def test_a_late_canary_is_waited_for(window: Window) -> None:
    append(window.log, f"{PRE}\n")
    threading.Timer(0.3, append, [window.log, f"{POST}\n"]).start()
    assert window.copied(PRE, POST, seconds=10) == ((), f"{PRE}\n{POST}\n")


def test_a_canary_that_never_comes_is_said(window: Window) -> None:
    append(window.log, f"{PRE}\nlines\n")
    assert window.copied(PRE, POST) == ((f"{POST} is not in the log after 0.2 s",), f"{PRE}\nlines\n")


def test_a_canary_from_before_the_window_does_not_count(tmp_path: Path) -> None:
    log = tmp_path / "l"
    log.write_text(f"{PRE}\n")
    with LogWindow(f"file://{log}") as window:
        notes = window.capture(Capture(tmp_path, "c"), [PRE], clock=CLOCK, seconds=0.1)
    assert notes == (f"{PRE} is not in the log after 0.1 s",)


def test_a_canary_across_the_border_of_two_pieces(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "READ_CHUNK_BYTES", 7)
    append(window.log, f"{'x' * 30}{PRE}{'y' * 30}")
    assert window.copied(PRE)[0] == ()


def test_a_rotated_log_is_read_on_and_said(window: Window) -> None:
    append(window.log, f"{PRE}\nold\n")
    window.log.rename(window.log.with_suffix(".1"))
    append(window.log, f"new {POST}\n")
    notes, text = window.copied(PRE, POST)
    assert text == f"{PRE}\nold\nnew {POST}\n"
    assert notes == (f"the log {window.log} was rotated: lines of the window may be in yet another file",)


def test_a_removed_log_is_said(window: Window) -> None:
    append(window.log, f"{PRE}\n")
    window.log.unlink()
    notes, text = window.copied(PRE, POST)
    assert text == f"{PRE}\n"
    assert [note.split(":")[0] for note in notes] == [
        f"the log {window.log} was rotated",
        f"{POST} is not in the log after 0.2 s",
    ]


def test_a_truncated_log_is_said(window: Window) -> None:
    append(window.log, f"{PRE}\n")
    os.truncate(window.log, 0)
    append(window.log, f"{POST}\n")
    notes, text = window.copied(POST, seconds=1)
    assert notes == (f"the log {window.log} was truncated: lines of the window may be lost",)
    assert text == f"{POST}\n"


def test_a_truncated_log_that_grew_past_its_old_end_is_said(window: Window) -> None:
    os.truncate(window.log, 0)
    append(window.log, "later lines, more than there were\n" * 5 + f"{POST}\n")
    notes, text = window.copied(POST)
    assert notes == (f"the log {window.log} was truncated: lines of the window may be lost",)
    assert text.endswith(f"{POST}\n")
    assert text.startswith("later")


def test_a_log_that_is_too_large_is_cut_and_said(tmp_path: Path) -> None:
    log = tmp_path / "l"
    log.write_text("")
    with LogWindow(f"file://{log}") as window:
        append(log, "x" * 100 + PRE)
        capture = Capture(tmp_path, "c", cap=10)
        notes = window.capture(capture, [PRE, POST], clock=CLOCK, seconds=30)
    assert capture.close().cut
    assert notes == (
        f"{POST} is not in the log after 30 s",
        "the capture c is not whole: more than 10 bytes",
    )


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("", "no place of the server's log is set: expected file:///path/to/log"),
        ("kubectl://attic/deployment/attic", "this place is in a cluster"),
        ("journal", "'journal' is not a locator"),
        ("file:///nonexistent/log", "the log /nonexistent/log can't be read: No such file or directory"),
        ("file:///etc", "the log /etc can't be read: is no regular file"),
    ],
)
def test_places_that_cannot_be_read(tmp_path: Path, place: str, why: str) -> None:
    capture = Capture(tmp_path, "c")
    with LogWindow(place) as window:
        notes = window.capture(capture, [PRE], clock=CLOCK)
    assert len(notes) == 1
    assert notes[0].startswith(why)
    assert capture.close().bytes == 0


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_a_link_and_a_fifo_are_not_read(tmp_path: Path, kind: str) -> None:
    (tmp_path / "real").write_text("x")
    if kind == "link":
        (tmp_path / "l").symlink_to(tmp_path / "real")
    else:
        os.mkfifo(tmp_path / "l")
    with LogWindow(f"file://{tmp_path}/l") as window:
        assert "can't be read" in window.capture(Capture(tmp_path, "c"), [], clock=CLOCK)[0]


def test_a_read_error_is_said(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_file: int, _size: int, _at: int) -> bytes:
        raise OSError(5, "Input/output error")

    append(window.log, f"{PRE}\n")
    monkeypatch.setattr(os, "pread", broken)
    assert window.copied()[0] == (f"the log {window.log} could not be read on: Input/output error",)


def test_a_closed_window_is_said(window: Window) -> None:
    window.window.close()
    assert window.copied()[0] == (f"the log {window.log} was closed",)


# -------------------------------------------------------------------------------------------------------------- canary


def test_a_canary_is_asked_for_with_the_token(httpserver: HTTPServer) -> None:
    body = '{"code":500,"error":"InvalidStorePathHash","message":"Error from the common components."}'
    httpserver.expect_request(
        f"/main/{PRE}.narinfo", headers={"Authorization": "Bearer token-token"}
    ).respond_with_data(body, 500, content_type="application/json")
    host = f"{httpserver.host}:{httpserver.port}"
    with Http([host], [host], clock=CLOCK) as http:
        sent = send_canary(http, httpserver.url_for("/main/"), token=Secret("token-token"), phase=Phase.PRE, nonce=PRE)
    assert (sent.phase, sent.nonce, sent.answer.status, sent.answer.body) == (Phase.PRE, PRE, 500, body)


def test_a_canary_without_a_token(httpserver: HTTPServer) -> None:
    httpserver.expect_request(f"/main/{POST}.narinfo").respond_with_data("", 500)
    host = f"{httpserver.host}:{httpserver.port}"
    with Http([host], [host], clock=CLOCK) as http:
        sent = send_canary(http, httpserver.url_for("/main"), token=None, phase=Phase.POST, nonce=POST)
    assert sent.answer.status == 500
    assert "Authorization" not in httpserver.log[0][0].headers
