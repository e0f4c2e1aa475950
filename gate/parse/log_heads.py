"""What collectors put before the lines of a log, and how they wrap them: journald, rsyslog, CRI, docker, stern.

A program's log seldom stays bare. A wrapping is one of two things: a frame, which can also cut a line in pieces (CRI,
docker's json-file, journald's JSON), or a head, a text before the line. Several can be on each other. Nothing here says
whether the text behind a head is a line of the program's: `unheaded` gives every reading, and a parser takes the first
that it understands. A head that is not listed leaves a line that no parser understands, and such lines are counted.

Forms: systemd.journal-fields(7) and journalctl(1) ``--output``; RFC 3164, RFC 5424 and rsyslog's traditional format,
which writes an escape as ``#033``; Kubernetes' CRI (kubelet ``pkg/kubelet/kuberuntime/logs``); docker's json-file,
whose pieces have 16 KiB; podman, compose, ``kubectl logs --prefix --timestamps``, stern; the job logs of GitHub and
GitLab.
"""

import json
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from gate import limits
from gate.parse.text import LineSplitter, decode, strip_escapes

_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK: Final = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
_ZONE: Final = r"(?:Z| ?[+-][0-9]{2}:?[0-9]{2})"
TIME: Final = rf"{_DATE}[T ]{_CLOCK}{_ZONE}"
_MONTH: Final = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_PRIORITY: Final = r"(?:<[0-9]{1,3}>)?"
# `HOST PROGRAM[PID]: `, as journald and every syslog daemon write it.
_IDENT: Final = r"([\w.:-]{1,255} [^\s\[\]:]{1,128}(?:\[[0-9]{1,10}\])?): ?"

_WIRE: Final = r"(\S{1,255} \S{1,48} \S{1,128}) \S{1,32} (?:-|\[[^\]]{0,400}\]) ?"  # RFC 5424, behind its time

# Each head, with the name in it as its group, and the first characters that it can have (none: any).
_DIGITS: Final = "0123456789"
_FORMS: Final = (
    ("[", r"\[(pod/[^\]\s]{1,320})\] "),
    # kubectl's and docker's own time, and with it CRI's whole line, or GitLab's stream
    (_DIGITS, rf"{TIME} (?:std(?:out|err) F |[0-9]{{2}}[OE][ +])?"),
    ("JFMASOND<", rf"{_PRIORITY}{_MONTH} [ 0-9][0-9] {_CLOCK} {_IDENT}"),
    (
        "MTWFS<" + _DIGITS,
        rf"{_PRIORITY}(?:[MTWFS][a-z]{{2}} )?{_DATE}[T ]{_CLOCK}(?:{_ZONE}| [A-Z]{{2,5}}) {_IDENT}",
    ),
    ("[" + _DIGITS, rf"(?:[0-9]{{9,11}}\.[0-9]{{6}}|\[ *[0-9]{{1,9}}\.[0-9]{{6}}\]) {_IDENT}"),
    ("<", rf"<[0-9]{{1,3}}>1 {_DATE}T{_CLOCK}{_ZONE} {_WIRE}"),
    ("", r"([\w.-]{1,128}) +\| ?"),
    ("", r"([a-z0-9][a-z0-9.-]{0,252} [a-z0-9][a-z0-9-]{0,62}) (?=\s*\S)"),
    ("", r"([^\t]{1,128}\t[^\t]{1,128})\t\ufeff?(?=\s*\S)"),
    ("M", r"MESSAGE="),
)
_HEADS: Final = tuple((first, re.compile(form)) for first, form in _FORMS)
_HEADS_DEEP: Final = 4  # a collector's head before another's; more are no log that somebody keeps
_FRAMES_DEEP: Final = 3
_CRI: Final = re.compile(rf"{_DATE}T{_CLOCK}{_ZONE} (stdout|stderr) ([FP])(?::\S{{0,64}})? (.*)", re.DOTALL)
_DOCKER_KEYS: Final = frozenset({"log", "stream", "time", "attrs"})
_JOURNAL_KEYS: Final = frozenset({"__CURSOR", "__REALTIME_TIMESTAMP", "_BOOT_ID"})
_SYSLOG_ESCAPE: Final = re.compile(r"#033\[[0-9;]{0,32}m")


class Bare(NamedTuple):
    """A line without a wrapping. ``origin`` is the outermost name in one, such as ``pod/NAME/CONTAINER``."""

    origin: str | None
    text: str


class LogFrames:
    """Takes frames off the lines of a log, and joins the pieces of a line. A line without a frame stays as it is."""

    def __init__(self) -> None:
        self._pieces: dict[tuple[str, int], tuple[str | None, str]] = {}

    def feed(self, line: str) -> Iterator[Bare]:
        """The lines that a line has in it; none where it is a piece whose end is still to come."""
        return self._unframed(Bare(None, line), 0)

    def rest(self) -> Iterator[Bare]:
        """What is left of lines whose end never came."""
        for (_, depth), (origin, text) in sorted(self._pieces.items()):
            yield from self._unframed(Bare(origin, text), depth + 1)

    def _unframed(self, line: Bare, depth: int) -> Iterator[Bare]:
        frame = _frame(line.text) if depth < _FRAMES_DEEP else None
        if frame is None:
            yield line
            return
        key = (frame.stream, depth)
        origin, before = self._pieces.pop(key, (line.origin or frame.origin, ""))
        text = before + frame.text
        if frame.whole:
            for each in text.split("\n"):
                yield from self._unframed(Bare(origin, without_escapes(each)), depth + 1)
        else:
            self._pieces[key] = (origin, text[: limits.LINE_BYTES + 1])


class _Frame(NamedTuple):
    stream: str
    text: str
    whole: bool
    origin: str | None


def _frame(line: str) -> _Frame | None:
    if match := _CRI.fullmatch(line):
        return _Frame(match[1], match[3], match[2] == "F", None)
    if not line.startswith("{") or not ('"log"' in line or '"MESSAGE"' in line):
        return None
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    log = entry.get("log")
    if isinstance(log, str) and isinstance(entry.get("stream"), str) and entry.keys() <= _DOCKER_KEYS:
        return _Frame(entry["stream"], log.removesuffix("\n"), log.endswith("\n"), None)
    message = None if _JOURNAL_KEYS.isdisjoint(entry) else _journal_message(entry.get("MESSAGE"))
    if message is None:
        return None
    names = [entry.get(name) for name in ("_HOSTNAME", "SYSLOG_IDENTIFIER", "_PID")]
    origin = " ".join(name for name in names if isinstance(name, str)) or None
    return _Frame(stream="journal", text=message, whole=True, origin=origin)


def _journal_message(item: object) -> str | None:
    """The text of an entry: journald gives one that is not all printable, such as one in color, as bytes."""
    if isinstance(item, list):
        try:
            return decode(bytes(item))
        except (TypeError, ValueError):
            return None
    return item if isinstance(item, str) else None


_JOB_HEAD: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:[^\t\n]{1,128}\t[^\t\n]{1,128}\t(?:\xef\xbb\xbf)?)?"
    + TIME.encode()
    + rb" (?:[0-9]{2}[OE][ +])?"
)
_BOM: Final = b"\xef\xbb\xbf"


class JobLogHeads:
    """Takes off what GitHub and GitLab put before each line of a job's log, and a byte order mark.

    The first line says whether there are such heads: a program's own times are not theirs. ``lines`` counts the lines
    that had one.
    """

    def __init__(self) -> None:
        self.lines = 0
        self._lines = LineSplitter(limits.NIX_EVENT_BYTES)
        self._begun = b""
        self._headed: bool | None = None

    def feed(self, data: bytes) -> bytes:
        """The same text without heads, as far as it has come."""
        if self._headed is None:
            self._begun += data
            if b"\n" not in self._begun and len(self._begun) < limits.LINE_BYTES:
                return b""
            self._headed, data = self._begin()
        if not self._headed:
            return data
        return b"".join(self._bare(line) + b"\n" for line in self._lines.feed(data))

    def finish(self) -> bytes:
        """The rest, a last line without its end."""
        if self._headed is None:
            self._headed, data = self._begin()
            return self._bare(data) if self._headed else data
        return self._bare(self._lines.rest())

    def _begin(self) -> tuple[bool, bytes]:
        return _JOB_HEAD.match(self._begun) is not None, self._begun.removeprefix(_BOM)

    def _bare(self, line: bytes) -> bytes:
        match = _JOB_HEAD.match(line)
        self.lines += match is not None
        return line[match.end() :] if match else line


def unheaded(line: Bare) -> Iterator[Bare]:
    """The line as it is, and then without each head that it may have, and without those behind."""
    return _unheaded(line, 0)


def _unheaded(line: Bare, depth: int) -> Iterator[Bare]:
    yield line
    text = line.text
    if depth == _HEADS_DEEP or not text:
        return
    for firsts, head in _HEADS:
        if (not firsts or text[0] in firsts) and (match := head.match(text)):
            name = match[1] if match.lastindex else None
            yield from _unheaded(Bare(line.origin or name, text[match.end() :]), depth + 1)
    if depth and (frame := _frame(text)) and frame.whole and "\n" not in frame.text:
        yield from _unheaded(Bare(line.origin or frame.origin, without_escapes(frame.text)), depth + 1)


def without_escapes(text: str) -> str:
    """A line without terminal escapes, rsyslog's spelling of them included, and without a carriage return."""
    if "\x1b" in text:
        text = decode(strip_escapes(text.encode("utf-8", "surrogatepass")))
    return (_SYSLOG_ESCAPE.sub("", text) if "#033[" in text else text).rstrip("\r")
