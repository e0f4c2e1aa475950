"""``python -m bench.start``: the processor time that short commands take beyond ``python -c pass``, best of nine."""

import os
import sys
from collections.abc import Iterator

from bench.measure import cost_of

BUDGET_SECONDS = 0.15
ROUNDS = 9
COMMANDS = (("--help",), ("--version",), ("explain", "body-empty"))


def best(argv: tuple[str, ...]) -> float:
    """Seconds of processor time; the best run is the one that the machine disturbed least."""
    return min(cost_of((sys.executable, *argv), os.environ).cpu for _ in range(ROUNDS))


def starts() -> Iterator[str]:
    """The one line of the measurement."""
    base = best(("-c", "pass"))
    costs = {" ".join(words): best(("-m", "gate", *words)) for words in COMMANDS}
    starts = ", ".join(f"`{name}` {cost - base:.2f} s ({cost / base:.0f} ×)" for name, cost in costs.items())
    yield f"A start beyond `python -c pass` ({base:.3f} s), at most {BUDGET_SECONDS:g} s: {starts}."


if __name__ == "__main__":
    for line in starts():
        print(line)
