"""The report: one self-contained page without script or outside reference, from the document alone.

``report.html.j2`` and ``report.css`` lie beside this file. Every value that the template prints goes through
`escape.plain` and Jinja's own HTML escaping; the page's policy lets a browser apply its one style sheet only.
"""

from base64 import b64encode
from collections import Counter
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from gate.judge.body_class import body_class, body_status
from gate.model.basics import Claim, Status, value
from gate.model.bodies import Body
from gate.model.document import Evidence, Stage
from gate.model.facts import PushPath
from gate.model.time import parse_time
from gate.render import incident, logged, view
from gate.render.escape import plain, runner_safe
from gate.render.view import SENTENCE_CHARS

if TYPE_CHECKING:
    from jinja2 import Template

_AXIS = 1000  # the timeline's width in its own units
_LEAST_BAR = 4  # so that an instant can be seen


@value
class _Bar:
    """A stage on the time axis, in units of the axis; ``at`` is None for a stage without times."""

    stage: Stage
    at: int | None
    width: int
    lasted: str


@value
class _Timeline:
    """All stages on one axis; ``loss`` is where the first loss during a push lies, when there was one."""

    bars: tuple[_Bar, ...]
    loss: int | None
    lasted: str


@value
class _PathRow:
    """A path of the push with its body's class. ``base`` and ``name`` are the two parts of its base name."""

    path: PushPath
    label: str
    base: str
    name: str
    body: Body | None
    body_class: str
    body_status: Status | None
    read: str
    logged: str


@value
class _Cross:
    """Claim × body class: how many paths the push said this of, and the cache served like that."""

    codes: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]


def report(evidence: Evidence) -> str:
    """The whole page."""
    page = _template().render(
        evidence=evidence,
        view=view,
        clock=logged.clock(evidence.server_log.skew),
        replicas=logged.replicas(evidence),
        store_log=logged.store_log(evidence),
        incident=incident,
        advice=view.advice(evidence).partition(": "),
        figures=_figures(evidence),
        timeline=_timeline(evidence),
        groups=[group for status in (Status.FAIL, Status.INCONCLUSIVE) for group in view.groups(evidence, status)],
        quiet=[found for found in evidence.findings if found.status in (Status.PASS, Status.NOT_APPLICABLE)],
        paths=_paths(evidence),
        cross=_cross(evidence),
        # A rendering can't hold its own hash, and must not change once the renderings are listed.
        manifest=[entry for entry in evidence.manifest if entry.kind != "rendering"],
        css=_css(),
        css_hash=b64encode(sha256(_css().encode()).digest()).decode(),
    )
    return runner_safe(page)


@cache
def _css() -> str:
    return _resource("report.css")


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _template() -> "Template":
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
    return environment.from_string(_resource("report.html.j2"))


def _figures(evidence: Evidence) -> tuple[tuple[str, str, str], ...]:
    """The four figures at the top: number, of what, and whether it is ``good``, ``bad`` or ``unsure``."""
    coverage, push = evidence.coverage, evidence.push.counts
    fired = sum(control.fired == "present" for control in evidence.controls)
    failing = sum(finding.status is Status.FAIL for finding in evidence.findings)
    unsure = sum(finding.status is Status.INCONCLUSIVE for finding in evidence.findings)
    broken = any(body_status(body) is Status.FAIL for body in evidence.bodies)
    whole = 0 < coverage.expected_paths == coverage.proved_paths
    bodies = "bad" if broken else "good" if whole else "unsure"
    return (
        (f"{coverage.proved_paths} of {coverage.expected_paths}", "bodies proved", bodies),
        (f"{push.failed} of {push.attempted}", "paths failed to publish", "bad" if push.failed else "plain"),
        (f"{failing}", f"findings fail, {unsure} inconclusive", "bad" if failing else "unsure" if unsure else "good"),
        (
            f"{fired} of {len(evidence.controls)}",
            "controls fired",
            "good" if 0 < len(evidence.controls) == fired else "unsure",
        ),
    )


def _timeline(evidence: Evidence) -> _Timeline:
    moments = [_millis(at) for stage in evidence.stages for at in (stage.started_at, stage.ended_at)]
    known = [moment for moment in moments if moment is not None]
    first, last = (min(known), max(known)) if known else (0, 0)
    span = max(last - first, 1)

    def place(moment: int) -> int:
        return min(max((moment - first) * _AXIS // span, 0), _AXIS)

    bars: list[_Bar] = []
    for stage in evidence.stages:
        start, end = _millis(stage.started_at), _millis(stage.ended_at)
        if start is None:
            bars.append(_Bar(stage=stage, at=None, width=0, lasted=""))
            continue
        width = max(place(end if end is not None else last) - place(start), _LEAST_BAR)
        lasted = _lasted(end - start) if end is not None else "no end"
        bars.append(_Bar(stage=stage, at=min(place(start), _AXIS - _LEAST_BAR), width=width, lasted=lasted))
    loss = _millis(evidence.during.first_loss_at)
    return _Timeline(bars=tuple(bars), loss=None if loss is None else place(loss), lasted=_lasted(last - first))


def _millis(at: str | None) -> int | None:
    """Milliseconds since 1970, or None where the text is no time: the timeline then omits the bar."""
    time = parse_time(at)
    return None if time is None else round(time.timestamp() * 1000)


def _lasted(millis: int) -> str:
    seconds = max(millis, 0) / 1000
    if seconds < 60:  # noqa: PLR2004  # a minute
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


def _paths(evidence: Evidence) -> tuple[_PathRow, ...]:
    bodies = {(body.label, body.cache, body.store_path): body for body in evidence.bodies}
    rows: list[_PathRow] = []
    for path in evidence.push.paths:
        base, _, name = path.store_path.rpartition("/")[2].partition("-")
        body = bodies.get((path.label, path.cache, path.store_path))
        read = view.body_read(body) if body else "not to be served by this cache, or never reached"
        said = logged.near(evidence, path.store_path)
        label = view.label(path.label)
        rows.append(
            _PathRow(
                path=path,
                label=label,
                base=base,
                name=name,
                body=body,
                body_class=body_class(body) if body else "",
                body_status=body_status(body) if body else None,
                read=read,
                logged=said,
            )
        )
    return tuple(rows)


def _cross(evidence: Evidence) -> _Cross:
    pairs = Counter((body.claim, body_class(body)) for body in evidence.bodies)
    codes = tuple(sorted({code for _, code in pairs}))
    claims = [claim for claim in Claim if any(claim is seen for seen, _ in pairs)]
    return _Cross(codes=codes, rows=tuple((claim, tuple(pairs[claim, code] for code in codes)) for claim in claims))
