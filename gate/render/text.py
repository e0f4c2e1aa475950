"""The summary for a person at a terminal: plain text; verdict, cause, and what to do and not to do come first.

`short` fits on a screen and is what a run ends with; `summary` has everything.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from gate import limits
from gate.evidence.bodies import WHOLE
from gate.judge.body_class import body_class
from gate.judge.codes.registry import is_neutral
from gate.model.basics import Status, VerdictWord
from gate.model.document import Evidence
from gate.render import incident, logged, overview, view
from gate.render.escape import plain, runner_safe
from gate.render.view import NAME_CHARS, SENTENCE_CHARS, Row

_WIDTH = 12
_NAME = 11  # of the lines of the short form
_MARKS = 12  # samples of a phase that are a mark each
_PATH_CHARS = 4096  # PATH_MAX of Linux: the evidence folder is the one thing that must be copied whole


def short(evidence: Evidence, directory: str) -> str:
    """The summary on one screen, each line ended; ``directory``: where the evidence lies, as the reader may type it."""
    place = plain(directory, _PATH_CHARS)
    full = f"publication-gate show --full {place}"
    unknown = overview.unknown_because(evidence)
    lines = [
        *_verdict(evidence),
        *_strips(evidence),
        *(f"  {name:<{_NAME}} {plain(text, SENTENCE_CHARS)}" for name, text in _figures(evidence)),
        *([f"  {unknown} more findings are unknown; all of them: {full}"] if unknown else []),
        "",
        f"evidence: {place}",
        f"report:   {place}/report.html",
    ]
    return runner_safe("\n".join(lines)) + "\n"


def _verdict(evidence: Evidence) -> Iterator[str]:
    """The notice of a lab run, the verdict with its cause, and what to do."""
    verdict = evidence.verdict
    if overview.is_lab(evidence):
        yield from (overview.LAB_NOTICE, "")
    yield plain(view.advice(evidence), SENTENCE_CHARS)
    blocks = "blocks" if verdict.blocks else "does not block"
    subject = plain(f"{evidence.subject.cache} at {evidence.subject.endpoint}", SENTENCE_CHARS)
    when = plain(overview.day(evidence.started_at), NAME_CHARS)
    profile = plain(evidence.policy.profile, NAME_CHARS)
    yield f"  {subject}, {profile}, {when} (exit code {verdict.exit_code}, {blocks})"
    yield ""
    for number, action in enumerate(verdict.actions, 1):
        yield f"  {'do' if number == 1 else '':<6} {number}  {plain(action.text, SENTENCE_CHARS)}"
        if action.command:
            yield f"            {plain(action.command, SENTENCE_CHARS)}"
    for number, text in enumerate(verdict.prohibitions):
        name = "" if number else "don't"
        yield f"  {name:<6}    {plain(text, SENTENCE_CHARS)}"
    if verdict.actions or verdict.prohibitions:
        yield ""


def _strips(evidence: Evidence) -> Iterator[str]:
    rows = overview.strips(evidence)
    width = max((len(plain(row.bucket, NAME_CHARS)) for row in rows), default=0)
    for row in rows:
        phases = (("before", row.before), ("pushing", row.pushing), ("after", row.after))
        samples = "  ".join(f"{name} {_samples(tones)}" for name, tones in phases if tones)
        name = plain(row.bucket, NAME_CHARS)
        yield f"  {name:<{max(width, _NAME)}} {samples}   {plain(row.sentence, SENTENCE_CHARS)}"


def _samples(tones: Sequence[overview.Tone]) -> str:
    """The samples as marks, and many equal ones in a row by their number."""
    if len(tones) <= _MARKS:
        return "".join(overview.MARKS[tone] for tone in tones)
    runs = [(tone, len(list(group))) for tone, group in groupby(tones)]
    return " ".join(f"{overview.MARKS[tone]}×{number}" for tone, number in runs)


def _figures(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """What was published and read back, the state and the servers, in a line each."""
    counts = evidence.push.counts
    if counts.attempted:
        yield "published", f"{counts.attempted} paths: {overview.claims(counts)}"
    if evidence.bodies:
        classes = Counter(body_class(body) for body in evidence.bodies)
        rest = ", ".join(
            f"{number} {overview.BODY_WORDS.get(code, code)}"
            for code, number in sorted(classes.items())
            if code != WHOLE
        )
        whole = f"{classes[WHOLE]} of {len(evidence.bodies)} whole"
        yield "read back", f"{whole}: {rest}" if rest else f"{whole}, byte for byte"
    *_, state, servers = overview.tiles(evidence)
    yield "state", f"{state.figure.removeprefix('state ')}: {state.text}"
    yield "servers", f"{servers.figure}: {servers.text}"
    if evidence.verdict.word is VerdictWord.INCONCLUSIVE and is_neutral(evidence.verdict.codes):
        yield "the cache", "nothing wrong was observed of it"


def summary(evidence: Evidence, directory: str) -> str:
    """The whole summary, each line ended; ``directory`` is where the evidence lies, as the reader may type it."""
    lines = [
        *_verdict(evidence),
        *_rows(view.facts(evidence)),
        "",
        *_rows(view.outcome(evidence)),
        *_publications(evidence),
        *_buckets(evidence),
        *_epochs(evidence),
        *_incident(evidence),
        *_findings(evidence, Status.FAIL, "failing"),
        *_findings(evidence, Status.INCONCLUSIVE, "unknown"),
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
    matches = view.buckets(evidence)
    rows = [(plain(row.name, NAME_CHARS), row.pre, row.during, row.post) for row in matches]
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
        summary = before if row.comparison == "same" else f"{before} before; {after} after"
        yield f"epoch of {role} {place}: {row.comparison} ({summary})"


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
    for observation in incident.events(evidence):
        head = plain(incident.events_head(observation), SENTENCE_CHARS)
        whose = f"{plain(observation.role, NAME_CHARS)} {plain(observation.place, NAME_CHARS)}"
        yield from ("", f"events of the {whose}, the newest last: {head}")
        for event in observation.events[-limits.LISTED_SUBJECTS :]:
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
        for finding, text in zip(listed, logged.near_each(evidence, listed), strict=True):
            where = f"{plain(finding.subject, NAME_CHARS)} [{plain(finding.phase, NAME_CHARS)}]"
            yield f"    - {where}{'' if common else ': ' + plain(finding.summary, SENTENCE_CHARS)}"
            if text:
                yield f"      ({plain(text, SENTENCE_CHARS)})"
        if len(listed) < len(group.findings):
            yield f"    - and {len(group.findings) - len(listed)} more, in evidence.json under findings"
        if group.because:
            yield f"    follows from {plain(group.because, NAME_CHARS)}"
        if view.advises(evidence, group):
            yield f"    do: {plain(group.remedy, SENTENCE_CHARS)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
