"""``read``: what the gate sees in a piece of foreign text, by the parsers of a run."""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final, Literal, Protocol

from cyclopts import Parameter

from gate import limits
from gate.cli.flags import AsFormat, JsonInto
from gate.cli.outcome import Outcome, report
from gate.errors import ForeignTextError, InconclusiveError, RefusedError

if TYPE_CHECKING:
    from gate.model.parsed import PushReport

Kind = Literal["push-log", "nix-log", "server-log", "narinfo", "nar"]
_LOGS: Final = frozenset({"push-log", "nix-log", "server-log"})
_STDIN = "-"
_SPOOL_BYTES = 4 * 1024 * 1024  # of a piped push log that is held in memory; it is read twice
_VALUE_CHARS = 512
_ROWS = 1000  # lines of text about paths or events; the JSON has all of them


class _Parser(Protocol):
    def feed(self, data: bytes) -> object: ...


def read(
    kind: Annotated[Kind, Parameter(help="What the file is.")],
    file: Annotated[str, Parameter(help="The file, or - for stdin.", allow_leading_hyphen=True)],
    *,
    exit_code: Annotated[
        int | None, Parameter(help="push-log, nix-log: the exit code of the push or the build that wrote it.")
    ] = None,
    codec: Annotated[str | None, Parameter(help="nar: its Compression (default: what its first bytes say).")] = None,
    nar_size: Annotated[int | None, Parameter(help="nar: its NarSize, if known.")] = None,
    member: Annotated[str | None, Parameter(help="A zip of several logs: the name of the one to read.")] = None,
    format: AsFormat = "text",
    json_into: JsonInto = None,
) -> int:
    """Show what the gate sees in a push log, a build log, a server log, a narinfo or a NAR.

    A log may be as it was downloaded: the log of a job of GitHub or GitLab, `gh run view --log`, `journalctl -o export`
    or `-o json`, in gzip, or in GitHub's zip. 0 whatever it is, and 3 where it has lines and none of them was
    understood, or where its packing is damaged.
    """

    def make() -> Outcome:
        with _opened(file, kind, member) as stream:
            if kind == "nar":
                return _outcome(_nar(stream, codec, nar_size))
            return _outcome(_with_packing(stream, _READERS[kind](stream, exit_code)))

    return report(make, format=format, json_into=json_into)


class _Source(Protocol):
    """The bytes of a file, as they are parsed."""

    def read(self, size: int, /) -> bytes: ...

    def rewind(self) -> None: ...


class _PlainSource:
    """A file as it is; of one that can't be sought in, ``beginning`` is what was read of it before."""

    def __init__(self, stream: BinaryIO, beginning: bytes = b"") -> None:
        self._stream = stream
        self._beginning = beginning

    def read(self, size: int = -1) -> bytes:
        if not self._beginning:
            return self._stream.read(size)
        end = len(self._beginning) if size < 0 else size
        beginning, self._beginning = self._beginning[:end], self._beginning[end:]
        return beginning

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return self._stream.seekable()

    def rewind(self) -> None:
        self.seek(0)


@contextmanager
def _opened(file: str, kind: Kind, member: str | None) -> Iterator[_Source]:
    """The file's bytes, unpacked where it is a log that was packed.

    A stream that can be read only once is kept in a temporary file where it is needed twice, or is a zip.
    """
    from gate.cli.packed_log import MAGIC_BYTES, is_zip, unpacked

    if member is not None and kind not in _LOGS:
        raise RefusedError(f"--member is for logs, and the kind is {kind}: leave it out")
    try:
        with nullcontext(sys.stdin.buffer) if file == _STDIN else Path(file).open("rb") as stream, ExitStack() as stack:
            source = _PlainSource(stream)
            if kind not in _LOGS:
                yield source
                return
            magic = stream.read(MAGIC_BYTES)
            if stream.seekable():
                source.rewind()
            else:
                source = _PlainSource(stream, magic)
                if kind == "push-log" or is_zip(magic):
                    source = stack.enter_context(_spooled(source))
            yield stack.enter_context(unpacked(source, magic, member)) or source
    except OSError as error:
        raise RefusedError(f"{file} can't be read ({error.strerror}): give a readable file, or - for stdin") from None


@contextmanager
def _spooled(source: _Source) -> Iterator[_PlainSource]:
    with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as spool:
        for piece in _pieces(source, limits.LOG_FILE_BYTES):
            spool.write(piece)
        spool.seek(0)
        yield _PlainSource(spool)  # type: ignore[arg-type]  # a file in all but its class


def _with_packing(source: _Source, values: dict[str, Any]) -> dict[str, Any]:
    """What the parsers say, after why it is not all of a packed log, and before what it was packed in."""
    from gate.cli.packed_log import UnpackedLog

    if not isinstance(source, UnpackedLog):
        return values
    fault = {"incomplete": source.fault} if source.fault else {}
    return {**fault, **values, "packing": source.packing}


def _pieces(stream: _Source, cap: int) -> Iterator[bytes]:
    remaining = cap
    while piece := stream.read(limits.READ_CHUNK_BYTES):
        remaining -= len(piece)
        if remaining < 0:
            raise RefusedError(f"the file has more than {cap} bytes: give a part of it")
        yield piece


def _feed_server_log(parser: _Parser, stream: _Source) -> None:
    """Feed a log whose heads its parser takes off by itself, all but those of a journal's export, which has bytes."""
    from gate.parse.program_output import JournalExport, is_export

    export: JournalExport | None = None
    for number, piece in enumerate(_pieces(stream, limits.LOG_FILE_BYTES)):
        export = JournalExport() if number == 0 and is_export(piece) else export
        parser.feed(export.feed(piece) if export else piece)
    parser.feed(export.finish() if export else b"")


def _feed_bare(parser: _Parser, stream: _Source) -> tuple[int, int]:
    """Feed a program's output without what a job's log has before its lines.

    How many lines had that, and how many lines with a text there are.
    """
    from gate.parse.program_output import ProgramOutput
    from gate.parse.text import LineSplitter

    heads, splitter, lines = ProgramOutput(), LineSplitter(), 0
    for piece in _pieces(stream, limits.LOG_FILE_BYTES):
        bare = heads.feed(piece)
        parser.feed(bare)
        lines += sum(not line.isspace() for line in splitter.feed(bare) if line)
    bare = heads.finish()
    parser.feed(bare)
    lines += sum(not line.isspace() for line in [*splitter.feed(bare), splitter.rest()] if line)
    return heads.lines, lines


def _understanding(unread: int, headed: int = 0, *, anything: bool, first: str = "") -> dict[str, Any]:
    """What was not understood, which is shown first; and whether anything was."""
    counts: dict[str, Any] = {"unread_lines": unread}
    counts |= {"first_unread": first} if first else {}
    counts |= {"lines_behind_heads": headed} if headed else {}
    return counts if anything or not unread else {**counts, "understood": "nothing"}


# --- what is read: JSON of each kind --------------------------------------------------------------------------------
def _push_log(stream: _Source, exit_code: int | None) -> dict[str, Any]:
    """Without a plan every path that the log names may have a result in it."""
    from gate.parse.push_log import PushLogParser, ResultNames

    names = ResultNames()
    _feed_bare(names, stream)
    stream.rewind()
    parser = PushLogParser(names.finish())
    headed, _ = _feed_bare(parser, stream)
    log = parser.finish()
    doubted = [{"store_path": path, "claim": "unaccounted", "error": None} for path in log.doubted]
    paths = [
        {"store_path": line.store_path, "claim": line.claim.value, "error": asdict(line.error) if line.error else None}
        for line in log.lines
    ]
    unread = log.unread_lines + names.left_out
    anything = bool(log.announced or paths or doubted or log.foreign or log.fatal or log.done or log.vacuous)
    values: dict[str, Any] = {
        **_understanding(unread, headed, anything=anything),
        "announced": asdict(log.announced) if log.announced else None,
        "paths": paths + doubted,
        "fatal": asdict(log.fatal) if log.fatal else None,
    }
    return values if exit_code is None else {**values, "exit_code": exit_code, "codes": _ending(log, exit_code)}


def _ending(log: "PushReport", exit_code: int) -> list[str]:
    """The reason codes that follow from the log and the exit code; a run knows more (`gate.judge.checks.push`)."""
    failed = sum(line.claim == "failed" for line in log.lines)
    results = len(log.lines)
    codes = []
    if exit_code != 0:
        codes.append("push-failed" if failed else "push-unattributed")
    elif failed or log.fatal:
        codes.append("push-counts-differ")
    elif results == 0:
        codes.append("push-wrote-nothing")
    if log.announced is not None and results < log.announced.pushing:
        codes.append("push-unaccounted")
    return codes


def _nix_log(stream: _Source, exit_code: int | None) -> dict[str, Any]:
    from gate.parse.nix_log import NixLogParser

    parser = NixLogParser(exit_code=exit_code)
    headed, lines = _feed_bare(parser, stream)
    ledger = parser.finish()
    anything = lines > ledger.unread_lines
    return {
        **_understanding(ledger.unread_lines, headed, anything=anything),
        "paths": [{"store_path": row.store_path, "how": row.how, "cause": row.cause} for row in ledger.paths],
        "masked": [{"name": row.name, "cause": row.cause, "certainty": row.certainty} for row in ledger.masked],
        "doubts": [asdict(doubt) for doubt in ledger.doubts],
        "doubt_count": ledger.doubt_count,
    }


def _server_log(stream: _Source, _exit_code: int | None) -> dict[str, Any]:
    from gate.parse.server_log import ServerLogParser

    parser = ServerLogParser()
    _feed_server_log(parser, stream)
    events = parser.finish()
    return {
        **_understanding(parser.unread_lines, anything=parser.seen > 0, first=parser.first_unread),
        "events": [asdict(event) for event in events],
        "event_count": parser.seen,
    }


def _narinfo(stream: _Source, _exit_code: int | None) -> dict[str, Any]:
    from gate.parse.narinfo import parse_narinfo
    from gate.parse.store_path import STORE_DIR

    info = asdict(parse_narinfo(stream.read(limits.NARINFO_BYTES + 1)))
    return {**info, "references": [f"{STORE_DIR}/{name}" for name in info["references"]]}


def _nar(stream: _Source, codec: str | None, nar_size: int | None) -> dict[str, Any]:
    from gate.parse.nar import SNIFF_BYTES, NarMeter, sniff

    pieces = _pieces(stream, limits.NAR_BYTES)
    first = next(pieces, b"")
    declared = codec or sniff(first[:SNIFF_BYTES])
    if declared is None:
        page = first.lstrip()[:1] in (b"<", b"{")
        raise ForeignTextError(
            "it is a page (HTML, XML or JSON), not a NAR: look at what the server or a proxy answered"
            if page
            else "the first bytes are of no known codec: give --codec, such as br"
        )
    meter = NarMeter(declared, limits.NAR_BYTES if nar_size is None else nar_size)
    more = meter.feed(first)
    while more and (piece := next(pieces, b"")):
        more = meter.feed(piece)
    measure = meter.finish()
    # Without compression nothing but the size says where the end is, so the NAR's own grammar has to.
    ends = measure.well_formed if nar_size is None and declared == "none" else measure.clean_end
    return {
        "codec": declared,
        "sniffed": measure.sniffed,
        "bytes": measure.wire_bytes,
        "nar_size": measure.nar_bytes,
        "nar_hash": f"sha256:{measure.sha256}",
        "whole": ends and measure.well_formed and measure.error is None and not measure.overrun,
        "clean_end": ends,
        "well_formed": measure.well_formed,
        "overrun": measure.overrun,
        "error": measure.error,
    }


_READERS: dict[str, Callable[[_Source, int | None], dict[str, Any]]] = {
    "push-log": _push_log,
    "nix-log": _nix_log,
    "server-log": _server_log,
    "narinfo": _narinfo,
}


# --- how it is shown -------------------------------------------------------------------------------------------------
def _outcome(values: dict[str, Any]) -> Outcome:
    """The same as text: a line a value, a line a row, nothing foreign unescaped."""
    from gate.render.escape import runner_safe

    lines: list[str] = []
    for name, value in values.items():
        rows = value if isinstance(value, (list, tuple)) else None
        if rows is None or not rows:
            lines.append(f"{name}: {_one(value) if rows is None else 'none'}")
            continue
        lines.append(f"{name}: {len(rows)}")
        lines += [f"  {_one(row)}" for row in rows[:_ROWS]]
        lines += [f"  and {len(rows) - _ROWS} more; --format json has them all"] if len(rows) > _ROWS else []
    unknown = values.get("understood") == "nothing" or "incomplete" in values
    code = InconclusiveError.exit_code if unknown else 0
    return Outcome(exit_code=code, text=runner_safe("\n".join(lines)) + "\n", data=values)


def _one(row: object) -> str:
    from gate.render.escape import plain

    if isinstance(row, Mapping):
        return "  ".join(_pair(name, value) for name, value in row.items() if value is not None)
    return "none" if row is None else plain(str(row), _VALUE_CHARS)


def _pair(name: str, value: object) -> str:
    text = _one(value)
    return text if name in ("store_path", "claim", "how", "at", "level") else f"{name} {text}"
