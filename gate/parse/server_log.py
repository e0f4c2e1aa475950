"""Events of a server's log: Attic's (tracing, plain or coloured) and RustFS's (tracing as JSON lines).

Attic's lines carry no store path (attic b7c9056 server/src/api/v1/upload_path.rs, `skip_all`), and anybody can write
lines of their own into it with `%0A` in a URL, so a log may only lower a verdict. The form, from recorded logs:

    2026-11-23T23:00:42.862066Z ERROR attic_server::api::binary_cache: Stream error e=Storage error: …
       0: attic_server::api::v1::upload_path::upload_path
                 at server/src/api/v1/upload_path.rs:84
       1: tokio::task::runtime.spawn
               with kind=task … loc.file="server/src/api/v1/upload_path.rs" loc.line=342 loc.col=13

The indented lines belong to the event above them. `kubectl logs --timestamps --prefix` may stand before each line.
"""

import json
import re
from collections.abc import Iterable
from typing import NamedTuple

from gate import limits
from gate.model.parsed import LogEvent
from gate.parse.lines import LineSplitter, decode, strip_escapes

KEPT_LEVELS = frozenset({"ERROR", "WARN"})
_LEVELS = frozenset({"TRACE", "DEBUG", "INFO", "WARN", "ERROR"})

_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
# kubectl's own prefix, `[pod/NAME/CONTAINER] ` and a time, each only when asked for. A time is kubectl's when an event
# (another time, JSON) or an event's indented line (three blanks or more) follows it.
_PREFIX = re.compile(rf"^(?:\[pod/[^\]\s]{{1,320}}\] )?(?:{_TIME} (?={_TIME}|\{{|   ))?")
_KUBECTL_TIME = re.compile(rf"(?:\[pod/[^\]\s]{{1,320}}\] )?({_TIME}) ")
_EVENT = re.compile(
    rf"({_TIME}) +(TRACE|DEBUG|INFO|WARN|ERROR) "
    r"(?:[\w.:-]{1,200}\{[^{}]*\}\S{0,400}: )?"  # the spans the event stands in, with their fields
    r"([A-Za-z_][\w:.-]{0,200}): (.*)",
    re.DOTALL,
)
_PLACE = re.compile(r'\bat (\S{1,400}\.rs:[0-9]{1,7})$|\bloc\.file="([^"]{1,400})" loc\.line=([0-9]{1,7})')
_CODES = (
    (re.compile(r'\bcode: "([A-Za-z0-9]{1,64})"'), ""),  # aws-sdk-s3's Error { code: "…" }
    (re.compile(r"\bunhandled error \(([A-Za-z0-9]{1,64})\)"), ""),
    (re.compile(r"\bservice error: ([A-Z][A-Za-z0-9]{1,63})\b"), ""),
    (re.compile(r"\bdispatch failure\b"), "dispatch"),
    (re.compile(r"\brequest has timed out\b"), "timeout"),
    (re.compile(r"\b(NoSuchBucket|NoSuchKey|InternalError|SlowDown|AccessDenied|VolumeNotFound)\b"), ""),
    (re.compile(r"\bDatabase error\b"), "database"),
    (re.compile(r"\bStatus code: ([0-9]{3})\b"), "HTTP "),
)


class _Told(NamedTuple):
    at: str | None
    level: str
    target: str
    message: str
    source: str | None


class ServerLogParser:
    """Reads a server log as it comes, in chunks of any size.

    Every event is counted in ``seen``; those at ERROR and WARN are kept, the first ``keep`` of them. ``unread_lines``
    counts the lines before the first event, which belong to none.
    """

    def __init__(self, *, keep: int = limits.LOG_EVENTS) -> None:
        self.seen = 0
        self.unread_lines = 0
        self._keep = keep
        self._lines = LineSplitter()
        self._events: list[LogEvent] = []
        self._open: _Told | None = None  # the event whose lines are being read, if it is kept
        self._place: str | None = None

    def feed(self, data: bytes) -> None:
        """Read on."""
        for line in self._lines.feed(data):
            self._line(line)

    def finish(self) -> tuple[LogEvent, ...]:
        """The kept events, in the log's order. Call it once, at the end of the log."""
        if rest := self._lines.rest():
            self._line(rest)
        self._close()
        return tuple(self._events)

    def _line(self, raw: bytes) -> None:
        line = decode(strip_escapes(raw[: limits.LINE_BYTES])).rstrip("\r")
        line = _PREFIX.sub("", line, count=1)
        told = _json_event(line) if line.startswith("{") else _plain_event(line)
        if told is not None:
            self._close()
            self.seen += 1
            if told.level in KEPT_LEVELS and len(self._events) < self._keep:
                self._open, self._place = told, told.source
        elif self._open is not None:
            self._place = _nearer(self._place, line)
        elif self.seen == 0:
            self.unread_lines += bool(line.strip())

    def _close(self) -> None:
        if self._open is None:
            return
        told, self._open = self._open, None
        self._events.append(
            LogEvent(
                at=told.at,
                level=told.level,
                target=told.target,
                code=_code(told.message),
                message=told.message[: limits.ERROR_TEXT_CHARS],
                source=self._place,
            )
        )


def _plain_event(line: str) -> _Told | None:
    match = _EVENT.match(line)
    return _Told(match[1], match[2], match[3], match[4], None) if match else None


def _json_event(line: str) -> _Told | None:
    """An event of tracing-subscriber's JSON form, nested (``fields.message``) or flattened."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    level = found.get("level")
    if not isinstance(level, str) or level.upper() not in _LEVELS:
        return None
    fields = found.get("fields")
    told = {**found, **fields} if isinstance(fields, dict) else found
    message = " ".join(
        text if name == "message" else f"{name}={text}"
        for name in ("message", "error", "err", "e")
        if isinstance(text := told.get(name), str)
    )
    at, target = found.get("timestamp"), found.get("target")
    file, number = found.get("filename"), found.get("line_number")
    return _Told(
        at if isinstance(at, str) else None,
        level.upper(),
        target if isinstance(target, str) else "",
        message,
        f"{file}:{number}" if isinstance(file, str) and isinstance(number, int) else None,
    )


def _code(message: str) -> str | None:
    for pattern, word in _CODES:
        if match := pattern.search(message):
            return word + match[1] if match.lastindex else word
    return None


def _nearer(place: str | None, line: str) -> str | None:
    """The place in the source that the event speaks of: the first of the server's own, else the first of all.

    The server's own files are relative (``server/src/…``), those of its dependencies absolute (``/…/tokio-1.52.3/…``).
    """
    match = _PLACE.search(line)
    if match is None or (place is not None and not place.startswith("/")):
        return place
    found = match[1] or f"{match[2]}:{match[3]}"
    return found if place is None or not found.startswith("/") else place


def parse_server_log(data: bytes, *, keep: int = limits.LOG_EVENTS) -> tuple[LogEvent, ...]:
    """The ERROR and WARN events of a whole log, the first ``keep`` of them; see `ServerLogParser`."""
    parser = ServerLogParser(keep=keep)
    parser.feed(data)
    return parser.finish()


def kubectl_time(line: bytes) -> str | None:
    """The time that `kubectl logs --timestamps` put before a line, behind the prefix of ``--prefix`` if it has one."""
    match = _KUBECTL_TIME.match(decode(line[: limits.LINE_BYTES]))
    return match[1] if match else None


def find_nonces(data: bytes, nonces: Iterable[str]) -> frozenset[str]:
    """Which of the nonces stand in the log; both canaries there prove that nothing between them was cut or filtered.

    An empty nonce is never found. Attic logs the canary's URL as it came (attic b7c9056
    server/src/nix_store/mod.rs:229), so no decoding is needed.
    """
    return frozenset(nonce for nonce in nonces if nonce and nonce.encode("utf-8", "backslashreplace") in data)
