"""Tokens and their signing secret, row by row of the fault matrix; most rows are in ``tests/unit/test_token.py``."""

import gzip
import json
import os
import subprocess
import sys
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest

from gate.model import records
from gate.model.basics import Secret
from gate.observe.nix_store import nix_environment
from gate.process import scrubbed_environment
from gate.process.redact import Redactor
from gate.token import mint
from tests.helpers import runs
from tests.unit.cli.test_nar_check import at, attic, info
from tests.unit.observe.nar_reading import HASH
from tests.unit.observe.raw_http import Request, serving

ROOT = Path(__file__).parents[2]
KEY = b"canary-of-a-signing-secret-32-bytes-or-more"
SECRET = b64encode(KEY).decode()
UNAUTHORIZED = b'{"code":401,"error":"Unauthorized","message":"Unauthorized."}'
GET_DUMPABLE = 3  # prctl(2)


def demanding(**wanted: Any) -> Any:
    """An Attic whose tokens must say more, or be signed by another key: it ignores others, and then denies."""
    plain = attic({HASH: info()})
    key = wanted.pop("key", KEY)

    def handler(request: Request) -> None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            jwt.decode(token, key, algorithms=["HS256"], leeway=0, **wanted)
        except jwt.InvalidTokenError:
            request.answer(401, UNAUTHORIZED)
        else:
            plain(request)

    return handler


class Checked:
    """One run of the command as a process of its own, and all that it left."""

    def __init__(self, folder: Path, handler: Any, **environ: str) -> None:
        into = folder / "result.json"
        with serving(handler) as server:
            argv = ["attic-nar-integrity-check", "--store-hash", HASH, *at(server), "--json-into", str(into)]
            self.done = subprocess.run(
                [sys.executable, "-m", "gate", *argv, "--yardstick", "signed-narinfo"],
                env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), **environ},
                cwd=ROOT,
                capture_output=True,
                check=False,
                timeout=100,
            )
            self.sent = {
                request.headers.get("authorization", "").removeprefix("Bearer ") for request in server.requests
            }
            self.asked = len(server.requests)
        self.code = self.done.returncode
        self.said = json.loads(into.read_text())
        files = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
        self.everything = b"\n".join([self.done.stdout, self.done.stderr, *files])

    def leaks(self) -> list[str]:
        """Which forms of the secrets stand anywhere."""
        result = []
        for name, secret in (("secret", KEY), *(("token", token.encode()) for token in self.sent if token)):
            forms = {
                "plain": secret,
                **{f"base64 at {off}": b64encode(b"x" * off + secret)[4 if off else 0 : -4] for off in range(3)},
                "hex": secret.hex().encode(),
                "gzip": gzip.compress(secret, mtime=0)[10:30],
            }
            if name == "token":
                forms["signature"] = secret.rpartition(b".")[2]
            result += [f"{name} {form}" for form, text in forms.items() if text in self.everything]
        return result


@pytest.mark.row("JWT-01", "JWT-14")
@pytest.mark.parametrize(
    "debug",
    [
        {},
        {"RUNNER_DEBUG": "1", "ACTIONS_STEP_DEBUG": "true"},
        {"PYTHONDEVMODE": "1", "PYTHONFAULTHANDLER": "1", "PYTHONWARNINGS": "default"},
        {"PYTHONVERBOSE": "1", "PYTHONASYNCIODEBUG": "1"},
        {"CURL_VERBOSE": "1", "HTTPX_LOG_LEVEL": "trace", "SSLKEYLOGFILE": ""},
    ],
    ids=["none", "runner", "devmode", "verbose", "libraries"],
)
def test_no_mode_of_debugging_shows_a_secret(debug: dict[str, str], tmp_path: Path) -> None:
    observation = Checked(tmp_path, demanding(), GATE_SIGNING_SECRET=SECRET, **debug)
    assert (observation.code, observation.said["token"]) == (0, "minted"), observation.done.stderr
    assert observation.asked > 0
    assert all(token.count(".") == 2 for token in observation.sent), "the canary went out, to the server alone"
    assert observation.leaks() == []


def test_a_leak_is_found_in_every_form(tmp_path: Path) -> None:
    for number, text in enumerate((KEY, b64encode(KEY), b64encode(b"x" + KEY), KEY.hex().encode())):
        (tmp_path / str(number)).write_bytes(text)
    observation = Checked(tmp_path, demanding(), GATE_SIGNING_SECRET=SECRET)
    assert observation.leaks() == ["secret plain", "secret base64 at 0", "secret base64 at 1", "secret hex"]


@pytest.mark.row("JWT-10")
@pytest.mark.parametrize("expected", [{"audience": "attic"}, {"issuer": "https://issuer.example"}], ids=["aud", "iss"])
def test_a_server_that_wants_more_claims_denies_and_that_is_told(expected: dict[str, str], tmp_path: Path) -> None:
    observation = Checked(tmp_path, demanding(**expected), GATE_SIGNING_SECRET=SECRET)
    (row,) = observation.said["paths"]
    assert (observation.code, row["status"], row["code"], row["http_status"]) == (3, "inconclusive", "body-unread", 401)
    assert "401 Unauthorized" in observation.said["cache"]["note"]
    assert observation.leaks() == []


@pytest.mark.row("JWT-15")
def test_a_secret_that_was_rotated_is_denied_and_not_tried_again(tmp_path: Path) -> None:
    observation = Checked(tmp_path, demanding(key=KEY[::-1]), GATE_SIGNING_SECRET=SECRET)
    (row,) = observation.said["paths"]
    assert (observation.code, row["code"], row["http_status"]) == (3, "body-unread", 401)
    assert observation.asked == 2, "the cache's description and one narinfo: a 401 is an answer"


@pytest.mark.row("JWT-05")
def test_a_token_that_ends_within_the_run_makes_it_inconclusive() -> None:
    denied = runs.answer(401, UNAUTHORIZED.decode())
    late = {facts.store_path for facts in runs.SOURCES[-2:]}

    def change(record: records.BodyRead) -> records.BodyRead:
        return replace(record, narinfo=denied, nar=None) if record.store_path in late else record

    result = runs.healthy().change(records.BodyRead, change)
    assert (result.word(), result.rows()) == ("inconclusive", {("body-unread", "inconclusive")})


@pytest.mark.row("JWT-05")
def test_a_clock_behind_gives_a_token_that_is_over_and_the_server_says_so(tmp_path: Path) -> None:
    now = datetime.now(tz=UTC)
    old = mint(Secret(SECRET), cache="main", seconds=300, now=datetime.fromtimestamp(now.timestamp() - 400, tz=UTC))
    observation = Checked(tmp_path, demanding(), GATE_READ_TOKEN=old.reveal())
    (row,) = observation.said["paths"]
    assert (observation.code, row["code"], row["http_status"]) == (3, "body-unread", 401)
    assert observation.leaks() == []


# ----------------------------------------------------------------------------------------- where the secret may not be


@pytest.mark.row("JWT-16")
def test_no_child_is_given_the_secret() -> None:
    """Nix, Attic's client and kubectl get an environment of their own; so does what a flake's evaluation can read."""
    full = {"PATH": "/bin", "GATE_SIGNING_SECRET": SECRET, "GATE_PUSH_TOKEN": "p", "NIX_CONFIG": "x = y"}
    assert scrubbed_environment(full, keep=tuple(full)) == {"PATH": "/bin", "NIX_CONFIG": "x = y"}
    assert not [name for name in nix_environment(full) if name.startswith("GATE_")]


@pytest.mark.row("JWT-16")
def test_what_a_capture_takes_of_the_secret_is_redacted() -> None:
    """If a flake's code came by the secret all the same, no output of it would keep it."""
    redactor = Redactor([Secret(SECRET)])
    text = redactor.feed(b"got " + SECRET.encode() + b" and " + SECRET.encode() + b"\n") + redactor.finish()
    assert text == b"got *** and ***\n"


PRIVATE = f"""
import ctypes, os, resource, sys
sys.path.insert(0, {str(ROOT)!r})
from gate.process import keep_memory_private
before = ctypes.CDLL(None).prctl({GET_DUMPABLE}, 0, 0, 0, 0)
keep_memory_private()
print(before, ctypes.CDLL(None).prctl({GET_DUMPABLE}, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE))
sys.stdout.flush()
os.execv(sys.executable, [sys.executable, "-c", "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"])
"""


@pytest.mark.row("JWT-14", "JWT-16")
def test_the_process_makes_no_core_and_its_memory_is_closed_to_its_own_user() -> None:
    done = subprocess.run([sys.executable, "-c", PRIVATE], capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout == "1 0 0 0\n1\n", "a program that it becomes, as its children do, is ordinary again"


@pytest.mark.row("JWT-14")
def test_the_commands_that_hold_secrets_do_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from gate.cli.main import main

    called: list[str] = []
    monkeypatch.setattr("gate.process.keep_memory_private", lambda: called.append("x"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATE_ATTIC_SERVER", "")
    with serving(attic({HASH: info()})) as server:
        assert (
            main(["attic-nar-integrity-check", "--store-hash", HASH, *at(server), "--yardstick", "signed-narinfo"]) == 0
        )
    assert main(["capture", "--output", str(tmp_path / "run")]) == 2
    assert called == ["x", "x"]
