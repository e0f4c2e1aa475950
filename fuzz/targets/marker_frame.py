"""`gate.parse.exec_frames`, `exec_frame`, `disk_use`, `disk_words`: a frame is whole, of this nonce, or is none."""

from hashlib import sha256

from fuzz.contract import tried
from fuzz.target import Target
from gate import limits
from gate.model.kube import MarkerFrame
from gate.parse.exec_frames import newest_frame, parse_frame
from gate.parse.host_files import OTHER_FILE_SYSTEM, is_io_error, is_other_file_system, parse_disk_frame

_NONCE = "nonce-1"
_BANNER = b"Defaulted container\n"


def check(data: bytes) -> None:
    """Byte 0: whether the rest is an answer, or the records of one that is framed here (0x80: of df's)."""
    if not data:
        return
    word = b"gate-disk" if data[0] & 0x80 else b"gate-markers"
    answer = data[1:] if data[0] & 1 else framed(data[1:], word)
    for frame in (tried(parse_frame, answer, _NONCE), tried(newest_frame, answer)):
        _check_frame(frame)
    disk = tried(parse_disk_frame, answer, _NONCE, "file:///data")
    for room in (disk.space, disk.inodes) if disk else ():
        assert room is None or min(room.total, room.used, room.free) >= 0
    assert disk is None or disk.error is None or disk.error.isprintable()
    if data[0] & 1 or b" START " in data:
        return
    whole = tried(parse_frame, answer, _NONCE)
    assert whole is None or tried(parse_frame, _BANNER + answer + _BANNER, _NONCE) == whole
    assert tried(parse_frame, answer, "nonce-2") is None or b"nonce-2" in data, "a frame of another nonce"
    for lost in (0, len(answer) // 2, len(answer) - 1):
        cut = answer[:lost] + answer[lost + 1 :]
        assert tried(parse_frame, cut, _NONCE) is None, "a frame that lost a byte"
        assert tried(parse_disk_frame, cut, _NONCE, "file:///data") is None, "a frame that lost a byte"
    assert tried(parse_frame, answer + answer, _NONCE) is None, "two answers are one"


def _check_frame(frame: MarkerFrame | None) -> None:
    for look in frame.looks if frame else ():
        assert look.path.startswith("/"), look.path
        assert look.kind == "error" or look.text == ""
        assert len(look.text) <= limits.ERROR_TEXT_CHARS
        assert look.device == "" or (look.kind == "directory" and look.device.isdigit())
        assert is_io_error(f"x; {look.text}") or not is_io_error(look.text), "a sentence before it hides an error"
        assert not (is_other_file_system(look.text) and OTHER_FILE_SYSTEM not in look.text)


def framed(content: bytes, word: bytes = b"gate-markers") -> bytes:
    """The content as the answer of a script, as it would be if the script had said so."""
    content = content if content.endswith(b"\0") else content + b"\0"
    trailer = b"COUNT %d SHA256 %b" % (content.count(b"\0"), sha256(content).hexdigest().encode())
    return b"%b START %b\n%b%b END %b\n" % (word, _NONCE.encode(), content, trailer, _NONCE.encode())


def seeds() -> list[bytes]:
    """Answers and their records."""
    records = b"directory /data\0directory /data/x 64769\0absent /data/attic\0error /data/x ls: I/O error\0format {}\0"
    table = b"blocks Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda 100 40 60 40% /data\0"
    disk = table + b"inodes /dev/sda 9 1 8 12% /data\0error inodes df: x\0"
    none = framed(records).replace(sha256(records).hexdigest().encode(), b"none")
    answers = [framed(records), none, framed(records) * 2, framed(records)[:-30], _BANNER + framed(disk, b"gate-disk")]
    return [b"\0" + records, b"\x80" + disk, *(b"\1" + each for each in answers)]


TARGET = Target(
    check,
    seeds,
    parsers=("exec_frames", "host_files"),
    words=(b"gate-markers START nonce-1\n", b"COUNT 1 SHA256 ", b" END nonce-1\n", b"error /", b"format ", b"absent /"),
)
