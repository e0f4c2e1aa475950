"""``python -m fuzz [TARGET…]``: fuzz the targets, some at a time; 0 when nothing broke.

``FUZZ_SECONDS`` is the time of each (60). ``--runs N`` instead makes so many inputs with a fixed seed, so that a run
can be repeated: what CI does. ``python -m fuzz TARGET FILE…`` runs a target on single inputs.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from fuzz.target import ROOT, load, names, seeds_of

WORK = ROOT / "build" / "fuzz"
_MOST_BYTES = 16 * 1024
_INPUT_SECONDS = 60  # one input that takes longer is a finding; they take microseconds
_MEMORY_MB = 2048
_AT_ONCE = 2
_GRACE_SECONDS = 600


def main(argv: Sequence[str]) -> int:
    """Fuzz, and say what broke."""
    chosen = list(argv)
    runs = 0
    if chosen[:1] == ["--runs"]:
        runs, chosen = int(chosen[1]), chosen[2:]
    if len(chosen) > 1 and chosen[0] in names() and Path(chosen[1]).is_file():
        for file in chosen[1:]:
            load(chosen[0]).check(Path(file).read_bytes())
        return 0
    unknown = set(chosen) - set(names())
    if unknown:
        print(f"fuzz: {', '.join(sorted(unknown))} is no target: expected {', '.join(names())}", file=sys.stderr)
        return 2
    if find_spec("atheris") is None:
        print("fuzz: atheris is not installed: it has wheels for Linux on x86_64 alone", file=sys.stderr)
        return 2
    seconds = float(os.environ.get("FUZZ_SECONDS") or 60)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        broken = [name for name in pool.map(lambda name: fuzz(name, seconds, runs), chosen or names()) if name]
    if broken:
        print(f"fuzz: broken: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


def fuzz(name: str, seconds: float, runs: int) -> str:
    """Fuzz one target; its name when it broke. Time and what was found stay in ``build/fuzz/<name>``."""
    work = WORK / name
    corpus, seeds = work / "corpus", work / "seeds"
    shutil.rmtree(seeds, ignore_errors=True)
    if runs:  # the same inputs each time
        shutil.rmtree(corpus, ignore_errors=True)
    for folder in (corpus, seeds):
        folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds_of(name):
        (seeds / sha256(seed).hexdigest()).write_bytes(seed)
    words = work / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in load(name).words))
    flags = [
        *([f"-runs={runs}", "-seed=1"] if runs else [f"-max_total_time={seconds:.0f}"]),
        f"-max_len={_MOST_BYTES}",
        f"-timeout={_INPUT_SECONDS}",
        f"-rss_limit_mb={_MEMORY_MB}",
        f"-dict={words}",
        f"-artifact_prefix={work}/",
        "-print_final_stats=1",
    ]
    began = time.monotonic()
    with (work / "log").open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-m", "fuzz.one", name, *flags, str(corpus), str(seeds)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=seconds + _GRACE_SECONDS,
            check=False,
        )
    output = (work / "log").read_text("utf-8", "replace")
    figures = dict(
        line.removeprefix("stat::").split(":", 1) for line in output.split("\n") if line.startswith("stat::")
    )
    inputs = figures.get("number_of_executed_units", "?").strip()
    took = time.monotonic() - began
    print(f"{name:14} {'ok' if done.returncode == 0 else 'BROKEN':6} {inputs:>9} inputs  {took:5.1f} s", flush=True)
    if done.returncode != 0:
        print(output[-3000:], file=sys.stderr, flush=True)
    return name if done.returncode != 0 else ""


def _escaped(word: bytes) -> str:
    """A word as libFuzzer's dictionaries have it."""
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
