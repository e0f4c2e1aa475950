"""``python -m bench``: the gate side by side with ``nix store verify``, and the push parser by itself.

Prints the table, and keeps it in ``bench/README.md`` with the kind of the machine.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.measure import Cost, cost_of, middle
from bench.page import pages
from bench.place import Place, place
from bench.push import speeds
from bench.start import starts

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / "build" / "bench"
README = HERE / "README.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
GATE = (sys.executable, "-m", "gate", "attic-nar-integrity-check", "--deadline", "600")
JOBS = (4, 64)

Run = Callable[[], Cost]


def nix_verify(at: Place, url: str, path: str) -> Run:
    argv = ("nix", "store", "verify", "--recursive", "--no-trust", "--store", url, path)
    return lambda: cost_of(argv, at.nix_environment())


def gate_check(at: Place, url: str, path: str, jobs: int) -> Run:
    """No key: like nix's, this run looks at no signature; unlike it, it looks at the local store."""
    argv = (*GATE, "--closure", path, "--cache-url", url, "--jobs", str(jobs))
    return lambda: cost_of(argv, at.gate_environment())


def readings(at: Place) -> Iterator[str]:
    """The rows of the first table."""
    cases = (
        ("a) 2,001 small paths", f"{at.quick}/small", at.small, 3),
        ("b) the same, 20 ms an answer", f"{at.slow}/small", at.small, 1),
        ("c) one NAR of 512 MiB", f"{at.quick}/big", at.big, 3),
        ("c) the same as zstd", f"{at.quick}/big-zstd", at.big, 3),
    )
    for name, url, path, rounds in cases:
        runs = {"nix store verify": nix_verify(at, url, path)}
        runs |= {f"gate, --jobs {jobs}": gate_check(at, url, path, jobs) for jobs in JOBS}
        costs: dict[str, list[Cost]] = {who: [] for who in runs}
        for _ in range(rounds):  # in turns, so that a busy moment of the machine meets all of them
            for who, run in runs.items():
                costs[who].append(run())
        nix = middle(costs["nix store verify"])
        for who, rounds_of in costs.items():
            cost = middle(rounds_of)
            yield (
                f"| {name} | {who} | {cost.wall:.2f} | {nix.wall / cost.wall:.2f} | {cost.cpu:.2f} | {cost.mib:.0f} |"
            )


def table() -> Iterator[str]:
    """All lines of what is kept, as they are measured."""
    yield f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {_nix_version()}"
    yield ""
    yield "| what | who | seconds | times as fast as nix | processor seconds | peak MiB |"
    yield "|---|---|---:|---:|---:|---:|"
    with place(FOLDER) as at:
        yield from readings(at)
    yield ""
    yield "| push parser | lines a second of processor time |"
    yield "|---|---:|"
    for name, speed in speeds():
        yield f"| {name} | {speed:,.0f} |"
    yield ""
    done = subprocess.run([sys.executable, "-m", "bench.push"], stdout=subprocess.PIPE, text=True, check=True)
    lines, seconds, before, after = map(float, done.stdout.split())
    yield (
        f"A log of 1 GiB ({lines:,.0f} lines of all kinds): {seconds:.0f} s, {lines / seconds:,.0f} lines a second, "
        f"peak memory {before:.0f} MiB after the first 20,000 lines and {after:.0f} MiB at the end."
    )
    yield ""
    yield from starts()
    yield ""
    yield from pages()


def _nix_version() -> str:
    return subprocess.run(["nix", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def main() -> None:
    lines: list[str] = []
    for line in table():
        print(line, flush=True)
        lines.append(line)
    text = README.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    README.write_text(f"{head}{BEGIN}\n" + "\n".join(lines) + f"\n\n{END}{tail}", "utf-8")


if __name__ == "__main__":
    main()
