"""`gate.parse.server_log`: nothing raises, the kept events are few and short, and the same whatever the pieces."""

from fuzz.contract import pieces
from fuzz.target import Target, recordings
from gate import limits
from gate.parse.server_log import ServerLogParser, find_nonces, kubectl_time, parse_server_log

_KEEP = 20


def check(data: bytes) -> None:
    """Any log."""
    events = parse_server_log(data, keep=_KEEP)
    assert len(events) <= _KEEP
    for event in events:
        assert event.level in ("ERROR", "WARN"), event.level
        assert len(event.message) <= limits.ERROR_TEXT_CHARS
    parser = ServerLogParser(keep=_KEEP)
    for piece in pieces(data):
        parser.feed(piece)
    assert parser.finish() == events, "the pieces make a difference"
    assert len(events) <= parser.seen <= data.count(b"\n") + 1
    nonces = {data[:8].hex(), "", "deadbeefdeadbeef"}
    for nonce in find_nonces(data, nonces):
        assert nonce, "nothing is found"
        assert nonce.encode() in data, "a nonce that is not there is found"
    time = kubectl_time(data)
    assert time is None or time.isprintable()


def seeds() -> list[bytes]:
    """Every recorded log, plain and as kubectl and JSON give it."""
    plain = recordings("attic/*/atticd.log")
    pod = b"[pod/attic-0/attic] 2026-11-24T00:00:00.123456789Z "
    framed = [b"\n".join(pod + line for line in log.split(b"\n")[:20]) for log in plain]
    fields = b'"fields":{"message":"Storage error: service error: NoSuchBucket"}'
    said = b'{"timestamp":"2026-11-24T00:00:00Z","level":"ERROR","target":"attic_server::error",%b}\n' % fields
    return [*plain, *framed, said, b"nonce deadbeefdeadbeef\n"]


TARGET = Target(
    check,
    seeds,
    parsers=("server_log",),
    words=(b"ERROR ", b" WARN ", b"attic_server::error: ", b'{"level":"ERROR"', b"\x1b[31m", b"deadbeefdeadbeef"),
)
