"""``doctor``: what of the evidence would be unknown with these settings, before anything is published with them."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gate.cli.flags import Flags, given
from gate.cli.operators import as_json, verdict_json
from gate.cli.outcome import RESULT_SCHEMA, Outcome, report
from gate.cli.parameters import AsFormat, Config, JsonInto
from gate.cli.probing import read_config, read_secret_file
from gate.cli.progress import Lines
from gate.cli.signals import cancelling
from gate.cli.streams import progress_stream
from gate.clock import SystemClock
from gate.settings import resolve

_STRICTEST = "medium-check"  # it alone needs a cache push; where it can pass, all can


def doctor(
    *,
    profile: Annotated[str, Parameter(help="The profile whose run is to be prepared.", show_default=True)] = _STRICTEST,
    config: Config = None,
    flags: Annotated[Flags | None, Parameter(name="*")] = None,
    format: AsFormat = "text",
    json: Annotated[bool, Parameter(help="The same as --format json.")] = False,
    json_into: JsonInto = None,
) -> int:
    """Look once at all that a run would look at, and say what of its evidence would be unknown with these settings."""
    return report(lambda: _run(profile, config, flags), format="json" if json else format, json_into=json_into)


def _run(profile: str, config: Path | None, flags: object) -> Outcome:
    from gate.judge.doctor import examine
    from gate.model.doctor import Examination
    from gate.probe import World
    from gate.probe.doctor import visit
    from gate.process import CancelToken
    from gate.render.examination import examination_text
    from gate.render.operators import fenced

    settings = resolve(
        profile, toml=read_config(config), environ=os.environ, flags=given(flags), read_file=read_secret_file
    )
    clock, cancel = SystemClock(), CancelToken()
    with cancelling(cancel), Lines(progress_stream(), clock) as progress:
        made = examine(visit(settings, World(environ=os.environ, cancel=cancel, progress=progress, clock=clock)))
    text = examination_text(made)
    data = {
        "schema": RESULT_SCHEMA,
        **as_json(Examination, made),
        "verdict": verdict_json(made.verdict),
        "error": None,
    }
    return Outcome(exit_code=made.verdict.exit_code, text=text, markdown=fenced(text), data=data)
