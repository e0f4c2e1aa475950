"""``doctor``: what of the evidence would be unknown with these settings, before anything is published with them."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gate.cli.flags import Flags, given
from gate.cli.main import AsFormat, JsonInto
from gate.cli.operators import Config, as_json, verdict_json
from gate.cli.outcome import RESULT_SCHEMA, Outcome, report
from gate.cli.probing import read_config, read_secret_file
from gate.cli.progress import Lines
from gate.cli.signals import cancelling
from gate.cli.streams import progress_stream
from gate.clock import SystemClock
from gate.settings import resolve

_STRICTEST = "medium-check"  # it alone needs a cache push; where it can pass, all can


def doctor(
    *,
    profile: Annotated[str, Parameter(help="The profile whose run is to be prepared.")] = _STRICTEST,
    config: Config = None,
    flags: Annotated[Flags | None, Parameter(name="*")] = None,
    format: AsFormat = "text",
    json: Annotated[bool, Parameter(help="The same as --format json.")] = False,
    json_into: JsonInto = None,
) -> int:
    """Look once at all that a run would look at, and say what of its evidence would be unknown with these settings.

    It builds, pushes and writes nothing. One line comes to stand in the Attic server's log: the canary that a run sends
    too. 0: all that a pass needs can be observed. 3: something would be unknown. 4: the failure class is seen now.
    """
    return report(lambda: _run(profile, config, flags), format="json" if json else format, json_into=json_into)


def _run(profile: str, config: Path | None, flags: object) -> Outcome:
    from gate.judge.examination import examine
    from gate.model.examination import Examination
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
