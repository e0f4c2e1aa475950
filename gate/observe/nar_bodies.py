"""Reads published paths back as Nix would: the narinfo, then the NAR body to its end, hop by hop.

HTTP 200 is no success: Attic commits it before it fetches the first chunk, and a storage error then only cuts the body
(attic b7c9056 server/src/api/binary_cache.rs, ``get_nar``). A one-chunk body is answered by a 307 to a presigned S3
URL, whose query is a credential. Records say what came; nothing is judged here.
"""

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from gate import limits
from gate.clock import Clock
from gate.errors import RefusedError
from gate.model.basics import Secret, value
from gate.model.bodies import NarRead
from gate.model.records import BodyRead, HttpAnswer
from gate.net import HostList, plain_url
from gate.observe.curl_transfer import CurlHop, authorities
from gate.observe.nar_download import NarHops, NarinfoHop, NarTarget
from gate.observe.url_policy import UrlPolicy
from gate.process import CancelToken, Redactor

__all__ = ["Access", "NarTarget", "read_bodies"]


@value
class Access:
    """Where to read, and with what. Times in seconds.

    ``cache_url`` is ``<endpoint>/<cache>``. ``hosts`` are all that may be asked, the cache's own and those that a
    redirect may lead to. The token goes to the cache's own origin alone. ``ca_file`` is a PEM file of further
    certificate authorities beside the system's and certifi's. ``low_speed_seconds`` is how long a body may be slower
    than `limits.LOW_SPEED_BYTES_PER_SECOND`.
    """

    cache_url: str
    token: Secret | None
    hosts: HostList
    ca_file: str | None = None
    answer_seconds: float = limits.ANSWER_SECONDS
    body_seconds: float = limits.BODY_SECONDS
    low_speed_seconds: int = limits.LOW_SPEED_SECONDS


def read_bodies(
    targets: Sequence[NarTarget],
    *,
    access: Access,
    jobs: int = limits.READ_JOBS,
    attempt: int = 1,
    again_after_post: bool = False,
    deadline_seconds: float,
    cancel: CancelToken,
    clock: Clock,
    tap: Callable[[bytes], None] | None = None,
) -> Iterator[BodyRead]:
    """Read each target once, ``jobs`` at a time; records come in the order in which the reads end.

    After the deadline each target that is left gets a record with ``timeout``. When ``cancel`` asks for it the records
    just end: a path without one was not read. ``tap`` is shown the bytes of every body with status 200, as they came
    over the wire; it is for a single target. Raises `RefusedError` for a cache URL or a token that can't be used.
    """
    until = clock.monotonic() + deadline_seconds
    session = _Session(
        access,
        clock=clock,
        until=until,
        attempt=attempt,
        again_after_post=again_after_post,
        tap=tap,
        in_background=jobs <= limits.READ_JOBS or len(targets) == 1,
    )
    waiting = iter(targets)
    with _Multi(access, min(jobs, len(targets)), clock) as multi:
        for hop in multi.hops:
            multi.start(session.next_reading(waiting, hop))
        while multi.busy and not cancel.cancelled:
            over = []
            for reading, code, text in multi.moved():
                if reading.go_on(code, text):
                    multi.start(reading)
                else:
                    over.append(reading)
                    multi.start(session.next_reading(waiting, reading.hop))
            if over:  # what is asked next goes out before this is looked at, so that the server need not wait
                multi.send()
                yield from (reading.record() for reading in over)
    if not cancel.cancelled:
        yield from (session.unread(target) for target in waiting)


class _Session:
    """What all readings of one call share."""

    def __init__(
        self,
        access: Access,
        *,
        clock: Clock,
        until: float,
        attempt: int,
        again_after_post: bool,
        tap: Callable[[bytes], None] | None,
        in_background: bool,
    ) -> None:
        self.access = access
        self.ahead = in_background
        self.way = UrlPolicy(access.cache_url, access.hosts)
        self.token_redactor = None if access.token is None else Redactor([access.token])
        self.tap = tap
        self._clock = clock
        self._until = until
        self._attempt = attempt
        self._again = again_after_post
        # A cache on the way is to ask the origin (RFC 9111, 5.2.1.4); one that does not is seen by its headers.
        self._plain_headers = ("Accept-Encoding: identity", "Cache-Control: no-cache", "Pragma: no-cache")
        self._own_headers = (*self._plain_headers, *_authorization(access.token))

    def remaining(self) -> float:
        """Seconds until the deadline."""
        return self._until - self._clock.monotonic()

    def headers(self, *, own: bool) -> tuple[str, ...]:
        """The request's headers: with the credential for the cache's own origin, without it for all others."""
        return self._own_headers if own else self._plain_headers

    def next_reading(self, waiting: Iterator[NarTarget], hop: CurlHop) -> "_Reading | None":
        """The next target's reading, ready to start, or None when there is none or no time."""
        target = next(waiting, None) if self.remaining() > 0 else None
        return None if target is None else _Reading(target, hop, self)

    def record(self, target: NarTarget, narinfo: HttpAnswer, nar: NarRead | None) -> BodyRead:
        """The record of one read."""
        return BodyRead(
            label=target.label,
            cache=target.cache,
            store_path=target.store_path,
            attempt=self._attempt,
            again_after_post=self._again,
            narinfo=narinfo,
            nar=nar,
        )

    def unread(self, target: NarTarget) -> BodyRead:
        """The record of a target that the deadline left no time for."""
        url = plain_url(NarinfoHop(target, self.way).here)
        return self.record(target, HttpAnswer(url=url, status=None, error="timeout"), None)


def _authorization(token: Secret | None) -> tuple[str, ...]:
    if token is None:
        return ()
    text = token.reveal()
    if not text or not all("!" <= char <= "~" for char in text):
        raise RefusedError("The read token is empty or has characters that no HTTP header can have: expected a JWT.")
    return (f"Authorization: Bearer {text}",)


class _Reading:
    """One target on one handle: its narinfo, then each hop of its NAR."""

    def __init__(self, target: NarTarget, hop: CurlHop, session: _Session) -> None:
        self.hop = hop
        self._target = target
        self._session = session
        self._narinfo = NarinfoHop(target, session.way)
        self._asked_nar = False
        self._nar: NarHops | None = None
        self._ask(self._narinfo, session.access.answer_seconds)

    def go_on(self, code: int, text: str) -> bool:
        """A transfer is over, with libcurl's code and text; True when the next one is ready to start."""
        if not self._asked_nar:
            self._asked_nar = True
            self._narinfo.end(self.hop, code)
            self._nar = self._narinfo.nar(self._session.tap, in_background=self._session.ahead)
        elif self._nar is not None:
            self._nar.end_hop(self.hop, code, text)
        if self._nar is None or self._nar.over:
            return False
        if self._session.remaining() <= 0:
            self._nar.give_up("timeout")
            return False
        self._nar.begin_hop()
        self._ask(self._nar, self._session.access.body_seconds)
        return True

    def close(self) -> None:
        """Let go what a reading that did not end holds."""
        if self._nar is not None:
            self._nar.close()

    def record(self) -> BodyRead:
        """The record of a reading that is over. Its handle may be at work for another by now."""
        answer = self._narinfo.answer(self._session.token_redactor)
        nar = None if self._nar is None else self._nar.record(self._session.token_redactor)
        return self._session.record(self._target, answer, nar)

    def _ask(self, hops: NarinfoHop | NarHops, seconds: float) -> None:
        self.hop.ask(
            hops.here,
            headers=self._session.headers(own=hops.own),
            seconds=min(seconds, self._session.remaining()),
            sink=hops.take,
        )


class _Multi:
    """libcurl's multi interface: some transfers at once, in one thread, over connections that are kept."""

    def __init__(self, access: Access, jobs: int, clock: Clock) -> None:
        import pycurl  # noqa: PLC0415  # a C library: only where it is used

        self._multi = pycurl.CurlMulti()
        self._clock = clock
        self._multi.setopt(pycurl.M_MAXCONNECTS, 2 * jobs + 1)  # one to Attic and one to S3 for each
        trusted = authorities(access.ca_file)
        self.hops = [CurlHop(trusted, access.low_speed_seconds) for _ in range(jobs)]
        self.busy: dict[Any, _Reading] = {}  # by libcurl handle

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for handle, reading in self.busy.items():
            self._multi.remove_handle(handle)
            reading.close()
        for hop in self.hops:
            hop.close()
        self._multi.close()

    def start(self, reading: _Reading | None) -> None:
        """Start what a reading asked for; None: there is nothing left to start."""
        if reading is not None:
            self.busy[reading.hop.handle] = reading
            self._multi.add_handle(reading.hop.handle)

    def send(self) -> None:
        """Move all transfers on; those that were started send their requests."""
        self._multi.perform()

    def moved(self) -> Iterator[tuple[_Reading, int, str]]:
        """Those that are over, with libcurl's code and text. Without any it waits a little, and moves all on."""
        _, good, bad = self._multi.info_read()
        if not good and not bad:
            self._wait()
            self._multi.perform()
            _, good, bad = self._multi.info_read()
        for handle, code, text in (*((handle, 0, "") for handle in good), *bad):
            self._multi.remove_handle(handle)
            yield self.busy.pop(handle), code, text

    def _wait(self) -> None:
        """Wait until something can move, at most `limits.POLL_SECONDS`."""
        expected = self._multi.timeout()
        seconds = limits.POLL_SECONDS if expected < 0 else min(expected / 1000, limits.POLL_SECONDS)
        began = self._clock.monotonic()
        self._multi.select(seconds)
        waited = self._clock.monotonic() - began
        for reading in self.busy.values():
            reading.hop.wait(waited)
