"""Attic's own word, and the controls that must fire, over a scripted server."""

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import zstandard

from gate.clock import SystemClock
from gate.model.basics import Label, Secret, Truth
from gate.net import HostList, Http
from gate.observe.attic import AtticApi
from gate.observe.controls import (
    absent_path_is_404,
    bit_flip_caught,
    flip_is_caught,
    no_token_read,
    read_only_push_denied,
)
from gate.observe.nar_bodies import Access, NarTarget
from gate.parse.attic_json import parse_missing_paths
from gate.parse.store_path import to_nix32
from gate.process import CancelToken
from tests.unit.observe.raw_http import RawServer, Request, nar_of, serving

TOKEN = Secret("eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl")
HASH = "0c5b8vw40dy178xlpddw65q9gf1h2186"
PATH = f"/nix/store/{HASH}-thing"
NAR = nar_of(random.Random(7).randbytes(16_000))
SHA256 = to_nix32(hashlib.sha256(NAR).digest())

# As recorded (recordings/attic/get-missing-paths-*, narinfo-missing)
UNAUTHORIZED = (401, b'{"code":401,"error":"Unauthorized","message":"Unauthorized."}')
FORBIDDEN = (403, b'{"code":403,"error":"AccessError","message":"Access error: User does not have permission"}')
ABSENT = (404, b'{"code":404,"error":"NoSuchObject","message":"The requested object does not exist."}')
NO_CACHE = (404, b'{"code":404,"error":"NoSuchCache","message":"The requested cache does not exist."}')
PAGE = (403, b"<html>Forbidden by the proxy</html>")
INFO = (200, b"WantMassQuery: 1\nStoreDir: /nix/store\nPriority: 41\n")
MISSING = (200, b'{"missing_paths":[]}')


Api = Callable[[RawServer], AtticApi]


@pytest.fixture
def api() -> Iterator[Api]:
    with ExitStack() as stack:

        def make(server: RawServer) -> AtticApi:
            http = stack.enter_context(Http([server.host], [server.host], clock=SystemClock()))
            return AtticApi(http, f"{server.url}/")

        yield make


def always(answer: tuple[int, bytes]) -> Callable[[Request], None]:
    return lambda request: request.answer(*answer)


def test_cache_config_is_asked_with_the_token_and_kept_whole(api: Api) -> None:
    text = b'{"public_key":"main:x","is_public":false}'
    with serving(always((200, text))) as server:
        observation = api(server).cache_config("main", TOKEN)
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", "/_api/v1/cache-config/main")
    assert request.headers["authorization"] == f"Bearer {TOKEN.reveal()}"
    assert (observation.cache, observation.answer.status, observation.answer.body) == ("main", 200, text.decode())
    assert observation.answer.url == f"{server.url}/_api/v1/cache-config/main"


def test_missing_paths_are_asked_by_hash_and_their_answer_is_kept_whole(api: Api) -> None:
    hashes = [f"{number:032d}" for number in range(5000)]
    text = json.dumps({"missing_paths": hashes}).encode()
    with serving(always((200, text))) as server:
        requests = api(server).missing_paths("main", TOKEN, [f"/nix/store/{part}-x" for part in hashes], Label.TWIN)
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/_api/v1/get-missing-paths")
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {"cache": "main", "store_path_hashes": hashes}
    assert (requests.label, requests.cache, requests.answer.status, requests.answer.body_cut) == (
        Label.TWIN,
        "main",
        200,
        False,
    )
    assert parse_missing_paths(requests.answer.body.encode()) == frozenset(hashes)


def test_no_token_no_credential(api: Api) -> None:
    with serving(always(UNAUTHORIZED)) as server:
        observation = api(server).cache_config("main", None)
    assert "authorization" not in server.requests[0].headers
    assert observation.answer.status == 401


def test_token_that_the_server_repeats_is_not_kept(api: Api) -> None:
    with serving(lambda request: request.answer(500, request.headers["authorization"].encode())) as server:
        observation = api(server).cache_config("main", TOKEN)
    assert TOKEN.reveal() not in repr(observation)


def test_dead_server_is_a_record(api: Api) -> None:
    with serving(always(INFO)) as server:
        attic = api(server)
    request = attic.missing_paths("main", TOKEN, [PATH], Label.PROFILE)
    assert (request.answer.status, request.answer.error) == (None, "connect")


@pytest.mark.parametrize(
    ("answer", "fired", "got"),
    [
        (UNAUTHORIZED, Truth.PRESENT, "401 Unauthorized"),
        (FORBIDDEN, Truth.PRESENT, "403 AccessError"),
        (INFO, Truth.ABSENT, "200"),
        (PAGE, Truth.UNKNOWN, "403"),
        (NO_CACHE, Truth.UNKNOWN, "404 NoSuchCache"),
        ((500, b"{}"), Truth.UNKNOWN, "500"),
        ((307, b""), Truth.UNKNOWN, "307"),
    ],
)
def test_no_token_control(api: Api, answer: tuple[int, bytes], fired: Truth, got: str) -> None:
    with serving(always(answer)) as server:
        tried = no_token_read(api(server), "main")
    assert (tried.name, tried.fired, tried.got) == ("no-token-denied", fired, got)
    assert server.paths() == ["/main/nix-cache-info"]
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("answer", "fired", "got"),
    [
        (UNAUTHORIZED, Truth.PRESENT, "401 Unauthorized"),
        (FORBIDDEN, Truth.PRESENT, "403 AccessError"),
        (MISSING, Truth.ABSENT, "200"),
        (PAGE, Truth.UNKNOWN, "403"),
        ((502, b"bad gateway"), Truth.UNKNOWN, "502"),
    ],
)
def test_read_only_control(api: Api, answer: tuple[int, bytes], fired: Truth, got: str) -> None:
    with serving(always(answer)) as server:
        tried = read_only_push_denied(api(server), "main", TOKEN)
    assert (tried.name, tried.fired, tried.got) == ("read-only-push-denied", fired, got)
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/_api/v1/get-missing-paths")
    assert json.loads(request.body) == {"cache": "main", "store_path_hashes": []}


def test_read_only_control_needs_a_read_token(api: Api) -> None:
    with serving(always(MISSING)) as server:
        tried = read_only_push_denied(api(server), "main", None)
    assert (tried.fired, tried.got, server.requests) == (Truth.UNKNOWN, "there is no read token", [])


@pytest.mark.parametrize(
    ("answer", "fired", "got"),
    [
        (ABSENT, Truth.PRESENT, "404 NoSuchObject"),
        (INFO, Truth.ABSENT, "200"),
        (NO_CACHE, Truth.UNKNOWN, "404 NoSuchCache"),
        ((404, b"not here"), Truth.UNKNOWN, "404"),
        (UNAUTHORIZED, Truth.UNKNOWN, "401 Unauthorized"),
    ],
)
def test_absent_control(api: Api, answer: tuple[int, bytes], fired: Truth, got: str) -> None:
    with serving(always(answer)) as server:
        attic = api(server)
        tried = absent_path_is_404(attic, "main", TOKEN)
        absent_path_is_404(attic, "main", TOKEN)
    assert (tried.name, tried.fired, tried.got) == ("absent-path-404", fired, got)
    assert all(re.fullmatch(r"/main/[0-9a-df-np-sv-z]{32}\.narinfo", path) for path in server.paths())
    assert len(set(server.paths())) == 2


def test_controls_on_a_dead_server_are_unknown(api: Api) -> None:
    with serving(always(INFO)) as server:
        attic = api(server)
    for tried in (
        no_token_read(attic, "main"),
        read_only_push_denied(attic, "main", TOKEN),
        absent_path_is_404(attic, "main", TOKEN),
    ):
        assert (tried.fired, tried.got) == (Truth.UNKNOWN, "no answer (connect)")


# --------------------------------------------------------------------------------------------------------- bit flips


def one_path(wire: bytes, codec: str) -> Callable[[Request], None]:
    info = (
        f"StorePath: {PATH}\nURL: nar/{HASH}.nar\nCompression: {codec}\nNarHash: sha256:{SHA256}\nNarSize: {len(NAR)}\n"
        "References: \n"
    ).encode()
    return lambda request: request.answer(200, info if request.path.endswith(".narinfo") else wire)


@pytest.mark.parametrize(
    ("wire", "codec", "fired", "got"),
    [
        (zstandard.compress(NAR), "zstd", Truth.PRESENT, "another hash or no NAR at all"),
        (NAR, "none", Truth.PRESENT, "another hash or no NAR at all"),
        (NAR[:-1], "none", Truth.UNKNOWN, "can't be read back whole"),
        (nar_of(bytes(16_000)), "none", Truth.UNKNOWN, "can't be read back whole"),
    ],
)
def test_bit_flip_control(wire: bytes, codec: str, fired: Truth, got: str) -> None:
    with serving(one_path(wire, codec)) as server:
        tried = bit_flip_caught(
            NarTarget(label=Label.CANARY, cache="main", store_path=PATH, nar_size=len(NAR)),
            sha256=SHA256,
            access=Access(cache_url=f"{server.url}/main", token=TOKEN, hosts=HostList([server.host], [server.host])),
            deadline_seconds=20.0,
            cancel=CancelToken(),
            clock=SystemClock(),
        )
    assert (tried.name, tried.fired) == ("bit-flip-caught", fired)
    assert got in tried.got
    assert len(server.requests) == 2


def test_flip_that_changes_nothing_is_not_caught() -> None:
    # Bit 4 of the byte after zstd's magic number is unused: decoders must ignore it (RFC 8878 3.1.1.1.1.3).
    wire = zstandard.compress(NAR)
    unused = 8 * 4 + 4
    assert flip_is_caught(wire, unused, codec="zstd", nar_size=len(NAR), sha256=SHA256) is Truth.ABSENT


def test_every_flip_of_an_uncompressed_body_is_caught() -> None:
    nar = nar_of(b"few bytes")
    sha256 = to_nix32(hashlib.sha256(nar).digest())
    for at in range(8 * len(nar)):
        assert flip_is_caught(nar, at, codec="none", nar_size=len(nar), sha256=sha256) is Truth.PRESENT, at
