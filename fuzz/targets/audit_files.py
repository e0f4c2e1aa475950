"""`gate.parse.audit_files`: a line is read back as it was written, or is foreign."""

from fuzz.contract import tried
from fuzz.target import Target
from gate.parse.audit_files import (
    claim_line,
    nar_line,
    parse_claim,
    parse_nar,
    parse_path,
    parse_remote_file,
    path_line,
)

_HASH = b"sha256:" + b"0f" * 32


def check(data: bytes) -> None:
    """Any line, or any text of the column ``remote_file``."""
    claim = tried(parse_claim, data)
    if claim is not None:
        assert parse_claim(claim_line(claim)) == claim
    nar = tried(parse_nar, data)
    if nar is not None:
        assert parse_nar(nar_line(nar)) == nar
    path = tried(parse_path, data)
    if path is not None:
        written = tried(path_line, path)
        assert written is None or parse_path(written) == path
    place = tried(lambda text: parse_remote_file(text.decode("utf-8", "replace")), data)
    if place is not None:
        assert ".." not in place[1].split("/")


def seeds() -> list[bytes]:
    """A line of each file."""
    return [
        b"7\t0\t0e1b.chunk\t%s\t%s\t25912\n" % (_HASH, _HASH),
        b"7\t0\t0e1b.chunk\t%s\t-\t-\n" % _HASH,
        b"3\t-\t1,2,7\n",
        b"3\tchunk-missing\t\n",
        b"9\t3\t0\t/nix/store/00000000000000000000000000000000-a\t2026-06-01\tbuilder\n",
        b'{"S3":{"region":"us-east-1","bucket":"attic","key":"0e1b.chunk"}}',
    ]


TARGET = Target(check, seeds, parsers=("audit_files",), words=(b"\t", b"-", b"sha256:", b'{"S3":', b"chunk-count"))
