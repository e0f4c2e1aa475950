"""Events of a server's log: Attic's (tracing, plain or coloured) and RustFS's (tracing as JSON lines).

Attic's lines carry no store path (attic b7c9056 server/src/api/v1/upload_path.rs, `skip_all`), and anybody can write
lines of their own into it with `%0A` in a URL, so a log may only lower a verdict. The form, from recorded logs:

    2026-11-23T23:00:42.862066Z ERROR attic_server::api::binary_cache: Stream error e=Storage error: …
       0: attic_server::api::v1::upload_path::upload_path
                 at server/src/api/v1/upload_path.rs:84
       1: tokio::task::runtime.spawn
               with kind=task … loc.file="server/src/api/v1/upload_path.rs" loc.line=342 loc.col=13

The indented lines belong to the event above them. `kubectl logs --timestamps --prefix` may stand before each line.
RustFS writes JSON lines, `[<time>] <level> [<target>] [<file>:<line>] [<thread>] …`, or threads before the spans, by
its version and settings. What begins with a time and a level is an event whatever follows: an unknown form must not
hide an error.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from gate import limits
from gate.model.parsed import LogEvent
from gate.parse.lines import LineSplitter, decode, strip_escapes

PANIC = "panic"
KEPT_LEVELS = frozenset({"ERROR", "WARN"})
_LEVELS = frozenset({"TRACE", "DEBUG", "INFO", "WARN", "ERROR"})

_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}(?:\.[0-9]{1,9})?(?:Z| ?[+-][0-9]{2}:[0-9]{2})"
_LEVEL = r"(?:TRACE|DEBUG|INFO|WARN|ERROR)"
# kubectl's own prefix, `[pod/NAME/CONTAINER] ` and a time, each only when asked for. A time with a level behind it is
# the event's own.
_PREFIX = re.compile(rf"^(?:\[(pod/[^\]\s]{{1,320}})\] )?(?:{_TIME} (?! *{_LEVEL} ))?")
_KUBECTL_TIME = re.compile(rf"(?:\[pod/[^\]\s]{{1,320}}\] )?({_TIME}) ")
_POD = re.compile(rb"\[pod/([0-9a-z.-]{1,253})/[0-9a-z.-]{1,253}\] ")
_EVENT = re.compile(rf" {{0,2}}(?:\[?({_TIME})\]? +)?({_LEVEL}) +(.*)", re.DOTALL)
_BRACKETS = re.compile(r"\[([^\[\]]{0,200})\] \[([^\[\]]{1,400}:[0-9]{1,7})\] (?:\[[^\[\]]{0,200}\] )?(.*)", re.DOTALL)
_THREAD = re.compile(r"[\w.-]{1,100} +ThreadId\([0-9]{1,6}\) ")
# the spans that the event stands in, with their fields; then a target with `::`
_SPANS = re.compile(r"(?:[\w.-]{1,100}(?:\{[^{}]{0,2000}\})?:){1,20} (?=[A-Za-z_][\w.-]{0,200}::)")
_TARGET = re.compile(r"([A-Za-z_][\w:.-]{0,200}): (?:(\S{1,400}\.rs:[0-9]{1,7}): )?(.*)", re.DOTALL)
_REQUEST = re.compile(r"\bmethod=\"?([A-Z]{1,16})\"? uri=\"?([^\s\"?]{1,2000})")
# Rust's own words for a thread that ended by a bug (library/std/src/panicking.rs); they are no event of tracing
_PANIC = re.compile(r"thread '[^']{0,200}' (?:\([0-9]{1,20}\) )?panicked at (.*)", re.DOTALL)
_STARTS = "Starting API server..."  # Attic, when it begins to serve (attic b7c9056 server/src/lib.rs)
_PLACE = re.compile(r'\bat (\S{1,400}\.rs:[0-9]{1,7})$|\bloc\.file="([^"]{1,400})" loc\.line=([0-9]{1,7})')
_CODES = (
    (re.compile(r'\bcode: "([A-Za-z0-9]{1,64})"'), ""),  # aws-sdk-s3's Error { code: "…" }
    (re.compile(r"\bunhandled error \(([A-Za-z0-9]{1,64})\)"), ""),
    (re.compile(r"\bservice error: ([A-Z][A-Za-z0-9]{1,63})\b"), ""),
    (re.compile(r"\bdispatch failure\b"), "dispatch"),
    (re.compile(r"\brequest has timed out\b"), "timeout"),
    # RustFS: a drive that it marked as faulty answers nothing until it is asked again (rustfs issues 2651, 2686), and
    # each of its operations has a deadline (rustfs crates/ecstore/src/disk/disk_store.rs)
    # (RustFS 1.0.1: "disk is marked faulty", "marked disk faulty", "disk still faulty", "Remote disk marked faulty")
    (
        re.compile(
            r"\bhealth is faulty\b|\b[Ff]aulty(?:Remote)?Disk\b|\bdrive is faulty\b"
            r"|\b[Dd]isk (?:is |still |marked |is marked )?faulty\b|\b[Dd]isk health check (?:failed|timed out)\b"
        ),
        "drive-faulty",
    ),
    (re.compile(r"\boperation timed out\b|\bshard read timed out\b"), "timeout"),
    (re.compile(r"\berasure (read|write) quorum\b"), "quorum-"),
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
    request: str | None


class ServerLogParser:
    """Reads a server log as it comes, in chunks of any size.

    Every event is counted in ``seen``; those at ERROR and WARN are kept, the first ``keep`` of them, and the rest of
    them counted in ``dropped``. ``unread_lines`` counts the lines before the first event, which belong to none.
    ``starts`` counts the times that a server said it starts after it had said something: a replica that came within
    the log begins with that, one that was there before did it again.
    """

    def __init__(self, *, keep: int = limits.LOG_EVENTS) -> None:
        self.seen = 0
        self.dropped = 0
        self.unread_lines = 0
        self.starts = 0
        self._keep = keep
        self._lines = LineSplitter()
        self._events: list[LogEvent] = []
        self._open: _Told | None = None  # the event whose lines are being read, if it is kept
        self._place: str | None = None
        self._request: str | None = None
        self._origin: str | None = None
        self._heard: set[str] = set()  # containers that said something before

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
        prefix = _PREFIX.match(line)
        origin = prefix[1] if prefix else None
        line = line[prefix.end() :] if prefix else line
        if origin != self._origin:
            self._close()
            self._origin = origin
        told = _json_event(line) if line.startswith("{") else _panic(line) or _plain_event(line)
        if told is not None:
            self._close()
            self._begin(told)
        elif line.startswith(_STARTS):
            self.starts += origin is None or origin in self._heard
        elif self._open is not None:
            self._place = _nearer(self._place, line)
            self._request = self._request or _request(line)
        elif self.seen == 0:
            self.unread_lines += bool(line.strip())
        self._heard.update([origin] if origin is not None else [])

    def _begin(self, told: _Told) -> None:
        self.seen += 1
        if told.level not in KEPT_LEVELS:
            return
        if len(self._events) < self._keep:
            self._open, self._place, self._request = told, told.source, told.request
        else:
            self.dropped += 1

    def _close(self) -> None:
        if self._open is None:
            return
        told, self._open = self._open, None
        self._events.append(
            LogEvent(
                at=told.at,
                level=told.level,
                target=told.target,
                code=_code(told.message) if told.target != PANIC else PANIC,
                message=told.message[: limits.ERROR_TEXT_CHARS],
                source=self._place,
                request=self._request,
                origin=self._origin,
            )
        )


def _plain_event(line: str) -> _Told | None:
    match = _EVENT.match(line)
    if match is None:
        return None
    at, rest = match[1], match[3]
    at = at and at.replace(" ", "T", 1).replace(" ", "")
    if brackets := _BRACKETS.match(rest):
        return _Told(at, match[2], brackets[1], brackets[3], brackets[2], None)
    rest = _THREAD.sub("", rest, count=1) if _THREAD.match(rest) else rest
    spans = _SPANS.match(rest)
    request = _request(spans[0]) if spans else None
    rest = rest[spans.end() :] if spans else rest
    target = _TARGET.match(rest)
    name, source, message = (target[1], target[2], target[3]) if target else ("", None, rest)
    return _Told(at, match[2], name, message, source, request or _request(message))


def _panic(line: str) -> _Told | None:
    match = _PANIC.match(line)
    if match is None:
        return None
    place = _PLACE.search(f"at {match[1]}".rstrip(":").rpartition(":")[0])
    return _Told(None, "ERROR", PANIC, line, place[1] if place else None, None)


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
        for name in ("message", "error", "err", "e", "classification")
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
        _json_request(found) or _request(message),
    )


def _json_request(found: dict[str, Any]) -> str | None:
    """The request that an event belongs to, from its spans."""
    spans = found.get("spans")
    for span in (found.get("span"), *(spans if isinstance(spans, list) else ())):
        if isinstance(span, dict) and isinstance(span.get("method"), str) and isinstance(span.get("uri"), str):
            return _request(f"method={span['method']} uri={span['uri']}")
    return None


def _request(text: str) -> str | None:
    match = _REQUEST.search(text)
    return f"{match[1]} {match[2]}" if match else None


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


def speaks_of_storage(event: LogEvent) -> bool:
    """Whether an event speaks of the store; ``HTTP <status>`` lines are answers to clients, a panic is the server's."""
    return event.code is not None and event.code != PANIC and not event.code.startswith("HTTP ")


def is_error(event: LogEvent) -> bool:
    """Whether an event is an error of the server, at that level or by a status of 500 and more."""
    return event.level == "ERROR" or (event.code or "").startswith("HTTP 5")


def parse_server_log(data: bytes, *, keep: int = limits.LOG_EVENTS) -> tuple[LogEvent, ...]:
    """The ERROR and WARN events of a whole log, the first ``keep`` of them; see `ServerLogParser`."""
    parser = ServerLogParser(keep=keep)
    parser.feed(data)
    return parser.finish()


def kubectl_time(line: bytes) -> str | None:
    """The time that `kubectl logs --timestamps` put before a line, behind the prefix of ``--prefix`` if it has one."""
    match = _KUBECTL_TIME.match(decode(line[: limits.LINE_BYTES]))
    return match[1] if match else None


def find_pods(data: bytes, nonces: Iterable[str]) -> dict[str, frozenset[str]]:
    """For each nonce the pods in whose log it stands, by what ``kubectl logs --prefix`` put before each line.

    kubectl writes that prefix itself, so no line of a pod can pass for one of another pod.
    """
    found: dict[str, frozenset[str]] = {}
    for nonce in filter(None, nonces):
        pods: set[str] = set()
        at = data.find(nonce.encode())
        while at >= 0:
            prefix = _POD.match(data, data.rfind(b"\n", 0, at) + 1)
            pods.update([prefix[1].decode("ascii")] if prefix else [])
            end = data.find(b"\n", at)
            at = data.find(nonce.encode(), end) if end >= 0 else -1
        found[nonce] = frozenset(pods)
    return found


def find_nonces(data: bytes, nonces: Iterable[str]) -> frozenset[str]:
    """Which of the nonces stand in the log; both canaries there prove that nothing between them was cut or filtered.

    An empty nonce is never found. Attic logs the canary's URL as it came (attic b7c9056
    server/src/nix_store/mod.rs:229), so no decoding is needed.
    """
    return frozenset(nonce for nonce in nonces if nonce and nonce.encode("utf-8", "backslashreplace") in data)
