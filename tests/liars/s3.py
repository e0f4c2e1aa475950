"""Lies of the S3 server: a proxy before it answers the gate's own questions; Attic still writes to the real one."""

import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gate.lab.attic_stack import BUCKET
from gate.lab.stack import STATE_BUCKET, STATE_KEY
from gate.model.basics import Label, Phase, VerdictWord
from tests.liars.lie import Liar, Lie, Party
from tests.liars.proxy import Answer, Forward, Front, Request

if TYPE_CHECKING:
    from pathlib import Path

    from gate.lab.stack import Stack

NO_BUCKET = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchBucket</Code>'
    b"<Message>The specified bucket does not exist</Message></Error>"
)


def is_list(request: Request) -> bool:
    return request.method == "GET" and request.place == "/" and "list-type" not in request.path


def is_bucket(request: Request, bucket: str) -> bool:
    return request.place.strip("/") == bucket


def is_state(request: Request) -> bool:
    return request.place == f"/{STATE_BUCKET}/{STATE_KEY}"


class S3Liar(Liar):
    """Before the S3 server stands a proxy, and the gate is given its address. Subclasses answer in `lie`."""

    def before_start(self, stack: "Stack") -> None:
        self.front = Front(rule=self._rule)
        self.stage_name = ""
        self.phase: Phase | None = None

    def arrange(self, stack: "Stack", folder: "Path") -> None:
        self.stack = stack
        host, port = stack.store.objects.address.split(":")
        self.front.target = (host, int(port))
        self.front.start()

    def settings(self) -> Mapping[str, Any]:
        hosts = (self.stack.attic.address, self.stack.store.objects.address, self.front.address)
        return {"s3_endpoint": self.front.endpoint, "hosts": hosts, "plain_http_hosts": hosts}

    def end(self) -> None:
        self.front.stop()

    def stage(self, name: str) -> None:
        self.stage_name = name

    def sample(self, phase: Phase, number: int) -> None:
        self.phase = phase

    def _rule(self, request: Request, forward: Forward) -> Answer | None:
        answer = self.lie(request, forward)
        if answer is NOT_MINE:
            return forward()
        self.count += 1
        return answer

    def lie(self, request: Request, forward: Forward) -> Answer | None:
        """The false answer; `NOT_MINE` passes the question on."""
        raise NotImplementedError


NOT_MINE = Answer(0)


def liar(base: type[Liar], name: str, answer: Callable[[Any, Request, Forward], Answer | None]) -> type[Liar]:
    """A class of liars whose one method is ``answer``."""
    return type(name, (base,), {"lie": answer})


def without_bucket(answer: Answer, bucket: str) -> Answer:
    row = re.compile(rb"<Bucket>(?:(?!</Bucket>).)*<Name>" + bucket.encode() + rb"</Name>.*?</Bucket>", re.DOTALL)
    return replace(answer, body=row.sub(b"", answer.body))


def list_lacks(bucket: str) -> Callable[[Any, Request, Forward], Answer | None]:
    return lambda self, request, forward: without_bucket(forward(), bucket) if is_list(request) else NOT_MINE


def head_404(self: S3Liar, request: Request, forward: Forward) -> Answer | None:
    return Answer(404) if request.method == "HEAD" and is_bucket(request, STATE_BUCKET) else NOT_MINE


def get_no_bucket(self: S3Liar, request: Request, forward: Forward) -> Answer | None:
    mine = request.method == "GET" and is_bucket(request, BUCKET)
    return Answer(404, (("Content-Type", "application/xml"),), NO_BUCKET) if mine else NOT_MINE


def get_empty(self: S3Liar, request: Request, forward: Forward) -> Answer | None:
    return Answer(200) if request.method == "GET" and is_bucket(request, BUCKET) else NOT_MINE


def list_page(self: S3Liar, request: Request, forward: Forward) -> Answer | None:
    page = b"<html><body>Sign in</body></html>"
    return Answer(200, (("Content-Type", "text/html"),), page) if is_list(request) else NOT_MINE


def list_cut(self: S3Liar, request: Request, forward: Forward) -> Answer | None:
    if not is_list(request):
        return NOT_MINE
    answer = forward()
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def list_denied(self: S3Liar, request: Request, forward: Forward) -> Answer | None:
    fault = NO_BUCKET.replace(b"NoSuchBucket", b"AccessDenied")
    return Answer(403, (("Content-Type", "application/xml"),), fault) if is_list(request) else NOT_MINE


def with_headers(*headers: tuple[str, str]) -> Callable[[Any, Request, Forward], Answer | None]:
    def answer(self: S3Liar, request: Request, forward: Forward) -> Answer | None:
        if request.place.startswith(("/health", "/minio")):
            return NOT_MINE
        real = forward()
        return replace(real, headers=(*real.headers, *headers))

    return answer


def state_gone_after(self: S3Liar, request: Request, forward: Forward) -> Answer | None:
    return Answer(404) if is_state(request) and self.stage_name == "post" else NOT_MINE


def state_from_cache(self: S3Liar, request: Request, forward: Forward) -> Answer | None:
    return forward().with_header("Age", "86400") if is_state(request) else NOT_MINE


def not_ready(self: S3Liar, request: Request, forward: Forward) -> Answer | None:
    mine = request.place == "/health/ready"
    return Answer(503, (("Content-Type", "application/json"),), b'{"ready":false}') if mine else NOT_MINE


def canary_404(self: S3Liar, request: Request, forward: Forward) -> Answer | None:
    key = request.place.removeprefix(f"/{BUCKET}/")
    mine = request.method == "HEAD" and key not in ("", request.place)
    return Answer(404) if mine else NOT_MINE


def other_server_after(self: S3Liar, request: Request, forward: Forward) -> Answer | None:
    mine = self.stage_name == "post"
    return forward().without_header("Server").with_header("Server", "another/1.0") if mine else NOT_MINE


def region_renamed(self: S3Liar, request: Request, forward: Forward) -> Answer | None:
    """A server that names another region each time: the gate signs again once, and no more."""
    if not is_list(request):
        return NOT_MINE
    fault = (
        b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>wrong region</Message><Region>eu-"
        + secrets.token_hex(2).encode()
        + b"</Region></Error>"
    )
    return Answer(400, (("Content-Type", "application/xml"),), fault)


class StateZeros(S3Liar):
    """The state's object has its size and holds zeros."""

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "state_contents": True}

    def lie(self, request: Request, forward: Forward) -> Answer | None:
        if not is_state(request) or request.method != "GET":
            return NOT_MINE
        real = forward()
        return replace(real, body=bytes(len(real.body)))


class HangOnce(S3Liar):
    """Hangs once: the first time that its moment comes."""

    seconds = 11.0
    phase_of = Phase.PRE

    def lie(self, request: Request, forward: Forward) -> Answer | None:
        if self.count or self.phase is not self.phase_of or not is_list(request):
            return NOT_MINE
        self.count += 1
        time.sleep(self.seconds)
        return forward()


class HangOnceInPush(HangOnce):
    """Hangs once while a push runs, for longer than a push may be unwatched."""

    phase_of = Phase.DURING


class LossBehindList(S3Liar):
    """One ListBuckets hangs, HEAD and GET deny the bucket meanwhile, and when the list has come all is well again."""

    seconds = 11.0
    until: float | None = None

    def lie(self, request: Request, forward: Forward) -> Answer | None:
        now = time.monotonic()
        if self.until is None and self.phase is Phase.PRE and is_list(request):
            self.until = now + self.seconds
            time.sleep(self.seconds)
            return forward()
        if self.until is None or now > self.until or not is_bucket(request, BUCKET):
            return NOT_MINE
        body = b"" if request.method == "HEAD" else NO_BUCKET
        return Answer(404, (("Content-Type", "application/xml"),), body)


class ReadyHangs(S3Liar):
    """One question for readiness hangs before the publication."""

    def lie(self, request: Request, forward: Forward) -> Answer | None:
        if self.count or self.phase is not Phase.PRE or request.place != "/health/ready":
            return NOT_MINE
        self.count += 1
        time.sleep(HangOnce.seconds)
        return forward()


class FrozenDate(S3Liar):
    """Every answer has the first one's time, and a fresh number of its request."""

    date = ""

    def lie(self, request: Request, forward: Forward) -> Answer | None:
        answer = forward()
        self.date = self.date or next((text for name, text in answer.headers if name.lower() == "date"), "")
        fresh = answer.without_header("Date", "x-amz-request-id").with_header("Date", self.date)
        return fresh.with_header("x-amz-request-id", secrets.token_hex(8))


class RefusedInPush(S3Liar):
    """Hangs up on everything that is asked while the first push runs."""

    def lie(self, request: Request, forward: Forward) -> Answer | None:
        return None if self.stage_name == "push:canary" else NOT_MINE


class Replay(S3Liar):
    """Gives the first answer to a question for ever, and says nothing of it; the origin loses a bucket meanwhile."""

    def before_start(self, stack: "Stack") -> None:
        super().before_start(stack)
        self.kept: dict[tuple[str, str], Answer] = {}

    def push_running(self, label: Label) -> None:
        if label is Label.PROFILE:
            self.stack.store.lose(STATE_BUCKET)

    def lie(self, request: Request, forward: Forward) -> Answer | None:
        parts = urlsplit(request.path)
        names = "&".join(sorted(pair.partition("=")[0] for pair in parts.query.split("&")))
        key = (request.method, f"{parts.path}?{names}")
        if key in self.kept:
            return self.kept[key]
        self.kept[key] = forward()
        return NOT_MINE


class ReplayInWords(Replay):
    """The same, with the headers of an HTTP cache."""

    def lie(self, request: Request, forward: Forward) -> Answer | None:
        answer = super().lie(request, forward)
        return answer if answer is None or answer is NOT_MINE else answer.with_header("Age", "30")


class ReplaySilent(Replay):
    """The same without a date and without an id of the request: nothing shows that an answer came before."""

    def lie(self, request: Request, forward: Forward) -> Answer | None:
        answer = super().lie(request, forward)
        real = forward() if answer is NOT_MINE else answer
        bare = None if real is None else real.without_header("Date", "X-Amz-Request-Id", "X-Request-Id", "X-Amz-Id-2")
        if answer is NOT_MINE:
            self.count -= 1
        return bare


class ReplayBehind(ReplaySilent):
    """The same; the server behind the proxy is named as the origin."""

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "origin_endpoint": self.stack.store.objects.endpoint}


CACHED = {
    "age": (("Age", "120"),),
    "x-cache-hit": (("X-Cache", "HIT"),),
    "two-x-cache-lines": (("X-Cache", "HIT"), ("X-Cache", "MISS from gw")),
    "tcp-hit": (("X-Cache", "TCP_MEM_HIT from edge"),),
    "cf-revalidated": (("CF-Cache-Status", "REVALIDATED"),),
    "cache-status": (("Cache-Status", "edge; hit; ttl=30"),),
}


def _lie(name: str, text: str, answer: Any, *, claims: tuple[str, ...] = ("index",), **more: Any) -> Lie:
    chosen = answer if isinstance(answer, type) else liar(S3Liar, name, answer)
    return Lie(party=Party.S3, name=f"s3-{name}", text=text, liar=chosen, claims=claims, **more)


LIES: tuple[Lie, ...] = (
    _lie("list-lacks-state", "ListBuckets lacks the state's bucket", list_lacks(STATE_BUCKET), quick=True),
    _lie("list-lacks-cache", "ListBuckets lacks the cache's bucket", list_lacks(BUCKET)),
    _lie("head-404", "HeadBucket says that the state's bucket does not exist", head_404),
    _lie("get-no-bucket", "a GET of the cache's bucket says NoSuchBucket", get_no_bucket),
    _lie("get-empty", "a GET of the cache's bucket is 200 without a list", get_empty, quick=True),
    _lie("list-page", "ListBuckets is a page of HTML with 200", list_page),
    _lie("list-cut", "ListBuckets ends in its middle", list_cut),
    _lie("list-denied", "ListBuckets is denied", list_denied),
    _lie("region-renamed", "ListBuckets names another region each time", region_renamed),
    _lie("state-zeros", "the state's object holds zeros", StateZeros, claims=("state",)),
    _lie("not-ready", "the store says that it is not ready", not_ready, quick=True),
    _lie("state-gone-after", "the state's object is absent after the publication", state_gone_after, claims=("state",)),
    _lie("state-cached", "the state's HEAD is a day old", state_from_cache, claims=("state",)),
    _lie("hang-in-pre", "ListBuckets takes 11 s before the publication", HangOnce),
    _lie("hang-in-push", "ListBuckets takes 11 s while a push runs", HangOnceInPush),
    _lie(
        "loss-behind-list",
        "ListBuckets takes 11 s, the bucket is denied meanwhile, and then all is well",
        LossBehindList,
        words=frozenset({VerdictWord.QUARANTINE}),
    ),
    _lie("ready-hangs", "the question for readiness takes 11 s before the publication", ReadyHangs),
    _lie("canary-404", "HEAD of the canary's object says that it does not exist", canary_404, claims=("stored",)),
    _lie("other-server-after", "another server answers after the publication", other_server_after),
    _lie("frozen-date", "every answer has the time of the first, under fresh request numbers", FrozenDate),
    _lie("refused-in-push", "connections are refused while the canary is pushed", RefusedInPush),
    _lie("replay", "old answers again, while the origin has lost the state's bucket", Replay, quick=True),
    _lie("replay-age", "old answers with an Age, while the origin has lost the state's bucket", ReplayInWords),
    _lie(
        "replay-silent",
        "old answers without dates, while the origin has lost the state's bucket",
        ReplaySilent,
        words=frozenset({VerdictWord.PASS}),
        unseen="answers-without-date",
    ),
    _lie(
        "replay-behind",
        "the same, and the server behind the proxy is named as the origin",
        ReplayBehind,
        words=frozenset({VerdictWord.QUARANTINE}),
        codes=("bucket-index-lost",),
    ),
    *(
        _lie(
            f"cached-{name}",
            f"every answer bears {' and '.join(': '.join(pair) for pair in headers)}",
            with_headers(*headers),
        )
        for name, headers in CACHED.items()
    ),
)
