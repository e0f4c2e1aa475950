"""An evidence folder read back: the journal up to its tear, and its captures as streams."""

import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from gate import limits
from gate.errors import NotEvidenceError, RefusedError
from gate.evidence.fold import Captures
from gate.evidence.journal_reader import JournalLog, read_chain
from gate.journal import NAME

# A capture, or the journal of a part of a split run (`gate.evidence.split.journal_name`).
_CAPTURE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,60}\.log|part-(pre|publish|during|post)\.jsonl")
EVIDENCE: Final = "evidence.json"
PART: Final = "part.json"  # of a part of a split run
FINALIZED: Final = "finalized.txt"  # its presence says that a person, and not the run, sealed the folder


def read_journal_log(directory: Path) -> JournalLog:
    """The entries of a journal whose chain holds, up to the first that does not.

    Raises `RefusedError` where there is no journal to read.
    """
    return read_chain(_lines(directory / NAME))


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with _open(path) as stream:
            remaining = limits.JOURNAL_BYTES
            while line := stream.readline(min(remaining, limits.RECORD_BYTES)):
                remaining -= len(line)
                yield line
    except OSError as error:
        raise RefusedError(
            f"{path} can't be read ({error.strerror}): give the folder of a run, with its {NAME}"
        ) from None


def _open(path: Path) -> BinaryIO:
    """A regular file to read; a link, a FIFO or a device in its place is refused, never followed or waited for."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise RefusedError(f"{path} is no regular file: give a file itself, not a folder, a link or a device")
    return os.fdopen(handle, "rb")


def names(directory: Path) -> list[str]:
    """Every name in the folder, sorted; raises `NotEvidenceError` where it is no folder."""
    try:
        return sorted(path.name for path in directory.iterdir())
    except OSError as error:
        raise NotEvidenceError(f"{directory} can't be listed ({error.strerror}): give the folder of a run") from None


def captures_of(directory: Path) -> Captures:
    """The capture files of a folder, each a function that streams its bytes."""
    captures = [name for name in names(directory) if _CAPTURE_NAME.fullmatch(name)]
    return {name: partial(stream, directory / name) for name in captures}


def stream(path: Path) -> Iterator[bytes]:
    """The bytes of a file in blocks, at most `limits.CAPTURE_BYTES` of them."""
    remaining = limits.CAPTURE_BYTES
    with _open(path) as source:
        while remaining > 0 and (block := source.read(min(remaining, limits.READ_CHUNK_BYTES))):
            remaining -= len(block)
            yield block


def read_whole(path: Path, cap: int) -> bytes:
    """A file's bytes; raises `RefusedError` when it is larger than ``cap`` or can't be read."""
    try:
        with _open(path) as source:
            data: bytes = source.read(cap + 1)
    except OSError as error:
        raise RefusedError(f"{path} can't be read ({error.strerror}): give a file that is there and readable") from None
    if len(data) > cap:
        raise RefusedError(f"{path} has more than {cap} bytes: this is no file of ours")
    return data


def hold(directory: Path) -> Callable[[], None]:
    """Lock the journal against a second writer; gives the release. Raises `RefusedError` while a run still writes."""
    try:
        journal = _open(directory / NAME)
    except OSError as error:
        raise RefusedError(f"{directory / NAME} can't be read ({error.strerror}): give the folder of a run") from None
    try:
        fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        journal.close()
        raise RefusedError(f"a run still writes to {directory}: wait for it, or end it, then finalize") from None
    return journal.close
