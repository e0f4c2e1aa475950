"""``watch``: an eye on the index that takes the evidence when a bucket goes, before anybody restarts anything."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from gate import limits
from gate.cli.flags import AsFormat, Config, JsonInto, Quiet, Verbose
from gate.cli.outcome import RESULT_SCHEMA, Outcome, report
from gate.cli.probe import NO_PROFILE, command_world, read_config, read_secret_file
from gate.cli.setting_flags import Flags, set_flags
from gate.clock import Clock
from gate.errors import InconclusiveError, RefusedError
from gate.model.basics import EXIT_CODES, VerdictWord
from gate.settings import resolve

_DURATION: Final = re.compile(r"([0-9]{1,7})([smhd])")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SECONDS: Final = (1.0, 3600.0)  # between two samples


def watch(
    *,
    output: Annotated[Path, Parameter(help="A new folder; each loss gets a folder in it.")],
    duration: Annotated[
        str,
        Parameter(name="--for", help="How long: a number with s, m, h or d, such as 1h; else until a signal."),
    ] = "",
    until_loss: Annotated[bool, Parameter(help="End when the first loss is captured and over.")] = False,
    interval: Annotated[
        float, Parameter(help="Seconds between samples, 1 to 3600.", show_default=True)
    ] = limits.WATCH_SPACING_SECONDS,
    on_loss: Annotated[
        Path | None, Parameter(help="A program, by its absolute path, that is run with each incident's folder.")
    ] = None,
    config: Config = None,
    flags: Annotated[Flags | None, Parameter(name="*")] = None,
    format: AsFormat = "text",
    json_into: JsonInto = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Sample the buckets every few seconds; at the first loss capture, then sample each second until it is over."""
    return report(
        lambda: _watch(
            output, duration, until_loss=until_loss, interval=interval, on_loss=on_loss, config=config, flags=flags
        ),
        format=format,
        json_into=json_into,
        quiet=quiet,
        verbose=verbose,
    )


def _watch(
    output: Path,
    duration: str,
    *,
    until_loss: bool,
    interval: float,
    on_loss: Path | None,
    config: Path | None,
    flags: object,
) -> Outcome:
    from gate.probe.watch import WatchPlan
    from gate.probe.watch import watch as run_watch

    seconds = _seconds(duration)
    if not _SECONDS[0] <= interval <= _SECONDS[1]:
        raise RefusedError(
            f"--interval is {interval:g}: expected {_SECONDS[0]:g} to {_SECONDS[1]:g} seconds; nothing was done"
        )
    if on_loss is not None and not on_loss.is_absolute():
        raise RefusedError(f"--on-loss is {str(on_loss)!a}: expected an absolute path; nothing was done")
    settings = resolve(
        NO_PROFILE,
        toml=read_config(config),
        environ=os.environ,
        flags=set_flags(flags),
        read_file=read_secret_file,
        act=None,
    )
    with command_world(settings, deadline=seconds) as world:
        hook = None if on_loss is None else _hook(on_loss, world.clock)
        plan = WatchPlan(interval=interval, seconds=seconds, until_loss=until_loss, on_loss=hook)
        result = run_watch(settings, output, world, plan)
    if result.losses:
        code, word = EXIT_CODES[VerdictWord.QUARANTINE], "LOST"
        names = ", ".join(str(folder) for folder in result.incidents) or "no folder could be written"
        text = f"a bucket was lost: see {names}. Don't restart anything before the capture there is kept."
    elif result.unknown or result.samples == 0:
        code, word = InconclusiveError.exit_code, "UNKNOWN"
        text = f"no loss was seen, and {result.unknown} of {result.samples} samples could not be had."
    else:
        code, word, text = (
            0,
            "NO LOSS",
            f"all {result.samples} samples had every bucket. This is no pass of a publication.",
        )
    data = {
        "schema": RESULT_SCHEMA,
        "samples": result.samples,
        "unknown": result.unknown,
        "incidents": [str(folder) for folder in result.incidents],
        "error": None,
    }
    return Outcome(exit_code=code, text=f"{word}: {text}\n", data=data)


def _seconds(duration: str) -> float | None:
    if not duration:
        return None
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise RefusedError(f"--for is {duration[:40]!a}: expected a number with s, m, h or d, such as 1h")
    return float(int(match[1]) * _UNITS[match[2]])


def _hook(program: Path, clock: Clock) -> Callable[[Path], None]:
    """Run the program with an incident's folder; `InconclusiveError` where it does not end well in its time."""
    from gate.process import CancelToken, output, scrubbed_environment

    def run(folder: Path) -> None:
        ended, _, _ = output(
            (str(program), str(folder)),
            name="on-loss",
            env=scrubbed_environment(os.environ),
            cap=limits.ANSWER_BODY_BYTES,
            deadline_seconds=limits.WATCH_HOOK_SECONDS,
            cancel=CancelToken(),
            clock=clock,
        )
        if ended.exit != 0:
            raise InconclusiveError(f"{program} ended with exit code {ended.exit}: expected 0")

    return run
