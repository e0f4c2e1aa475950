"""The log files of one folder, as a server that rotates by itself writes them: RustFS's image has a file an hour.

The window begins at the size of every file that is there when it opens, and takes what any of them gets, and every file
that comes. Files that go before they were read to their end are lost, and said to be. Each file is a
separate `gate.observe.server_log.LogWindow`, held open, so that a renamed one can still be read.
"""

import os
import stat
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from gate import limits
from gate.clock import Clock
from gate.model.split import ContainerStood, LogPosition
from gate.process import Capture


class FolderLogWindow:
    """What is written to a folder of logs from now on. Nothing is raised: `capture` says what is missing.

    Files are known by their inodes, for a rotation renames them.
    """

    def __init__(self, folder: Path, start: LogPosition | None = None) -> None:
        self._folder = folder
        self._files: dict[int, int] = {}  # an open file by its inode
        self._read_to: dict[int, int] = {}
        self._unended: dict[int, bytes] = {}  # of a last line without its end
        self._trouble = ""
        self._lost: dict[str, None] = {}
        try:
            self._open_new(from_end=True)
        except OSError as error:
            self._trouble = f"the folder of logs {folder} can't be read: {error.strerror}"
        if start is not None:
            self._go_back_to(start)

    def position(self) -> LogPosition:
        """How large each file was when the window was opened, and the digest of its last bytes then."""
        rows = tuple(
            ContainerStood(
                pod="",
                container=str(self._folder),
                uid=str(inode),
                restarts=0,
                at=None,
                line=self._last_bytes(inode),
                trouble="",
                offset=self._read_to[inode],
            )
            for inode in sorted(self._files)
        )
        return LogPosition(offset=None, before="", containers=rows, trouble=self._trouble)

    def close(self) -> None:
        """Let go of the files."""
        while self._files:
            os.close(self._files.popitem()[1])

    def capture(
        self,
        capture: Capture,
        until_nonces: Iterable[str],
        *,
        clock: Clock,
        seconds: float = limits.LOG_SETTLE_SECONDS,
    ) -> tuple[str, ...]:
        """Copy what was written since to any file of the folder, until every nonce was seen, for ``seconds`` at most.

        The answer says why the copy may lack lines; it is empty when it does not.
        """
        if self._trouble:
            return (self._trouble,)
        missing = {nonce for nonce in until_nonces if nonce}
        until = clock.monotonic() + seconds
        try:
            while True:
                self._open_new(from_end=False)
                for piece in self._new_bytes():
                    capture.write(piece)
                    missing -= {nonce for nonce in missing if nonce.encode() in piece}
                if not missing or capture.cut or clock.monotonic() >= until:
                    break
                clock.sleep(limits.POLL_SECONDS)
            for rest in self._unended.values():
                capture.write(rest)
                missing -= {nonce for nonce in missing if nonce.encode() in rest}
        except OSError as error:
            self._lost[f"the folder of logs {self._folder} could not be read on: {error.strerror}"] = None
        late = [f"{nonce} is in no log of {self._folder} after {seconds:g} s" for nonce in sorted(missing)]
        return (*self._lost, *late, *([capture.trouble] if capture.trouble else []))

    def _open_new(self, *, from_end: bool) -> None:
        with os.scandir(self._folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if not entry.is_file(follow_symlinks=False) or entry.inode() in self._files:
                    continue
                if len(self._files) >= limits.LOG_FILES:
                    self._lost[f"{self._folder} has more than {limits.LOG_FILES} files: not all are read"] = None
                    return
                try:
                    file = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
                except FileNotFoundError:  # it went, or got another name: then it comes again under that
                    continue
                status = os.fstat(file)
                if not stat.S_ISREG(status.st_mode) or status.st_ino in self._files:
                    os.close(file)
                    continue
                self._files[status.st_ino] = file
                self._read_to[status.st_ino] = status.st_size if from_end else 0

    def _new_bytes(self) -> Iterable[bytes]:
        """Whole lines, so that those of two files are never mixed; a line that is too long comes in parts."""
        for inode, file in self._files.items():
            size = os.fstat(file).st_size
            if size < self._read_to[inode]:
                self._lost[f"a log of {self._folder} was truncated: lines of the window may be lost"] = None
                self._read_to[inode] = 0
            while self._read_to[inode] < size:
                piece = os.pread(file, limits.READ_CHUNK_BYTES, self._read_to[inode])
                if not piece:
                    break
                self._read_to[inode] += len(piece)
                text = self._unended.pop(inode, b"") + piece
                lines, end, rest = text.rpartition(b"\n")
                if len(rest) > limits.LINE_BYTES:
                    lines, end, rest = text, b"", b""
                if rest:
                    self._unended[inode] = rest
                if lines or end:
                    yield lines + end

    def _last_bytes(self, inode: int) -> str:
        size = min(self._read_to[inode], limits.LINE_BYTES)
        return sha256(os.pread(self._files[inode], size, self._read_to[inode] - size)).hexdigest()

    def _go_back_to(self, start: LogPosition) -> None:
        """Begin where each file stood in the other process; files that came since are read from their beginning."""
        self._trouble = self._trouble or start.trouble
        rows = {int(row.uid): row for row in start.containers if row.uid.isdigit()}
        self._read_to = dict.fromkeys(self._files, 0)
        for inode, row in rows.items():
            if inode not in self._files:
                self._lost[f"a log of {self._folder} is gone: lines of the window may be lost"] = None
                continue
            self._read_to[inode] = row.offset or 0
            if os.fstat(self._files[inode]).st_size < self._read_to[inode] or self._last_bytes(inode) != row.line:
                self._lost[f"a log of {self._folder} is not the one that stood there before"] = None
                self._read_to[inode] = 0
