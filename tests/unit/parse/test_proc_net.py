"""The kernel's lists of TCP sockets."""

import socket
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.errors import ForeignTextError
from gate.model.parsed import TcpSocket
from gate.parse.host_files import parse_tcp_sockets

HEAD = (
    b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
    b"                                                     \n"
)
REST = b" 00000000:00000000 00:00000000 00000000     0        0 "


def row(
    local: bytes, remote: bytes, state: bytes, inode: bytes, rest: bytes = b" 1 00000000cfcde874 100 0 0 10 0"
) -> bytes:
    return b"   0: " + local + b" " + remote + b" " + state + REST + inode + rest + b"\n"


@pytest.mark.skipif(sys.byteorder != "little", reason="the bytes below are of a little-endian machine")
def test_rows_of_both_lists() -> None:
    data = HEAD + row(b"0100007F:2328", b"00000000:0000", b"0A", b"200091")
    data += row(b"0100007F:D431", b"0100007F:2328", b"06", b"0", b" 3 0000000000000000")
    data += row(b"00000000000000000000000000000000:1F90", b"0" * 32 + b":0000", b"0A", b"7")
    data += row(b"0000000000000000FFFF00000100007F:0050", b"0" * 32 + b":0000", b"0A", b"8")
    assert parse_tcp_sockets(data) == (
        TcpSocket(address="127.0.0.1", port=9000, peer_port=0, listening=True, inode=200091),
        TcpSocket(address="127.0.0.1", port=54321, peer_port=9000, listening=False, inode=0),
        TcpSocket(address="::", port=8080, peer_port=0, listening=True, inode=7),
        TcpSocket(address="127.0.0.1", port=80, peer_port=0, listening=True, inode=8),
    )


@pytest.mark.parametrize("data", [b"", b"no head\n", HEAD + b"   0: nonsense\n", HEAD + HEAD])
def test_another_form_is_unread(data: bytes) -> None:
    with pytest.raises(ForeignTextError, match="kernel's list of sockets"):
        parse_tcp_sockets(data)


def test_an_address_of_an_odd_length_is_unread() -> None:
    with pytest.raises(ForeignTextError, match="Row 1"):
        parse_tcp_sockets(HEAD + row(b"0100007F0100007F:2328", b"0100007F0100007F:0000", b"0A", b"1"))


@given(st.binary(max_size=300))
def test_any_bytes_give_sockets_or_the_one_error(data: bytes) -> None:
    for given_bytes in (data, HEAD + data):
        try:
            rows = parse_tcp_sockets(given_bytes)
        except ForeignTextError:
            continue
        assert len(rows) == given_bytes.removesuffix(b"\n").count(b"\n")


def test_this_machines_own_lists_have_a_socket_of_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        rows = parse_tcp_sockets(Path("/proc/net/tcp").read_bytes())
    assert [row.address for row in rows if row.port == port and row.listening] == ["127.0.0.1"]
