"""Chunks from a store that lies, fails and refuses: what is called absent or corrupt, and what stays unknown."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256

import pytest

from gate.clock import SystemClock
from gate.model.audit import ChunkPlace, ChunkState
from gate.model.basics import Secret
from gate.net import HostList
from gate.observe.chunk_objects import ChunkReader, ChunkSource, StoreStoppedError
from gate.observe.request_rate import RateLimit
from gate.parse.audit_files import ChunkClaim
from gate.process import CancelToken
from tests.helpers.scripted_s3 import error
from tests.unit.observe.raw_http import Request, serving

BODY = b"the bytes of a chunk"
HASH = f"sha256:{sha256(BODY).hexdigest()}"
CLOCK = SystemClock()
Answer = Callable[[Request], None]


def answer(status: int, body: bytes, **headers: str) -> Answer:
    return lambda request: request.answer(status, body, **{"ETag": '"1"', **headers})


@contextmanager
def reading(answers: Answer | list[Answer], cancel: CancelToken | None = None) -> Iterator[ChunkReader]:
    script = answers if isinstance(answers, list) else [answers]
    count = 0

    def handle(request: Request) -> None:
        nonlocal count
        count += 1
        script[min(count, len(script)) - 1](request)

    with serving(handle) as server:
        host = server.url.removeprefix("http://").rstrip("/")
        source = ChunkSource(
            endpoint=f"http://{host}",
            access_key_id=Secret("AKIAEXAMPLE"),
            secret_access_key=Secret("very/secret+key"),
            session_token=Secret("session"),
            hosts=HostList([host], [host]),
            places=(ChunkPlace(region="us-east-1", bucket="attic"),),
        )
        with ChunkReader(source, RateLimit(0, 0, CLOCK), clock=CLOCK, cancel=cancel or CancelToken(), jobs=1) as reader:
            yield reader


def claim(file_hash: str | None = HASH) -> ChunkClaim:
    return ChunkClaim(7, 0, "0e1b.chunk", HASH, file_hash, len(BODY))


def state(answers: Answer | list[Answer], file_hash: str | None = HASH) -> ChunkState:
    with reading(answers) as reader:
        rows = reader.read([claim(file_hash)])
        return rows[0].state if rows else ChunkState.WHOLE


WHOLE = answer(200, BODY)
ABSENT = answer(404, error("NoSuchKey"))


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (WHOLE, ChunkState.WHOLE),
        (ABSENT, ChunkState.ABSENT),
        (answer(404, b"<html>not found</html>"), ChunkState.UNREAD),
        (answer(404, b""), ChunkState.UNREAD),
        (answer(200, BODY[:-1] + b"!"), ChunkState.CORRUPT),
        (answer(200, b""), ChunkState.CORRUPT),
        (answer(200, BODY * 5000), ChunkState.CORRUPT),
        (lambda request: request.answer(200, b"<html>a portal</html>"), ChunkState.UNREAD),
        (answer(503, error("SlowDown")), ChunkState.UNREAD),
        (answer(302, b"", Location="http://127.0.0.1:1/"), ChunkState.UNREAD),
        ([answer(503, error("SlowDown")), WHOLE], ChunkState.WHOLE),
        ([ABSENT, ABSENT], ChunkState.ABSENT),
        ([ABSENT, answer(503, b"")], ChunkState.ABSENT),
        ([answer(503, b""), answer(500, b""), ABSENT], ChunkState.ABSENT),
        ([answer(200, b"other"), answer(503, b"")], ChunkState.UNREAD),
        ([answer(503, b""), answer(500, b""), answer(200, b"other")], ChunkState.UNREAD),
        ([answer(200, b"other"), answer(503, b""), answer(200, b"other")], ChunkState.CORRUPT),
        ([ABSENT, answer(200, b"other")], ChunkState.FLAPPING),
        ([answer(200, b"one"), answer(200, b"two")], ChunkState.FLAPPING),
        ([ABSENT, WHOLE], ChunkState.FLAPPING),
    ],
    ids=[str(number) for number in range(20)],
)
def test_what_an_answer_says_of_a_chunk(answers: Answer | list[Answer], expected: ChunkState) -> None:
    assert state(answers) is expected


def test_a_chunk_without_a_hash_in_the_database_stays_unread() -> None:
    assert state(WHOLE, file_hash=None) is ChunkState.UNREAD


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (answer(404, error("NoSuchBucket")), "has no bucket attic"),
        (answer(403, error("AccessDenied")), "answers 403 AccessDenied"),
        (answer(400, error("InvalidRequest")), "answers 400 InvalidRequest"),
    ],
)
def test_what_is_wrong_with_the_whole_store_stops_the_shard(answers: Answer, reason: str) -> None:
    with reading(answers) as reader, pytest.raises(StoreStoppedError, match=reason):
        reader.read([claim()] * 3)


def test_a_store_that_fails_for_many_stops_the_shard() -> None:
    with reading(answer(500, b"")) as reader, pytest.raises(StoreStoppedError, match="could not be read"):
        reader.read([claim()] * 3)


def test_a_cancelled_shard_says_nothing_of_its_block() -> None:
    cancel = CancelToken()
    cancel.cancel("signal SIGTERM")
    with reading(WHOLE, cancel) as reader, pytest.raises(StoreStoppedError, match="SIGTERM"):
        reader.read([claim()])


def test_each_request_is_signed_and_neither_key_nor_token_is_in_its_address() -> None:
    requests: list[Request] = []

    def keep(request: Request) -> None:
        requests.append(request)
        WHOLE(request)

    with reading(keep) as reader:
        assert reader.read([claim()]) == []
    headers = {name.lower(): text for name, text in requests[0].headers.items()}
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/")
    assert headers["x-amz-security-token"] == "session"
    assert requests[0].path == "/attic/0e1b.chunk"


class Time:
    """A clock that a test moves."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def test_the_rate_is_never_above_its_limit_and_halves_when_the_store_is_overloaded() -> None:
    time = Time()
    rate = RateLimit(100, 0, time)  # type: ignore[arg-type]  # the one method that it asks

    def granted(seconds: float) -> int:
        end, count = time.seconds + seconds, 0
        while time.seconds < end:
            count += rate.take(1)
            time.seconds += 0.001
        return count

    assert 990 <= granted(10) <= 1026
    rate.overloaded()
    rate.overloaded()
    assert rate.factor == 0.5
    assert granted(10) <= 526
    rate.healthy()
    time.seconds += 60
    rate.healthy()
    assert rate.factor == pytest.approx(0.55)


def test_a_limit_of_bytes_is_waited_for() -> None:
    time = Time()
    rate = RateLimit(0, 1000, time)  # type: ignore[arg-type]  # as above
    assert rate.take(5000)
    assert not rate.take(1)
    assert 4 < rate.wait_seconds() < 5
