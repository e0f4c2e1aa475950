"""`gate.parse.inflate`: the parts are the stream, none is empty, and none holds more than it may."""

from fuzz.codecs import compressed
from fuzz.contract import pieces
from fuzz.target import Target
from gate import limits
from gate.parse.inflate import ZstdCuts


def check(data: bytes) -> None:
    """Any bytes, frames or not."""
    whole = list(ZstdCuts().parts(data))
    assert b"".join(whole) == data, "the parts are not the stream"
    assert all(whole), "a part is empty"
    assert all(len(part) <= limits.ZSTD_BLOCKS * (limits.INFLATE_PIECE_BYTES + 3) + 64 for part in whole)
    cuts = ZstdCuts()
    assert b"".join(part for piece in pieces(data) for part in cuts.parts(piece)) == data


def seeds() -> list[bytes]:
    """Frames of few and many blocks, one after another, and a skippable one."""
    small, large = compressed("zstd", b"hello"), compressed("zstd", bytes(range(256)) * 4096)
    skippable = b"\x50\x2a\x4d\x18\x04\0\0\0skip"
    return [b"", small, small * 3, large, skippable + small, large[:-1], b"\x28\xb5\x2f\xfd" + bytes(40)]


TARGET = Target(check, seeds, parsers=("inflate",), words=(b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"))
