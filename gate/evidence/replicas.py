"""Determines for each replica, by its canary, whether the captured log has what that replica logged."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gate.evidence.log_join import moment
from gate.model.basics import Phase, Truth
from gate.model.captures import ReplicaCanaries, ReplicaCanary, ReplicaLog
from gate.model.parsed import LogEvent
from gate.model.records import Entry, LogCanarySent
from gate.parse.server_log import is_of_canary

_PARTS = 2  # of `pod/NAME/CONTAINER`, after the first
ONLY_ONE = "the only replica: the endpoint's canary must be in its log"


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
            replace(
                _replica(replica, endpoint.get(look.phase, ""), None if events is None else pods),
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


def _replica(replica: ReplicaCanary, endpoint: str, pods: Mapping[str, frozenset[str]] | None) -> ReplicaLog:
    note = replica.error or ("" if replica.nonce else ONLY_ONE)
    return ReplicaLog(
        pod=replica.pod,
        route=replica.route,
        answered=replica.answered,
        logged=Truth.UNKNOWN if pods is None else _logged(replica, endpoint, pods),
        note=note,
    )


def _skew(replica: ReplicaCanary, logged_at: str | None) -> tuple[int, int] | None:
    """The canary was logged between its request and its answer, which bounds the difference of the clocks."""
    answered, logged = moment(replica.answered_at), moment(logged_at)
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
