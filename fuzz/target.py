"""What a target is, and where its first inputs come from."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
RECORDINGS: Final = ROOT / "fixtures" / "recordings"
KEPT_INPUTS: Final = ROOT / "fuzz" / "found"
_SEED_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class Target:
    """``check`` raises where a contract is broken; ``parsers`` are the modules of ``gate.parse`` that it is of.

    ``words`` are pieces of the format that mutation should know.
    """

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    parsers: tuple[str, ...]
    words: tuple[bytes, ...] = ()


def names() -> tuple[str, ...]:
    """The names of all targets: the modules of ``fuzz.targets``."""
    return tuple(sorted(module.name for module in iter_modules([str(ROOT / "fuzz" / "targets")])))


def load(name: str) -> Target:
    """The target of that name."""
    target = import_module(f"fuzz.targets.{name}").TARGET
    assert isinstance(target, Target)
    return target


def recordings(pattern: str) -> list[bytes]:
    """The first 64 KiB of each recording that the pattern finds; there must be some."""
    files = [file for file in sorted(RECORDINGS.glob(pattern)) if file.is_file()]
    assert files, f"no recording is named {pattern}"
    return [file.read_bytes()[:_SEED_BYTES] for file in files]


def bodies(pattern: str) -> list[bytes]:
    """The bodies of recorded HTTP answers, behind their heads."""
    return [answer.partition(b"\r\n\r\n")[2] or answer.partition(b"\n\n")[2] for answer in recordings(pattern)]


def seeds_of(name: str) -> list[bytes]:
    """The seeds of a target, and what fuzzing found before, each once."""
    inputs = [file.read_bytes() for file in sorted((KEPT_INPUTS / name).glob("*"))]
    return list(dict.fromkeys([*load(name).seeds(), *inputs]))
