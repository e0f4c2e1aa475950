"""A meter that works while the next piece comes."""

import threading

from gate.observe.ahead import Ahead
from gate.parse.nar import NarMeter
from tests.helpers.nars import file_nar, nix32_of

NAR = file_nar(b"content" * 5000)


def test_pieces_are_measured_in_order_and_to_the_last() -> None:
    meter = NarMeter("none", len(NAR))
    ahead = Ahead(meter)
    assert all(ahead.feed(NAR[at : at + 999]) for at in range(0, len(NAR), 999))
    assert ahead.settle()
    got = meter.finish()
    assert (got.sha256, got.clean_end, got.wire_bytes) == (nix32_of(NAR), True, len(NAR))
    ahead.close()
    ahead.close()


def test_after_a_wrong_piece_none_is_looked_at() -> None:
    meter = NarMeter("zstd", len(NAR))
    ahead = Ahead(meter)
    assert ahead.feed(b"no zstd at all"), "it is only begun"
    assert not ahead.feed(b"more")
    assert not ahead.settle()
    assert (meter.finish().wire_bytes, meter.readable) == (14, False)
    ahead.close()


def test_no_thread_is_left_and_none_is_made_for_nothing() -> None:
    before = threading.active_count()
    idle = Ahead(NarMeter("none", 1))
    assert idle.settle()
    idle.close()
    assert threading.active_count() == before
    ahead = Ahead(NarMeter("none", len(NAR)))
    ahead.feed(NAR)
    assert threading.active_count() == before + 1
    ahead.close()
    assert threading.active_count() == before
