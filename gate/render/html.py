"""The report: one self-contained page without script or outside reference, from the document alone.

``report.html.j2`` and ``report.css`` lie beside this file. Every value that the template prints goes through
`escape.plain` and Jinja's own HTML escaping; the page's policy lets a browser apply its one style sheet only.
"""

import re
from base64 import b64encode
from collections import Counter
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from gate import limits
from gate.judge.cause import sentence
from gate.judge.codes.registry import BY_CODE
from gate.model.basics import Status, Truth, value
from gate.model.document import Evidence, ServerEvent
from gate.render import incident, logged, overview, view
from gate.render.escape import plain, runner_safe
from gate.render.index_grid import index_grids
from gate.render.paths import path_groups, path_map
from gate.render.timeline import timeline
from gate.render.view import SENTENCE_CHARS

if TYPE_CHECKING:
    from jinja2 import Template

_TRUTHS: Final = {Truth.PRESENT: "✓", Truth.ABSENT: "✗", Truth.UNKNOWN: "?"}
# A square of the verdict's color for the browser's tab: the light theme's tones of report.css.
_ICONS: Final = {"good": "12703b", "bad": "b3201b", "unsure": "8a5300", "plain": "3f4a59"}
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}")  # GitHub's own limits of both names
_RUN: Final = re.compile(r"[0-9]{1,20}")


@value
class EventRow:
    """Events of the server's log with one level, code, source and explanation; ``messages`` are different ones."""

    event: ServerEvent
    first: str
    last: str
    count: int
    messages: int


def report(evidence: Evidence) -> str:
    """The whole page."""
    groups = path_groups(evidence)
    anchored = _anchored(evidence)
    tone = overview.WORD_TONES[evidence.verdict.word]
    css, css_hash = stylesheet()
    page = template("report.html.j2").render(
        evidence=evidence,
        view=view,
        incident=incident,
        mark=overview.MARKS[tone],
        marks=overview.MARKS,
        truths=_TRUTHS,
        clock=overview.clock,
        lab=overview.LAB_NOTICE if overview.is_lab(evidence) else "",
        question=overview.QUESTION.format(cache=evidence.subject.cache),
        answer=overview.answer(evidence),
        began=overview.day(evidence.started_at),
        run_url=_run_url(evidence),
        published=_published(evidence),
        effect=view.effect(evidence),
        tiles=overview.tiles(evidence),
        story=overview.story(evidence),
        unknown=overview.unknown_because(evidence),
        timeline=timeline(evidence),
        grids=index_grids(evidence),
        paces=view.paces(evidence),
        groups=groups,
        map=path_map(groups),
        log_text=logged.server_log(evidence),
        events=_events(evidence.server_log.events),
        store_log=logged.store_log(evidence),
        outcome=view.outcome(evidence),
        findings=anchored,
        anchors={anchor for anchor, _ in anchored},
        prose=_prose,
        listed=limits.PAGE_SUBJECTS,
        quiet=[group for status in (Status.PASS, Status.NOT_APPLICABLE) for group in view.groups(evidence, status)],
        quiet_count=sum(row.status in (Status.PASS, Status.NOT_APPLICABLE) for row in evidence.findings),
        run_facts=view.facts(evidence),
        epochs=view.epochs(evidence),
        replicas=logged.replicas(evidence),
        # A rendering can't hold its own hash, and must not change once the renderings are listed.
        manifest=[entry for entry in evidence.manifest if entry.kind != "rendering"],
        file_link=lambda name: f"./{quote(name.encode(errors='replace'))}",
        icon=_icon(tone),
        css=css,
        css_hash=css_hash,
    )
    return runner_safe(page)


def _anchored(evidence: Evidence) -> list[tuple[str, view.Group]]:
    """The groups of what fails or is unknown, each with a unique anchor: the code, and a number from the second on."""
    anchors: Counter[str] = Counter()
    rows: list[tuple[str, view.Group]] = []
    for status in (Status.FAIL, Status.INCONCLUSIVE):
        for group in view.groups(evidence, status):
            anchors[group.code] += 1
            number = anchors[group.code]
            rows.append((group.code if number == 1 else f"{group.code}-{number}", group))
    return rows


def _prose(text: str) -> tuple[tuple[str, bool], ...]:
    """A text in pieces, each with whether it is code. Only the registry's sentences have code, between backticks."""
    if text not in _sentences():
        return ((text, False),)
    return tuple((part, number % 2 == 1) for number, part in enumerate(text.split("`")))


@cache
def _sentences() -> frozenset[str]:
    """The remedies of the registry, as a finding and as an action has them."""
    remedies = {row.remedy for row in BY_CODE.values()}
    return frozenset(remedies | {sentence(remedy) for remedy in remedies})


def _published(evidence: Evidence) -> str:
    counts = evidence.push.counts
    if not counts.attempted:
        return "nothing"
    return f"{counts.attempted} paths, {view.size(sum(path.nar_size for path in evidence.push.paths))}"


def _run_url(evidence: Evidence) -> str:
    """The run's page at github.com; empty for a run elsewhere, since the evidence names no other forge."""
    run = evidence.run
    is_github_run = _REPOSITORY.fullmatch(run.repository or "") and _RUN.fullmatch(run.workflow_run or "")
    return f"https://github.com/{run.repository}/actions/runs/{run.workflow_run}" if is_github_run else ""


def _icon(tone: str) -> str:
    square = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'><rect width='8' height='8' fill='%23"
    return f"data:image/svg+xml,{square}{_ICONS[tone]}'/></svg>"


def _events(events: tuple[ServerEvent, ...]) -> tuple[EventRow, ...]:
    """The events, those of one kind in one row, in the order of their first."""
    rows: dict[tuple[object, ...], list[ServerEvent]] = {}
    for event in events:
        rows.setdefault((event.level, event.code, event.target, event.explained), []).append(event)
    return tuple(
        EventRow(
            event=same[0],
            first=same[0].at or "",
            last=same[-1].at or "",
            count=len(same),
            messages=len({event.message for event in same}),
        )
        for same in rows.values()
    )


def stylesheet() -> tuple[str, str]:
    """The one style sheet of the pages, and its sha256 in base64, by which a page's policy lets it in."""
    css = _resource("report.css")
    return css, b64encode(sha256(css.encode()).digest()).decode()


@cache
def template(name: str) -> "Template":
    """A page's template, which escapes whatever it prints, and shows what is hidden in it (`escape.plain`)."""
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  # heavy, and not needed for --help
    from markupsafe import Markup  # noqa: PLC0415  # the same

    def finish(printed: object) -> object:
        return printed if isinstance(printed, Markup | int) else plain(str(printed), SENTENCE_CHARS)

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finish,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["style"] = Markup  # for report.css alone, which is ours
    return environment.from_string(_resource(name))


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
