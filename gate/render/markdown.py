"""The step summary: GitHub's Markdown; verdict, cause and actions first, details folded, within GitHub's size."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from gate import limits
from gate.model.basics import Status, VerdictWord, value
from gate.model.document import Evidence
from gate.render import incident, logged, overview, view
from gate.render.escape import markdown_cell, markdown_code, runner_safe
from gate.render.paths import path_groups
from gate.render.view import NAME_CHARS, SENTENCE_CHARS, Row

# https://docs.github.com/en/get-started/writing-on-github: the five kinds of alerts.
_ALERT = {
    VerdictWord.PASS: "NOTE",
    VerdictWord.REFUSED: "WARNING",
    VerdictWord.INCONCLUSIVE: "WARNING",
    VerdictWord.QUARANTINE: "CAUTION",
}
_CUT = "\n_Cut here: GitHub shows at most 1 MiB. evidence.json and report.html in the artifact have all of it._\n"


@value
class _Section:
    """Lines that stand or fall together, rows that may be left out from some point on, and what closes them."""

    head: tuple[str, ...]
    rows: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()


def summary(evidence: Evidence) -> str:
    """The summary, at most ``limits.SUMMARY_BYTES`` bytes of UTF-8; where it was cut, it says so."""
    return _fit(
        (
            _Section(head=tuple(_verdict(evidence))),
            _Section(head=tuple(_strips(evidence))),
            *_findings(evidence, Status.FAIL, "Failing"),
            *_findings(evidence, Status.INCONCLUSIVE, "Unknown"),
            _folded("What this verdict is, and is not", (), (f"- {_say(sentence)}" for sentence in evidence.boundary)),
            _folded("The run", (), _facts((*view.facts(evidence), *view.outcome(evidence)))),
            _publications(evidence),
            _epochs(evidence),
            _disks(evidence),
            _events(evidence),
            _controls(evidence),
            _paths(evidence),
        )
    )


def _fit(sections: Iterable[_Section]) -> str:
    remaining = limits.SUMMARY_BYTES - len(_CUT.encode())
    parts: list[str] = []
    for section in sections:
        remaining -= _bytes((*section.head, *section.tail))
        if remaining < 0:
            return "".join(parts) + _CUT
        rows: list[str] = []
        for row in section.rows:
            remaining -= _bytes((row,))
            if remaining < 0:
                break
            rows.append(row)
        parts.append(_lines((*section.head, *rows, *section.tail)))
        if len(rows) < len(section.rows):
            return "".join(parts) + _CUT
    return "".join(parts)


def _lines(lines: Iterable[str]) -> str:
    return "".join(runner_safe(line) + "\n" for line in lines)


def _bytes(lines: Iterable[str]) -> int:
    return len(_lines(lines).encode())


def _say(text: str) -> str:
    return markdown_cell(text, SENTENCE_CHARS)


def _prose(text: str) -> str:
    """A sentence of ours, in which backticks set off code."""
    parts = text.split("`")
    return "".join(_name(part) if number % 2 else _say(part) for number, part in enumerate(parts))


def _name(text: str) -> str:
    return markdown_code(text, NAME_CHARS)


def _table(*head: str) -> tuple[str, str]:
    return _row(*head), _row(*("---" for _ in head))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _facts(rows: Iterable[Row]) -> Iterator[str]:
    yield from _table("fact", "value")
    for row in rows:
        yield _row(row.name, _say(row.text))
    yield ""


def _verdict(evidence: Evidence) -> Iterator[str]:
    """Verdict and cause, the notice of a lab run, and what to do and not to do."""
    verdict = evidence.verdict
    yield f"> [!{_ALERT[verdict.word]}]"
    yield f"> **{_say(view.advice(evidence))}**"
    yield ""
    if overview.is_lab(evidence):
        yield from (f"**{_say(overview.LAB_NOTICE)}**", "")
    for number, action in enumerate(verdict.actions, 1):
        command = f"<br>{markdown_code(action.command, SENTENCE_CHARS)}" if action.command else ""
        yield f"{number}. {_prose(action.text)}{command}"
    if verdict.prohibitions:
        yield ""
        yield f"**Don't** {'; '.join(map(_say, verdict.prohibitions))}."
    yield ""


def _strips(evidence: Evidence) -> Iterator[str]:
    """The buckets over the samples, and the run's figures."""
    rows = overview.strips(evidence)
    if rows:
        yield from _table("bucket", "before", "pushing", "after", "")
        for row in rows:
            samples = (_samples(tones) for tones in (row.before, row.pushing, row.after))
            yield _row(_name(row.bucket), *samples, _say(row.sentence))
        yield ""
    tiles = " · ".join(
        f"{overview.MARKS[tile.tone]} {_say(f'{tile.figure} {tile.text}')}" for tile in overview.tiles(evidence)
    )
    yield from (tiles, "")


def _samples(tones: Sequence[overview.Tone]) -> str:
    """The samples as marks, and more than twelve by their number."""
    if len(tones) <= 12:  # noqa: PLR2004  # what a cell of a table holds
        return "".join(overview.MARKS[tone] for tone in tones) or "–"
    return " ".join(f"{overview.MARKS[tone]}×{number}" for tone, number in Counter(tones).items())


def _findings(evidence: Evidence, status: Status, title: str) -> Iterator[_Section]:
    groups = view.groups(evidence, status)
    if not groups:
        return
    folded = status is Status.INCONCLUSIVE and evidence.verdict.word is VerdictWord.QUARANTINE
    number = sum(len(group.findings) for group in groups)
    yield _Section(head=(f"<details><summary>{title} ({number})</summary>", "") if folded else (f"### {title}", ""))
    for group in groups:
        listed = group.findings[: limits.PAGE_SUBJECTS]
        common = f": {_say(group.common)}" if group.common else ""
        because = f", follows from {_name(group.because)}" if group.because else ""
        head = [f"**{_name(group.code)}** ({len(group.findings)}{because}){common}", ""]
        if view.advises(evidence, group):
            head += [f"Do: {_prose(group.remedy)}", ""]
        more = len(group.findings) - len(listed)
        yield _Section(
            head=tuple(head),
            rows=tuple(
                f"- {_name(each.subject)} ({_say(each.phase)}){'' if common else ': ' + _say(each.summary)}"
                f"{'<br>' + _say(text) if text else ''}"
                for each, text in zip(listed, logged.near_each(evidence, listed), strict=True)
            ),
            tail=(*((f"- and {more} more, in evidence.json under `findings`",) if more else ()), ""),
        )
    if folded:
        yield _Section(head=("</details>", ""))


def _folded(title: str, head: Iterable[str], rows: Iterable[str]) -> _Section:
    listed = tuple(rows)
    if not listed:
        return _Section(head=())
    return _Section(head=(f"<details><summary>{title}</summary>", "", *head), rows=listed, tail=("", "</details>", ""))


def _publications(evidence: Evidence) -> _Section:
    rows = (
        _row(
            view.label(attempt.label),
            _name(attempt.cache),
            _say(view.attempt_end(attempt)),
            view.counts(attempt.counts),
        )
        for attempt in evidence.push.attempts
    )
    return _folded("Publications, in order", _table("publication", "cache", "end", "claims"), rows)


def _epochs(evidence: Evidence) -> _Section:
    rows = (
        _row(_say(row.role), _name(row.place), row.comparison, _say(row.before), _say(row.after))
        for row in view.epochs(evidence)
    )
    return _folded("Servers before and after", _table("role", "place", "epoch", "before", "after"), rows)


def _disks(evidence: Evidence) -> _Section:
    rows = [_row(_name(row.name), _say(row.text)) for row in incident.disks(evidence)]
    rows += [_row(_name(row.name), _say(row.text)) for row in incident.previous(evidence)]
    codes = incident.previous_codes(evidence)
    if codes:
        rows.append(_row("storage errors before the restart", _say(codes)))
    return _folded("Disk use, and logs of containers that ended", _table("place", "seen"), rows)


def _events(evidence: Evidence) -> _Section:
    rows: list[str] = []
    for observation in incident.events(evidence):
        rows.append(_row(_say(observation.role), _name(observation.place), _say(incident.events_head(observation))))
        rows += [
            _row(_say(observation.role), _name(event.involved), _say(incident.event_text(event)))
            for event in observation.events
        ]
    return _folded("Events of the cluster", _table("role", "object", "event"), rows)


def _controls(evidence: Evidence) -> _Section:
    rows = (
        _row(_name(control.name), control.fired, _say(control.expected), _say(control.got))
        for control in evidence.controls
    )
    return _folded("Controls", _table("control", "fired", "expected", "got"), rows)


def _paths(evidence: Evidence) -> _Section:
    """The paths that did not come back whole, the first `limits.SUMMARY_PATHS` of them."""
    groups = [group for group in path_groups(evidence) if group.lot not in ("whole", "left")]
    rows = [
        _row(
            group.publication,
            _name(f"{row.hash}-{row.name}"),
            view.exact(row.nar_size),
            f"{_say(group.claim)}{', doubted' if group.doubted else ''}",
            _say(group.outcome),
        )
        for group in groups
        for chunk in group.chunks
        for row in chunk
    ]
    more = len(rows) - limits.SUMMARY_PATHS
    listed = [
        *rows[: limits.SUMMARY_PATHS],
        *([f"\n{more} more are in report.html and evidence.json."] if more > 0 else []),
    ]
    head = _table("publication", "store path", "NAR", "the client said", "read back")
    return _folded(f"Paths that did not come back whole ({len(rows)})", head, listed)
