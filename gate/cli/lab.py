"""``lab``: the embedded stack and its drills, from the command line."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gate.cli.outcome import RESULT_SCHEMA, Outcome
from gate.cli.progress import command_console
from gate.errors import RefusedError

if TYPE_CHECKING:
    from gate.lab.run import Outside


ALL = "all"
_NOT_AS_EXPECTED = 3


def list_faults() -> Outcome:
    """The one table of drills: each with the verdict and the reason codes that must come."""
    from gate.lab.drills import DRILLS

    rows = [
        {
            "fault": drill.name,
            "title": drill.title,
            "verdict": drill.word.value,
            "codes": [{"code": code, "status": status.value} for code, status in drill.codes],
        }
        for drill in DRILLS
    ]
    lines = [
        f"{drill.name:<28} {drill.word.value:<13} {drill.title}\n{'':<42} {', '.join(code for code, _ in drill.codes)}"
        for drill in DRILLS
    ]
    return Outcome(exit_code=0, text="\n".join(lines) + "\n", data={"schema": RESULT_SCHEMA, "faults": rows})


def run(*, output: Path | None, fault: str | None, profile: str | None, finish_push: bool) -> Outcome:
    """Run one drill, or all of them, in a private /nix where the kernel grants one."""
    from gate.lab.place import enter

    if output is None:
        raise RefusedError("lab needs --output: give it a new folder for the evidence")
    place = enter(os.environ)  # first of all: while this process has one thread
    from gate.lab.run import Outside

    with command_console() as console:
        outside = Outside(
            environ=os.environ,
            place=place,
            cancel=console.cancel,
            clock=console.clock,
            progress=console.progress,
        )
        if fault == ALL:
            return _all(output, profile, outside)
        return _one(output, fault, profile, outside, finish_push=finish_push)


def _one(output: Path, fault: str | None, profile: str | None, outside: "Outside", *, finish_push: bool) -> Outcome:
    from gate.lab.run import run_lab

    overrides = {"finish_push": True} if finish_push else {}
    result = run_lab(fault=fault, profile=profile, output=output, outside=outside, overrides=overrides)
    words = Outcome.of_evidence(result.evidence, output)
    lines = [
        f"drill: {result.drill.name} ({result.drill.title})",
        f"expected: {result.drill.word.value}; got: {result.evidence.verdict.word.value}",
        f"as expected: {'yes' if result.as_expected else 'no'}",
        f"proof of the fault: {result.proof or 'NONE: ' + (result.void or 'unknown')}",
        *(f"difference: {row}" for row in result.differences),
        f"store: {result.place.store} ({result.place.why}); programs: {result.programs}",
    ]
    text = "\n".join(lines)
    markdown = f"{words.markdown or ''}\n{text}\n"
    return Outcome(
        exit_code=result.exit_code,
        text=f"{words.text}\n{text}\n",
        markdown=markdown,
        data={**words.data, "lab": result.summary()},
    )


def _all(output: Path, profile: str | None, outside: "Outside") -> Outcome:
    from gate.journal import make_folder
    from gate.lab.run import run_all

    make_folder(output)
    rows: list[dict[str, object]] = []
    lines = [f"{'fault':<28} {'expected':<13} {'got':<13} {'as expected':<12} seconds"]
    for row in run_all(profile=profile, output=output, outside=outside):
        got = row.result.evidence.verdict.word.value if row.result else "error"
        seconds = f"{row.result.seconds:.1f}" if row.result else "-"
        as_expected = "yes" if row.as_expected else "NO"
        lines.append(f"{row.drill.name:<28} {row.drill.word.value:<13} {got:<13} {as_expected:<12} {seconds}")
        differences = list(row.result.differences) if row.result else []
        void = row.result.void if row.result else row.error
        lines.extend(f"{'':<28} {text}" for text in [*differences, *([void] if void else [])])
        rows.append(
            {
                "fault": row.drill.name,
                "expected": row.drill.word.value,
                "got": got,
                "as_expected": row.as_expected,
                "error": row.error,
                "lab": row.result.summary() if row.result else None,
            }
        )
    good = bool(rows) and all(row["as_expected"] for row in rows)
    return Outcome(
        exit_code=0 if good else _NOT_AS_EXPECTED,
        text="\n".join(lines) + "\n",
        data={"schema": RESULT_SCHEMA, "evidence": str(output), "drills": rows, "as_expected": good},
    )
