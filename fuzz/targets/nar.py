"""`gate.parse.nar`: a body is called good only if a reader of another make reads the very same whole NAR from it."""

import hashlib

from fuzz.codecs import CODECS, compressed, inflated
from fuzz.contract import pieces
from fuzz.target import Target
from gate.parse.nar import NarMeter, sniff
from gate.parse.store_path import to_nix32
from tests.helpers.nars import File, Folder, Link, nar

_MOST = 1 << 20


def check(data: bytes) -> None:
    """Byte 0: the codec, and whether the rest is a body or what is in one; byte 1: how the size is wrong, if it is."""
    if len(data) < 2:
        return
    codec, packed, rest = CODECS[data[0] % len(CODECS)], data[0] & 0x80, data[2:]
    body = compressed(codec, rest) if packed else rest
    there = inflated(codec, body, _MOST)
    size = (len(there) if there is not None else len(rest)) + (data[1] % 3 - 1 if data[1] & 0x80 else 0)
    meter = NarMeter(codec, max(size, 0))
    meter.feed(body)
    got = meter.finish()
    assert got.nar_bytes <= max(size, 0) + 1, "more is counted than the NAR may have"
    assert got.sniffed == sniff(body[:24])
    good = got.clean_end and got.well_formed and not got.overrun and got.error is None and got.nar_bytes == size
    if good:
        assert there is not None, "a body that nobody else can read is called good"
        assert got.sha256 == to_nix32(hashlib.sha256(there).digest()), "its hash is another's"
        assert is_nar(there), "what is no NAR is called one"
    if packed and len(rest) == size and is_nar(rest):
        assert good, "a whole NAR is called bad"
    again = NarMeter(codec, max(size, 0))
    for piece in pieces(body):
        if not again.feed(piece):
            break
    else:
        other = again.finish()
        whole = other.clean_end and other.well_formed and not other.overrun and other.nar_bytes == size
        assert good == (whole and other.error is None), "the pieces make a difference"
        assert not good or other.sha256 == got.sha256, "the pieces make a difference"


def is_nar(data: bytes) -> bool:
    """Whether the bytes are one NAR and nothing more: read again, by recursion, as Nix's own reader does."""
    try:
        return _node(data, _expect(data, 0, b"nix-archive-1")) == len(data)
    except (ValueError, IndexError):
        return False


def _node(data: bytes, at: int, depth: int = 0) -> int:
    if depth > 200:
        raise ValueError
    at = _expect(data, at, b"(", b"type")
    kind, at = _string(data, at)
    if kind == b"regular":
        word, at = _string(data, at)
        if word == b"executable":
            at = _expect(data, at, b"")
            word, at = _string(data, at)
        if word == b"contents":
            _, at = _string(data, at)
            word, at = _string(data, at)
        return _is(word, b")", at)
    if kind == b"symlink":
        at = _expect(data, at, b"target")
        _, at = _string(data, at)
        return _expect(data, at, b")")
    _is(kind, b"directory", at)
    last = b""
    while True:
        word, at = _string(data, at)
        if word == b")":
            return at
        at = _expect(data, _is(word, b"entry", at), b"(", b"name")
        name, at = _string(data, at)
        if name <= last or name in (b".", b"..") or b"/" in name or b"\0" in name:
            raise ValueError
        last = name
        at = _node(data, _expect(data, at, b"node"), depth + 1)
        at = _expect(data, at, b")")


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    length = int.from_bytes(data[at : at + 8], "little")
    end = at + 8 + length
    padded = end + -length % 8
    if len(data) < at + 8 or padded > len(data) or any(data[end:padded]):
        raise ValueError
    return data[at + 8 : end], padded


def _expect(data: bytes, at: int, *words: bytes) -> int:
    for word in words:
        word_read, at = _string(data, at)
        _is(word_read, word, at)
    return at


def _is(word_read: bytes, expected: bytes, at: int) -> int:
    if word_read != expected:
        raise ValueError
    return at


def seeds() -> list[bytes]:
    """Small NARs of each kind of file, in each codec, as they are and to be compressed."""
    folder = Folder({"a": File(b"x" * 9, executable=True), "b": Link("a"), "c": Folder({"d": File(b"")})})
    nars = [nar(tree) for tree in (File(b""), File(b"hello"), Link("/nowhere"), folder)]
    inputs = []
    for number, codec in enumerate(CODECS):
        inputs += [bytes([number, 0]) + compressed(codec, each) for each in nars]
        inputs += [bytes([number + 0x80 - 0x80 % len(CODECS), 0]) + each for each in nars]
    return [*inputs, *(bytes([0, 0x80 + wrong]) + nars[1] for wrong in range(3))]


TARGET = Target(check, seeds, parsers=("nar",), words=(b"nix-archive-1", b"\1\0\0\0\0\0\0\0(", b"contents"))
