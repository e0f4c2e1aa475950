"""``publication-gate``: the commands, and the one catcher of errors.

stdout is the result only; all else goes to stderr.

Commands import what they need when they run, so that ``--help`` stays quick.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Group, MissingArgumentError, Parameter, UnknownCommandError

from gate import __version__
from gate.cli.exit_codes import footer
from gate.cli.flags import (
    COMMON,
    AsFormat,
    Exchange,
    Folder,
    FolderOrZip,
    FoldersOrZips,
    Format,
    JsonInto,
    Quiet,
    Verbose,
)
from gate.cli.outcome import report
from gate.cli.terminal import complain, records
from gate.errors import GateError, InconclusiveError, RefusedError, place_of

_EPILOGUE = "Exit codes: 0 pass · 2 refused · 3 inconclusive · 4 quarantine (1 is a crash). Every code but 0 blocks."

app = App(
    name="publication-gate",
    help="May trusted builds publish to this Attic cache now? Evidence before and after one bounded publication.",
    help_epilogue=_EPILOGUE,
    version=__version__,
    version_flags=["--version", "-V"],
    help_format="plaintext",  # Markdown takes twice the time to show
    default_parameter=COMMON,
    result_action="return_value",
    suppress_keyboard_interrupt=False,  # `main` has the one catcher
)

# The commands by what a person wants, in this order.
_ASK = Group("Ask the cache", sort_key=1)
_INCIDENT = Group("In an incident", sort_key=2)
_READ = Group("Read evidence", sort_key=3)
_GATE = Group("Gate a change", sort_key=4)
_SPLIT = Group("Split run", sort_key=5)
_SHELL = Group("Shell", sort_key=6)

for _step in ("action-run", "action-finish"):  # of action.yml; not for people
    app.command(f"gate.cli.action:{_step.replace('-', '_')}", name=_step, show=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code; an error becomes one sentence on stderr, never a traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["--version"], ["-V"]):
        records(f"{__version__}\n")
        return 0
    try:
        answer = app(words, exit_on_error=False, print_error=False, verbose=False)
    except CycloptsError as error:
        command = " ".join(("publication-gate", *(error.command_chain or ())))
        complain(f"{usage_error(error, words)} See `{command} --help`.")
        return RefusedError.exit_code
    except GateError as error:
        complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        complain("interrupted: run `publication-gate finalize` on the evidence folder, if there is one")
        return InconclusiveError.exit_code
    except Exception as error:  # noqa: BLE001  # a defect must block like any other trouble, and show no values
        complain(f"a defect of the gate: {place_of(error)}; please report it")
        return InconclusiveError.exit_code
    return answer if isinstance(answer, int) else 0


def usage_error(error: CycloptsError, words: Sequence[str]) -> str:
    """What is wrong with a command line: a mistyped option with its neighbor, and all missing options at once."""
    from difflib import get_close_matches

    if isinstance(error, UnknownCommandError) and words and words[0].startswith("-"):
        near = get_close_matches(words[0], ("--help", "--version"), n=1)
        return f"Unknown option {words[0]}." + (f" Did you mean {near[0]}?" if near else "")
    if isinstance(error, MissingArgumentError) and error.command_chain and " instead of " not in str(error):
        _, apps, _ = app.parse_commands(list(error.command_chain))
        present = {word.partition("=")[0] for word in words}
        arguments = [
            row for row in apps[-1].assemble_argument_collection() if row.required and row.field_info.is_keyword
        ]
        lacking = [row.name for row in arguments if not present & set(row.names)]
        if len(lacking) > 1:
            return f'Command "{" ".join(error.command_chain)}" needs {" and ".join(lacking)}, each with a value.'
    return str(error).replace("Unknown option: ", "Unknown option ")


@app.command(help_epilogue=footer("finalize"), group=_READ)
def finalize(folder: Folder, *, format: AsFormat = "text", json_into: JsonInto = None) -> int:
    """Seal what a dead run left: always a valid document, never a pass for what was not seen."""
    from gate.cli.probe import finalize_folder

    return report(lambda: finalize_folder(folder), format=format, json_into=json_into)


@app.command(help_epilogue=footer("verify"), group=_READ)
def verify(*folders: FoldersOrZips, format: AsFormat = "text", json_into: JsonInto = None) -> int:
    """Recompute digest, journal chain, findings and verdict of folders or of artifacts' zips.

    0 genuine whatever its verdict, 2 not genuine, 3 never sealed or no evidence at all.
    """
    from gate.cli.verify import verify_folders

    return report(lambda: verify_folders(folders), format=format, json_into=json_into)


@app.command(help_epilogue=footer("show"), group=_READ)
def show(
    folder: FolderOrZip,
    *,
    full: Annotated[bool, Parameter(help="Everything, instead of what fits on a screen.", negative=())] = False,
    format: Annotated[Format | Exchange, Parameter(help="Form of the result on stdout.", show_default=True)] = "text",
    json_into: JsonInto = None,
) -> int:
    """Print the summary of a sealed folder, or of an artifact's zip, for a person; it verifies first.

    `junit` and `sarif` are its findings for tools that read those forms.
    """
    from gate.cli.verify import exchanged, show_folder

    if format == "junit" or format == "sarif":  # noqa: PLR1714  # a type checker narrows by this form only
        return report(lambda: exchanged(folder, format), format="markdown", json_into=json_into)
    return report(lambda: show_folder(folder, full=full), format=format, json_into=json_into)


@app.command(name="open", help_epilogue=footer("open"), group=_READ)
def open_report(folder: Folder) -> int:
    """Open the report of a sealed folder in the browser; it verifies first."""
    import webbrowser

    from gate.cli.verify import verified

    verified(folder)
    page = folder.resolve() / "report.html"
    if not webbrowser.open(page.as_uri()):
        records(f"{page}\n")
    return 0


@app.command(help_epilogue=footer("completion"), group=_SHELL)
def completion(shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="The shell.")]) -> int:
    """Print the completion script of a shell: `source <(publication-gate completion bash)`."""
    records(app.generate_completion(prog_name="publication-gate", shell=shell))
    return 0


@app.command(help_epilogue=footer("schema"), group=_READ)
def schema() -> int:
    """Print the JSON Schema of evidence.json."""
    import json

    from gate.evidence.codec import json_schema

    records(json.dumps(json_schema(), indent=2, sort_keys=True) + "\n")
    return 0


@app.command(help_epilogue=footer("lab"), group=_ASK)
def lab(
    *,
    output: Annotated[
        Path | None,
        Parameter(help="A new folder for the evidence (for `all`: for all drills); needed, but for --list-faults."),
    ] = None,
    fault: Annotated[str | None, Parameter(help="The drill to run, or `all`; without it a healthy run.")] = None,
    profile: Annotated[str | None, Parameter(help="The profile (default: the drill's own, else medium-check).")] = None,
    finish_push: Annotated[bool, Parameter(help="Let the push run on after the loss, as the drill may state.")] = False,
    list_faults: Annotated[bool, Parameter(help="List the drills with the verdict each must get.")] = False,
    format: AsFormat = "text",
    json_into: JsonInto = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Run the whole probe on this machine: real Nix, a real S3 server, Attic; nothing to configure."""
    from gate.cli import lab

    if list_faults:
        return report(lab.list_faults, format=format, json_into=json_into)
    return report(
        lambda: lab.run(output=output, fault=fault, profile=profile, finish_push=finish_push),
        format=format,
        json_into=json_into,
        quiet=quiet,
        verbose=verbose,
    )


app.command(
    "gate.cli.init:init",
    name="init",
    help_epilogue=footer("init"),
    group=_ASK,
    help="Write a commented gate.toml from flags and from what this machine knows; then doctor says what is unknown.",
)
app.command(
    "gate.cli.look:doctor",
    name="doctor",
    help_epilogue=footer("doctor"),
    group=_ASK,
    help="Say, before a run, which parts of its evidence would be unknown with these settings; it only reads."
    "\n\nIt builds, pushes and writes nothing; the Attic server's log gets one line, the canary that a run sends too. "
    "0: all that a pass needs can be observed. 3: something would be unknown. 4: the failure class is seen now.",
)

app.command(
    "gate.cli.probe:probe",
    name="probe",
    help_epilogue=footer("probe"),
    group=_ASK,
    help="Publish one bounded profile and prove, by reading back, that every published byte can be served.",
)
app.command(
    "gate.cli.watch:watch",
    name="watch",
    help_epilogue=footer("watch"),
    group=_INCIDENT,
    help="Sample the index gently, and take the evidence of a loss at once; it only reads, and is never a pass.",
)
app.command(
    "gate.cli.probe:capture",
    name="capture",
    help_epilogue=footer("capture"),
    group=_INCIDENT,
    help="Take the evidence of everything, read-only, before anybody restarts anything; it is never a pass.",
)
app.command(
    "gate.cli.explain:explain",
    name="explain",
    help_epilogue=footer("explain"),
    group=_READ,
    help="Say what a reason code means, which status it has and why, and what to do; without a code, list them.",
)

# A run that is split between jobs with different rights; `capture --phase` makes its observing parts.
app.command(
    "gate.cli.probe:publish",
    name="publish",
    help_epilogue=footer("publish"),
    group=_SPLIT,
    help="Build and push as one part of a split run, with the push token and no other secret.",
)
app.command(
    "gate.cli.probe:judge",
    name="judge",
    help_epilogue=footer("judge"),
    group=_SPLIT,
    help="Join the parts of a split run into one evidence folder and judge it; needs no secret and no network.",
)

# The operators' own, with the flags of their runbook. Their help is here, or listing it would import them.
_S3_KEYS = (
    "Keys come from GATE_S3_ACCESS_KEY_ID and GATE_S3_SECRET_ACCESS_KEY, or from files that those with _FILE name."
)
app.command(
    "gate.cli.operators:rustfs_bucket_index_rca",
    name="rustfs-bucket-index-rca",
    help_epilogue=footer("rustfs-bucket-index-rca"),
    group=_INCIDENT,
    help="Say why a bucket is or is not in the store's index: list, head, get and disk markers, several times over."
    f"\n\n{_S3_KEYS}",
)
app.command(
    "gate.cli.operators:tofu_state_ha_readiness",
    name="tofu-state-ha-readiness",
    help_epilogue=footer("tofu-state-ha-readiness"),
    group=_INCIDENT,
    help="Read the OpenTofu state and say how far it may be relied on: ha, interim, broken or unknown."
    f"\n\n{_S3_KEYS} The state's values are never shown or kept. That a store is HA is an operator's statement: "
    "state-ha-statement in [state] of gate.toml.",
)
app.command(
    "gate.cli.integrity:attic_nar_integrity_check",
    name="attic-nar-integrity-check",
    help_epilogue=footer("attic-nar-integrity-check"),
    group=_INCIDENT,
    help="Read published paths to the last byte: is every byte there? 0 whole, 3 could not be determined, 4 not whole.",
)
app.command(
    "gate.cli.audit:audit",
    name="audit",
    group=_INCIDENT,
    help="Audit a whole cache, on one machine or many: which of its paths still come back?",
)
app.command(
    "gate.cli.read:read",
    name="read",
    help_epilogue=footer("read"),
    group=_READ,
    help="Show what the gate sees in a push log, a build log, a server log, a narinfo or a NAR.",
)

app.command(
    "gate.cli.look:diff",
    name="diff",
    help_epilogue=footer("diff"),
    group=_INCIDENT,
    help="Compare two captures, or two runs: 0 no significant difference, 3 undetermined, 4 the second is worse.",
)

# The gate of a change, and the standing quarantine.
app.command(
    "gate.cli.require:require",
    name="require",
    help_epilogue=footer("require"),
    group=_GATE,
    help="Say whether this change may rely on trusted publication now: 0 only on a fresh trusted pass, or no need."
    "\n\nReads the runner's event, and asks GitHub with GITHUB_TOKEN (contents: read, actions: read). "
    "Checks out nothing.",
)
app.command(
    "gate.cli.quarantine:quarantine",
    name="quarantine",
    group=_GATE,
    help="The standing decision: `status` prints each condition of a release, `attest` writes a signed-off statement.",
)
app.command(
    "gate.cli.quarantine:suspects",
    name="suspects",
    help_epilogue=footer("suspects"),
    group=_GATE,
    help="List store paths published in a bad window, one a line, for `attic-nar-integrity-check --stdin`."
    "\n\nstderr says how many came from how many folders, and which were left out. 3: no folder counted.",
)
app.command(
    "gate.cli.history:history",
    name="history",
    help_epilogue=footer("history"),
    group=_READ,
    help="Print runs in order of time, each verified and judged again: a strip, a table, or one page (--html)."
    "\n\nA folder that is not evidence itself means the folders and zips in it. What was verified "
    "on this machine before, to the last byte, is not verified again (--no-cache: it is).",
)
