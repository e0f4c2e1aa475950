"""``diff`` and ``doctor``."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gate.cli.flags import AsFormat, Config, JsonInto, Quiet, Verbose
from gate.cli.operators import as_json, verdict_json
from gate.cli.outcome import RESULT_SCHEMA, Outcome, report
from gate.cli.probe import read_config, read_secret_file
from gate.cli.progress import command_console
from gate.cli.setting_flags import Flags, set_flags
from gate.cli.verify import verified
from gate.errors import RefusedError, UnsealedError
from gate.settings import resolve

Earlier = Annotated[Path, Parameter(help="The earlier capture or run: its evidence folder, or the artifact's zip.")]
Later = Annotated[Path, Parameter(help="The later one.")]


def diff(
    a: Earlier,
    b: Later,
    /,
    *,
    every: Annotated[bool, Parameter(name="--all", help="List notes and every subject of a group too.")] = False,
    json: Annotated[bool, Parameter(help="Print JSON, as --format json does.")] = False,
    format: AsFormat = "text",
    json_into: JsonInto = None,
) -> int:
    """Compare two captures, or two runs: 0 no significant difference, 3 undetermined, 4 B is worse.

    Both are verified first; what is not genuine, or was never sealed, is refused (2).
    """
    return report(lambda: _run(a, b, every=every), format="json" if json else format, json_into=json_into)


def _run(a: Path, b: Path, *, every: bool) -> Outcome:
    from gate.evidence.codec import adapter
    from gate.judge.diff import compare
    from gate.model.diff import Difference
    from gate.render import difference

    try:
        (one, first), (two, second) = verified(a), verified(b)
    except UnsealedError as error:
        raise RefusedError(str(error)) from None
    difference_of_runs = compare(one, two, digests=(first, second))
    return Outcome(
        exit_code=difference_of_runs.exit_code,
        text=difference.text(difference_of_runs, every=every),
        markdown=difference.markdown(difference_of_runs, every=every),
        data={
            "schema": RESULT_SCHEMA,
            "difference": adapter(Difference).dump_python(difference_of_runs, mode="json"),
            "error": None,
        },
    )


STRICTEST = "medium-check"  # it alone needs a cache push; where it can pass, all can


def doctor(
    *,
    profile: Annotated[str, Parameter(help="The profile whose run is to be prepared.", show_default=True)] = STRICTEST,
    config: Config = None,
    flags: Annotated[Flags | None, Parameter(name="*")] = None,
    format: AsFormat = "text",
    json: Annotated[bool, Parameter(help="The same as --format json.")] = False,
    json_into: JsonInto = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Look once at all that a run looks at, and say which parts of its evidence would be unknown."""
    return report(
        lambda: run_doctor(profile, config, flags),
        format="json" if json else format,
        json_into=json_into,
        quiet=quiet,
        verbose=verbose,
    )


def run_doctor(profile: str, config: Path | None, flags: object) -> Outcome:
    """One visit, and the answer."""
    from gate.judge.doctor import examine
    from gate.model.doctor import Examination
    from gate.probe import World
    from gate.probe.doctor import visit
    from gate.render.examination import examination_text
    from gate.render.operators import fenced

    settings = resolve(
        profile, toml=read_config(config), environ=os.environ, flags=set_flags(flags), read_file=read_secret_file
    )
    with command_console() as console:
        world = World(environ=os.environ, cancel=console.cancel, progress=console.progress, clock=console.clock)
        examination = examine(visit(settings, world))
    text = examination_text(examination)
    data = {
        "schema": RESULT_SCHEMA,
        **as_json(Examination, examination),
        "verdict": verdict_json(examination.verdict),
        "error": None,
    }
    return Outcome(exit_code=examination.verdict.exit_code, text=text, markdown=fenced(text), data=data)
