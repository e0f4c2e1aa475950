"""``history`` over many runs: ``python -m bench.history [--runs 500]``; the first time, and again with what was kept.

Each is a zip of one healthy run of the lab with time stamps that no other has, so that each is verified and
judged for itself: what `history` keeps is found by a digest of every byte.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Make the runs, read them twice, and print both times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        seed = folder / "seed"
        _gate("lab", "--profile", "synthetic", "--output", str(seed), "-q")
        history = folder / "history"
        history.mkdir()
        for number in range(runs):
            _zip(seed, history / f"run-{number:04d}.zip", number)
        environ = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
        for name in ("first time", "again"):
            began = time.monotonic()
            _gate("history", str(history), "--format", "json", environ=environ)
            print(f"history of {runs} runs, {name}: {time.monotonic() - began:.1f} s", flush=True)
    return 0


def _zip(folder: Path, archive: Path, number: int) -> None:
    """A zip of a run whose bytes no other has: the time stamps of its members are ``number`` two-second steps later."""
    minutes, steps = divmod(number, 30)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
        for file in sorted(folder.iterdir()):
            member = zipfile.ZipInfo(file.name, (2026, 1, 1, *divmod(minutes, 60), 2 * steps))
            members.writestr(member, file.read_bytes(), zipfile.ZIP_DEFLATED)


def _gate(*words: str, environ: dict[str, str] | None = None) -> None:
    subprocess.run([sys.executable, "-m", "gate", *words], cwd=ROOT, env=environ, check=False, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
