"""Runs a program and tells what it cost: wall time, processor time, peak memory."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Seconds, seconds of processor time of the program and its children, and peak memory of the program in MiB."""

    wall: float
    cpu: float
    mib: float


def cost_of(argv: Sequence[str], env: Mapping[str, str]) -> Cost:
    """Run a program that must end well; its output is thrown away."""
    start = time.perf_counter()
    process = subprocess.Popen(
        argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        message = f"{argv[0]} ended with {process.returncode}: {' '.join(argv)}"
        raise SystemExit(message)
    return Cost(wall=wall, cpu=usage.ru_utime + usage.ru_stime, mib=usage.ru_maxrss / 1024)


def middle(costs: Sequence[Cost]) -> Cost:
    """The median of each figure, and the highest memory."""
    return Cost(
        wall=median(cost.wall for cost in costs),
        cpu=median(cost.cpu for cost in costs),
        mib=max(cost.mib for cost in costs),
    )
