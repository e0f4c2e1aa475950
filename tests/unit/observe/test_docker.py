"""A container of docker or podman, by the Engine API over its real Unix socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.clock import SystemClock
from gate.model.basics import Phase, Truth
from gate.model.parsed import DockerLocator
from gate.model.records import WorkloadSeen
from gate.observe.docker import Docker, DockerLogWindow, look_at_container
from gate.process import CancelToken, Capture
from tests.helpers.docker_engine import ID, IMAGE, Engine

NONCE = "gate-canary-post-1"


def line(second: int, text: str) -> str:
    return f"2026-11-30T22:34:{second:02}.000000001Z {text}"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path / "docker.sock", lines=[line(1, "before"), line(2, "last")])
    yield engine
    engine.close()


@pytest.fixture
def docker() -> Iterator[Docker]:
    docker = Docker(cancel=CancelToken(), clock=SystemClock())
    yield docker
    docker.close()


def place(engine: Engine) -> DockerLocator:
    return DockerLocator(name="atticd", socket=str(engine.socket))


def look(engine: Engine, docker: Docker) -> WorkloadSeen:
    return look_at_container("cache", "docker://atticd", place(engine), phase=Phase.PRE, docker=docker)


def test_a_container_is_known_by_its_id_start_restarts_and_image(engine: Engine, docker: Docker) -> None:
    observation = look(engine, docker)
    assert (observation.truth, observation.image, observation.started) == (
        Truth.PRESENT,
        IMAGE,
        "2026-11-30T22:00:00.5Z",
    )
    before = observation.identity
    engine.restarts = 1
    assert look(engine, docker).identity != before
    engine.restarts, engine.state = 0, {"StartedAt": "2026-11-30T22:34:00Z"}
    assert look(engine, docker).identity != before


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"Status": "exited", "Running": False}, "the container atticd is exited: expected running"),
        ({"Status": "paused", "Paused": True}, "the container atticd is paused: expected running"),
        ({"Pid": "x"}, "State.Pid is a string: expected a whole number"),
    ],
)
def test_what_does_not_run_is_unknown(engine: Engine, docker: Docker, state: dict[str, object], message: str) -> None:
    engine.state = state
    observation = look(engine, docker)
    assert (observation.truth, observation.identity) == (Truth.UNKNOWN, None)
    assert message[:40] in (observation.error or "")


def test_an_engine_that_does_not_answer_is_unknown_with_the_right_that_it_needs(tmp_path: Path, docker: Docker) -> None:
    where = DockerLocator(name="atticd", socket=str(tmp_path / "none.sock"))
    observation = look_at_container("cache", "docker://atticd", where, phase=Phase.PRE, docker=docker)
    assert observation.truth is Truth.UNKNOWN
    assert "this user needs the right to its socket (group docker)" in (observation.error or "")


def test_another_container_is_not_found(engine: Engine, docker: Docker) -> None:
    where = DockerLocator(name="other", socket=str(engine.socket))
    observation = look_at_container("cache", "docker://other", where, phase=Phase.PRE, docker=docker)
    assert "HTTP 404 (no such container)" in (observation.error or "")


def captured(window: DockerLogWindow, tmp_path: Path, *, seconds: float = 0.3) -> tuple[str, tuple[str, ...]]:
    capture = Capture(tmp_path, "server.log")
    notes = window.capture(capture, [NONCE], clock=SystemClock(), seconds=seconds)
    capture.close()
    return (tmp_path / "server.log").read_text(encoding="utf-8"), notes


@pytest.mark.parametrize("tty", [False, True])
def test_the_window_has_what_is_logged_from_its_opening_on(
    engine: Engine, docker: Docker, tmp_path: Path, tty: bool
) -> None:
    engine.tty = tty
    window = DockerLogWindow(place(engine), docker)
    engine.lines += [line(3, "new"), line(4, f"GET /main/{NONCE}.narinfo")]
    text, notes = captured(window, tmp_path)
    assert text.splitlines() == engine.lines[2:]
    assert notes == ()


def test_another_process_reads_on_from_where_the_log_stood(engine: Engine, docker: Docker, tmp_path: Path) -> None:
    position = DockerLogWindow(place(engine), docker).position()
    assert "last" not in str(position), "no text of a log"
    engine.lines += [line(3, NONCE)]
    text, notes = captured(DockerLogWindow(place(engine), docker, position), tmp_path)
    assert (text, notes) == (f"{line(3, NONCE)}\n", ())


def test_lines_that_may_be_lost_are_named(engine: Engine, docker: Docker, tmp_path: Path) -> None:
    window = DockerLogWindow(place(engine), docker)
    engine.lines = [line(3, NONCE)]  # rotated away
    assert "was rotated or cut" in captured(window, tmp_path)[1][0]
    (tmp_path / "server.log").unlink()
    engine.id = "c" * 64
    assert "was replaced" in captured(window, tmp_path)[1][0]
    (tmp_path / "server.log").unlink()
    engine.id, engine.cut, engine.lines = ID, 3, [line(2, "last"), line(3, NONCE)]
    assert "ends within a piece" in captured(window, tmp_path)[1][0]


def test_a_canary_that_never_comes_is_named(engine: Engine, docker: Docker, tmp_path: Path) -> None:
    text, notes = captured(DockerLogWindow(place(engine), docker), tmp_path)
    assert (text, notes) == ("", (f"{NONCE} is not in the log of atticd after 0.3 s",))


def test_a_log_that_cannot_be_read_says_so(tmp_path: Path, docker: Docker) -> None:
    where = DockerLocator(name="atticd", socket=str(tmp_path / "none.sock"))
    window = DockerLogWindow(where, docker)
    assert "can't be asked" in window.position().trouble
    assert "can't be asked" in captured(window, tmp_path)[1][0]
