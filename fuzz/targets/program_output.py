"""`gate.parse.program_output`: nothing raises, no line of text vanishes, the same whatever the pieces."""

from fuzz.contract import pieces
from fuzz.target import Target, recordings
from gate.parse.program_output import ProgramOutput, is_export

_TIME = b"2026-09-07T12:06:00.123456Z "


def check(data: bytes) -> None:
    """Any log."""
    whole = ProgramOutput()
    text = whole.feed(data) + whole.finish()
    parts = ProgramOutput()
    assert b"".join(parts.feed(piece) for piece in pieces(data)) + parts.finish() == text, (
        "the pieces make a difference"
    )
    assert parts.lines == whole.lines
    assert whole.lines <= data.count(b"\n") + 1
    assert whole.lines or is_export(data) or len(text) <= len(data), "what has no wrapping has grown"


def seeds() -> list[bytes]:
    """A recorded push in the forms of each kind of log."""
    lines = recordings("attic/bucket-lost-mid-push/stderr")[0].splitlines()[:6]
    heads = (
        b"",
        _TIME,
        _TIME + b"00O+",
        b"job\tstep\t" + _TIME,
        b"Feb 03 19:30:32 mini push[7]: ",
        _TIME + b"stdout P ",
    )
    plain = [b"".join(head + line + b"\n" for line in lines) for head in heads]
    sizes = [len(line).to_bytes(8, "little") + line for line in lines]
    export = b"".join(b"__CURSOR=s\nMESSAGE\n" + line + b"\n\n" for line in sizes)
    gitlab = b"Running with gitlab-runner 17\nsection_start:17:a[collapsed=true]\r\x1b[0K" + plain[0]
    return [*plain, export, gitlab, b"__CURSOR=s\nMESSAGE=a\n_PID=7\n\n", b'{"log":"a\\n","stream":"stdout"}\n' * 3]


TARGET = Target(
    check,
    seeds,
    parsers=("program_output", "log_heads"),
    words=(b"__CURSOR=", b"MESSAGE\n", _TIME, b"00O+", b"section_start:1:a\r\x1b[0K", b'{"log":"', b"\t", b"stdout P "),
)
