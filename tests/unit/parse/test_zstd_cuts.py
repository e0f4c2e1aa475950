"""Where zstd streams are cut: never so that a part can become more than a known size."""

import random
import time

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.limits import ZSTD_BLOCKS, ZSTD_SLICE_BYTES
from gate.parse.inflate import ZstdCuts, inflater

BLOCK_BYTES = 128 * 1024  # RFC 8878 section 3.1.1.2.4
MAGIC = b"\x28\xb5\x2f\xfd"


def parts(data: bytes, piece_bytes: int | None = None) -> list[bytes]:
    cuts = ZstdCuts()
    size = piece_bytes or max(len(data), 1)
    return [part for at in range(0, len(data), size) for part in cuts.parts(data[at : at + size])]


def rle_frame(blocks: int) -> bytes:
    """A frame of blocks that become 128 KiB of one byte each, from 4 bytes."""
    header = MAGIC + bytes([0, 0x38])  # a window of 128 KiB, no content size
    heads = (BLOCK_BYTES << 3 | 1 << 1 | (number == blocks - 1) for number in range(blocks))
    return header + b"".join(head.to_bytes(3, "little") + b"x" for head in heads)


def test_a_bomb_of_blocks_comes_out_in_bounded_pieces() -> None:
    count = ZSTD_BLOCKS * 5 + 3
    bomb = rle_frame(count)
    assert len(zstandard.ZstdDecompressor().decompressobj().decompress(bomb)) == count * BLOCK_BYTES
    pieces = [len(piece) for piece in inflater("zstd").feed(bomb)]
    assert sum(pieces) == count * BLOCK_BYTES
    assert max(pieces) <= ZSTD_SLICE_BYTES // 4 * BLOCK_BYTES


def test_a_part_begins_no_more_blocks_than_are_allowed() -> None:
    noise = random.Random(3)
    data = b"".join(noise.randbytes(40) + bytes(BLOCK_BYTES - 40) for _ in range(ZSTD_BLOCKS * 3))
    frame = zstandard.ZstdCompressor(level=1).compress(data)
    out = [len(zstandard.ZstdDecompressor().decompressobj().decompress(part)) for part in parts(frame)[:1]]
    assert out[0] <= ZSTD_BLOCKS * BLOCK_BYTES
    assert b"".join(inflater("zstd").feed(frame)) == data


def test_empty_blocks_cost_no_more_than_their_bytes() -> None:
    frame = MAGIC + bytes([0, 0x38]) + bytes(3 * 400_000)
    start = time.process_time()
    assert b"".join(inflater("zstd").feed(frame)) == b""
    assert time.process_time() - start < 1, "it takes 0.02 s; block by block it took 1.1"


def test_frames_end_parts_and_skippable_ones_are_passed_over() -> None:
    frames = [
        zstandard.ZstdCompressor(write_checksum=True).compress(b"one" * 1000),
        (0x184D2A5F).to_bytes(4, "little") + (7).to_bytes(4, "little") + b"skipped",
        (0x184D2A50).to_bytes(4, "little") + bytes(4),
        zstandard.ZstdCompressor(write_checksum=False, write_content_size=False).compress(b""),
        zstandard.ZstdCompressor().compress(random.Random(1).randbytes(300_000)),
    ]
    assert parts(b"".join(frames)) == frames
    assert b"".join(parts(b"".join(frames), 7)) == b"".join(frames)


def test_one_large_piece_stays_whole() -> None:
    frame = zstandard.ZstdCompressor().compress(random.Random(2).randbytes(500_000))
    assert parts(frame) == [frame]


@pytest.mark.parametrize(
    "lost",
    [
        b"<html>" * 500,
        zstandard.compress(b"x") + b"\0" * 2000,
        MAGIC + bytes([0, 0x38]) + (1 << 3 | 3 << 1).to_bytes(3, "little") + bytes(2000),  # a reserved type of block
    ],
)
@pytest.mark.parametrize("piece_bytes", [None, 1000])
def test_what_is_no_zstd_is_cut_small(lost: bytes, piece_bytes: int | None) -> None:
    cut = parts(lost, piece_bytes)
    assert b"".join(cut) == lost
    assert max(map(len, cut)) <= ZSTD_SLICE_BYTES


@settings(max_examples=60, deadline=None)
@given(
    contents=st.lists(st.binary(max_size=400) | st.integers(0, 400_000).map(bytes), max_size=4),
    piece_bytes=st.integers(1, 5000),
    tail=st.binary(max_size=30),
)
def test_the_parts_are_the_stream(contents: list[bytes], piece_bytes: int, tail: bytes) -> None:
    stream = b"".join(map(zstandard.compress, contents)) + tail
    assert b"".join(parts(stream, piece_bytes)) == stream
    out = b"".join(inflater("zstd").feed(b"".join(map(zstandard.compress, contents))))
    assert out == b"".join(contents)
