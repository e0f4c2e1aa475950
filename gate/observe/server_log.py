"""The cache server's own log: a canary before and after, and everything written between.

Attic logs a request for a malformed hash at ERROR with its text, at its default level (attic b7c9056
``server/src/nix_store/mod.rs:229``, ``error.rs:144``); a well-formed absent one it does not log. Without both canaries
an empty log would prove nothing.
"""

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from gate import limits
from gate.clock import Clock
from gate.errors import ForeignTextError
from gate.model.basics import Phase, Secret
from gate.model.parsed import FileLocator
from gate.model.records import LogCanarySent
from gate.model.split import LogPosition
from gate.net import Http
from gate.observe.kube_log import KubeLogWindow
from gate.observe.kubectl import Kubectl
from gate.parse.locator import parse_locator
from gate.process import Capture

_MEMORY_BYTES: Final = 256  # of the log before the window: enough for a time stamp that never comes again


def send_canary(http: Http, cache_url: str, *, token: Secret | None, phase: Phase, nonce: str) -> LogCanarySent:
    """Ask the cache for ``<nonce>.narinfo``; the nonce, such as ``gate-canary-pre-<hex>``, is no store path's hash."""
    headers = {"Authorization": Secret(f"Bearer {token.reveal()}")} if token else {}
    url = f"{cache_url.rstrip('/')}/{nonce}.narinfo"
    answer, _body = http.ask("GET", url, headers=headers, cap=limits.ANSWER_BODY_BYTES, keep_body=True)
    return LogCanarySent(phase=phase, nonce=nonce, answer=answer)


class Window(Protocol):
    """The part of a server's log that is written from now on, wherever the log is."""

    def capture(
        self, capture: Capture, until_nonces: Iterable[str], *, clock: Clock, seconds: float = ...
    ) -> tuple[str, ...]:
        """Copy it, at most ``seconds`` after the last nonce was sent; the answer says why the copy may lack lines."""
        ...

    def position(self) -> LogPosition:
        """Where the log stood when the window was opened, for another process that reads on from there."""
        ...

    def close(self) -> None:
        """Let go of the log."""
        ...


def open_window(
    place: str, kubectl: Kubectl | None, start: LogPosition | None = None, *, since: float | None = None
) -> Window:
    """A window on the log at a place, from now on, or from ``start``, where it was when another process opened it.

    The replicas of a workload may be those that kubectl was told of ``since`` that moment of its clock. Nothing is
    raised: a place that can't be read is said by its `capture`.
    """
    try:
        locator = parse_locator(place)
    except ForeignTextError:
        return LogWindow(place, start)
    if isinstance(locator, FileLocator) or kubectl is None:
        return LogWindow(place, start)
    return KubeLogWindow(locator, kubectl, start, since=since)


class LogWindow:
    """The part of a log file that is written from now on. ``place`` is ``file:///path/to/log``.

    The file is held open, so that a renamed one can still be read to its end. Nothing is raised: `capture` says what
    is missing. Close it, or use it as a context.
    """

    def __init__(self, place: str, start: LogPosition | None = None) -> None:
        self._path = Path()
        self._file: int | None = None
        self._from = 0
        self._before = b""  # the last bytes that were there already
        self._trouble = ""
        self._lost = ""
        try:
            self._path = _path_of(place)
            self._file = _open_log(self._path)
            self._from = os.fstat(self._file).st_size
            if start is not None:
                self._go_back_to(start)
            self._before = self._bytes_before()
        except ForeignTextError as error:
            self._trouble = str(error)
        except OSError as error:
            self._trouble = f"the log {self._path} can't be read: {error.strerror}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def position(self) -> LogPosition:
        """The size of the file when the window was opened, and the digest of its last bytes then."""
        is_open = self._file is not None
        return LogPosition(
            offset=self._from if is_open else None, before=sha256(self._before).hexdigest(), trouble=self._trouble
        )

    def _go_back_to(self, start: LogPosition) -> None:
        """Begin where the log stood in the other process; from its first byte where it is not that log any more."""
        size, self._from = self._from, start.offset if start.offset is not None else 0
        if start.offset is None:
            self._lost = start.trouble or f"it was not told where the log {self._path} stood before"
        elif size < self._from or sha256(self._bytes_before()).hexdigest() != start.before:
            self._lost = f"the log {self._path} is not the one that stood here before: lines of the window may be lost"
            self._from = 0

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def capture(
        self,
        capture: Capture,
        until_nonces: Iterable[str],
        *,
        clock: Clock,
        seconds: float = limits.LOG_SETTLE_SECONDS,
    ) -> tuple[str, ...]:
        """Copy what was written since, to the first end of the file at which every nonce was seen.

        Waits at most ``seconds`` for them. The answer says why the copy may lack lines; it is empty when it does not.
        """
        if self._file is None:
            return (self._trouble or f"the log {self._path} was closed",)
        copy = _Copy(capture, until_nonces)
        notes: dict[str, None] = dict.fromkeys([self._lost] if self._lost else [])
        until = clock.monotonic() + seconds
        try:
            self._advance(self._file, copy, notes)
            while copy.missing and not capture.cut and clock.monotonic() < until:
                clock.sleep(limits.POLL_SECONDS)
                self._advance(self._file, copy, notes)
        except OSError as error:
            notes[f"the log {self._path} could not be read on: {error.strerror}"] = None
        late = [f"{nonce} is not in the log after {seconds:g} s" for nonce in sorted(copy.missing)]
        return (*notes, *late, *([capture.trouble] if capture.trouble else []))

    def _advance(self, file: int, copy: "_Copy", notes: dict[str, None]) -> None:
        """Copy to the present end, and follow the name to a new file when the old one was rotated away."""
        end = os.fstat(file).st_size
        if end < self._from or self._bytes_before() != self._before:
            notes[f"the log {self._path} was truncated: lines of the window may be lost"] = None
            self._from, self._before = 0, b""
        while self._from < end and (piece := os.pread(file, limits.READ_CHUNK_BYTES, self._from)):
            copy.take(piece)
            self._from += len(piece)
        self._before = self._bytes_before()
        if _is_named(file, self._path):
            return
        notes[f"the log {self._path} was rotated: lines of the window may be in yet another file"] = None
        with suppress(FileNotFoundError):  # the new one is still to come
            new = _open_log(self._path)
            os.close(file)
            self._file, self._from, self._before = new, 0, b""

    def _bytes_before(self) -> bytes:
        size = min(self._from, _MEMORY_BYTES)
        return os.pread(self._file, size, self._from - size) if self._file is not None else b""


class _Copy:
    """Hands bytes to a capture and looks for nonces, across the borders of pieces."""

    def __init__(self, capture: Capture, nonces: Iterable[str]) -> None:
        self.missing = set(nonces)
        self._capture = capture
        self._keep = max((len(nonce.encode()) for nonce in self.missing), default=1) - 1
        self._tail = b""

    def take(self, piece: bytes) -> None:
        """Copy a piece."""
        self._capture.write(piece)
        text = self._tail + piece
        self.missing -= {nonce for nonce in self.missing if nonce.encode() in text}
        self._tail = text[len(text) - min(self._keep, len(text)) :]


def _path_of(place: str) -> Path:
    if not place:
        raise ForeignTextError("no place of the server's log is set: expected file:///path/to/log")
    locator = parse_locator(place)
    if not isinstance(locator, FileLocator):
        raise ForeignTextError("this place is in a cluster, and kubectl is not used here: expected file:///path/to/log")
    return Path(locator.path)


def _open_log(path: Path) -> int:
    """Open a regular file; `OSError` for a link, which could come to mean another file, and for a FIFO or device."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    raise OSError(errno.EINVAL, "is no regular file")


def _is_named(file: int, path: Path) -> bool:
    """Whether the open file still has its name."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(status, os.fstat(file))
