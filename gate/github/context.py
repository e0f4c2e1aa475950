"""What the action's steps are given: the runner's own variables, and the inputs, each in a `GATE_ACTION_` variable.

``INPUT_*`` is never read: a runner sets no such variables for the steps of a composite action (actions/runner#665).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gate.errors import RefusedError
from gate.render.escape import is_linkable

REQUIRE: Final = "require"
MODES: Final = ("probe", REQUIRE)
CAPTURE: Final = "capture"
PUBLISH: Final = "publish"
JUDGE: Final = "judge"
SPLIT: Final = (CAPTURE, PUBLISH, JUDGE)  # the parts of a run that is split between jobs, and the job that joins them
PREFIX: Final = "GATE_ACTION_"
RESULT: Final = "result.json"
FORGE_TOKENS: Final = ("GATE_GITHUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN")  # the first that is set counts
START_MARKER: Final = "begun"
_DAYS: Final = re.compile("[0-9]{1,3}")
_SECONDS: Final = re.compile("[0-9]{1,6}")
# What an artifact's name may not hold is the complement of a much larger set (toolkit artifact path-and-artifact-name-
# validation.ts); these are safe in a URL and on a shell's line too.
_NOT_IN_NAMES: Final = re.compile("[^A-Za-z0-9._-]+")
_NAME_PART: Final = 80


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Where a step writes what the runner reads, and which run it is of; ``url`` is the run's page."""

    output: Path
    summary: Path
    run_id: str
    attempt: str
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Request:
    """The action's own inputs, checked. ``work`` is a new folder of this use of the action, ``evidence`` a new name."""

    profile: str
    confirm: str
    config: Path | None
    work: Path
    evidence: Path


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The inputs of the modes of a split run: a capture's phase, the folders of the earlier parts, their digests.

    ``seconds`` and ``until``, a file, say how long the phase during lasts.
    """

    phase: str
    folders: tuple[Path, ...]
    digests: tuple[str, ...]
    seconds: float | None
    until: Path | None


@dataclass(frozen=True, kw_only=True)
class Question:
    """What mode require asks. ``config`` is where ``gate.toml`` lies in the repository."""

    push_follows: bool
    config: str


def read_runner(environ: Mapping[str, str]) -> Runner:
    """The runner's variables; raises `RefusedError` outside of a step."""
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        if not environ.get(name):
            raise RefusedError(f"{name} is not set: this command is a step of the action, not for a terminal")
    return Runner(
        output=Path(environ["GITHUB_OUTPUT"]),
        summary=Path(environ["GITHUB_STEP_SUMMARY"]),
        run_id=environ.get("GITHUB_RUN_ID", ""),
        attempt=environ.get("GITHUB_RUN_ATTEMPT", ""),
        url=run_url(environ, environ.get("GITHUB_REPOSITORY", ""), environ.get("GITHUB_RUN_ID", "")),
    )


def run_url(environ: Mapping[str, str], repository: str, run: str) -> str:
    """The page of a run, such as ``5/attempts/2``; empty where a link would need it escaped."""
    server = environ.get("GITHUB_SERVER_URL", "").strip().rstrip("/") or "https://github.com"
    url = f"{server}/{repository}/actions/runs/{run}"
    return url if repository and run and is_linkable(url) else ""


def read_work(environ: Mapping[str, str]) -> Path:
    """The folder in which the steps of one use of the action leave word for each other; raises `RefusedError`."""
    return Path(_needed(environ, "WORK"))


def read_mode(environ: Mapping[str, str]) -> str:
    """One of `MODES` or `SPLIT`; raises `RefusedError` for anything else."""
    mode = environ.get(PREFIX + "MODE", "")
    if mode not in (*MODES, *SPLIT):
        raise RefusedError(
            f"mode is {ascii(mode)[:80]}: expected probe or require, or capture, publish or judge of a split run"
        )
    return mode


def read_question(environ: Mapping[str, str]) -> Question:
    """The inputs of mode require; raises `RefusedError` for a switch that is neither true nor false."""
    push_follows = _switch(environ, "PUSH_FOLLOWS")
    config = _needed(environ, "CONFIG") if environ.get(PREFIX + "CONFIG") else "gate.toml"
    return Question(push_follows=push_follows, config=config)


def read_request(environ: Mapping[str, str]) -> Request:
    """The inputs of mode probe; raises `RefusedError` for a malformed switch or number."""
    _switch(environ, "UPLOAD_ARTIFACT")
    days = environ.get(PREFIX + "RETENTION_DAYS", "")
    if not _DAYS.fullmatch(days):
        raise RefusedError(
            f"retention-days is {ascii(days)[:80]}: expected a number of days, 0 for the repository's own"
        )
    config = environ.get(PREFIX + "CONFIG", "")
    return Request(
        profile=_needed(environ, "PROFILE"),
        confirm=environ.get(PREFIX + "CONFIRM", ""),
        config=Path(config) if config else None,
        work=read_work(environ),
        evidence=Path(_needed(environ, "EVIDENCE")),
    )


def read_parts(environ: Mapping[str, str]) -> Parts:
    """The inputs of a split run's modes; raises `RefusedError` for a value of another form."""
    phase = environ.get(PREFIX + "PHASE", "")
    seconds = environ.get(PREFIX + "SECONDS", "")
    if seconds and not _SECONDS.fullmatch(seconds):
        raise RefusedError(f"seconds is {ascii(seconds)[:80]}: expected a whole number of seconds")
    return Parts(
        phase=phase,
        folders=tuple(Path(name) for name in environ.get(PREFIX + "PARTS", "").split()),
        digests=tuple(environ.get(PREFIX + "PART_DIGESTS", "").split()),
        seconds=float(seconds) if seconds else None,
        until=Path(_needed(environ, "UNTIL")) if environ.get(PREFIX + "UNTIL") else None,
    )


def part_artifact_name(environ: Mapping[str, str], runner: Runner) -> str:
    """A name for a part's artifact: never one under which ``require`` looks for evidence."""
    part = environ.get(PREFIX + "PHASE", "") if environ.get(PREFIX + "MODE") == CAPTURE else PUBLISH
    plain = _NOT_IN_NAMES.sub("-", part)[:_NAME_PART]
    return f"publication-part-{plain}-{artifact_name(environ, runner).removeprefix('publication-evidence-')}"


def artifact_name(environ: Mapping[str, str], runner: Runner) -> str:
    """A name for the artifact: artifacts can't be replaced, so run and attempt are in it, and a suffix for a matrix."""
    parts = ("publication-evidence", environ.get(PREFIX + "PROFILE", ""), runner.run_id, runner.attempt)
    suffix = environ.get(PREFIX + "ARTIFACT_NAME_SUFFIX", "")
    plain = (_NOT_IN_NAMES.sub("-", part)[:_NAME_PART] for part in (*parts, suffix))
    return "-".join(part for part in plain if part)


def _switch(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(PREFIX + name, "")
    if text not in ("true", "false"):
        raise RefusedError(f"{_input_name(name)} is {ascii(text)[:80]}: expected 'true' or 'false'")
    return text == "true"


def _input_name(name: str) -> str:
    return name.lower().replace("_", "-")


def _needed(environ: Mapping[str, str], name: str) -> str:
    text = environ.get(PREFIX + name, "")
    if not text or "\n" in text or "\r" in text or "\x00" in text:
        raise RefusedError(f"{_input_name(name)} is {ascii(text)[:80]}: expected one line of text")
    return text
