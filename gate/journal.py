"""The append-only record of a run: JSON lines, fsynced one by one, each carrying the sha256 of the line before.

Format ``publication-gate/journal/v1``: ``{"at", "mono_millis", "prev", "record", "seq"}`` in RFC 8785 form, one a line.
The first line's ``prev`` is 64 zeros; the last record is ``complete``. A torn tail is readable up to the tear.
"""

import fcntl
import os
import threading
from hashlib import sha256
from pathlib import Path
from typing import Final

from gate.clock import Clock
from gate.errors import InconclusiveError, RefusedError
from gate.evidence.codec import START, entry_line
from gate.model.records import Entry, Record
from gate.model.time import rfc3339

NAME: Final = "journal.jsonl"


def refuse_existing(directory: Path) -> None:
    """Raise `RefusedError` when the evidence folder exists: evidence is never written over."""
    if directory.exists():
        raise RefusedError(f"the evidence folder {directory} exists and is left untouched: give --output a new one")


def make_folder(directory: Path) -> None:
    """Make the evidence folder, new and private (0700); raises `RefusedError` when it exists or can't be made."""
    refuse_existing(directory)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=0o700)
    except OSError as error:
        raise RefusedError(
            f"the evidence folder {directory} can't be made ({error.strerror}): give --output a writable place"
        ) from None
    try:
        fsync_folder(directory.parent)
    except OSError as error:
        raise InconclusiveError(
            f"the evidence folder {directory} can't be kept ({error.strerror}): give --output a writable place"
        ) from None


def fsync_folder(directory: Path) -> None:
    """Make a rename or a new name in this folder durable; raises OSError."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: Path, data: bytes) -> None:
    """Write a file so that it is there in full or not at all: temporary, fsync, rename, fsync of the folder.

    Raises `InconclusiveError` when any of these fails.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        fsync_folder(path.parent)
    except OSError as error:
        raise InconclusiveError(
            f"{path} can't be written ({error.strerror}): free the disk, then finalize the folder"
        ) from None


class Journal:
    """Writes records to ``journal.jsonl``; safe to use from several threads.

    A write that fails (full disk, I/O error) raises `InconclusiveError` then and at every later call: what is not
    durable was not seen.
    """

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seq = 0
        self._prev = START
        self._broken: str | None = None
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW
        try:
            self._file: int | None = os.open(directory / NAME, flags, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # finalize refuses while a run still writes
            fsync_folder(directory)
        except OSError as error:
            raise InconclusiveError(
                f"the journal can't be made in {directory} ({error.strerror}): give --output a writable place"
            ) from None

    def write(self, record: Record) -> Entry:
        """Append one record, durably, and return the entry as the journal has it."""
        with self._lock:
            if self._broken:
                raise InconclusiveError(self._broken)
            entry = Entry(
                seq=self._seq,
                at=rfc3339(self._clock.now()),
                mono_millis=int(self._clock.monotonic() * 1000),
                prev=self._prev,
                record=record,
            )
            line = entry_line(entry)
            self._append(line)
            self._seq += 1
            self._prev = sha256(line).hexdigest()
            return entry

    def _append(self, line: bytes) -> None:
        file = self._file if self._file is not None else -1
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(file, rest) :]
            os.fsync(file)
        except OSError as error:
            self._broken = f"the journal can't be written ({error.strerror}): free the disk and run again"
            raise InconclusiveError(self._broken) from None

    def close(self) -> None:
        """Close the file; nothing more can be written."""
        with self._lock:
            self._broken = self._broken or "the journal is closed"
            if self._file is not None:
                os.close(self._file)
                self._file = None


class UnwrittenJournal(Journal):
    """A journal without a file: its entries are of the time and in the order of a real one, and nobody keeps them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seq = 0

    def write(self, record: Record) -> Entry:
        """The entry of a record."""
        at, millis = rfc3339(self._clock.now()), int(self._clock.monotonic() * 1000)
        entry = Entry(seq=self._seq, at=at, mono_millis=millis, prev="", record=record)
        self._seq += 1
        return entry

    def close(self) -> None:
        """Nothing is held."""
