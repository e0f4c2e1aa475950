"""``publish`` and ``capture --phase``: one part of a run that is split between jobs with different rights."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import Parameter

from gate.cli.flags import Flags, given
from gate.cli.outcome import RESULT_SCHEMA, Outcome, report
from gate.cli.parameters import AsFormat, Config, Confirm, Digests, JsonInto
from gate.errors import RefusedError
from gate.model.split import DURING, PRE
from gate.settings import check_confirm, find_profile, resolve

if TYPE_CHECKING:
    from gate.probe import Given, SealedPart, World
    from gate.settings import Settings

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
) -> int:
    """Build and push, with the push token and no other secret, after the part pre of the same run."""
    return report(
        lambda: run_publish(
            profile=profile, confirm=confirm, output=output, after=after, digest=digest, config=config, flags=flags
        ),
        format=format,
        json_into=json_into,
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
    from gate.cli.probing import read_config
    from gate.probe import publish_part

    check_confirm(find_profile(profile, read_config(config)), confirm)
    known = parts_given(after, digest)
    return _recorded(lambda settings, world: publish_part(settings, output, world, known), profile, config, flags)


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
        message = "--phase and --profile go together, and --after, --digest, --seconds and --until need both"
        raise RefusedError(message)
    if (seconds is None) == (phase == DURING) or (until is not None and phase != DURING):
        message = (
            "--seconds belongs to --phase during, which needs it: how long the buckets are watched; so does --until"
        )
        raise RefusedError(message)
    known = parts_given(split.after, split.digest)
    if phase == PRE and known:
        message = "--phase pre comes first: it takes no --after"
        raise RefusedError(message)

    def over() -> bool:
        return until is not None and until.exists()

    takes: dict[str, Callable[[Settings, World], SealedPart]] = {
        "pre": lambda settings, world: take_pre(settings, output, world),
        "during": lambda settings, world: take_during(settings, output, world, known, seconds=seconds or 0, over=over),
        "post": lambda settings, world: take_post(settings, output, world, known),
    }
    return _recorded(takes[phase], profile, config, flags)


def digests_given(digests: Sequence[str]) -> dict[str, str]:
    """``PART=SHA256`` as pairs; raises `RefusedError` for another form, and for a part that is named twice."""
    told: dict[str, str] = {}
    for text in digests:
        name, found, digest = text.partition("=")
        if not found or name in told:
            message = f"--digest {ascii(text)[:100]}: expected PART=SHA256, once for each part"
            raise RefusedError(message)
        if digest:  # an output of a job that did not come so far is empty: then nothing was told
            told[name] = digest
    return told


def parts_given(folders: Sequence[Path], digests: Sequence[str]) -> "tuple[Given, ...]":
    """The folders of parts, each with the digest that was told of the part which it says to be."""
    from gate.probe import Given
    from gate.probe.split_folders import claimed_part

    told = digests_given(digests)
    return tuple(Given(folder=folder, told=told.get(claimed_part(folder) or "")) for folder in folders)


def part_outcome(part: "SealedPart") -> Outcome:
    """The end of a part: 0 when it is whole and its job did what it was there for; it never says pass."""
    from gate.model.records import Cancelled, RunStopped, StageMark

    document = part.document
    stopped = [record.reason for record in part.tape.of(RunStopped)]
    ended = [record.reason for record in part.tape.of(Cancelled)]
    skipped = [record.note for record in part.tape.of(StageMark) if (record.name, record.state) == _SKIPPED]
    code = 3 if stopped or ended or skipped or not document.complete else 0
    told = "".join(f"{line}\n" for line in (*stopped, *ended, *skipped))
    text = f"part {document.part} of run {document.run.run_id}: {document.records} records, sealed in {part.folder}\n"
    text += (
        f"digest {part.digest}\n{told}This is a part of a run, and no verdict: `publication-gate judge` joins them.\n"
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


def _recorded(
    act: "Callable[[Settings, World], SealedPart]", profile: str, config: Path | None, flags: object
) -> Outcome:
    from gate.cli.probing import read_config, read_secret_file
    from gate.cli.progress import Lines
    from gate.cli.signals import cancelling
    from gate.cli.streams import progress_stream
    from gate.clock import SystemClock
    from gate.probe import World
    from gate.process import CancelToken, keep_memory_private

    keep_memory_private()
    settings = resolve(
        profile, toml=read_config(config), environ=os.environ, flags=given(flags), read_file=read_secret_file, act=None
    )
    clock = SystemClock()
    cancel = CancelToken()
    with cancelling(cancel), Lines(progress_stream(), clock) as progress:
        world = World(environ=os.environ, cancel=cancel, progress=progress, clock=clock)
        return part_outcome(act(settings, world))
