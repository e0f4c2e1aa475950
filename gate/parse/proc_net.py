"""TCP sockets of this machine as the kernel lists them: ``/proc/net/tcp`` and ``/proc/net/tcp6`` (proc(5))."""

import re
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from gate.errors import ForeignTextError
from gate.model.parsed import TcpSocket

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
