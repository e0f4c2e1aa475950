"""The summary for a person at a terminal: plain text, no colour, the first line says what to do and what not to do."""

from collections.abc import Iterable, Iterator, Sequence

from gate import limits
from gate.model.basics import Status
from gate.model.document import Evidence
from gate.render import incident, logged, view
from gate.render.escape import plain, runner_safe
from gate.render.view import NAME_CHARS, SENTENCE_CHARS, Row

_WIDTH = 12
_PATH_CHARS = 4096  # PATH_MAX of Linux: the evidence folder is the one thing that must be copied whole


def summary(evidence: Evidence, directory: str) -> str:
    """The whole summary, each line ended; ``directory`` is where the evidence lies, as the reader may type it."""
    lines = [
        plain(view.advice(evidence), SENTENCE_CHARS),
        "",
        *_rows(view.facts(evidence)),
        "",
        *_rows(view.outcome(evidence)),
        *_publications(evidence),
        *_buckets(evidence),
        *_epochs(evidence),
        *_incident(evidence),
        *_findings(evidence, Status.FAIL, "failing"),
        *_findings(evidence, Status.INCONCLUSIVE, "inconclusive"),
        "",
        "what this verdict is, and is not:",
        *(f"  - {plain(sentence, SENTENCE_CHARS)}" for sentence in evidence.boundary),
        "",
        f"evidence: {plain(directory, _PATH_CHARS)}",
    ]
    return runner_safe("\n".join(lines)) + "\n"


def _rows(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        yield f"{row.name + ':':<{_WIDTH}} {plain(row.text, SENTENCE_CHARS)}"


def _publications(evidence: Evidence) -> Iterator[str]:
    if not evidence.push.attempts:
        return
    yield from ("", "publications, in order:")
    for attempt in evidence.push.attempts:
        ended = plain(view.attempt_end(attempt), NAME_CHARS)
        cache = plain(attempt.cache, NAME_CHARS)
        yield f"  {view.label(attempt.label)} to {cache}: {ended}; {view.counts(attempt.counts)}"


def _buckets(evidence: Evidence) -> Iterator[str]:
    found = view.buckets(evidence)
    rows = [(plain(row.name, NAME_CHARS), row.pre, row.during, row.post) for row in found]
    if rows:
        yield ""
        yield from _table(("bucket", "pre", "during", "post"), rows)
    if evidence.during.first_loss_at:
        yield f"first loss during a push: {plain(evidence.during.first_loss_at, NAME_CHARS)}"
    for phase, pace in view.paces(evidence):
        yield f"{phase}: {plain(pace, NAME_CHARS)}"


def _epochs(evidence: Evidence) -> Iterator[str]:
    rows = view.epochs(evidence)
    if rows:
        yield ""
    for row in rows:
        role, place, before, after = (plain(text, NAME_CHARS) for text in (row.role, row.place, row.before, row.after))
        told = before if row.comparison == "same" else f"{before} before; {after} after"
        yield f"epoch of {role} {place}: {row.comparison} ({told})"


def _incident(evidence: Evidence) -> Iterator[str]:
    tables = (("disk use", incident.disks(evidence)), ("previous logs", incident.previous(evidence)))
    for title, rows in tables:
        if rows:
            yield from ("", f"{title}:")
        for row in rows:
            yield f"  {plain(row.name, NAME_CHARS)}: {plain(row.text, SENTENCE_CHARS)}"
    codes = incident.previous_codes(evidence)
    if codes:
        yield f"  storage errors before the restart: {plain(codes, SENTENCE_CHARS)}"
    for seen in incident.events(evidence):
        head = plain(incident.events_head(seen), SENTENCE_CHARS)
        whose = f"{plain(seen.role, NAME_CHARS)} {plain(seen.place, NAME_CHARS)}"
        yield from ("", f"events of the {whose}, the newest last: {head}")
        for event in seen.events[-limits.LISTED_SUBJECTS :]:
            yield f"  {plain(incident.event_text(event), SENTENCE_CHARS)}"


def _findings(evidence: Evidence, status: Status, title: str) -> Iterator[str]:
    groups = view.groups(evidence, status)
    if not groups:
        return
    yield from ("", f"{title}:")
    for group in groups:
        listed = group.findings[: limits.LISTED_SUBJECTS]
        common = f": {plain(group.common, SENTENCE_CHARS)}" if group.common else ""
        yield f"  {plain(group.code, NAME_CHARS)} ({len(group.findings)}){common}"
        for finding, said in zip(listed, logged.beside(evidence, listed), strict=True):
            where = f"{plain(finding.subject, NAME_CHARS)} [{plain(finding.phase, NAME_CHARS)}]"
            yield f"    - {where}{'' if common else ': ' + plain(finding.summary, SENTENCE_CHARS)}"
            if said:
                yield f"      ({plain(said, SENTENCE_CHARS)})"
        if len(listed) < len(group.findings):
            yield f"    - and {len(group.findings) - len(listed)} more, in evidence.json under findings"
        if group.remedy:
            yield f"    do: {plain(group.remedy, SENTENCE_CHARS)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
