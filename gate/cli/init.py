"""``init``: a first, commented ``gate.toml`` from flags, from what this machine knows, and from questions."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from gate.cli.flags import JsonInto
from gate.cli.outcome import RESULT_SCHEMA, Outcome, report
from gate.errors import GateError, RefusedError

if TYPE_CHECKING:
    from gate.model.setting import Guess
    from gate.observe.site import Ask

_SECONDS = 10.0
_BYTES = 1_000_000
_FILE = Path("gate.toml")


def init(
    *,
    server: Annotated[str, Parameter(help="URL of the Attic server.")] = "",
    cache: Annotated[str, Parameter(help="Name of the cache under test.")] = "",
    probe_cache: Annotated[str, Parameter(help="Name of the cache for canaries and twins.")] = "",
    store: Annotated[str, Parameter(help="URL of the S3 server.")] = "",
    state_key: Annotated[str, Parameter(help="Key of the OpenTofu state object.")] = "",
    markers: Annotated[
        tuple[str, ...], Parameter(help="Locator of a data folder of the store; once for each drive.")
    ] = (),
    output: Annotated[
        Path, Parameter(help="The file to write; one that exists is left untouched.", show_default=True)
    ] = _FILE,
    dry_run: Annotated[bool, Parameter(help="Print the file, and write nothing.", negative=())] = False,
    json_into: JsonInto = None,
) -> int:
    """Write a commented gate.toml from flags and from what this machine knows; asks for the rest on a terminal.

    Looked at: the attic client's configuration, Nix's substituters, systemd's units, docker's containers. When the file
    is written, `doctor` reads from the servers that it names, and says what is still unknown.
    """
    flags: dict[str, str | tuple[str, ...]] = {
        "attic_server": server,
        "attic_cache": cache,
        "probe_cache": probe_cache,
        "s3_endpoint": store,
        "state_key": state_key,
        "markers": markers,
    }
    return report(lambda: _init(flags, output, dry_run=dry_run), format="text", json_into=json_into)


def _init(flags: Mapping[str, str | tuple[str, ...]], output: Path, *, dry_run: bool) -> Outcome:
    from gate.model.setting import Guess
    from gate.observe.site import guess_site
    from gate.settings.table import NEEDED, draft

    if not dry_run and os.path.lexists(output):
        raise RefusedError(f"{output} is there already and is left untouched: give --output a new name, or --dry-run")
    guesses: dict[str, Guess] = dict(guess_site(_ask(), _attic_config()))
    guesses.update({name: Guess(text=text, origin="a flag") for name, text in flags.items() if text})
    if not dry_run and sys.stdin is not None and sys.stdin.isatty():
        _question(guesses)
    text = draft(guesses)
    missing = [name for name in NEEDED if name not in guesses]
    data = {"schema": RESULT_SCHEMA, "file": str(output), "missing": missing, "error": None}
    if dry_run:
        return Outcome(exit_code=0, text=text, data=data)
    try:
        with output.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise RefusedError(f"{output} can't be written ({error.strerror}): give --output a writable place") from None
    names = ", ".join(name.replace("_", "-") for name in missing)
    lines = [f"{output}: written" + (f"; still needed: {names}" if missing else "")]
    lines += ["workflows: copy one of workflows/ of this gate's repository, see docs/action.md", "", _examined(output)]
    return Outcome(exit_code=0, text="\n".join(lines), data=data)


def _question(guesses: "dict[str, Guess]") -> None:
    """Ask for what is needed; an empty answer keeps what was guessed, or leaves the setting open."""
    from gate.model.setting import Guess
    from gate.settings.table import BY_NAME, NEEDED

    for name in NEEDED:
        row, guess = BY_NAME[name], guesses.get(name)
        current = guess.text if guess is not None else ""
        preset = " ".join(current) if isinstance(current, tuple) else current
        sys.stderr.write(f"{row.meaning}\n{row.toml_key} [{preset}]: ")
        sys.stderr.flush()
        answer = sys.stdin.readline().strip()
        if answer:
            text = tuple(answer.split()) if row.type == "list" else answer
            guesses[name] = Guess(text=text, origin="you")


def _examined(config: Path) -> str:
    """What doctor says with the new file."""
    from gate.cli.look import STRICTEST, run_doctor

    try:
        return run_doctor(STRICTEST, config, None).text
    except GateError as error:
        return f"doctor: {error}\n"


def _attic_config() -> str | None:
    """The attic client's configuration (attic client/src/config.rs: XDG's folder, ``attic/config.toml``)."""
    from gate.process import user_folder

    path = user_folder(os.environ, "XDG_CONFIG_HOME", ".config") / "attic" / "config.toml"
    try:
        with path.open("rb") as stream:
            return stream.read(_BYTES).decode()
    except (OSError, UnicodeDecodeError):
        return None


def _ask() -> "Ask":
    from gate.clock import SystemClock
    from gate.process import CancelToken, SearchPath, output, scrubbed_environment

    environ = scrubbed_environment(os.environ)
    search = SearchPath(environ)

    def ask(argv: Sequence[str]) -> str | None:
        program = search.find(argv[0])
        if program is None:
            return None
        end, out, _ = output(
            (program, *argv[1:]),
            name=argv[0],
            env=environ,
            cap=_BYTES,
            deadline_seconds=_SECONDS,
            cancel=CancelToken(),
            clock=SystemClock(),
        )
        return out.decode("utf-8", "replace") if end.exit == 0 else None

    return ask
