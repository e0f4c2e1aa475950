"""What a run needs is asked for first, all at once: before there is a folder, and before anything is asked."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.cli.main import main
from gate.errors import RefusedError
from gate.settings import Act, Settings, refuse_incomplete, resolve
from tests.helpers.changed import changed

KEYS = ("GATE_S3_ACCESS_KEY_ID", "GATE_S3_SECRET_ACCESS_KEY")
PLACES = ("GATE_STATE_KEY", "GATE_MARKERS", "GATE_STORE_WORKLOAD", "GATE_CACHE_WORKLOAD", "GATE_SERVER_LOG")
SUBJECT = ("GATE_ATTIC_SERVER", "GATE_ATTIC_CACHE", "GATE_S3_ENDPOINT")
TOKENS = ("GATE_PUSH_TOKEN", "GATE_READ_TOKEN")
SYNTHETIC = ("--profile", "synthetic")
CONFIRM = ("--confirm", "probe-attic-publication-synthetic")
PHASE = ("capture", *SYNTHETIC, "--phase")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """No settings, and a machine whose every connection is written down and refused."""
    for name in list(os.environ):
        if name.startswith(("GATE_", "GITHUB_", "KUBE")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    request: list[str] = []

    def refuse(_self: object, address: object) -> None:
        request.append(str(address))
        raise OSError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    yield request
    assert request == []


@pytest.mark.row("CFG-02")
@pytest.mark.parametrize(
    ("argv", "missing"),
    [
        (("probe", *SYNTHETIC, *CONFIRM), (*SUBJECT, *PLACES, *TOKENS, *KEYS)),
        (("publish", *SYNTHETIC, *CONFIRM), (*SUBJECT, *PLACES, "GATE_PUSH_TOKEN")),
        ((*PHASE, "pre"), (*SUBJECT, *PLACES, "GATE_READ_TOKEN", *KEYS)),
        ((*PHASE, "during", "--seconds", "5"), (*SUBJECT, *PLACES, *KEYS)),
        ((*PHASE, "post"), (*SUBJECT, *PLACES, "GATE_READ_TOKEN", *KEYS)),
        (("capture",), (*SUBJECT, *KEYS)),
    ],
    ids=["probe", "publish", "pre", "during", "post", "capture"],
)
def test_all_that_is_missing_is_named_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    assert main([*argv, "--output", str(tmp_path / "evidence")]) == 2
    answer = capsys.readouterr().err
    assert f"{len(missing)} settings are not set, and nothing was done: " in answer
    assert [name for name in (*SUBJECT, *PLACES, *TOKENS, *KEYS) if f"{name} (" in answer] == list(missing)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.row("CFG-02")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[cache]\nattic-cache = 3\n[store]\nmarkers = 'x'\nbuckets = [1]\n",
            ("attic-cache is 3", "'x'", "buckets is [1]"),
        ),
        ("[cache]\ncache-public = 'no'\n[sampling]\nsamples = 2.5\n", ("cache-public is 'no'", "samples is 2.5")),
        ("[state]\nstate-contents = 1\n[sources]\nabsent = 'bodies'\n", ("state-contents is 1", "absent has 'bodies'")),
        ("cache = 3\n", ("unknown table [cache]",)),
        ("profiles = 3\n", ("gate.toml [profiles] is 3",)),
        ("[profiles]\nsynthetic = 3\n", ("gate.toml [profiles] synthetic is 3",)),
        ("[profiles.synthetic]\nrequire-cache-push = 'yes'\n", ("require-cache-push is 'yes'",)),
        ("[profiles.synthetic]\npush-set = ['closure']\n", ("push-set is ['closure']",)),
        ("quarantine = 3\n", ("gate.toml [quarantine] is int",)),
    ],
)
def test_all_wrong_types_are_named_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: tuple[str, ...]
) -> None:
    config = tmp_path / "gate.toml"
    config.write_text(text, encoding="utf-8")
    assert main(["probe", *SYNTHETIC, *CONFIRM, "--output", str(tmp_path / "evidence")]) == 2
    output = capsys.readouterr().err
    assert [part for part in told if part not in output] == []
    assert "Traceback" not in output
    assert list(tmp_path.iterdir()) == [config]


def whole() -> Settings:
    environ = {
        "GATE_ATTIC_SERVER": "https://attic.example",
        "GATE_ATTIC_CACHE": "main",
        "GATE_S3_ENDPOINT": "https://s3.example",
        "GATE_STATE_KEY": "k",
        "GATE_MARKERS": "file:///data",
        "GATE_STORE_WORKLOAD": "file:///s.pid",
        "GATE_CACHE_WORKLOAD": "file:///c.pid",
        "GATE_SERVER_LOG": "file:///c.log",
        **dict.fromkeys((*TOKENS, *KEYS), "x"),
    }
    return resolve("synthetic", toml={}, environ=environ, flags={}, read_file=str)


@pytest.mark.parametrize(
    ("changes", "act", "missing"),
    [
        ({}, "run", ""),
        ({"state_key": "", "absent": ("state",)}, "run", ""),
        ({"server_log": "", "absent": ("server-log",)}, "run", ""),
        ({"read_token": None, "cache_public": True}, "run", ""),
        ({"push_token": None}, "pre", ""),
        ({"push_token": None, "read_token": None}, "during", ""),
        ({"read_token": None, "s3_access_key_id": None, "s3_secret_access_key": None}, "publish", ""),
        ({"markers": (), "state_key": ""}, "capture", ""),
        ({"markers": ()}, "run", "GATE_MARKERS is not set: give --markers or gate.toml [store] markers"),
        ({"absent": ("state",), "cache_workload": ""}, "run", "GATE_CACHE_WORKLOAD is not set"),
        ({"read_token": None}, "post", "GATE_READ_TOKEN is not set: give it, or its file by GATE_READ_TOKEN_FILE"),
        ({"push_token": None}, "publish", "GATE_PUSH_TOKEN is not set"),
    ],
)
def test_what_is_needed_depends_on_the_act_and_on_what_the_site_has(
    changes: dict[str, object], act: Act, missing: str
) -> None:
    settings = changed(whole(), **changes)
    if not missing:
        refuse_incomplete(settings, act)
        return
    with pytest.raises(RefusedError) as error:
        refuse_incomplete(settings, act)
    assert missing in str(error.value)
