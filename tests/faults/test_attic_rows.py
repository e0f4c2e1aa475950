"""Rows of the fault matrix in the layer Attic server: a real read of one path from a scripted server, in a whole run.

The path is one of a run that is healthy otherwise; what the real sense recorded of it takes the place of its reads.
Each test asserts the verdict and the code, and that the server was asked where the fault lies.
"""

import hashlib
import json
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gate import limits
from gate.clock import SystemClock
from gate.errors import StoppedError
from gate.judge.body_class import body_class
from gate.model import records
from gate.model.basics import Claim, Label, Secret, Truth, VerdictWord
from gate.net import HostList, Http
from gate.observe.attic import AtticApi
from gate.observe.controls import absent_path_is_404, no_token_read, read_only_push_denied
from gate.observe.nar_bodies import Access, NarTarget, read_bodies
from gate.parse.narinfo import leads_elsewhere
from gate.parse.store_path import to_nix32
from gate.probe.identify import identify_caches
from gate.probe.plan import stopped
from gate.process import CancelToken
from tests.helpers import runs
from tests.helpers.nars import zstd_frames
from tests.helpers.runs import Run, answer, healthy
from tests.unit.observe.raw_http import RawServer, Request, nar_of, serving

Handler = Callable[[Request], None]
HASH = "0c5b8vw40dy178xlpddw65q9gf1h2186"
PATH = f"/nix/store/{HASH}-thing"
NAR = nar_of(random.Random(7).randbytes(200_000))
ZSTD = zstd_frames(NAR)  # four frames, as Attic sends four chunks
SIGNED = "X-Amz-Credential=AKIAEXAMPLE&X-Amz-Signature=" + "5e" * 32
TOKEN = Secret("eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl")
ATTIC_404 = b'{"code":404,"error":"NoSuchObject","message":"The requested object does not exist."}'
NO_KEY = b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
FACTS = records.PathFacts(
    store_path=PATH,
    nar_hash=f"sha256:{to_nix32(hashlib.sha256(NAR).digest())}",
    nar_size=len(NAR),
    references=(),
    signatures=(),
    ultimate=True,
)
INFO = runs.narinfo(FACTS)


@pytest.fixture(autouse=True)
def _one_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "SOURCES", (FACTS, *runs.SOURCES[1:]))


def serve(nar: Handler | bytes = ZSTD, info: Handler | str = INFO) -> Handler:
    """The cache: bytes and text are a 200 of them."""

    def handler(request: Request) -> None:
        result = info if request.path.endswith(".narinfo") else nar
        if callable(result):
            result(request)
        else:
            request.answer(200, result.encode() if isinstance(result, str) else result)

    return handler


def read_from(server: RawServer, *hosts: str, reads: int = 3) -> list[records.BodyRead]:
    """So many spaced reads, as a run makes of a path that fails."""
    facts = (server.host, *hosts)
    access = Access(cache_url=f"{server.url}/main", token=TOKEN, hosts=HostList(facts, facts))
    target = NarTarget(label=Label.PROFILE, cache="main", store_path=PATH, nar_size=len(NAR))
    return [
        record
        for attempt in range(1, reads + 1)
        for record in read_bodies(
            [target],
            access=access,
            jobs=1,
            attempt=attempt,
            deadline_seconds=60.0,
            cancel=CancelToken(),
            clock=SystemClock(),
        )
    ]


def run_with(reads: list[records.BodyRead]) -> Run:
    """The healthy run in which these are the reads of the path."""
    rows: list[records.Record] = []
    for record in healthy().records:
        ours = isinstance(record, records.BodyRead) and record.store_path == PATH
        rows.extend(reads if ours else [record])
    return Run(tuple(rows), healthy().files)


def expect(run: Run, word: VerdictWord, code: str) -> None:
    verdict = run.judged()[1]
    exits = {VerdictWord.PASS: 0, VerdictWord.REFUSED: 2, VerdictWord.INCONCLUSIVE: 3, VerdictWord.QUARANTINE: 4}
    assert (verdict.word, verdict.exit_code) == (word, exits[word]), run.rows()
    status = {VerdictWord.INCONCLUSIVE: "inconclusive", VerdictWord.QUARANTINE: "fail"}.get(word)
    assert run.rows() == ({(code, status)} if status else set())


def judged(handler: Handler, word: VerdictWord, code: str, *, reads: int = 3, asked: int | None = None) -> RawServer:
    """Read the path from this server, and expect this of the run; ``asked`` is how often the body was."""
    with serving(handler) as server:
        run = run_with(read_from(server, reads=reads))
    expect(run, word, code)
    bodies = [path for path in server.paths() if not path.endswith(".narinfo")]
    assert len(server.paths()) - len(bodies) == reads
    assert asked is None or len(bodies) == asked
    return server


def test_the_same_run_without_a_fault_passes() -> None:
    judged(serve(), VerdictWord.PASS, "", reads=1, asked=1)


# ------------------------------------------------------------------------------------------------------------- bodies


@pytest.mark.row("ATS-01")
@pytest.mark.parametrize("claim", ["(deduplicated)", "already cached"])
def test_ats_01_what_the_client_claims_is_no_proof_of_a_body(claim: str) -> None:
    with (
        serving(lambda request: request.answer(404, NO_KEY, Content_Type="application/xml")) as store,
        serving(serve(lambda request: request.answer(307, Location=f"{store.url}/attic/x.chunk?{SIGNED}"))) as server,
    ):
        run = run_with(read_from(server, store.host))
    names = [facts.store_path.removeprefix("/nix/store/") for facts in runs.SOURCES[1:]]
    pushed = "".join(f"✅ {name} (8.31 KiB/s)\n" for name in names)
    knowledge = [facts.store_path.removeprefix("/nix/store/")[:32] for facts in runs.SOURCES]
    if claim == "(deduplicated)":
        head = '⚙️ Pushing 11 paths to "main" on "gate" (0 already cached, 0 in upstream)...\n'
        log = f"{head}✅ {HASH}-thing (deduplicated)\n{pushed}"
    else:
        log = f'⚙️ Pushing 10 paths to "main" on "gate" (1 already cached, 0 in upstream)...\n{pushed}'
        knowledge = knowledge[1:]
    requests = json.dumps({"missing_paths": knowledge})
    run = run.with_file("push-profile.log", log.encode()).change(
        records.MissingAsked,
        lambda record: replace(record, answer=answer(body=requests)) if record.label is Label.PROFILE else record,
    )
    claims = {path.store_path: path.claim for path in run.facts().push.paths}
    assert claims[PATH] is (Claim.DEDUPLICATED if claim == "(deduplicated)" else Claim.ALREADY_CACHED)
    expect(run, VerdictWord.QUARANTINE, "body-missing")
    assert len(store.requests) == 3


@pytest.mark.row("ATS-03")
@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (404, ATTIC_404, "body-missing"),
        (404, NO_KEY, "body-missing"),
        (500, b'{"code":500,"error":"InternalServerError","message":"x"}', "body-server-error"),
    ],
)
def test_ats_03_a_narinfo_without_its_body(status: int, text: bytes, code: str) -> None:
    judged(serve(lambda request: request.answer(status, text)), VerdictWord.QUARANTINE, code, asked=3)


@pytest.mark.row("ATS-04")
def test_ats_04_the_server_says_that_a_chunk_is_missing() -> None:
    text = b'{"code":503,"error":"IncompleteNar","message":"The requested NAR has missing chunks."}'
    judged(serve(lambda request: request.answer(503, text)), VerdictWord.QUARANTINE, "body-server-error", asked=3)


def borders() -> list[int]:
    """Every border of a chunk's frame with its neighbours, and the ends."""
    sizes = [len(zstd_frames(NAR[at : at + 65536])) for at in range(0, len(NAR), 65536)]
    edges = [sum(sizes[:count]) for count in range(len(sizes) + 1)]
    return sorted({edge + near for edge in edges for near in (-1, 0, 1) if 0 <= edge + near < len(ZSTD)})


@pytest.mark.row("ATS-06")
@pytest.mark.parametrize("framing", ["content-length", "chunked", "closed", "ended"])
def test_ats_06_a_stream_that_breaks_after_its_200_at_any_border(framing: str) -> None:
    def handler(request: Request) -> None:
        part = ZSTD[:cut]
        if framing == "content-length":
            request.raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(ZSTD) + part, close=True)
        elif framing == "chunked":
            piece = b"%x\r\n" % len(part) + part + b"\r\n" if part else b""
            request.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + piece, close=True)
        elif framing == "closed":
            request.raw(b"HTTP/1.1 200 OK\r\n\r\n" + part, close=True)
        else:
            request.answer(200, part)

    assert len(borders()) >= 12
    for cut in borders():
        judged(serve(handler), VerdictWord.QUARANTINE, "body-short" if cut else "body-empty", reads=1, asked=1)


@pytest.mark.row("ATS-08")
def test_ats_08_one_read_in_some_is_truncated() -> None:
    times: list[int] = []

    def handler(request: Request) -> None:
        times.append(1)
        request.answer(200, ZSTD[:-1] if len(times) == 1 else ZSTD)

    judged(serve(handler), VerdictWord.INCONCLUSIVE, "body-flapping", asked=3)
    assert len(times) == 3


@pytest.mark.row("ATS-13")
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (NAR[:1000] + bytes([NAR[1000] ^ 1]) + NAR[1001:], "body-corrupt"),
        (nar_of(b"x" * 100), "body-foreign"),
    ],
)
def test_ats_13_a_signature_does_not_vouch_for_a_body(content: bytes, code: str) -> None:
    with serving(serve(zstd_frames(content))) as server:
        run = run_with(read_from(server))
    expect(run, VerdictWord.QUARANTINE, code)
    (body,) = [body for body in run.facts().bodies if body.store_path == PATH]
    assert {read.signed for read in body.reads} == {Truth.PRESENT}
    assert len(server.paths()) == 6


@pytest.mark.row("ATS-15")
@pytest.mark.parametrize(
    ("info", "data", "word", "code"),
    [
        (INFO, NAR, VerdictWord.INCONCLUSIVE, "body-codec-mismatch"),
        (INFO, b"\xfd7zXZ\x00" + b"\0" * 40, VerdictWord.INCONCLUSIVE, "body-codec-mismatch"),
        (INFO.replace("zstd", "none"), ZSTD, VerdictWord.INCONCLUSIVE, "body-codec-mismatch"),
        (
            INFO.replace("zstd", "lzip"),
            ZSTD,
            VerdictWord.INCONCLUSIVE,
            "body-codec-unread",
        ),  # Nix reads it, and we do not
    ],
)
def test_ats_15_a_codec_is_not_guessed(info: str, data: bytes, word: VerdictWord, code: str) -> None:
    judged(serve(data, info), word, code, asked=0 if "lzip" in info else 3)


@pytest.mark.row("ATS-20")
@pytest.mark.parametrize(
    ("lengths", "word", "code"),
    [
        ([len(ZSTD) + 1], VerdictWord.INCONCLUSIVE, "body-misframed"),
        ([2**40], VerdictWord.INCONCLUSIVE, "body-misframed"),
        ([len(ZSTD) - 1], VerdictWord.QUARANTINE, "body-short"),
        ([0], VerdictWord.QUARANTINE, "body-empty"),
    ],
)
def test_ats_20_a_length_that_lies(lengths: list[int], word: VerdictWord, code: str) -> None:
    """With every byte of the NAR there, only the answer is wrong.

    A length that is too small is stricter than the row: a client sees what it sees of an object that lost its end, and
    of the incident's body, so the two can't be determined apart, and of the two the loss has to be ruled out.
    """

    def handler(request: Request) -> None:
        head = "".join(f"Content-Length: {length}\r\n" for length in lengths)
        request.raw(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + ZSTD, close=True)

    judged(serve(handler), word, code, asked=3)


@pytest.mark.row("ATS-20")
@pytest.mark.parametrize("size", [len(ZSTD) - 1, len(ZSTD) - 5, len(ZSTD) // 2])
def test_ats_20_a_body_that_ends_before_its_length_is_short(size: int) -> None:
    """Of the very same answer with a byte less the NAR is not whole, and that is the failure class."""

    def handler(request: Request) -> None:
        request.raw(f"HTTP/1.1 200 OK\r\nContent-Length: {len(ZSTD)}\r\n\r\n".encode() + ZSTD[:size], close=True)

    judged(serve(handler), VerdictWord.QUARANTINE, "body-short", asked=3)


@pytest.mark.row("ATS-20")
@pytest.mark.parametrize("lengths", [["-1"], ["x"], ["5", str(len(ZSTD))], [str(len(ZSTD)), "5"]])
def test_ats_20_a_length_that_is_none_never_makes_a_body_whole(lengths: list[str]) -> None:
    def handler(request: Request) -> None:
        head = "".join(f"Content-Length: {length}\r\n" for length in lengths)
        request.raw(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + ZSTD, close=True)

    with serving(serve(handler)) as server:
        run = run_with(read_from(server))
    assert run.word() in ("inconclusive", "quarantine")
    assert {code for code, _ in run.rows()} <= {"body-unread", "body-short", "body-empty", "body-misframed"}
    assert len(server.paths()) == 6


@pytest.mark.row("ATS-21")
@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "GZIP, br"])
def test_ats_21_an_encoding_that_nobody_asked_for(encoding: str) -> None:
    server = judged(
        serve(lambda request: request.answer(200, ZSTD, Content_Encoding=encoding)),
        VerdictWord.INCONCLUSIVE,
        "body-encoded",
        asked=3,
    )
    assert {request.headers.get("accept-encoding", "identity") for request in server.requests} == {"identity"}


@pytest.mark.row("ATS-21")
def test_ats_21_an_encoded_body_is_not_decoded() -> None:
    import gzip  # alone here

    packed = gzip.compress(ZSTD)
    handler = serve(lambda request: request.answer(200, packed, Content_Encoding="gzip"))
    judged(handler, VerdictWord.INCONCLUSIVE, "body-codec-mismatch", asked=3)
    judged(serve(lambda request: request.answer(200, ZSTD, Content_Encoding="identity")), VerdictWord.PASS, "", reads=1)


@pytest.mark.row("ATS-23")
@pytest.mark.parametrize("header", [{"Age": "12"}, {"X-Cache": "HIT"}, {"Via": "1.1 varnish", "X_Cache": "Hit from x"}])
@pytest.mark.parametrize("where", ["narinfo", "body"])
def test_ats_23_an_answer_of_a_cache_on_the_way(header: dict[str, str], where: str) -> None:
    info = INFO.encode()
    handler = (
        serve(ZSTD, lambda request: request.answer(200, info, **header))
        if where == "narinfo"
        else serve(lambda request: request.answer(200, ZSTD, **header))
    )
    judged(handler, VerdictWord.INCONCLUSIVE, "body-from-a-cache", asked=3)


@pytest.mark.row("ATS-23")
def test_ats_23_a_gateway_alone_is_no_cache() -> None:
    headers = {"Via": "1.1 gateway", "X_Cache": "MISS", "Age": "0"}
    judged(serve(lambda request: request.answer(200, ZSTD, **headers)), VerdictWord.PASS, "", reads=1)


@pytest.mark.row("ATS-29")
def test_ats_29_an_object_that_vanishes_after_a_good_push() -> None:
    absence: list[bool] = []

    def info(request: Request) -> None:
        request.answer(404, ATTIC_404) if absence else request.answer(200, INFO.encode())

    with serving(serve(ZSTD, info)) as server:
        good = read_from(server, reads=1)
        absence.append(True)
        late = [replace(read, again_after_post=True) for read in read_from(server, reads=3)]
    assert [read.nar is not None for read in (*good, *late)] == [True, False, False, False]
    expect(run_with([*good, *late]), VerdictWord.QUARANTINE, "body-missing")


@pytest.mark.row("ATS-32")
def test_ats_32_time_runs_out_before_every_path_is_read() -> None:
    many = tuple(runs.path_facts(f"many-{number}") for number in range(500))
    runs.SOURCES = many
    unread = {facts.store_path for facts in many[300:]}
    run = (
        healthy()
        .with_policy(max_paths=5000)
        .change(records.BodyRead, lambda record: None if record.store_path in unread else record)
    )
    expect(run, VerdictWord.INCONCLUSIVE, "body-unread")
    facts = run.facts()
    assert sum(body_class(body) == "body-unread" for body in facts.bodies) == 200
    assert (facts.coverage.expected_paths, facts.coverage.proved_paths) == (502, 302)


# ----------------------------------------------------------------------------------------------------------- narinfos

FIELDS = ("StorePath", "URL", "Compression", "NarHash", "NarSize", "References", "Sig")


def garbled() -> Iterator[str]:
    lines = INFO.removesuffix("\n").split("\n")
    for field in FIELDS:
        (line,) = [line for line in lines if line.startswith(f"{field}:")]
        rest = [other for other in lines if other != line]
        needed = field not in ("Compression", "Sig")  # bzip2 is a default, no signature has its own code
        for changed in (
            *([rest] if needed else []),
            *([[*lines, line]] if field != "Sig" else []),
            [*rest, f"{field}:{line.partition(': ')[2]}"],
            [*rest, line + "\r"],
            [*rest, line + "\x00"],
            [*rest, f" {line}"],
        ):
            yield "\n".join([*changed, ""])
    for old, new in (
        (f"NarSize: {len(NAR)}", "NarSize: -1"),
        (f"NarSize: {len(NAR)}", "NarSize: 0x10"),
        (f"NarSize: {len(NAR)}", "NarSize: 1e9"),
        (f"NarSize: {len(NAR)}", "NarSize: " + "9" * 40),
        ("NarHash: sha256:", "NarHash: md5:"),
        ("NarHash: sha256:", "NarHash: sha256:e"),
        ("URL: nar/", "URL: \u2028nar/"),
        ("StorePath: /nix/store/", "StorePath: "),
    ):
        yield INFO.replace(old, new)
    yield INFO[:-1]
    yield INFO[:40]
    yield INFO + INFO
    yield "<html>sign in</html>"
    yield "\n"


@pytest.mark.row("ATS-09")
def test_ats_09_a_narinfo_that_is_none() -> None:
    variants = list(garbled())
    assert len(variants) >= 30
    words: set[str] = set()
    for text in variants:
        with serving(serve(ZSTD, text)) as server:
            run = run_with(read_from(server, reads=1))
        words.add(run.word())
        assert run.rows() in ({("body-narinfo-unreadable", "inconclusive")}, {("body-url-denied", "fail")}), text
        assert server.paths() == [f"/main/{HASH}.narinfo"]
    assert "inconclusive" in words
    assert "pass" not in words


@pytest.mark.row("ATS-10")
@pytest.mark.parametrize("other", [f"/nix/store/{'1' * 32}-thing", f"/nix/store/{HASH}-other"])
def test_ats_10_a_narinfo_of_another_path(other: str) -> None:
    judged(serve(ZSTD, INFO.replace(PATH, other)), VerdictWord.QUARANTINE, "body-foreign")


DENIED = (
    *("http://127.0.0.1:PORT/x.nar", "https://127.0.0.1:PORT/x.nar", "HTTP://127.0.0.1:PORT/x", "//127.0.0.1:PORT/x"),
    *("file:///etc/passwd", "file:x.nar", "s3://bucket/x.nar", "data:,x", "ftp://127.0.0.1:PORT/x", "ssh://h/x"),
    *("http://user:word@127.0.0.1:PORT/x", "http:/x.nar", "http:x.nar", "://x", ":x", "javascript:x"),
    *("../x.nar", "nar/../x.nar", f"nar/../nar/{HASH}.nar", "nar/./x.nar", "./x.nar", f"./nar/{HASH}.nar"),
    *("%2e%2e/x.nar", "nar/%2e%2e/x.nar", f"nar%2f{HASH}.nar", f"n%61r/{HASH}.nar", "..%2fx.nar", "%2f%2fh/x"),
    *("/nar/x.nar", f"/nar/{HASH}.nar", f"/main/nar/{HASH}.nar", f"//nar/{HASH}.nar", "\\\\h\\x", "nar\\x.nar"),
    *(f"nar/{'0' * 32}.nar", f"nar/{HASH}.nar?x=1", f"nar/{HASH}.nar#x", f"nar/{HASH}.nar/", f"nar//{HASH}.nar"),
    *(f"nar/{HASH}.nar.zst", f"nar/{HASH}", f"NAR/{HASH}.nar", f"nar/{HASH.upper()}.nar", "nar/", ".", ".."),
)


@pytest.mark.row("ATS-11")
def test_ats_11_a_url_that_leads_elsewhere_is_never_asked() -> None:
    assert len([url for url in DENIED if leads_elsewhere(url)]) >= 30
    for url in DENIED:
        with socket.create_server(("127.0.0.1", 0)) as trap:
            trap.setblocking(False)
            text = INFO.replace(f"nar/{HASH}.nar", url.replace("PORT", str(trap.getsockname()[1])))
            outlier = not leads_elsewhere(url)
            word, code = (
                (VerdictWord.INCONCLUSIVE, "body-narinfo-unreadable")
                if outlier
                else (VerdictWord.QUARANTINE, "body-url-denied")
            )
            server = judged(serve(ZSTD, text), word, code, reads=1, asked=0)
            assert server.paths() == [f"/main/{HASH}.narinfo"], url
            with pytest.raises(BlockingIOError):
                trap.accept()


@pytest.mark.row("ATS-11")
@pytest.mark.parametrize("url", [f"nar/{HASH}.nar\r\nX: y", f"nar/{HASH}.nar\rX: y", f"nar/{HASH}.nar\0", ""])
def test_ats_11_a_url_that_breaks_the_line_makes_the_narinfo_unreadable(url: str) -> None:
    text = INFO.replace(f"nar/{HASH}.nar", url)
    judged(serve(ZSTD, text), VerdictWord.INCONCLUSIVE, "body-narinfo-unreadable", reads=1, asked=0)


@pytest.mark.row("ATS-14")
@pytest.mark.parametrize("reads", [1, 3])
def test_ats_14_a_reference_that_the_cache_lacks(reads: int) -> None:
    """The push set is closed under references, so the reference is a path of the plan like any other."""
    output = replace(runs.SOURCES[1], references=(PATH,))
    runs.SOURCES = (FACTS, output, *runs.SOURCES[2:])
    assert PATH in {facts.store_path for facts in runs.SOURCES}
    with serving(serve(ZSTD, lambda request: request.answer(404, ATTIC_404))) as server:
        run = run_with(read_from(server, reads=reads))
    expect(run, VerdictWord.QUARANTINE, "body-missing")
    assert len(server.paths()) == reads


@pytest.mark.row("ATS-30")
def test_ats_30_another_client_has_overwritten_the_path() -> None:
    """The other content is whole, and signed by the cache's own key: only the local store tells."""
    content = nar_of(b"other" * 1000)
    theirs = replace(FACTS, nar_hash=f"sha256:{to_nix32(hashlib.sha256(content).digest())}", nar_size=len(content))
    judged(serve(zstd_frames(content), runs.narinfo(theirs)), VerdictWord.QUARANTINE, "body-foreign")


# ---------------------------------------------------------------------------------------------------------- redirects


@pytest.mark.row("ATS-18")
def test_ats_18_a_presigned_redirect_takes_no_credential_along_and_leaves_none_behind() -> None:
    with (
        serving(lambda request: request.answer(200, ZSTD)) as store,
        serving(serve(lambda request: request.answer(307, Location=f"{store.url}/attic/x?{SIGNED}"))) as server,
    ):
        run = run_with(read_from(server, store.host, reads=1))
    expect(run, VerdictWord.PASS, "")
    (request,) = store.requests
    assert request.path == f"/attic/x?{SIGNED}"
    assert not {"authorization", "cookie", "proxy-authorization", "referer"} & set(request.headers)
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN.reveal()}"
    for secret in ("5e5e5e", "AKIAEXAMPLE", TOKEN.reveal()):
        assert secret not in repr(run.facts())


@pytest.mark.row("ATS-19")
@pytest.mark.parametrize(
    ("location", "most"),
    [
        ("/again", 1 + limits.REDIRECTS),
        ("http://169.254.169.254/latest/meta-data/", 1),
        ("http://[::1]:1/x", 1),
        ("https://127.0.0.1:1/x", 1),
        ("file:///etc/passwd", 1),
        ("gopher://127.0.0.1:1/x", 1),
        ("", 1),
    ],
)
def test_ats_19_a_redirect_that_is_not_followed(location: str, most: int) -> None:
    with serving(serve(lambda request: request.answer(307, Location=location))) as server:
        reads = read_from(server, reads=1)
    expect(run_with(reads), VerdictWord.INCONCLUSIVE, "body-redirect-denied")
    assert len(server.paths()) == 1 + most
    assert reads[0].nar is not None
    assert reads[0].nar.error in ("refused-redirect", "refused-host", "too-many-redirects")


# ----------------------------------------------------------------------------------------------------------- controls


@contextmanager
def attic_of(handler: Handler) -> Iterator[tuple[AtticApi, RawServer]]:
    with serving(handler) as server:
        http = Http((server.host,), (server.host,), clock=SystemClock(), cancel=CancelToken())
        try:
            yield AtticApi(http, server.url), server
        finally:
            http.close()


def with_control(tried: records.ControlTried) -> Run:
    return healthy().change(records.ControlTried, lambda record: tried if record.name == tried.name else record)


@pytest.mark.row("ATS-16")
def test_ats_16_a_cache_that_answers_without_a_token() -> None:
    with attic_of(lambda request: request.answer(200, b"StoreDir: /nix/store\n")) as (attic, server):
        tried = no_token_read(attic, "main")
    assert (tried.fired, len(server.requests)) == (Truth.ABSENT, 1)
    assert "authorization" not in server.requests[0].headers
    expect(with_control(tried), VerdictWord.INCONCLUSIVE, "control-not-fired")
    declared = with_control(tried).with_policy(cache_public=True)
    assert declared.word() == "pass"
    assert "control-not-here" in {finding.code for finding in declared.judged()[0]}


@pytest.mark.row("ATS-17")
def test_ats_17_a_token_to_read_that_may_push() -> None:
    with attic_of(lambda request: request.answer(200, b'{"missing_paths":[]}')) as (attic, server):
        tried = read_only_push_denied(attic, "main", TOKEN)
    assert (tried.fired, server.paths()) == (Truth.ABSENT, ["/_api/v1/get-missing-paths"])
    expect(with_control(tried), VerdictWord.QUARANTINE, "control-token-overprivileged")


@pytest.mark.row("ATS-22")
def test_ats_22_a_server_that_has_everything() -> None:
    with attic_of(lambda request: request.answer(200, INFO.encode())) as (attic, server):
        tried = absent_path_is_404(attic, "main", TOKEN)
    assert (tried.fired, len(server.requests)) == (Truth.ABSENT, 1)
    expect(with_control(tried), VerdictWord.INCONCLUSIVE, "control-not-fired")


@pytest.mark.row("ATS-31")
def test_ats_31_a_cache_that_does_not_exist_stops_the_run_before_the_push() -> None:
    class Site:
        """What `identify_caches` needs of a run."""

        policy = runs.policy(probe_cache="main")
        read_tokens = {"main": TOKEN}  # noqa: RUF012  # of one test
        written: list[Any] = []  # noqa: RUF012  # the same

        def __init__(self, attic: AtticApi) -> None:
            self.attic = attic

        def write(self, record: Any) -> None:
            self.written.append(record)

    recorded = Path(__file__).parents[2] / "fixtures/recordings/attic/no-such-cache"
    text = b'{"code":404,"error":"NoSuchCache","message":"The requested cache does not exist."}'
    assert b"NoSuchCache" in b"".join(file.read_bytes() for file in recorded.iterdir())
    with attic_of(lambda request: request.answer(404, text)) as (attic, server):
        site = Site(attic)
        with pytest.raises(StoppedError, match="the server has no cache main: check attic-cache") as stop:
            identify_caches(site)  # type: ignore[arg-type]  # a stand-in of what it needs
    assert (stop.value.exit_code, len(server.requests), len(site.written)) == (3, 1, 1)
    run = healthy()
    first = run.records[0]
    assert isinstance(first, records.RunStarted)
    ended = Run((first, site.written[0], stopped(stop.value), records.RunComplete()), {})
    verdict = ended.judged()[1]
    assert (verdict.word, verdict.exit_code) == (VerdictWord.INCONCLUSIVE, 3)
    assert ("cache-missing", "inconclusive") in ended.rows()
