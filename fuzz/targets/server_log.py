"""`gate.parse.server_log` with the heads of collectors: nothing raises, every line is an event, known, or counted."""

from fuzz.contract import pieces
from fuzz.target import Target, recordings
from gate import limits
from gate.parse.server_log import (
    ServerLogParser,
    find_nonces,
    is_of_canary,
    is_routine_of_server,
    is_routine_of_store,
    kubectl_time,
    parse_server_log,
)

_KEEP = 20


def check(data: bytes) -> None:
    """Any log."""
    events = parse_server_log(data, keep=_KEEP)
    assert len(events) <= _KEEP
    for event in events:
        assert event.level in ("ERROR", "WARN"), event.level
        assert len(event.message) <= limits.ERROR_TEXT_CHARS
        assert event.level == "WARN" or not is_routine_of_server(event)
        assert is_routine_of_store(event, at_start=True) >= is_routine_of_store(event, at_start=False)
        assert not is_of_canary(event, "")
    parser = ServerLogParser(keep=_KEEP)
    for piece in pieces(data):
        parser.feed(piece)
    assert parser.finish() == events, "the pieces make a difference"
    assert len(events) <= parser.seen
    assert bool(parser.unread_lines) == bool(parser.first_unread)
    assert parser.first_unread.isprintable()
    nonces = {data[:8].hex(), "", "deadbeefdeadbeef"}
    for nonce in find_nonces(data, nonces):
        assert nonce, "nothing is found"
        assert nonce.encode() in data, "a nonce that is not there is found"
    time = kubectl_time(data)
    assert time is None or time.isprintable()


def seeds() -> list[bytes]:
    """Every recorded log, plain and as kubectl, CRI and JSON give it, and as other collectors do."""
    plain = recordings("attic/*/atticd.log")
    heads = (
        b"[pod/attic-0/attic] 2026-11-24T00:00:00.123456789Z ",
        b"2026-11-24T00:00:00.123456789Z stdout P ",
        b"<27>Feb 03 19:30:32 mini atticd[7]: ",
    )
    framed = [b"\n".join(head + line for line in log.split(b"\n")[:20]) for log in plain for head in heads]
    fields = b'"fields":{"message":"Storage error: service error: NoSuchBucket"}'
    line = b'{"timestamp":"2026-11-24T00:00:00Z","level":"ERROR","target":"attic_server::error",%b}\n' % fields
    return [
        *plain,
        *framed,
        *recordings("wrapped/*.log"),
        *recordings("rustfs-log/*"),
        line,
        b"nonce deadbeefdeadbeef\n",
    ]


TARGET = Target(
    check,
    seeds,
    parsers=("server_log", "log_heads"),
    words=(
        b"ERROR ",
        b" WARN ",
        b"attic_server::error: ",
        b'{"level":"ERROR"',
        b"\x1b[31m",
        b"deadbeefdeadbeef",
        b"Feb 03 19:30:32 mini atticd[7]: ",
        b"stdout P ",
        b'{"log":"',
        b'"MESSAGE":',
    ),
)
