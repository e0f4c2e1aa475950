"""``history``: runs in order of time, each verified and judged again; what was verified here once is kept by digest."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from gate.cli.flags import AsFormat, Config, FromArtifacts, JsonInto
from gate.cli.outcome import RESULT_SCHEMA, Outcome, report
from gate.cli.terminal import progress_stream
from gate.errors import GateError, RefusedError
from gate.model.gating import Past

if TYPE_CHECKING:
    from hashlib import _Hash

    from gate.model.gating import Standing
    from gate.render.history import Listed

Histories = Annotated[
    Path, Parameter(help="Evidence folders, artifacts' zips as they were downloaded, or folders that hold some.")
]
_EVERY = 200  # folders after which their count is said


def history(
    *folders: Histories,
    from_artifacts: FromArtifacts = False,
    every: Annotated[bool, Parameter(name="--all", help="Every run, instead of the newest 30.", negative=())] = False,
    html: Annotated[Path | None, Parameter(help="Write the history as one page into this new file.")] = None,
    no_cache: Annotated[
        bool, Parameter(help="Verify everything again, also what was verified on this machine before.", negative=())
    ] = False,
    config: Config = None,
    format: AsFormat = "text",
    json_into: JsonInto = None,
) -> int:
    """Print a table of runs in order of time, each verified and judged again."""
    return report(
        lambda: _history(
            folders,
            config,
            from_artifacts=from_artifacts,
            every=every,
            html=html,
            cache_folder=None if no_cache else _place(),
        ),
        format=format,
        json_into=json_into,
    )


def _history(
    paths: Sequence[Path],
    config: Path | None,
    *,
    from_artifacts: bool,
    every: bool,
    html: Path | None,
    cache_folder: Path | None,
) -> Outcome:
    from gate.judge.standing_quarantine import in_order
    from gate.render.history import Listed, counts, history_page, history_text

    if bool(paths) == from_artifacts:
        raise RefusedError("history needs a folder: give evidence folders or zips, or --from-artifacts, and not both")
    places: Mapping[str, str] = {}
    failures: Mapping[Path, GateError] = {}
    if from_artifacts:
        runs = _of_the_repository(config)
    else:
        runs, places, failures = _of_folders([*_spread(paths)], cache_folder)
    rows = [Listed(past=past, link=places.get(past.digest or "", "")) for past in in_order(runs)]
    left_out = [str(error) for error in failures.values()]
    if html is not None:
        _write_new(html, history_page([_relative(row, html) for row in rows], left_out, _standing(runs, config)))
    return Outcome(
        exit_code=min((error.exit_code for error in failures.values()), default=0),  # as of verify: 2, then 3
        text=history_text(rows, left_out, every=every),
        data={
            "schema": RESULT_SCHEMA,
            "runs": [
                {
                    "run": row.past.label,
                    "profile": row.past.profile,
                    "kind": row.past.kind.value,
                    "verdict": row.past.word.value,
                    "codes": list(row.past.codes),
                    "started_at": row.past.started_at,
                    "ended_at": row.past.ended_at,
                    "evidence_digest": row.past.digest,
                    "counts": counts(row.past),
                }
                for row in rows
            ],
            "left_out": [{"evidence": str(path), "why": str(error)} for path, error in failures.items()],
            "error": None,
        },
    )


def _spread(paths: Sequence[Path]) -> Iterator[Path]:
    """The given evidence, and the evidence inside of each other folder, by name."""
    for path in paths:
        try:
            inside = sorted(each for each in path.iterdir() if each.is_dir() or each.suffix == ".zip")
            own = {each.name for each in path.iterdir()} & {"evidence.json", "journal.jsonl"}
        except OSError:  # no folder, or none that may be listed: what reads it says which
            inside, own = [], set()
        yield from [path] if own or not inside else inside


def _of_folders(
    paths: Sequence[Path], cache_folder: Path | None
) -> tuple[list[Past], Mapping[str, str], Mapping[Path, GateError]]:
    """The runs, the folder of each by its digest, and what could not be verified, by its path."""
    runs: list[Past] = []
    places: dict[str, str] = {}
    failures: dict[Path, GateError] = {}
    for number, path in enumerate(paths, 1):
        if len(paths) > 1 and (number % _EVERY == 0 or number in (1, len(paths))):
            progress_stream().write(f"verifying {number} of {len(paths)}\n")
        try:
            past = _verified(path, cache_folder)
        except GateError as error:
            failures[path] = error
            continue
        runs.append(past)
        if path.is_dir() and past.digest:
            places[past.digest] = str(path)
    return runs, places, failures


def _verified(path: Path, cache_folder: Path | None) -> Past:
    """The run of one folder or zip; one whose every byte was verified here before, by this version, is not again."""
    from gate.cli.verify import verified
    from gate.evidence.codec import adapter, canonical
    from gate.judge.standing_quarantine import past_of

    place = cache_folder / f"{_fingerprint(path)}.json" if cache_folder is not None else None
    if place is not None and place.exists():
        try:
            return adapter(Past).validate_json(place.read_bytes(), strict=True)
        except (OSError, ValueError):
            place.unlink(missing_ok=True)
    past = past_of(*verified(path))
    if place is not None:
        try:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial = place.with_suffix(f".{os.getpid()}")
            partial.write_bytes(canonical(Past, past))
            partial.rename(place)
        except OSError:
            return past  # a machine without room for it verifies again
    return past


def _fingerprint(path: Path) -> str:
    """A sha256 of every byte of a folder or zip, and of the program that would verify it."""
    from gate import limits
    from gate.journal_log import names, read_whole, stream

    digest = _program_digest().copy()
    if not path.is_dir():
        digest.update(read_whole(path, limits.BUNDLE_BYTES))
        return digest.hexdigest()
    for name in names(path):
        body = sha256()
        for chunk in stream(path / name):
            body.update(chunk)
        size = (path / name).lstat().st_size
        digest.update(f"\0{name}\0{size}\0{body.hexdigest()}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


@cache
def _program_digest() -> "_Hash":
    """Over every module of the gate: another version, or another state of a checkout, verifies again."""
    root = Path(__file__).resolve().parents[1]
    digest = sha256()
    for module in sorted(root.rglob("*.py")):
        digest.update(module.read_bytes())
    return digest


def _place() -> Path:
    """Where what was verified is kept."""
    from gate.process import user_folder

    return user_folder(os.environ, "XDG_CACHE_HOME", ".cache") / "publication-gate" / "history"


def _of_the_repository(config: Path | None) -> list[Past]:
    from gate.cli.probe import read_config
    from gate.cli.quarantine import repository_runs
    from gate.clock import SystemClock
    from gate.settings.require import read_quarantine

    toml = read_config(config)
    return repository_runs(toml, read_quarantine(toml, SystemClock().now()))[0]


def _standing(runs: Sequence[Past], config: Path | None) -> "Standing | None":
    """The standing decision, where gate.toml has one."""
    from gate.cli.probe import read_config
    from gate.cli.quarantine import read_statements
    from gate.clock import SystemClock
    from gate.judge.standing_quarantine import fold_standing
    from gate.settings.require import read_quarantine, subject_of

    toml = read_config(config)
    if "quarantine" not in toml:
        return None
    now = SystemClock().now()
    policy = read_quarantine(toml, now)
    cache, endpoint = subject_of(toml, os.environ)
    statements = read_statements([Path(name) for name in policy.statements])
    return fold_standing(runs, policy, statements, cache=cache, endpoint=endpoint, now=now)


def _relative(row: "Listed", page: Path) -> "Listed":
    """The row with its link as the page has it."""
    return replace(row, link=os.path.relpath(row.link, page.parent)) if row.link else row


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise RefusedError(f"{path} can't be written ({error.strerror}): give --html a new file") from None
