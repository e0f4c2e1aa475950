"""Reads the lines of a journal into entries, as far as the chain of hashes holds."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, TypeVar

from gate import limits
from gate.errors import ForeignTextError
from gate.evidence.codec import START, read_entry
from gate.model.records import Entry
from gate.model.time import JOURNAL_TIME

_T = TypeVar("_T")

_YEARS: Final = range(1971, 9999)  # no journal of the gate has other years, and Python's dates end


@dataclass(frozen=True, kw_only=True)
class JournalLog:
    """A journal as read: its entries up to the tear, and whether there was one."""

    entries: tuple[Entry, ...]
    torn: bool

    def of(self, kind: type[_T]) -> list[_T]:
        """All records of a kind, in order."""
        return [entry.record for entry in self.entries if isinstance(entry.record, kind)]

    def timed(self, kind: type[_T]) -> list[tuple[str, _T]]:
        """All records of a kind with their times, in order."""
        return [(entry.at, entry.record) for entry in self.entries if isinstance(entry.record, kind)]


def read_chain(lines: Iterable[bytes]) -> JournalLog:
    """The entries up to the first line that is torn, is no entry, or does not follow the one before."""
    entries: list[Entry] = []
    prev = START
    for line in lines:
        try:
            entry = read_entry(line[:-1]) if line.endswith(b"\n") else None
        except ForeignTextError:
            entry = None
        if entry is None or entry.prev != prev or entry.seq != len(entries) or not is_time(entry.at):
            return JournalLog(entries=tuple(entries), torn=True)
        entries.append(entry)
        prev = sha256(line).hexdigest()
    return JournalLog(entries=tuple(entries), torn=False)


def is_time(text: str) -> bool:
    """Whether it is a moment as a journal writes it (`gate.clock.rfc3339`)."""
    try:
        return JOURNAL_TIME.fullmatch(text) is not None and datetime.fromisoformat(text).year in _YEARS
    except ValueError:
        return False


def lines_of(blocks: Iterable[bytes]) -> Iterable[bytes]:
    """The lines of a stream with their ends. A line that is longer than any record comes in pieces, so it is torn."""
    rest = b""
    for block in blocks:
        *complete, rest = (rest + block).split(b"\n")
        yield from (line + b"\n" for line in complete)
        if len(rest) > limits.RECORD_BYTES:
            yield rest
            rest = b""
    if rest:
        yield rest
