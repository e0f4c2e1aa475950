"""One sample of bucket truth: what the list, the heads, the gets, the disks and the server's readiness say at one time.

All sources are asked at once, each on its own thread and with one deadline. What does not answer in time is
unknown, and the sample is over: a ListBuckets that hangs for eleven seconds (recordings/rustfs-live) must not put off
the HeadBucket that would show the loss, nor the next sample.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, TypeVar

from gate import limits
from gate.clock import Clock
from gate.model.basics import Phase
from gate.model.records import BucketSampled, HttpAnswer, OriginSampled, PlaceSeen
from gate.model.time import rfc3339
from gate.net import Http, plain_url
from gate.observe.disk_markers import unknown_place
from gate.observe.kube_markers import look_at
from gate.observe.kubectl import Kubectl
from gate.observe.s3 import S3
from gate.parse.host_files import NO_ANSWER
from gate.process import CancelToken

_READY: Final = "/health/ready"  # RustFS: 503 while its drive is faulty, when /health is still 200
# Whether it can be written to: MinIO, and RustFS from 1.0 on, where /health/ready asks for a quorum to read alone
# (rustfs 1.0.1 src/server/health.rs, HealthProbe); before that it is refused with 403.
_WRITABLE: Final = "/minio/health/cluster"
_T = TypeVar("_T")
Pending = Callable[[], BucketSampled]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What a sample asks. ``seconds`` is the deadline of each source; the exchanges of ``s3`` and ``http`` keep it too.

    ``origin`` is the server behind a CDN, which is asked beside ``s3``.
    ``places`` are locators of the store's drives; without ``kubectl``, places in a cluster are unknown.
    """

    s3: S3
    http: Http
    buckets: tuple[str, ...]
    places: tuple[str, ...]
    clock: Clock
    kubectl: Kubectl | None = None
    origin: S3 | None = None
    seconds: float = limits.SAMPLE_SECONDS


class _Question(Generic[_T]):
    """A question on a daemon thread: a call on a stalled disk can't be ended, and nothing may wait for it."""

    def __init__(self, name: str, ask: Callable[[], _T]) -> None:
        self._answer: Future[_T] = Future()
        threading.Thread(target=self._run, args=(ask,), name=name, daemon=True).start()

    def _run(self, ask: Callable[[], _T]) -> None:
        try:
            self._answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001  # raised again where the answer is waited for
            self._answer.set_exception(error)

    def by(self, seconds: float, unanswered: Callable[[], _T]) -> _T:
        """The answer, or what ``unanswered`` makes when none comes in so many seconds."""
        try:
            return self._answer.result(max(seconds, 0.0))
        except TimeoutError:
            return unanswered()


def sample_buckets(sources: Sources, *, phase: Phase, number: int) -> BucketSampled:
    """Take one sample and wait for it. ``number`` counts from 1 within the phase.

    Nothing is raised for what a source says or does not say: its own answer tells.
    """
    return begin_sample(sources, phase=phase, number=number)()


def begin_sample(sources: Sources, *, phase: Phase, number: int) -> Pending:
    """Ask all sources of a sample; what is returned waits for their answers, at most until the deadline."""
    s3, clock = sources.s3, sources.clock
    s3.prepare()
    began, began_at = clock.monotonic(), rfc3339(clock.now())
    root = s3.endpoint
    index = _Index(s3, sources.buckets)
    origin = None if sources.origin is None else _Index(sources.origin, sources.buckets)
    places = {place: _Question(f"look {place}", partial(_look, sources, place)) for place in sources.places}
    words = {path: _Question(f"get {path}", partial(_ask, sources, path)) for path in (_READY, _WRITABLE)}

    def remaining() -> float:
        """The exchanges keep the deadline themselves; looking up a name and a list of many pages are bounded here."""
        return began + sources.seconds + limits.SAMPLE_SLACK_SECONDS / 2 - clock.monotonic()

    def silent(url: str) -> HttpAnswer:
        millis = round((clock.monotonic() - began) * 1000)
        return HttpAnswer(url=plain_url(url), status=None, error="timeout", millis=millis)

    def dark(place: str) -> tuple[PlaceSeen, ...]:
        return (unknown_place(place, sources.buckets, f"the disk {NO_ANSWER} {sources.seconds:g} s"),)

    def collect() -> BucketSampled:
        answers = index.answers(remaining, silent)
        looks = [pending_answer.by(remaining(), partial(dark, place)) for place, pending_answer in places.items()]
        text = {
            path: pending_answer.by(remaining(), partial(silent, f"{root}{path}"))
            for path, pending_answer in words.items()
        }
        return BucketSampled(
            phase=phase,
            number=number,
            began_at=began_at,
            ended_at=rfc3339(clock.now()),
            listing=answers.listing,
            heads=answers.heads,
            gets=answers.gets,
            places=tuple(row for look in looks for row in look),
            ready=text[_READY],
            writable=text[_WRITABLE],
            origin=None if origin is None else origin.answers(remaining, silent),
        )

    return collect


class _Index:
    """The questions to one S3 server about its index, each asked at once."""

    def __init__(self, s3: S3, buckets: tuple[str, ...]) -> None:
        self._root = s3.endpoint
        self._listing = _Question("list buckets", s3.list_buckets)
        self._heads = {bucket: _Question(f"head {bucket}", partial(s3.head_bucket, bucket)) for bucket in buckets}
        self._gets = {bucket: _Question(f"get {bucket}", partial(s3.get_bucket, bucket)) for bucket in buckets}

    def answers(self, remaining: Callable[[], float], silent: Callable[[str], HttpAnswer]) -> OriginSampled:
        """The answers, each waited for as long as there is time ``left``; ``silent`` is one that did not come."""
        root = self._root
        return OriginSampled(
            listing=self._listing.by(remaining(), lambda: (silent(f"{root}/"),)),
            heads={
                name: pending.by(remaining(), partial(silent, f"{root}/{name}"))
                for name, pending in self._heads.items()
            },
            gets={
                name: pending.by(remaining(), partial(silent, f"{root}/{name}")) for name, pending in self._gets.items()
            },
        )


def _ask(sources: Sources, path: str) -> HttpAnswer:
    url = f"{sources.s3.endpoint}{path}"
    return sources.http.ask("GET", url, cap=limits.ANSWER_BODY_BYTES, keep_body=True)[0]


def _look(sources: Sources, place: str) -> tuple[PlaceSeen, ...]:
    return look_at(place, sources.buckets, kubectl=sources.kubectl, seconds=sources.seconds)


class SampleSeries:
    """Samples that begin on time: an older one that still hangs holds no newer one back.

    ``begin`` asks the sources of a sample; ``keep`` is given each sample when it is over, on the sample's own thread.
    Samples that overlap may come to ``keep`` in another order than they began.
    """

    def __init__(self, begin: Callable[[int], Pending], keep: Callable[[BucketSampled], None]) -> None:
        self._begin = begin
        self._keep = keep
        self._begun: list[_Question[bool]] = []

    def begin(self, number: int) -> None:
        """Begin a sample."""
        pending = self._begin(number)

        def take() -> bool:
            self._keep(pending())
            return True

        self._begun.append(_Question(f"sample {number}", take))

    def over(self, seconds: float) -> bool:
        """Whether the newest sample is over within so many seconds. Raises what ``keep`` raised."""
        return self._begun[-1].by(seconds, lambda: False)

    def finish(self) -> None:
        """Wait until every sample is over, which each is by its deadline. Raises what ``keep`` raised."""
        pending, self._begun = self._begun, []
        for question in pending:
            question.by(limits.ANSWER_SECONDS, lambda: False)

    def take(self, numbers: range, seconds: float, cancel: CancelToken) -> Iterator[int]:
        """Begin a sample for each number, their beginnings so many seconds apart, and wait for all of them.

        Each number is yielded before its sample begins. A cancelled series has fewer samples.
        """
        try:
            for number in numbers:
                if number != numbers.start and cancel.wait(seconds):
                    return
                yield number
                self.begin(number)
        finally:
            self.finish()
