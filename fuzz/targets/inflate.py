"""`gate.parse.inflate`: bounded pieces, the same bytes as the codec's own library gives, and an end only at an end."""

from fuzz.codecs import CODECS, compressed, inflated
from fuzz.contract import pieces
from fuzz.target import Target
from gate.parse.inflate import InflateError, inflater

_MOST = 4 << 20
_PIECE = 17 << 20  # `gate.limits` says why one piece of zstd may have 16 MiB


def check(data: bytes) -> None:
    """Byte 0: the codec, and whether the rest is to be compressed first; the rest may be several frames."""
    if not data:
        return
    codec, rest = CODECS[data[0] % len(CODECS)], data[1:]
    body = rest
    if data[0] & 0x80:
        half = len(rest) // 2
        body = compressed(codec, rest[:half]) + (b"" if codec == "br" else compressed(codec, rest[half:]))
    there = inflated(codec, body, _MOST)
    whole = _all(codec, [body])
    if whole is not None and (there is not None or codec != "zstd"):
        assert whole == there, "its library reads something else"
    if data[0] & 0x80:
        assert whole is not None, "a whole body is not read"
    parted = _all(codec, list(pieces(body)))
    # zstd checks a frame's declared size when it has the whole frame at once, and not at an empty last block else
    # (zstd 1.5 lib/decompress/zstd_decompress.c, ZSTDds_decodeBlockHeader): it may refuse the one and take the other.
    lenient = codec == "zstd" and (parted is None or whole is None)
    assert lenient or parted == whole, "the pieces make a difference"


def _all(codec: str, fed: list[bytes]) -> bytes | None:
    """What came out, or None where it is corrupt, does not end, or is more than `_MOST`."""
    reader = inflater(codec)
    plain = bytearray()
    try:
        for piece in fed:
            for part in reader.feed(piece):
                assert len(part) <= _PIECE, "a piece is too large"
                plain += part
                if len(plain) > _MOST:
                    return None
    except InflateError as error:
        assert str(error).isprintable()
        return None
    return bytes(plain) if reader.ended() else None


def seeds() -> list[bytes]:
    """Bodies of every codec, of several frames where it has such, and texts to be compressed."""
    texts = [b"", b"hello " * 50, bytes(range(256)) * 8, bytes(300_000)]
    inputs = []
    for number, codec in enumerate(CODECS):
        inputs += [bytes([number]) + compressed(codec, each) for each in texts]
        inputs += [bytes([number]) + compressed(codec, texts[1]) + compressed(codec, texts[2])]
        inputs += [bytes([number + 0x80 - 0x80 % len(CODECS) + len(CODECS)]) + each[:1000] for each in texts]
    xz = compressed("xz", texts[1])
    return [*inputs, *(bytes([CODECS.index("xz")]) + xz + bytes(zeros) + xz for zeros in (3, 4))]


TARGET = Target(
    check,
    seeds,
    parsers=("inflate",),
    words=(b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh1", b"\x1f\x8b\x08", b"\x50\x2a\x4d\x18"),
)
