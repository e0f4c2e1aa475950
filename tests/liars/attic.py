"""Lies of the Attic server, and of caches and proxies before it: gate, client and Nix all ask through the proxy."""

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gate.lab.attic_stack import BUCKET, MAIN, PROBE
from gate.lab.s3 import stored_paths
from gate.model.basics import VerdictWord
from tests.liars.lie import Liar, Lie, Party
from tests.liars.proxy import Answer, Forward, Front, Request
from tests.liars.s3 import NOT_MINE, liar

if TYPE_CHECKING:
    from pathlib import Path

    from gate.lab.stack import Stack

NARINFO = re.compile(r"/(main|probe)/([0-9a-z]{32})\.narinfo")
NAR = re.compile(r"/(main|probe)/nar/[^/]+")
UPLOAD = "/_api/v1/upload-path"
MISSING = "/_api/v1/get-missing-paths"
CONFIG = "/_api/v1/cache-config/"
PAGE = b"<!doctype html><title>Sign in</title>"


def front_of(stack: Any) -> Front:
    """The lying proxy before Attic, which `scene.tell` puts in the place of the lab's own."""
    front = stack.attic.proxy
    assert isinstance(front, Front)
    return front


class AtticLiar(Liar):
    """Answers in `lie` in the place of the server; the first question of Nix and of the gate alike may be its own."""

    proxied = True

    def arrange(self, stack: "Stack", folder: "Path") -> None:
        self.stack = stack
        self.stage_name = ""
        self.front: Front = front_of(stack)
        self.front.rule = self._rule

    def stage(self, name: str) -> None:
        self.stage_name = name

    def _rule(self, request: Request, forward: Forward) -> Answer | None:
        answer = self.lie(request, forward)
        if answer is NOT_MINE:
            return forward()
        self.count += 1
        return answer

    def lie(self, request: Request, forward: Forward) -> Answer | None:
        """The false answer; `NOT_MINE` passes the question on."""
        raise NotImplementedError


def is_nix(request: Request) -> bool:
    """Whether Nix asks (its ``filetransfer.cc``: ``curl/<version> Nix/<version>``)."""
    return "Nix/" in request.headers.get("user-agent", "")


def is_body(request: Request) -> bool:
    return bool(NAR.fullmatch(request.place))


def is_narinfo(request: Request) -> bool:
    return request.method in ("GET", "HEAD") and bool(NARINFO.fullmatch(request.place))


AnswerRule = Callable[[Any, Request, Forward], Answer | None]


def on_body(
    change: Callable[[Answer], Answer | None], *, when: Callable[[Request], bool] = lambda _: True
) -> AnswerRule:
    """A change of what comes for a NAR: of the redirect to S3, or of the body that Attic puts together."""

    def answer(self: AtticLiar, request: Request, forward: Forward) -> Answer | None:
        return change(forward()) if is_body(request) and when(request) else NOT_MINE

    return answer


def on_narinfo(
    change: Callable[[Answer], Answer | None], *, when: Callable[[Request], bool] = lambda _: True
) -> AnswerRule:
    def answer(self: AtticLiar, request: Request, forward: Forward) -> Answer | None:
        if not (is_narinfo(request) and when(request)):
            return NOT_MINE
        real = forward()
        changed = change(real) if real.status == 200 else real
        if changed == real:  # no such line: nothing false was said
            self.count -= 1
        return changed

    return answer


def on_upload(change: Callable[[Forward], Answer | None]) -> AnswerRule:
    def answer(self: AtticLiar, request: Request, forward: Forward) -> Answer | None:
        return change(forward) if request.method == "PUT" and request.place == UPLOAD else NOT_MINE

    return answer


def json_answer(value: object, status: int = 200) -> Answer:
    return Answer(status, (("Content-Type", "application/json"),), json.dumps(value).encode())


def field(pattern: bytes, value: bytes) -> Callable[[Answer], Answer]:
    """A line of a narinfo with another value."""
    return lambda real: replace(real, body=re.sub(rb"(?m)^" + pattern + rb": .*$", pattern + b": " + value, real.body))


def without(pattern: bytes) -> Callable[[Answer], Answer]:
    return lambda real: replace(real, body=re.sub(rb"(?m)^" + pattern + rb": .*\n", b"", real.body))


def flip(real: Answer) -> Answer:
    if not real.body:
        return replace(real, status=200, body=b"x" * 64)
    return replace(real, body=real.body[:-9] + bytes([real.body[-9] ^ 1]) + real.body[-8:])


def missing_none(self: AtticLiar, request: Request, forward: Forward) -> Answer | None:
    return json_answer({"missing_paths": []}) if request.place == MISSING and forward().status == 200 else NOT_MINE


def missing_page(self: AtticLiar, request: Request, forward: Forward) -> Answer | None:
    return (
        Answer(200, (("Content-Type", "text/html"),), PAGE)
        if request.place == MISSING and forward().status == 200
        else NOT_MINE
    )


def config_with(**changes: Any) -> AnswerRule:
    def answer(self: AtticLiar, request: Request, forward: Forward) -> Answer | None:
        if not request.place.startswith(CONFIG):
            return NOT_MINE
        real = forward()
        if real.status != 200:
            return NOT_MINE
        return json_answer({**json.loads(real.body), **changes})

    return answer


def to_nix(status: int) -> AnswerRule:
    def answer(self: AtticLiar, request: Request, forward: Forward) -> Answer | None:
        return Answer(status) if is_nix(request) and (is_body(request) or is_narinfo(request)) else NOT_MINE

    return answer


def everyone_may_read(self: AtticLiar, request: Request, forward: Forward) -> Answer | None:
    if "authorization" in request.headers or not request.place.endswith("/nix-cache-info"):
        return NOT_MINE
    front = self.front
    token = self.stack.attic.mint.read((MAIN, PROBE)).reveal()
    return front.forward(replace(request, headers={**request.headers, "authorization": f"bearer {token}"}))


class Memory(AtticLiar):
    """A cache that keeps what was read first, says nothing of it, and gives it when the objects are gone."""

    def arrange(self, stack: "Stack", folder: "Path") -> None:
        super().arrange(stack, folder)
        self.kept: dict[str, Answer] = {}
        self.headers: tuple[tuple[str, str], ...] = ()

    def _fill(self, place: str) -> Answer:
        """A body, from S3 where Attic redirects there: a cache follows."""
        front = self.front
        token = self.stack.attic.mint.read((MAIN, PROBE)).reveal()
        answer = front.forward(Request("GET", place, {"host": front.address, "authorization": f"bearer {token}"}, None))
        location = next((value for name, value in answer.headers if name.lower() == "location"), None)
        if location is not None:
            server = Front()
            host, _, path = location.removeprefix("http://").partition("/")
            server.target = (host.split(":")[0], int(host.split(":")[1]))
            answer = server.forward(Request("GET", f"/{path}", {"host": host}, None))
            server.stop()
        return answer

    def lie(self, request: Request, forward: Forward) -> Answer | None:
        if not is_body(request):
            return NOT_MINE
        if request.place not in self.kept:
            self.kept[request.place] = self._fill(request.place)
        answer = self.kept[request.place]
        return replace(answer, headers=(("Content-Type", "application/x-nix-nar"), *self.headers))


class Deleted(Memory):
    """Keeps every body from the moment that it was pushed, and the objects go at once."""

    words: tuple[tuple[str, str], ...] = ()

    def arrange(self, stack: "Stack", folder: "Path") -> None:
        super().arrange(stack, folder)
        self.headers = self.words
        self.old = stack.store.objects.keys(BUCKET)  # what later uploads are deduplicated by

    def stage(self, name: str) -> None:
        super().stage(name)
        if name.startswith("read:"):
            self._delete()

    def _delete(self) -> None:
        front = self.front
        token = self.stack.attic.mint.read((MAIN, PROBE)).reveal()
        headers = {"host": front.address, "authorization": f"bearer {token}"}
        for cache in (MAIN, PROBE):
            for path in stored_paths(self.stack.attic.database, cache):
                info = front.forward(Request("GET", f"/{cache}/{path.hash}.narinfo", headers, None))
                for url in re.findall(rb"(?m)^URL: (.*)$", info.body):
                    body = f"/{cache}/{url.decode()}"
                    if body not in self.kept:
                        self.kept[body] = self._fill(body)
        objects = self.stack.store.objects
        for key in sorted(objects.keys(BUCKET) - self.old):
            objects.delete(BUCKET, key)


class DeletedInWords(Deleted):
    """The same, with words that no list of ours has."""

    words = (("X-Cache", "RefreshHit from edge"), ("Age", "0"))


class DeletedTwice(Deleted):
    """The same, with two lines of one header, the last of them a miss."""

    words = (("X-Cache", "HIT"), ("X-Cache", "MISS from gw"))


class DeletedAgeList(Deleted):
    """The same, with a list of ages."""

    words = (("Age", "10, 20"),)


class DeletedLater(Deleted):
    """The same from the twin on: the canary pair is whole when it is read."""

    def stage(self, name: str) -> None:
        AtticLiar.stage(self, name)
        if name.startswith("read:") and name != "read:canary":
            self._delete()


class DeletedProfile(DeletedLater):
    """The same, and the objects of the canary pair stay."""

    def stage(self, name: str) -> None:
        if name == "read:canary":
            self.old = self.stack.store.objects.keys(BUCKET)
        super().stage(name)


def behind_the_proxy(self: AtticLiar) -> dict[str, Any]:
    """Settings that name the server behind the proxy as the origin."""
    assert self.front.target is not None
    place = "{}:{}".format(*self.front.target)
    hosts = (self.stack.attic.address, self.stack.store.objects.address, place)
    return {"origin_server": f"http://{place}", "hosts": hosts, "plain_http_hosts": hosts}


class DeletedBehind(Deleted):
    """The same; the server behind the proxy is named as the origin."""

    settings = behind_the_proxy


class MemoryBehind(Memory):
    settings = behind_the_proxy


class DeletedLaterBehind(DeletedLater):
    settings = behind_the_proxy


class DeletedInWordsBehind(DeletedInWords):
    settings = behind_the_proxy


class LogHeads(Liar):
    """The server's log is copied by a collector that puts a head before each line, and a storage error is in it."""

    head = "Dec 01 02:00:00 host atticd[1]: "
    line = "{head}{line}"
    error = True

    def arrange(self, stack: "Stack", folder: "Path") -> None:
        self.source = stack.attic.log
        self.copy = folder / "collected.log"
        self.copy.touch()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def settings(self) -> dict[str, Any]:
        return {"server_log": f"file://{self.copy}"}

    def _follow(self) -> None:
        position, answered = self.source.stat().st_size, False
        while not self.over.wait(0.05):
            data = self.source.read_bytes()
            end = data.rfind(b"\n") + 1
            fresh, position = data[position:end], max(position, end)
            for text in fresh.decode(errors="replace").splitlines():
                self._write(text)
                if self.error and not answered and "ERROR" in text:
                    answered = True
                    now = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
                    self._write(f"{now} ERROR attic_server::error: InternalServerError: Storage error: NoSuchBucket")

    def _write(self, text: str) -> None:
        self.count += 1
        with self.copy.open("a", encoding="utf-8") as file:
            file.write(self.wrap(text) + "\n")

    def wrap(self, text: str) -> str:
        return self.line.format(head=self.head, line=text)

    def end(self) -> None:
        if hasattr(self, "over"):
            self.over.set()
            self.thread.join(5)


class LogUnknownJson(LogHeads):
    """A collector's JSON whose keys nobody lists."""

    def wrap(self, text: str) -> str:
        return json.dumps({"zeit": 1, "nachricht": text})


class LogDocker(LogHeads):
    def wrap(self, text: str) -> str:
        return json.dumps({"log": text + "\n", "stream": "stderr", "time": "2026-12-01T00:00:00.000000000Z"})


class LogQuiet(LogHeads):
    """A collector that keeps no line with the word ``NoSuchBucket`` and says nothing of it."""

    def wrap(self, text: str) -> str:
        return text

    def _write(self, text: str) -> None:
        if "NoSuchBucket" in text:
            self.count += 1
            return
        with self.copy.open("a", encoding="utf-8") as file:
            file.write(text + "\n")


class LogEmpty(LogHeads):
    """A log that nothing is ever written to."""

    def _write(self, text: str) -> None:
        self.count += 1


SLOW = frozenset({VerdictWord.INCONCLUSIVE})


class BodyOfAnother(AtticLiar):
    """Sends the reader of a body to the body that was asked for before it."""

    last: Answer | None = None

    def lie(self, request: Request, forward: Forward) -> Answer | None:
        if not is_body(request) or request.method != "GET":
            return NOT_MINE
        before, self.last = self.last, forward()
        return before if before is not None else NOT_MINE


def redirect_to_itself(self: AtticLiar, request: Request, forward: Forward) -> Answer | None:
    return Answer(307, (("Location", request.path),)) if is_body(request) else NOT_MINE


class OnceLate(AtticLiar):
    """Is silent once, before the first body of the profile."""

    seconds = 7.0
    is_late = staticmethod(is_body)

    def lie(self, request: Request, forward: Forward) -> Answer | None:
        if self.count or is_nix(request) or self.stage_name != "read:profile" or not self.is_late(request):
            return NOT_MINE
        self.count += 1
        time.sleep(self.seconds)
        return forward()


class NarinfoLate(OnceLate):
    """The same, before the first narinfo."""

    is_late = staticmethod(is_narinfo)


def _attic(name: str, text: str, answer: Any, *, claims: tuple[str, ...] = ("bodies",), **more: Any) -> Lie:
    chosen = answer if isinstance(answer, type) else liar(AtticLiar, name, answer)
    return Lie(party=Party.ATTIC, name=f"attic-{name}", text=text, liar=chosen, claims=claims, **more)


def _cdn(name: str, text: str, answer: Any, *, claims: tuple[str, ...] = ("bodies",), **more: Any) -> Lie:
    chosen = answer if isinstance(answer, type) else liar(AtticLiar, name, answer)
    return Lie(party=Party.CDN, name=f"cdn-{name}", text=text, liar=chosen, claims=claims, **more)


EMPTY = Answer(200, (("Content-Type", "application/x-nix-nar"),))
LIES: tuple[Lie, ...] = (
    # --- what is missing, what was taken
    _attic(
        "missing-none",
        "get-missing-paths says that the cache has every fresh path",
        missing_none,
        claims=("written",),
        quick=True,
    ),
    _attic("missing-page", "get-missing-paths is a page of HTML with 200", missing_page, claims=("written",)),
    _attic(
        "upload-page",
        "every upload is answered by a page with 200",
        on_upload(lambda _: Answer(200, (("Content-Type", "text/html"),), PAGE)),
        claims=("written", "bodies"),
        quick=True,
    ),
    _attic(
        "upload-uploaded",
        "an upload is called uploaded and thrown away",
        on_upload(lambda _: json_answer({"kind": "Uploaded", "file_size": 100, "frac_deduplicated": 0.0})),
        claims=("written", "bodies"),
    ),
    _attic(
        "upload-deduplicated",
        "an upload is called deduplicated and thrown away",
        on_upload(lambda _: json_answer({"kind": "Deduplicated", "frac_deduplicated": None})),
        claims=("written", "bodies"),
    ),
    _attic(
        "upload-500",
        "an upload is written, and answered by 500",
        on_upload(
            lambda forward: (
                forward(),
                json_answer(
                    {
                        "code": 500,
                        "error": "InternalServerError",
                        "message": "The server encountered an internal error or misconfiguration.",
                    },
                    500,
                ),
            )[1]
        ),
        claims=("written",),
    ),
    _attic(
        "upload-all-known",
        "an upload is written, and called wholly deduplicated",
        on_upload(
            lambda forward: (forward(), json_answer({"kind": "Uploaded", "file_size": 100, "frac_deduplicated": 1.0}))[
                1
            ]
        ),
        claims=("written",),
    ),
    # --- bodies
    _attic(
        "body-empty",
        "bodies are 200 and empty",
        on_body(lambda _: EMPTY),
        words=frozenset({VerdictWord.QUARANTINE}),
        quick=True,
    ),
    _attic(
        "body-cut",
        "bodies end early under a whole length",
        on_body(lambda real: replace(real, announced=len(real.body) + 1000)),
    ),
    _attic("body-flip", "one bit of each body is wrong", on_body(flip)),
    _attic(
        "body-page",
        "bodies are a page of HTML with 200",
        on_body(lambda _: Answer(200, (("Content-Type", "text/html"),), PAGE)),
    ),
    _attic("body-404", "bodies are 404", on_body(lambda _: Answer(404))),
    _attic(
        "body-elsewhere",
        "bodies redirect to a host that nobody named",
        on_body(lambda _: Answer(307, (("Location", "http://203.0.113.9/nar"),))),
    ),
    _attic(
        "body-empty-for-nix",
        "bodies are whole for the gate and empty for Nix",
        on_body(lambda _: EMPTY, when=is_nix),
        claims=("bodies", "builders"),
        quick=True,
    ),
    _attic(
        "body-404-for-nix",
        "bodies are whole for the gate and 404 for Nix",
        on_body(lambda _: Answer(404), when=is_nix),
        claims=("bodies", "builders"),
    ),
    _attic(
        "body-empty-without-identity",
        "bodies are empty for who accepts other encodings than identity",
        on_body(lambda _: EMPTY, when=lambda request: request.headers.get("accept-encoding", "") != "identity"),
        claims=("bodies", "builders"),
    ),
    _attic(
        "narinfo-404-for-nix",
        "narinfos are 404 for Nix",
        on_narinfo(lambda _: Answer(404), when=is_nix),
        claims=("builders",),
    ),
    _attic("unauthorized-for-nix", "Nix's credentials are refused", to_nix(401), claims=("builders",), quick=True),
    _attic("forbidden-for-nix", "Nix's credentials have no right", to_nix(403), claims=("builders",)),
    _attic("busy-for-nix", "Nix gets 503", to_nix(503), claims=("builders",)),
    _attic(
        "body-trailing",
        "bodies go on behind the end of the NAR's stream",
        on_body(lambda real: replace(real, status=200, headers=(), body=real.body + b"x" * 64)),
    ),
    _attic(
        "body-206",
        "whole bodies are called partial (206)",
        on_body(lambda real: replace(real, status=206) if real.status == 200 else real),
    ),
    _attic("body-304", "bodies are not modified (304)", on_body(lambda _: Answer(304))),
    _attic("body-of-another", "each body is the one of the path that was read before it", BodyOfAnother),
    _attic("body-redirects-to-itself", "bodies redirect to themselves", redirect_to_itself),
    _attic("body-late", "the first body begins after 7 s", OnceLate, words=SLOW),
    # --- narinfos
    _attic("narinfo-late", "the first narinfo comes after 7 s", NarinfoLate, words=SLOW),
    _attic(
        "narinfo-two-urls",
        "narinfos have a second URL before their own",
        on_narinfo(lambda real: replace(real, body=b"URL: nar/" + b"0" * 52 + b".nar\n" + real.body)),
    ),
    _attic(
        "narinfo-second-signature",
        "narinfos have a foreign signature beside their own",
        on_narinfo(lambda real: replace(real, body=real.body + b"Sig: other:" + b"A" * 86 + b"==\n")),
        words=frozenset({VerdictWord.PASS}),
        harmless="one good signature of a trusted key is what Nix asks for",
    ),
    _attic("narinfo-unsigned", "narinfos have no signature", on_narinfo(without(b"Sig"))),
    _attic(
        "narinfo-foreign-signature",
        "narinfos are signed by another key of the same name",
        on_narinfo(field(b"Sig", b"main:" + b"A" * 86 + b"==")),
    ),
    _attic(
        "narinfo-other-hash", "narinfos tell another NarHash", on_narinfo(field(b"NarHash", b"sha256:" + b"0" * 52))
    ),
    _attic("narinfo-other-size", "narinfos tell another NarSize", on_narinfo(field(b"NarSize", b"12345"))),
    _attic(
        "narinfo-other-references",
        "narinfos name a reference that the path does not have",
        on_narinfo(field(b"References", b"a" * 32 + b"-other")),
        claims=("closure",),
    ),
    _attic(
        "narinfo-other-path",
        "narinfos are of another path",
        on_narinfo(field(b"StorePath", b"/nix/store/" + b"a" * 32 + b"-other")),
    ),
    _attic(
        "narinfo-absolute-url", "narinfos send to another host", on_narinfo(field(b"URL", b"http://203.0.113.9/nar"))
    ),
    _attic(
        "narinfo-page",
        "narinfos are a page of HTML with 200",
        on_narinfo(lambda _: Answer(200, (("Content-Type", "text/html"),), PAGE)),
    ),
    _attic(
        "narinfo-codec", "narinfos name another compression than the body has", on_narinfo(field(b"Compression", b"xz"))
    ),
    _attic(
        "narinfo-odd-url",
        "narinfos have a URL of another form than Attic's",
        on_narinfo(lambda real: replace(real, body=re.sub(rb"(?m)^URL: nar/", b"URL: ./nar/", real.body))),
    ),
    _attic(
        "narinfo-lzip", "narinfos name a codec that the gate cannot read", on_narinfo(field(b"Compression", b"lzip"))
    ),
    _attic(
        "error-like-success",
        "the error of a failed upload has a line that looks like the client's own success",
        on_upload(
            lambda _: json_answer(
                {"code": 400, "error": "RequestError", "message": "x\n✅ aaaa-bbbb (1.0 MiB/s)\n"}, 400
            )
        ),
        claims=("written",),
    ),
    # --- itself
    _attic(
        "other-key",
        "the cache names another public key",
        config_with(public_key="main:" + "A" * 43 + "="),
        claims=("cache",),
    ),
    _attic(
        "substituter-elsewhere",
        "the cache sends its readers to another place",
        config_with(substituter_endpoint="http://203.0.113.9/main"),
        claims=("cache",),
    ),
    _attic(
        "public",
        "the cache calls itself public",
        config_with(is_public=True),
        claims=("access",),
        words=frozenset({VerdictWord.PASS}),
        harmless="a control shows that a read without a token is denied, whatever the description says",
    ),
    _attic("everyone-reads", "a read without a token is allowed", everyone_may_read, claims=("access",)),
    # --- its log
    *(
        Lie(party=Party.ATTIC, name=f"attic-log-{name}", text=text, liar=chosen, claims=("log",), **more)
        for name, text, chosen, more in (
            (
                "journald",
                "each line of the log has journald's head, and one tells a storage error",
                LogHeads,
                {"quick": True},
            ),
            (
                "unknown-json",
                "each line of the log is wrapped in JSON that nobody knows, and one tells a storage error",
                LogUnknownJson,
                {},
            ),
            ("docker", "each line of the log is wrapped by docker, and one tells a storage error", LogDocker, {}),
            ("empty", "nothing is ever written to the log", LogEmpty, {}),
            (
                "quiet",
                "a collector drops the lines with storage errors",
                LogQuiet,
                {
                    "words": frozenset({VerdictWord.PASS}),
                    "unseen": "log-filtered",
                },
            ),
        )
    ),
    # --- caches before it
    _cdn(
        "deleted",
        "bodies come from the memory of a proxy that says nothing; their objects are gone",
        Deleted,
        claims=("bodies", "stored"),
        quick=True,
    ),
    _cdn("deleted-refresh-hit", "the same, and X-Cache says RefreshHit", DeletedInWords, claims=("bodies", "stored")),
    _cdn(
        "deleted-two-lines",
        "the same, and one of two X-Cache lines says MISS",
        DeletedTwice,
        claims=("bodies", "stored"),
    ),
    _cdn("deleted-age-list", "the same, and Age is a list", DeletedAgeList, claims=("bodies", "stored")),
    _cdn(
        "deleted-behind",
        "the same as deleted; the server behind the proxy is named as the origin",
        DeletedBehind,
        claims=("bodies", "stored"),
        words=frozenset({VerdictWord.QUARANTINE}),
        codes=("body-missing",),
        quick=True,
    ),
    _cdn(
        "follows-behind",
        "bodies come from a proxy that follows redirects; the server behind it is named as the origin",
        MemoryBehind,
        claims=("bodies", "stored"),
        words=frozenset({VerdictWord.PASS}),
        harmless="the objects are there, and the origin gives the same bodies",
    ),
    _cdn(
        "deleted-refresh-hit-behind",
        "the same, and X-Cache says RefreshHit",
        DeletedInWordsBehind,
        claims=("bodies", "stored"),
        words=frozenset({VerdictWord.QUARANTINE}),
        codes=("body-missing",),
    ),
    _cdn(
        "deleted-later",
        "the same as deleted, from the profile on alone; no origin is named",
        DeletedLater,
        claims=("bodies", "stored"),
        codes=("store-canary-absent",),
    ),
    _cdn(
        "deleted-profile",
        "the same, and the objects of the canary pair stay",
        DeletedProfile,
        claims=("bodies",),
        words=frozenset({VerdictWord.PASS}),
        unseen="cache-without-headers",
    ),
    _cdn(
        "deleted-later-behind",
        "the same, and the server behind the proxy is named as the origin",
        DeletedLaterBehind,
        claims=("bodies",),
        words=frozenset({VerdictWord.QUARANTINE}),
        codes=("body-missing",),
    ),
    _cdn("narinfo-age", "narinfos bear an Age", on_narinfo(lambda real: real.with_header("Age", "60"))),
    _cdn(
        "narinfo-x-cache",
        "narinfos bear X-Cache: Hit from cloudfront",
        on_narinfo(lambda real: real.with_header("X-Cache", "Hit from cloudfront")),
    ),
    _cdn(
        "gzip",
        "bodies bear Content-Encoding: gzip",
        on_body(lambda real: real.with_header("Content-Encoding", "gzip") if real.status == 200 else real),
    ),
    _cdn(
        "config-age",
        "the cache's description bears an Age",
        lambda self, request, forward: (
            forward().with_header("Age", "600") if request.place.startswith(CONFIG) else NOT_MINE
        ),
        claims=("cache",),
    ),
    _cdn(
        "missing-age",
        "get-missing-paths bears an Age",
        lambda self, request, forward: forward().with_header("Age", "600") if request.place == MISSING else NOT_MINE,
        claims=("written",),
    ),
)
