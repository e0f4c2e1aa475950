"""What this machine reports about itself: TCP sockets (proc(5)), free space (df) and disk errors."""

import re
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from gate import limits
from gate.errors import ForeignTextError
from gate.model.captures import DiskRoom, DiskSeen
from gate.model.parsed import TcpSocket
from gate.parse.exec_frames import framed_records
from gate.parse.kubernetes import foreign_excerpt
from gate.parse.text import decode

_HEAD: Final = b"local_address"
_ROW: Final = re.compile(
    rb" *[0-9]+: ((?:[0-9A-F]{8}){1,4}):([0-9A-F]{4}) (?:[0-9A-F]{8}){1,4}:([0-9A-F]{4}) ([0-9A-F]{2}) "
    rb"[0-9A-F]+:[0-9A-F]+ [0-9A-F]+:[0-9A-F]+ [0-9A-F]+ +[0-9]+ +[0-9]+ ([0-9]{1,20})(?: .*)?"
)
_LISTEN: Final = 0x0A  # linux include/net/tcp_states.h TCP_LISTEN
_WORD: Final = 8  # hex digits of a 32-bit word, in the machine's own byte order
_SIZES: Final = (_WORD, 4 * _WORD)


def parse_tcp_sockets(data: bytes) -> tuple[TcpSocket, ...]:
    """Every socket of one such list; `ForeignTextError` when the bytes have another form."""
    head, *rows = data.removesuffix(b"\n").split(b"\n")
    if _HEAD not in head:
        raise ForeignTextError("The kernel's list of sockets has no head line: expected the form of /proc/net/tcp.")
    return tuple(_sockets(rows))


def _sockets(rows: list[bytes]) -> Iterator[TcpSocket]:
    for number, row in enumerate(rows, 1):
        match = _ROW.fullmatch(row)
        if match is None or len(match[1]) not in _SIZES:
            raise ForeignTextError(f"Row {number} of the kernel's list of sockets can't be read.")
        yield TcpSocket(
            address=str(_address(match[1])),
            port=int(match[2], 16),
            peer_port=int(match[3], 16),
            listening=int(match[4], 16) == _LISTEN,
            inode=int(match[5]),
        )


def _address(digits: bytes) -> IPv4Address | IPv6Address:
    words = [int(digits[at : at + _WORD], 16) for at in range(0, len(digits), _WORD)]
    address = ip_address(b"".join(word.to_bytes(4, sys.byteorder) for word in words))
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


NO_ANSWER: Final = "did not answer within"
OTHER_FILE_SYSTEM: Final = "is on another file system than"
# EIO, ESTALE, EUCLEAN and EREMOTEIO in the C locale: glibc sysdeps/gnu/errlist.h, musl src/errno/__strerror.h.
_IO_ERRORS: Final = (
    "Input/output error",
    "I/O error",
    "Stale file handle",
    "Structure needs cleaning",
    "Remote I/O error",
)


def is_io_error(error: str) -> bool:
    """Whether the words of an error, or the last of one of its sentences, are those of a failing disk."""
    return any(sentence.rstrip().endswith(_IO_ERRORS) for sentence in error.split(";"))


def is_other_file_system(error: str) -> bool:
    """Whether an error says that a folder is on another file system than its drive."""
    return OTHER_FILE_SYSTEM in error


# Zero wide, so that figures within a name are found beside the real ones: then the line can't be read.
_FIGURES: Final = re.compile(r"(?<= )(?=([0-9]{1,20}) +([0-9]{1,20}) +(-?[0-9]{1,20}) +(?:[0-9]{1,3}%|-) +/)")
_WHOLE_MAX: Final = 2**53 - 1  # what RFC 8785 can say exactly; some network file systems call themselves larger


def parse_disk_frame(data: bytes, nonce: str, place: str) -> DiskSeen:
    """The disk use that the one answer with this nonce tells; `ForeignTextError` when there is no such answer."""
    sides = dict(_side(decode(record)) for record in framed_records(data, nonce, word="gate-disk"))
    return disk_seen(place, *(sides.get(name, "the disk script says nothing of them") for name in ("blocks", "inodes")))


def disk_seen(place: str, space: DiskRoom | str, inodes: DiskRoom | str) -> DiskSeen:
    """Disk use at a place from its two sides, each a room or the reason why it is not told.

    No blocks at all are no file system that could fill (proc); no inodes at all mean that there is no limit of them.
    """
    troubles: list[str] = []
    rooms: list[DiskRoom | None] = []
    for what, side in (("space", space), ("inodes", inodes)):
        room, trouble = _plausible_room(side)
        if room is not None and room.total == 0:
            room, trouble = None, None if what == "inodes" else "this file system tells no size"
        rooms.append(room)
        if trouble:
            troubles.append(f"{what}: {trouble}")
    return DiskSeen(place=place, space=rooms[0], inodes=rooms[1], error="; ".join(troubles) or None)


def _plausible_room(side: DiskRoom | str) -> tuple[DiskRoom | None, str | None]:
    if isinstance(side, str):
        return None, side
    if max(side.total, side.used, side.free) > _WHOLE_MAX:
        return None, f"more than {_WHOLE_MAX} of them are told: no real size"
    return side, None


def _side(record: str) -> tuple[str, DiskRoom | str]:
    kind, _, text = record.partition(" ")
    if kind == "error":
        kind, _, text = text.partition(" ")
        return kind, foreign_excerpt(text, limits.ERROR_TEXT_CHARS) or "df said nothing"
    return kind, _room(text, 1024 if kind == "blocks" else 1)


def _room(text: str, unit: int) -> DiskRoom | str:
    rows = list(_FIGURES.finditer(text))
    if len(rows) != 1:
        return f"df gave {len(rows)} rows of figures: expected one"
    total, used, free = (int(number) for number in rows[0].groups())
    return DiskRoom(total=total * unit, used=used * unit, free=max(free, 0) * unit)
