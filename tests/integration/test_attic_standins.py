"""The stand-ins of Attic, brought to every recorded situation and compared with what the real ones did there."""

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from tests.integration.attic_rig import ALL_RIGHTS, SETTLE_SECONDS, Lab, new_token, proxy
from tests.integration.attic_words import (
    RECORDINGS,
    DirectoryLook,
    body_form,
    head_form,
    log_form,
    output_form,
    recorded,
)
from tests.integration.store_paths import built, closure, hash_of, nix, to_file

pytestmark = [pytest.mark.lab, pytest.mark.nix, pytest.mark.xdist_group("attic-standins")]

SMALL, LARGE = 2_000, 200_000  # under and over nar-size-threshold
SHARED = 150_000  # bytes at the head of two files: whole chunks of both, but for the first, which has the length
UNKNOWN_HASH = "0" * 32
READ_ONLY = {"r": 1}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    rig = Lab(tmp_path_factory.mktemp("attic"))
    try:
        rig.start()
        rig.stored = {"small": probe(), "large": large(rig)}
        assert rig.push("main", *rig.stored.values()).exit == 0
        yield rig
    finally:
        rig.stop_all()


# --- paths ----------------------------------------------------------------------------------------------------------


def probe(name: str = "probe") -> str:
    """A new path of one chunk."""
    return to_file(name, secrets.token_hex(20))


def large(lab: Lab, name: str = "fresh-multi", content: bytes | None = None) -> str:
    """A new path of several chunks, or of a given content."""
    file = lab.root / f"{secrets.token_hex(4)}" / name
    file.parent.mkdir()
    file.write_bytes(os.urandom(LARGE) if content is None else content)
    return nix("nix-store", "--add", str(file))


def family(lab: Lab, count: int, *, large_every: int = 8) -> tuple[str, list[str]]:
    """A new path with ``count`` - 1 references, every ``large_every``-th of them of several chunks."""
    contents = [os.urandom(SMALL if number % large_every else LARGE) for number in range(count - 1)]
    return closure(lab.root / secrets.token_hex(4), "deadnix-check", contents, secrets.token_hex(8))


def pushed(lab: Lab, path: str) -> str:
    assert lab.push("main", path).exit == 0
    return path


# --- pushes: one scenario for each recording ------------------------------------------------------------------------


def uploads_a_closure(count: int, cached: int) -> Callable[[Lab], DirectoryLook]:
    def scenario(lab: Lab) -> DirectoryLook:
        root, parts = family(lab, count)
        if cached:
            assert lab.push("main", *parts[:cached]).exit == 0
        return lab.push("main", root)

    return scenario


def uploads_a_closure_that_shares_chunks(lab: Lab) -> DirectoryLook:
    shared = os.urandom(LARGE)
    contents = [shared, shared[:SHARED] + os.urandom(LARGE), *(os.urandom(SMALL) for _ in range(19))]
    root, parts = closure(lab.root / secrets.token_hex(4), "deadnix-check", contents, secrets.token_hex(8))
    assert lab.push("main", parts[0], parts[2], parts[3]).exit == 0
    return lab.push("main", root)


def uploads_22_that_share_chunks(lab: Lab) -> DirectoryLook:
    # chunks of one push race, so the shared ones stand in the cache before, under another path
    shared = os.urandom(LARGE)
    pushed(lab, large(lab, content=shared))
    contents = [shared[:SHARED] + os.urandom(LARGE), *(os.urandom(SMALL) for _ in range(20))]
    root, _ = closure(lab.root / secrets.token_hex(4), "deadnix-check", contents, secrets.token_hex(8))
    return lab.push("main", root)


def bucket_lost_output_deduplicated(lab: Lab) -> DirectoryLook:
    root, _ = deduplicated_output(lab)
    with lab.bucket_lost():
        return lab.push("main", root)


def after_restore_retry(lab: Lab) -> DirectoryLook:
    root, parts = deduplicated_output(lab)
    # what the earlier deployment held of the closure deduplicates in part
    shared = Path(parts[0]).read_bytes()
    pushed(lab, large(lab, content=shared[:SHARED] + os.urandom(LARGE)))
    with lab.bucket_lost():
        assert lab.push("main", root).exit == 1
    return lab.push("main", root)


def deduplicated_output(lab: Lab) -> tuple[str, list[str]]:
    """A closure of 22 whose output has the NAR of a path that is stored already, under another name."""
    root, parts = family(lab, 22)
    twin = large(lab, "twin", Path(root).read_bytes())
    assert lab.push("--no-closure", "main", twin).exit == 0
    return root, parts


def bucket_lost_mid_push(lab: Lab) -> DirectoryLook:
    root, _ = family(lab, 22, large_every=2)
    with lab.logging() as log, lab.pushing("-j", "5", "main", root) as process:
        assert process.stderr is not None
        output = b""
        for line in process.stderr:
            output += line
            if line.startswith("✅".encode()):
                lab.break_bucket()
        lab.restore_bucket()
    return DirectoryLook(process.wait(), log.text(), stderr=output.decode())


def bucket_lost_fresh(make: Callable[[Lab], str]) -> Callable[[Lab], DirectoryLook]:
    def scenario(lab: Lab) -> DirectoryLook:
        path = make(lab)
        with lab.bucket_lost():
            return lab.push("main", path)

    return scenario


def bucket_lost_already_cached(lab: Lab) -> DirectoryLook:
    with lab.bucket_lost():
        return lab.push("main", lab.stored["large"])


def s3_down(lab: Lab) -> DirectoryLook:
    path = probe()
    with lab.s3_down():
        return lab.push("main", path)


def server_down(lab: Lab) -> DirectoryLook:
    return lab.push("main", probe(), env=lab.environment(endpoint="http://127.0.0.1:9/"))


def with_token(token: Callable[[], str]) -> Callable[[Lab], DirectoryLook]:
    return lambda lab: lab.push("main", probe(), env=lab.environment(token=token()))


def behind_proxy(status: int, page: str) -> Callable[[Lab], DirectoryLook]:
    def scenario(lab: Lab) -> DirectoryLook:
        with proxy(lab, status, page) as address:
            return lab.push("main", probe(), env=lab.environment(endpoint=address))

    return scenario


def stdin_uploaded(lab: Lab) -> DirectoryLook:
    root, _ = family(lab, 2)
    return lab.push("--stdin", "main", stdin=root + "\n")


def tty_uploaded(lab: Lab) -> DirectoryLook:
    root, parts = family(lab, 8)
    assert lab.push("main", *parts[:6]).exit == 0
    return lab.push_on_terminal("main", root, large(lab, "ttybig"))


PUSHES: dict[str, Callable[[Lab], DirectoryLook]] = {
    "after-restore-retry": after_restore_retry,
    "auth-expired-token": with_token(lambda: new_token(ALL_RIGHTS, lifetime=-1)),
    "auth-garbage-token": with_token(lambda: "garbage"),
    "auth-no-token": with_token(str),
    "auth-read-only-token": with_token(lambda: new_token(READ_ONLY)),
    "bucket-lost-already-cached": bucket_lost_already_cached,
    "bucket-lost-multi-chunk-upload": bucket_lost_fresh(large),
    "bucket-lost-output-deduplicated": bucket_lost_output_deduplicated,
    "bucket-lost-synthetic-2": bucket_lost_fresh(lambda _: probe()),
    "medium-uploaded-22": uploads_a_closure_that_shares_chunks,
    "multi-chunk-uploaded": lambda lab: lab.push("main", large(lab, "runner-dashboard-0.1.0")),
    "no-such-cache": lambda lab: lab.push("nope", probe()),
    "no-such-path": lambda lab: lab.push("main", f"/nix/store/{UNKNOWN_HASH}-nope"),
    "nothing": lambda lab: lab.push("main"),
    "proxy-200html": behind_proxy(200, "<html>all is well</html>"),
    "proxy-413": behind_proxy(413, "<html>413 Request Entity Too Large</html>"),
    "proxy-502": behind_proxy(502, "<html><head><title>502 Bad Gateway</title></head></html>"),
    "rustfs-medium-uploaded": uploads_22_that_share_chunks,
    "s3-down": s3_down,
    "server-down": server_down,
    "small-uploaded": uploads_a_closure(5, 0),
    "stdin-uploaded": stdin_uploaded,
    "synthetic-already-cached": lambda lab: lab.push("main", lab.stored["small"]),
    "synthetic-uploaded": lambda lab: lab.push("main", probe()),
    "tty-uploaded": tty_uploaded,
    "unknown-server": lambda lab: lab.push("nosuch:main", probe()),
}


@pytest.mark.parametrize("name", PUSHES)
def test_a_push_shows_what_the_real_one_showed(lab: Lab, name: str) -> None:
    observation, real = PUSHES[name](lab), recorded(name)
    assert output_form(observation.stderr) == output_form(real.stderr)
    assert (observation.exit, observation.stdout) == (real.exit, real.stdout)
    if (RECORDINGS / name / "atticd.log").exists():
        assert log_form(observation.log) == log_form(real.log)


def test_a_push_during_which_the_bucket_goes_fails_in_part(lab: Lab) -> None:
    observation, real = bucket_lost_mid_push(lab), recorded("bucket-lost-mid-push")
    # how many paths come through is a matter of the moment, so sets of lines and of records are compared
    assert {*output_form(observation.stderr)} == {*output_form(real.stderr)}
    assert len(output_form(observation.stderr)) == len(output_form(real.stderr))
    assert {*log_form(observation.log)} == {*log_form(real.log)}
    assert observation.exit == real.exit


def test_making_a_cache_shows_what_the_real_one_showed(lab: Lab) -> None:
    assert lab.created == recorded("cache-create")


# --- fetches --------------------------------------------------------------------------------------------------------


def missing_paths(token: str | None) -> Callable[[Lab], DirectoryLook]:
    def scenario(lab: Lab) -> DirectoryLook:
        question = {"cache": "main", "store_path_hashes": [hash_of(lab.stored["small"]), UNKNOWN_HASH]}
        return lab.fetch("_api/v1/get-missing-paths", token=token, body=question)

    return scenario


def narinfo(name: str, *, token: bool = True) -> Callable[[Lab], DirectoryLook]:
    return lambda lab: lab.fetch(f"main/{name}.narinfo", token=new_token(READ_ONLY) if token else None)


def fetch_nar(lab: Lab, path: str, *, follow: bool = False) -> DirectoryLook:
    return lab.fetch(f"main/nar/{hash_of(path)}.nar", token=new_token(READ_ONLY), follow=follow)


def nar_healthy(kind: str, *, follow: bool) -> Callable[[Lab], DirectoryLook]:
    return lambda lab: fetch_nar(lab, lab.stored[kind], follow=follow)


def nar_bucket_lost(kind: str, *, follow: bool) -> Callable[[Lab], DirectoryLook]:
    def scenario(lab: Lab) -> DirectoryLook:
        with lab.bucket_lost():
            return fetch_nar(lab, lab.stored[kind], follow=follow)

    return scenario


def nar_one_chunk(spoil: Callable[[Path], object]) -> Callable[[Lab], DirectoryLook]:
    def scenario(lab: Lab) -> DirectoryLook:
        path = pushed(lab, large(lab))
        chunks = lab.chunk_files(path)
        assert len(chunks) == 4
        spoil(chunks[2])
        time.sleep(SETTLE_SECONDS)
        return fetch_nar(lab, path)

    return scenario


def nar_s3_down(lab: Lab) -> DirectoryLook:
    with lab.s3_down():
        return fetch_nar(lab, lab.stored["large"])


FETCHES: dict[str, Callable[[Lab], DirectoryLook]] = {
    "cache-config": lambda lab: lab.fetch("_api/v1/cache-config/main", token=new_token(READ_ONLY)),
    "get-missing-paths-no-token": missing_paths(None),
    "get-missing-paths-push": missing_paths(new_token(ALL_RIGHTS)),
    "get-missing-paths-read-only": missing_paths(new_token(READ_ONLY)),
    "log-canary-malformed-narinfo": narinfo("canary-0123456789abcdef"),
    "nar-multi-chunk-bucket-lost": nar_bucket_lost("large", follow=False),
    "nar-multi-chunk-healthy": nar_healthy("large", follow=False),
    "nar-one-chunk-empty": nar_one_chunk(lambda chunk: os.truncate(chunk, 0)),
    "nar-one-chunk-missing": nar_one_chunk(Path.unlink),
    "nar-s3-down": nar_s3_down,
    "nar-single-chunk-bucket-lost": nar_bucket_lost("small", follow=True),
    "nar-single-chunk-redirect-healthy": nar_healthy("small", follow=True),
    "narinfo-absent-well-formed": narinfo(UNKNOWN_HASH),
    "narinfo-missing": narinfo(UNKNOWN_HASH),
    "narinfo-multi-chunk": lambda lab: narinfo(hash_of(lab.stored["large"]))(lab),
    "narinfo-no-token": lambda lab: narinfo(hash_of(lab.stored["small"]), token=False)(lab),
}
BINARY = {"nar-single-chunk-redirect-healthy"}  # bodies of compressed bytes
NO_BODY_KEPT = {"nar-multi-chunk-healthy", "nar-one-chunk-empty", "nar-one-chunk-missing"}
STATUS_ONLY = {"cache-config"}  # of the head, only the status was kept


@pytest.mark.parametrize("name", FETCHES)
def test_a_fetch_shows_what_the_real_one_showed(lab: Lab, name: str) -> None:
    observation, real = FETCHES[name](lab), recorded(name)
    assert observation.exit == real.exit
    if name in STATUS_ONLY:
        assert observation.head.startswith(real.head.strip())
    else:
        assert head_form(observation.head) == head_form(real.head)
    if name in BINARY:
        assert observation.body[:6] == real.body[:6]  # zstd's magic number, and a frame that doesn't tell its size
    elif name not in NO_BODY_KEPT:
        assert body_form(observation.body) == body_form(real.body)
    if (RECORDINGS / name / "atticd.log").exists():
        assert log_form(observation.log) == log_form(real.log)


def test_every_recording_is_held_against_the_stand_ins() -> None:
    compared = {*PUSHES, *FETCHES, "bucket-lost-mid-push", "cache-create"}
    assert compared == {folder.name for folder in RECORDINGS.iterdir() if folder.is_dir()}


# --- what no recording shows ----------------------------------------------------------------------------------------


def test_a_body_lacks_what_an_emptied_chunk_held(lab: Lab) -> None:
    path = pushed(lab, large(lab))
    whole = fetch_nar(lab, path).body
    os.truncate(lab.chunk_files(path)[2], 0)
    time.sleep(SETTLE_SECONDS)
    assert len(whole) - 66_000 < len(fetch_nar(lab, path).body) < len(whole) - 64_000


def test_a_failed_upload_is_not_deduplicated_later(lab: Lab) -> None:
    for path in (probe(), large(lab)):
        with lab.bucket_lost():
            assert lab.push("main", path).exit == 1
        assert "deduplicated" not in lab.push("main", path).stderr


def test_nix_accepts_the_signature_and_the_bodies(lab: Lab) -> None:
    paths = [pushed(lab, built(lab.root)), lab.stored["large"]]  # one chunk and several
    settings = json.loads(lab.fetch("_api/v1/cache-config/main", token=new_token(READ_ONLY)).body)
    # S3 must have another name than the server: curl's netrc goes by host alone, and S3 answers 400 to a presigned
    # address that comes with credentials
    netrc = lab.root / "netrc"
    netrc.write_text(f"machine localhost login anyone password {new_token(READ_ONLY)}\n")
    command = ["nix", "store", "verify", "--store", f"http://localhost:{lab.port}/main", "--sigs-needed", "1"]
    options = ["--option", "netrc-file", str(netrc), "--option", "trusted-public-keys"]
    nix(*command, *options, settings["public_key"], *paths)
    with pytest.raises(CalledProcessError, match="status 2"):  # untrusted
        nix(*command, *options, "other:E4ZuuKNzKdcwh+h/PJzwOBFZp1a+KYWmHzdWD85n8rM=", *paths)


def test_paths_signed_by_an_upstream_key_stay_at_home(lab: Lab) -> None:
    path, key = built(lab.root), lab.root / "upstream.key"
    nix("nix-store", "--generate-binary-cache-key", "cache.nixos.org-1", str(key), f"{key}.pub")
    nix("nix", "store", "sign", "--key-file", str(key), path)
    observation = lab.push("--no-closure", "main", path)
    assert (observation.exit, observation.stderr) == (0, "✅ All done! (0 already cached, 1 in upstream)\n")


def test_a_public_cache_is_read_without_a_token(lab: Lab) -> None:
    assert lab.attic("cache", "create", "open", "--public", "--priority", "30").exit == 0
    path = probe()
    assert lab.push("open", path).exit == 0
    observation = lab.fetch(f"open/{hash_of(path)}.narinfo")
    assert "x-attic-cache-visibility: public" in observation.head
    assert lab.fetch("open/nix-cache-info").body == b"WantMassQuery: 1\nStoreDir: /nix/store\nPriority: 30\n"


def test_a_head_request_has_the_head_of_a_get(lab: Lab) -> None:
    address, token = f"main/{hash_of(lab.stored['small'])}.narinfo", new_token(READ_ONLY)
    get, head = lab.fetch(address, token=token), lab.fetch(address, token=token, head=True)
    assert head_form(get.head) == head_form(head.head)
    assert (len(get.body) > 0, head.body) == (True, b"")


def test_a_head_request_for_chunks_says_nothing_of_a_body(lab: Lab) -> None:
    observation = lab.fetch(f"main/nar/{hash_of(lab.stored['large'])}.nar", token=new_token(READ_ONLY), head=True)
    assert head_form(observation.head) == ["HTTP/1.1 200 OK\ncontent-type: application/x-nix-nar\ndate: TIME"]


def test_logging_in_writes_a_file_for_its_owner_only(lab: Lab) -> None:
    env = {**os.environ, "XDG_CONFIG_HOME": str(lab.root / "fresh"), "ATTIC_LOGIN_TOKEN": new_token(ALL_RIGHTS)}
    observation = lab.attic("login", "lab", lab.url, "--set-default", env=env)
    assert observation == replace(observation, exit=0, stdout="", stderr='✍️ Configuring server "lab"\n')
    assert (lab.root / "fresh" / "attic" / "config.toml").stat().st_mode & 0o777 == 0o600
    assert "Nothing specified" in lab.push("main", env=env).stderr
