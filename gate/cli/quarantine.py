"""``quarantine status`` and ``attest``, ``suspects``, ``history``: the standing decision and what it rests on."""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from cyclopts import App, Parameter

from gate.cli.exit_codes import footer
from gate.cli.flags import COMMON, AsFormat, Config, FoldersOrZips, FromArtifacts, JsonInto
from gate.cli.outcome import RESULT_SCHEMA, Outcome, report
from gate.errors import InconclusiveError, RefusedError
from gate.model.gating import Past, QuarantinePolicy, Standing, Statement, StatementKind

_HOLD_EXIT, _RELEASE_EXIT = 4, 0
_LOUD = "!" * 100

quarantine = App(
    name="quarantine",
    help="The standing decision: are broad trusted writes off?",
    default_parameter=COMMON,
)


@quarantine.command(help_epilogue=footer("quarantine status"))
def status(
    *folders: Annotated[Path, Parameter(help="Evidence folders or artifacts' zips: the history, in any order.")],
    from_artifacts: FromArtifacts = False,
    statement: Annotated[
        tuple[Path, ...], Parameter(help="A signed-off statement, besides those that gate.toml names.", negative=())
    ] = (),
    config: Config = None,
    format: AsFormat = "text",
    json_into: JsonInto = None,
) -> int:
    """Print each written condition of a release, met or not, with the runs it rests on: 0 released, 4 held.

    A history given as folders is as whole as the person who gives it makes it; artifacts are all that GitHub still has.
    """
    return report(
        lambda: _status(folders, statement, config, from_artifacts=from_artifacts), format=format, json_into=json_into
    )


@quarantine.command(help_epilogue=footer("quarantine attest"))
def attest(
    *,
    who: Annotated[str, Parameter(help="Who answers for the statement.")],
    why: Annotated[str, Parameter(help="What was done, and how one can see it.")],
    output: Annotated[Path, Parameter(help="The new file to write; one that exists is left untouched.")],
    backend_replaced: Annotated[
        bool,
        Parameter(
            help="State that the store was replaced by one without this failure class; one of the two is needed."
        ),
    ] = False,
    repair_proved: Annotated[
        bool, Parameter(help="State that the store repairs a lost index without a restart.")
    ] = False,
    config: Config = None,
    format: AsFormat = "text",
    json_into: JsonInto = None,
) -> int:
    """Write a signed-off statement; it changes no verdict of the past and is one condition among others."""
    return report(
        lambda: _attest(who, why, output, config, replaced=backend_replaced, proved=repair_proved),
        format=format,
        json_into=json_into,
    )


def suspects(
    *folders: FoldersOrZips,
    since: Annotated[
        str | None, Parameter(help="Also all that was published from this time on (RFC 3339, UTC).")
    ] = None,
    until: Annotated[str | None, Parameter(help="Also all that was published up to this time (RFC 3339, UTC).")] = None,
    format: AsFormat = "text",
    json_into: JsonInto = None,
) -> int:
    """Store paths published in a bad window, one a line: for `attic-nar-integrity-check --stdin`.

    stderr says how many came from how many folders, and which folders were left out: 3 where none counted.
    """
    return report(lambda: _suspects(folders, since, until), format=format, json_into=json_into)


def _status(
    folders: Sequence[Path], statement_paths: Sequence[Path], config: Path | None, *, from_artifacts: bool
) -> Outcome:
    from gate.cli.probe import read_config
    from gate.clock import SystemClock
    from gate.judge.standing_quarantine import fold_standing
    from gate.settings.require import read_quarantine, subject_of

    if bool(folders) == from_artifacts:
        raise RefusedError(
            "quarantine status needs a history: give evidence folders, or --from-artifacts, and not both"
        )
    now = SystemClock().now()
    toml = read_config(config)
    policy = read_quarantine(toml, now)
    cache, endpoint = subject_of(toml, os.environ)
    statements = read_statements((*(Path(name) for name in policy.statements), *statement_paths))
    if from_artifacts:
        past, now = repository_runs(toml, policy)
    else:
        past = _from_folders(folders)
    return _outcome(fold_standing(past, policy, statements, cache=cache, endpoint=endpoint, now=now))


def _from_folders(folders: Sequence[Path]) -> list[Past]:
    from gate.cli.verify import verified
    from gate.judge.standing_quarantine import past_of

    return [past_of(*verified(folder)) for folder in folders]


def repository_runs(toml: Mapping[str, Any], policy: QuarantinePolicy) -> tuple[list[Past], datetime]:
    """The repository's own history, and the time by the forge."""
    from gate.cli.require import github_of, read_token
    from gate.github.evidence import Finder
    from gate.github.history import Attempts, trusted_place
    from gate.settings.require import read_require

    with TemporaryDirectory(prefix="publication-gate-") as scratch, github_of(read_token()) as github:
        require = read_require(toml)
        place = trusted_place(github, require)
        since = github.now() - timedelta(days=policy.history_days)
        attempts = Attempts(
            github=github,
            place=place,
            finder=Finder(github, Path(scratch)),
            since=since - timedelta(days=31),  # a run may be started again for 30 days
            min_gate_version=require.min_gate_version,
        )
        return attempts.past(since), github.now()


def read_statements(paths: Sequence[Path]) -> list[Statement]:
    """The statements in these files. Raises `RefusedError` for a file that is not a statement."""
    from gate import limits
    from gate.evidence.codec import read_statement
    from gate.journal_log import read_whole

    return [read_statement(read_whole(path, limits.STATEMENT_BYTES)) for path in paths]


def _outcome(standing: Standing) -> Outcome:
    from gate.render.escape import markdown_cell, plain, runner_safe
    from gate.render.view import SENTENCE_CHARS

    head = _headlines(standing)
    rows = []
    for row in standing.conditions:
        rests = f" [{', '.join(row.rests_on)}]" if row.rests_on else ""
        rows.append(("met" if row.met else "NOT MET", plain(f"{row.name}: {row.detail}{rests}", SENTENCE_CHARS)))
    left_out = [f"left out: {plain(text, SENTENCE_CHARS)}" for text in standing.left_out]
    lines = [*head, *(f"  {mark:<8} {text}" for mark, text in rows), *(f"  {text}" for text in left_out)]
    cells = [markdown_cell(line, SENTENCE_CHARS) for line in head]
    cells += ["", "| condition | |", "|---|---|"]
    cells += [f"| {mark} | {markdown_cell(text, SENTENCE_CHARS)} |" for mark, text in rows]
    cells += ["", *(f"- {markdown_cell(text, SENTENCE_CHARS)}" for text in left_out)] if left_out else []
    return Outcome(
        exit_code=_HOLD_EXIT if standing.held else _RELEASE_EXIT,
        text=runner_safe("\n".join(lines)) + "\n",
        markdown=runner_safe("\n".join(cells)) + "\n",
        data=_standing_json(standing),
    )


def _headlines(standing: Standing) -> list[str]:
    """The decision in one line, after a break-glass warning that can't be missed."""
    from gate.render.escape import plain
    from gate.render.view import SENTENCE_CHARS

    line = f"quarantine: {'HELD' if standing.held else 'not held'}: {plain(standing.headline, SENTENCE_CHARS)}"
    broken = standing.break_glass
    if broken is None:
        return [line]
    warning = (
        f"BREAK GLASS until {broken.until} by {broken.who}: {broken.why}. The quarantine is held; this is no pass."
    )
    return [_LOUD, plain(warning, SENTENCE_CHARS), _LOUD, line]


def _standing_json(standing: Standing) -> dict[str, Any]:
    broken = standing.break_glass
    return {
        "schema": RESULT_SCHEMA,
        "held": standing.held,
        "headline": standing.headline,
        "conditions": [
            {
                "name": row.name,
                "met": row.met,
                "progress": row.progress,
                "detail": row.detail,
                "rests_on": list(row.rests_on),
            }
            for row in standing.conditions
        ],
        "left_out": list(standing.left_out),
        "break_glass": None if broken is None else {"who": broken.who, "why": broken.why, "until": broken.until},
        "error": None,
    }


def _attest(who: str, why: str, output: Path, config: Path | None, *, replaced: bool, proved: bool) -> Outcome:
    from gate.cli.probe import read_config
    from gate.clock import SystemClock
    from gate.evidence.codec import statement_bytes
    from gate.model.gating import STATEMENT_SCHEMA
    from gate.model.time import rfc3339
    from gate.settings.require import read_quarantine, subject_of

    if replaced == proved:
        raise RefusedError("quarantine attest states one thing: give --backend-replaced or --repair-proved")
    for name, text in (("--who", who), ("--why", why)):
        if not text.strip() or not text.isprintable():
            raise RefusedError(f"{name} is {text[:80]!a}: expected one line that says it")
    now = SystemClock().now()
    toml = read_config(config)
    cache, endpoint = subject_of(toml, os.environ)
    statement = Statement(
        schema=STATEMENT_SCHEMA,
        kind=StatementKind.BACKEND_REPLACED if replaced else StatementKind.REPAIR_PROVED,
        who=who.strip(),
        why=why.strip(),
        at=rfc3339(now),
        incident=read_quarantine(toml, now).incident,
        cache=cache,
        endpoint=endpoint,
    )
    try:
        with output.open("xb") as stream:
            stream.write(statement_bytes(statement))
    except OSError as error:
        raise RefusedError(f"{output} can't be written ({error.strerror}): give --output a new file") from None
    next_step = "name it in gate.toml [quarantine] statements, by a reviewed change"
    text = f"{output}: {statement.kind.value} by {statement.who}; {next_step}\n"
    return Outcome(exit_code=0, text=text, data={"schema": RESULT_SCHEMA, "statement": str(output), "error": None})


def _suspects(paths: Sequence[Path], since: str | None, until: str | None) -> Outcome:
    """The store paths, and always on stderr from which folders they are: an empty list may be no all-clear."""
    from gate.cli.terminal import complain
    from gate.cli.verify import verified
    from gate.judge.standing_quarantine import in_window, left_out_of_suspects, suspects_of

    if not paths:
        raise RefusedError("suspects needs a folder: give the evidence folders of the time in question")
    window = in_window(since, until)
    evidences = [(path, verified(path)[0]) for path in paths]
    left_out = {path: why for path, evidence in evidences if (why := left_out_of_suspects(evidence)) is not None}
    suspicious = {path: suspects_of(evidence, window) for path, evidence in evidences if path not in left_out}
    store_paths = sorted({store_path for rows in suspicious.values() for store_path in rows})
    published = sum(bool(rows) for rows in suspicious.values())
    counted = f"{published} published in a bad window, {len(suspicious) - published} did not"
    complain(
        f"{_count(len(store_paths), 'path')} from {_count(len(paths), 'folder')}: {counted}, {len(left_out)} left out"
    )
    for path, why in left_out.items():
        complain(f"left out: {path} ({why})")
    return Outcome(
        exit_code=0 if suspicious else InconclusiveError.exit_code,
        text="".join(f"{store_path}\n" for store_path in store_paths),
        data={
            "schema": RESULT_SCHEMA,
            "suspects": store_paths,
            "folders": [{"evidence": str(path), "suspects": len(rows)} for path, rows in suspicious.items()],
            "left_out": [{"evidence": str(path), "why": why} for path, why in left_out.items()],
            "error": None,
        },
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
