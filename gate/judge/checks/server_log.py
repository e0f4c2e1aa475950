"""The server's log: it may only lower the verdict, and only with both canaries is its silence worth anything."""

from collections import Counter
from collections.abc import Iterator

from gate.judge.finding import finding
from gate.model.basics import Truth
from gate.model.document import Facts, Finding
from gate.model.parsed import LogEvent

ABSENT_SOURCE = "server-log"


def check_server_log(facts: Facts) -> Iterator[Finding]:
    """One row for the window, and one when it has storage errors."""
    where = ("/server_log",)
    coded = Counter(event.code for event in facts.server_log.events if is_storage(event))
    if coded:
        told = ", ".join(f"{count} × {code}" for code, count in sorted(coded.items(), key=str))
        yield finding("log-storage-error", "server-log", f"the server logged {told} in the window", evidence=where)
    if ABSENT_SOURCE in facts.policy.absent:
        yield finding("log-not-here", "server-log", "the policy lists the server's log as absent")
        return
    canaries = (facts.pre.canary, facts.post.canary)
    logged = [canary.logged.value if canary else "not sent" for canary in canaries]
    if facts.server_log.truth is Truth.PRESENT:
        if not coded:
            yield finding(
                "log-clean", "server-log", f"both canaries found, {facts.server_log.event_count} events", evidence=where
            )
        return
    seen = any(canary is not None and canary.logged is not Truth.UNKNOWN for canary in canaries)
    code = "log-canary-missing" if seen else "log-unobservable"
    summary = f"canaries in the captured log: before {logged[0]}, after {logged[1]}; cut: {facts.server_log.cut}"
    yield finding(code, "server-log", summary, evidence=where)


def is_storage(event: LogEvent) -> bool:
    """Whether an event speaks of the store: ``HTTP <status>`` lines are answers to clients, the canary's among them."""
    return event.code is not None and not event.code.startswith("HTTP ")
