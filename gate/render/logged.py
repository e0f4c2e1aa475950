"""The logs in sentences: what they can be relied on for, and what the server's has beside a failing path."""

from collections.abc import Sequence

from gate.model.basics import Truth, value
from gate.model.captures import ReplicaLog
from gate.model.document import Evidence, Finding, ServerEvent, Skew


@value
class ReplicaRow:
    """A replica of the Attic server, and how much of its log is known to be read, before and after."""

    pod: str
    pre: str
    post: str


def server_log(evidence: Evidence) -> str:
    """Whether the log can be relied on, and how much it says."""
    log = evidence.server_log
    text = {
        Truth.PRESENT: "read, both canaries in it",
        Truth.ABSENT: "there is none",
        Truth.UNKNOWN: "unknown: it can't be relied on"
        if log.unread_lines
        else "unknown: not both canaries were found in it",
    }[log.truth]
    alone = (
        f", {log.unexplained} of them errors or warnings that nothing of this run explains" if log.unexplained else ""
    )
    again = f"; the server started {log.restarts} × in it" if log.restarts else ""
    cut = ", cut at its cap" if log.cut else ""
    counted = f"{_events(log.event_count)}{cut}{alone}{_unread(log.unread_lines)}"
    return f"{text}; {counted}{again}; {clock(log.skew)}{_replicas(evidence)}"


def _unread(lines: int) -> str:
    return f"; {lines} line{'' if lines == 1 else 's'} not understood" if lines else ""


def replicas(evidence: Evidence) -> tuple[ReplicaRow, ...]:
    """Every replica of the Attic server, by name, with how much of its log is known to be read in each phase."""
    phases = [{row.pod: row for row in observation.replicas} for observation in (evidence.pre, evidence.post)]
    rows = ((pod, *(_replica(phase.get(pod)) for phase in phases)) for pod in sorted({*phases[0], *phases[1]}))
    return tuple(ReplicaRow(pod=pod, pre=pre, post=post) for pod, pre, post in rows)


def _replica(row: ReplicaLog | None) -> str:
    if row is None:
        return "not seen"
    canary = "canary" if row.answered else "no canary"
    return f"{canary}, in its own log: {row.logged.value}{f' ({row.note})' if row.note else ''}"


def _replicas(evidence: Evidence) -> str:
    """How many replicas' own logs are known to be read; nothing where there are none, or only one."""
    summary: list[str] = []
    for phase, observation in (("before", evidence.pre), ("after", evidence.post)):
        read_count = sum(row.logged is Truth.PRESENT for row in observation.replicas)
        if len(observation.replicas) > 1:
            summary.append(f"{read_count} of {len(observation.replicas)} {phase}")
        elif observation.replicas_error:
            summary.append(f"unknown {phase}")
    return f"; replicas whose own log is known to be read: {', '.join(summary)}" if summary else ""


def store_log(evidence: Evidence) -> str:
    """What the store's own log says; empty where none was read, and none is named."""
    log = evidence.store_log
    if log is None:
        return "not read" if evidence.policy.store_log else ""
    whole = {Truth.PRESENT: "read", Truth.ABSENT: "there is none", Truth.UNKNOWN: "not all of it was read"}[log.truth]
    cut = ", cut at its cap" if log.cut else ""
    doubts = f"{log.troubles} of them not known to be harmless"
    return f"{whole}; {_events(log.event_count)}{cut}, {doubts}{_unread(log.unread_lines)}"


def clock(skew: Skew | None) -> str:
    """How far the server's clock is ahead of ours."""
    if skew is None:
        return "clock skew not measured"
    return f"server's clock {skew.low_millis / 1000:+.3f} to {skew.high_millis / 1000:+.3f} s off ours"


def near(evidence: Evidence, store_path: str) -> str:
    """What the server logged when this path failed, which says nothing of why; empty for a path that did not fail."""
    log = evidence.server_log
    rows = [each for each in log.near if each.store_path == store_path]
    if not rows:
        return ""
    codes: dict[str, None] = {}
    for each in rows:
        codes.update(dict.fromkeys(_name(log.events[number]) for number in each.events if number < len(log.events)))
    summary = "; ".join(f"{_events(each.count)} at its {each.what}" for each in rows)
    names = f": {', '.join(codes)}" if codes else ""
    return f"server log at that time, a correlation and never a cause: {summary}{names}"


def near_each(evidence: Evidence, findings: Sequence[Finding]) -> tuple[str, ...]:
    """`near` for the subject of each finding, said once for those in a row that have the same."""
    words = [near(evidence, finding.subject) for finding in findings]
    return tuple("" if text == before else text for text, before in zip(words, ["", *words], strict=False))


def _name(event: ServerEvent) -> str:
    return event.code or event.target or event.level


def _events(count: int) -> str:
    return f"{count} event{'' if count == 1 else 's'}"
