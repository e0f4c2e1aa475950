"""`gate.parse.host_files`: a row of the kernel's list is one socket, and its numbers are those of the row."""

from ipaddress import ip_address

from fuzz.contract import tried
from fuzz.target import Target
from gate.parse.host_files import parse_tcp_sockets

_HEAD = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def check(data: bytes) -> None:
    """Any bytes, bare and under a head line."""
    for table in (data, _HEAD + data):
        rows = tried(parse_tcp_sockets, table)
        if rows is None:
            continue
        assert len(rows) == table.removesuffix(b"\n").count(b"\n"), "a row was lost"
        for row in rows:
            assert str(ip_address(row.address)) == row.address
            assert 0 <= row.port < 2**16
            assert 0 <= row.peer_port < 2**16
            assert str(row.inode).encode() in table


def seeds() -> list[bytes]:
    """Rows of both lists, and a cut one."""
    rest = b" 00000000:00000000 00:00000000 00000000     0        0 "
    four = b"   0: 0100007F:2328 00000000:0000 0A" + rest + b"200091 1 00000000cfcde874 100 0 0 10 0\n"
    ended = b"  12: 0100007F:D431 0100007F:2328 06" + rest + b"0 3 0000000000000000\n"
    six = b"   1: " + b"0" * 32 + b":1F90 " + b"0" * 32 + b":0000 0A" + rest + b"77 1 0 100 0 0 10 0\n"
    mapped = b"   1: 0000000000000000FFFF00000100007F:1F90 " + b"0" * 32 + b":0000 0A" + rest + b"77 1 0 100 0 0 10 0\n"
    return [four, ended, six, mapped, four + ended, four[:40]]


TARGET = Target(check, seeds, parsers=("host_files",), words=(b":2328 ", b" 0A ", b"0100007F", rb"   0: "))
