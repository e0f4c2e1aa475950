"""``judge``: the parts of a split run, joined and judged; ``finalize`` of a folder that is a part."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gate.cli.flags import Flags, given
from gate.cli.outcome import Outcome, report
from gate.cli.parameters import AsFormat, Config, Digests, JsonInto, OutputFolder
from gate.cli.publishing import digests_given, part_outcome
from gate.errors import ForgedError, InconclusiveError
from gate.model.basics import Word
from gate.settings import resolve


def judge(
    *folders: Annotated[Path, Parameter(help="The folders of the parts pre, publish, during and post, in any order.")],
    profile: Annotated[str, Parameter(help="The profile of the parts.")],
    output: OutputFolder,
    digest: Digests = (),
    config: Config = None,
    flags: Annotated[Flags | None, Parameter(name="*")] = None,
    format: AsFormat = "text",
    json_into: JsonInto = None,
) -> int:
    """Join the parts of a split run into one evidence folder and judge it; needs no secret and no network."""
    return report(
        lambda: run_judge(folders, profile=profile, output=output, digests=digest, config=config, flags=flags),
        format=format,
        json_into=json_into,
    )


def run_judge(
    folders: Sequence[Path], *, profile: str, output: Path, digests: Sequence[str], config: Path | None, flags: object
) -> Outcome:
    """The joined run.

    Raises `ForgedError` when a part is not genuine or of another run, after sealing what the others saw.
    """
    from gate.cli.probing import read_config, read_secret_file
    from gate.clock import SystemClock
    from gate.probe import Quiet, World, join
    from gate.process import CancelToken

    settings = resolve(
        profile, toml=read_config(config), environ=os.environ, flags=given(flags), read_file=read_secret_file
    )
    world = World(environ=os.environ, cancel=CancelToken(), progress=Quiet(), clock=SystemClock())
    evidence, refused = join(settings, folders, digests_given(digests), output, world)
    if refused:
        message = (
            f"{refused[0]}; what the other parts saw is sealed in {output} ({evidence.verdict.word.value}), "
            "and this run can't be relied on"
        )
        raise ForgedError(message)
    return Outcome.of_evidence(evidence, output)


def finalize_folder(folder: Path) -> Outcome:
    """Seal what a dead run, or a dead job of a split run, has left. It never ends in 0: no run tells its verdict."""
    from gate.probe import finalize_part, is_part_folder
    from gate.seal import finalize

    if is_part_folder(folder):
        made = part_outcome(finalize_part(folder))
    else:
        made = Outcome.of_evidence(finalize(folder), folder)
    if made.exit_code != 0:
        return made
    code = InconclusiveError.exit_code
    told = "a person sealed this or looked at what the run had sealed, so it ends in 3: only the run itself ends in 0"
    verdict = {"word": Word.INCONCLUSIVE.value, "outcome": "fail", "exit_code": code, "blocks": True}
    data = {**made.data, "verdict": verdict, "error": told} if "verdict" in made.data else {**made.data, "error": told}
    return replace(made, exit_code=code, text=f"{made.text}{told}\n", data=data)
