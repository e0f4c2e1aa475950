"""``probe``: settings from flags, environment and gate.toml, then the run."""

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gate import limits
from gate.cli.flags import given
from gate.cli.outcome import Outcome
from gate.cli.progress import Lines
from gate.cli.signals import cancelling
from gate.cli.streams import progress_stream
from gate.clock import SystemClock
from gate.errors import RefusedError
from gate.settings import check_config, check_confirm, find_profile, resolve

if TYPE_CHECKING:
    from gate.cli.publishing import Split
    from gate.model.document import Evidence
    from gate.probe import World
    from gate.settings import Settings

CONFIG = Path("gate.toml")
NO_PROFILE = "synthetic"  # a capture publishes nothing; the smallest profile stands in its policy


def read_config(config: Path | None) -> dict[str, Any]:
    """``gate.toml``, parsed and checked; {} where none was named and none is here. Raises `RefusedError`."""
    path = config or CONFIG
    if config is None and not path.exists():
        return {}
    import tomllib

    from gate.tape import read_whole

    content = read_whole(path, limits.CONFIG_BYTES)
    _refuse_others_file(path)
    try:
        toml = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"{path} is no TOML: {ascii(str(error))[1:-1][:200]}"
        raise RefusedError(message) from None
    check_config(toml)
    return toml


def _refuse_others_file(path: Path) -> None:
    """Refuse a file that somebody else may have written; root takes the runner's, for a job container runs as root."""
    found, me = path.lstat(), os.geteuid()
    if found.st_mode & stat.S_IWOTH or (me not in (0, found.st_uid) and found.st_uid != 0):
        who = f"mode {stat.S_IMODE(found.st_mode):04o}, owner {found.st_uid}"
        message = (
            f"{path} may have been written by somebody else ({who}): expected a file of user {me}, not open to all"
        )
        raise RefusedError(message)


def read_secret_file(path: str) -> str:
    """A secret from its file. Raises `RefusedError` that names the file and nothing of its text."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        message = f"the secret file {path} can't be read: give a readable UTF-8 file"
        raise RefusedError(message) from None


def run_probe(*, profile: str, confirm: str, output: Path, config: Path | None, flags: object) -> Outcome:
    """The whole run; nothing is built or published without the confirm phrase."""
    from gate.probe import run

    toml = read_config(config)
    check_confirm(find_profile(profile, toml), confirm)
    return _recorded(run, profile, toml, flags, output)


def run_capture(*, output: Path, config: Path | None, flags: object, split: "Split") -> Outcome:
    """The evidence of both phases, without a publication; or that of one phase, as a part of a split run."""
    from gate.cli.publishing import Split, run_part
    from gate.probe import capture

    if split != Split():
        return run_part(split, output=output, config=config, flags=flags)
    return _recorded(capture, NO_PROFILE, read_config(config), flags, output)


def _recorded(
    act: "Callable[[Settings, Path, World], Evidence]",
    profile: str,
    toml: Mapping[str, Any],
    flags: object,
    output: Path,
) -> Outcome:
    from gate.probe import World
    from gate.process import CancelToken, keep_memory_private

    keep_memory_private()
    settings = resolve(profile, toml=toml, environ=os.environ, flags=given(flags), read_file=read_secret_file, act=None)
    clock = SystemClock()
    cancel = CancelToken()
    with cancelling(cancel), Lines(progress_stream(), clock) as progress:
        world = World(environ=os.environ, cancel=cancel, progress=progress, clock=clock)
        evidence = act(settings, output, world)
    return Outcome.of_evidence(evidence, output)
