"""``attic-nar-integrity-check`` and ``read`` against the stand-ins of Attic on a real S3 server, with the real Nix."""

import base64
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.clock import SystemClock
from gate.observe.nix_store import NixStore
from gate.observe.nix_store import nix_environment as observed_environment
from gate.probe.integrity import look_locally
from gate.process import CancelToken
from tests.integration.attic_rig import SECRET, SETTLE_SECONDS, Lab
from tests.integration.store_paths import closure, hash_of, nix, nix_environment, to_file

pytestmark = [pytest.mark.lab, pytest.mark.nix, pytest.mark.xdist_group("nar-check")]

LARGE = 200_000  # bytes: several chunks


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    rig = Lab(tmp_path_factory.mktemp("attic"))
    try:
        rig.start()
        yield rig
    finally:
        rig.stop_all()


def large(lab: Lab) -> str:
    file = lab.root / secrets.token_hex(4) / "fresh-multi"
    file.parent.mkdir()
    file.write_bytes(os.urandom(LARGE))
    return pushed(lab, nix("nix-store", "--add", str(file)))


def pushed(lab: Lab, path: str) -> str:
    assert lab.push("main", path).exit == 0
    return path


class Checked:
    def __init__(self, lab: Lab, *argv: str, hosts: tuple[str, ...] | None = None, **env: str) -> None:
        into = lab.root / f"{secrets.token_hex(4)}.json"
        hosts = ("--hosts", f"127.0.0.1:{lab.s3_port}") if hosts is None else hosts
        secret = base64.b64encode(SECRET).decode()
        self.done = subprocess.run(
            [
                *(sys.executable, "-m", "gate", "attic-nar-integrity-check"),
                *("--server", lab.url, "--cache", "main", *hosts, "--json-into", str(into)),
                *argv,
            ],
            env={**nix_environment(), "GATE_SIGNING_SECRET": secret, **env},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
        )
        self.code = self.done.returncode
        self.text = into.read_text()
        self.said = json.loads(self.text)
        self.rows = {row["store_path"]: row for row in self.said["paths"]}

    def told(self, path: str) -> tuple[str, str, str, int | None]:
        row = self.rows[path]
        return row["status"], row["code"], row["yardstick"], row["curl"]


@pytest.mark.parametrize(
    ("argv", "yardstick"), [((), "local-nix"), (("--yardstick", "signed-narinfo"), "signed-narinfo")]
)
def test_healthy_paths_of_one_and_of_many_chunks(lab: Lab, argv: tuple[str, ...], yardstick: str) -> None:
    one, many = pushed(lab, to_file("one", secrets.token_hex(20))), large(lab)
    observation = Checked(lab, "--store-hash", hash_of(one), "--store-hash", many, *argv)
    assert observation.code == 0, observation.done.stderr
    assert observation.said["token"] == "minted"
    assert [observation.told(path) for path in (one, many)] == [("pass", "body-whole", yardstick, 0)] * 2
    assert all(row["bytes"] > 0 and row["signed"] == "present" for row in observation.rows.values())
    secret = base64.b64encode(SECRET).decode()
    assert secret not in observation.text + observation.done.stdout + observation.done.stderr
    assert "Signature=" not in observation.text + observation.done.stdout + observation.done.stderr


def test_the_bucket_is_gone(lab: Lab) -> None:
    one, many = pushed(lab, to_file("one", secrets.token_hex(20))), large(lab)
    with lab.bucket_lost():
        observation = Checked(lab, "--store-hash", hash_of(many), "--store-hash", hash_of(one))
    assert observation.code == 4
    assert observation.told(many) == ("fail", "body-empty", "local-nix", 18)
    assert observation.told(one)[:2] == ("fail", "body-missing")
    assert (observation.rows[many]["bytes"], observation.rows[many]["http_status"]) == (0, 200)
    assert "curl 18" in observation.done.stdout
    assert observation.done.stdout.startswith("QUARANTINE: 0 of 2 paths came whole, 2 failed. Don't publish")


def test_one_chunk_is_missing(lab: Lab) -> None:
    path = large(lab)
    lab.chunk_files(path)[2].unlink()
    time.sleep(SETTLE_SECONDS)
    observation = Checked(lab, "--store-hash", hash_of(path))
    assert (observation.code, observation.told(path)) == (4, ("fail", "body-short", "local-nix", 18))
    assert 0 < observation.rows[path]["nar_bytes"] < LARGE


def test_one_bit_is_flipped(lab: Lab) -> None:
    path = large(lab)
    chunk = lab.chunk_files(path)[1]
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    time.sleep(SETTLE_SECONDS)
    for argv in ((), ("--yardstick", "signed-narinfo")):
        observation = Checked(lab, "--store-hash", hash_of(path), *argv)
        status, code, _, curl = observation.told(path)
        assert (observation.code, status, code, curl) == (4, "fail", "body-corrupt", 0)
        assert observation.rows[path]["http_status"] == 200


def test_an_absent_path_is_inconclusive_with_and_without_a_local_store(lab: Lab) -> None:
    never = to_file("never-pushed", secrets.token_hex(20))
    observation = Checked(lab, "--store-hash", hash_of(never), "--store-hash", "8iv5j0f2difw6wg9vwj9r2raacb08fkv")
    assert observation.code == 3
    assert observation.told(never) == ("inconclusive", "body-not-published", "local-nix", None)
    assert observation.told("/nix/store/8iv5j0f2difw6wg9vwj9r2raacb08fkv")[:3] == (
        "inconclusive",
        "body-not-published",
        "none",
    )


@pytest.mark.parametrize("local", [True, False])
def test_a_closure(lab: Lab, local: bool) -> None:
    root, parts = closure(
        lab.root / secrets.token_hex(4), "check", [os.urandom(2000) for _ in range(3)], secrets.token_hex(8)
    )
    pushed(lab, root)
    argv = () if local else ("--yardstick", "signed-narinfo")
    observation = Checked(lab, "--closure", root, *argv)
    assert (observation.code, set(observation.rows)) == (0, {root, *parts})
    assert {row["yardstick"] for row in observation.rows.values()} == {"local-nix" if local else "signed-narinfo"}


@pytest.mark.row("NIX-15")
def test_what_an_upstream_signed_is_left_to_it_in_a_closure_only(lab: Lab) -> None:
    root, (part,) = closure(lab.root / secrets.token_hex(4), "check", [os.urandom(2000)], secrets.token_hex(8))
    key = lab.root / "upstream.key"
    if not key.exists():
        nix("nix-store", "--generate-binary-cache-key", "cache.nixos.org-1", str(key), f"{key}.pub")
    nix("nix", "store", "sign", "--key-file", str(key), part)
    pushed(lab, root)
    keys = Path(f"{key}.pub").read_text()
    observation = Checked(lab, "--closure", root, GATE_UPSTREAM_KEYS=keys)
    assert (observation.code, observation.told(root)[:2], observation.told(part)[:2]) == (
        0,
        ("pass", "body-whole"),
        ("not_applicable", "in-upstream"),
    )
    assert Checked(lab, "--closure", root).code == 3, "without its key nothing shows that it is an upstream's"
    assert Checked(lab, "--store-hash", part, GATE_UPSTREAM_KEYS=keys).code == 3, (
        "a named path must be in the cache itself"
    )


def test_a_redirect_to_a_host_that_is_not_named_is_not_followed(lab: Lab) -> None:
    path = pushed(lab, to_file("one", secrets.token_hex(20)))
    observation = Checked(lab, "--store-hash", hash_of(path), hosts=())
    assert (observation.code, observation.told(path)[:2]) == (3, ("inconclusive", "body-redirect-denied"))


def test_a_binary_cache_of_nix_itself(lab: Lab) -> None:
    """The same reader on a ``nix copy`` cache, by the local store and by its signed narinfo."""
    path = to_file("plain", secrets.token_hex(20))
    folder, key = lab.root / "plain-cache", lab.root / "plain.key"
    nix("nix-store", "--generate-binary-cache-key", "plain-1", str(key), f"{key}.pub")
    nix("nix", "copy", "--to", f"file://{folder}?secret-key={key}&compression=xz", path)
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        port = server.stdout.readline().partition(" port ")[2].partition(" ")[0]
        base = [sys.executable, "-m", "gate", "attic-nar-integrity-check", "--cache-url", f"http://127.0.0.1:{port}"]
        cases: tuple[tuple[list[str], int], ...] = (
            ([], 0),
            (["--public-key", Path(f"{key}.pub").read_text()], 0),
            (["--yardstick", "signed-narinfo"], 3),
            (["--yardstick", "signed-narinfo", "--public-key", Path(f"{key}.pub").read_text()], 0),
        )
        codes = [
            subprocess.run(
                [*base, "--store-hash", hash_of(path), *argv],
                env=nix_environment(),
                cwd=Path(__file__).parents[2],
                capture_output=True,
                check=False,
            ).returncode
            for argv, _ in cases
        ]
        server.terminate()
    assert codes == [code for _, code in cases]


def test_the_local_store_is_found_by_hash_by_path_and_wherever_it_is(tmp_path: Path) -> None:
    here = to_file("here", secrets.token_hex(20))
    there_root = str(tmp_path / "root")
    (tmp_path / "there").write_text(secrets.token_hex(20))
    there = nix("nix-store", "--store", there_root, "--add", str(tmp_path / "there"))
    absence = "/nix/store/8iv5j0f2difw6wg9vwj9r2raacb08fkv-gone"
    env = observed_environment({**nix_environment()})
    clock, cancel = SystemClock(), CancelToken()
    local = NixStore(env=env, cancel=cancel, clock=clock)
    for names in ([here, there, absence], [path[:43] for path in (here, there, absence)]):
        assert [fact.store_path for fact in look_locally(local, names, []).facts.values()] == [here]
    other = NixStore(env={**env, "NIX_REMOTE": there_root}, cancel=cancel, clock=clock)
    for names in ([here, there, absence], [path[:43] for path in (here, there, absence)]):
        assert [fact.store_path for fact in look_locally(other, names, []).facts.values()] == [there]
    observation = look_locally(local, [], [here, absence])
    assert (observation.closure, observation.unknown, observation.note) == ((here,), (absence,), None)
