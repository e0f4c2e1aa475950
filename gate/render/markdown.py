"""The step summary: GitHub's Markdown, verdict first, details folded, within the size that GitHub shows."""

from collections.abc import Iterable, Iterator

from gate import limits
from gate.judge.body_class import body_class, body_status
from gate.model.basics import Status, VerdictWord, value
from gate.model.document import Evidence
from gate.render import incident, logged, view
from gate.render.escape import markdown_cell, markdown_code, runner_safe
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
            _Section(head=(f"> [!{_ALERT[evidence.verdict.word]}]", f"> **{_say(view.advice(evidence))}**", "")),
            _Section(head=tuple(_facts((*view.facts(evidence), *view.outcome(evidence))))),
            _Section(head=tuple(_buckets(evidence))),
            *_findings(evidence, Status.FAIL, "Failing"),
            *_findings(evidence, Status.INCONCLUSIVE, "Inconclusive"),
            _Section(head=tuple(_boundary(evidence))),
            _publications(evidence),
            _epochs(evidence),
            _disks(evidence),
            _events(evidence),
            _controls(evidence),
            _paths(evidence),
        )
    )


def _fit(sections: Iterable[_Section]) -> str:
    left = limits.SUMMARY_BYTES - len(_CUT.encode())
    kept: list[str] = []
    for section in sections:
        left -= _bytes((*section.head, *section.tail))
        if left < 0:
            return "".join(kept) + _CUT
        rows: list[str] = []
        for row in section.rows:
            left -= _bytes((row,))
            if left < 0:
                break
            rows.append(row)
        kept.append(_lines((*section.head, *rows, *section.tail)))
        if len(rows) < len(section.rows):
            return "".join(kept) + _CUT
    return "".join(kept)


def _lines(lines: Iterable[str]) -> str:
    return "".join(runner_safe(line) + "\n" for line in lines)


def _bytes(lines: Iterable[str]) -> int:
    return len(_lines(lines).encode())


def _say(text: str) -> str:
    return markdown_cell(text, SENTENCE_CHARS)


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


def _buckets(evidence: Evidence) -> Iterator[str]:
    rows = view.buckets(evidence)
    if not rows:
        return
    yield from _table("bucket", "pre", "during", "post")
    for row in rows:
        yield _row(_name(row.name), row.pre, row.during, row.post)
    yield ""
    if evidence.during.first_loss_at:
        yield f"First loss during a push: {_name(evidence.during.first_loss_at)}"
        yield ""
    for phase, pace in view.paces(evidence):
        yield f"- {phase}: {_name(pace)}"
    yield ""


def _findings(evidence: Evidence, status: Status, title: str) -> Iterator[_Section]:
    groups = view.groups(evidence, status)
    if groups:
        yield _Section(head=(f"### {title}", ""))
    for group in groups:
        listed = group.findings[: limits.LISTED_SUBJECTS]
        common = f": {_say(group.common)}" if group.common else ""
        head = [f"**{_name(group.code)}** ({len(group.findings)}){common}", ""]
        if group.remedy:
            head += [f"Do: {_say(group.remedy)}", ""]
        more = len(group.findings) - len(listed)
        yield _Section(
            head=tuple(head),
            rows=tuple(
                f"- {_name(each.subject)} ({_say(each.phase)}){'' if common else ': ' + _say(each.summary)}"
                f"{'<br>' + _say(said) if said else ''}"
                for each, said in zip(listed, logged.beside(evidence, listed), strict=True)
            ),
            tail=(*((f"- and {more} more, in evidence.json under `findings`",) if more else ()), ""),
        )


def _boundary(evidence: Evidence) -> Iterator[str]:
    yield "### What this verdict is, and is not"
    yield ""
    for sentence in evidence.boundary:
        yield f"- {_say(sentence)}"
    yield ""


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
    for seen in incident.events(evidence):
        rows.append(_row(_say(seen.role), _name(seen.place), _say(incident.events_head(seen))))
        rows += [
            _row(_say(seen.role), _name(event.involved), _say(incident.event_text(event))) for event in seen.events
        ]
    return _folded("Events of the cluster", _table("role", "object", "event"), rows)


def _controls(evidence: Evidence) -> _Section:
    rows = (
        _row(_name(control.name), control.fired, _say(control.expected), _say(control.got))
        for control in evidence.controls
    )
    return _folded("Controls", _table("control", "fired", "expected", "got"), rows)


def _paths(evidence: Evidence) -> _Section:
    bodies = {(body.label, body.store_path): body for body in evidence.bodies}
    rows: list[str] = []
    for path in evidence.push.paths:
        body = bodies.get((path.label, path.store_path))
        read = f"{_name(body_class(body))} ({body_status(body)})" if body else "not read"
        rows.append(
            _row(
                view.label(path.label),
                _name(path.store_path),
                view.exact(path.nar_size),
                f"{path.claim}{', doubted' if path.doubted else ''}",
                read,
            )
        )
    return _folded(
        f"Every path of the push ({len(rows)})", _table("publication", "store path", "NAR", "claim", "body"), rows
    )
