"""Reading an artifact's zip as if it were hostile (APPNOTE.TXT 6.3.10). Bytes in, members or a new folder out.

Python's ``zipfile`` takes what other readers refuse: it keeps the last of two equal names, skips bytes before, between
and after the members, and believes sizes. Here a zip is exactly its members, one after the other from the first byte,
then its directory, then its end; anything else is refused before a byte is written.
"""

import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gate import limits
from gate.errors import ForgedError
from gate.journal import make_folder

_LOCAL: Final = struct.Struct("<I5H3I2H")  # 4.3.7
_CENTRAL: Final = struct.Struct("<I6H3I5H2I")  # 4.3.12
_END: Final = struct.Struct("<I4H2IH")  # 4.3.16
_DESCRIPTOR: Final = struct.Struct("<4I")  # 4.3.9
_LOCAL_MARK, _CENTRAL_MARK, _END_MARK, _DESCRIPTOR_MARK = 0x04034B50, 0x02014B50, 0x06054B50, 0x08074B50
_STREAMED: Final = 0x0008  # sizes are in a descriptor after the data
_UTF8: Final = 0x0800
_LEVELS: Final = 0x0006  # how well deflate tried
_STORED, _DEFLATED = 0, 8
_UNIX: Final = 3
_REGULAR: Final = 0o100000
_KIND_BITS: Final = 0o170000
_SPECIAL_BITS: Final = 0o7000
_TIMES_AND_OWNERS: Final = frozenset({0x000A, 0x5455, 0x7875})  # 4.5.2, Info-ZIP's extrafld.txt
_NAME: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)?")


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file of a bundle, by the directory; ``start`` and ``packed`` are where its data is. Sizes in bytes."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    start: int


def read_bundle(data: bytes) -> Mapping[str, bytes]:
    """Every file of a small bundle, in memory; raises `ForgedError` for anything but a plain zip within the caps."""
    return {member.name: b"".join(_inflate(data, member)) for member in members(data)}


def unpack(data: bytes, directory: Path) -> tuple[str, ...]:
    """Write a bundle's files into a folder that must be new, and give their names.

    Raises `ForgedError` as `read_bundle` does, before anything is written: every member is inflated once to be counted
    and summed, and once more to be kept. A bundle with sub-folders can't be unpacked: evidence has none.
    """
    files = members(data)
    nested = [member.name for member in files if "/" in member.name]
    if nested:
        raise _wrong(f"{nested[0]} lies in a folder")
    for member in files:
        for _ in _inflate(data, member):
            pass
    make_folder(directory)
    for member in files:
        with (directory / member.name).open("xb") as stream:
            stream.writelines(_inflate(data, member))
    return tuple(member.name for member in files)


def members(data: bytes) -> tuple[Member, ...]:
    """The members, when the whole of ``data`` is nothing but them and their directory; raises `ForgedError`."""
    if len(data) > limits.BUNDLE_BYTES:
        raise _wrong(f"it has {len(data)} bytes; at most {limits.BUNDLE_BYTES} are taken")
    if len(data) < _END.size:
        raise _wrong("it is too short for a zip")
    mark, disk, first, here, count, size, start, comment = _END.unpack(data[-_END.size :])
    if mark != _END_MARK or comment:
        raise _wrong("it does not end in the end of a zip: there is data or a comment after it, or it is cut")
    if (disk, first) != (0, 0) or here != count or start + size != len(data) - _END.size:
        raise _wrong("its end does not say where its directory is (zip64, several disks, or data between)")
    if not 0 < count <= limits.BUNDLE_MEMBERS:
        raise _wrong(f"it has {count} members; 1 to {limits.BUNDLE_MEMBERS} are taken")
    files = tuple(_directory(data, start, count))
    _refuse_clashes(files)
    if sum(member.size for member in files) > limits.BUNDLE_UNPACKED_BYTES:
        raise _wrong(f"it unpacks to more than {limits.BUNDLE_UNPACKED_BYTES} bytes")
    return files


def _directory(data: bytes, start: int, count: int) -> Iterator[Member]:
    """Each member, checked against its own local header: they must follow each other without a gap."""
    at, place = start, 0
    for _ in range(count):
        row = _unpack(_CENTRAL, data, at, len(data) - _END.size)
        mark, made_by, _, flags, method, _, _, crc, packed, size, n, x, c, disk, _, attributes, local = row
        end = at + _CENTRAL.size + n + x + c
        name = data[at + _CENTRAL.size : at + _CENTRAL.size + n]
        if mark != _CENTRAL_MARK or end > len(data) - _END.size or disk or c:
            raise _wrong("its directory is damaged, or has comments")
        if local != place:
            raise _wrong("there is data before or between its members, or two of them overlap")
        _refuse_extra(data[at + _CENTRAL.size + n : end])
        _refuse_odd(name, flags, method, made_by >> 8, attributes >> 16)
        _refuse_bomb(packed, size)
        begins, place = _local(data, place, start, row, name)
        yield Member(name=name.decode("ascii"), method=method, crc=crc, packed=packed, size=size, start=begins)
        at = end
    if at != len(data) - _END.size or place != start:
        raise _wrong("there is data between its members and its directory, or in the directory")


def _local(data: bytes, at: int, limit: int, row: Sequence[int], name: bytes) -> tuple[int, int]:
    """Where the data of a member begins and where the next member does; the local header must say what the row says."""
    mark, _, flags, method, _, _, crc, packed, size, n, x = _unpack(_LOCAL, data, at, limit)
    begins = at + _LOCAL.size + n + x
    ends = begins + row[8]
    actual = (crc, packed, size)
    expected = (row[7], row[8], row[9])
    same = actual == ((0, 0, 0) if flags & _STREAMED else expected)
    if mark != _LOCAL_MARK or (flags, method) != (row[3], row[4]) or not same or begins > limit or ends > limit:
        raise _wrong("a member's own header says something else than the directory")
    if data[at + _LOCAL.size : at + _LOCAL.size + n] != name:
        raise _wrong("a member has two names")
    _refuse_extra(data[begins - x : begins])
    if flags & _STREAMED:
        after = _unpack(_DESCRIPTOR, data, ends, limit)
        if tuple(after) != (_DESCRIPTOR_MARK, *expected):
            raise _wrong("a member's descriptor says something else than the directory")
        ends += _DESCRIPTOR.size
    return begins, ends


def _refuse_odd(name: bytes, flags: int, method: int, system: int, mode: int) -> None:
    if len(name) > limits.BUNDLE_NAME_BYTES or not _NAME.fullmatch(name):
        raise _wrong(f"the name {name[:80].decode('latin-1')!a} is not in an artifact of ours")
    if flags & ~(_STREAMED | _UTF8 | _LEVELS) or method not in (_STORED, _DEFLATED):
        raise _wrong(f"{name.decode()} is encrypted, patched or packed by another method than deflate")
    if system == _UNIX and (mode & _KIND_BITS not in (0, _REGULAR) or mode & _SPECIAL_BITS):
        raise _wrong(f"{name.decode()} is a link, a folder, a device or setuid (mode {mode:o})")


def _refuse_extra(extra: bytes) -> None:
    """Fields that change nothing: no other sizes (zip64), no other name (Info-ZIP's Unicode path), no encryption."""
    at = 0
    while at < len(extra):
        kind, size = struct.unpack_from("<2H", extra, at) if at + 4 <= len(extra) else (0, 0)
        at += 4 + size
        if kind not in _TIMES_AND_OWNERS or at > len(extra):
            raise _wrong(f"a member has the extra field {kind:#06x}, which may change its size or its name")


def _refuse_bomb(packed: int, size: int) -> None:
    if size > limits.BUNDLE_UNPACKED_BYTES or packed > limits.BUNDLE_BYTES:
        raise _wrong(f"a member says that it has {size} bytes")
    if size > limits.BUNDLE_RATIO_FREE_BYTES and size > packed * limits.BUNDLE_RATIO:
        raise _wrong(f"a member of {packed} bytes says that it unpacks to {size}")


def _refuse_clashes(files: Sequence[Member]) -> None:
    names = [member.name for member in files]
    folded = {name.lower() for name in names}
    if len(folded) != len(names):
        raise _wrong("two of its members have one name")
    if any(name.partition("/")[0].lower() in folded for name in names if "/" in name):
        raise _wrong("one of its members is a file and a folder")


def _inflate(data: bytes, member: Member) -> Iterator[bytes]:
    """The member's bytes, exactly as many as it says and with its checksum; never more than that is unpacked."""
    packed = memoryview(data)[member.start : member.start + member.packed]
    total, crc = 0, 0
    for piece in _pieces(packed, member):
        total += len(piece)
        crc = zlib.crc32(piece, crc)
        yield piece
    if (total, crc) != (member.size, member.crc):
        raise _wrong(f"{member.name} does not have its size or its checksum")


def _pieces(packed: memoryview, member: Member) -> Iterator[bytes]:
    if member.method == _STORED:
        yield bytes(packed)
        return
    machine = zlib.decompressobj(-zlib.MAX_WBITS)
    allowance = member.size + 1
    fed: bytes | memoryview = packed
    try:
        while allowance > 0 and not machine.eof:
            piece = machine.decompress(fed, min(allowance, limits.READ_CHUNK_BYTES))
            fed = machine.unconsumed_tail
            allowance -= len(piece)
            if not piece and not fed:
                break
            yield piece
    except zlib.error:
        raise _wrong(f"{member.name} can't be unpacked") from None
    if not machine.eof or machine.unused_data or machine.unconsumed_tail:
        raise _wrong(f"{member.name} is longer or shorter than it says")


def _unpack(form: struct.Struct, data: bytes, at: int, limit: int) -> Sequence[int]:
    if at < 0 or at + form.size > limit:
        raise _wrong("it is cut, or points outside of itself")
    return form.unpack_from(data, at)


def _wrong(detail: str) -> ForgedError:
    return ForgedError(f"The artifact is no bundle of ours: {detail}; nothing of it was used")
