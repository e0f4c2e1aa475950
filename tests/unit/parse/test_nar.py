import bz2
import gzip
import lzma
import random
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gate.limits import ZSTD_WINDOW_BYTES
from gate.model.parsed import NarMeasure
from gate.parse.inflate import ZstdCuts
from gate.parse.nar import NarMeter, sniff
from tests.helpers.nars import COMPRESS, File, Folder, file_nar, nar, nix32_of, zstd_frames

CODECS = list(COMPRESS)
NAR = nar(Folder({"a": File(random.Random(1).randbytes(3000)), "b": File(b"text " * 400, executable=True)}))
WIRE = {codec: compress(NAR) for codec, compress in COMPRESS.items()}
SNIFFED = {codec: None if codec == "br" else codec for codec in CODECS}
EMPTY_HASH = "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73"


def measure(codec: str, body: bytes, nar_size: int = len(NAR), piece_bytes: int = 1 << 20) -> NarMeasure:
    meter = NarMeter(codec, nar_size)
    for at in range(0, len(body), piece_bytes):
        meter.feed(body[at : at + piece_bytes])
    return meter.finish()


def is_right(got: NarMeasure) -> bool:
    """What a judge asks of a body, the transfer itself aside."""
    return got.nar_bytes == len(NAR) and got.sha256 == nix32_of(NAR) and got.clean_end and not got.error


@pytest.mark.parametrize("piece_bytes", [1, 7, 1 << 20])
@pytest.mark.parametrize("codec", CODECS)
def test_a_good_body(codec: str, piece_bytes: int) -> None:
    assert measure(codec, WIRE[codec], piece_bytes=piece_bytes) == NarMeasure(
        wire_bytes=len(WIRE[codec]),
        nar_bytes=len(NAR),
        sha256=nix32_of(NAR),
        clean_end=True,
        overrun=False,
        well_formed=True,
        sniffed=SNIFFED[codec],
        error=None,
    )


@pytest.mark.parametrize("codec", CODECS)
def test_an_empty_body(codec: str) -> None:
    assert measure(codec, b"") == NarMeasure(
        wire_bytes=0,
        nar_bytes=0,
        sha256=EMPTY_HASH,
        clean_end=False,
        overrun=False,
        well_formed=False,
        sniffed=None,
        error=None,
    )


@pytest.mark.parametrize("codec", CODECS)
def test_every_cut_is_noticed(codec: str) -> None:
    wire = WIRE[codec]
    edge = 150  # every byte of the first and last headers, and some in the middle
    for cut in [*range(edge), *range(edge, len(wire) - edge, 29), *range(len(wire) - edge, len(wire))]:
        got = measure(codec, wire[:cut])
        assert not is_right(got), cut
        assert got.wire_bytes == cut
        assert not got.well_formed or got.nar_bytes == len(NAR)


@pytest.mark.parametrize("codec", CODECS)
def test_every_tail_is_noticed(codec: str) -> None:
    for tail in (b"x", b"garbage", bytes(64), b"\0", b"<html></html>" * 9):
        for piece_bytes in (1, 1 << 20):
            got = measure(codec, WIRE[codec] + tail, piece_bytes=piece_bytes)
            if codec == "xz" and tail == bytes(64):
                assert is_right(got)  # the padding that the xz format allows
                continue
            assert not is_right(got)
            assert not got.clean_end
            assert got.error or got.overrun or len(tail) < 12


def test_frames_are_read_to_the_last() -> None:
    body = file_nar(bytes(1_000_000))
    got = measure("zstd", zstd_frames(body, 4096), len(body), 100)
    assert (got.nar_bytes, got.sha256, got.clean_end) == (len(body), nix32_of(body), True)
    # each whole frame ends cleanly: only the size tells that frames are missing
    first = zstandard.ZstdCompressor().compress(body[:4096])
    got = measure("zstd", first, len(body))
    assert (got.nar_bytes, got.clean_end, got.well_formed) == (4096, True, False)


def test_frames_without_content_are_passed_over() -> None:
    empty = zstandard.ZstdCompressor().compress(b"")
    skippable = b"\x50\x2a\x4d\x18\x05\x00\x00\x00hello"
    assert is_right(measure("zstd", skippable + empty + WIRE["zstd"] + empty + skippable))
    assert not measure("zstd", skippable + WIRE["zstd"] + skippable[:-1]).clean_end


def test_padding_between_xz_streams() -> None:
    half = len(NAR) // 2
    one, two = lzma.compress(NAR[:half]), lzma.compress(NAR[half:])
    for piece_bytes in (1, 5, 1 << 20):
        assert is_right(measure("xz", one + bytes(4) + two + bytes(8), piece_bytes=piece_bytes))
        got = measure("xz", one + bytes(3) + two, piece_bytes=piece_bytes)
        assert got.error == "xz: the zeros after a stream are not a multiple of four"
        assert not measure("xz", one + two + bytes(6), piece_bytes=piece_bytes).clean_end
    assert measure("xz", bytes(4) + one + two).error


def test_brotli_has_one_stream_as_nix_reads_it() -> None:
    half = len(NAR) // 2
    one, two = brotli.compress(NAR[:half]), brotli.compress(NAR[half:])
    meter = NarMeter("br", len(NAR))
    assert meter.feed(one)
    assert not meter.feed(two)
    got = meter.finish()
    assert (got.nar_bytes, got.clean_end) == (half, False)
    assert got.error == "br: bytes follow the end of the stream"


@pytest.mark.parametrize("codec", CODECS)
def test_one_byte_too_many_ends_it(codec: str) -> None:
    for size in (0, 1, 100, len(NAR) - 1):
        meter = NarMeter(codec, size)
        assert not meter.feed(WIRE[codec])
        assert not meter.feed(b"more")
        assert (meter.overrun, meter.readable) == (True, True)
        got = meter.finish()
        assert (got.overrun, got.nar_bytes, got.clean_end, got.error) == (True, size + 1, False, None)
        assert got.sha256 == nix32_of(NAR[: size + 1])
        assert got.well_formed  # the beginning of a longer NAR
        assert got.wire_bytes == len(WIRE[codec]) + 4


def test_a_nar_and_more_is_not_well_formed() -> None:
    got = measure("none", NAR + b"x")
    assert (got.overrun, got.well_formed) == (True, False)


@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "none"])
@pytest.mark.parametrize("body", [NAR, b"<html><body>Not found</body></html>", b"\xff" * 40])
def test_a_body_of_another_codec(codec: str, body: bytes) -> None:
    got = measure(codec, body)
    assert got.error is not None
    assert got.error.startswith(f"{codec}: the stream is corrupt (")
    assert (got.nar_bytes, got.clean_end) == (0, False)
    assert got.sniffed == ("none" if body is NAR else None)


def test_compressed_bytes_where_none_were_declared() -> None:
    got = measure("none", WIRE["zstd"])
    assert (got.sniffed, got.well_formed, got.clean_end) == ("zstd", False, False)
    same_size = measure("none", WIRE["zstd"], len(WIRE["zstd"]))
    assert (same_size.clean_end, same_size.well_formed) == (True, False)


@pytest.mark.parametrize("codec", ["", "lzip", "ZSTD", "none\n"])
def test_an_unknown_codec(codec: str) -> None:
    meter = NarMeter(codec, 10)
    assert not meter.feed(b"x" * 30)
    got = meter.finish()
    assert got.error == "the gate can't read this compression"
    assert (got.wire_bytes, got.nar_bytes, got.clean_end) == (30, 0, False)


def test_the_recorded_bodies() -> None:
    body = Path("fixtures/recordings/attic/nar-single-chunk-redirect-healthy/body").read_bytes()
    got = measure("zstd", body, 120)
    assert (got.nar_bytes, got.clean_end, got.well_formed, got.sniffed) == (120, True, True, "zstd")
    error = Path("fixtures/recordings/attic/nar-single-chunk-bucket-lost/body").read_bytes()
    assert measure("zstd", error, 120).error


def bomb(codec: str, size: int) -> bytes:
    zeros = bytes(size)
    makers: dict[str, Callable[[], bytes]] = {
        "zstd": lambda: zstandard.ZstdCompressor().compress(zeros),
        "xz": lambda: lzma.compress(zeros, preset=0),
        "bzip2": lambda: bz2.compress(zeros),
        "gzip": lambda: gzip.compress(zeros, 9),
        "br": lambda: bytes(brotli.compress(zeros, quality=3)),
    }
    return makers[codec]()


@pytest.mark.parametrize("codec", ["zstd", "xz", "bzip2", "gzip", "br"])
def test_a_bomb_costs_no_more_than_the_nar(codec: str) -> None:
    wire = bomb(codec, 64 << 20 if codec == "zstd" else 8 << 20)
    meter = NarMeter(codec, 1 << 20)
    tracemalloc.start()
    try:
        assert not meter.feed(wire)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert meter.finish().nar_bytes == (1 << 20) + 1
    assert peak < 24 << 20


def test_zstd_windows_have_a_cap() -> None:
    def framed(window_log: int) -> bytes:
        parameters = zstandard.ZstdCompressionParameters(window_log=window_log)
        packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        return packer.compress(NAR) + packer.flush()

    assert is_right(measure("zstd", framed(ZSTD_WINDOW_BYTES.bit_length() - 1)))
    meter = NarMeter("zstd", len(NAR))
    assert not meter.feed(framed(ZSTD_WINDOW_BYTES.bit_length()))
    assert meter.too_much
    assert meter.finish().error == (
        "zstd: decompressing takes more memory than is allowed here "
        "(zstd decompressor error: Frame requires too much memory for decoding)"
    )
    corrupt = NarMeter("zstd", len(NAR))
    assert not corrupt.feed(b"no zstd at all")
    assert not corrupt.too_much


def test_xz_memory_has_a_cap() -> None:
    # A block header that asks for a dictionary of 512 MiB (xz-file-format.txt, sections 3.1 and 5.3.1), made by hand:
    # to write such a stream would take more memory than that.
    stream = bytearray(lzma.compress(b"x", filters=[{"id": lzma.FILTER_LZMA2, "preset": 0}]))
    stream[16] = 34
    stream[20:24] = zlib.crc32(bytes(stream[12:20])).to_bytes(4, "little")
    meter = NarMeter("xz", len(NAR))
    assert not meter.feed(bytes(stream))
    assert meter.too_much
    assert meter.finish().error == (
        "xz: decompressing takes more memory than is allowed here (Memory usage limit exceeded)"
    )


@pytest.mark.parametrize("codec", ["br", "gzip"])
def test_a_machine_without_memory_is_told_from_a_corrupt_stream(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_arguments: object, **_choices: object) -> bytes:
        raise MemoryError

    meter = NarMeter(codec, len(NAR))
    holder = vars(meter)["_inflater"]
    name, method = ("_stream", "process") if codec == "br" else ("_member", "decompress")
    monkeypatch.setattr(holder, name, type("Full", (), {method: none_left})())
    assert not meter.feed(WIRE[codec])
    assert meter.too_much
    assert str(meter.finish().error).startswith(f"{codec}: decompressing takes more memory than is allowed here")


@pytest.mark.parametrize("codec", CODECS)
def test_a_buffer_may_change_after_it_was_fed(codec: str) -> None:
    meter = NarMeter(codec, len(NAR))
    buffer = bytearray(500)
    for at in range(0, len(WIRE[codec]), len(buffer)):
        piece = WIRE[codec][at : at + len(buffer)]
        buffer[: len(piece)] = piece
        assert meter.feed(memoryview(buffer)[: len(piece)])
        buffer[:] = bytes(len(buffer))
    assert is_right(meter.finish())


def test_pieces_smaller_than_a_block_are_not_cut_smaller() -> None:
    """512 bytes at a time cost six times as much as the library alone."""
    body = file_nar(random.Random(4).randbytes(12 << 20))
    wire = zstandard.compress(body)
    cuts = ZstdCuts()
    parts = [part for at in range(0, len(wire), 16_384) for part in cuts.parts(wire[at : at + 16_384])]
    assert (b"".join(parts), len(parts)) == (wire, -(-len(wire) // 16_384))


@pytest.mark.parametrize(
    ("first", "codec"),
    [
        (b"", None),
        (b"\x28\xb5\x2f", None),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\xfd7zXZ\0", "xz"),
        (b"BZh9", "bzip2"),
        (b"\x1f\x8b\x08", "gzip"),
        (NAR[:24], "none"),
        (NAR[:20], None),
        (b"nix-archive-1", None),
        (b"<!DOCTYPE html>", None),
    ],
)
def test_first_bytes(first: bytes, codec: str | None) -> None:
    assert sniff(first) == codec


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["none", "xz"]), st.integers(0, 1 << 30), st.integers(0, 7), st.integers(1, 2000))
def test_every_flipped_bit_is_noticed(codec: str, place: int, bit: int, piece_bytes: int) -> None:
    # the other formats have bits that mean nothing (a time, a level, padding): then it is the very same NAR
    wire = bytearray(WIRE[codec])
    wire[place % len(wire)] ^= 1 << bit
    got = measure(codec, bytes(wire), piece_bytes=piece_bytes)
    assert not is_right(got)
    assert got.nar_bytes <= len(NAR) + 1


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from([*CODECS, "lzip"]),
    st.lists(
        st.binary(max_size=60) | st.sampled_from([wire[:n] for wire in WIRE.values() for n in (6, 20, 200, 5000)]),
        max_size=5,
    ),
    st.integers(0, 5000),
    st.integers(1, 100),
)
@example("zstd", [b"\x28\xb5\x2f\xfd"] * 5, 0, 1)
def test_any_bytes_in_any_pieces(codec: str, parts: list[bytes], nar_size: int, piece_bytes: int) -> None:
    body = b"".join(parts)
    whole, pieces = measure(codec, body, nar_size), measure(codec, body, nar_size, piece_bytes)
    assert whole.wire_bytes == len(body)
    assert whole.nar_bytes <= nar_size + 1
    assert whole.overrun == (whole.nar_bytes == nar_size + 1)
    if not whole.error:
        assert pieces == whole
    # How much comes out before a corrupt place depends on the pieces: libraries give nothing of a call that fails.
    assert (pieces.wire_bytes, pieces.clean_end, pieces.sniffed) == (whole.wire_bytes, whole.clean_end, whole.sniffed)
