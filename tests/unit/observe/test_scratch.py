"""The scratch probe against a scripted S3: what it does, in which order, and that it cleans up whatever happens."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gate import limits
from gate.clock import SystemClock
from gate.errors import RefusedError
from gate.judge.scratch import judge_scratch
from gate.model.basics import Secret, Status, Truth
from gate.model.operators import ScratchSeen
from gate.model.records import HttpAnswer
from gate.net import Http
from gate.observe.s3 import S3
from gate.observe.scratch import Door, probe_scratch, scratch_bucket
from gate.process import CancelToken
from tests.helpers.scripted_s3 import BUCKETS, answering, error, listing, objects, store
from tests.unit.observe.raw_http import Request

NONCE = "00000000000000ff"
NAME = f"publication-gate-scratch-{NONCE}"


WAIT = 60  # seconds for what comes at once


def named(request: Request) -> str:
    return f"{request.method} {request.path.partition('?')[0].replace(NAME, 'scratch')}"


class Ticks:
    """A clock that goes on when it is looked at, and when somebody sleeps: no test waits for it."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def monotonic(self) -> float:
        self.at += 0.01
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class Bucket:
    """An S3 that can make one bucket beside those that it has; ``before`` may act on a request first.

    It does one thing after the other: what was asked first is done first, whether or not its answer is still read.
    """

    def __init__(self, before: Callable[["Bucket", str, Request], bool] | None = None) -> None:
        self.made = False
        self.object: bytes | None = None
        self.asked: list[str] = []
        self._before = before
        self._turn = threading.Lock()

    def __call__(self, request: Request) -> None:
        with self._turn:
            self._do(request)

    def _do(self, request: Request) -> None:
        what = named(request)
        self.asked.append(what)
        if self._before and self._before(self, what, request):
            return
        if what == "GET /":
            answering(200, listing([*BUCKETS, *([NAME] if self.made else [])]))(request)
        elif what == "PUT /scratch":
            self.made = True
            request.answer(200)
        elif not self.made:
            answering(404, error("NoSuchBucket"))(request)
        else:
            self._use(what, request)

    def _use(self, what: str, request: Request) -> None:
        if what == "PUT /scratch/probe":
            self.object = request.body
            request.answer(200, ETag='"e"')
        elif what == "GET /scratch/probe" and self.object is not None:
            request.answer(200, self.object, ETag='"e"')
        elif what == "DELETE /scratch/probe":
            self.object = None
            request.answer(204)
        elif what == "DELETE /scratch":
            if self.object is not None:
                answering(409, error("BucketNotEmpty"))(request)
            else:
                self.made = False
                request.answer(204)
        else:
            answering(200, objects([]))(request)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SCRATCH_SECONDS", 0.05)
    monkeypatch.setattr(limits, "SCRATCH_POLL_SECONDS", 0.05)


@contextmanager
def doors(script: Callable[[Request], None], cancel: CancelToken) -> Iterator[tuple[Door, Door]]:
    with (
        store(script, seconds=WAIT, cancel=cancel) as (server, door),
        Http([server.host], [server.host], clock=SystemClock(), seconds=WAIT) as http,
    ):
        s3 = S3(server.url, Secret("keykeykey"), Secret("secretsecret"), "us-east-1", http)
        yield door, Door(s3=s3, http=http)


def probe(
    script: Callable[[Request], None], *places: Path, strict: bool = False, cancel: CancelToken | None = None
) -> ScratchSeen:
    token = cancel or CancelToken()
    with doors(script, token) as (door, sweeper):
        return probe_scratch(
            door,
            sweeper,
            [f"file://{place}" for place in places],
            nonce=NONCE,
            strict=strict,
            cancel=token,
            clock=Ticks(),
        )


def writes(script: Bucket) -> list[str]:
    return [what for what in script.asked if not what.startswith(("GET", "HEAD"))]


ALL = ["PUT /scratch", "PUT /scratch/probe", "DELETE /scratch/probe", "DELETE /scratch"]


def test_the_whole_way_writes_to_its_own_bucket_and_leaves_nothing() -> None:
    script = Bucket()
    observation = probe(script)
    assert writes(script) == ALL
    assert (script.made, script.object, observation.bucket, observation.same) == (False, None, NAME, Truth.PRESENT)
    assert judge_scratch(observation).status is Status.PASS
    assert observation.places == observation.places_after == ()


def drive(root: Path) -> Path:
    (root / ".rustfs.sys/buckets" / NAME / ".metadata.bin").mkdir(parents=True)
    (root / NAME).mkdir()
    return root


def test_strict_looks_at_every_drive(tmp_path: Path) -> None:
    one, two = drive(tmp_path / "one"), drive(tmp_path / "two")
    observation = probe(Bucket(), one, two, strict=True)
    assert [place.place for place in observation.places] == [f"file://{one}", f"file://{two}"]
    assert judge_scratch(observation).status is Status.PASS
    (two / NAME).rmdir()
    late = probe(Bucket(), one, two, strict=True)
    assert judge_scratch(late).status is Status.INCONCLUSIVE
    assert probe(Bucket(), two).places == ()


def test_it_waits_for_a_bucket_that_shows_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SCRATCH_SECONDS", 20.0)

    def late(script: Bucket, what: str, request: Request) -> bool:
        hidden = what == "GET /" and script.asked.count("GET /") < 3
        if hidden:
            request.answer(200, listing(BUCKETS))
        return hidden

    observation = probe(Bucket(late))
    assert observation.sample is not None
    assert observation.sample.number == 3
    assert judge_scratch(observation).status is Status.PASS


def test_a_bucket_that_never_shows_is_a_failure_and_is_removed() -> None:
    def hides(_script: Bucket, what: str, request: Request) -> bool:
        if what in ("GET /", "HEAD /scratch"):
            (answering(200, listing(BUCKETS)) if what == "GET /" else answering(404))(request)
            return True
        return False

    script = Bucket(hides)
    assert judge_scratch(probe(script)).status is Status.FAIL
    assert script.made is False


@pytest.mark.parametrize("at", ["PUT /scratch", "GET /", "PUT /scratch/probe", "GET /scratch/probe"])
def test_a_signal_at_any_step_still_cleans_up(at: str) -> None:
    cancel = CancelToken()

    def stops(_script: Bucket, what: str, _request: Request) -> bool:
        if what == at:
            cancel.cancel("signal SIGTERM")
        return False

    script = Bucket(stops)
    observation = probe(script, cancel=cancel)
    assert cancel.cancelled
    assert (script.made, script.object) == (False, None)
    assert writes(script)[-1] == "DELETE /scratch"
    result = judge_scratch(observation)
    assert result.note == "ended early: signal SIGTERM"
    assert result.status is Status.INCONCLUSIVE


def test_a_signal_before_makes_nothing() -> None:
    cancel = CancelToken()
    cancel.cancel("signal SIGINT")
    script = Bucket()
    observation = probe(script, cancel=cancel)
    assert script.asked == []
    assert (observation.created, observation.removals, observation.cut_short) == (None, (), "signal SIGINT")


@pytest.mark.parametrize("step", ["create_bucket", "put_object", "get_object", "delete_object", "list_buckets"])
def test_an_error_of_our_own_still_cleans_up(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Bucket()
    with doors(script, CancelToken()) as (door, sweeper):
        real = getattr(door.s3, step)

        def breaks(*args: Any, **rest: Any) -> HttpAnswer:
            real(*args, **rest)
            raise KeyboardInterrupt

        monkeypatch.setattr(door.s3, step, breaks)
        with pytest.raises(KeyboardInterrupt):
            probe_scratch(door, sweeper, [], nonce=NONCE, strict=False, cancel=CancelToken(), clock=Ticks())
    assert (script.made, script.object) == (False, None)


@pytest.mark.parametrize("status", [400, 403, 409])
def test_a_refused_bucket_is_never_removed_for_it_is_not_ours(status: int) -> None:
    def refuses(_script: Bucket, what: str, request: Request) -> bool:
        if what == "PUT /scratch":
            answering(status, error("Refused"))(request)
        return what == "PUT /scratch"

    script = Bucket(refuses)
    observation = probe(script)
    assert writes(script) == ["PUT /scratch"]
    assert judge_scratch(observation).status is Status.INCONCLUSIVE


def test_an_answer_that_was_lost_is_swept_as_if_it_had_been_good() -> None:
    def loses(script: Bucket, what: str, request: Request) -> bool:
        if what == "PUT /scratch":
            script.made = True
            request.reset()
        return what == "PUT /scratch"

    script = Bucket(loses)
    observation = probe(script)
    assert observation.created is not None
    assert (observation.created.error, script.made) == ("cut", False)
    assert writes(script) == ["PUT /scratch", "DELETE /scratch"]


def test_a_removal_that_fails_is_tried_again_and_told() -> None:
    def busy(_script: Bucket, what: str, request: Request) -> bool:
        if what == "DELETE /scratch":
            answering(503, error("SlowDown"))(request)
        return what == "DELETE /scratch"

    script = Bucket(busy)
    observation = probe(script)
    assert {removal.status for removal in observation.removals} == {503}
    result = judge_scratch(observation)
    assert (result.removed, result.status) == (False, Status.INCONCLUSIVE)
    assert script.made is True


def test_a_put_whose_answer_was_bad_may_have_left_an_object() -> None:
    def half(script: Bucket, what: str, request: Request) -> bool:
        if what == "PUT /scratch/probe":
            script.object = request.body
            request.answer(500)
        return what == "PUT /scratch/probe"

    script = Bucket(half)
    probe(script)
    assert (script.made, script.object) == (False, None)


class Late:
    """Answers a request, then hears of a cancelled run, and does what was asked of it before only then.

    ``late`` is the request that is done late, ``first`` the one whose answer it waits for; whatever comes after that
    answer finds it done. With ``anew`` an object makes its bucket again, as on a server of plain folders.
    """

    def __init__(self, cancel: CancelToken, *, late: str, first: str, anew: bool = False) -> None:
        self.bucket = Bucket()
        self.done = threading.Event()
        self._cancel = cancel
        self._late = late
        self._first = first
        self._anew = anew
        self._answered = threading.Event()
        self._taken = False

    def __call__(self, request: Request) -> None:
        what = named(request)
        if what == self._late:
            self._cancel.cancel("signal SIGTERM")
            assert self._answered.wait(WAIT)
            self.bucket.made |= self._anew
            try:
                self.bucket(request)
            finally:
                self.done.set()
        elif what == self._first and not self._taken:
            self._taken = True
            self.bucket(request)
            self._answered.set()
        else:
            assert not self._taken or self.done.wait(WAIT)
            self.bucket(request)


@pytest.mark.parametrize(
    ("late", "first", "anew", "statuses"),
    [
        ("PUT /scratch", "DELETE /scratch", False, [404, 204]),
        ("PUT /scratch/probe", "DELETE /scratch/probe", False, [409, 204, 404]),
        ("PUT /scratch/probe", "DELETE /scratch", True, [204, 204, 404]),
    ],
)
def test_what_a_server_does_after_the_first_removal_is_removed_too(
    late: str, first: str, anew: bool, statuses: list[int]
) -> None:
    cancel = CancelToken()
    script = Late(cancel, late=late, first=first, anew=anew)
    observation = probe(script, cancel=cancel)
    assert script.done.is_set()
    assert (script.bucket.made, script.bucket.object) == (False, None)
    assert [removal.status for removal in observation.removals][: len(statuses)] == statuses
    assert {removal.status for removal in observation.removals[len(statuses) :]} <= {404}
    result = judge_scratch(observation)
    assert (result.removed, result.status) == (True, Status.INCONCLUSIVE)


def test_a_bucket_that_was_never_made_is_asked_for_until_it_stayed_away() -> None:
    def loses(_script: Bucket, what: str, request: Request) -> bool:
        if what == "PUT /scratch":
            request.reset()
        return what == "PUT /scratch"

    observation = probe(Bucket(loses))
    assert {removal.status for removal in observation.removals} == {404}
    assert len(observation.removals) - 1 == pytest.approx(
        limits.SWEEP_SETTLE_SECONDS / (limits.SCRATCH_POLL_SECONDS + 0.01), 1
    )


@pytest.mark.parametrize("nonce", ["", "attic", "../attic", "00000000000000FF", "0" * 17])
def test_only_a_nonce_makes_a_name(nonce: str) -> None:
    with pytest.raises(RefusedError, match="expected 16 hex digits"):
        scratch_bucket(nonce)
