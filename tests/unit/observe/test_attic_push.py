"""The push: what the client is given, what nobody else gets to see, and what is left afterwards."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gate.clock import SystemClock
from gate.errors import ForeignTextError, InconclusiveError, RefusedError
from gate.model.basics import Secret
from gate.model.records import ChildEnded
from gate.observe import attic
from gate.process import CancelToken, Capture

TOKEN = Secret("eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl")
PATHS = tuple(f"/nix/store/{hash_part}-thing" for hash_part in ("0" * 32, "1" * 32))

# Tells what it was given, in JSON, then does what `behave` says.
CLIENT = """#!{python}
import json, os, pathlib, sys, time, tomllib
folder = pathlib.Path(os.environ["XDG_CONFIG_HOME"])
config = folder / "attic" / "config.toml"
parsed = tomllib.loads(config.read_text())
token_file = pathlib.Path(parsed["servers"]["gate"]["token-file"])
part = pathlib.Path({told!r} + ".part")
part.write_text(json.dumps({{
    "argv": sys.argv[1:],
    "stdin": sys.stdin.read(),
    "environ": dict(os.environ),
    "cmdline": pathlib.Path("/proc/self/cmdline").read_text(),
    "config": parsed,
    "token": token_file.read_text(),
    "folder": str(folder),
    "modes": [oct(path.stat().st_mode & 0o777) for path in (folder, config.parent, config, token_file)],
}}))
part.rename({told!r})
print("Pushing with " + token_file.read_text(), file=sys.stderr, flush=True)
{behave}
"""


class Push:
    """A fake client in a folder of its own, and what it told."""

    def __init__(self, folder: Path, behave: str) -> None:
        self.folder = folder
        self.told = folder / "told.json"
        self.client = folder / "attic"
        self.client.write_text(CLIENT.format(python=sys.executable, told=str(self.told), behave=behave))
        self.client.chmod(0o700)
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self.cancel = CancelToken()
        self.env = {"PATH": os.environ["PATH"], "HOME": "/home/nobody", "TMPDIR": str(self.scratch)}

    def run(self, paths: tuple[str, ...] = PATHS, **choices: object) -> ChildEnded:
        capture = Capture(self.folder, "push-profile.log", secrets=[TOKEN])
        arguments = {
            "name": "push:profile",
            "attic": str(self.client),
            "endpoint": "https://cache.example/base",
            "cache": "main",
            "token": TOKEN,
            "env": self.env,
            "capture": capture,
            "deadline_seconds": 20.0,
            "cancel": self.cancel,
            "clock": SystemClock(),
            **choices,
        }
        try:
            return attic.push(paths, **arguments)  # type: ignore[arg-type]  # a test's choices
        finally:
            self.closed = capture.close()

    def log(self) -> str:
        return (self.folder / "push-profile.log").read_text()

    def output(self) -> dict[str, object]:
        output = json.loads(self.told.read_text())
        assert isinstance(output, dict)
        return output


def files_below(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def test_client_gets_exactly_the_paths_and_the_token_by_an_inherited_handle(tmp_path: Path) -> None:
    push = Push(tmp_path, "sys.exit(3)")
    ended = push.run(jobs=2)
    output = push.output()
    assert output["argv"] == ["push", "--no-closure", "-j", "2", "gate:main", *PATHS]
    assert output["stdin"] == ""
    config = json.loads(json.dumps(output["config"]))
    token_file = config["servers"]["gate"].pop("token-file")
    assert config == {"default-server": "gate", "servers": {"gate": {"endpoint": "https://cache.example/base/"}}}
    assert re.fullmatch(r"/proc/self/fd/[0-9]+", token_file)
    assert output["token"] == TOKEN.reveal()
    assert output["modes"] == ["0o700", "0o700", "0o600", "0o400"]
    assert (ended.name, ended.exit, ended.signal, ended.ended_by) == ("push:profile", 3, None, None)
    assert ended.argv == (str(push.client), *output["argv"])
    assert ended.capture == "push-profile.log"


@pytest.mark.row("JWT-12")
def test_token_is_in_no_argv_and_no_environment(tmp_path: Path) -> None:
    push = Push(tmp_path, "")
    ended = push.run()
    output = push.output()
    assert TOKEN.reveal() not in repr((ended, output["argv"], output["environ"], output["cmdline"]))
    assert push.log() == "Pushing with ***\n"
    assert push.closed.redactions == 1


KILLED = """
import os, sys
from pathlib import Path
sys.path[:0] = {path!r}
from tests.unit.observe.test_attic_push import Push
Push(Path(sys.argv[1]), "time.sleep(600)").run(deadline_seconds=600.0)
"""


@pytest.mark.row("JWT-13")
def test_a_killed_push_leaves_its_token_in_no_file(tmp_path: Path) -> None:
    answer = tmp_path / "told.json"
    program = KILLED.format(path=[str(Path(__file__).parents[3])])
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.DEVNULL) as gate:
        until = time.monotonic() + 90
        while not answer.exists() and time.monotonic() < until and gate.poll() is None:
            time.sleep(0.01)
        result = files_below(tmp_path / "scratch")
        gate.send_signal(signal.SIGKILL)
    assert gate.returncode == -signal.SIGKILL, "the fault: it was in the middle of the push"
    assert json.loads(answer.read_text())["token"] == TOKEN.reveal(), "and the client had the token"
    answer.unlink()
    assert len(result) == 1, "the client's configuration was there"
    assert not [text for text in (*result, *files_below(tmp_path)) if TOKEN.reveal().encode() in text]


@pytest.mark.parametrize(
    ("behave", "choices", "ended_by"),
    [
        ("", {}, None),
        ("os.kill(os.getpid(), 9)", {}, None),
        ("time.sleep(60)", {"deadline_seconds": 0.7}, "deadline"),
        ("time.sleep(60)", {"stop": lambda: True}, "loss"),
        ("", {"attic": "/nowhere/attic"}, "missing"),
    ],
)
def test_configuration_is_gone_whatever_happens(
    tmp_path: Path, behave: str, choices: dict[str, Any], ended_by: str | None
) -> None:
    push = Push(tmp_path, behave)
    assert push.run(**choices).ended_by == ended_by
    assert list(push.scratch.iterdir()) == []


def test_configuration_is_gone_after_an_error_of_our_own(tmp_path: Path) -> None:
    def broken(_: bytes) -> None:
        raise ZeroDivisionError

    push = Push(tmp_path, "time.sleep(60)")
    with pytest.raises(ZeroDivisionError):
        push.run(tee=broken)
    assert list(push.scratch.iterdir()) == []


def test_push_ends_at_the_first_loss(tmp_path: Path) -> None:
    push = Push(tmp_path, "time.sleep(60)")
    ended = push.run(stop=push.told.exists)
    assert (ended.ended_by, ended.exit) == ("loss", None)
    assert ended.millis < 10_000


def test_output_is_shown_as_it_comes_without_the_token(tmp_path: Path) -> None:
    text: list[bytes] = []
    Push(tmp_path, "").run(tee=text.append)
    assert b"".join(text) == b"Pushing with ***\n"


def test_more_paths_than_argv_takes_go_by_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    push = Push(tmp_path, "")
    many = tuple(f"/nix/store/{number:032d}-{'n' * 60}" for number in range(200))
    monkeypatch.setattr(os, "sysconf", lambda _: 20_000)
    push.run(many)
    output = push.output()
    assert output["argv"] == ["push", "--no-closure", "gate:main", "--stdin"]
    assert output["stdin"] == "".join(f"{path}\n" for path in many)


def test_five_thousand_paths_still_go_by_argv(tmp_path: Path) -> None:
    push = Push(tmp_path, "")
    many = tuple(f"/nix/store/{number:032d}-{'n' * 60}" for number in range(5000))
    assert push.run(many).exit == 0
    assert push.output()["argv"] == ["push", "--no-closure", "gate:main", *many]


@pytest.mark.parametrize(
    ("env", "files"),
    [
        ({}, "/home/nobody/.config/nix/nix.conf:/etc/xdg/nix/nix.conf"),
        ({"XDG_CONFIG_HOME": "/c", "XDG_CONFIG_DIRS": "/x:/y"}, "/c/nix/nix.conf:/x/nix/nix.conf:/y/nix/nix.conf"),
        ({"NIX_USER_CONF_FILES": "/own.conf"}, "/own.conf"),
    ],
)
def test_nix_keeps_its_own_user_settings(tmp_path: Path, env: dict[str, str], files: str) -> None:
    push = Push(tmp_path, "")
    push.env |= env
    push.run()
    environ = push.output()["environ"]
    assert isinstance(environ, dict)
    assert environ["NIX_USER_CONF_FILES"] == files
    assert environ["XDG_CONFIG_HOME"].startswith(str(push.scratch))


def test_nothing_to_push_is_refused(tmp_path: Path) -> None:
    push = Push(tmp_path, "")
    with pytest.raises(RefusedError, match="no paths to push"):
        push.run(())
    assert not push.told.exists()


def test_what_is_no_store_path_never_gets_into_argv(tmp_path: Path) -> None:
    push = Push(tmp_path, "")
    with pytest.raises(ForeignTextError):
        push.run((PATHS[0], "--ignore-upstream-cache-filter"))
    assert not push.told.exists()


def test_without_a_private_folder_nothing_is_pushed(tmp_path: Path) -> None:
    push = Push(tmp_path, "")
    push.env["TMPDIR"] = str(tmp_path / "nowhere")
    with pytest.raises(InconclusiveError, match="check TMPDIR"):
        push.run()
    assert not push.told.exists()


def test_configuration_that_can_not_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    push = Push(tmp_path, "")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(attic, "_write", full)
    with pytest.raises(InconclusiveError, match="No space left on device"):
        push.run()
    assert list(push.scratch.iterdir()) == []


def test_configuration_that_can_not_be_removed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    push = Push(tmp_path, "")
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    with pytest.raises(InconclusiveError, match="remove it by hand") as answer:
        push.run()
    assert TOKEN.reveal() not in str(answer.value)
    (remaining,) = push.scratch.iterdir()
    assert stat.S_IMODE(remaining.stat().st_mode) == 0o700
