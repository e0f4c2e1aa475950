"""The stand-in of atticd without its sockets: what a real one, built from its source, answered to the same."""

import io
import json
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

import jwt
import pytest
import zstandard

from gate.lab.attic.access import Caller, Permission, TokenKey, caller
from gate.lab.attic.chunks import ChunkStore
from gate.lab.attic.config import load
from gate.lab.attic.endpoints import JSON_BYTES, Endpoints
from gate.lab.attic.errors import RejectedError, ServerError
from gate.lab.attic.replies import ApiRequest, Reply
from gate.lab.attic.store import CacheRow, Database, NewObject
from gate.lab.attic.tracelog import TraceLog
from gate.lab.attic.uploads import NarReceiver
from gate.parse.server_log import parse_server_log

SECRET = b"a secret of the lab, 32 bytes or more"
CLAIM = "https://jwt.attic.rs/v1"
KEY = TokenKey("HS256", SECRET)
JSON = {"content-type": "application/json"}
HASH = "0" * 32
SETTINGS = f"""
listen = "127.0.0.1:1"
[database]
url = "sqlite://{{folder}}/server.db?mode=rwc"
[storage]
type = "s3"
region = "us-east-1"
bucket = "attic"
endpoint = "http://127.0.0.1:9"
[storage.credentials]
access_key_id = "key"
secret_access_key = "secret"
[chunking]
nar-size-threshold = 65536
avg-size = 65536
[jwt.signing]
token-hs256-secret-base64 = "{"QUFB" * 16}"
"""
NEW_CACHE = {
    "keypair": "Generate",
    "is_public": False,
    "store_dir": "/nix/store",
    "priority": 41,
    "upstream_cache_key_names": [],
}
CACHE_ROW = CacheRow(
    id=1,
    name="main",
    keypair="main:key",
    is_public=False,
    store_dir="/nix/store",
    priority=41,
    upstream_cache_key_names=(),
    retention_period=None,
)
NEW = NewObject(
    store_path_hash=HASH,
    store_path=f"/nix/store/{HASH}-x",
    references=(),
    system=None,
    deriver=None,
    sigs=(),
    ca=None,
    nar_hash="",
    nar_size=0,
)
EVERYTHING = Caller("lab", {"*": Permission(pull=True, push=True, create_cache=True, configure_cache=True)})
Ask = Callable[..., Reply]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Ask one server's endpoints, with every right; it has the cache ``main``, and no test changes that."""
    folder = tmp_path_factory.mktemp("atticd")
    (folder / "server.toml").write_text(SETTINGS.format(folder=folder))
    endpoints = Endpoints(load(folder / "server.toml"), TraceLog(io.StringIO(), coloured=False))

    def one(
        method: str, path: str, body: object = b"", headers: Mapping[str, str] = JSON, who: Caller = EVERYTHING
    ) -> Reply:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = ApiRequest(method=method, target=path, headers=headers, body=text, caller=who, task=1)
        return endpoints.answer(request, path)

    assert one("POST", "/_api/v1/cache-config/main", NEW_CACHE).status is HTTPStatus.OK
    return one


# --- tokens


def rights_on(cache: str, caches: Mapping[str, Any]) -> Permission:
    claims = {"sub": "lab", "exp": int(time.time()) + 600, CLAIM: {"caches": caches}}
    return caller(f"bearer {jwt.encode(claims, SECRET, 'HS256')}", KEY).permission(cache)


@pytest.mark.parametrize(
    ("caches", "pull"),
    [
        ({"main": {"r": 1}}, True),
        ({"main": {"r": 0}}, False),
        ({"m*": {"r": 1}}, True),
        ({"*": {"r": 1}, "main": {"w": 1}}, False),  # an exact entry wins
        ({"main": {"r": 1, "zz": 5}}, True),  # a right that Attic does not know may be anything
        ({"main": {"r": True}}, False),  # the number 1, and not `true`
        ({"main": {"r": 1, "w": 2}}, False),
        ({"mai?": {"r": 1}}, False),  # "*" is the one wildcard
        ({"main": {"r": 1}, "-bad": {"r": 1}}, False),  # one bad name spoils the token
    ],
)
def test_a_token_grants_what_the_real_server_reads_out_of_it(caches: Mapping[str, Any], pull: bool) -> None:
    assert rights_on("main", caches).pull is pull


# --- what is refused before the caller's rights are looked at


MISSING, CACHE = "/_api/v1/get-missing-paths", "/_api/v1/cache-config/"
NOT_JSON = r"Expected request with `Content-Type: application/json`"
UNFIT = r"Failed to deserialize the JSON body into the target type: "


@pytest.mark.parametrize("who", [EVERYTHING, Caller()])
@pytest.mark.parametrize(
    ("question", "status", "text"),
    [
        (("POST", MISSING, {}, {}), 415, NOT_JSON),
        (("POST", MISSING, {}, {"content-type": "text/json"}), 415, NOT_JSON),
        (("POST", MISSING, b"{"), 400, r"Failed to parse the request body as JSON: .*"),
        (("POST", MISSING, {"cache": "main"}), 422, UNFIT + "missing field `store_path_hashes`"),
        (("POST", MISSING, {"cache": "-x", "store_path_hashes": []}), 422, UNFIT + ".*"),
        (("POST", MISSING, {"cache": "main", "store_path_hashes": ["short"]}), 422, UNFIT + ".*"),
        (("POST", MISSING, b" " * (JSON_BYTES + 1)), 413, r"Failed to buffer the request body: length limit exceeded"),
        (("POST", f"{CACHE}new", {"keypair": "Generate"}), 422, UNFIT + "missing field `is_public`"),
        (("POST", f"{CACHE}new", []), 422, UNFIT + ".*"),
        (("POST", f"{CACHE}-bad", NEW_CACHE), 400, r'Invalid URL: Invalid cache name "-bad"'),
        (("PATCH", f"{CACHE}main", b"", {}), 415, NOT_JSON),
    ],
)
def test_axum_refuses_in_plain_text_whoever_asks(
    ask: Ask, question: tuple[Any, ...], status: int, text: str, who: Caller
) -> None:
    with pytest.raises(RejectedError) as refused:
        ask(*question, who=who)
    assert refused.value.status == status
    assert re.fullmatch(text, refused.value.text)


@pytest.mark.parametrize("kind", ["APPLICATION/JSON", "application/json; charset=utf-8", "application/vnd.api+json"])
def test_json_may_be_called_so_in_several_ways(ask: Ask, kind: str) -> None:
    question = {"cache": "main", "store_path_hashes": [HASH]}
    answer = ask("POST", "/_api/v1/get-missing-paths", question, {"content-type": kind})
    assert json.loads(answer.body) == {"missing_paths": [HASH]}


@pytest.mark.parametrize("file", [f"{HASH}.narinfo", f"nar/{HASH}.nar", "nix-cache-info"])
def test_a_name_that_no_cache_can_have_is_no_address(ask: Ask, file: str) -> None:
    with pytest.raises(RejectedError, match=r'^Invalid URL: Invalid cache name "bad\*name"$'):
        ask("GET", f"/bad*name/{file}")


# --- routes


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/main/nix-cache-info", "GET,HEAD"),
        ("POST", f"/main/{HASH}.narinfo", "GET,HEAD"),
        ("GET", "/_api/v1/get-missing-paths", "POST"),
        ("GET", "/_api/v1/upload-path", "PUT"),
    ],
)
def test_another_verb_is_told_the_right_ones(ask: Ask, method: str, path: str, allowed: str) -> None:
    answer = ask(method, path)
    assert (answer.status, answer.headers) == (HTTPStatus.METHOD_NOT_ALLOWED, (("allow", allowed),))


def test_a_caches_settings_have_two_addresses(ask: Ask) -> None:
    headers = {"host": "cache.example", "x-forwarded-proto": "https"}
    answers = [ask("GET", path, headers=headers) for path in ("/_api/v1/cache-config/main", "/main/attic-cache-info")]
    assert answers[0] == answers[1]
    assert json.loads(answers[0].body)["substituter_endpoint"] == "https://cache.example/main"


@pytest.mark.parametrize(
    ("size", "why"),
    [
        ("x", "X-Attic-Nar-Info-Preamble-Size must be a valid unsigned integer"),
        ("-1", "X-Attic-Nar-Info-Preamble-Size must be a valid unsigned integer"),
        ("1048577", "Upload info is too large"),
        ("5", "Upload info doesn't match specified size"),
    ],
)
def test_a_description_ahead_of_the_nar_must_be_as_long_as_it_says(ask: Ask, size: str, why: str) -> None:
    with pytest.raises(ServerError) as refused:
        ask("PUT", "/_api/v1/upload-path", b"four", {"x-attic-nar-info-preamble-size": size})
    assert json.loads(refused.value.body()) == {
        "code": 400,
        "error": "RequestError",
        "message": f"General request error: {why}",
    }


# --- uploads


class Bucket(ChunkStore):
    """A bucket in memory."""

    def __init__(self) -> None:
        self.held: list[bytes] = []

    def remote_file(self, key: str) -> str:
        return key

    remote_file_id = remote_file

    def put(self, key: str, data: bytes) -> None:
        self.held.append(zstandard.ZstdDecompressor().decompressobj().decompress(data))


@pytest.mark.parametrize("size", [2_000, 200_000])  # of one chunk, and of several
def test_what_follows_a_nar_is_looked_at_only_when_its_hash_is_known(tmp_path: Path, size: int) -> None:
    (tmp_path / "server.toml").write_text(SETTINGS.format(folder=tmp_path))
    store, bucket, nar = Database(tmp_path / "server.db", create=True), Bucket(), random.Random(size).randbytes(size)
    assert store.create_cache(CACHE_ROW)
    uploads = NarReceiver(store, bucket, load(tmp_path / "server.toml"))
    new = replace(NEW, nar_hash=f"sha256:{sha256(nar).hexdigest()}", nar_size=size)
    assert uploads.upload(CACHE_ROW, new, nar + b"tail", None)["kind"] == "Uploaded"
    assert sorted(bucket.held) == sorted(nar[at : at + 65536] for at in range(0, size, 65536))
    with pytest.raises(ServerError, match="Bad NAR Hash or Size"):
        uploads.upload(CACHE_ROW, new, nar + b"tail", None)
    assert uploads.upload(CACHE_ROW, new, nar, None)["kind"] == "Deduplicated"


# --- the log


def logged(*, coloured: bool) -> str:
    stream = io.StringIO()
    log = TraceLog(stream, coloured=coloured)
    log.common_error(log.request_trace("get_store_path_info", "GET", "/main/canary.narinfo", 98))
    log.stream_failed("service error: NoSuchKey: NoSuchKey")
    log.response_failed(500, 12)
    return stream.getvalue()


def test_the_log_is_coloured_as_the_real_servers_is() -> None:
    lines = [line for line in logged(coloured=True).split("\n") if "\x1b" in line]
    dim = "\x1b[2m{}\x1b[0m".format
    head = f"{dim('TIME')} \x1b[31mERROR\x1b[0m"
    failed = f"Stream error \x1b[3me\x1b[0m{dim('=')}Storage error: service error: NoSuchKey: NoSuchKey"
    answer = f"\x1b[3mclassification\x1b[0m{dim('=')}Status code: 500 Internal Server Error"
    slow = f"\x1b[3mlatency\x1b[0m{dim('=')}12 ms"
    assert [re.sub(r"\d{4}-[\d-]+T[\d:.]+Z", "TIME", line) for line in lines] == [
        f"{head} {dim('attic_server::error')}{dim(':')} Error from the common components.",
        f"{head} {dim('attic_server::api::binary_cache')}{dim(':')} {failed}",
        f"{head} {dim('tower_http::trace::on_failure')}{dim(':')} response failed {answer} {slow}",
    ]


def test_colours_are_all_that_a_coloured_log_has_more() -> None:
    plain, coloured = (re.sub(r"\d{4}-[\d-]+T[\d:.]+Z", "TIME", logged(coloured=on)) for on in (False, True))
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain


def test_the_gate_reads_the_same_events_out_of_both() -> None:
    plain, coloured = (
        [replace(row, at=None) for row in parse_server_log(logged(coloured=on).encode())] for on in (False, True)
    )
    assert plain == coloured
    assert [(row.target, row.code) for row in plain] == [
        ("attic_server::error", None),
        ("attic_server::api::binary_cache", "NoSuchKey"),
        ("tower_http::trace::on_failure", "HTTP 500"),
    ]
    assert plain[0].request == "GET /main/canary.narinfo"
