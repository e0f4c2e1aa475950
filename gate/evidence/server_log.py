"""Server log and build log captures → events and a ledger. Logs can be forged, so they may only lower a verdict."""

from collections.abc import Container, Iterable, Mapping, Sequence

from gate import limits
from gate.evidence.log_join import Explanation, Failure, LogJoin, measure_skew
from gate.evidence.replicas import fold_replicas, nonces_of
from gate.model.basics import Phase, Truth
from gate.model.captures import ReplicaLog
from gate.model.document import Build, Canary, ServerEvent, ServerLog
from gate.model.parsed import BuildLedger, LogEvent
from gate.model.records import BuildFacts, ChildEnded, Entry, LogCanarySent
from gate.parse.nix_log import NixLogParser
from gate.parse.server_log import ServerLogParser, find_nonces, is_doubt, is_of_canary, speaks_of_storage

_CANARY_STATUS = 500


def fold_server_log(
    log: Iterable[bytes] | None, entries: Sequence[Entry], failures: Sequence[Failure], *, cut: bool
) -> tuple[ServerLog, dict[Phase, Canary], dict[Phase, tuple[ReplicaLog, ...]]]:
    """The log of the window, the canaries, and what is known of each replica's own log.

    It is present only when the canaries of both phases are events of it, those of the replicas are events of their own,
    and every line was understood. ``entries`` are the journal's, ``failures`` those of `failures_of`. The log is cut,
    too, where it has more events than are kept.
    """
    data = b"".join(log or ())
    parser = ServerLogParser()
    parser.feed(data)
    events = parser.finish()
    sent = [(entry, entry.record) for entry in entries if isinstance(entry.record, LogCanarySent)]
    logged = {record.nonce: _first(events, record.nonce) for _, record in sent}
    unread = (
        frozenset(logged) if log is None else find_nonces(data, logged) if parser.unread_lines else frozenset[str]()
    )
    by_phase = _canaries(sent, {nonce: events[at] for nonce, at in logged.items() if at is not None}, unread)
    both = all(phase in by_phase and by_phase[phase].logged is Truth.PRESENT for phase in (Phase.PRE, Phase.POST))
    cut = cut or parser.dropped > 0
    skew = measure_skew((entry, events[at]) for entry, record in sent if (at := logged[record.nonce]) is not None)
    own = {nonce: _first(events, nonce) for nonce in nonces_of(entries)}
    own_at = {nonce: None if at is None else events[at].at for nonce, at in own.items()}
    replicas = fold_replicas(entries, None if log is None else events, own_at)
    silent = any(row.logged is Truth.ABSENT for rows in replicas.values() for row in rows)
    firsts = (*logged.values(), *own.values())
    ours = [at for at in firsts if at is not None and not speaks_of_storage(events[at])]
    join = LogJoin(events, ours, failures, skew)
    explained = join.explanations()
    shown = _shown(events, explained)
    return (
        ServerLog(
            truth=Truth.PRESENT if both and not (cut or silent or parser.unread_lines) else Truth.UNKNOWN,
            events=tuple(_event(events[at], explained[at]) for at in shown),
            event_count=len(events) + parser.dropped,
            cut=cut,
            unexplained=sum(_unexplained(event, why) for event, why in zip(events, explained, strict=True)),
            restarts=parser.starts,
            skew=skew,
            near=join.near_failures({index: number for number, index in enumerate(shown)}),
            parsed_count=parser.seen,
            unread_lines=parser.unread_lines,
            first_unread=parser.first_unread,
        ),
        by_phase,
        replicas,
    )


def _canaries(
    sent: Sequence[tuple[Entry, LogCanarySent]], logged: Mapping[str, LogEvent], unread: Container[str]
) -> dict[Phase, Canary]:
    """Each phase's canary; it is unknown, not absent, whether one was logged that may be in lines not understood."""
    return {
        record.phase: Canary(
            nonce=record.nonce,
            answered=_answered(record),
            logged=Truth.UNKNOWN
            if record.nonce in unread and record.nonce not in logged
            else _truth(there=record.nonce in logged),
            answered_at=entry.at,
            logged_at=logged[record.nonce].at if record.nonce in logged else None,
        )
        for entry, record in sent
    }


def _first(events: Sequence[LogEvent], nonce: str) -> int | None:
    return next((index for index, event in enumerate(events) if is_of_canary(event, nonce)), None)


def _unexplained(event: LogEvent, explained: Explanation | None) -> bool:
    return explained is None and is_doubt(event)


def _shown(events: Sequence[LogEvent], explained: Sequence[Explanation | None]) -> list[int]:
    """Which events are shown, in their order: those of the store first, then those that nothing explains."""

    def rank(index: int) -> int:
        return 0 if speaks_of_storage(events[index]) else 1 if _unexplained(events[index], explained[index]) else 2

    return sorted(sorted(range(len(events)), key=rank)[: limits.LOG_EVENTS_SHOWN])


def _event(event: LogEvent, explained: Explanation | None) -> ServerEvent:
    return ServerEvent(
        at=event.at,
        level=event.level,
        target=event.target,
        code=event.code,
        message=event.message,
        source=event.source,
        request=event.request,
        origin=event.origin,
        explained=explained,
    )


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
        trusted_public_keys=facts.trusted_public_keys,
    )


def _ledger(log: Iterable[bytes], ended: ChildEnded | None) -> BuildLedger:
    parser = NixLogParser(exit_code=ended.exit if ended else None)
    for chunk in log:
        parser.feed(chunk)
    return parser.finish()
