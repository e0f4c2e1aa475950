"""Rows of the fault matrix in the layers S3 (bucket scope) and disk, through the real senses to the verdict.

Each test asserts the class, the verdict and that its fault happened. Rows that speak of lists of keys are tried on the
list of state objects, the only one that the gate reads.
"""

import gzip
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from gate.clock import SystemClock
from gate.judge.bucket_rca import judge_rca
from gate.model.basics import BucketState, Secret, Truth, Word
from gate.model.operators import Rca
from gate.model.records import BucketSampled
from gate.net import Http
from gate.observe.s3 import S3
from gate.observe.scratch import Door
from gate.observe.state_object import find_states
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
    sample,
    samples,
    store,
)
from tests.unit.observe.raw_http import Request, serving

LOST = BucketState.INDEX_LOST
UNSEEN = BucketState.UNOBSERVABLE
NO_BUCKET = answering(404, error("NoSuchBucket"), Content_Type=XML)


def judged(seen: list[tuple[str, BucketSampled]]) -> Rca:
    return judge_rca(seen, ["attic", "tofu-state"], endpoint="http://s3", wanted=len(seen), scratch=None)


def rca(script: Script, place: str, seconds: float = 10) -> Rca:
    with store(script, seconds=seconds) as (_server, door):
        return judged(samples(door, [place]))


def expect(found: Rca, state: BucketState, word: Word, note: str = "", bucket: str = "tofu-state") -> None:
    assert found.buckets[bucket].state is state
    assert (found.verdict.word, found.verdict.exit_code) == (word, {Word.INCONCLUSIVE: 3, Word.QUARANTINE: 4}[word])
    notes = [text for row in found.buckets[bucket].samples for text in row.seen.notes]
    assert not note or all(any(note in text for text in row.seen.notes) for row in found.buckets[bucket].samples), notes


def tokens(pages: dict[str, tuple[int, bytes]]) -> Answer:
    """Pages by the token that they are asked with."""

    def answer(request: Request) -> None:
        asked = request.path.partition("continuation-token=")[2].partition("&")[0]
        status, body = pages[asked]
        request.answer(status, body, Content_Type=XML)

    return answer


def resets(request: Request) -> None:
    request.reset()


@pytest.mark.parametrize(
    ("row", "fault", "note"),
    [
        ("S3-06", tokens({"": (200, listing(["a"], "t")), "t": (200, listing(["b"], "t"))}), "list: token"),
        ("S3-07", tokens({"": (200, listing(["attic"], "t")), "t": (500, b"")}), "list: HTTP 500"),
        ("S3-08", tokens({"": (200, listing(["attic"], "t")), "t": (200, listing(["attic"]))}), "an earlier one has"),
        ("S3-10", answering(200, b"<!doctype html><p>Sign in", Content_Type="text/html"), "DOCTYPE"),
        ("S3-10 plain", answering(200, b"<html>Sign in</html>", Content_Type="text/html"), "is a <'html'>"),
        ("S3-11", answering(200, b'<!DOCTYPE a [<!ENTITY b "c">]>' + listing([])), "DOCTYPE"),
        ("S3-11 external", answering(200, b'<!DOCTYPE a SYSTEM "file:///etc/passwd">' + listing([])), "DOCTYPE"),
        ("S3-12", answering(200, b"<a>" + b" " * TOO_LARGE), "list: too-large"),
        ("S3-12", answering(200, listing(["x" * 500_000])), "expected <Bucket> with a <Name>"),
        ("S3-12", answering(200, b"<a>" * 300_000), "nested too deep"),
        ("S3-15", answering(403, error("AccessDenied")), "list: HTTP 403 AccessDenied"),
        ("S3-19", resets, "list: cut"),
        ("S3-22", answering(403, error("RequestTimeTooSkewed")), "list: HTTP 403 RequestTimeTooSkewed"),
        ("S3-26", answering(200, gzip.compress(b" " * 10_000_000), Content_Encoding="gzip"), "list: encoded"),
        ("S3-26 zstd", answering(200, b"(/\xb5/\xfd", Content_Encoding="zstd"), "list: encoded"),
        ("list-error-200", answering(200, error("InternalError")), "is a <'Error'>"),
        ("list-cut", answering(200, listing(["attic", "tofu-state"])[:-4]), "not whole XML"),
    ],
)
def test_a_list_that_is_none_is_never_an_empty_one(row: str, fault: Answer, note: str, tmp_path: Path) -> None:
    script = Script({"GET /": fault})
    began = time.monotonic()
    found = rca(script, drive(tmp_path))
    expect(found, UNSEEN, Word.INCONCLUSIVE, note)
    expect(found, UNSEEN, Word.INCONCLUSIVE, note, bucket="attic")
    assert script.hits >= 2
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("row", ["S3-11"])
def test_a_doctype_in_an_error_body(row: str, tmp_path: Path) -> None:
    script = Script({"GET /attic": answering(404, b'<!DOCTYPE a [<!ENTITY b "c">]>' + error("NoSuchBucket"))})
    found = rca(script, drive(tmp_path))
    expect(found, UNSEEN, Word.INCONCLUSIVE, "get: HTTP 404", bucket="attic")
    assert found.buckets["tofu-state"].state is BucketState.INDEXED
    assert script.hits == 2


def test_s3_16_no_such_bucket_while_the_disk_holds_it(tmp_path: Path) -> None:
    gone = {"HEAD /tofu-state": NO_BUCKET, "GET /tofu-state": NO_BUCKET}
    listed, unlisted = Script(gone), Script({**gone, "GET /": answering(200, listing(["attic"]))})
    place = drive(tmp_path)
    expect(rca(listed, place), BucketState.UNSERVED, Word.QUARANTINE)
    expect(rca(unlisted, place), LOST, Word.QUARANTINE)
    assert (listed.hits, unlisted.hits) == (4, 6)


@pytest.mark.parametrize("status", [400, 403, 500, 301])
def test_s3_17_only_a_documented_answer_is_absence(status: int, tmp_path: Path) -> None:
    script = Script({"HEAD /tofu-state": answering(status), "GET /": answering(200, listing(["attic"]))})
    expect(rca(script, drive(tmp_path)), UNSEEN, Word.INCONCLUSIVE, f"head: HTTP {status}")
    assert script.hits == 4


def test_s3_18_a_list_that_drips(tmp_path: Path) -> None:
    def drips(request: Request) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(page)}\r\n\r\n".encode()
        request.drip(head + page, 0.05)

    page = listing(["attic", "tofu-state"])
    script = Script({"GET /": drips})
    began = time.monotonic()
    expect(rca(script, drive(tmp_path), seconds=1), UNSEEN, Word.INCONCLUSIVE, "list: timeout")
    assert time.monotonic() - began < 6
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
        thread.join(10)


def test_s3_19_no_tls_where_https_is_asked_for(tmp_path: Path) -> None:
    with no_tls() as (host, hellos), Http([host], clock=SystemClock(), seconds=5) as http:
        s3 = S3(f"https://{host}", Secret("keykeykey"), Secret("secretsecret"), "us-east-1", http)
        found = judged(samples(Door(s3=s3, http=http), [drive(tmp_path)]))
    expect(found, UNSEEN, Word.INCONCLUSIVE, "list: tls")
    assert len(hellos) >= 10
    assert not any(b"AWS4" in hello for hello in hellos)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_s3_21_a_redirect_leads_nowhere(status: int, tmp_path: Path) -> None:
    with serving(answering(200, listing([]))) as other:
        script = Script({"GET /": answering(status, Location=f"{other.url}/")})
        expect(rca(script, drive(tmp_path)), UNSEEN, Word.INCONCLUSIVE, f"list: HTTP {status}")
        assert (script.hits, other.connections) == (2, 0)


@pytest.mark.parametrize(
    ("row", "pages", "trouble"),
    [
        ("S3-05", {"": (200, objects(["a"], truncated=True))}, "cut off without a token"),
        ("S3-06", {"": (200, objects(["a"], "t")), "t": (200, objects(["b"], "t"))}, "list of objects: token"),
        ("S3-07", {"": (200, objects(["a"], "t")), "t": (500, b"")}, "list of objects: HTTP 500"),
        ("S3-08", {"": (200, objects(["b"], "t")), "t": (200, objects(["a"]))}, "goes back"),
        ("S3-08 twice", {"": (200, objects(["a"], "t")), "t": (200, objects(["a"]))}, "goes back"),
        ("S3-15", {"": (403, error("AccessDenied"))}, "list of objects: HTTP 403 AccessDenied"),
    ],
)
def test_a_list_of_states_that_is_not_whole(row: str, pages: dict[str, tuple[int, bytes]], trouble: str) -> None:
    script = Script({"GET /tofu-state": tokens(pages)})
    with store(script) as (_server, door):
        keys, told = find_states(door.s3, "tofu-state", "")
    assert told is not None
    assert trouble in told
    assert set(keys) <= {"a", "b"}
    assert script.hits == len(pages)


def test_s3_13_keys_of_any_characters_are_read_as_they_are() -> None:
    quoted = [
        "a%0A%3A%3Aset-output%20name%3Dx%3A%3A",
        "b%23%23%5Badd-mask%5D%0D",
        "c%E2%80%AE%1B%5B31m+d",
        "e%2Bf.tflock",
    ]
    script = Script(
        {
            "GET /tofu-state": answering(
                200, objects(quoted, quoted="<EncodingType>url</EncodingType>"), Content_Type=XML
            )
        }
    )
    with store(script) as (_server, door):
        keys, trouble = find_states(door.s3, "tofu-state", "")
    assert (keys, trouble) == (("a\n::set-output name=x::", "b##[add-mask]\r", "c\u202e\x1b[31m d"), None)
    assert script.hits == 1


def link(path: Path) -> None:
    path.symlink_to("/etc")


def loop(path: Path) -> None:
    path.symlink_to(path)


def unix_socket(path: Path) -> None:
    os.mknod(path, stat.S_IFSOCK | 0o600)


@pytest.mark.parametrize(
    ("row", "make", "told"),
    [
        ("DISK-06", link, "is a link"),
        ("DISK-06", loop, "is a link"),
        ("DISK-07", os.mkfifo, "is a FIFO"),
        ("DISK-07", unix_socket, "is a socket"),
        ("DISK-07", Path.touch, "is a file"),
    ],
)
@pytest.mark.parametrize("marker", ["tofu-state", ".rustfs.sys/buckets/tofu-state/.metadata.bin"])
def test_a_marker_that_is_none(row: str, make: Callable[[Path], None], told: str, marker: str, tmp_path: Path) -> None:
    place = drive(tmp_path)
    (tmp_path / marker).rmdir()
    make(tmp_path / marker)
    expect(rca(Script(), place), UNSEEN, Word.INCONCLUSIVE, told)


def test_disk_09_eio_at_every_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = drive(tmp_path)
    real, looks, fail_at = os.lstat, [0], [0]

    def failing(path: Any, **rest: Any) -> os.stat_result:
        if not str(path).startswith(str(tmp_path)):
            return real(path, **rest)
        looks[0] += 1
        if looks[0] == fail_at[0]:
            raise OSError(5, os.strerror(5), str(path))
        return real(path, **rest)

    monkeypatch.setattr(os, "lstat", failing)
    with store(Script()) as (_server, door):
        assert judged([("", sample(door, [place]))]).verdict.word is Word.PASS
        every, passed = looks[0], 0
        assert every >= 6
        for number in range(1, every + 1):
            looks[0], fail_at[0] = 0, number
            found = judged([("", sample(door, [place]))])
            rows = [cause.samples[0] for cause in found.buckets.values()]
            assert any("Input/output error" in note for row in rows for note in row.seen.notes), number
            marks = [mark for row in rows for seen in row.places for mark in seen.markers]
            if found.verdict.word is Word.PASS:  # the error was of another name: every marker was seen all the same
                assert {truth for mark in marks for truth in (mark.data, mark.meta)} == {Truth.PRESENT}
                passed += 1
            else:
                assert found.verdict.word is Word.INCONCLUSIVE, number
    assert passed <= 1


def change(place: Path, door: Any, *steps: Callable[[], Any]) -> Rca:
    """One sample, then one after each step."""
    seen = [("t", sample(door, [f"file://{place}"]))]
    for number, step in enumerate(steps, 2):
        step()
        seen.append(("t", sample(door, [f"file://{place}"], number)))
    return judged(seen)


def test_disk_13_and_17_markers_that_come_or_go_between_samples(tmp_path: Path) -> None:
    drive(tmp_path)
    meta = tmp_path / ".rustfs.sys/buckets/tofu-state/.metadata.bin"
    with store(Script()) as (_server, door):
        going = change(tmp_path, door, meta.rmdir)
        coming = change(tmp_path, door, meta.mkdir)
    for found, states in (
        (going, [BucketState.INDEXED, BucketState.MARKER_MISSING]),
        (coming, [BucketState.MARKER_MISSING, BucketState.INDEXED]),
    ):
        assert [row.seen.state for row in found.buckets["tofu-state"].samples] == states
        expect(found, BucketState.FLAPPING, Word.INCONCLUSIVE)


def test_disk_14_an_empty_mount_point_and_a_foreign_volume(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    expect(rca(Script(), f"file://{tmp_path / 'empty'}"), UNSEEN, Word.INCONCLUSIVE, "not mounted")
    foreign = drive(tmp_path / "foreign", buckets=())
    (tmp_path / "foreign/.rustfs.sys/format.json").write_text('{"id": "another-deployment"}')
    found = rca(Script(), foreign)
    expect(found, BucketState.MARKER_MISSING, Word.INCONCLUSIVE)
    assert found.buckets["attic"].samples[0].places[0].volume == "another-deployment"
    lost = Script({"GET /": answering(200, listing(["attic"])), "HEAD /tofu-state": answering(404)})
    expect(rca(lost, foreign), BucketState.MISSING, Word.INCONCLUSIVE)
    assert lost.hits == 4


def test_the_same_store_without_a_fault_passes(tmp_path: Path) -> None:
    found = rca(Script(), drive(tmp_path))
    assert {name: cause.state for name, cause in found.buckets.items()} == dict.fromkeys(
        ("attic", "tofu-state"), BucketState.INDEXED
    )
    assert (found.verdict.word, found.verdict.exit_code) == (Word.PASS, 0)
    assert found.buckets["attic"].samples[0].seen.ready is Truth.UNKNOWN
