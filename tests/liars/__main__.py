"""``python -m tests.liars [NAME|PARTY …]``: tell every lie of the table, and print party × lie × verdict.

Exits with 1 when one gave what the table does not allow. ``--quick``: those of ``make test``. ``--worker NAME …`` is a
process of its own, because a private ``/nix`` is for a whole process: it prints one JSON object a lie.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

from gate.lab.place import enter
from tests.liars.lie import Lie, Outcome, problem
from tests.liars.table import LIES

WORKERS = 2


def main(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["--worker"]:
        return worker(arguments[1:])
    chosen = [lie for lie in LIES if lie.quick] if arguments == ["--quick"] else choose(arguments)
    bad = 0
    passes = 0
    for lie, outcome in outcomes(chosen):
        wrong = problem(lie, outcome)
        bad += bool(wrong)
        passes += wrong == "FALSE PASS"
        codes = ", ".join(outcome.codes[:4]) + (" …" if len(outcome.codes) > 4 else "")
        why = f"harmless: {lie.harmless}" if lie.harmless else f"can't be seen: {lie.unseen}" if lie.unseen else ""
        row = f"{lie.party.value:<36} {lie.name:<40} {outcome.word or '-':<13} {outcome.seconds:>5} s"
        print(f"{row}  {codes or why}")
        if wrong:
            print(f"    WRONG: {wrong}")
    print(f"\n{len(chosen)} lies, {passes} false passes, {bad} not as the table says")
    return 1 if bad else 0


def choose(names: Sequence[str]) -> list[Lie]:
    """The lies of these names or parties (by the party's member name in lower case); all without any."""
    return [lie for lie in LIES if not names or lie.name in names or lie.party.name.lower() in names]


def outcomes(lies: Sequence[Lie], workers: int = WORKERS) -> Iterator[tuple[Lie, Outcome]]:
    """Each lie with what came of it, in the order of the table."""
    shares = [lies[number::workers] for number in range(workers)]
    rows: dict[str, Outcome] = {}
    with ThreadPoolExecutor(workers) as pool:
        for part in pool.map(_share, shares):
            rows.update(part)
    for lie in lies:
        yield lie, rows.get(lie.name) or _untried(lie)


def _share(lies: Sequence[Lie]) -> dict[str, Outcome]:
    if not lies:
        return {}
    done = subprocess.run(
        [sys.executable, "-m", "tests.liars", "--worker", *(lie.name for lie in lies)],
        stdout=subprocess.PIPE,
        check=False,
        text=True,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {row["name"]: Outcome(**{**row, "codes": tuple(row["codes"])}) for row in rows}


def _untried(lie: Lie) -> Outcome:
    return Outcome(
        name=lie.name, party=lie.party.value, word="", codes=(), count=0, seconds=0, error="its worker gave no row"
    )


def worker(names: Sequence[str]) -> int:
    enter(os.environ)
    from tests.liars.scene import tell

    for lie in LIES:
        if lie.name in names:
            print(json.dumps(asdict(tell(lie, os.environ))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
