"""``probe``: settings from flags, environment and gate.toml, then the run."""

import os
import sys
import tomllib
from pathlib import Path
from typing import Any

from gate import limits
from gate.cli.flags import given
from gate.cli.outcome import Outcome
from gate.cli.progress import Lines
from gate.cli.signals import cancelling
from gate.clock import SystemClock
from gate.errors import RefusedError
from gate.settings import check_confirm, find_profile, resolve

CONFIG = Path("gate.toml")


def read_config(config: Path | None) -> dict[str, Any]:
    """``gate.toml``, parsed; {} where none was named and none is here. Raises `RefusedError`."""
    path = config or CONFIG
    if config is None and not path.exists():
        return {}
    from gate.tape import read_whole

    try:
        return tomllib.loads(read_whole(path, limits.ANSWER_BODY_BYTES * 16).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path} is no TOML: {ascii(str(error))[1:200]}"
        raise RefusedError(message) from None


def read_secret_file(path: str) -> str:
    """A secret from its file. Raises `RefusedError` that names the file and nothing of its text."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        message = f"the secret file {path} can't be read: give a readable UTF-8 file"
        raise RefusedError(message) from None


def run_probe(*, profile: str, confirm: str, output: Path, config: Path | None, flags: object) -> Outcome:
    """The whole run; nothing is built or published without the confirm phrase."""
    from gate.probe import World, run
    from gate.process import CancelToken

    toml = read_config(config)
    check_confirm(find_profile(profile, toml), confirm)
    settings = resolve(profile, toml=toml, environ=os.environ, flags=given(flags), read_file=read_secret_file)
    clock = SystemClock()
    cancel = CancelToken()
    with cancelling(cancel), Lines(sys.stderr, clock) as progress:
        world = World(environ=os.environ, cancel=cancel, progress=progress, clock=clock)
        evidence = run(settings, output, world)
    return Outcome.of_evidence(evidence, output)
