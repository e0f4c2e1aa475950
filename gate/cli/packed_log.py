"""A log file as it is downloaded: plain, in gzip, or in the zip of a run's job logs.

GitHub's zip (docs.github.com/rest/actions/workflow-runs, "Download workflow run logs") has one text a job at its top,
and the same lines again, a text a step, in a folder for each job. So only the top is looked at, if there is one: lines
that are read twice would contradict each other.
"""

import gzip
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Final, Protocol, cast

from gate import limits
from gate.errors import RefusedError
from gate.parse.text import excerpt

MAGIC_BYTES: Final = 4
_GZIP: Final = b"\x1f\x8b"  # RFC 1952 section 2.3.1
_ZIP: Final = b"PK\x03\x04"  # APPNOTE.TXT 4.3.7
_END: Final = struct.Struct("<4s4H2LH")  # APPNOTE.TXT 4.3.16
_COMMENT_BYTES: Final = 65_535
_ZIP64_LOCATOR: Final = b"PK\x06\x07"
_NAMES_SHOWN: Final = 10


class LogFile(Protocol):
    """A file that a log is read of; only a zip is sought in."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""
        ...

    def tell(self) -> int:
        """The place."""
        ...

    def seekable(self) -> bool:
        """Whether there are places."""
        ...


class UnpackedLog:
    """The unpacked bytes of a log. ``packing`` says in what they were; ``fault`` is why they end too early, or None."""

    def __init__(self, stream: gzip.GzipFile | zipfile.ZipExtFile, packing: str) -> None:
        self.packing = packing
        self.fault: str | None = None
        self._stream = stream
        self._remaining = limits.LOG_UNPACKED_BYTES

    def read(self, size: int) -> bytes:
        """The next bytes, at most ``size``; raises `RefusedError` where there are too many."""
        try:
            piece: bytes = self._stream.read1(size)
        except (EOFError, OSError, ValueError, zlib.error, zipfile.BadZipFile) as error:
            self.fault = f"the {self.packing} is damaged or cut ({excerpt(str(error))}): what follows was not read"
            return b""
        self._remaining -= len(piece)
        if self._remaining < 0:
            raise RefusedError(f"the file unpacks to more than {limits.LOG_UNPACKED_BYTES} bytes: unpack a part of it")
        return piece

    def rewind(self) -> None:
        """Begin again."""
        self._stream.seek(0)
        self._remaining = limits.LOG_UNPACKED_BYTES


def is_zip(magic: bytes) -> bool:
    """Whether a file that begins so is a zip, which can be read only where it can be sought in."""
    return magic.startswith(_ZIP)


@contextmanager
def unpacked(stream: LogFile, magic: bytes, member: str | None) -> Iterator[UnpackedLog | None]:
    """The log in a gzip or a zip; None where the file is neither. Raises `RefusedError` for a zip without one log."""
    if is_zip(magic):
        with ExitStack() as stack:
            try:
                _refuse_large_directory(stream)
                archive = stack.enter_context(zipfile.ZipFile(cast("IO[bytes]", stream)))
                name = _member(archive, member)
                log = cast("zipfile.ZipExtFile", stack.enter_context(archive.open(name)))
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
                cause = excerpt(str(error))
                raise RefusedError(f"the zip can't be read ({cause}): unpack it and give a log of it") from None
            yield UnpackedLog(log, f"zip, {excerpt(name.filename)}")
    elif member is not None:
        raise RefusedError("the file is no zip, so --member names nothing: leave it out")
    elif magic.startswith(_GZIP):
        with gzip.GzipFile(fileobj=stream, mode="rb") as stream_of_gzip:
            yield UnpackedLog(stream_of_gzip, "gzip")
    else:
        yield None


def _refuse_large_directory(stream: LogFile) -> None:
    """Python reads a zip's directory whole, so its size is looked at before."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - _END.size - _COMMENT_BYTES))
    tail = stream.read(_END.size + _COMMENT_BYTES)
    stream.seek(0)
    at = tail.rfind(b"PK\x05\x06")
    directory = _END.unpack_from(tail, at)[5] if 0 <= at <= len(tail) - _END.size else 0
    if directory > limits.LOG_ZIP_DIRECTORY_BYTES or _ZIP64_LOCATOR in tail:
        raise RefusedError("the zip has too many members, or is of 4 GiB and more: unpack it and give a log of it")


def _member(archive: zipfile.ZipFile, member_name: str | None) -> zipfile.ZipInfo:
    files = [member for member in archive.infolist() if not member.is_dir()]
    top = [member for member in files if "/" not in member.filename]
    choice = [member for member in files if member.filename == member_name] if member_name is not None else top or files
    if len(choice) == 1:
        return choice[0]
    names = ", ".join(excerpt(member.filename) for member in (choice or files)[:_NAMES_SHOWN])
    count = (
        f"the zip has {len(choice)} logs" if member_name is None else f"the zip has {len(choice)} members of that name"
    )
    raise RefusedError(f"{count}, and one is expected: give --member with one of {names or 'nothing: it is empty'}")
