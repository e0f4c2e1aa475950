"""Rows of the fault matrix in the layer S3 (bucket scope), through the real senses to the verdict.

Each test asserts the class, the reason code, the verdict and that its fault happened. Rows that speak of lists of keys
are tried on the list of state objects, the only one that the gate reads.
"""

import gzip
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from gate.clock import SystemClock
from gate.judge.state_readiness import judge_readiness
from gate.model.basics import BucketState, Secret, VerdictWord
from gate.model.operators import Level, Readiness, ReadinessSeen
from gate.net import Http
from gate.observe.s3 import S3
from gate.observe.scratch import Door
from gate.observe.state_object import find_states, read_states
from gate.render.operators import readiness_text
from tests.helpers.bucket_verdicts import expect, judged, rca
from tests.helpers.scripted_s3 import (
    TOO_LARGE,
    XML,
    Answer,
    Script,
    answering,
    drive,
    error,
    listing,
    objects,
    samples,
    store,
)
from tests.unit.observe.raw_http import Request, serving

LOST = BucketState.INDEX_LOST
UNSEEN = BucketState.UNOBSERVABLE
NO_BUCKET = answering(404, error("NoSuchBucket"), Content_Type=XML)
SOON = 60  # seconds; what is done at once takes a small part of one
LAUGHS = b'<!DOCTYPE a [<!ENTITY l0 "lol">%s]><a>&l30;</a>' % b"".join(
    b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 31)
)
STATE = b'{"version": 4, "serial": 7, "lineage": "l", "outputs": {}, "resources": []}'


def tokens(pages: dict[str, tuple[int, bytes]]) -> Answer:
    """Pages by the token that they are asked with."""

    def answer(request: Request) -> None:
        requests = request.path.partition("continuation-token=")[2].partition("&")[0]
        status, body = pages[requests]
        request.answer(status, body, Content_Type=XML)

    return answer


def resets(request: Request) -> None:
    request.reset()


# --- loss, as it is told


@pytest.mark.row("S3-01")
def test_an_empty_list_while_the_markers_are_on_disk(tmp_path: Path) -> None:
    place = drive(tmp_path)
    empty = answering(200, listing([]), Content_Type=XML)
    absence = {f"{method} /{name}": NO_BUCKET for method in ("HEAD", "GET") for name in ("attic", "tofu-state")}
    lost, unlisted = Script({"GET /": empty, **absence}), Script({"GET /": empty})
    whole, half = rca(lost, place), rca(unlisted, place)
    for bucket in ("attic", "tofu-state"):
        expect(whole, LOST, VerdictWord.QUARANTINE, bucket=bucket)
        expect(half, BucketState.UNLISTED, VerdictWord.QUARANTINE, bucket=bucket)
    assert (lost.hits, unlisted.hits) == (10, 2)


@pytest.mark.row("S3-16")
def test_no_such_bucket_while_the_disk_holds_it(tmp_path: Path) -> None:
    absence = {"HEAD /tofu-state": NO_BUCKET, "GET /tofu-state": NO_BUCKET}
    listed, unlisted = Script(absence), Script({**absence, "GET /": answering(200, listing(["attic"]))})
    place = drive(tmp_path)
    expect(rca(listed, place), BucketState.UNSERVED, VerdictWord.QUARANTINE)
    expect(rca(unlisted, place), LOST, VerdictWord.QUARANTINE)
    assert (listed.hits, unlisted.hits) == (4, 6)


# --- answers that are no evidence

LISTS: dict[str, tuple[Answer, str]] = {
    "token again": (tokens({"": (200, listing(["a"], "t")), "t": (200, listing(["b"], "t"))}), "list: token"),
    "second page 500": (tokens({"": (200, listing(["attic"], "t")), "t": (500, b"")}), "list: HTTP 500"),
    "twice": (tokens({"": (200, listing(["attic"], "t")), "t": (200, listing(["attic"]))}), "an earlier one has"),
    "page": (answering(200, b"<!doctype html><p>Sign in", Content_Type="text/html"), "DOCTYPE"),
    "plain page": (answering(200, b"<html>Sign in</html>", Content_Type="text/html"), "is a <'html'>"),
    "entity": (answering(200, b'<!DOCTYPE a [<!ENTITY b "c">]>' + listing([])), "DOCTYPE"),
    "external entity": (answering(200, b'<!DOCTYPE a SYSTEM "file:///etc/passwd">' + listing([])), "DOCTYPE"),
    "billion laughs": (answering(200, LAUGHS), "DOCTYPE"),
    "large": (answering(200, b"<a>" + b" " * TOO_LARGE), "list: too-large"),
    "long name": (answering(200, listing(["x" * 500_000])), "expected <Bucket> with a <Name>"),
    "deep": (answering(200, b"<a>" * 300_000), "nested too deep"),
    "forbidden": (answering(403, error("AccessDenied")), "list: HTTP 403 AccessDenied"),
    "reset": (resets, "list: cut"),
    "gzip": (answering(200, gzip.compress(b" " * 10_000_000), Content_Encoding="gzip"), "list: encoded"),
    "zstd": (answering(200, b"(/\xb5/\xfd", Content_Encoding="zstd"), "list: encoded"),
    "error 200": (answering(200, error("InternalError")), "is a <'Error'>"),
    "cut": (answering(200, listing(["attic", "tofu-state"])[:-4]), "not whole XML"),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("token again", marks=pytest.mark.row("S3-06")),
        pytest.param("second page 500", marks=pytest.mark.row("S3-07")),
        pytest.param("twice", marks=pytest.mark.row("S3-08")),
        pytest.param("page", marks=pytest.mark.row("S3-10")),
        pytest.param("plain page", marks=pytest.mark.row("S3-10")),
        pytest.param("entity", marks=pytest.mark.row("S3-11")),
        pytest.param("external entity", marks=pytest.mark.row("S3-11")),
        pytest.param("billion laughs", marks=pytest.mark.row("S3-11")),
        pytest.param("large", marks=pytest.mark.row("S3-12")),
        pytest.param("long name", marks=pytest.mark.row("S3-12")),
        pytest.param("deep", marks=pytest.mark.row("S3-12")),
        pytest.param("forbidden", marks=pytest.mark.row("S3-15")),
        pytest.param("reset", marks=pytest.mark.row("S3-19")),
        pytest.param("gzip", marks=pytest.mark.row("S3-26")),
        pytest.param("zstd", marks=pytest.mark.row("S3-26")),
        "error 200",
        "cut",
    ],
)
def test_a_list_that_is_none_is_never_an_empty_one(name: str, tmp_path: Path) -> None:
    fault, note = LISTS[name]
    script = Script({"GET /": fault})
    began = time.monotonic()
    result = rca(script, drive(tmp_path))
    expect(result, UNSEEN, VerdictWord.INCONCLUSIVE, note)
    expect(result, UNSEEN, VerdictWord.INCONCLUSIVE, note, bucket="attic")
    assert script.hits >= 2
    assert time.monotonic() - began < SOON


@pytest.mark.row("S3-12")
def test_a_list_of_a_hundred_mebibytes_is_let_go_of_early(tmp_path: Path) -> None:
    sent: list[int] = []
    total, piece = 100 * 1024 * 1024, b"<Bucket><Name>x</Name></Bucket>" * 2048

    def endless(request: Request) -> None:
        request.raw(f"HTTP/1.1 200 OK\r\nContent-Length: {total}\r\n\r\n".encode(), close=True)
        sent.append(0)
        with suppress(OSError):
            while sent[-1] < total:
                request.connection.sendall(piece)
                sent[-1] += len(piece)

    expect(rca(Script({"GET /": endless}), drive(tmp_path)), UNSEEN, VerdictWord.INCONCLUSIVE, "list: too-large")
    assert len(sent) == 2
    assert max(sent) < total / 2


@pytest.mark.row("S3-11")
def test_a_doctype_in_an_error_body(tmp_path: Path) -> None:
    script = Script({"GET /attic": answering(404, b'<!DOCTYPE a [<!ENTITY b "c">]>' + error("NoSuchBucket"))})
    result = rca(script, drive(tmp_path))
    expect(result, UNSEEN, VerdictWord.INCONCLUSIVE, "get: HTTP 404", bucket="attic")
    assert result.buckets["tofu-state"].state is BucketState.INDEXED
    assert script.hits == 2


@pytest.mark.row("S3-17")
@pytest.mark.parametrize("status", [400, 403, 500, 301])
def test_only_a_documented_answer_is_absence(status: int, tmp_path: Path) -> None:
    script = Script({"HEAD /tofu-state": answering(status), "GET /": answering(200, listing(["attic"]))})
    expect(rca(script, drive(tmp_path)), UNSEEN, VerdictWord.INCONCLUSIVE, f"head: HTTP {status}")
    assert script.hits == 4


@pytest.mark.row("S3-18")
def test_a_list_that_drips(tmp_path: Path) -> None:
    page = listing(["attic", "tofu-state"])
    whole = len(page)  # seconds, at a byte a second

    def drips(request: Request) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(page)}\r\n\r\n".encode()
        request.raw(head)
        request.drip(page, 1)

    script = Script({"GET /": drips})
    began = time.monotonic()
    # "timeout" or "no answer in time", by which of the two deadlines comes first
    expect(rca(script, drive(tmp_path), seconds=1), UNSEEN, VerdictWord.INCONCLUSIVE, "list: ")
    assert time.monotonic() - began < SOON < whole
    assert script.hits == 2


@contextmanager
def no_tls() -> Iterator[tuple[str, list[bytes]]]:
    """A listener that answers every hello in plain text; gives its host and the hellos."""
    hellos: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    hellos.append(connection.recv(4096))
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}", hellos
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(SOON)


@pytest.mark.row("S3-19")
def test_no_tls_where_https_is_asked_for(tmp_path: Path) -> None:
    with no_tls() as (host, hellos), Http([host], clock=SystemClock(), seconds=SOON) as http:
        s3 = S3(f"https://{host}", Secret("keykeykey"), Secret("secretsecret"), "us-east-1", http)
        result = judged(samples(Door(s3=s3, http=http), [drive(tmp_path)]))
    expect(result, UNSEEN, VerdictWord.INCONCLUSIVE, "list: tls")
    assert len(hellos) == 14  # two samples of seven requests, each asked once
    assert not any(b"AWS4" in hello for hello in hellos)


@pytest.mark.row("S3-21")
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_leads_nowhere(status: int, tmp_path: Path) -> None:
    with serving(answering(200, listing([]))) as other:
        script = Script({"GET /": answering(status, Location=f"{other.url}/")})
        expect(rca(script, drive(tmp_path)), UNSEEN, VerdictWord.INCONCLUSIVE, f"list: HTTP {status}")
        assert (script.hits, other.connections) == (2, 0)


@pytest.mark.row("S3-22")
def test_a_clock_that_the_server_calls_skewed(tmp_path: Path) -> None:
    """The server's clock is in its own answer; ours is the time of the record."""
    date = "Mon, 23 Nov 2026 22:00:00 GMT"
    script = Script({"GET /": answering(403, error("RequestTimeTooSkewed"), Date=date)})
    with store(script) as (_server, door):
        observation = samples(door, [drive(tmp_path)])
    expect(judged(observation), UNSEEN, VerdictWord.INCONCLUSIVE, "list: HTTP 403 RequestTimeTooSkewed")
    assert [sample.listing[0].date for sample in observation] == [date] * 2
    assert script.hits == 2


def test_the_same_store_without_a_fault_passes(tmp_path: Path) -> None:
    result = rca(Script(), drive(tmp_path))
    for bucket in ("attic", "tofu-state"):
        expect(result, BucketState.INDEXED, VerdictWord.PASS, bucket=bucket)


# --- lists of state objects


def serving_states(pages: Answer) -> Script:
    """Every key is a state; the list is as it is given."""

    class States(Script):
        def __call__(self, request: Request) -> None:
            path = request.path.partition("?")[0]
            if not path.startswith("/tofu-state/"):
                super().__call__(request)
            elif path.endswith(".tflock"):
                answering(404)(request)
            elif request.method == "HEAD":
                request.raw(f'HTTP/1.1 200 OK\r\nContent-Length: {len(STATE)}\r\nETag: "e"\r\n\r\n'.encode())
            else:
                request.answer(200, STATE, ETag='"e"')

    return States({"GET /tofu-state": pages})


def readiness(script: Script, place: str) -> tuple[Readiness, Sequence[str]]:
    """What ``tofu-state-ha-readiness --expect-interim`` makes of all states, and their keys."""
    with store(script, seconds=SOON) as (server, door):
        keys, trouble = find_states(door.s3, "tofu-state", "")
        hits = script.hits
        script.faults = {}
        observation = ReadinessSeen(
            endpoint=server.url,
            cache_endpoint=server.url,
            bucket="tofu-state",
            cache_buckets=("attic",),
            places=(place,),
            samples_requested=2,
            spacing_millis=0,
            samples=tuple(samples(door, [place])),
            versioning=door.s3.get_versioning("tofu-state"),
            reads=read_states(door.s3, "tofu-state", keys),
            trouble=trouble,
            statement="",
            now="2026-11-24T00:00:00.000Z",
        )
        script.hits = hits
    return judge_readiness(observation, expect_interim=True), keys


PAGES: dict[str, tuple[dict[str, tuple[int, bytes]], str]] = {
    "no token": ({"": (200, objects(["a"], truncated=True))}, "cut off without a token"),
    "token again": (
        {"": (200, objects(["a"], "t")), "t": (200, objects(["b"], "t"))},
        "list of objects: token",
    ),
    "second page 500": ({"": (200, objects(["a"], "t")), "t": (500, b"")}, "list of objects: HTTP 500"),
    "order": ({"": (200, objects(["b"], "t")), "t": (200, objects(["a"]))}, "goes back"),
    "twice": ({"": (200, objects(["a"], "t")), "t": (200, objects(["a"]))}, "goes back"),
    "forbidden": ({"": (403, error("AccessDenied"))}, "list of objects: HTTP 403 AccessDenied"),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("no token", marks=pytest.mark.row("S3-05")),
        pytest.param("token again", marks=pytest.mark.row("S3-06")),
        pytest.param("second page 500", marks=pytest.mark.row("S3-07")),
        pytest.param("order", marks=pytest.mark.row("S3-08")),
        pytest.param("twice", marks=pytest.mark.row("S3-08")),
        pytest.param("forbidden", marks=pytest.mark.row("S3-15")),
    ],
)
def test_a_list_of_states_that_is_not_whole_is_no_list_of_all(name: str, tmp_path: Path) -> None:
    pages, trouble = PAGES[name]
    script = serving_states(tokens(pages))
    ready, keys = readiness(script, drive(tmp_path))
    assert (ready.level, ready.verdict.word, ready.verdict.exit_code) == (Level.UNKNOWN, VerdictWord.INCONCLUSIVE, 3)
    assert trouble in ready.why or ready.why == "no state object was found, so nothing is proved"
    assert trouble in ready.verdict.headline or not keys
    assert set(keys) <= {"a", "b"}
    assert {row.level for row in ready.state_objects} <= {Level.INTERIM}  # each that was read is good by itself
    assert script.hits == len(pages)


@pytest.mark.row("S3-13")
def test_keys_of_any_characters_are_read_as_they_are_and_told_without_a_command(tmp_path: Path) -> None:
    quoted = [
        "a%0A%3A%3Aset-output%20name%3Dx%3A%3A",
        "b%23%23%5Badd-mask%5D%0D",
        "c%E2%80%AE%1B%5B31m+d",
        "e%2Bf.tflock",
    ]
    page = objects(quoted, quoted="<EncodingType>url</EncodingType>")
    script = serving_states(answering(200, page, Content_Type=XML))
    ready, keys = readiness(script, drive(tmp_path))
    assert keys == ("a\n::set-output name=x::", "b##[add-mask]\r", "c\u202e\x1b[31m d")
    assert (ready.level, ready.verdict.word, ready.verdict.exit_code) == (Level.INTERIM, VerdictWord.PASS, 0)
    assert tuple(row.key for row in ready.state_objects) == keys
    answer = readiness_text(ready)
    assert not any(line.lstrip().startswith("::") or "##[" in line for line in answer.split("\n")), answer
    assert not {"\r", "\x1b", "\u202e"} & set(answer)
    assert "set-output name=x" in answer
    assert script.hits == 1
