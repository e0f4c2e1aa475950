"""A stream as a file of the evidence folder: private, redacted, bounded, hashed, durable."""

import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from gate import limits
from gate.errors import InconclusiveError
from gate.model.basics import Secret
from gate.model.records import CaptureClosed
from gate.process.redact import Redactor


class Capture:
    """A new private file (0600) of the evidence folder that takes a stream, redacted, up to ``cap`` bytes.

    A full disk or an I/O error counts like the cap: the capture is ``cut`` and ``trouble`` says why; nothing is raised.
    Raises `InconclusiveError` when the file can't be made.
    """

    def __init__(
        self, folder: Path, name: str, *, secrets: Iterable[Secret] = (), cap: int = limits.CAPTURE_BYTES
    ) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._file = os.open(folder / name, flags, 0o600)
        except OSError as error:
            raise InconclusiveError(
                f"the capture {name} can't be made in {folder} ({error.strerror}): expected a new name there"
            ) from None
        self.name = name
        self.cut = False
        self.trouble: str | None = None
        self._folder = folder
        self._room = cap
        self._bytes = 0
        self._digest = sha256()
        self._redactor = Redactor(secrets)

    @property
    def size(self) -> int:
        """The bytes that the file has."""
        return self._bytes

    def write(self, piece: bytes) -> bytes:
        """Take the next bytes; the answer is what can be shown of them, redacted."""
        return self._store(self._redactor.feed(piece))

    def flush(self) -> bytes:
        """Store what the redactor held back, and give it; for the end of a stream."""
        return self._store(self._redactor.finish())

    def close(self) -> CaptureClosed:
        """Make the file durable and say what it holds."""
        self.flush()
        try:
            os.fsync(self._file)
            os.close(self._file)
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            self._fail(f"{error.strerror} at the end")
        self._file = -1
        return CaptureClosed(
            name=self.name,
            bytes=self._bytes,
            sha256=self._digest.hexdigest(),
            cut=self.cut,
            redactions=self._redactor.replacements,
        )

    def _store(self, text: bytes) -> bytes:
        remaining = memoryview(text)
        while remaining and not self.cut:
            if self._bytes >= self._room:
                self._fail(f"more than {self._room} bytes")
                break
            try:
                wrote = os.write(self._file, remaining[: self._room - self._bytes])
            except OSError as error:
                self._fail(f"{error.strerror} after {self._bytes} bytes")
                break
            self._digest.update(remaining[:wrote])
            self._bytes += wrote
            remaining = remaining[wrote:]
        return text

    def _fail(self, why: str) -> None:
        self.cut = True
        self.trouble = self.trouble or f"the capture {self.name} is not whole: {why}"
