"""What `attic push` printed, read against the paths that were to be pushed.

The format is that of attic b7c9056 client/src/push.rs (`upload_path`) and client/src/api/mod.rs (`ApiError`), all of it
on stderr:

    ⚙️ Pushing N paths to "cache" on "server" (X already cached, Y in upstream)...
    ✅ <hash-name> (<speed>/s[, N% deduplicated])
    ✅ <hash-name> (deduplicated)
    ❌ <hash-name>: <error>
    ✅ All done! (X already cached, Y in upstream)
    🤷 Nothing specified.
    Error: <error>

Three things make it unsafe to believe line by line.

- `<error>` may be the raw body of an answer, with its own line ends, so any text can follow a ❌. Where an error is
  one of Attic's or the client's own sentences, whole in its line, and the next line is again one of the client's, the
  error has ended. After any other error nothing tells its text from the client's next line. From there on to the end of
  the log,
  and after `Error:`, failures still count and successes don't: they are listed as ``doubted``. Nothing is lost by that:
  a log with an error in it never leads to a pass, and the read-back decides about each body. A server could forge a
  fixed sentence too, but gains nothing by it, since any answer with status 200 already makes the client print a ✅.
- A success line names a path once, ever. A second one outside of doubtful text shows two logs in one file, or a hand:
  the path counts as ``contradicted``, and so as failed, like a path with a success and a failure. Where the success
  is outside of doubtful text and the failure in it, the failure can only be an error body's: the client has one
  result for a path. Then it is a failure of code ``contradicted``, which says nothing of the server.
- A last line without its line end may be cut: it can report a failure, never a success.
"""

import re
from collections.abc import Iterable
from itertools import islice

from gate import limits
from gate.model.basics import Claim
from gate.model.parsed import Announced, PushError, PushLine, PushReport
from gate.parse.text import LineSplitter, decode, strip_escapes

_NAME = rb"([0-9a-z]{32}-[0-9A-Za-z+\-._?=]{1,211})"  # nix 2.8 src/libstore/path.cc: at most 211 characters of name
_TICK = "✅".encode()
_CROSS = "❌".encode()
_GEAR = "⚙".encode()
_SHRUG = "🤷".encode()
_SELECTOR = b"(?:\xef\xb8\x8f)?"  # U+FE0F, which asks for the colourful form of the character before it
_COUNTS = rb"\(([0-9]{1,9}) already cached, ([0-9]{1,9}) in upstream\)"
_FRACTION = rb"([0-9]{1,9}\.[0-9])"  # push.rs writes it by {:.1}, and leaves it out up to 1 %

_SUCCESS = re.compile(
    _TICK
    + _SELECTOR
    + b" "
    + _NAME
    + rb" \((?:(deduplicated)|[0-9][0-9.,]* ?[A-Za-z]{1,3}/s(?:, "
    + _FRACTION
    + rb"% deduplicated)?)\)"
)
# One line of a block as the client draws it on a terminal or writes it into a file: a success, its name and its word;
# a failure, its name and its text; any other line, whole and bare; or one with more escapes and carriage returns.
_LINE = re.compile(
    rb"(?:(?:\x1b\[2K\r)?(?:"
    + _TICK
    + b" "
    + _NAME
    + rb" \((?:(deduplicated)|[0-9][0-9.,]{0,20} ?[A-Za-z]{1,3}/s(?:, "
    + _FRACTION
    + rb"% deduplicated)?)\)|"
    + _CROSS
    + b" "
    + _NAME
    + rb": ([^\n\r\x1b]{0,4096}))\r?|((?:\x1b\[2K\r)?([^\n\r\x1b]*)\r?)|([^\n]*))\n"
)
_FAILURE = re.compile(_CROSS + _SELECTOR + b" *" + _NAME + b"(?::? )?")
_HEADER = re.compile(_GEAR + _SELECTOR + rb' Pushing ([0-9]{1,9}) paths to "[^"]*" on "[^"]*" ' + _COUNTS + rb"\.\.\.")
_DONE = re.compile(_TICK + _SELECTOR + b" All done! " + _COUNTS)
_VACUOUS = re.compile(_SHRUG + _SELECTOR + rb" Nothing (?:specified|selected)\.")
_NAME_AT = len(_CROSS) + 1
_HINT = b"Hint: Pass --stdin to read the list of store paths from standard input."
_FATAL = b"Error: "
_AT_ONCE_BYTES = 64 * 1024  # an empty line takes a hundred times its size while it is looked at
_HEADS = frozenset(text[:3] for text in (_TICK, _CROSS, _GEAR, _SHRUG, _HINT, _FATAL))  # of all lines of the client's
_DRAWN = re.compile(rb"(?:\x1b\[[0-9;?]*[A-Za-z]|\r)*([^\x1b\r]*)\r*")  # only its front is a terminal's matter

CONTRADICTED = "contradicted"  # the code of a failure at a point where it may be forged, of a path with a success

_HTTP = re.compile(r"(HTTP [0-9]{3})(?: |$)")
_ERROR_NAME = re.compile(r"([A-Z][A-Za-z]{2,39}): ")
# The client's own words where a request got no answer (reqwest's Display): one line, with the client's own URL.
_NO_ANSWER = re.compile(rb"error sending request for url \([^\s()]*\)")
_REQUEST = re.compile(r"error sending request|error decoding response body|operation timed out|client error \(")

# Error texts after which the client's own lines go on: the sentences of attic b7c9056 server/src/error.rs and
# server/src/access/mod.rs, and what tower-http's CatchPanicLayer answers (attic issue 219).
_SENTENCES = frozenset(
    {
        b"InternalServerError: The server encountered an internal error or misconfiguration.",
        b"NotFound: The URL you requested was not found.",
        b"Unauthorized: Unauthorized.",
        b"NoSuchCache: The requested cache does not exist.",
        b"NoSuchObject: The requested object does not exist.",
        b"IncompleteNar: The requested NAR has missing chunks and needs to be repaired.",
        b"AccessError: Access error: User does not have permission to complete this action.",
        b"HTTP 500 Internal Server Error: Service panicked",
    }
)
# The same where a part of the sentence varies (attic server/src/error.rs, attic/src/error.rs and token/src/lib.rs):
# that part has nothing of what the client's own lines begin with.
_SENTENCE_WITH_DETAIL = re.compile(
    rb"(?:RequestError: General request error|AccessError: Access error"
    rb"|InvalidCompressionType: Invalid compression type|CacheAlreadyExists: The cache already exists"
    rb"|StoreConnectError: Failed to connect to the Nix store|InvalidStorePath: Invalid store path"
    rb"|InvalidStorePathName: Invalid store path base name|InvalidStorePathHash: Invalid store path hash"
    rb"|InvalidCacheName: Invalid cache name|SigningError: Signing error|HashError: Hashing error|IoError: I/O error"
    rb"|InvalidPathInfo: Invalid path info)\b(?:(?!"
    + b"|".join((_TICK, _CROSS, _GEAR, _SHRUG))
    + rb"|Error: )[^\x00-\x1f\x7f]){0,1000}"
)


class _Failure:
    """An error being read: its first line, and as much as is kept of what follows."""

    __slots__ = ("first", "more")

    def __init__(self, first: bytes) -> None:
        self.first = first
        self.more = b""

    def add(self, line: bytes) -> None:
        room = limits.ERROR_TEXT_CHARS - len(self.more)
        if room > 0:
            self.more += (b"\n" + line)[:room]

    def rank(self) -> int:
        """How bad it is: of two failures of one path the worse is kept, so that no line can soften another."""
        return 2 if self.first.startswith(b"InternalServerError: ") else 1 if self.first.startswith(b"HTTP 5") else 0

    def value(self) -> PushError:
        """The error as the report gives it."""
        return read_error(self.first + self.more)


def read_error(text: bytes) -> PushError:
    """Code and message of an error's text, which follows ``❌ <hash-name>: `` or ``Error: ``."""
    message = decode(text)[: limits.ERROR_TEXT_CHARS]
    for pattern in (_HTTP, _ERROR_NAME):
        if match := pattern.match(message):
            return PushError(code=match[1], message=message[match.end() :])
    return PushError(code="request" if _REQUEST.match(message) else "unknown", message=message)


class PushLogParser:
    """Reads a push log as it comes, in chunks of any size; the same report whatever the chunks.

    ``plan`` are the store paths that were to be pushed, in full. No other path can be claimed; what the log says of
    others is listed as ``foreign``. Memory is bounded by the plan and by ``gate.limits``, time is linear in the log.
    """

    def __init__(self, plan: Iterable[str], *, store_dir: str = "/nix/store") -> None:
        self._prefix = store_dir.rstrip("/") + "/"
        self._plan = {path.removeprefix(self._prefix).encode("utf-8", "backslashreplace"): path for path in plan}
        self._lines = LineSplitter()
        self._order: dict[str, None] = {}
        self._claims: dict[str, Claim] = {}
        self._permille: dict[str, int] = {}
        self._failures: dict[str, _Failure] = {}
        self._twice: dict[str, None] = {}
        self._surely_failed: set[str] = set()  # told by a line that no error body can have forged
        self._doubted: dict[str, None] = {}
        self._foreign: dict[str, None] = {}
        self._announced: Announced | None = None
        self._fatal: _Failure | None = None
        self._done = False
        self._vacuous = False
        self._unread = 0
        self._error: _Failure | None = None  # the error whose text may still be running
        self._doubt = False

    def feed(self, data: bytes) -> None:
        """Read on."""
        for start in range(0, len(data), _AT_ONCE_BYTES):
            self._feed(data[start : start + _AT_ONCE_BYTES])

    def _feed(self, data: bytes) -> None:
        for block in self._lines.blocks(data):
            for name, deduplicated, fraction, failed, text, raw, line, remnant in _LINE.findall(block):
                if name:
                    self._succeeded(name, deduplicated, fraction)
                elif failed:
                    self._failed(failed, text, whole=True)
                elif remnant or len(raw) > limits.LINE_BYTES:
                    self._odd_line((remnant or raw)[: limits.LINE_BYTES + 1])
                elif self._error is not None and not self._doubt and raw != line:
                    self._line(raw, ended=True)
                else:
                    self._bare_line(line, raw)

    def failures_after(self, count: int) -> tuple[str, ...]:
        """The store paths that failed so far, in the order of their lines, without the first ``count``."""
        return tuple(islice(self._failures, count, None))

    def finish(self) -> PushReport:
        """The report. Call it once, at the end of the log."""
        if rest := self._lines.rest():
            self._line(rest, ended=False)
        contradicted = [path for path in self._order if self._is_contradicted(path)]
        return PushReport(
            announced=self._announced,
            lines=tuple(self._result(path) for path in self._order if path in self._claims or path in self._failures),
            fatal=self._unexplained(),
            done=self._done,
            vacuous=self._vacuous,
            contradicted=tuple(contradicted),
            foreign=tuple(self._foreign),
            unread_lines=self._unread,
            doubted=tuple(path for path in self._doubted if path not in self._claims and path not in self._failures),
        )

    def _odd_line(self, raw: bytes) -> None:
        """A line that is too long or has terminal escapes of another kind, with its end."""
        drawn = _DRAWN.fullmatch(raw)
        if drawn is None or (self._error is not None and not self._doubt):
            self._line(raw, ended=True)
        else:
            self._bare_line(drawn[1], raw)

    def _bare_line(self, line: bytes, raw: bytes) -> None:
        """A line with its end and without escapes: the common ones are told here, the others by `_line`."""
        head = line[:3]
        if head in _HEADS:
            self._line(raw, ended=True)
        elif self._error is not None:
            self._doubt = True  # an Attic sentence that runs on is not Attic's
            self._error.add(line)
        elif line and not line.isspace():
            self._unread += 1

    def _is_contradicted(self, path: str) -> bool:
        succeeded = path in self._claims or path in self._doubted
        return path in self._twice or (succeeded and path in self._failures)

    def _result(self, path: str) -> PushLine:
        failure = self._failures.get(path)
        surely = path in self._surely_failed or path in self._twice
        if failure is not None and path in self._claims and not surely:
            error = PushError(code=CONTRADICTED, message=failure.value().message)
            return PushLine(store_path=path, claim=Claim.FAILED, error=error)
        if failure is not None or path in self._twice:
            return PushLine(store_path=path, claim=Claim.FAILED, error=failure.value() if failure else None)
        return PushLine(store_path=path, claim=self._claims[path], deduplicated_permille=self._permille.get(path))

    def _unexplained(self) -> PushError | None:
        """The last ``Error:``, unless it repeats what a path failed with (push.rs returns one of their errors)."""
        if self._fatal is None or any(self._fatal.first == failure.first for failure in self._failures.values()):
            return None
        return self._fatal.value()

    def _line(self, raw: bytes, *, ended: bool) -> None:
        whole = ended and len(raw) <= limits.LINE_BYTES
        line = _bare(raw)
        if line[:3] == _CROSS:
            self._failed(*self._cut(line), whole=whole)
        elif line.startswith(_FATAL):
            self._error = self._fatal = _Failure(line[len(_FATAL) :])
            self._doubt = True
        elif whole and line[:3] in _HEADS and self._take_progress_line(line):
            self._ends_error()
        elif ended:
            self._other(line, decorated=raw.find(b"\x1b") >= 0)
        else:
            self._unread += 1

    def _take_progress_line(self, line: bytes) -> bool:
        """Whether the line is one of the client's that tell no failure; what it tells is taken down."""
        if line.startswith(_TICK):
            if match := _SUCCESS.fullmatch(line):
                self._succeeded(match[1], match[2], match[3])
                return True
            if match := _DONE.fullmatch(line):
                return self._announces(0, match[1], match[2], done=True)
        elif line.startswith(_GEAR):
            if match := _HEADER.fullmatch(line):
                return self._announces(int(match[1]), match[2], match[3], done=False)
        elif line == _HINT:
            return not self._doubt
        elif line.startswith(_SHRUG) and _VACUOUS.fullmatch(line):
            self._vacuous = True  # even where it is doubtful: it can only lower a verdict
            return not self._doubt
        return False

    def _succeeded(self, name: bytes, deduplicated: bytes | None, fraction: bytes | None) -> None:
        path = self._plan.get(name)
        if not self._doubt:
            self._error = None
        if path is None:
            self._unread += not self._note_foreign(name)
            return
        self._order[path] = None
        if self._doubt:
            self._doubted[path] = None
        elif path in self._claims:
            self._twice[path] = None
        else:
            self._claims[path] = Claim.DEDUPLICATED if deduplicated else Claim.UPLOADED
            if fraction:
                self._permille[path] = int(fraction.replace(b".", b""))

    def _ends_error(self) -> None:
        """A line of the client's own ends the error before it, where that can be told."""
        if not self._doubt:
            self._error = None

    def _announces(self, pushing: int, cached: bytes, upstream: bytes, *, done: bool) -> bool:
        if self._doubt or self._announced is not None:
            return False  # a second header is not of this push
        self._announced = Announced(pushing=pushing, already_cached=int(cached), in_upstream=int(upstream))
        self._done = done
        return True

    def _cut(self, line: bytes) -> tuple[bytes, bytes]:
        """Name and error text of a failure line; a name of the plan may have any form."""
        name, _, text = line[_NAME_AT:].partition(b": ")
        return (name, text) if name in self._plan else _cut_name(line)

    def _failed(self, name: bytes, text: bytes, *, whole: bool) -> None:
        path = self._plan.get(name)
        self._error = failure = _Failure(text)
        if not self._doubt and path is not None:
            self._surely_failed.add(path)
        own = text in _SENTENCES or _NO_ANSWER.fullmatch(text) or _SENTENCE_WITH_DETAIL.fullmatch(text)
        if not self._doubt and not own:
            self._doubt = True
        if path is None:
            noted = whole and name and self._note_foreign(name)
            self._unread += not noted
            return
        self._order[path] = None
        before = self._failures.get(path)
        if before is None or (before.first != text and failure.rank() > before.rank()):
            self._failures[path] = failure

    def _other(self, line: bytes, *, decorated: bool) -> None:
        """A line of no known shape: the running error's, a progress bar, or one that can't be read."""
        if self._error is not None and (self._doubt or not decorated):
            self._doubt = True  # an Attic sentence that runs on is not Attic's
            self._error.add(line)
        elif line.strip():
            self._unread += 1

    def _note_foreign(self, name: bytes) -> bool:
        if len(self._foreign) >= limits.FOREIGN_PATHS:
            return False
        self._foreign[self._prefix + decode(name)] = None
        return True


class ResultNames:
    """Collects the store paths that a push log tells any result of, true or forged, in chunks of any size.

    They are the plan to read a log against whose plan is not known. ``left_out`` counts results beyond the first
    `limits.NAMED_PATHS` paths.
    """

    def __init__(self, *, store_dir: str = "/nix/store") -> None:
        self.left_out = 0
        self._prefix = store_dir.rstrip("/") + "/"
        self._lines = LineSplitter()
        self._names: dict[bytes, None] = {}

    def feed(self, data: bytes) -> None:
        """Read on."""
        for line in self._lines.feed(data):
            if line.find(_TICK) >= 0 or line.find(_CROSS) >= 0:
                self._line(line)

    def finish(self) -> tuple[str, ...]:
        """The store paths in full, each once, in the log's order. Call it once, at the end of the log."""
        self._line(self._lines.rest())
        return tuple(self._prefix + decode(name) for name in self._names)

    def _line(self, raw: bytes) -> None:
        line = _bare(raw)
        match = _SUCCESS.fullmatch(line)
        name = match[1] if match else _cut_name(line)[0]
        if not name or name in self._names:
            return
        if len(self._names) < limits.NAMED_PATHS:
            self._names[name] = None
        else:
            self.left_out += 1


def _cut_name(line: bytes) -> tuple[bytes, bytes]:
    """Name and error text of a failure line of any form; without a name, the whole line is the text."""
    match = _FAILURE.match(line)
    return (match[1], line[match.end() :]) if match else (b"", line)


def _bare(line: bytes) -> bytes:
    """The line as a terminal leaves it standing: without escapes, and what its carriage returns let be seen."""
    if match := _DRAWN.fullmatch(line):
        return match[1]
    line = strip_escapes(line)
    return _visible_part(line) if b"\r" in line else line


def _visible_part(line: bytes) -> bytes:
    """What a line with carriage returns shows: the text after the last, or from the first that begins an error on.

    The first rule is a terminal's (tty-uploaded ends its lines with CR LF); the second keeps an error's own carriage
    returns from hiding it.
    """
    line = line.rstrip(b"\r")
    pieces = line.split(b"\r")
    for number, piece in enumerate(pieces):
        if piece.startswith((_CROSS, _FATAL)):
            return b"\r".join(pieces[number:])
    return pieces[-1]


def parse_push_log(data: bytes, plan: Iterable[str]) -> PushReport:
    """The report of a whole push log; see `PushLogParser`."""
    parser = PushLogParser(plan)
    parser.feed(data)
    return parser.finish()
