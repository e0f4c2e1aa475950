"""A program's output within the log of a job, a unit or a container: the same lines without what wraps them.

The first line that is neither blank nor journalctl's own decides about the wrapping of the whole log, because a
program may begin its own lines with a time. The wrappings, by their source:

- GitHub: ``TIME text``, also behind ``JOB<tab>STEP<tab>`` as ``gh run view --log`` prints it, with a byte order mark.
- GitLab (docs.gitlab.com/ci/jobs/job_logs): ``TIME NNO text``, where ``+`` in place of the space continues the line
  before it, or bare lines; both with ``section_start`` and ``section_end`` markers.
- journald: ``journalctl -o export`` (systemd.io/JOURNAL_EXPORT_FORMATS), ``-o json``, and the ``short`` forms.
- CRI, docker's json-file, ``kubectl logs --prefix`` and syslog, as `gate.parse.log_heads` reads them.

What has no wrapping that is known stays as it is, so that a parser counts it as not understood.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from gate import limits
from gate.parse.log_heads import TIME, Bare, LogFrames, heads_of
from gate.parse.text import LineSplitter, decode

_BOM: Final = b"\xef\xbb\xbf"
_JOB_HEAD: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:[^\t\n]{1,128}\t[^\t\n]{1,128}\t(?:\xef\xbb\xbf)?)?"
    + TIME.encode()
    + rb" (?:(?P<stream>[0-9a-f]{2}[OE])(?P<flag>[ +]))?"
)
# A marker's name and its options, such as `[collapsed=true]`, as GitLab's documents allow them. A carriage return and
# an escape let a terminal draw over it.
_SECTIONS: Final = re.compile(
    rb"(?:(?:\x1b\[0K|\r)*section_(?:start|end):[0-9]{1,20}:[A-Za-z0-9._-]{1,255}(?:\[[^\]\r\n]{0,400}\])?"
    rb"(?:\r(?:\x1b\[0K)?|\Z))+"
)
_GITLAB: Final = re.compile(
    rb"(?:\x1b\[[0-9;]{0,16}[Km]|\r)*(?:Running with gitlab-runner |section_(?:start|end):[0-9])"
)
_EXPORT: Final = b"__CURSOR="  # the first field of each entry
_MESSAGE: Final = b"MESSAGE"
_FIELD: Final = re.compile(rb"[A-Z0-9_]{1,64}")  # systemd.journal-fields(7)
_LINES_BEFORE: Final = 20  # blank ones and journalctl's own, which tells each boot, before the line that decides
_SIZE_BYTES: Final = 8  # a little-endian number before a field's data


class _Wrapping(Protocol):
    lines: int

    def feed(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


class ProgramOutput:
    """Takes the wrapping off a log that comes in chunks of any size. ``lines`` counts the lines that had one."""

    def __init__(self) -> None:
        self._beginning = b""
        self._wrapping: _Wrapping | None = None

    @property
    def lines(self) -> int:
        """How many lines, or entries of a journal, had a wrapping."""
        return self._wrapping.lines if self._wrapping else 0

    def feed(self, data: bytes) -> bytes:
        """The same text without wrappings, as far as it has come."""
        if self._wrapping is None:
            self._beginning += data
            first = _deciding_line(self._beginning, at_end=False)
            if first is None:
                return b""
            data, self._wrapping = self._beginning.removeprefix(_BOM), _wrapping_of(first)
        return self._wrapping.feed(data)

    def finish(self) -> bytes:
        """The rest, with a last line that may not have its end."""
        before = b""
        if self._wrapping is None:
            self._wrapping = _wrapping_of(_deciding_line(self._beginning, at_end=True) or b"")
            before = self._wrapping.feed(self._beginning.removeprefix(_BOM))
        return before + self._wrapping.finish()


def is_export(beginning: bytes) -> bool:
    """Whether a log that begins so is an export of a journal."""
    return beginning.removeprefix(_BOM).startswith(_EXPORT)


def _deciding_line(beginning: bytes, *, at_end: bool) -> bytes | None:
    """The first line of a log that tells its wrapping; None where it has not come yet."""
    *lines, rest = beginning[: limits.LINE_BYTES].removeprefix(_BOM).split(b"\n")
    for number, line in enumerate(lines):
        if number == _LINES_BEFORE or (line.strip() and not line.startswith(b"-- ")):
            return line
    return rest if at_end or len(beginning) >= limits.LINE_BYTES else None


def _wrapping_of(line: bytes) -> _Wrapping:
    if is_export(line):
        return JournalExport()
    text = decode(line.rstrip(b"\r"))
    if list(LogFrames().feed(text)) != [Bare(None, text)]:
        return _FramedLines()
    heads = heads_of(text) or ((_JOB_HEAD,) if _JOB_HEAD.match(line) else ())
    return _HeadedLines(heads) if heads or _GITLAB.match(line) else _BareLines()


class _BareLines:
    lines = 0

    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


class _HeadedLines:
    """Lines behind heads, each of which a line has once and in the given order, and section markers."""

    def __init__(self, heads: Sequence[re.Pattern[bytes]]) -> None:
        self.lines = 0
        self._heads = heads
        self._splitter = LineSplitter(limits.NIX_EVENT_BYTES)
        self._stream: bytes | None = None
        self._previous: bytes | None = None  # a line that may still be continued

    def feed(self, data: bytes) -> bytes:
        return b"".join(self._add(line) for line in self._splitter.feed(data))

    def finish(self) -> bytes:
        rest = self._splitter.rest()
        before = self._add(rest) if rest else b""
        return before if self._previous is None else before + self._previous + (b"" if rest else b"\n")

    def _add(self, line: bytes) -> bytes:
        """Take a line; gives the one before it, when that is whole."""
        stream, flag, headed = None, None, False
        for head in self._heads:
            if match := head.match(line):
                line, headed = line[match.end() :], True
                if head is _JOB_HEAD:
                    stream, flag = match["stream"], match["flag"]
        self.lines += headed
        if b"section_" in line:
            line = _SECTIONS.sub(b"", line) if _SECTIONS.match(line) else line
        previous, self._previous = self._previous, line
        if previous is None:
            before = b""
        elif flag == b"+" and stream == self._stream:
            self._previous, before = (previous + line)[: limits.NIX_EVENT_BYTES + 1], b""
        else:
            before = previous + b"\n"
        self._stream = stream
        return before


class _FramedLines:
    """Lines in frames of JSON or of CRI, whose pieces are joined."""

    def __init__(self) -> None:
        self.lines = 0
        self._splitter = LineSplitter(limits.NIX_EVENT_BYTES)
        self._frames = LogFrames()

    def feed(self, data: bytes) -> bytes:
        return b"".join(text + b"\n" for line in self._splitter.feed(data) for text in self._texts(line))

    def finish(self) -> bytes:
        last = self._splitter.rest()
        texts = [*(self._texts(last) if last else ()), *(_encoded(line) for line in self._frames.rest())]
        return b"\n".join(texts)

    def _texts(self, line: bytes) -> Iterator[bytes]:
        text = decode(line.rstrip(b"\r"))
        lines = list(self._frames.feed(text))
        self.lines += lines != [Bare(None, text)]
        return (_encoded(each) for each in lines)


def _encoded(line: Bare) -> bytes:
    return line.text.encode("utf-8", "backslashreplace")


class JournalExport:
    """The messages of ``journalctl -o export``, a line each or more; ``lines`` counts them.

    A field is ``NAME=text`` and a line feed, or, where it is not all printable, its name alone in a line, 8 bytes of
    size, so many bytes, and a line feed. A line that is neither is given as it is. An entry without a message gives
    nothing.
    """

    def __init__(self) -> None:
        self.lines = 0
        self._buffer = bytearray()
        self._remaining: int | None = None  # bytes of a field's data that are still to come
        self._is_message = False

    def feed(self, data: bytes) -> bytes:
        """The messages that have come, each ended by a line feed once it is whole."""
        self._buffer += data
        out = bytearray()
        while self._step(out):
            pass
        return bytes(out)

    def finish(self) -> bytes:
        """What is left of an export that was cut: never a whole line, and never nothing."""
        if self._remaining and not self._is_message:
            return b"the export of the journal ends within a field"
        return bytes(self._buffer).removeprefix(_MESSAGE + b"=")

    def _step(self, out: bytearray) -> bool:
        """Take one line or one part of a field's data; whether there was one."""
        if self._remaining is not None:
            return self._take_data(out)
        end = self._buffer.find(b"\n")
        if end < 0:
            del self._buffer[limits.NIX_EVENT_BYTES + 1 :]  # a parser reads less of a line
            return False
        line = bytes(self._buffer[: min(end, limits.NIX_EVENT_BYTES + 1)])
        name, equals, text = line.partition(b"=")
        if _FIELD.fullmatch(name) and not equals:
            return self._begin_data(name, end + 1)
        del self._buffer[: end + 1]
        if not _FIELD.fullmatch(name):
            out += line + b"\n" if line else b""
        elif name == _MESSAGE:
            self.lines += 1
            out += text + b"\n"
        return True

    def _begin_data(self, name: bytes, start: int) -> bool:
        if len(self._buffer) < start + _SIZE_BYTES:
            return False
        self._remaining = int.from_bytes(self._buffer[start : start + _SIZE_BYTES], "little")
        self._is_message = name == _MESSAGE
        self.lines += self._is_message
        del self._buffer[: start + _SIZE_BYTES]
        return True

    def _take_data(self, out: bytearray) -> bool:
        remaining = self._remaining or 0
        part = self._buffer[:remaining]
        del self._buffer[:remaining]
        self._remaining = remaining - len(part)
        out += part if self._is_message else b""
        if self._remaining or not self._buffer:
            return False
        out += b"\n" if self._is_message else b""
        self._remaining = None
        del self._buffer[: self._buffer.startswith(b"\n")]
        return True
