"""The rows NAR-* of the fault matrix: bodies over real sockets, read as in a run and classed by its rules.

A ``fail`` of a body is a quarantine, an ``inconclusive`` one blocks as well (`gate.judge.verdict`).
"""

import bz2
import gzip
import hashlib
import lzma
import random
import zlib
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest
import zstandard

from gate.clock import SystemClock
from gate.evidence.bodies import Expected, fold_body
from gate.judge.body_class import body_class, body_status
from gate.model.basics import Claim, Label
from gate.model.bodies import Body
from gate.model.records import BodyRead, PathFacts
from gate.net import HostList
from gate.observe.nar_bodies import Access, NarTarget, read_bodies
from gate.parse.store_path import to_nix32
from gate.process import CancelToken
from tests.helpers.nars import File, Folder, Link, file_nar, nar, zstd_frames
from tests.unit.observe.nar_reading import HASH, PATH, cache, read
from tests.unit.observe.raw_http import Request, nar_of, serving

NAR = nar_of(random.Random(11).randbytes(300_000))
FRAME_BYTES = 64 * 1024  # as Attic's chunks, each a frame of its own
MIB = 1024 * 1024


def nix32_of(data: bytes) -> str:
    return to_nix32(hashlib.sha256(data).digest())


def info(codec: str = "zstd", *, path: str = PATH, body: bytes = NAR, size: str = "", digest: str = "") -> bytes:
    part = path.removeprefix("/nix/store/")[:32]
    return (
        f"StorePath: {path}\nURL: nar/{part}.nar\nCompression: {codec}\n"
        f"NarHash: {digest or f'sha256:{nix32_of(body)}'}\nNarSize: {size or len(body)}\nReferences: \n"
    ).encode()


def judged(*records: BodyRead, body: bytes = NAR, attic: bool = True) -> Body:
    """The class of a path whose NAR in the local store is ``body``; nothing is asked of signatures here."""
    facts = PathFacts(
        store_path=records[0].store_path,
        nar_hash=f"sha256:{nix32_of(body)}",
        nar_size=len(body),
        references=(),
        signatures=(),
        ultimate=False,
    )
    expected = Expected(
        label=Label.PROFILE,
        cache="main",
        facts=facts,
        claim=Claim.UPLOADED,
        public_key=None,
        attic=attic,
        trust=False,
    )
    return fold_body(expected, [("", record) for record in records])


def served(wire: bytes, narinfo: bytes | None = None, *, body: bytes = NAR) -> BodyRead:
    """A read of a server that gives these bytes, whole and with a good length, under this narinfo."""
    answers = cache(lambda request: request.answer(200, wire), info(body=body) if narinfo is None else narinfo)
    with serving(answers) as server:
        return read(server, nar_size=len(body))


def told(record: BodyRead, body: bytes = NAR) -> tuple[str, str]:
    row = judged(record, body=body)
    return body_status(row).value, body_class(row)


@pytest.mark.row("NAR-01")
@pytest.mark.parametrize("flip", [0x01, 0x80])
def test_every_flipped_bit_is_a_fail(flip: int) -> None:
    whole = file_nar(b"some text")
    names = [to_nix32(hashlib.sha256(bytes([at])).digest())[:32] for at in range(len(whole) + 1)]
    bodies = {name: whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :] for at, name in enumerate(names[:-1])}
    bodies[names[-1]] = whole

    def answer(request: Request) -> None:
        name, _, kind = request.path.rpartition("/")[2].partition(".")
        if kind == "narinfo":
            request.answer(200, info("none", path=f"/nix/store/{name}-text", body=whole))
        else:
            request.answer(200, bodies[name])

    with serving(answer) as server:
        records = list(
            read_bodies(
                [
                    NarTarget(
                        label=Label.PROFILE, cache="main", store_path=f"/nix/store/{name}-text", nar_size=len(whole)
                    )
                    for name in names
                ],
                access=Access(cache_url=f"{server.url}/main", token=None, hosts=HostList([server.host], [server.host])),
                deadline_seconds=60.0,
                cancel=CancelToken(),
                clock=SystemClock(),
            )
        )
    rows = {record.store_path[11:43]: told(record, whole) for record in records}
    assert rows.pop(names[-1]) == ("pass", "body-whole")
    assert list(rows.values()) == [("fail", "body-corrupt")] * len(whole)
    assert all(record.nar is not None and record.nar.wire_bytes == len(whole) for record in records)


@pytest.mark.row("NAR-03")
def test_a_body_of_many_frames_is_whole() -> None:
    wire = zstd_frames(NAR, FRAME_BYTES)
    assert wire.count(zstandard.compress(b"")[:4]) >= 5
    assert told(served(wire)) == ("pass", "body-whole")


FRAMES = [zstandard.compress(NAR[at : at + FRAME_BYTES]) for at in range(0, len(NAR), FRAME_BYTES)]


@pytest.mark.row("NAR-04")
@pytest.mark.parametrize(
    ("frames", "code"),
    [
        pytest.param(FRAMES[:2] + FRAMES[3:], "body-short", id="missing"),
        pytest.param(FRAMES[1:], "body-short", id="first missing"),
        pytest.param(FRAMES[:-1], "body-short", id="last missing"),
        pytest.param([*FRAMES[:2], FRAMES[1], *FRAMES[2:]], "body-long", id="doubled"),
        pytest.param([FRAMES[0], FRAMES[2], FRAMES[1], *FRAMES[3:]], "body-corrupt", id="swapped"),
    ],
)
def test_frames_out_of_place_are_a_fail(frames: list[bytes], code: str) -> None:
    record = served(b"".join(frames))
    assert record.nar is not None
    assert (record.nar.status, record.nar.codec, record.nar.sniffed) == (200, "zstd", "zstd")
    assert told(record) == ("fail", code)


@pytest.mark.row("NAR-05")
@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_zeros_in_the_place_of_a_chunk_are_a_fail(codec: str) -> None:
    zeroed = NAR[:FRAME_BYTES] + bytes(FRAME_BYTES) + NAR[2 * FRAME_BYTES :]
    record = served(zeroed if codec == "none" else zstd_frames(zeroed, FRAME_BYTES), info(codec))
    assert record.nar is not None
    assert (record.nar.curl, record.nar.nar_bytes, record.nar.clean_end) == (0, len(NAR), True)
    assert told(record) == ("fail", "body-corrupt")


def window_of_two_gib() -> bytes:
    """A frame of one raw block that asks for a window of 2^31 bytes (RFC 8878 section 3.1.1.1.2)."""
    piece = NAR[:1000]
    return b"\x28\xb5\x2f\xfd" + bytes([0, 21 << 3]) + (len(piece) << 3 | 1).to_bytes(3, "little") + piece


@pytest.mark.row("NAR-07")
@pytest.mark.parametrize("before", [b"", FRAMES[0]], ids=["first frame", "second frame"])
def test_a_window_beyond_our_own_limit_says_nothing_of_the_body(before: bytes) -> None:
    """The limit is ours: that it was met is no word of the server's."""
    wire = before + window_of_two_gib()
    assert zstandard.get_frame_parameters(window_of_two_gib()).window_size == 2**31
    record = served(wire)
    assert record.nar is not None
    assert (record.nar.status, record.nar.error, record.nar.clean_end) == (200, "memory", False)
    assert record.nar.curl_text.startswith("zstd: decompressing takes more memory than is allowed here (")
    assert told(record) == ("inconclusive", "body-unread")


SKIPPABLE = (0x184D2A53).to_bytes(4, "little") + (9).to_bytes(4, "little") + b"skip this"
LAST = zstandard.ZstdCompressor(write_checksum=True).compress(NAR)


def dictionary_frame() -> bytes:
    words = zstandard.ZstdCompressionDict(random.Random(5).randbytes(4096), dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    frame = bytearray(zstandard.ZstdCompressor(dict_data=words).compress(NAR))
    flags = frame[4]
    return bytes(frame[:4]) + bytes([flags | 1]) + b"\x07" + bytes(frame[5:])  # and a dictionary id of one byte


@pytest.mark.row("NAR-08")
@pytest.mark.parametrize(
    ("wire", "code"),
    [
        pytest.param(dictionary_frame(), "body-corrupt", id="dictionary id"),
        pytest.param(LAST[:-4] + bytes(byte ^ 1 for byte in LAST[-4:]), "body-corrupt", id="checksum wrong"),
        pytest.param(LAST[:-4], "body-short", id="checksum flag without checksum"),
        pytest.param(LAST + b"garbage after the end", "body-corrupt", id="garbage after the last frame"),
        pytest.param(LAST + SKIPPABLE[:-1], "body-short", id="skippable frame that is cut"),
    ],
)
def test_a_stream_that_does_not_end_as_it_must_is_a_fail(wire: bytes, code: str) -> None:
    record = served(wire)
    assert record.nar is not None
    assert (record.nar.status, record.nar.sniffed) == (200, "zstd")
    assert told(record) == ("fail", code)


EMPTY = (0x184D2A5F).to_bytes(4, "little") + bytes(4)
TINY = zstandard.compress(b"")  # a frame of nothing, so short that what cuts the stream loses count


@pytest.mark.row("NAR-08")
@pytest.mark.parametrize(
    ("wire", "skipped"),
    [
        pytest.param(SKIPPABLE + LAST, 17, id="before"),
        pytest.param(LAST + SKIPPABLE, 17, id="behind"),
        pytest.param(SKIPPABLE + LAST + SKIPPABLE, 34, id="around"),
        pytest.param(LAST + EMPTY, 8, id="without content"),
        pytest.param(TINY * 300 + SKIPPABLE + TINY * 300 + LAST, 17, id="among frames of nothing"),
    ],
)
def test_a_skippable_frame_hides_bytes_that_attic_did_not_write(wire: bytes, skipped: int) -> None:
    """Every decoder passes over it (RFC 8878 section 3.1.2), Nix's too: what comes out is the NAR, and a NAR's hash
    says nothing of it. Attic stores frames of its own making, none of this kind."""
    record = served(wire)
    assert record.nar is not None
    assert (record.nar.wire_bytes, record.nar.skipped_bytes, record.nar.clean_end) == (len(wire), skipped, True)
    assert told(record) == ("fail", "body-hidden-bytes")


def test_another_cache_than_attic_may_have_skippable_frames() -> None:
    """What pzstd writes, or a seekable zstd: such a cache keeps what was uploaded, as it was compressed."""
    record = served(SKIPPABLE + LAST)
    assert record.nar is not None
    assert record.nar.skipped_bytes == 17
    body = judged(record, attic=False)
    assert (body_status(body).value, body_class(body)) == ("pass", "body-whole")


@pytest.mark.row("NAR-08")
def test_frames_as_attic_writes_them_hide_nothing() -> None:
    record = served(TINY + zstd_frames(NAR) + TINY)
    assert record.nar is not None
    assert record.nar.skipped_bytes == 0
    assert told(record) == ("pass", "body-whole")


BOMBS: dict[str, Callable[[bytes], bytes]] = {
    "xz": lambda data: lzma.compress(data, preset=0),
    "bzip2": bz2.compress,
    "br": lambda data: bytes(brotli.compress(data, quality=3)),
    "gzip": lambda data: gzip.compress(data, 6),
    "zstd": zstandard.compress,
}


@pytest.mark.row("NAR-09")
@pytest.mark.parametrize("codec", list(BOMBS))
def test_a_bomb_is_ended_one_byte_over_the_nar(codec: str) -> None:
    """More than the local NAR has is the server's own wrong: stricter than the matrix, which is content to block."""
    record = served(BOMBS[codec](bytes(64 * MIB)), info(codec))
    assert record.nar is not None
    assert (record.nar.error, record.nar.nar_bytes) == ("overrun", len(NAR) + 1)
    assert told(record) == ("fail", "body-long")


@pytest.mark.row("NAR-09")
def test_xz_that_asks_for_too_much_memory_says_nothing_of_the_body() -> None:
    # A dictionary of 4 GiB - 1 in the block header (xz-file-format.txt, section 5.3.1), without the memory to write it.
    wire = bytearray(lzma.compress(NAR, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0}]))
    wire[16] = 40
    wire[20:24] = zlib.crc32(bytes(wire[12:20])).to_bytes(4, "little")
    record = served(bytes(wire), info("xz"))
    assert record.nar is not None
    assert (record.nar.error, record.nar.nar_bytes) == ("memory", 0)
    assert told(record) == ("inconclusive", "body-unread")


@pytest.mark.row("NAR-11")
@pytest.mark.parametrize(
    "size",
    ["-1", str(2**63), "1e3", " 5", "5 ", "+5", "0x10", "007", "1_000", "\uff15\uff10\uff10", "\u0665", "", "9" * 500],
)
def test_a_size_that_is_no_bounded_ascii_decimal_is_unreadable(size: str) -> None:
    text = info().replace(f"NarSize: {len(NAR)}\n".encode(), f"NarSize: {size}\n".encode())
    assert text != info()
    record = served(LAST, text)
    assert (record.narinfo.status, record.nar) == (200, None)
    assert told(record) == ("inconclusive", "body-narinfo-unreadable")


@pytest.mark.row("NAR-12")
def test_hostile_names_in_a_nar_are_hashed_and_never_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "deep" / "work"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setenv("TMPDIR", str(work))
    tree = Folder(
        {
            "../../escape": File(b"x"),
            "..": Folder({"up": File(b"x")}),
            "/absolute": File(b"x", executable=True),
            "link": Link("/etc/passwd"),
            "A": File(b"1"),
            "a": File(b"2"),
        }
    )
    hostile = nar(tree)
    record = served(zstandard.compress(hostile), info(body=hostile), body=hostile)
    assert told(record, hostile) == ("pass", "body-whole")
    assert [path for path in tmp_path.rglob("*") if path.is_file() or path.is_symlink()] == []


@pytest.mark.row("NAR-13")
@pytest.mark.parametrize("size", [300_000, 250_000], ids=["same size", "other size"])
def test_a_wrong_body_with_a_narinfo_that_matches_it_is_a_fail(size: int) -> None:
    other = nar_of(random.Random(12).randbytes(size))
    record = served(zstandard.compress(other), info(body=other))
    assert record.nar is not None
    assert record.nar.sha256 == nix32_of(other), "the server agrees with itself"
    assert told(record) == ("fail", "body-foreign")


DIGEST = hashlib.sha256(NAR).digest()


def base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


@pytest.mark.row("NAR-14")
@pytest.mark.parametrize(
    "digest",
    [
        f"sha1:{hashlib.sha1(NAR, usedforsecurity=False).hexdigest()}",
        f"md5:{hashlib.md5(NAR, usedforsecurity=False).hexdigest()}",
        f"sha512:{hashlib.sha512(NAR).hexdigest()}",
        f"sha512-{base64(hashlib.sha512(NAR).digest())}",
        nix32_of(NAR),
        f"sha256:{DIGEST.hex().upper()}",
        f"sha256:{nix32_of(NAR)[:-1]}",
        f"sha256:{base64(DIGEST)[:-1]}",
    ],
)
def test_a_hash_that_is_no_sha256_of_nix_is_unreadable(digest: str) -> None:
    record = served(LAST, info(digest=digest))
    assert (record.narinfo.status, record.nar) == (200, None)
    assert told(record) == ("inconclusive", "body-narinfo-unreadable")


@pytest.mark.row("NAR-14")
@pytest.mark.parametrize(
    "digest",
    [f"sha256:{DIGEST.hex()}", f"sha256:{nix32_of(NAR)}", f"sha256:{base64(DIGEST)}", f"sha256-{base64(DIGEST)}"],
)
def test_each_form_of_a_sha256_is_the_same_hash(digest: str) -> None:
    assert told(served(LAST, info(digest=digest))) == ("pass", "body-whole")


@pytest.mark.row("NAR-15")
def test_a_server_that_alternates_is_flapping() -> None:
    answers = [LAST, zstandard.compress(NAR[:-8] + bytes(8))]

    def alternate(request: Request) -> None:
        request.answer(200, answers.pop(0))

    with serving(cache(alternate, info())) as server:
        first = read(server, nar_size=len(NAR), attempt=1)
        second = read(server, nar_size=len(NAR), attempt=2)
    assert not answers
    assert (told(first), told(second)) == (("pass", "body-whole"), ("fail", "body-corrupt"))
    for order in ((first, second), (second, first)):
        row = judged(*order)
        assert (body_status(row).value, body_class(row)) == ("inconclusive", "body-flapping")


@pytest.mark.row("NAR-16")
def test_a_body_that_drips_is_ended_and_says_nothing() -> None:
    def drip(request: Request) -> None:
        request.raw(f"HTTP/1.1 200 OK\r\nContent-Length: {len(LAST)}\r\n\r\n".encode())
        request.drip(LAST[:600], 0.1)  # for a minute, unless somebody ends it

    with serving(cache(drip, info())) as server:
        record = read(server, nar_size=len(NAR), low_speed_seconds=1)
    assert record.nar is not None
    assert (record.nar.status, record.nar.curl, record.nar.error) == (200, 28, "timeout")
    assert 0 < record.nar.wire_bytes < 600
    assert told(record) == ("inconclusive", "body-timed-out")


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096


@pytest.mark.row("NAR-17")
@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_a_body_of_any_size_is_streamed(codec: str) -> None:
    """256 MiB here: what is held does not grow with what came, so neither would it with 20 GiB."""
    count = 256
    content = count * MIB
    frame = nar_of(b"")
    head = frame[: frame.index(b"contents") + 8] + content.to_bytes(8, "little")
    tail = frame[-16:]  # the closing bracket
    piece = random.Random(9).randbytes(MIB)
    digest = hashlib.sha256(head)
    for _ in range(count):
        digest.update(piece)
    digest.update(tail)
    size = len(head) + content + len(tail)
    parts = [head, *[piece] * count, tail]
    packed = {part: zstandard.compress(part) if codec == "zstd" else part for part in (head, piece, tail)}
    holder: list[int] = []

    def answer(request: Request) -> None:
        length = sum(len(packed[part]) for part in parts)
        request.raw(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode())
        for part in parts:
            request.raw(packed[part])
            holder.append(resident())

    text = info(codec, size=str(size), digest=f"sha256:{to_nix32(digest.digest())}")
    with serving(cache(answer, text)) as server:
        record = read(server, nar_size=size)
    assert record.nar is not None
    assert (record.nar.curl, record.nar.nar_bytes, record.nar.clean_end) == (0, size, True)
    assert record.nar.sha256 == to_nix32(digest.digest())
    assert len(holder) == count + 2
    assert max(holder) - holder[8] < 64 * MIB
    assert HASH in server.paths()[0]
