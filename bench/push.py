"""The push parser: lines a second for each kind of line, and its peak memory on a log of 1 GiB."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from gate.parse.push_log import PushLogParser

PATHS = 5000
LINES = 200_000
GIB = 1024**3
_SENTENCE = "InternalServerError: The server encountered an internal error or misconfiguration."
_NAMES = [f"{number:032d}-source" for number in range(PATHS)]
_PLAN = [f"/nix/store/{name}" for name in _NAMES]


def _success(number: int) -> str:
    return f"✅ {_NAMES[number % PATHS]} (8.31 KiB/s)\n"


def _failure(number: int) -> str:
    return f"❌ {_NAMES[number % PATHS]}: {_SENTENCE}\n"


def _page(number: int) -> str:
    if number % 5 == 0:
        return f"❌ {_NAMES[number // 5 % PATHS]}: HTTP 502 Bad Gateway: <html>\r\n"
    return "<center>nginx/1.22.1</center>\r\n"


def _drawn(number: int) -> str:
    return f"\x1b[2K\r{_success(number)[:-1]}\r\n"


def _bar(number: int) -> str:
    return f"\x1b[2K\r🕛 {_NAMES[number % PATHS]}   ███ 1 MiB (1 MiB/s)\n"


def _noise(number: int) -> str:
    return f"noise {number}\n"


def _mixed(number: int) -> str:
    return (_success, _failure, _bar, _noise)[number % 4](number)


KINDS: dict[str, Callable[[int], str]] = {
    "✅ lines": _success,
    "❌ lines of Attic's errors": _failure,
    "❌ lines with a proxy's HTML after them": _page,
    "✅ lines of a terminal (ESC, CR)": _drawn,
    "progress bars (ESC, CR)": _bar,
    "other lines": _noise,
    "all of these in turn": _mixed,
}


def speeds() -> Iterator[tuple[str, float]]:
    """Each kind of line and how many of them are read in a second of processor time: the best of three."""
    for name, line in KINDS.items():
        log = "".join(map(line, range(LINES))).encode()
        yield name, LINES / min(_seconds(log) for _ in range(3))


def _seconds(log: bytes) -> float:
    parser = PushLogParser(_PLAN)
    start = time.process_time()
    parser.feed(log)
    parser.finish()
    return time.process_time() - start


def read_a_gib() -> None:
    """Read a generated log of 1 GiB; prints lines, seconds, and peak memory in MiB before and after."""
    chunk = "".join(map(_mixed, range(20_000))).encode()
    lines = chunk.count(b"\n")
    parser = PushLogParser(_PLAN)
    parser.feed(chunk)
    before = _peak_mib()
    start = time.process_time()
    rounds = GIB // len(chunk)
    for _ in range(rounds):
        parser.feed(chunk)
    seconds = time.process_time() - start
    parser.finish()
    print(rounds * lines, seconds, before, _peak_mib())


def _peak_mib() -> float:
    """Peak memory of this program alone: getrusage would count what its parent had when it was started."""
    line = next(line for line in Path("/proc/self/status").read_text().split("\n") if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    read_a_gib()
