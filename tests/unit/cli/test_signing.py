"""Where `attic-nar-integrity-check` may take a signing secret from, and what it refuses without telling it."""

import os
from base64 import b64encode
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gate import limits
from gate.cli.main import main
from gate.cli.secrets import checked_place, fetch, private_file
from gate.clock import SystemClock
from gate.errors import RefusedError
from gate.model.basics import Secret
from gate.model.parsed import FileLocator
from gate.process import CancelToken
from gate.token import CLAIM
from tests.unit.cli.test_nar_check import at, attic, check, info
from tests.unit.observe.nar_reading import HASH
from tests.unit.observe.raw_http import serving

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
RS_SECRET = b64encode(PEM).decode()
HS_SECRET = b64encode(b"s" * 32).decode()
VARIABLES = ("GATE_READ_TOKEN", "GATE_SIGNING_SECRET", "GATE_SIGNING_SECRET_FROM", "GATE_ATTIC_SERVER")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings, no gate.toml, no Nix, no kubectl."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def private(folder: Path, text: str, mode: int = 0o600) -> Path:
    result = folder / "signing-secret"
    result.write_text(text)
    result.chmod(mode)
    return result


@pytest.mark.parametrize(("secret", "algorithm"), [(RS_SECRET, "RS256"), (HS_SECRET, "HS256")])
@pytest.mark.parametrize("source", ["flag", "file variable", "variable", "gate.toml"])
def test_a_token_is_minted_by_the_secrets_own_algorithm(
    source: str, secret: str, algorithm: str, *, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = private(tmp_path, secret + "\n")
    argv: tuple[str, ...] = ()
    if source == "flag":
        argv = ("--signing-secret-from", f"file://{place}")
        monkeypatch.setenv("GATE_READ_TOKEN", "a.b.c")  # what is said on the command line counts
    elif source == "file variable":
        monkeypatch.setenv("GATE_SIGNING_SECRET_FILE", str(place))
    elif source == "variable":
        monkeypatch.setenv("GATE_SIGNING_SECRET", secret)
    else:
        (tmp_path / "gate.toml").write_text(f'[cache]\nsigning-secret-from = "file://{place}"\n')
    with serving(attic({HASH: info()})) as server:
        code, output = check(tmp_path, "--store-hash", HASH, *at(server), *argv)
    assert (code, output["token"]) == (0, "minted")
    key = KEY.public_key() if algorithm == "RS256" else b"s" * 32
    sent = {request.headers["authorization"].removeprefix("Bearer ") for request in server.requests}
    for token in sent:
        claims = jwt.decode(token, key, algorithms=[algorithm])
        assert claims[CLAIM] == {"caches": {"main": {"r": 1}}}
        assert claims["exp"] - claims["nbf"] == limits.READ_TOKEN_SECONDS + limits.TOKEN_BACKDATE_SECONDS
    written = (tmp_path / "result.json").read_text()
    assert not [text for text in (secret, *sent) if text in written]


@pytest.mark.row("JWT-03")
@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        (HS_SECRET, 0o640, "is open to others (mode 0640"),
        (HS_SECRET, 0o604, "is open to others (mode 0604"),
        (HS_SECRET, 0o620, "is open to others (mode 0620"),
        ("", 0o600, "is empty or no UTF-8 text"),
        (" \n", 0o600, "is empty or no UTF-8 text"),
        ("x" * (limits.SIGNING_SECRET_BYTES + 1), 0o600, "has more than 65536 bytes"),
    ],
)
def test_a_file_that_is_not_private_or_holds_no_secret(text: str, mode: int, message: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as raised:
        private_file(str(private(tmp_path, text, mode)))
    assert message in str(raised.value)
    assert HS_SECRET[:9] not in str(raised.value)


@pytest.mark.row("JWT-03")
def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "bytes").chmod(0o600)
    for name, answer in (
        ("none", "No such file"),
        (".", "is no regular file"),
        ("pipe", "is no regular file"),
        ("bytes", "no UTF-8 text"),
    ):
        with pytest.raises(RefusedError, match=answer):
            private_file(str(tmp_path / name))


def test_a_link_is_followed_as_kubernetes_mounts_its_secrets(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    place = private(tmp_path / "..data", HS_SECRET, 0o400)
    (tmp_path / "link").symlink_to(place)
    assert fetch(FileLocator(path=str(tmp_path / "link")), {}, clock=SystemClock(), cancel=CancelToken()) == Secret(
        HS_SECRET
    )
    place.chmod(0o444)
    with pytest.raises(RefusedError, match="is open to others"):
        private_file(str(tmp_path / "link"))


def test_another_users_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = private(tmp_path, HS_SECRET)
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    if place.stat().st_uid == 0:
        assert private_file(str(place)) == Secret(HS_SECRET), "root's is as good as one's own"
        os.chown(place, 4243, -1)
    with pytest.raises(RefusedError, match="is open to others"):
        private_file(str(place))


@pytest.mark.parametrize(
    "text", ["/run/secret", "kubectl://nix-cache/secret/attic", "kubectl://nix-cache/pod/attic?key=K"]
)
def test_what_is_no_place_is_refused_before_anything_is_asked(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RefusedError):
        checked_place(text)
    with serving(attic({HASH: info()})) as server:
        argv = ["attic-nar-integrity-check", "--store-hash", HASH, *at(server), "--signing-secret-from", text]
        assert main(argv) == 2
        assert server.requests == []
    assert "expected" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        ("--cache-url", "http://127.0.0.1:1/main", "--signing-secret-from", "file:///s"),
        ("--server", "http://127.0.0.1:1", "--cache", "m", "--token-file", "/t", "--signing-secret-from", "file:///s"),
    ],
)
def test_one_credential_is_named(argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attic-nar-integrity-check", "--store-hash", HASH, *argv]) == 2
    assert "--signing-secret-from mints a token of Attic's" in capsys.readouterr().err


@pytest.mark.row("JWT-02")
@pytest.mark.parametrize("source", ["flag", "variable"])
def test_a_secret_that_is_none_is_never_printed(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    canary = "!!canary-of-a-secret!!"
    argv: tuple[str, ...] = ()
    if source == "flag":
        argv = ("--signing-secret-from", f"file://{private(tmp_path, canary)}")
    else:
        monkeypatch.setenv("GATE_SIGNING_SECRET", canary)
    with serving(attic({HASH: info()})) as server:
        code, output = check(tmp_path, "--store-hash", HASH, *at(server), *argv)
    assert (code, server.requests) == (2, [])
    assert "The token secret (base64) can't be read" in str(output["error"])
    out = capsys.readouterr()
    assert "canary" not in out.out + out.err + str(output)


@pytest.mark.row("JWT-07")
@pytest.mark.parametrize("cache", ["*", "team-*"])
def test_a_pattern_in_place_of_a_cache_is_refused(
    cache: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATE_SIGNING_SECRET", HS_SECRET)
    with serving(attic({HASH: info()})) as server:
        argv = ["attic-nar-integrity-check", "--store-hash", HASH, "--server", server.url, "--cache", cache]
        assert main(argv) == 2
        assert server.requests == []
    assert "is no cache name" in capsys.readouterr().err
