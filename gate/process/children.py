"""How the parts of a run are told to end."""

import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Literal, Self

from gate import limits
from gate.clock import Clock
from gate.model.basics import value
from gate.model.records import ChildEnded
from gate.model.time import rfc3339
from gate.process.capture import Capture
from gate.process.tools import absolute_entries


class CancelToken:
    """Says once, from any thread or signal handler, that the work is to end.

    It holds no lock: a signal handler that runs while its own thread waits here would wait for itself.
    """

    def __init__(self) -> None:
        self._reasons: list[str] = []

    def cancel(self, reason: str) -> None:
        """Ask for the end; the first reason counts."""
        self._reasons.append(reason)

    @property
    def cancelled(self) -> bool:
        """Whether the end was asked for."""
        return bool(self._reasons)

    @property
    def reason(self) -> str | None:
        """Why, or None."""
        return self._reasons[0] if self._reasons else None

    def wait(self, seconds: float) -> bool:
        """Wait for so long, or until the end is asked for; the answer says whether it was."""
        until = time.monotonic() + seconds
        while not self._reasons and (remaining := until - time.monotonic()) > 0:
            time.sleep(min(remaining, limits.POLL_SECONDS))
        return self.cancelled


EndedBy = Literal["deadline", "cancelled", "loss", "limit", "missing"]
_Sink = Callable[[bytes], bool]  # takes a piece of output; False: no more, please

_PIPE_BYTES: Final = 64 * 1024  # what a Linux pipe holds (pipe(7))


def run(
    argv: Sequence[str],
    *,
    name: str,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: bytes | None = None,
    capture: Capture | None = None,
    tee: Callable[[bytes], None] | None = None,
    deadline_seconds: float,
    cancel: CancelToken,
    stop: Callable[[], bool] | None = None,
    clock: Clock,
    handles: Sequence[int] = (),
) -> ChildEnded:
    """Run a program to its end, its stdout and stderr as one stream into ``capture``.

    ``tee`` is given the same redacted bytes as they come, or the raw ones where there is no capture. The program is
    ended, with its whole group, at the deadline, when ``cancel`` says so, when ``stop`` (asked about every
    `limits.POLL_SECONDS`) answers True (``loss``), and when the capture can take no more (``limit``: what can't be
    recorded is not done). A program that can't be started is ``missing``. Nothing is raised for what the child does.
    The child inherits the open ``handles``, under their numbers, and no others.
    """
    times: list[tuple[int, int]] = []

    def take(piece: bytes) -> bool:
        if capture:
            bounds.note_time(times, capture.size)
        redacted = capture.write(piece) if capture else piece
        if tee and redacted:
            tee(redacted)
        return capture is None or not capture.cut

    bounds = _Bounds.starting_now(clock, deadline_seconds, cancel, stop)
    ended_by, code = _supervise(argv, (take,), env=env, cwd=cwd, stdin=stdin, handles=handles, bounds=bounds)
    if capture and (rest := capture.flush()) and tee:
        tee(rest)
    record = bounds.record(argv, name, ended_by, code, capture.name if capture else None)
    return replace(record, output_times=tuple(times))


def output(
    argv: Sequence[str],
    *,
    name: str,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: bytes | None = None,
    cap: int,
    deadline_seconds: float,
    cancel: CancelToken,
    clock: Clock,
) -> tuple[ChildEnded, bytes, bytes]:
    """Run a small query: how it ended, its stdout and its stderr, raw.

    More than ``cap`` bytes on stdout end it (``limit``); of stderr the first ``cap`` bytes are kept.
    """
    out, err = bytearray(), bytearray()

    def take_out(piece: bytes) -> bool:
        room = cap - len(out)
        out.extend(piece[:room])
        return len(piece) <= room

    def take_err(piece: bytes) -> bool:
        err.extend(piece[: cap - len(err)])
        return True

    bounds = _Bounds.starting_now(clock, deadline_seconds, cancel, None)
    ended_by, code = _supervise(argv, (take_out, take_err), env=env, cwd=cwd, stdin=stdin, bounds=bounds)
    return bounds.record(argv, name, ended_by, code), bytes(out), bytes(err)


@value
class _Bounds:
    """What ends a child early."""

    began: float
    deadline: float
    cancel: CancelToken
    stop: Callable[[], bool] | None
    clock: Clock

    @classmethod
    def starting_now(
        cls, clock: Clock, seconds: float, cancel: CancelToken, stop: Callable[[], bool] | None
    ) -> "_Bounds":
        now = clock.monotonic()
        return cls(began=now, deadline=now + seconds, cancel=cancel, stop=stop, clock=clock)

    def broken(self) -> EndedBy | None:
        if self.stop is not None and self.stop():
            return "loss"
        if self.cancel.cancelled:
            return "cancelled"
        return "deadline" if self.clock.monotonic() >= self.deadline else None

    def note_time(self, times: list[tuple[int, int]], offset: int) -> None:
        """Add the time at which the output from ``offset`` on came, unless the last time is of the same moment."""
        millis = round((self.clock.monotonic() - self.began) * 1000)
        if len(times) < limits.OUTPUT_TIMES and (not times or millis > times[-1][1] + limits.OUTPUT_TIME_MILLIS):
            times.append((offset, millis))

    def record(
        self, argv: Sequence[str], name: str, ended_by: EndedBy | None, code: int | None, capture: str | None = None
    ) -> ChildEnded:
        return ChildEnded(
            name=name,
            argv=tuple(argv),
            exit=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            ended_by=ended_by,
            capture=capture,
            millis=round((self.clock.monotonic() - self.began) * 1000),
            ended_at=rfc3339(self.clock.now()),
        )


def _supervise(
    argv: Sequence[str],
    sinks: tuple[_Sink, ...],
    *,
    env: Mapping[str, str],
    cwd: Path | None,
    stdin: bytes | None,
    bounds: _Bounds,
    handles: Sequence[int] = (),
) -> tuple[EndedBy | None, int | None]:
    """Start, feed, read and end one child. With one sink, stdout and stderr are one stream."""
    if bounds.cancel.cancelled:
        return "cancelled", None
    child = _spawn(argv, env=env, cwd=cwd, fed=stdin is not None, merged=len(sinks) == 1, handles=handles)
    if child is None:
        return "missing", None
    try:
        with _Pipes(child, sinks, stdin or b"") as pipes:
            ended_by = _watch(child.pid, pipes, bounds)
    finally:
        code = _sweep(child)
    return ended_by, code


def _watch(pid: int, pipes: "_Pipes", bounds: _Bounds) -> EndedBy | None:
    """Move bytes until the child is gone and its pipes are closed, or until patience with it is over."""
    ended_by: EndedBy | None = None
    force_at = leave_at = inf
    while True:
        welcome = pipes.move(limits.POLL_SECONDS)
        now = bounds.clock.monotonic()
        if _zombie(pid) is not False:
            if not pipes.reading:
                return ended_by
            # A grandchild holds a pipe. It may finish its line; then the group is swept.
            leave_at = min(leave_at, now + limits.TERMINATE_SECONDS)
            if not welcome:
                return ended_by or "limit"
        elif ended_by is None:
            ended_by = bounds.broken() if welcome else "limit"
            if ended_by:
                _signal_group(pid, signal.SIGTERM)
                force_at = now + limits.TERMINATE_SECONDS
        if now >= force_at:
            _signal_group(pid, signal.SIGKILL)
            force_at, leave_at = inf, min(leave_at, now + limits.TERMINATE_SECONDS)
        if now >= leave_at:
            return ended_by


class _Pipes:
    """The pipes of one child, moved without ever blocking; its end wakes `move` at once where pidfds exist."""

    def __init__(self, child: subprocess.Popen[bytes], sinks: tuple[_Sink, ...], stdin: bytes) -> None:
        self._selector = selectors.DefaultSelector()
        self._left = memoryview(stdin)
        self._streams = [stream for stream in (child.stdin, child.stdout, child.stderr) if stream is not None]
        for stream in self._streams:
            os.set_blocking(stream.fileno(), False)
        self.reading = len(sinks)
        readers = [stream.fileno() for stream in self._streams if stream is not child.stdin]
        for handle, sink in zip(readers, sinks, strict=True):
            self._selector.register(handle, selectors.EVENT_READ, partial(self._read, handle, sink))
        if child.stdin is not None:
            self._selector.register(child.stdin.fileno(), selectors.EVENT_WRITE, partial(self._feed, child.stdin))
        self._pidfd: int | None = None
        with suppress(OSError):  # Linux before 5.3, or a sandbox without the call: then the end is found by polling
            self._pidfd = os.pidfd_open(child.pid)
            self._selector.register(self._pidfd, selectors.EVENT_READ, partial(self._forget, self._pidfd))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._selector.close()
        for stream in self._streams:
            stream.close()
        if self._pidfd is not None:
            os.close(self._pidfd)

    def move(self, seconds: float) -> bool:
        """Wait up to so many seconds for something to move, and move it; False: a sink takes no more."""
        answers = [key.data() for key, _events in self._selector.select(seconds)]
        return all(answers)

    def _read(self, handle: int, sink: _Sink) -> bool:
        piece = os.read(handle, _PIPE_BYTES)
        if piece:
            return sink(piece)
        self.reading -= 1
        return self._forget(handle)

    def _feed(self, stream: IO[bytes]) -> bool:
        with suppress(BlockingIOError):
            try:
                self._left = self._left[os.write(stream.fileno(), self._left[:_PIPE_BYTES]) :]
            except BrokenPipeError:  # the child does not want its input
                self._left = memoryview(b"")
        if not self._left:
            self._forget(stream.fileno())
            stream.close()
        return True

    def _forget(self, handle: int) -> bool:
        self._selector.unregister(handle)
        return True


# Sets the parent-death signal, then becomes the program; ends at once when the gate died before that.
_TRAMPOLINE: Final = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(1, 9)\n"
    "if os.getppid() != int(sys.argv[1]): os._exit(125)\n"
    "try: os.execv(sys.argv[2], sys.argv[2:])\n"
    "except OSError: os._exit(127)\n"
)


def _spawn(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: Path | None, fed: bool, merged: bool, handles: Sequence[int]
) -> subprocess.Popen[bytes] | None:
    """Start a child in a new session, or None when there is no such program or folder."""
    path = absolute_entries(env.get("PATH", os.defpath))
    program = shutil.which(argv[0], path=path)
    if program is None or not Path(program).is_absolute():
        return None
    try:
        child = subprocess.Popen(  # this is the one door for children: argv lists, never a shell
            [*dying_with_us(path), program, *argv[1:]],
            stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            pass_fds=handles,
            bufsize=0,
        )
    except (OSError, ValueError):
        return None
    with suppress(OSError):  # it may be over already
        resource.prlimit(child.pid, resource.RLIMIT_CORE, (0, 0))  # a core file would hold its secrets
    return child


def dying_with_us(path: str) -> tuple[str, ...]:
    """What to put before a program so that the kernel ends it when the thread that started it ends.

    util-linux's setpriv takes 1 ms, Python 20. busybox's has no ``--pdeathsig``. A ``preexec_fn`` can deadlock in a
    program with threads (https://docs.python.org/3/library/subprocess.html#subprocess.Popen).
    """
    setpriv = shutil.which("setpriv", path=absolute_entries(path))
    if setpriv and Path(setpriv).resolve().name == "setpriv":
        return (setpriv, "--pdeathsig", "KILL", "--")
    return (sys.executable, "-I", "-S", "-c", _TRAMPOLINE, str(os.getpid()))


def _zombie(pid: int) -> bool | None:
    """Whether the child ended and waits to be reaped; None when somebody else reaped it (an ignored SIGCHLD does that).

    It is not reaped here: while it is a zombie, its group id can't become somebody else's.
    """
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return None


def _sweep(child: subprocess.Popen[bytes]) -> int | None:
    """Kill what is left of the group, reap the child, and give its code; None where that can't be known.

    That is so when even SIGKILL does not end it (a stalled disk), and when it was reaped elsewhere: Popen would say 0.
    """
    _signal_group(child.pid, signal.SIGKILL)
    until = time.monotonic() + limits.TERMINATE_SECONDS
    while (zombie := _zombie(child.pid)) is False and time.monotonic() < until:
        time.sleep(limits.POLL_SECONDS / 10)
    code = child.poll()
    return code if zombie else None


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
