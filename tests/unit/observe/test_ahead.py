"""A meter that works while the next piece comes."""

import threading

import pytest

from gate import limits
from gate.observe.nar_download import BackgroundMeter
from gate.parse.nar import NarMeter
from tests.helpers.nars import file_nar, nix32_of

NAR = file_nar(b"content" * 700_000)
PIECE = 16_000
ROOM = limits.AHEAD_BYTES // PIECE  # pieces in a buffer


def test_pieces_are_measured_in_order_and_to_the_last() -> None:
    assert len(NAR) > 6 * limits.AHEAD_BYTES, "each of three buffers is used twice"
    meter = NarMeter("none", len(NAR))
    successor = BackgroundMeter(meter)
    assert all(successor.feed(NAR[at : at + PIECE]) for at in range(0, len(NAR), PIECE))
    assert meter.finish().wire_bytes < len(NAR)
    assert successor.settle()
    assert successor.settle(), "nothing is measured twice"
    got = meter.finish()
    assert (got.sha256, got.clean_end, got.wire_bytes) == (nix32_of(NAR), True, len(NAR))
    successor.close()
    successor.close()


def test_a_piece_larger_than_a_buffer_is_taken() -> None:
    meter = NarMeter("none", len(NAR))
    successor = BackgroundMeter(meter)
    assert successor.feed(NAR[:5])
    assert successor.feed(NAR[5:])
    assert successor.settle()
    assert meter.finish().sha256 == nix32_of(NAR)
    successor.close()


def test_after_a_wrong_part_none_is_looked_at() -> None:
    meter = NarMeter("zstd", len(NAR))
    successor = BackgroundMeter(meter)
    junk = b"j" * PIECE
    samples = 0
    while successor.feed(junk):
        samples += 1
    assert samples == 3 * ROOM, "known when the buffer is wanted again, however quick the thread was"
    assert not successor.feed(junk)
    assert not successor.settle()
    assert (meter.finish().wire_bytes, meter.readable) == (ROOM * PIECE, False)
    successor.close()


def test_a_wrong_end_is_known_when_all_is_measured() -> None:
    meter = NarMeter("zstd", len(NAR))
    successor = BackgroundMeter(meter)
    assert successor.feed(b"no zstd at all"), "it is only taken"
    assert not successor.settle()
    assert not successor.settle()
    assert (meter.finish().wire_bytes, meter.readable) == (14, False)
    successor.close()


def test_no_thread_is_left_and_none_is_made_for_nothing() -> None:
    before = threading.active_count()
    idle = BackgroundMeter(NarMeter("none", 1))
    assert idle.settle()
    idle.close()
    assert threading.active_count() == before
    successor = BackgroundMeter(NarMeter("none", len(NAR)))
    for at in range(0, limits.AHEAD_BYTES + PIECE, PIECE):
        assert successor.feed(NAR[at : at + PIECE])
    assert threading.active_count() == before + 1
    successor.close()
    assert threading.active_count() == before


def test_it_is_of_use_again_after_it_was_closed() -> None:
    """A redirect is answered by a body too, so each hop settles and closes."""
    meter = NarMeter("none", len(NAR))
    successor = BackgroundMeter(meter)
    for half in (NAR[:PIECE], NAR[PIECE:]):
        assert all(successor.feed(half[at : at + PIECE]) for at in range(0, len(half), PIECE))
        assert successor.settle()
        successor.close()
    assert meter.finish().sha256 == nix32_of(NAR)


class _Defective:
    """A meter that breaks."""

    def feed(self, _data: bytes | memoryview) -> bool:
        message = "a defect"
        raise ZeroDivisionError(message)


def test_a_defect_in_the_thread_is_raised_where_the_body_ends() -> None:
    successor = BackgroundMeter(_Defective())  # type: ignore[arg-type]  # it is asked for `feed` alone
    for at in range(0, 2 * limits.AHEAD_BYTES, PIECE):
        assert successor.feed(NAR[at : at + PIECE])
    with pytest.raises(ZeroDivisionError):
        successor.settle()
    successor.close()
