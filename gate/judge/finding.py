"""The one way to make a finding: the registry gives the remedy and says which statuses a code may have."""

from collections.abc import Iterable
from typing import Final

from gate.judge.codes.registry import BY_CODE
from gate.model.basics import Phase, Status
from gate.model.document import Build, Finding
from gate.model.facts import PushAttempt

RUN = "run"
# Why no answer came, by the words of `HttpAnswer.error`, for a person.
NO_ANSWER: Final = {
    "connect": "no connection",
    "tls": "its certificate can't be trusted",
    "timeout": "no answer in time",
    "refused-host": "not asked: the settings don't allow this host, or not by plain http",
}


def finding(
    code: str,
    subject: str,
    summary: str,
    *,
    phase: Phase | str = RUN,
    status: Status | None = None,
    evidence: Iterable[str] = (),
) -> Finding:
    """A finding with its remedy. ``status`` is needed where the code may have several.

    Raises ValueError for a status that the registry does not grant to the code: a defect of ours, never of the
    evidence.
    """
    row = BY_CODE[code]
    chosen = status if status is not None else row.statuses[0]
    if chosen not in row.statuses or (status is None and len(row.statuses) > 1):
        raise ValueError(f"code {code} may have {row.statuses}, got {status}")
    return Finding(
        code=code,
        status=chosen,
        subject=subject,
        phase=str(phase),
        summary=summary,
        remedy=row.remedy,
        evidence=tuple(evidence),
    )


def how_ended(child: Build | PushAttempt) -> str:
    """How a child process ended, for a summary: its exit code or the signal, and who ended it."""
    end = f"exit {child.exit}" if child.exit is not None else "no exit code"
    if child.signal is not None:
        end = f"signal {child.signal}"
    return f"{end}, ended by {child.ended_by or 'itself'}"


def pointer(*parts: str | int) -> str:
    """A JSON pointer (RFC 6901) into ``evidence.json``."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
