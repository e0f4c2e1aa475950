"""The action's modes for a run that is split between jobs: capture, publish and judge."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gate.cli.outcome import Outcome
from gate.cli.probe import PHASES, ObservingPart
from gate.cli.terminal import complain, progress_stream, records
from gate.errors import GateError, RefusedError
from gate.github.context import CAPTURE, PUBLISH, Parts, Request


def run_split(mode: str, request: Request, parts: Parts) -> Outcome:
    """Do what a mode of a split run is for; raises `RefusedError` as the commands of the same names do."""
    from gate.cli.probe import Split, run_judge, run_part, run_publish

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
    raise RefusedError(f"phase is {ascii(text)[:80]}: expected {', '.join(PHASES)}")


def finish_part(folder: Path, *, has_begun: bool, step: str) -> None:
    """Seal what a part's step left, and write outputs and summary; the action's last step fails where it must."""
    from gate.cli.probe import part_outcome
    from gate.github import outputs
    from gate.github.context import part_artifact_name, read_runner
    from gate.github.outputs import part_summary, part_values
    from gate.journal_log import PART
    from gate.probe import finalize_part, verify_part

    runner = read_runner(os.environ)
    part = None
    code, sentence = 3, f"no part was begun (its step: {step or 'skipped'})"
    if has_begun and folder.is_dir():
        try:
            part = verify_part(folder) if (folder / PART).exists() else finalize_part(folder)
            outcome = part_outcome(part)
            code, sentence = (
                outcome.exit_code,
                outcome.data["error"] or f"part {part.document.part}, digest {part.digest}.",
            )
        except GateError as error:
            sentence = f"the part can't be used: {error}"
    values = part_values(
        code=code,
        step=step,
        sentence=sentence,
        folder=folder if part is not None else None,
        digest=part.digest if part is not None else None,
        artifact=part_artifact_name(os.environ, runner),
    )
    outputs.append(runner.summary, part_summary(sentence).encode())
    outputs.append(runner.output, outputs.output_file(values, f"gate_{secrets.token_hex(16)}"))


def action_run() -> int:
    """Run what the action's inputs ask for; 0 when the run ended in order, whatever its verdict."""
    from gate.github.context import read_work
    from gate.github.step_state import say_ended

    try:
        _mask(os.environ)
        with _folded(os.environ):
            outcome = _run(os.environ)
    except GateError as error:
        outcome = Outcome.of_error(error)
        complain(str(error))
    say_ended(read_work(os.environ), outcome.data)
    records(outcome.text)
    return 0


def action_finish(folder: Annotated[Path, Parameter(help="The evidence folder that the run was given.")]) -> int:
    """Seal what the run left, and write outputs, summary and annotations; 0 whatever the verdict."""
    from gate.clock import SystemClock
    from gate.github import outputs
    from gate.github.conclusion import conclude, conclude_answer
    from gate.github.context import CAPTURE, MODES, PREFIX, PUBLISH, REQUIRE, artifact_name, read_runner, read_work
    from gate.github.step_state import was_begun, what_was_answered, what_was_told, write_refusal

    runner = read_runner(os.environ)
    work = read_work(os.environ)
    step = os.environ.get(PREFIX + "STEP", "")
    refusal = None
    mode = os.environ.get(PREFIX + "MODE", "")
    if mode in (CAPTURE, PUBLISH):
        finish_part(folder, has_begun=was_begun(work), step=step)
        return 0
    if mode == REQUIRE:
        ending = conclude_answer(what_was_answered(work), step=step)
    else:
        step_state = what_was_told(work)
        ending = conclude(folder, has_begun=was_begun(work), state=step_state, step=step, clock=SystemClock())
        # Not of mode judge: what it refuses are parts of a run that may have published.
        if mode in MODES and ending.refused_before_evidence:
            refusal = write_refusal(work, ending.headline)
    records("".join(line + "\n" for line in outputs.annotations(ending)))
    outputs.append(runner.summary, outputs.step_summary(ending).encode())
    values = outputs.output_values(ending, artifact_name(os.environ, runner), run_url=runner.url, refusal=refusal)
    # Last: what a step wrote here counts even when the step is killed (actions/runner ActionRunner.cs:282).
    outputs.append(runner.output, outputs.output_file(values, f"gate_{secrets.token_hex(16)}"))
    return 0


def _mask(environ: Mapping[str, str]) -> None:
    """Have the runner mask each secret before anything uses it.

    The runner does not know one that comes from a file or from a step's output.
    This is the one place that prints a secret, as the runner's command, which it takes out of the log.
    """
    if environ.get("GITHUB_ACTIONS") != "true":  # anywhere else it would stay in the log
        return
    from gate.cli.probe import read_secret_file
    from gate.github.context import FORGE_TOKENS
    from gate.github.outputs import masks
    from gate.settings import SETTINGS

    names = [row.env for row in SETTINGS if row.type == "secret"]
    values = [environ.get(name, "") for name in (*names, *FORGE_TOKENS)]
    values += [read_secret_file(environ[f"{name}_FILE"]) for name in names if environ.get(f"{name}_FILE")]
    records("".join(f"{line}\n" for line in masks(values)))


@contextmanager
def _folded(environ: Mapping[str, str]) -> Iterator[None]:
    """Fold the progress lines in the runner's log, so that the result is what one sees; both are on stderr."""
    if environ.get("GITHUB_ACTIONS") != "true":
        yield
        return
    progress = progress_stream()
    print("::group::Progress", file=progress, flush=True)
    try:
        yield
    finally:
        print("::endgroup::", file=progress, flush=True)


def _run(environ: Mapping[str, str]) -> Outcome:
    from gate.cli.probe import run_probe
    from gate.cli.require import run_require
    from gate.github.context import REQUIRE, SPLIT, read_mode, read_parts, read_question, read_request
    from gate.github.step_state import say_begun

    mode = read_mode(environ)
    if mode == REQUIRE:
        question = read_question(environ)
        return run_require(push_follows=question.push_follows, config=question.config)
    request = read_request(environ)
    if mode in SPLIT:
        parts = read_parts(environ)
        say_begun(request.work, request.evidence)
        return run_split(mode, request, parts)
    say_begun(request.work, request.evidence)
    return run_probe(
        profile=request.profile,
        confirm=request.confirm,
        output=request.evidence,
        config=request.config,
        flags=None,
    )
