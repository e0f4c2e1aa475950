"""Narinfos that lead on or not, and many reads under one deadline."""

import random
import threading

import pytest

from gate import limits
from gate.clock import SystemClock
from gate.errors import RefusedError
from gate.model.basics import Label, Secret
from gate.net import HostList
from gate.observe.nar_bodies import Access, NarTarget, read_bodies
from gate.process import CancelToken
from tests.unit.observe.nar_reading import HASH, NAR, PATH, TOKEN, WHOLE, ZSTD, body, cache, measured, narinfo, read
from tests.unit.observe.raw_http import Request, nar_of, serving


@pytest.mark.parametrize(
    "info",
    [
        narinfo(url="nar/../../etc.nar"),
        narinfo(url="http://127.0.0.1:1/x.nar"),
        narinfo(url="//127.0.0.1:1/x.nar"),
        narinfo(url=f"nar/{'0' * 32}.nar"),
        narinfo()[:-1],
        narinfo() + narinfo(),
        b"<html>sign in</html>",
        b"",
    ],
)
def test_narinfo_that_does_not_allow_it_leads_to_no_body(info: bytes) -> None:
    with serving(cache(lambda request: request.answer(200, ZSTD), info)) as server:
        record = read(server)
    assert (record.narinfo.status, record.narinfo.error, record.nar) == (200, None, None)
    assert record.narinfo.body == info.decode()
    assert server.paths() == [f"/main/{HASH}.narinfo"]


def test_absent_narinfo_is_recorded_as_answered() -> None:
    text = b'{"code":404,"error":"NoSuchObject","message":"The requested object does not exist."}'
    with serving(cache(lambda request: None, lambda request: request.answer(404, text))) as server:
        record = read(server)
    assert (record.narinfo.status, record.narinfo.error, record.narinfo.body) == (404, None, text.decode())
    assert record.nar is None


def test_redirected_narinfo_is_not_followed_and_its_query_not_kept() -> None:
    with serving(cache(lambda request: None, lambda request: request.answer(307, Location="/in?key=abc"))) as server:
        record = read(server)
    assert (record.narinfo.status, record.narinfo.location, record.nar) == (307, "/in", None)
    assert len(server.requests) == 1


def test_narinfo_that_never_ends_is_cut() -> None:
    with serving(cache(lambda request: None, b"x" * (limits.NARINFO_BYTES + 1))) as server:
        record = read(server)
    assert (record.narinfo.error, record.narinfo.body_cut, record.nar) == ("too-large", True, None)
    assert len(record.narinfo.body) == limits.NARINFO_BYTES


def test_cut_narinfo_is_not_parsed() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(narinfo()) + 1)
    with serving(cache(lambda request: None, lambda request: request.raw(head + narinfo(), close=True))) as server:
        record = read(server)
    assert (record.narinfo.status, record.narinfo.error, record.narinfo.body_cut) == (None, "cut", True)
    assert record.nar is None


def test_dead_server_is_a_record_that_says_so() -> None:
    with serving(lambda request: None) as server:
        pass
    record = read(server)
    assert (record.narinfo.status, record.narinfo.error, record.nar) == (None, "connect", None)


# ------------------------------------------------------------------------------------------------- time and counting


def test_slow_body_ends_as_timed_out() -> None:
    def slow(request: Request) -> None:
        request.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
        request.drip(ZSTD[:200], 0.1)

    with serving(cache(slow)) as server:
        nar = body(server, low_speed_seconds=1)
    assert (nar.status, nar.curl, nar.error) == (200, 28, "timeout")
    assert 0 < nar.wire_bytes < 200


def test_body_has_its_own_deadline() -> None:
    with serving(cache(lambda request: request.drip(b"HTTP/1.1 200", 0.1))) as server:
        nar = body(server, body_seconds=0.3)
    assert (nar.status, nar.curl, nar.error) == (None, 28, "timeout")


class JumpingClock(SystemClock):
    """A clock that can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


def test_deadline_between_narinfo_and_body_leaves_the_body_unasked() -> None:
    clock = JumpingClock()

    def info(request: Request) -> None:
        clock.ahead = 1000.0
        request.answer(200, narinfo())

    with serving(cache(lambda request: request.answer(200, ZSTD), info)) as server:
        nar = body(server, clock=clock)
    assert (nar.status, nar.curl, nar.error, nar.hops, nar.sha256) == (None, 0, "timeout", (), None)
    assert server.paths() == [f"/main/{HASH}.narinfo"]


def targets(count: int) -> list[NarTarget]:
    rng = random.Random(count)
    hashes = ["".join(rng.choices("0123456789abcdfghijklmnpqrsvwxyz", k=32)) for _ in range(count)]
    return [
        NarTarget(label=Label.TWIN, cache="main", store_path=f"/nix/store/{part}-t", nar_size=len(NAR))
        for part in hashes
    ]


def any_path(request: Request) -> None:
    part = request.path.rpartition("/")[2].partition(".")[0]
    if request.path.endswith(".narinfo"):
        request.answer(200, narinfo(url=f"nar/{part}.nar", path=f"/nix/store/{part}-t"))
    else:
        request.answer(200, ZSTD)


def test_many_paths_are_each_read_once_over_few_connections() -> None:
    request = targets(60)
    with serving(any_path) as server:
        access = Access(cache_url=f"{server.url}/main", token=TOKEN, hosts=HostList([server.host], [server.host]))
        records = list(
            read_bodies(
                request, access=access, jobs=4, deadline_seconds=30.0, cancel=CancelToken(), clock=SystemClock()
            )
        )
    assert sorted(record.store_path for record in records) == sorted(target.store_path for target in request)
    assert all(record.nar is not None and measured(record.nar) == WHOLE for record in records)
    assert len(server.requests) == 120
    assert server.connections == 4


def test_cancelled_reading_just_ends() -> None:
    cancel = CancelToken()
    with serving(any_path) as server:
        access = Access(cache_url=f"{server.url}/main", token=TOKEN, hosts=HostList([server.host], [server.host]))
        records = []
        for record in read_bodies(
            targets(20), access=access, jobs=1, deadline_seconds=30.0, cancel=cancel, clock=SystemClock()
        ):
            records.append(record)
            cancel.cancel("enough")
    assert len(records) == 1


def test_a_large_body_that_is_cancelled_leaves_no_thread() -> None:
    cancel = CancelToken()
    large = nar_of(random.Random(9).randbytes(4_000_000))
    came = 0
    measuring: set[threading.Thread] = set()

    def part(request: Request) -> None:  # the rest never comes
        request.raw(f"HTTP/1.1 200 X\r\nContent-Length: {len(large) + 1}\r\n\r\n".encode() + large)

    def tap(piece: bytes) -> None:
        nonlocal came
        came += len(piece)
        if came > 3_500_000:
            measuring.update(thread for thread in threading.enumerate() if thread.name == "nar")
            cancel.cancel("enough")

    with serving(cache(part, narinfo(codec="none", size=len(large)))) as server:
        access = Access(cache_url=f"{server.url}/main", token=TOKEN, hosts=HostList([server.host], [server.host]))
        asked = NarTarget(label=Label.PROFILE, cache="main", store_path=PATH, nar_size=len(large) + 1)
        assert not list(
            read_bodies([asked], access=access, deadline_seconds=30.0, cancel=cancel, clock=SystemClock(), tap=tap)
        )
    assert len(measuring) == 1
    assert not any(thread.is_alive() for thread in measuring)


def test_what_the_deadline_leaves_is_recorded_as_timed_out() -> None:
    def slow(request: Request) -> None:
        request.drip(b"HTTP/1.1 200 OK" * 9, 0.05)

    with serving(slow) as server:
        access = Access(cache_url=f"{server.url}/main", token=TOKEN, hosts=HostList([server.host], [server.host]))
        records = list(
            read_bodies(
                targets(5), access=access, jobs=2, deadline_seconds=0.4, cancel=CancelToken(), clock=SystemClock()
            )
        )
    assert [(record.narinfo.status, record.narinfo.error, record.nar) for record in records] == [
        (None, "timeout", None)
    ] * 5
    assert len({record.store_path for record in records}) == 5


def test_no_targets_no_records() -> None:
    access = Access(cache_url="https://cache.example/main", token=None, hosts=HostList(["cache.example"]))
    assert not list(read_bodies([], access=access, deadline_seconds=1.0, cancel=CancelToken(), clock=SystemClock()))


@pytest.mark.parametrize(
    ("cache_url", "token", "told"),
    [
        ("http://cache.example/main", TOKEN, "plain-http"),
        ("ftp://cache.example/main", TOKEN, "expected http"),
        ("https://user:word@cache.example/main", TOKEN, "expected http"),
        ("https://other.example/main", TOKEN, "allowed host"),
        ("https://cache.example/main?x=1", TOKEN, "expected http"),
        ("https://cache.example/main", Secret("two\r\nlines"), "no HTTP header"),
        ("https://cache.example/main", Secret(""), "no HTTP header"),
    ],
)
def test_what_can_not_be_used_is_refused(cache_url: str, token: Secret, told: str) -> None:
    access = Access(cache_url=cache_url, token=token, hosts=HostList(["cache.example"]))
    with pytest.raises(RefusedError, match=told) as refused:
        list(read_bodies(targets(1), access=access, deadline_seconds=1.0, cancel=CancelToken(), clock=SystemClock()))
    assert "two" not in str(refused.value)
