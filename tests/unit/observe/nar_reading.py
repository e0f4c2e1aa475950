"""Reads of one path from a scripted cache, for the tests of bodies."""

import hashlib
import random
from collections.abc import Callable

import zstandard

from gate.clock import SystemClock
from gate.model.basics import Label, Secret
from gate.model.bodies import NarRead
from gate.model.records import BodyRead
from gate.net import HostList
from gate.observe.nar_bodies import Access, NarTarget, read_bodies
from gate.parse.store_path import to_nix32
from gate.process import CancelToken
from tests.unit.observe.raw_http import RawServer, Request, nar_of, serving

HASH = "0c5b8vw40dy178xlpddw65q9gf1h2186"
PATH = f"/nix/store/{HASH}-thing"
TOKEN = Secret("eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl")
NAR = nar_of(random.Random(7).randbytes(100_000))
SHA256 = to_nix32(hashlib.sha256(NAR).digest())
ZSTD = zstandard.compress(NAR)
SIGNED = "X-Amz-Credential=AKIAEXAMPLE%2F20261123%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=" + "5e" * 32


def narinfo(*, url: str = f"nar/{HASH}.nar", codec: str = "zstd", size: int = len(NAR), path: str = PATH) -> bytes:
    return (
        f"StorePath: {path}\nURL: {url}\nCompression: {codec}\nNarHash: sha256:{SHA256}\nNarSize: {size}\n"
        f"References: \nSig: main:{'A' * 86}==\n"
    ).encode()


def cache(
    nar: Callable[[Request], None], info: Callable[[Request], None] | bytes | None = None
) -> Callable[[Request], None]:
    """A server of one path: ``nar`` answers for the body, ``info`` for the narinfo (bytes: as a 200)."""

    def handler(request: Request) -> None:
        if not request.path.endswith(".narinfo"):
            nar(request)
        elif callable(info):
            info(request)
        else:
            request.answer(200, narinfo() if info is None else info, Content_Type="text/x-nix-narinfo")

    return handler


def read(server: RawServer, *more_hosts: str, **choices: object) -> BodyRead:
    bounds = {
        name: choices.pop(name) for name in ("deadline_seconds", "jobs", "attempt", "clock", "tap") if name in choices
    }
    hosts = (server.host, *more_hosts)
    size = choices.pop("nar_size", len(NAR))
    access = {"cache_url": f"{server.url}/main", "token": TOKEN, "hosts": HostList(hosts, hosts), **choices}
    (record,) = read_bodies(
        [NarTarget(label=Label.PROFILE, cache="main", store_path=PATH, nar_size=size)],  # type: ignore[arg-type]  # a test's choice
        access=Access(**access),  # type: ignore[arg-type]  # a test's choices
        cancel=CancelToken(),
        **{"deadline_seconds": 20.0, "clock": SystemClock(), **bounds},  # type: ignore[arg-type]  # the same
    )
    return record


def body(server: RawServer, *more_hosts: str, **choices: object) -> NarRead:
    record = read(server, *more_hosts, **choices)
    assert record.narinfo.status == 200
    assert record.nar is not None
    return record.nar


def served(data: bytes, codec: str = "zstd") -> NarRead:
    with serving(cache(lambda request: request.answer(200, data), narinfo(codec=codec))) as server:
        return body(server)


def measured(nar: NarRead) -> tuple[int | None, int, str | None, int, bool, bool]:
    return nar.status, nar.curl, nar.error, nar.nar_bytes, nar.sha256 == SHA256, nar.clean_end


WHOLE = (200, 0, None, len(NAR), True, True)
