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
    ahead = BackgroundMeter(meter)
    assert all(ahead.feed(NAR[at : at + PIECE]) for at in range(0, len(NAR), PIECE))
    assert meter.finish().wire_bytes < len(NAR)
    assert ahead.settle()
    assert ahead.settle(), "nothing is measured twice"
    got = meter.finish()
    assert (got.sha256, got.clean_end, got.wire_bytes) == (nix32_of(NAR), True, len(NAR))
    ahead.close()
    ahead.close()


def test_a_piece_larger_than_a_buffer_is_taken() -> None:
    meter = NarMeter("none", len(NAR))
    ahead = BackgroundMeter(meter)
    assert ahead.feed(NAR[:5])
    assert ahead.feed(NAR[5:])
    assert ahead.settle()
    assert meter.finish().sha256 == nix32_of(NAR)
    ahead.close()


def test_after_a_wrong_part_none_is_looked_at() -> None:
    meter = NarMeter("zstd", len(NAR))
    ahead = BackgroundMeter(meter)
    junk = b"j" * PIECE
    taken = 0
    while ahead.feed(junk):
        taken += 1
    assert taken == 3 * ROOM, "known when the buffer is wanted again, however quick the thread was"
    assert not ahead.feed(junk)
    assert not ahead.settle()
    assert (meter.finish().wire_bytes, meter.readable) == (ROOM * PIECE, False)
    ahead.close()


def test_a_wrong_end_is_known_when_all_is_measured() -> None:
    meter = NarMeter("zstd", len(NAR))
    ahead = BackgroundMeter(meter)
    assert ahead.feed(b"no zstd at all"), "it is only taken"
    assert not ahead.settle()
    assert not ahead.settle()
    assert (meter.finish().wire_bytes, meter.readable) == (14, False)
    ahead.close()


def test_no_thread_is_left_and_none_is_made_for_nothing() -> None:
    before = threading.active_count()
    idle = BackgroundMeter(NarMeter("none", 1))
    assert idle.settle()
    idle.close()
    assert threading.active_count() == before
    ahead = BackgroundMeter(NarMeter("none", len(NAR)))
    for at in range(0, limits.AHEAD_BYTES + PIECE, PIECE):
        assert ahead.feed(NAR[at : at + PIECE])
    assert threading.active_count() == before + 1
    ahead.close()
    assert threading.active_count() == before


def test_it_is_of_use_again_after_it_was_closed() -> None:
    """A redirect is answered by a body too, so each hop settles and closes."""
    meter = NarMeter("none", len(NAR))
    ahead = BackgroundMeter(meter)
    for half in (NAR[:PIECE], NAR[PIECE:]):
        assert all(ahead.feed(half[at : at + PIECE]) for at in range(0, len(half), PIECE))
        assert ahead.settle()
        ahead.close()
    assert meter.finish().sha256 == nix32_of(NAR)


class _Defective:
    """A meter that breaks."""

    def feed(self, _data: bytes | memoryview) -> bool:
        message = "a defect"
        raise ZeroDivisionError(message)


def test_a_defect_in_the_thread_is_raised_where_the_body_ends() -> None:
    ahead = BackgroundMeter(_Defective())  # type: ignore[arg-type]  # it is asked for `feed` alone
    for at in range(0, 2 * limits.AHEAD_BYTES, PIECE):
        assert ahead.feed(NAR[at : at + PIECE])
    with pytest.raises(ZeroDivisionError):
        ahead.settle()
    ahead.close()
