"""The action's modes for a run that is split between jobs: capture, publish and judge."""

import os
import secrets
from pathlib import Path

from gate.cli.outcome import Outcome
from gate.cli.publishing import PHASES, ObservingPart
from gate.errors import GateError, RefusedError
from gate.github.context import CAPTURE, PUBLISH, Parts, Request


def run_split(mode: str, request: Request, parts: Parts) -> Outcome:
    """Do what a mode of a split run is for; raises `RefusedError` as the commands of the same names do."""
    from gate.cli.judging import run_judge
    from gate.cli.publishing import Split, run_part, run_publish

    if mode == CAPTURE:
        split = Split(
            phase=_phase(parts.phase),
            profile=request.profile,
            after=parts.folders,
            digest=parts.digests,
            seconds=parts.seconds,
            until=parts.until,
        )
        return run_part(split, output=request.evidence, config=request.config, flags=None)
    if mode == PUBLISH:
        return run_publish(
            profile=request.profile,
            confirm=request.confirm,
            output=request.evidence,
            after=parts.folders,
            digest=parts.digests,
            config=request.config,
            flags=None,
        )
    return run_judge(
        parts.folders,
        profile=request.profile,
        output=request.evidence,
        digests=parts.digests,
        config=request.config,
        flags=None,
    )


def _phase(text: str) -> ObservingPart:
    for phase in PHASES:
        if text == phase:
            return phase
    message = f"phase is {ascii(text)[:80]}: expected {', '.join(PHASES)}"
    raise RefusedError(message)


def finish_part(folder: Path, *, begun: bool, step: str) -> None:
    """Seal what a part's step left, and write outputs and summary; the action's last step fails where it must."""
    from gate.cli.publishing import part_outcome
    from gate.github import outputs
    from gate.github.context import part_artifact_name, read_runner
    from gate.github.part_ending import part_summary, part_values
    from gate.probe import finalize_part, verify_part
    from gate.tape import PART

    runner = read_runner(os.environ)
    part = None
    code, told = 3, f"no part was begun (its step: {step or 'skipped'})"
    if begun and folder.is_dir():
        try:
            part = verify_part(folder) if (folder / PART).exists() else finalize_part(folder)
            outcome = part_outcome(part)
            code, told = outcome.exit_code, outcome.data["error"] or f"part {part.document.part}, digest {part.digest}."
        except GateError as error:
            told = f"the part can't be used: {error}"
    values = part_values(
        code=code,
        step=step,
        told=told,
        folder=folder if part is not None else None,
        digest=part.digest if part is not None else None,
        artifact=part_artifact_name(os.environ, runner),
    )
    outputs.append(runner.summary, part_summary(told).encode())
    outputs.append(runner.output, outputs.output_file(values, f"gate_{secrets.token_hex(16)}"))
