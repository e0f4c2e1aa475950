"""systemctl, journalctl and the Docker API: documented forms are read, all else is foreign."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.errors import ForeignTextError
from gate.parse.service_manager import DROPPED_ID, parse_container, parse_journal, parse_unit, stream_text

SHOWN = (
    b"MainPID=77\nNRestarts=0\nExecStart={ path=/usr/bin/atticd ; argv[]=/usr/bin/atticd -f /etc/atticd.toml ; }\n"
    b"LoadState=loaded\nActiveState=active\nSubState=running\nInvocationID=0639ff4e3ad04a2b9b7bdb5e54d4a2ad\n"
)
CONTAINER: dict[str, Any] = {
    "Id": "a" * 64,
    "Image": "sha256:" + "b" * 64,
    "RestartCount": 2,
    "State": {"Status": "running", "Running": True, "Pid": 7, "StartedAt": "2026-11-30T22:00:00Z"},
    "Config": {"Tty": False},
    "HostConfig": {"LogConfig": {"Type": "journald"}},
}


def test_a_unit() -> None:
    unit = parse_unit(SHOWN)
    assert (unit.main_pid, unit.restarts, unit.program, unit.active) == (77, 0, "/usr/bin/atticd", "active")
    assert "atticd.toml" not in str(unit), "arguments may hold secrets"
    assert parse_unit(b"Id=atticd.service\nno property\n" + SHOWN) == unit
    assert parse_unit(SHOWN.replace(b"ExecStart={ path", b"ExecStart={ other")).program is None
    assert parse_unit(b"\n".join(SHOWN.split(b"\n")[:2] + SHOWN.split(b"\n")[3:])).program is None
    assert parse_unit(SHOWN.replace(b"0639ff4e3ad04a2b9b7bdb5e54d4a2ad", b"")).invocation == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"MainPID=77", b"MainPID=-1"),
        (b"MainPID=77", b"MainPID=77\nMainPID=78"),
        (b"NRestarts=0\n", b""),
        (b"InvocationID=0", b"InvocationID=x"),
    ],
)
def test_another_form_of_a_unit_is_foreign(old: bytes, new: bytes) -> None:
    with pytest.raises(ForeignTextError):
        parse_unit(SHOWN.replace(old, new))


def test_journal_entries() -> None:
    own = json.dumps({"__CURSOR": "s=1", "MESSAGE": "x", "_SYSTEMD_UNIT": "a.service"}).encode()
    outlier = json.dumps(
        {"__CURSOR": "s=2", "MESSAGE": "In other words", "MESSAGE_ID": DROPPED_ID, "_SYSTEMD_UNIT": "j.service"}
    ).encode()
    first, second = parse_journal(own + b"\n" + outlier + b"\n", "a.service")
    assert (first.cursor, first.line, first.dropped) == ("s=1", own + b"\n", None)
    assert (second.line, second.dropped) == (b"", 1), "dropped lines are counted whatever the words are"
    other = outlier.replace(b"In other words", b"Suppressed 5 messages from b.service")
    (third,) = parse_journal(other, "a.service")
    assert (third.cursor, third.line, third.dropped) == ("s=2", b"", None), "those of another unit are not"


@pytest.mark.parametrize("line", [b"[]", b"{}", b'{"__CURSOR":1}', b"x", b'{"__CURSOR":"a","__CURSOR":"b"}'])
def test_another_form_of_an_entry_is_foreign(line: bytes) -> None:
    with pytest.raises(ForeignTextError):
        list(parse_journal(line, "a.service"))


def test_a_container_of_docker_and_of_podman() -> None:
    docker = parse_container(json.dumps(CONTAINER).encode())
    assert (docker.running, docker.restarts, docker.log_driver, docker.tty) == (True, 2, "journald", False)
    podman = parse_container(json.dumps({**CONTAINER, "Image": "b" * 64}).encode())
    assert podman.image == "b" * 64


@pytest.mark.parametrize(
    "change",
    [{"Id": "x"}, {"Image": "latest"}, {"RestartCount": -1}, {"State": None}, {"Config": []}, {"HostConfig": {}}],
)
def test_another_form_of_a_container_is_foreign(change: dict[str, Any]) -> None:
    with pytest.raises(ForeignTextError):
        parse_container(json.dumps({**CONTAINER, **change}).encode())


def framed(*pieces: tuple[int, bytes]) -> bytes:
    return b"".join(bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text for stream, text in pieces)


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)), max_size=8), st.integers(0, 7))
def test_frames_are_taken_off_and_a_cut_is_seen(pieces: list[tuple[int, bytes]], cut: int) -> None:
    whole = framed(*pieces)
    assert stream_text(whole, tty=False) == (b"".join(text for _, text in pieces), True)
    if whole and cut:
        text, is_whole = stream_text(whole[:-cut] if cut < len(whole) else b"\1", tty=False)
        assert not is_whole or whole[:-cut] == framed(*pieces[:-1])
        assert b"".join(text for _, text in pieces).startswith(text)


def test_a_stream_of_another_form_is_not_whole() -> None:
    assert stream_text(b"plain text of a log\n", tty=False) == (b"", False)
    assert stream_text(b"plain\n", tty=True) == (b"plain\n", True)
    assert stream_text(b"pla", tty=True) == (b"pla", False)
    assert stream_text(b"", tty=True) == (b"", True)
