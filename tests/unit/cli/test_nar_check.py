"""``attic-nar-integrity-check`` against servers on loopback: what is read, with which token, and what it comes to."""

import itertools
import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.cli.integrity import Reads
from gate.cli.main import main
from gate.clock import SystemClock
from gate.judge.integrity import ReadRequest, not_read
from gate.observe.nix_store import NixStore
from gate.parse.narinfo import fingerprint
from gate.probe.integrity import look_locally
from gate.process import CancelToken
from gate.token import CLAIM
from tests.unit.observe.nar_reading import HASH, NAR, PATH, SHA256, ZSTD
from tests.unit.observe.raw_http import RawServer, Request, serving

SECRET = Ed25519PrivateKey.from_private_bytes(bytes(32))
KEY = f"main:{b64encode(SECRET.public_key().public_bytes_raw()).decode()}"
SIGNING_SECRET = b64encode(b"s" * 32).decode()
OTHER_HASH = "8iv5j0f2difw6wg9vwj9r2raacb08fkv"
OTHER = f"/nix/store/{OTHER_HASH}-deadnix-check"
CONFIG = {"public_key": KEY, "is_public": False, "upstream_cache_key_names": []}
NOT_FOUND = b'{"code":404,"error":"NoSuchObject","message":"The requested object does not exist."}'


def info(path: str = PATH, references: tuple[str, ...] = ()) -> bytes:
    signature = SECRET.sign(fingerprint(path, f"sha256:{SHA256}", len(NAR), references))
    names = " ".join(name.removeprefix("/nix/store/") for name in references)
    return (
        f"StorePath: {path}\nURL: nar/{path[11:43]}.nar\nCompression: zstd\nNarHash: sha256:{SHA256}\n"
        f"NarSize: {len(NAR)}\nReferences: {names}\nSig: main:{b64encode(signature).decode()}\n"
    ).encode()


def attic(infos: dict[str, bytes], nar: Callable[[Request], None] | None = None) -> Callable[[Request], None]:
    """A server with one cache, ``main``; without ``nar`` every body is whole."""

    def handler(request: Request) -> None:
        name = request.path.rpartition("/")[2]
        if request.path == "/_api/v1/cache-config/main":
            request.answer(200, json.dumps(CONFIG).encode())
        elif name.endswith(".nar"):
            (nar or (lambda asked: asked.answer(200, ZSTD)))(request)
        elif name.removesuffix(".narinfo") in infos:
            request.answer(200, infos[name.removesuffix(".narinfo")])
        else:
            request.answer(404, NOT_FOUND)

    return handler


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings, no gate.toml, no Nix."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("GATE_READ_TOKEN", "GATE_SIGNING_SECRET", "GATE_ATTIC_SERVER", "GATE_ATTIC_CACHE"):
        monkeypatch.delenv(name, raising=False)


def check(tmp_path: Path, *argv: str) -> tuple[int, dict[str, object]]:
    into = tmp_path / "result.json"
    code = main(["attic-nar-integrity-check", *argv, "--json-into", str(into)])
    return code, json.loads(into.read_text())


def at(server: RawServer) -> tuple[str, ...]:
    return ("--server", server.url, "--cache", "main")


def only(said: dict[str, object]) -> dict[str, object]:
    rows = said["paths"]
    assert isinstance(rows, list)
    (row,) = rows
    assert isinstance(row, dict)
    return row


def test_a_whole_body_passes_and_the_output_says_by_which_yardstick(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(attic({HASH: info()})) as server:
        code, output = check(tmp_path, "--store-hash", HASH, *at(server))
    row = only(output)
    assert (code, output["verdict"]) == (0, {"word": "pass", "outcome": "pass", "exit_code": 0, "blocks": False})
    assert {name: row[name] for name in ("store_path", "status", "code", "bytes", "nar_bytes", "yardstick")} == {
        "store_path": PATH,
        "status": "pass",
        "code": "body-whole",
        "bytes": len(ZSTD),
        "nar_bytes": len(NAR),
        "yardstick": "signed-narinfo",
    }
    assert isinstance(row["seconds"], float)
    out = capsys.readouterr()
    assert out.out.startswith("PASS: 1 of 1 paths came whole. ")
    assert "yardstick: signed-narinfo 1\n" in out.out
    assert "1 of 1 paths" in out.err


def test_the_incident_fails_with_curls_code_in_sight(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def cut(request: Request) -> None:
        request.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", close=True)

    with serving(attic({OTHER_HASH: info(OTHER)}, cut)) as server:
        code, output = check(tmp_path, "--store-hash", OTHER_HASH, *at(server))
    row = only(output)
    assert (code, row["code"], row["curl"], row["bytes"], row["http_status"]) == (4, "body-empty", 18, 0, 200)
    out = capsys.readouterr()
    assert out.out.startswith("QUARANTINE: 0 of 1 paths came whole, 1 failed. Don't publish to this cache")
    assert "HTTP 200; 0 bytes came, 0 of the NAR; curl 18 (" in out.out
    assert f"fail body-empty {OTHER}" in out.err


def test_an_absent_path_is_inconclusive_and_the_reason_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(attic({HASH: info()})) as server:
        code, output = check(tmp_path, "--store-hash", HASH, "--store-hash", OTHER_HASH, *at(server))
    assert code == 3
    assert output["counts"] == {"pass": 1, "fail": 0, "inconclusive": 1, "not_applicable": 0}
    assert "nobody claims here that it was ever published" in capsys.readouterr().out


@pytest.mark.parametrize("token", ["given", "file", "minted", "none"])
def test_which_token_goes_out(token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    argv: tuple[str, ...] = ()
    if token == "given":
        monkeypatch.setenv("GATE_READ_TOKEN", "a.b.c")
        monkeypatch.setenv("GATE_SIGNING_SECRET", SIGNING_SECRET)
    elif token == "minted":
        monkeypatch.setenv("GATE_SIGNING_SECRET", SIGNING_SECRET)
    elif token == "file":
        monkeypatch.setenv("GATE_READ_TOKEN", "x.y.z")
        (tmp_path / "token").write_text("a.b.c\n")
        argv = ("--token-file", str(tmp_path / "token"))
    with serving(attic({HASH: info()})) as server:
        code, output = check(tmp_path, "--store-hash", HASH, *at(server), *argv)
    assert (code, output["token"]) == (0, "given" if token == "file" else token)
    sent = {request.headers.get("authorization", "").removeprefix("Bearer ") for request in server.requests}
    if token in ("given", "file"):
        assert sent == {"a.b.c"}
    elif token == "none":
        assert sent == {""}
    else:
        for result in sent:
            claims = jwt.decode(result, b"s" * 32, algorithms=["HS256"])
            assert claims[CLAIM] == {"caches": {"main": {"r": 1}}}
            assert claims["exp"] - claims["nbf"] == 300 + 60
    assert "a.b.c" not in (tmp_path / "result.json").read_text()


def test_a_token_of_attic_goes_to_no_other_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATE_READ_TOKEN", "a.b.c")
    monkeypatch.setenv("GATE_SIGNING_SECRET", SIGNING_SECRET)
    with serving(attic({HASH: info()})) as server:
        code, output = check(tmp_path, "--store-hash", HASH, "--cache-url", f"{server.url}/any", "--public-key", KEY)
    assert (code, output["token"]) == (0, "none")
    assert server.paths() == [f"/any/{HASH}.narinfo", f"/any/nar/{HASH}.nar"]
    assert all("authorization" not in request.headers for request in server.requests)


def test_without_a_key_the_narinfo_is_no_yardstick(tmp_path: Path) -> None:
    with serving(attic({HASH: info()})) as server:
        code, output = check(tmp_path, "--store-hash", HASH, "--cache-url", f"{server.url}/any")
    assert (code, only(output)["code"], only(output)["yardstick"]) == (3, "body-signature-unknown", "none")


def test_a_cache_whose_configuration_can_not_be_had(tmp_path: Path) -> None:
    def handler(request: Request) -> None:
        if "cache-config" in request.path:
            request.answer(401, b'{"code":401,"error":"Unauthorized","message":"Unauthorized."}')
        else:
            attic({HASH: info()})(request)

    with serving(handler) as server:
        code, output = check(tmp_path, "--store-hash", HASH, *at(server))
        assert (code, only(output)["code"]) == (3, "body-signature-unknown")
        assert output["cache"] == {
            "url": f"{server.url}/main",
            "attic": True,
            "public_key": None,
            "note": "the cache's configuration was not given: HTTP 401 Unauthorized",
        }
        code, output = check(tmp_path, "--store-hash", HASH, *at(server), "--public-key", KEY)
    assert code == 0


def test_no_such_cache_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(lambda request: request.answer(404, b'{"code":404,"error":"NoSuchCache","message":"x"}')) as server:
        code, output = check(tmp_path, "--store-hash", HASH, *at(server))
    assert (code, output["verdict"]) == (2, {"word": "refused", "outcome": "fail", "exit_code": 2, "blocks": True})
    assert "the server has no cache main" in capsys.readouterr().err


def test_a_configuration_of_another_form_gives_no_key(tmp_path: Path) -> None:
    with serving(lambda request: request.answer(200, b"<html>")) as server:
        code, output = check(tmp_path, "--store-hash", HASH, *at(server))
    assert (code, only(output)["code"]) == (3, "body-narinfo-unreadable")


def test_a_closure_is_learnt_from_signed_narinfos(tmp_path: Path) -> None:
    third = f"/nix/store/{'0' * 32}-third"
    infos = {HASH: info(PATH, (OTHER, PATH)), OTHER_HASH: info(OTHER, (third,)), "0" * 32: info(third)}
    with serving(attic(infos)) as server:
        code, output = check(tmp_path, "--closure", PATH, *at(server))
        assert (code, [row["store_path"] for row in output["paths"]]) == (0, [third, PATH, OTHER])  # type: ignore[attr-defined]  # JSON
        code, output = check(tmp_path, "--closure", PATH, *at(server), "--public-key", f"other{KEY[4:]}")
    assert (code, only(output)["code"]) == (4, "body-untrusted"), "an unsigned narinfo leads nowhere"


def test_a_closure_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.limits.NAMED_PATHS", 2)
    paths = [f"/nix/store/{number:032d}-x" for number in range(4)]
    infos = {path[11:43]: info(path, (after,)) for path, after in itertools.pairwise(paths)}
    with serving(attic(infos)) as server:
        code, output = check(tmp_path, "--closure", paths[0], *at(server))
    assert (code, "more than 2 paths" in str(output["error"])) == (3, True)


def test_stdin_takes_hashes_and_paths_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Piped:
        def __init__(self) -> None:
            self.buffer = self

        def read(self, _most: int) -> bytes:
            return f"{PATH}\r\n\n  {OTHER_HASH}\n{PATH}".encode()

    monkeypatch.setattr("sys.stdin", Piped())
    with serving(attic({HASH: info(), OTHER_HASH: info(OTHER)})) as server:
        code, output = check(tmp_path, "--stdin", *at(server))
    assert (code, output["counts"]) == (0, {"pass": 2, "fail": 0, "inconclusive": 0, "not_applicable": 0})


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "no path is named"),
        (["--store-hash", "nope"], "is not the hash of a store path"),
        (["--closure", HASH], "--closure has a hash"),
        (["--store-hash", HASH, "--cache-url", "http://x/y", "--cache", "main"], "name one cache"),
        (["--store-hash", HASH], "no cache is named"),
        (["--store-hash", HASH, "--server", "http://x", "--cache", "a/b"], "is no cache name"),
        (["--store-hash", HASH, "--cache-url", "http://x/y", "--public-key", "x"], "is not a public key"),
        (["--store-hash", HASH, "--cache-url", "ftp://x/y"], "The cache's URL is"),
        (["--store-hash", HASH, "--cache-url", "http://x/y", "--token-file", "/nowhere"], "can't be read"),
        (["--store-hash", HASH, "--server", "http://attic.example", "--cache", "m", "--jobs", "0"], "--jobs is 0"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["attic-nar-integrity-check", *argv]) == 2
    out = capsys.readouterr()
    assert message in out.err
    assert out.out == ""


def test_plain_http_beyond_this_machine_must_be_named_where_a_token_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text("a.b.c")
    base = ["attic-nar-integrity-check", "--store-hash", HASH, "--deadline", "1"]
    for argv in (
        ["--server", "http://attic.example", "--cache", "main", "--public-key", KEY],
        ["--cache-url", "http://attic.example/main", "--token-file", str(tmp_path / "token")],
    ):
        assert main([*base, *argv]) == 2
        assert "for http one of the plain-http hosts" in capsys.readouterr().err


def test_many_paths_are_told_by_their_exceptions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [f"/nix/store/{number:032d}-x" for number in range(30)]
    infos = {path[11:43]: info(path) for path in paths[1:]}
    argv = [part for path in paths for part in ("--store-hash", path)]
    with serving(attic(infos)) as server:
        code, output = check(tmp_path, *argv, *at(server), "--format", "markdown")
    out = capsys.readouterr().out
    assert (code, output["counts"]) == (3, {"pass": 29, "fail": 0, "inconclusive": 1, "not_applicable": 0})
    assert [line for line in out.split("\n") if line.startswith("| inconclusive")] == [
        f"| inconclusive | `body-not-published` | `{paths[0]}` | HTTP 404; "
        + out.partition("HTTP 404; ")[2].partition("\n")[0]
    ]
    assert "| pass" not in out


def test_after_the_deadline_nothing_more_is_read(tmp_path: Path) -> None:
    with serving(attic({HASH: info()}, lambda request: request.drip(b"HTTP/1.1 200", 0.3))) as server:
        code, output = check(tmp_path, "--store-hash", HASH, *at(server), "--deadline", "1")
    assert (code, only(output)["code"], only(output)["curl"]) == (3, "body-timed-out", 28)


def test_a_terminal_gets_a_bar_and_what_is_wrong_a_line() -> None:
    from io import StringIO

    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with Reads(stream, SystemClock(), 1) as reads:
        reads.read(not_read(ReadRequest(store_path=PATH)))
    assert f"inconclusive body-unread {PATH}" in stream.getvalue()
    assert "1 of 1 paths, 0 bytes, 1 not whole" in stream.getvalue()


def test_counting_lines_come_at_their_pace() -> None:
    from io import StringIO

    class Quick(SystemClock):
        at = 0.0

        def monotonic(self) -> float:
            return self.at

    stream, clock = StringIO(), Quick()
    row = not_read(ReadRequest(store_path=PATH))
    with Reads(stream, clock, 3) as reads:
        for clock.at in (1.0, 11.0, 12.0):
            reads.read(row)
    counted = [line for line in stream.getvalue().split("\n") if " of 3 paths, " in line]
    assert [line.partition("] ")[2][:1] for line in counted] == ["2", "3"]


def test_a_nix_that_can_not_be_asked_is_a_note(tmp_path: Path) -> None:
    nix = NixStore(env={"PATH": str(tmp_path)}, cancel=CancelToken(), clock=SystemClock())
    local = look_locally(nix, [PATH], [OTHER])
    assert (local.facts, local.unknown) == ({}, (OTHER,))
    assert "there is no 'nix-store'" in str(local.note)
