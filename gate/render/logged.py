"""The server's log in sentences: what it can be relied on for, and what it has beside a failing path."""

from collections.abc import Sequence

from gate.model.basics import Truth
from gate.model.document import Evidence, Finding, ServerEvent, Skew


def server_log(evidence: Evidence) -> str:
    """Whether the log can be relied on, and how much it says."""
    log = evidence.server_log
    said = {
        Truth.PRESENT: "read, both canaries in it",
        Truth.ABSENT: "there is none",
        Truth.UNKNOWN: "unknown: not both canaries were found in it",
    }[log.truth]
    alone = f", {log.unexplained} of them errors that nothing of this run explains" if log.unexplained else ""
    again = f"; the server started {log.restarts} × in it" if log.restarts else ""
    cut = ", cut at its cap" if log.cut else ""
    return f"{said}; {_events(log.event_count)}{cut}{alone}{again}; {clock(log.skew)}"


def clock(skew: Skew | None) -> str:
    """How far the server's clock is ahead of ours."""
    if skew is None:
        return "clock skew not measured"
    return f"server's clock {skew.low_millis / 1000:+.3f} to {skew.high_millis / 1000:+.3f} s off ours"


def near(evidence: Evidence, store_path: str) -> str:
    """What the server logged when this path failed, which says nothing of why; empty for a path that did not fail."""
    log = evidence.server_log
    found = [each for each in log.near if each.store_path == store_path]
    if not found:
        return ""
    codes: dict[str, None] = {}
    for each in found:
        codes.update(dict.fromkeys(_name(log.events[number]) for number in each.events if number < len(log.events)))
    told = "; ".join(f"{_events(each.count)} at its {each.what}" for each in found)
    names = f": {', '.join(codes)}" if codes else ""
    return f"server log at that time, a correlation and never a cause: {told}{names}"


def beside(evidence: Evidence, findings: Sequence[Finding]) -> tuple[str, ...]:
    """`near` for the subject of each finding, said once for those in a row that have the same."""
    said = [near(evidence, finding.subject) for finding in findings]
    return tuple("" if text == before else text for text, before in zip(said, ["", *said], strict=False))


def _name(event: ServerEvent) -> str:
    return event.code or event.target or event.level


def _events(count: int) -> str:
    return f"{count} event{'' if count == 1 else 's'}"
