"""A history of runs for a person: a strip and a table for the terminal, and one page."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from gate.model.basics import Kind, VerdictWord, value
from gate.model.gating import Past, Standing
from gate.model.time import parse_time
from gate.render.escape import plain, runner_safe
from gate.render.html import stylesheet, template
from gate.render.overview import MARKS, WORD_TONES, Tone, clock, day
from gate.render.view import NAME_CHARS, SENTENCE_CHARS

TABLE_RUNS: Final = 30  # runs of the table in a terminal, the newest
_DAYS: Final = 60  # days of the page's calendar, the newest that have runs


@value
class Listed:
    """A run of the history, and where its folder is: a path for a link, empty where there is none."""

    past: Past
    link: str


@value
class Day:
    """The runs of one profile on one day, each with its tone, its anchor, and what a pointer on it shows."""

    marks: tuple[tuple[Tone, str, str], ...]


@value
class Band:
    """A stretch of days with the same processes of the store, ``number`` counted from the oldest."""

    number: int
    days: int


@value
class Calendar:
    """Days as columns, profiles as rows, and the store's epochs as bands over the days."""

    days: tuple[str, ...]
    bands: tuple[Band, ...]
    rows: tuple[tuple[str, tuple[Day, ...]], ...]


def counts(past: Past) -> str:
    """How a run counts in the standing decision."""
    if past.kind is Kind.LAB:
        return "lab"
    return "against" if past.against else "toward" if past.toward else "neutral"


def history_text(rows: Sequence[Listed], left_out: Sequence[str], *, every: bool) -> str:
    """The strip, the table of the newest runs in order of time, and what could not be read."""
    printed = rows if every else rows[-TABLE_RUNS:]
    lines = [*summary(rows), ""]
    lines.append(f"{'ended':<25} {'run':<24} {'profile':<14} {'verdict':<13} {'counts':<8} codes")
    lines += [_row(row.past) for row in printed]
    if len(printed) < len(rows):
        lines.append(f"{len(rows) - len(printed)} older runs are left out: --all shows them")
    lines += [f"left out: {plain(text, SENTENCE_CHARS)}" for text in left_out]
    return runner_safe("\n".join(lines)) + "\n"


def summary(rows: Sequence[Listed]) -> list[str]:
    """The runs as marks, how many of each word, and what came since the last one that counts against a release."""
    pasts = [row.past for row in rows]
    marks = "".join(MARKS[WORD_TONES[past.word]] for past in pasts[-_DAYS:])
    words = [(word, sum(past.word is word for past in pasts)) for word in VerdictWord]
    numbers = ", ".join(f"{number} {word.value}" for word, number in words if number)
    lines = [f"{marks}  {_number(len(pasts), 'run')} in {_span(pasts)}: {numbers}"]
    bad = [number for number, past in enumerate(pasts) if past.against and past.kind is not Kind.LAB]
    if bad:
        since = pasts[bad[-1] + 1 :]
        toward = sum(past.toward for past in since)
        lines.append(
            f"since the last run that counts against a release ({plain(pasts[bad[-1]].label, NAME_CHARS)}): "
            f"{_number(len(since), 'run')}, {toward} of them count toward one, {_span([pasts[bad[-1]], *since])}"
        )
    return lines


def history_page(rows: Sequence[Listed], left_out: Sequence[str], standing: Standing | None) -> str:
    """One page without script: the calendar, the conditions of a release, and every run with a link to its report."""
    css, css_hash = stylesheet()
    page = template("history.html.j2").render(
        css=css,
        css_hash=css_hash,
        summary=summary(rows),
        calendar=calendar(rows),
        standing=standing,
        rows=[(number, row, WORD_TONES[row.past.word], counts(row.past)) for number, row in enumerate(rows)][::-1],
        left_out=left_out,
        marks=MARKS,
        day=day,
        report_link=lambda link: quote(f"{link}/report.html"),
    )
    return runner_safe(page)


def calendar(rows: Sequence[Listed]) -> Calendar:
    """The newest days that have runs."""
    by_day: dict[str, list[tuple[int, Past]]] = {}
    for number, row in enumerate(rows):
        by_day.setdefault(row.past.ended_at[:10], []).append((number, row.past))
    days = sorted(by_day)[-_DAYS:]
    profiles = sorted({past.profile or "no profile" for runs in by_day.values() for _, past in runs})
    epochs: list[tuple[str, ...]] = []
    bands: list[Band] = []
    for date in days:
        stores = by_day[date][-1][1].stores
        if not epochs or epochs[-1] != stores:
            epochs.append(stores)
            bands.append(Band(number=len(epochs), days=1))
        else:
            bands[-1] = Band(number=bands[-1].number, days=bands[-1].days + 1)
    cells = tuple(
        (
            profile,
            tuple(
                Day(
                    marks=tuple(
                        (WORD_TONES[past.word], f"r-{number}", f"{clock(past.ended_at)} {past.word.value} {past.label}")
                        for number, past in by_day[date]
                        if (past.profile or "no profile") == profile
                    )
                )
                for date in days
            ),
        )
        for profile in profiles
    )
    return Calendar(days=tuple(days), bands=tuple(bands), rows=cells)


def _row(past: Past) -> str:
    profile, word = past.profile or "-", past.word.value
    text = f"{past.ended_at:<25} {past.label:<24} {profile:<14} {word:<13} {counts(past):<8} {', '.join(past.codes)}"
    return plain(text.rstrip(), SENTENCE_CHARS)


def _number(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _span(pasts: Sequence[Past]) -> str:
    """The time from the end of the first run to the end of the last."""
    times = [time for past in pasts if (time := parse_time(past.ended_at)) is not None]
    seconds = (max(times) - min(times)).total_seconds() if times else 0
    return f"{seconds / 86400:.1f} days"
