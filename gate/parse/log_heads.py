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
from gate.parse.text import decode, strip_escapes

_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK: Final = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
_ZONE: Final = r"(?:Z| ?[+-][0-9]{2}:?[0-9]{2})"
TIME: Final = rf"{_DATE}[T ]{_CLOCK}{_ZONE}"
_MONTH: Final = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_PRIORITY: Final = r"(?:<[0-9]{1,3}>)?"
# `HOST PROGRAM[PID]: `, as journald and every syslog daemon write it.
_PID: Final = r"(?:\[[0-9]{1,10}\])?"
_IDENT: Final = rf"([\w.:-]{{1,255}} [^\s\[\]:]{{1,128}}{_PID}): ?"

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
# Heads that no program's own text looks like: those of a pod, or of a host and a program with its process, where a time
# with two words and a colon could be a sentence. A time alone is one only behind another.
_CERTAIN_FORMS: Final = tuple(
    (first, form.replace(_PID, _PID.removesuffix("?")) if "0" in first else form)
    for first, form in _FORMS
    if first not in ("", "M", _DIGITS)
)
_TIME_FORM: Final = ((_DIGITS, rf"{TIME} "),)
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


def heads_of(text: str) -> tuple[re.Pattern[bytes], ...]:
    """The heads of a log's first line, outermost first, of those that no program's own text looks like."""
    heads: list[re.Pattern[bytes]] = []
    while len(heads) < _HEADS_DEEP and text:
        for firsts, form in _CERTAIN_FORMS + (_TIME_FORM if heads else ()):
            if text[0] in firsts and (match := re.match(form, text, re.ASCII)):
                heads.append(re.compile(form.encode()))
                text = text[match.end() :]
                break
        else:
            break
    return tuple(heads)


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
