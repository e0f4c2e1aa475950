"""Bodies over real sockets: whole, cut, wrong, and answered by something else."""

import hashlib
import random
import time
from collections.abc import Callable
from functools import partial

import pytest
import zstandard

from gate import limits
from gate.model.basics import Label
from gate.model.bodies import NarRead
from gate.parse.store_path import to_nix32
from tests.unit.observe.nar_reading import (
    HASH,
    NAR,
    PATH,
    SHA256,
    TOKEN,
    WHOLE,
    ZSTD,
    body,
    cache,
    measured,
    narinfo,
    read,
    served,
)
from tests.unit.observe.raw_http import Request, nar_of, serving


def test_a_good_body_is_whole_and_asked_for_with_the_token() -> None:
    with serving(cache(lambda request: request.answer(200, ZSTD, Content_Type="application/x-nix-nar"))) as server:
        record = read(server, attempt=2)
    assert (record.label, record.cache, record.store_path, record.attempt) == (Label.PROFILE, "main", PATH, 2)
    assert record.narinfo.body == narinfo().decode()
    assert record.narinfo.content_type == "text/x-nix-narinfo"
    assert record.nar is not None
    assert measured(record.nar) == WHOLE
    assert record.nar.hops == (f"{server.url}/main/nar/{HASH}.nar",)
    assert (record.nar.wire_bytes, record.nar.codec, record.nar.sniffed) == (len(ZSTD), "zstd", "zstd")
    assert record.nar.content_type == "application/x-nix-nar"
    assert server.paths() == [f"/main/{HASH}.narinfo", f"/main/nar/{HASH}.nar"]
    assert server.connections == 1
    for request in server.requests:
        assert request.headers["authorization"] == f"Bearer {TOKEN.reveal()}"
        assert request.headers["accept-encoding"] == "identity"


def test_without_a_token_no_credential_goes_out() -> None:
    with serving(cache(lambda request: request.answer(200, ZSTD))) as server:
        assert measured(body(server, token=None)) == WHOLE
    assert all("authorization" not in request.headers for request in server.requests)


@pytest.mark.parametrize("codec", ["zstd", "none"])
def test_chunked_transfer_of_many_frames_is_whole(codec: str) -> None:
    pieces = [NAR[at : at + 9000] for at in range(0, len(NAR), 9000)]
    frames = [zstandard.compress(piece) if codec == "zstd" else piece for piece in pieces]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(frame), frame) for frame in frames)

    def answer(request: Request) -> None:
        request.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")

    with serving(cache(answer, narinfo(codec=codec))) as server:
        assert measured(body(server)) == WHOLE


# ------------------------------------------------------------------------------------------------------ cut bodies


@pytest.mark.parametrize(("before", "within", "after"), [(0.6, 0, 0), (0, 0.6, 0), (0.2, 0.6, 0), (0, 0, 0.6)])
def test_a_pause_of_the_server_is_measured(before: float, within: float, after: float) -> None:
    half = len(ZSTD) // 2
    framed = [f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in (ZSTD[:half], ZSTD[half:])]

    def handler(request: Request) -> None:
        request.raw(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n")
        for pause, piece in zip((before, within, after), (*framed, b"0\r\n\r\n"), strict=True):
            time.sleep(pause)
            request.raw(piece)

    with serving(cache(handler)) as server:
        nar = body(server)
    assert measured(nar) == WHOLE
    assert nar.first_byte_millis is not None
    assert before * 1000 - 20 <= nar.first_byte_millis <= before * 1000 + 400
    assert 580 <= nar.pause_millis <= 1500


def test_a_gate_that_is_slow_itself_is_no_pause_of_the_server() -> None:
    with serving(cache(lambda request: request.answer(200, ZSTD))) as server:
        nar = body(server, tap=lambda _piece: time.sleep(0.8))
    assert nar.millis >= 700
    assert nar.pause_millis < 400


def test_without_a_byte_there_is_no_first_byte() -> None:
    with serving(cache(lambda request: request.answer(404))) as server:
        assert body(server).first_byte_millis is None


def broken(data: bytes, *, reset: bool = False) -> NarRead:
    """A body whose answer is these bytes on the wire, and then the end of the connection."""

    def answer(request: Request) -> None:
        request.raw(data, close=True)
        if reset:
            request.reset()

    with serving(cache(answer)) as server:
        return body(server)


def test_the_incident_200_zero_bytes_then_closed() -> None:
    nar = broken(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert (nar.status, nar.curl, nar.error, nar.wire_bytes, nar.nar_bytes) == (200, 18, "cut", 0, 0)
    assert (nar.sha256, nar.sniffed, nar.clean_end) == (None, None, False)


def test_content_length_without_a_byte_is_a_partial_file() -> None:
    nar = broken(b"HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n")
    assert (nar.status, nar.curl, nar.error, nar.wire_bytes) == (200, 18, "cut", 0)


def test_chunked_without_end_is_a_partial_file() -> None:
    half = ZSTD[:50_000]
    nar = broken(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(half), half))
    assert (nar.status, nar.curl, nar.error, nar.wire_bytes, nar.clean_end) == (200, 18, "cut", 50_000, False)


def test_short_content_length_body_is_a_partial_file() -> None:
    nar = broken(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(ZSTD), ZSTD[:-1]))
    assert (nar.status, nar.curl, nar.error, nar.wire_bytes) == (200, 18, "cut", len(ZSTD) - 1)
    assert not nar.clean_end


def test_reset_before_an_answer_has_no_status() -> None:
    nar = broken(b"", reset=True)
    assert (nar.status, nar.curl, nar.error) == (None, 56, "cut")


def test_nothing_at_all_is_an_empty_reply() -> None:
    nar = broken(b"")
    assert (nar.status, nar.curl, nar.error) == (None, 52, "cut")


def test_well_ended_but_empty_body_says_nothing_is_wrong_and_is_not_clean() -> None:
    assert measured(served(b"")) == (200, 0, None, 0, False, False)


def test_well_ended_but_short_of_a_frame_is_known_by_its_size() -> None:
    frames = [zstandard.compress(NAR[:40_000]), zstandard.compress(NAR[40_000:])]
    assert measured(served(frames[0])) == (200, 0, None, 40_000, False, True)
    assert measured(served(b"".join(frames))) == WHOLE


def test_short_content_length_that_ends_well_is_known_by_its_frame() -> None:
    nar = served(ZSTD[:60_000])
    assert (nar.status, nar.curl, nar.clean_end) == (200, 0, False)
    assert nar.nar_bytes < len(NAR)


# ------------------------------------------------------------------------------------------------------ wrong bodies


def test_flipped_bits_are_never_whole() -> None:
    rng = random.Random(3)
    with serving(lambda request: None) as server:
        for codec, good in (("none", NAR), ("zstd", ZSTD)):
            for _ in range(12):
                at, bit = rng.randrange(len(good)), rng.randrange(8)
                bad = bytearray(good)
                bad[at] ^= 1 << bit
                server.handler = cache(partial(Request.answer, status=200, body=bytes(bad)), narinfo(codec=codec))
                assert measured(body(server)) != WHOLE, (codec, at, bit)


def test_other_nar_of_the_same_size_has_another_hash() -> None:
    other = nar_of(random.Random(8).randbytes(100_000))
    nar = served(zstandard.compress(other))
    assert measured(nar) == (200, 0, None, len(NAR), False, True)
    assert nar.well_formed


def test_a_bomb_is_ended_one_byte_over() -> None:
    bomb = zstandard.compress(bytes(500_000_000))
    nar = served(bomb)
    assert (nar.status, nar.curl, nar.error, nar.nar_bytes) == (200, 23, "overrun", len(NAR) + 1)


def test_endless_frames_of_nothing_are_ended_by_the_wire_cap() -> None:
    skippable = (0x184D2A50).to_bytes(4, "little") + (1_000_000).to_bytes(4, "little") + bytes(1_000_000)
    nar = served(skippable * 20)
    assert (nar.status, nar.curl, nar.nar_bytes, nar.clean_end) == (200, 23, 0, False)
    assert nar.wire_bytes <= 2 * len(NAR) + 3 * 1024 * 1024


def test_page_with_200_is_kept_as_what_it_is() -> None:
    page = b"<!doctype html>" + b"p" * 5000
    nar = served(page)
    assert (nar.status, nar.curl, nar.error, nar.sniffed) == (200, 23, "decompress", None)
    assert nar.body.startswith("<!doctype html>")
    assert len(nar.body) == limits.ERROR_TEXT_CHARS


def test_binary_body_is_never_kept() -> None:
    assert served(ZSTD).body == ""
    assert served(b"\x00" * 300).body == ""


def test_codec_that_nix_does_not_read_is_not_fetched() -> None:
    with serving(cache(lambda request: request.answer(200, ZSTD), narinfo(codec="lz9"))) as server:
        nar = body(server)
    assert (nar.status, nar.error, nar.hops, nar.codec) == (None, "codec", (), "lz9")
    assert server.paths() == [f"/main/{HASH}.narinfo"]


# ----------------------------------------------------------------------------------------------------------- errors


def test_error_answer_keeps_its_status_and_its_text() -> None:
    text = b'{"code":500,"error":"InternalServerError","message":"The server encountered an internal error."}'
    with serving(cache(lambda request: request.answer(500, text, Content_Type="application/json"))) as server:
        nar = body(server)
    assert (nar.status, nar.curl, nar.error, nar.wire_bytes) == (500, 0, None, 0)
    assert nar.body == text.decode()
    assert nar.content_type == "application/json"


def test_long_error_page_is_cut_and_ended() -> None:
    with serving(cache(lambda request: request.answer(502, b"x" * 10_000_000))) as server:
        nar = body(server)
    assert (nar.status, nar.curl, nar.error) == (502, 23, "too-large")
    assert nar.body == "x" * limits.ERROR_TEXT_CHARS


def test_token_echoed_by_the_server_is_not_recorded() -> None:
    def echo(request: Request) -> None:
        request.answer(500, f"sent: {request.headers['authorization']}".encode())

    with serving(cache(echo, echo)) as server:
        record = read(server)
        server.handler = cache(echo)
        nar = body(server)
    assert record.nar is None
    assert (record.narinfo.body, nar.body) == ("sent: Bearer ***", "sent: Bearer ***")
    assert TOKEN.reveal() not in repr((record, nar))


# ------------------------------------------------------------------------------------------------------ large bodies


LARGE = nar_of(random.Random(8).randbytes(3_000_000))


@pytest.mark.parametrize(
    ("spoil", "curl", "error", "whole"),
    [
        (lambda data: data, 0, None, True),
        (lambda data: data[:-5], 0, None, False),
        (lambda data: data[:2_000_000] + b"!" + data[2_000_001:], 0, None, False),
        (lambda data: data + b"x", 0, "overrun", False),
    ],
    ids=["whole", "short", "corrupt", "long"],
)
def test_large_bodies_are_measured_to_their_last_byte(
    spoil: Callable[[bytes], bytes], curl: int, error: str | None, whole: bool
) -> None:
    sent = spoil(LARGE)
    digest = to_nix32(hashlib.sha256(LARGE).digest())
    info = narinfo(codec="none", size=len(LARGE)).replace(SHA256.encode(), digest.encode())
    with serving(cache(lambda request: request.answer(200, sent), info)) as server:
        nar = body(server, nar_size=len(LARGE))
    assert (nar.status, nar.curl, nar.error, nar.wire_bytes) == (200, curl, error, len(sent))
    assert (nar.sha256 == digest and nar.clean_end) is whole


def test_a_large_body_that_is_cut_keeps_what_came() -> None:
    def cut(request: Request) -> None:
        head = f"HTTP/1.1 200 X\r\nContent-Length: {len(LARGE)}\r\n\r\n".encode()
        request.raw(head + LARGE[:2_100_001], close=True)

    with serving(cache(cut, narinfo(codec="none", size=len(LARGE)))) as server:
        nar = body(server, nar_size=len(LARGE))
    assert (nar.curl, nar.error, nar.wire_bytes, nar.nar_bytes) == (18, "cut", 2_100_001, 2_100_001)


def test_a_large_body_that_turns_wrong_ends_soon() -> None:
    packed = zstandard.compress(LARGE)
    with serving(cache(lambda request: request.answer(200, packed[:1_500_000] + b"\xff" * 20_000_000))) as server:
        nar = body(server, nar_size=len(LARGE))
    assert (nar.curl, nar.error) == (23, "decompress")
    assert nar.wire_bytes < 3_000_000
