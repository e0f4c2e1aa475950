"""Events at WARN and ERROR that are known to be no trouble: the only ones that may be set aside.

Each row is a whole event of the program, by its target and all of its text, with the place where it was seen. What is
in no row is doubt, whatever words it has: a new version's wording for a lost disk must not be silence. So a row has no
free text in it, but for names of requests, buckets and keys.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from gate import limits
from gate.model.parsed import LogEvent
from gate.parse.log_heads import TIME, Bare, LogFrames, unheaded, without_escapes
from gate.parse.text import LineSplitter, decode, excerpt

_Rows = Mapping[str, tuple[re.Pattern[str], ...]]


def _rows(*rows: tuple[str, str]) -> _Rows:
    patterns: dict[str, tuple[re.Pattern[str], ...]] = {}
    for target, form in rows:
        patterns[target] = (*patterns.get(target, ()), re.compile(form))
    return patterns


# sqlx tells of a slow database at WARN (sqlx-core src/logger.rs, src/pool/inner.rs). It is no matter of the store.
_SERVER: Final = _rows(
    ("sqlx::query", r"slow statement: execution time exceeded alert threshold\b.*"),
    ("sqlx::pool::acquire", r"acquired connection, but time to acquire exceeded slow threshold\b.*"),
)

# An answer of S3 to a client, as s3s 0.13 logs it for RustFS (rustfs issues 2047, 5740, 7044).
_ABSENT_KEY: Final = r'Some\(ObjectNotFound\("[^"]*", "[^"]*"\)\)'
_S3_ANSWER: Final = (
    r'op returns error (?:op="?\w{1,64}"? )?err=S3Error\(Inner \{ code: (?:AccessDenied|NoSuchKey), '
    rf'message: (?:None|Some\("[^"]*"\)), request_id: [^,]*, status_code: [^,]*, source: (?:None|{_ABSENT_KEY}), '
    r"headers: None \}\)"
)
_DENIED: Final = (
    r"request denied by authorization layer event=s3_authorization_denied reason="
    r"(?:bucket_policy_explicit_deny|delete_object_version_denied|iam_implicit_deny|restrict_public_buckets"
    r"|no_policy_allows_action) .*"
)
_STORE: Final = _rows(
    ("s3s::ops", _S3_ANSWER),
    ("rustfs::storage::access", _DENIED),  # rustfs pull request 5761
    # a client that keeps a connection and asks nothing more (recording rustfs-live/rustfs.log)
    (
        "rustfs::server::http",
        r"The HTTP connection timed out \(HeaderTimeout\): read header from client timeout",
    ),
    # its own tracing is off (rustfs issue 2047)
    ("rustfs::server::http", r"Failed to propagate tracing context: `?SpanDisabled`?"),
    # a client that makes a bucket which is there (the same recording)
    (
        "rustfs_ecstore::rpc::peer_s3_client",
        r"make_bucket per_pool_errs: \[(?:(?:None|Some\(VolumeExists\))(?:, )?)+\]",
    ),
    ("rustfs_ecstore::rpc::peer_s3_client", r"make_bucket reduce_write_quorum_errs: volume already exists"),
    # an object that is not there (rustfs issue 1146)
    (
        "rustfs_ecstore::set_disk",
        r'get_object_with_fileinfo .* err (?:NoSuchKey|ObjectNotFound(?:\("[^"]*", "[^"]*"\))?)',
    ),
)
# What RustFS says at each healthy start (recording rustfs-live/rustfs.log, and case Rd of the operator's walk): the
# folder of its scanner's lists is not there yet. At any other time the same words are of a volume that went away.
_STORE_START: Final = _rows(
    (
        "rustfs_ecstore::cache_value::metacache_set",
        r"list_path_raw: (?:revjob err VolumeNotFound|fallback disk is none)",
    ),
    ("rustfs_ecstore::store_list_objects", r"list_merged err VolumeNotFound"),
    ("rustfs_ecstore::store_list_objects", r"list_path err_rx\.try_recv\(\) ok VolumeNotFound"),
)


def is_routine_of_server(event: LogEvent) -> bool:
    """Whether a warning of the Attic server is known to say nothing of what it serves."""
    return event.level == "WARN" and _is_of(event, _SERVER)


def is_routine_of_store(event: LogEvent, *, at_start: bool) -> bool:
    """Whether RustFS is known to say this of a request, or, ``at_start``, whenever it starts."""
    return _is_of(event, _STORE) or (at_start and _is_of(event, _STORE_START))


def _is_of(event: LogEvent, rows: _Rows) -> bool:
    forms: Iterable[re.Pattern[str]] = rows.get(event.target, ())
    return any(form.fullmatch(event.message) for form in forms)


PANIC = "panic"
KEPT_LEVELS = frozenset({"ERROR", "WARN"})
_LEVELS = frozenset({"TRACE", "DEBUG", "INFO", "WARN", "ERROR"})

_LEVEL = r"(?:TRACE|DEBUG|INFO|WARN|ERROR)"
_KUBECTL_TIME = re.compile(rf"(?:\[pod/[^\]\s]{{1,320}}\] )?({TIME}) ")
_TIMELESS = re.compile(rb"^(?!(?:\[pod/[^\]\s]{1,320}\] )?" + TIME.encode() + rb" ).+", re.MULTILINE)
_EVENT = re.compile(rf" {{0,2}}(?:\[?({TIME})\]? +)?({_LEVEL}) +(.*)", re.DOTALL)
_BRACKETS = re.compile(r"\[([^\[\]]{0,200})\] \[([^\[\]]{1,400}:[0-9]{1,7})\] (?:\[[^\[\]]{0,200}\] )?(.*)", re.DOTALL)
_THREAD = re.compile(r"[\w.-]{1,100} +ThreadId\([0-9]{1,6}\) ")
# the spans around the event, with their fields; then a target with `::`
_SPANS = re.compile(r"(?:[\w.-]{1,100}(?:\{[^{}]{0,2000}\})?:){1,20} (?=[A-Za-z_][\w.-]{0,200}::)")
_TARGET = re.compile(r"([A-Za-z_][\w:.-]{0,200}): (?:(\S{1,400}\.rs:[0-9]{1,7}): )?(.*)", re.DOTALL)
_REQUEST = re.compile(r"\bmethod=\"?([A-Z]{1,16})\"? uri=\"?([^\s\"?]{1,2000})")
# Rust's own words for a thread that ended by a bug (library/std/src/panicking.rs); they are no event of tracing
_PANIC = re.compile(r"thread '[^']{0,200}' (?:\([0-9]{1,20}\) )?panicked at (.*)", re.DOTALL)
_STARTS = "Starting API server..."  # Attic, when it begins to serve (attic b7c9056 server/src/lib.rs)
# Lines that are no events, and known: Attic's own at its start (attic b7c9056 server/src/main.rs, lib.rs), the head of
# journalctl's output, and the fields beside the message in its export form.
_PRINTS = re.compile(
    r"Attic Server [\w.+-]{1,64} \((?:debug|release)\)|Running migrations\.\.\.|Starting API server\.\.\."
    r"|Listening on \S{1,200}\.\.\.|-- (?:Journal begins|Logs begin) at [\w :.,;+-]{1,200} --"
    r"|(?:_{1,2}[A-Z][A-Z0-9_]{0,63}|PRIORITY|SYSLOG_[A-Z]{1,32}|CODE_[A-Z]{1,32}|TID)=.*",
    re.DOTALL,
)
# a span trace, as `tracing_error::SpanTrace` writes it; a collector may have taken its indentation away
_TRACE = re.compile(
    r" *(?:[0-9]{1,4}: [\w.:<>-]{1,400}|with [A-Za-z_][\w.]{0,100}=.*|at \S{1,1000}:[0-9]{1,7})", re.DOTALL
)
# what looks like an error's beginning, in a line that is not one itself: a collector's words before it
_ERROR_WITHIN = re.compile(
    r"\b(?:ERROR|WARN)\b\W{0,8}[A-Za-z_]\w{0,100}::|(?i:\blevel\W{1,8}(?:error|warn|fatal))|\bpanicked at "
)
_MAIN_THREAD = re.compile(r" +main ThreadId\(|\[main:ThreadId\(")
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


_JSON_KEYS = frozenset(
    {"timestamp", "level", "target", "filename", "line_number", "threadName", "threadId", "span", "spans", "fields"}
)


class _TracingEvent(NamedTuple):
    at: str | None
    level: str
    target: str
    message: str
    source: str | None
    request: str | None
    of_main_thread: bool = False


@dataclass
class _Open:
    """An event and what the lines after it say of it."""

    event: _TracingEvent
    origin: str | None
    place: str | None
    request: str | None


class ServerLogParser:
    """Reads a server log as it comes, in chunks of any size.

    Every event is counted in ``seen``; those at ERROR and WARN are kept, the first ``keep`` of them, and the rest of
    them counted in ``dropped``. ``unread_lines`` counts the lines that are not understood, whatever is in them, and
    ``first_unread`` shows the first. ``starts`` counts the times that a server said it starts after it had said
    something: a replica that came within the log begins with that, one that was there before did it again.
    ``main_times`` are the times of the events of a program's main thread, which RustFS has at its start and end alone.
    """

    def __init__(self, *, keep: int = limits.LOG_EVENTS) -> None:
        self.seen = 0
        self.dropped = 0
        self.unread_lines = 0
        self.first_unread = ""
        self.starts = 0
        self.main_times: list[str] = []
        self._keep = keep
        self._lines = LineSplitter()
        self._frames = LogFrames()
        self._at_beginning = True
        self._kept: list[_Open] = []
        self._open: dict[str | None, _Open] = {}  # by origin the event whose lines are being read, if it is kept
        self._heard: set[str] = set()  # containers that said something before

    def feed(self, data: bytes) -> None:
        """Read on."""
        for line in self._lines.feed(data):
            self._line(line)

    def finish(self) -> tuple[LogEvent, ...]:
        """The kept events, in the log's order. Call it once, at the end of the log."""
        if rest := self._lines.rest():
            self._line(rest)
        for line in self._frames.rest():
            self._bare(line, cut=False)
        return tuple(_log_event(entry) for entry in self._kept)

    def _line(self, raw: bytes) -> None:
        text = decode(raw[: limits.LINE_BYTES])
        if self._at_beginning:
            self._at_beginning, text = False, text.removeprefix("\ufeff")
        for line in self._frames.feed(without_escapes(text)):
            self._bare(line, cut=len(raw) > limits.LINE_BYTES)

    def _bare(self, line: Bare, *, cut: bool) -> None:
        """Take a line by the first of its readings that is understood."""
        cut = cut or len(line.text) > limits.LINE_BYTES
        if not any(self._understand(reading, cut=cut) for reading in unheaded(line)):
            self.unread_lines += 1
            self.first_unread = self.first_unread or excerpt(line.text)
            self._open.clear()

    def _understand(self, line: Bare, *, cut: bool) -> bool:
        """Whether the line is one of the log's, without any more head; then it counts."""
        origin, text = line
        words = _json_event(text) if text.startswith("{") else _panic(text) or _plain_event(text)
        if words is not None:
            if words.level not in KEPT_LEVELS and (cut or _ERROR_WITHIN.search(text)):
                return False
            self._begin(words, origin)
        elif _PRINTS.fullmatch(text):
            if cut or _ERROR_WITHIN.search(text):
                return False
            again = origin is None or not origin.startswith("pod/") or origin in self._heard
            self.starts += text.startswith(_STARTS) and again
        elif (opened := self._open.get(origin)) is not None and opened.event.target == PANIC:
            pass  # what a panic says of itself has no form
        elif _TRACE.fullmatch(text) and not cut and not _ERROR_WITHIN.search(text):
            if opened is not None:
                opened.place = _nearer(opened.place, text)
                opened.request = opened.request or _request(text)
        elif text.strip():
            return False
        self._heard.update([origin] if origin is not None and len(self._heard) < limits.LOG_ORIGINS else [])
        return True

    def _begin(self, text: _TracingEvent, origin: str | None) -> None:
        self.seen += 1
        self._open.pop(origin, None)
        if text.of_main_thread and text.at is not None and len(self.main_times) < self._keep:
            self.main_times.append(text.at)
        if text.level not in KEPT_LEVELS:
            return
        if len(self._kept) < self._keep:
            if len(self._open) >= limits.LOG_ORIGINS:
                self._open.clear()
            opened = _Open(event=text, origin=origin, place=text.source, request=text.request)
            self._open[origin] = opened
            self._kept.append(opened)
        else:
            self.dropped += 1


def _log_event(entry: _Open) -> LogEvent:
    text = entry.event
    return LogEvent(
        at=text.at,
        level=text.level,
        target=text.target,
        code=_code(text.message) if text.target != PANIC else PANIC,
        message=text.message[: limits.ERROR_TEXT_CHARS],
        source=entry.place,
        request=entry.request,
        origin=entry.origin,
    )


def _plain_event(line: str) -> _TracingEvent | None:
    match = _EVENT.match(line)
    if match is None:
        return None
    at, rest = match[1], match[3]
    at = at and at.replace(" ", "T", 1).replace(" ", "")
    main = _MAIN_THREAD.search(rest) is not None
    if brackets := _BRACKETS.match(rest):
        return _TracingEvent(at, match[2], brackets[1], brackets[3], brackets[2], None, main)
    rest = _THREAD.sub("", rest, count=1) if _THREAD.match(rest) else rest
    spans = _SPANS.match(rest)
    request = _request(spans[0]) if spans else None
    rest = rest[spans.end() :] if spans else rest
    target = _TARGET.match(rest)
    name, source, message = (target[1], target[2], target[3]) if target else ("", None, rest)
    return _TracingEvent(at, match[2], name, message, source, request or _request(message), main)


def _panic(line: str) -> _TracingEvent | None:
    match = _PANIC.match(line)
    if match is None:
        return None
    place = _PLACE.search(f"at {match[1]}".rstrip(":").rpartition(":")[0])
    return _TracingEvent(None, "ERROR", PANIC, line, place[1] if place else None, None)


def _json_event(line: str) -> _TracingEvent | None:
    """An event of tracing-subscriber's JSON form, nested (``fields.message``) or flattened."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    level = entry.get("level")
    if not isinstance(level, str) or level.upper() not in _LEVELS:
        return None
    fields = entry.get("fields")
    own = fields if isinstance(fields, dict) else {key: of for key, of in entry.items() if key not in _JSON_KEYS}
    texts = {key: of if isinstance(of, str) else json.dumps(of, ensure_ascii=False) for key, of in own.items()}
    first = [texts.pop("message")] if "message" in texts else []
    message = " ".join([*first, *(f"{key}={text}" for key, text in texts.items())])
    at, target = entry.get("timestamp"), entry.get("target")
    file, number = entry.get("filename"), entry.get("line_number")
    return _TracingEvent(
        at if isinstance(at, str) else None,
        level.upper(),
        target if isinstance(target, str) else "",
        message,
        f"{file}:{number}" if isinstance(file, str) and isinstance(number, int) else None,
        _json_request(entry) or _request(message),
        entry.get("threadName") == "main",
    )


def _json_request(entry: dict[str, Any]) -> str | None:
    """The request that an event belongs to, from its spans."""
    spans = entry.get("spans")
    for span in (entry.get("span"), *(spans if isinstance(spans, list) else ())):
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
    source = match[1] or f"{match[2]}:{match[3]}"
    return source if place is None or not source.startswith("/") else place


def speaks_of_storage(event: LogEvent) -> bool:
    """Whether an event speaks of the store; ``HTTP <status>`` lines are answers to clients, a panic is the server's."""
    return event.code is not None and event.code != PANIC and not event.code.startswith("HTTP ")


def is_error(event: LogEvent) -> bool:
    """Whether an event is an error of the server, at that level or by a status of 500 and more."""
    return event.level == "ERROR" or (event.code or "").startswith("HTTP 5")


def is_doubt(event: LogEvent) -> bool:
    """Whether an event of the Attic server needs an explanation: all but storage errors, which have a row of their own.

    Set aside are those that are known: its answers of 4xx to clients, and routine warnings.
    """
    answer = (event.code or "").startswith("HTTP ") and not is_error(event)
    return not (speaks_of_storage(event) or answer or is_routine_of_server(event))


def parse_server_log(data: bytes, *, keep: int = limits.LOG_EVENTS) -> tuple[LogEvent, ...]:
    """The ERROR and WARN events of a whole log, the first ``keep`` of them; see `ServerLogParser`."""
    parser = ServerLogParser(keep=keep)
    parser.feed(data)
    return parser.finish()


def kubectl_time(line: bytes) -> str | None:
    """The time that `kubectl logs --timestamps` put before a line, behind the prefix of ``--prefix`` if it has one."""
    match = _KUBECTL_TIME.match(decode(line[: limits.LINE_BYTES]))
    return match[1] if match else None


def line_without_time(log: bytes) -> str | None:
    """The first line of what `kubectl logs --timestamps` printed that has no time; None where each line has one."""
    match = _TIMELESS.search(log)
    return decode(match[0][: limits.LINE_BYTES]) if match else None


def find_nonces(data: bytes, nonces: Iterable[str]) -> frozenset[str]:
    """Which of the nonces are in the bytes, whatever the lines mean: a reader waits for them, and proves nothing by it.

    An empty nonce is never found. Attic logs the canary's URL as it came (attic b7c9056
    server/src/nix_store/mod.rs:229), so no decoding is needed.
    """
    return frozenset(nonce for nonce in nonces if nonce and nonce.encode("utf-8", "backslashreplace") in data)


def is_of_canary(event: LogEvent, nonce: str) -> bool:
    """Whether an event is the server's error at the request for this canary, which alone proves that its log is read.

    Attic answers it with 500, so it is one at ERROR whose request is that GET.
    """
    request = event.request or ""
    return (
        bool(nonce) and event.level == "ERROR" and request.startswith("GET ") and request.endswith(f"/{nonce}.narinfo")
    )
