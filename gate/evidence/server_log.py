"""Folds the captured server log into events, and the build log into a ledger.

A log can be forged, so it may lower a verdict and never raise it. Each replica's canary shows whether the captured log
has what that replica logged.
"""

from collections.abc import Container, Iterable, Mapping, Sequence

from gate import limits
from gate.evidence.log_join import Explanation, Failure, LogJoin, measure_skew
from gate.model.basics import Phase, Truth
from gate.model.captures import ReplicaCanaries, ReplicaCanary, ReplicaLog
from gate.model.document import Build, Canary, ServerEvent, ServerLog
from gate.model.parsed import BuildLedger, LogEvent
from gate.model.records import BuildFacts, ChildEnded, Entry, LogCanarySent
from gate.model.time import parse_time
from gate.parse.nix_log import NixLogParser
from gate.parse.server_log import ServerLogParser, find_nonces, is_doubt, is_of_canary, speaks_of_storage

_CANARY_STATUS = 500
_PARTS = 2  # of `pod/NAME/CONTAINER`, after the first
ONLY_ONE = "the only replica: the endpoint's canary must be in its log"


def fold_server_log(
    log: Iterable[bytes] | None, entries: Sequence[Entry], failures: Sequence[Failure], *, cut: bool
) -> tuple[ServerLog, dict[Phase, Canary], dict[Phase, tuple[ReplicaLog, ...]]]:
    """The server's log of the run, the canary of each phase, and each replica's own log.

    The log is present only where it has the canaries of both phases, each replica's canary is in that replica's log,
    and every line was understood. ``entries`` are the journal's, ``failures`` those of `failures_of`. The log counts as
    cut, too, where it has more events than are kept.
    """
    data = b"".join(log or ())
    parser = ServerLogParser()
    parser.feed(data)
    events = parser.finish()
    sent = [(entry, entry.record) for entry in entries if isinstance(entry.record, LogCanarySent)]
    logged = {record.nonce: _first(events, record.nonce) for _, record in sent}
    unread = frozenset(logged) if log is None else frozenset[str]()
    if log is not None and parser.unread_lines:
        unread = frozenset(find_nonces(data, logged))
    by_phase = _canaries(sent, {nonce: events[at] for nonce, at in logged.items() if at is not None}, unread)
    has_both = all(phase in by_phase and by_phase[phase].logged is Truth.PRESENT for phase in (Phase.PRE, Phase.POST))
    cut = cut or parser.dropped > 0
    skew = measure_skew((entry, events[at]) for entry, record in sent if (at := logged[record.nonce]) is not None)
    replica_events = {nonce: _first(events, nonce) for nonce in nonces_of(entries)}
    replica_times = {nonce: None if at is None else events[at].at for nonce, at in replica_events.items()}
    replicas = fold_replicas(entries, None if log is None else events, replica_times)
    silent = any(row.logged is Truth.ABSENT for rows in replicas.values() for row in rows)
    firsts = (*logged.values(), *replica_events.values())
    canaries = [at for at in firsts if at is not None and not speaks_of_storage(events[at])]
    join = LogJoin(events, canaries, failures, skew)
    explanations = join.explanations()
    indices = _shown_events(events, explanations)
    return (
        ServerLog(
            truth=Truth.PRESENT if has_both and not (cut or silent or parser.unread_lines) else Truth.UNKNOWN,
            events=tuple(_event(events[at], explanations[at]) for at in indices),
            event_count=len(events) + parser.dropped,
            cut=cut,
            unexplained=sum(map(_unexplained, events, explanations)),
            restarts=parser.starts,
            skew=skew,
            near=join.near_failures({index: number for number, index in enumerate(indices)}),
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
    """The canary of each phase. One that may be in a line that was not understood is unknown, not absent."""
    return {
        record.phase: Canary(
            nonce=record.nonce,
            answered=Truth.UNKNOWN
            if record.answer.status is None
            else _truth(is_there=record.answer.status == _CANARY_STATUS),
            logged=Truth.UNKNOWN
            if record.nonce in unread and record.nonce not in logged
            else _truth(is_there=record.nonce in logged),
            answered_at=entry.at,
            logged_at=logged[record.nonce].at if record.nonce in logged else None,
        )
        for entry, record in sent
    }


def _first(events: Sequence[LogEvent], nonce: str) -> int | None:
    return next((index for index, event in enumerate(events) if is_of_canary(event, nonce)), None)


def _unexplained(event: LogEvent, explained: Explanation | None) -> bool:
    return explained is None and is_doubt(event)


def _shown_events(events: Sequence[LogEvent], explanations: Sequence[Explanation | None]) -> list[int]:
    """The indices of the events that are shown, in order; the store's come first, then those that nothing explains."""

    def rank(index: int) -> int:
        return 0 if speaks_of_storage(events[index]) else 1 if _unexplained(events[index], explanations[index]) else 2

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


def _truth(*, is_there: bool) -> Truth:
    return Truth.PRESENT if is_there else Truth.ABSENT


def nonces_of(entries: Sequence[Entry]) -> tuple[str, ...]:
    """The nonces that replicas answered, so that each must be in a log."""
    return tuple(
        replica.nonce
        for entry in entries
        if isinstance(entry.record, ReplicaCanaries)
        for replica in entry.record.replicas
        if replica.answered
    )


def fold_replicas(
    entries: Sequence[Entry], events: Sequence[LogEvent] | None, logged_at: Mapping[str, str | None]
) -> dict[Phase, tuple[ReplicaLog, ...]]:
    """The replicas of each phase, by the events of the captured log; ``events`` is None where no log was captured.

    ``logged_at`` has the server's own time of the event with each nonce.
    """
    looks = [entry.record for entry in entries if isinstance(entry.record, ReplicaCanaries)]
    endpoint = {entry.record.phase: entry.record.nonce for entry in entries if isinstance(entry.record, LogCanarySent)}
    nonces = [*endpoint.values(), *nonces_of(entries)]
    pods = {nonce: pods_of_canary(events or (), nonce) for nonce in nonces} if looks else {}
    return {
        look.phase: tuple(
            ReplicaLog(
                pod=replica.pod,
                route=replica.route,
                answered=replica.answered,
                logged=Truth.UNKNOWN if events is None else _logged(replica, endpoint.get(look.phase, ""), pods),
                note=replica.error or ("" if replica.nonce else ONLY_ONE),
                skew=_skew(replica, logged_at.get(replica.nonce)),
            )
            for replica in look.replicas
        )
        for look in looks
    }


def pods_of_canary(events: Sequence[LogEvent], nonce: str) -> frozenset[str]:
    """The pods in whose log this canary is an event, by what ``kubectl logs --prefix`` put before each line.

    kubectl writes that prefix itself, so no line of a pod can pass for one of another pod.
    """
    origins = (event.origin or "" for event in events if is_of_canary(event, nonce))
    return frozenset(
        origin.split("/")[1] for origin in origins if origin.startswith("pod/") and origin.count("/") == _PARTS
    )


def _skew(replica: ReplicaCanary, logged_at: str | None) -> tuple[int, int] | None:
    """The canary was logged between its request and its answer, which bounds the difference of the clocks."""
    answered, logged = parse_time(replica.answered_at), parse_time(logged_at)
    if answered is None or logged is None:
        return None
    lead = round((logged - answered).total_seconds() * 1000)
    return lead, lead + replica.millis


def _logged(replica: ReplicaCanary, endpoint: str, pods: Mapping[str, frozenset[str]]) -> Truth:
    """Whether the replica's log has its own canary, or, where that was not answered, shows the endpoint's canary."""
    nonce = replica.nonce if replica.answered else endpoint
    if replica.pod in pods.get(nonce, ()):
        return Truth.PRESENT
    return Truth.ABSENT if replica.answered else Truth.UNKNOWN


def fold_build(facts: BuildFacts | None, ended: ChildEnded | None, log: Iterable[bytes] | None) -> Build | None:
    """The build, with its ledger where the log was captured; None where no build began."""
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
