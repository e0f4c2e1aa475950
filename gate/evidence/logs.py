"""Server log and build log captures → events and a ledger. Logs can be forged, so they may only lower a verdict."""

from collections.abc import Iterable, Sequence

from gate.model.basics import Phase, Truth
from gate.model.document import Build, Canary, ServerLog
from gate.model.parsed import BuildLedger, LogEvent
from gate.model.records import BuildFacts, ChildEnded, LogCanarySent
from gate.parse.nix_log import NixLogParser
from gate.parse.server_log import find_nonces, parse_server_log

_EVENTS_KEPT = 500
_CANARY_STATUS = 500


def fold_server_log(
    log: Iterable[bytes] | None, canaries: Sequence[LogCanarySent], *, cut: bool
) -> tuple[ServerLog, dict[Phase, Canary]]:
    """The log of the window and the canaries; it is present only when the nonces of both phases are in it."""
    data = b"".join(log or ())
    found = find_nonces(data, [canary.nonce for canary in canaries])
    by_phase = {
        canary.phase: Canary(
            nonce=canary.nonce,
            answered=_answered(canary),
            logged=Truth.UNKNOWN if log is None else _truth(there=canary.nonce in found),
        )
        for canary in canaries
    }
    both = all(phase in by_phase and by_phase[phase].logged is Truth.PRESENT for phase in (Phase.PRE, Phase.POST))
    events = parse_server_log(data)
    return (
        ServerLog(
            truth=Truth.PRESENT if both and not cut else Truth.UNKNOWN,
            events=_first_storage_events(events),
            event_count=len(events),
            cut=cut,
        ),
        by_phase,
    )


def _first_storage_events(events: Sequence[LogEvent]) -> tuple[LogEvent, ...]:
    coded = [event for event in events if event.code is not None]
    return tuple((coded or list(events))[:_EVENTS_KEPT])


def _answered(canary: LogCanarySent) -> Truth:
    if canary.answer.status is None:
        return Truth.UNKNOWN
    return _truth(there=canary.answer.status == _CANARY_STATUS)


def _truth(*, there: bool) -> Truth:
    return Truth.PRESENT if there else Truth.ABSENT


def fold_build(facts: BuildFacts | None, ended: ChildEnded | None, log: Iterable[bytes] | None) -> Build | None:
    """The build, with its ledger where the log was captured; None when no build was begun."""
    if facts is None:
        return None
    return Build(
        installable=facts.installable,
        derivation=facts.derivation,
        outputs=facts.outputs,
        substituters=facts.substituters,
        cache_among_substituters=facts.cache_among_substituters,
        fallback=facts.fallback,
        nix_version=facts.nix_version,
        exit=ended.exit if ended else None,
        signal=ended.signal if ended else None,
        ended_by=ended.ended_by if ended else None,
        ledger=None if log is None else _ledger(log, ended),
    )


def _ledger(log: Iterable[bytes], ended: ChildEnded | None) -> BuildLedger:
    parser = NixLogParser(exit_code=ended.exit if ended else None)
    for chunk in log:
        parser.feed(chunk)
    return parser.finish()
