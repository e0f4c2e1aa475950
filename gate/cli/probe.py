"""``probe``, ``capture``, ``publish`` and ``judge``: commands that record a run or one part of it."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import Parameter

from gate import limits
from gate.cli.flags import AsFormat, Config, Confirm, Digests, JsonInto, OutputFolder, Quiet, Verbose
from gate.cli.outcome import RESULT_SCHEMA, Outcome, blocking_verdict, report
from gate.cli.setting_flags import Flags, set_flags
from gate.clock import SystemClock
from gate.errors import ForgedError, InconclusiveError, RefusedError
from gate.model.basics import VerdictWord
from gate.model.split import DURING, PRE
from gate.render.escape import plain
from gate.settings import check_config, check_confirm, find_profile, resolve

if TYPE_CHECKING:
    from gate.model.document import Evidence
    from gate.probe import PartFolder, SealedPart, World
    from gate.settings import Settings


CONFIG = Path("gate.toml")
NO_PROFILE = "synthetic"  # a capture publishes nothing; its policy has the smallest profile


def read_config(config: Path | None) -> dict[str, Any]:
    """``gate.toml``, parsed and checked; {} where none was named and none is here. Raises `RefusedError`."""
    path = config or CONFIG
    if config is None and not path.exists():
        return {}
    import tomllib

    from gate.journal_log import read_whole

    content = read_whole(path, limits.CONFIG_BYTES)
    _refuse_others_file(path)
    try:
        toml = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(f"{path} is no TOML: {ascii(str(error))[1:-1][:200]}") from None
    check_config(toml)
    return toml


def _refuse_others_file(path: Path) -> None:
    """Refuse a file that somebody else may have written; root takes the runner's, for a job container runs as root."""
    status, me = path.lstat(), os.geteuid()
    if status.st_mode & stat.S_IWOTH or (me not in (0, status.st_uid) and status.st_uid != 0):
        who = f"mode {stat.S_IMODE(status.st_mode):04o}, owner {status.st_uid}"
        raise RefusedError(
            f"{path} may have been written by somebody else ({who}): expected a file of user {me}, not open to all"
        )


def read_secret_file(path: str) -> str:
    """A secret from its file. Raises `RefusedError` that names the file and nothing of its text."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise RefusedError(f"the secret file {path} can't be read: give a readable UTF-8 file") from None


def probe(
    *,
    profile: Annotated[
        str, Parameter(help="The bounded thing to publish: synthetic, small-check, medium-check, or one of gate.toml.")
    ],
    output: Annotated[
        Path | None,
        Parameter(
            help="A new folder for the evidence; one that exists is refused, untouched. Needed, but for --dry-run."
        ),
    ] = None,
    confirm: Confirm = "",
    dry_run: Annotated[
        bool,
        Parameter(
            help="Print what would be published, asked and needed; asks no server, builds nothing, ends in 3.",
            negative=(),
        ),
    ] = False,
    config: Config = None,
    flags: Annotated[Flags | None, Parameter(name="*")] = None,
    format: AsFormat = "text",
    json_into: JsonInto = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Publish one bounded profile and prove, by reading back, that every published byte can be served."""
    if dry_run:
        return report(lambda: run_preview(profile, config, flags), format=format, json_into=json_into)
    if output is None:
        raise RefusedError("probe needs --output: give it a new folder for the evidence; nothing was done")
    return report(
        lambda: run_probe(profile=profile, confirm=confirm, output=output, config=config, flags=flags),
        format=format,
        json_into=json_into,
        quiet=quiet,
        verbose=verbose,
    )


def capture(
    *,
    output: OutputFolder,
    phase: Annotated[Literal["pre", "during", "post"] | None, Parameter(help="One part of a split run alone.")] = None,
    profile: Annotated[str | None, Parameter(help="With --phase: the profile of the split run.")] = None,
    after: Annotated[tuple[Path, ...], Parameter(help="With --phase: the folder of each part before.")] = (),
    digest: Digests = (),
    seconds: Annotated[
        float | None, Parameter(help="With --phase during: how many seconds the buckets are watched.")
    ] = None,
    until: Annotated[Path | None, Parameter(help="With --seconds: end earlier, once this file is there.")] = None,
    config: Config = None,
    flags: Annotated[Flags | None, Parameter(name="*")] = None,
    format: AsFormat = "text",
    json_into: JsonInto = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Take the evidence of everything, read-only, before anybody restarts anything; it is never a pass."""
    split = Split(phase=phase, profile=profile, after=after, digest=digest, seconds=seconds, until=until)
    return report(
        lambda: run_capture(output=output, config=config, flags=flags, split=split),
        format=format,
        json_into=json_into,
        quiet=quiet,
        verbose=verbose,
    )


def run_probe(*, profile: str, confirm: str, output: Path, config: Path | None, flags: object) -> Outcome:
    """The whole run; nothing is built or published without the confirm phrase."""
    from gate.probe import run

    toml = read_config(config)
    try:
        check_confirm(find_profile(profile, toml), confirm)
    except RefusedError as error:
        raise RefusedError(f"{error}{_missing_too(profile, toml, flags)}") from None
    return _recorded(run, profile, toml, flags, output)


def run_preview(profile: str, config: Path | None, flags: object) -> Outcome:
    """What `run_probe` would do with these settings. Raises `RefusedError` as it does, but for secrets and phrase."""
    from gate.probe.preview import preview

    toml = read_config(config)
    settings = resolve(
        profile, toml=toml, environ=os.environ, flags=set_flags(flags), read_file=read_secret_file, act=None
    )
    missing = _missing_too(profile, toml, flags)
    with command_world(settings) as world:
        plan = preview(settings, world, confirm=find_profile(profile, toml).confirm)
    lines = [
        f"DRY RUN: {plan.profile} of {plan.installable}; nothing was published, built or asked, so this is no pass.",
        "",
        "would publish:",
    ]
    for push in plan.pushes:
        size = f", {push.nar_bytes} bytes of NARs" if push.nar_bytes is not None else ""
        amount = f"{push.paths} paths{size}" if push.paths is not None else "not known before the build"
        lines.append(f"  {push.content}: to {push.cache}: {amount}{f' ({push.bounds})' if push.bounds else ''}")
    lines += ["", "would ask:", *(f"  {request}" for request in plan.requests)]
    lines += ["", "needs:", *(f"  {right}" for right in plan.rights), f"  --confirm {plan.confirm}"]
    lines += ["", *(f"note: {note}" for note in plan.notes)] if plan.notes else []
    lines += [f"a probe would be refused now: {missing.removeprefix('. Besides, ')}"] if missing else []
    text = "".join(f"{plain(line, limits.ERROR_TEXT_CHARS)}\n" for line in lines)
    code = InconclusiveError.exit_code  # a script that takes 0 of a probe for a pass must not get it here
    verdict = blocking_verdict(VerdictWord.INCONCLUSIVE.value, code)
    data = {"schema": RESULT_SCHEMA, "verdict": verdict, "preview": asdict(plan), "error": None}
    return Outcome(exit_code=code, text=text, data=data)


def _missing_too(profile: str, toml: Mapping[str, Any], flags: object) -> str:
    """What else a run lacks, so that one attempt tells all of it; empty where that is nothing."""
    try:
        resolve(profile, toml=toml, environ=os.environ, flags=set_flags(flags), read_file=read_secret_file, act="run")
    except RefusedError as error:
        return f". Besides, {error}"
    return ""


def run_capture(*, output: Path, config: Path | None, flags: object, split: "Split") -> Outcome:
    """The evidence of both phases, without a publication; or that of one phase, as a part of a split run."""
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
    settings = resolve(
        profile, toml=toml, environ=os.environ, flags=set_flags(flags), read_file=read_secret_file, act=None
    )
    with command_world(settings) as world:
        evidence = act(settings, output, world)
    return Outcome.of_evidence(evidence, output)


@contextmanager
def command_world(settings: "Settings", *, deadline: float | None = None) -> Iterator["World"]:
    """The outside of a command that keeps secrets in its memory; its signals cancel, its progress is shown.

    ``deadline`` is shown instead of the run's own, in seconds.
    """
    from gate.cli.progress import command_console
    from gate.probe import World
    from gate.process import keep_memory_private

    keep_memory_private()
    with command_console(deadline=deadline or settings.tools.deadline) as console:
        yield World(environ=os.environ, cancel=console.cancel, progress=console.progress, clock=console.clock)


_SKIPPED: Final = ("publish", "skipped")
ObservingPart = Literal["pre", "during", "post"]
PHASES: Final[tuple[ObservingPart, ...]] = ("pre", "during", "post")
After = Annotated[
    tuple[Path, ...], Parameter(name="--after", help="The folder of a part that comes before; once for each.")
]


def publish(
    *,
    profile: Annotated[str, Parameter(help="The bounded thing to publish, the same as in the other parts.")],
    output: Annotated[Path, Parameter(help="A new folder for the part; one that exists is refused, untouched.")],
    after: After = (),
    digest: Digests = (),
    confirm: Confirm = "",
    config: Config = None,
    flags: Annotated[Flags | None, Parameter(name="*")] = None,
    format: AsFormat = "text",
    json_into: JsonInto = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Build and push, with the push token and no other secret, after the part pre of the same run."""
    return report(
        lambda: run_publish(
            profile=profile, confirm=confirm, output=output, after=after, digest=digest, config=config, flags=flags
        ),
        format=format,
        json_into=json_into,
        quiet=quiet,
        verbose=verbose,
    )


def run_publish(
    *,
    profile: str,
    confirm: str,
    output: Path,
    after: Sequence[Path],
    digest: Sequence[str],
    config: Path | None,
    flags: object,
) -> Outcome:
    """The publishing part; nothing is built or published without the confirm phrase."""
    from gate.probe import publish_part

    check_confirm(find_profile(profile, read_config(config)), confirm)
    parts = parts_given(after, digest)
    return _recorded_part(lambda settings, world: publish_part(settings, output, world, parts), profile, config, flags)


@dataclass(frozen=True, kw_only=True)
class Split:
    """What `capture` was told of a split run; without a phase it is no part of one, and nothing of it may be given."""

    phase: ObservingPart | None = None
    profile: str | None = None
    after: tuple[Path, ...] = ()
    digest: tuple[str, ...] = ()
    seconds: float | None = None
    until: Path | None = None


def run_part(split: Split, *, output: Path, config: Path | None, flags: object) -> Outcome:
    """One observing part, or `RefusedError` for what does not belong together."""
    from gate.probe import take_during, take_post, take_pre

    phase, profile, seconds, until = split.phase, split.profile, split.seconds, split.until
    if phase is None or profile is None:
        raise RefusedError("--phase and --profile go together, and --after, --digest, --seconds and --until need both")
    if (seconds is None) == (phase == DURING) or (until is not None and phase != DURING):
        raise RefusedError(
            "--seconds belongs to --phase during, which needs it: how long the buckets are watched; so does --until"
        )
    parts = parts_given(split.after, split.digest)
    if phase == PRE and parts:
        raise RefusedError("--phase pre comes first: it takes no --after")

    def over() -> bool:
        return until is not None and until.exists()

    takes: dict[str, Callable[[Settings, World], SealedPart]] = {
        "pre": lambda settings, world: take_pre(settings, output, world),
        "during": lambda settings, world: take_during(settings, output, world, parts, seconds=seconds or 0, over=over),
        "post": lambda settings, world: take_post(settings, output, world, parts),
    }
    return _recorded_part(takes[phase], profile, config, flags)


def digests_given(digests: Sequence[str]) -> dict[str, str]:
    """``PART=SHA256`` as pairs; raises `RefusedError` for another form, and for a part that is named twice."""
    words: dict[str, str] = {}
    for text in digests:
        name, equals, digest = text.partition("=")
        if not equals or name in words:
            raise RefusedError(f"--digest {ascii(text)[:100]}: expected PART=SHA256, once for each part")
        if digest:  # an output of a job that did not come so far is empty: then nothing was told
            words[name] = digest
    return words


def parts_given(folders: Sequence[Path], digests: Sequence[str]) -> "tuple[PartFolder, ...]":
    """The folders of parts, each with the digest that was told of the part which it says to be."""
    from gate.probe import PartFolder
    from gate.probe.split_folders import claimed_part

    text = digests_given(digests)
    return tuple(PartFolder(folder=folder, job_digest=text.get(claimed_part(folder) or "")) for folder in folders)


def part_outcome(part: "SealedPart") -> Outcome:
    """The end of a part: 0 when it is whole and its job did what it was there for; it never says pass."""
    from gate.model.records import Cancelled, RunStopped, StageMark

    document = part.document
    stopped = [record.reason for record in part.journal_log.of(RunStopped)]
    ended = [record.reason for record in part.journal_log.of(Cancelled)]
    skipped = [record.note for record in part.journal_log.of(StageMark) if (record.name, record.state) == _SKIPPED]
    code = 3 if stopped or ended or skipped or not document.complete else 0
    words = "".join(f"{line}\n" for line in (*stopped, *ended, *skipped))
    text = f"part {document.part} of run {document.run.run_id}: {document.records} records, sealed in {part.folder}\n"
    text += (
        f"digest {part.digest}\n{words}This is a part of a run, and no verdict: `publication-gate judge` joins them.\n"
    )
    return Outcome(
        exit_code=code,
        text=text,
        data={
            "schema": RESULT_SCHEMA,
            "part": document.part,
            "part_digest": part.digest,
            "evidence": str(part.folder),
            "error": (*stopped, *ended, *skipped, None)[0],
        },
    )


def _recorded_part(
    act: "Callable[[Settings, World], SealedPart]", profile: str, config: Path | None, flags: object
) -> Outcome:
    settings = resolve(
        profile,
        toml=read_config(config),
        environ=os.environ,
        flags=set_flags(flags),
        read_file=read_secret_file,
        act=None,
    )
    with command_world(settings) as world:
        return part_outcome(act(settings, world))


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
    from gate.probe import Quiet, World, join
    from gate.process import CancelToken

    settings = resolve(
        profile, toml=read_config(config), environ=os.environ, flags=set_flags(flags), read_file=read_secret_file
    )
    world = World(environ=os.environ, cancel=CancelToken(), progress=Quiet(), clock=SystemClock())
    evidence, refused = join(settings, folders, digests_given(digests), output, world)
    if refused:
        raise ForgedError(
            f"{refused[0]}; what the other parts saw is sealed in {output} ({evidence.verdict.word.value}), "
            "and this run can't be relied on"
        )
    return Outcome.of_evidence(evidence, output)


def finalize_folder(folder: Path) -> Outcome:
    """Seal what a dead run, or a dead job of a split run, has left. It never ends in 0: no run tells its verdict."""
    from gate.probe import finalize_part, is_part_folder
    from gate.seal import finalize

    if is_part_folder(folder):
        outcome = part_outcome(finalize_part(folder))
    else:
        outcome = Outcome.of_evidence(finalize(folder), folder)
    if outcome.exit_code != 0:
        return outcome
    code = InconclusiveError.exit_code
    text = "a person sealed this or looked at what the run had sealed, so it ends in 3: only the run itself ends in 0"
    verdict = blocking_verdict(VerdictWord.INCONCLUSIVE.value, code)
    data = (
        {**outcome.data, "verdict": verdict, "error": text}
        if "verdict" in outcome.data
        else {**outcome.data, "error": text}
    )
    return replace(outcome, exit_code=code, text=f"{outcome.text}{text}\n", data=data)
