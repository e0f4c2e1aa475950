"""``init``: a first, commented ``gate.toml`` from flags, from what this machine knows, and from questions."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

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
_PLACEHOLDER: Final = "OWNER/publication-gate@" + "0" * 40
_ACTION: Final = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+@[0-9a-f]{40}")

Workflow = Literal[
    "dispatched-probe", "split-rights-probe", "scheduled-synthetic", "required-pr-check", "check-before-push"
]


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
    workflow: Annotated[
        tuple[Workflow, ...],
        Parameter(help="A workflow to write below .github/workflows/ beside the file; once for each."),
    ] = (),
    action: Annotated[
        str, Parameter(help="OWNER/NAME@COMMIT of this action for the workflows; COMMIT has 40 hex digits.")
    ] = "",
    dry_run: Annotated[bool, Parameter(help="Print the files, and write nothing.", negative=())] = False,
    json_into: JsonInto = None,
) -> int:
    """Write a commented gate.toml, and workflows, from flags and from what this machine knows; asks for the rest.

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
    return report(
        lambda: _init(flags, output, _workflows(workflow, action, output.parent), dry_run=dry_run),
        format="text",
        json_into=json_into,
    )


def _workflows(names: Sequence[str], action: str, folder: Path) -> dict[Path, str]:
    """The text of each workflow by the file that it goes to."""
    if action and not _ACTION.fullmatch(action):
        raise RefusedError(f"--action is {action[:80]!a}: expected OWNER/NAME@ and a commit of 40 hex digits")
    package = Path(__file__).parents[1]
    templates = next(each for each in (package / "workflows", package.parent / "workflows") if each.is_dir())
    return {
        folder / ".github" / "workflows" / f"{name}.yml": (templates / f"{name}.yml")
        .read_text(encoding="utf-8")
        .replace(_PLACEHOLDER, action or _PLACEHOLDER)
        for name in names
    }


def _init(
    flags: Mapping[str, str | tuple[str, ...]], output: Path, workflows: Mapping[Path, str], *, dry_run: bool
) -> Outcome:
    from gate.model.setting import Guess
    from gate.observe.site import guess_site
    from gate.settings.table import NEEDED, draft

    existing = [] if dry_run else [path for path in (output, *workflows) if os.path.lexists(path)]
    if existing:
        raise RefusedError(
            f"{existing[0]} is there already and is left untouched, and nothing was written: "
            "give --output a new name, or --dry-run"
        )
    guesses: dict[str, Guess] = dict(guess_site(_ask(), _attic_config()))
    guesses.update({name: Guess(text=text, origin="a flag") for name, text in flags.items() if text})
    if not dry_run and sys.stdin is not None and sys.stdin.isatty():
        _question(guesses)
    text = draft(guesses)
    missing = [name for name in NEEDED if name not in guesses]
    places = [*map(str, workflows)]
    data = {"schema": RESULT_SCHEMA, "file": str(output), "workflows": places, "missing": missing, "error": None}
    if dry_run:
        return Outcome(
            exit_code=0, text="\n".join((text, *(f"# {path}\n{workflows[path]}" for path in workflows))), data=data
        )
    _write(output, text)
    for path, content in workflows.items():
        _write(path, content, with_folder=True)
    names = ", ".join(name.replace("_", "-") for name in missing)
    lines = [f"{output}: written" + (f"; still needed: {names}" if missing else "")]
    lines += [f"{path}: written{_left_to_do(content)}" for path, content in workflows.items()]
    if not workflows:
        lines.append("workflows: --workflow writes one, see docs/action.md")
    lines += ["", _examined(output)]
    return Outcome(exit_code=0, text="\n".join(lines), data=data)


def _write(path: Path, content: str, *, with_folder: bool = False) -> None:
    try:
        if with_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(content)
    except OSError as error:
        raise RefusedError(f"{path} can't be written ({error.strerror}): give --output a writable place") from None


def _left_to_do(content: str) -> str:
    return "; replace OWNER and the zeros by a release's commit" if _PLACEHOLDER in content else ""


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
