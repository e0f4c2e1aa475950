"""Store paths whose bodies may not be there: what was published while, or in a window when, the store could lose it."""

from datetime import UTC, datetime
from typing import Final

from gate.errors import RefusedError
from gate.judge.acceptance import moment
from gate.model.basics import Claim, Kind, Word
from gate.model.document import Evidence

_CLAIMED: Final = (Claim.UPLOADED, Claim.DEDUPLICATED, Claim.ALREADY_CACHED, Claim.UNACCOUNTED)
_EVER: Final = datetime.max.replace(tzinfo=UTC)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
Window = tuple[datetime, datetime]


def in_window(since: str | None, until: str | None) -> Window | None:
    """A window of time; None when neither end is given. Raises `RefusedError` for what is no time."""
    if since is None and until is None:
        return None
    ends = []
    for name, text, default in (("--since", since, _NEVER), ("--until", until, _EVER)):
        made = default if text is None else moment(text)
        if made is None:
            message = f"{name} is {text[:80] if text else text!a}: expected a time such as 2026-05-06T00:00:00Z"
            raise RefusedError(message)
        ends.append(made)
    return ends[0], ends[1]


def suspects_of(evidence: Evidence, window: Window | None = None) -> tuple[str, ...]:
    """Paths of a run that the cache under test may claim to have without having them.

    A run that did not pass is a bad window of its own; with a window every run that overlaps it counts. A body that was
    read back whole counts too: it was read before the store was looked at again.
    """
    bad = evidence.verdict.word in (Word.QUARANTINE, Word.INCONCLUSIVE)
    if evidence.policy.kind is Kind.LAB or not (bad or (window is not None and _overlaps(evidence, window))):
        return ()
    rows = evidence.push.paths
    return tuple(
        sorted({row.store_path for row in rows if row.cache == evidence.policy.attic_cache and row.claim in _CLAIMED})
    )


def _overlaps(evidence: Evidence, window: Window) -> bool:
    began, ended = moment(evidence.started_at) or _NEVER, moment(evidence.ended_at) or _EVER
    return began <= window[1] and ended >= window[0]
