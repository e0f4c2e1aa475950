"""The server's log: it may only lower the verdict, and only with its canaries is its silence worth anything.

A line that is not understood is doubt, and so is every error and warning that is not known to be harmless.

Each replica that answered its canary must have it in its log. One that no canary is known to have come to
is a note: what it logged is looked at all the same, and its silence proves nothing.
"""

from collections import Counter
from collections.abc import Iterator

from gate import limits
from gate.judge.finding import finding
from gate.model.basics import Phase, Truth
from gate.model.captures import ReplicaLog, StoreLog
from gate.model.document import Facts, Finding, ServerEvent, ServerLog, Skew
from gate.parse.server_log import is_doubt, speaks_of_storage

ABSENT_SOURCE = "server-log"
_EVENTS = "/server_log/events"


def check_server_log(facts: Facts) -> Iterator[Finding]:
    """One row for the window, and one more for each thing in it that lowers the verdict."""
    doubts = (*_unread(facts), *_storage(facts), *_unexplained(facts), *_restarted(facts), *_skewed(facts))
    yield from doubts
    if ABSENT_SOURCE in facts.policy.absent:
        yield finding("log-not-here", "server-log", "the policy lists the server's log as absent")
        return
    yield from _replicas(facts)
    where = ("/server_log",)
    canaries = (facts.pre.canary, facts.post.canary)
    logged = [canary.logged.value if canary else "not sent" for canary in canaries]
    if facts.server_log.truth is Truth.PRESENT:
        if not doubts:
            yield finding(
                "log-clean", "server-log", f"both canaries found, {facts.server_log.event_count} events", evidence=where
            )
        return
    silent = [f"{row.pod} ({phase.value})" for phase, row in _rows(facts) if row.logged is Truth.ABSENT]
    absent = any(canary is None or canary.logged is Truth.ABSENT for canary in canaries)
    if facts.server_log.unread_lines and not (absent or silent or facts.server_log.cut):
        return  # what is not understood may be the canaries
    is_answered = any(canary is not None and canary.logged is not Truth.UNKNOWN for canary in canaries)
    code = "log-canary-missing" if is_answered else "log-unobservable"
    summary = f"canaries in the captured log: before {logged[0]}, after {logged[1]}; cut: {facts.server_log.cut}"
    if silent:
        summary += f"; not in the log of the replica that answered it: {', '.join(silent)}"
    yield finding(code, "server-log", summary, evidence=where)


def unreadable(log: ServerLog | StoreLog, subject: str, where: str) -> Finding:
    """The row for a log with lines that are not understood: an error may be in them."""
    return finding("log-unreadable", subject, unreadable_summary(log), evidence=(where,))


def unreadable_summary(log: ServerLog | StoreLog) -> str:
    """What is said of such a log, by a run and by doctor."""
    lines = "a line that is" if log.unread_lines == 1 else f"{log.unread_lines} lines that are"
    events = "no event at all" if log.parsed_count == 0 else f"{log.parsed_count} events"
    return f"the log of the window has {events}, and {lines} not understood, the first: {log.first_unread}"


def _unread(facts: Facts) -> Iterator[Finding]:
    if facts.server_log.unread_lines:
        yield unreadable(facts.server_log, "server-log", "/server_log/unread_lines")


def _rows(facts: Facts) -> Iterator[tuple[Phase, ReplicaLog]]:
    for phase, observation in ((Phase.PRE, facts.pre), (Phase.POST, facts.post)):
        for row in observation.replicas:
            yield phase, row


def _replicas(facts: Facts) -> Iterator[Finding]:
    """A note on each replica; none of them is the claim itself, whose subject is the server's log."""
    where = ("/pre/replicas", "/post/replicas")
    by_pod: dict[str, list[tuple[Phase, ReplicaLog]]] = {}
    for phase, row in _rows(facts):
        by_pod.setdefault(row.pod, []).append((phase, row))
    for pod, rows in sorted(by_pod.items()):
        summary = "; ".join(f"{phase.value}: {_of_replica(row)}" for phase, row in rows)
        is_read = all(row.logged is Truth.PRESENT for _, row in rows)
        code = "log-replica-read" if is_read else "log-replica-unknown"
        yield finding(code, f"replica {pod}", summary, evidence=where)
    for name, observation in (("pre", facts.pre), ("post", facts.post)):
        if observation.replicas_error:
            yield finding("log-replica-unknown", f"replicas {name}", observation.replicas_error, evidence=where)


def _of_replica(row: ReplicaLog) -> str:
    route = {"address": "by its address", "proxy": "through the API server", None: "by no way"}[row.route]
    canary = f"answered its canary {route}" if row.answered else "sent no canary" if not row.note else row.note
    return f"{canary}; in its own log: {row.logged.value}"


def _storage(facts: Facts) -> Iterator[Finding]:
    events = [event for event in facts.server_log.events if speaks_of_storage(event)]
    if events:
        alone = sum(event.explained is None for event in events)
        rest = f"; at the time of {alone} of them nothing of this run failed" if alone else ""
        yield finding(
            "log-storage-error",
            "server-log",
            f"the server logged {_event_text(events)} in the window{rest}",
            evidence=(_EVENTS,),
        )


def _unexplained(facts: Facts) -> Iterator[Finding]:
    log = facts.server_log
    if log.unexplained:
        events = [event for event in log.events if event.explained is None and is_doubt(event)]
        first = events[0]
        request = f" ({first.request})" if first.request else ""
        yield finding(
            "log-unexplained-error",
            "server-log",
            f"the server logged {log.unexplained} × an error or a warning that no failed path, failed read or canary "
            f"of this run explains, the first at {first.at or 'an unknown time'}{request}: {first.message}",
            evidence=(_EVENTS,),
        )


def _restarted(facts: Facts) -> Iterator[Finding]:
    if facts.server_log.restarts:
        yield finding(
            "log-server-restarted",
            "server-log",
            f"the server's log says {facts.server_log.restarts} times that it starts, in the window",
            evidence=("/server_log/restarts",),
        )


def _skewed(facts: Facts) -> Iterator[Finding]:
    skew = facts.server_log.skew
    if skew is not None and _least_millis(skew) > limits.LOG_SKEW_SECONDS * 1000:
        yield finding(
            "log-clock-skew",
            "server-log",
            f"the server's clock is {skew.low_millis / 1000:+.1f} to {skew.high_millis / 1000:+.1f} s off ours: "
            f"expected at most {limits.LOG_SKEW_SECONDS} s",
            evidence=("/server_log/skew",),
        )
    for phase, row in _rows(facts):
        own = Skew(low_millis=row.skew[0], high_millis=row.skew[1]) if row.skew else None
        if own is not None and _least_millis(own) > limits.LOG_SKEW_SECONDS * 1000:
            summary = f"{own.low_millis / 1000:+.1f} to {own.high_millis / 1000:+.1f} s off ours"
            yield finding(
                "log-clock-skew",
                "server-log",
                f"the clock of the replica {row.pod} is {summary}: expected at most {limits.LOG_SKEW_SECONDS} s",
                evidence=(f"/{phase.value}/replicas",),
            )


def _least_millis(skew: Skew) -> int:
    """How far the clocks are apart at least."""
    return max(skew.low_millis, -skew.high_millis, 0)


def _event_text(events: list[ServerEvent]) -> str:
    coded = Counter(event.code for event in events)
    return ", ".join(f"{count} × {code}" for code, count in sorted(coded.items(), key=str))
