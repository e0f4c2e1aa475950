"""Each replica's canary in its own log: what is missing there blocks, and what no canary came to is a plain note."""

from dataclasses import replace

import pytest

from gate.evidence.server_log import ONLY_ONE, pods_of_canary
from gate.judge.verdict import judge
from gate.model import records
from gate.model.basics import Phase, Status, Truth
from gate.model.captures import ReplicaCanaries, ReplicaCanary
from gate.model.document import Finding
from gate.parse.server_log import parse_server_log
from tests.helpers import runs
from tests.helpers.runs import Run, healthy

PLACE = "kubectl://nix-cache/deployment/attic?container=attic"
PODS = ("attic-a", "attic-b")
Lines = dict[str, list[str]]  # of each pod the nonces in its log
MISSING = ("log-canary-missing", "inconclusive")
UNREADABLE = ("log-unreadable", "inconclusive")


def nonce(phase: Phase, number: int) -> str:
    return f"gate-canary-{phase.value}-r{number}zaa"


def sent(phase: Phase, *pods: str, **changes: object) -> ReplicaCanaries:
    rows = (
        ReplicaCanary(
            pod=pod,
            uid=f"uid-{pod}",
            nonce=nonce(phase, number),
            route="proxy",
            answered=True,
            answered_at="2026-11-24T00:00:05.000Z" if phase is Phase.PRE else "2026-11-24T00:00:38.000Z",
            millis=3,
        )
        for number, pod in enumerate(pods, 1)
    )
    return replace(ReplicaCanaries(phase=phase, place=PLACE, replicas=tuple(rows)), **changes)  # type: ignore[arg-type]  # test


def whole() -> Lines:
    """Two replicas; the endpoint's canary reached the first before, and the second after."""
    return {
        "attic-a": [runs.PRE_NONCE, nonce(Phase.PRE, 1), nonce(Phase.POST, 1)],
        "attic-b": [nonce(Phase.PRE, 2), nonce(Phase.POST, 2), runs.POST_NONCE],
    }


def log(lines: Lines) -> bytes:
    output: list[str] = []
    for pod, nonces in lines.items():
        for each in nonces:
            second = "05" if "-pre-" in each else "38"
            output += [
                f"[pod/{pod}/attic] 2026-11-24T00:00:{second}.000799Z ERROR attic_server::error: Error.\n",
                f"[pod/{pod}/attic]            with method=GET uri=/main/{each}.narinfo version=HTTP/1.1\n",
            ]
    return "".join(output).encode()


def run(pre: ReplicaCanaries | None, post: ReplicaCanaries | None, lines: Lines) -> Run:
    result = healthy().with_file("server.log", log(lines))
    rows: list[records.Record] = []
    for record in result.records:
        rows.append(record)
        if isinstance(record, records.LogCanarySent):
            look = pre if record.phase is Phase.PRE else post
            rows += [look] if look is not None else []
    closed = runs.closed("server.log", log(lines))
    remaining = (closed if isinstance(row, records.CaptureClosed) and row.name == "server.log" else row for row in rows)
    return Run(tuple(remaining), result.files)


def healthy_with(looks: tuple[ReplicaCanaries, ReplicaCanaries], text: bytes) -> Run:
    return run(*looks, whole()).with_file("server.log", text)


def found(of: Run, code: str) -> dict[str, Finding]:
    return {row.subject: row for row in of.judged()[0] if row.code == code}


def test_every_replicas_log_is_known_to_be_read() -> None:
    result = run(sent(Phase.PRE, *PODS), sent(Phase.POST, *PODS), whole())
    assert (result.word(), result.rows()) == ("pass", set())
    rows = found(result, "log-replica-read")
    assert list(rows) == ["replica attic-a", "replica attic-b"]
    assert {row.status for row in rows.values()} == {Status.PASS}
    way = "answered its canary through the API server; in its own log: present"
    assert rows["replica attic-a"].summary == f"pre: {way}; post: {way}"
    facts = result.facts()
    assert [(row.pod, row.answered, row.logged, row.note) for row in facts.pre.replicas] == [
        ("attic-a", True, Truth.PRESENT, ""),
        ("attic-b", True, Truth.PRESENT, ""),
    ]
    events = {event.explained for event in facts.server_log.events}
    assert events == {"canary"}


@pytest.mark.parametrize("phase", [Phase.PRE, Phase.POST])
def test_a_replica_that_answered_and_did_not_log_it_blocks(phase: Phase) -> None:
    lines = whole()
    lines["attic-b"].remove(nonce(phase, 2))
    result = run(sent(Phase.PRE, *PODS), sent(Phase.POST, *PODS), lines)
    assert (result.word(), result.rows()) == ("inconclusive", {MISSING})
    assert result.judged()[1].exit_code == 3
    (row,) = found(result, "log-canary-missing").values()
    assert row.subject == "server-log"
    assert row.summary.endswith(f"; not in the log of the replica that answered it: attic-b ({phase.value})")
    assert "log-clean" not in {finding.code for finding in result.judged()[0]}
    assert list(found(result, "log-replica-unknown")) == ["replica attic-b"]


def test_a_canary_in_another_replicas_log_is_none() -> None:
    lines = whole()
    lines["attic-b"].remove(nonce(Phase.POST, 2))
    lines["attic-a"].append(nonce(Phase.POST, 2))
    assert run(sent(Phase.PRE, *PODS), sent(Phase.POST, *PODS), lines).rows() == {MISSING}


def test_the_endpoints_canary_does_not_stand_for_a_lost_one_of_the_replica() -> None:
    lines = whole()
    lines["attic-a"].remove(nonce(Phase.PRE, 1))
    assert run(sent(Phase.PRE, *PODS), sent(Phase.POST, *PODS), lines).rows() == {MISSING}


def unreached(look: ReplicaCanaries, number: int, why: str) -> ReplicaCanaries:
    rows = list(look.replicas)
    rows[number] = replace(rows[number], route=None, answered=False, answered_at=None, error=why)
    return replace(look, replicas=tuple(rows))


def test_a_replica_that_no_canary_came_to_is_a_note_with_the_reason() -> None:
    lines = whole()
    lines["attic-b"] = [runs.POST_NONCE]
    why = "through the API server: forbidden"
    pre, post = (unreached(sent(phase, *PODS), 1, why) for phase in (Phase.PRE, Phase.POST))
    result = run(pre, post, lines)
    assert (result.word(), result.rows()) == ("pass", set())
    (row,) = found(result, "log-replica-unknown").values()
    assert (row.subject, row.status) == ("replica attic-b", Status.PASS)
    # After, the endpoint's canary came to it, so that its log is known to be read; before, none did.
    assert row.summary == f"pre: {why}; in its own log: unknown; post: {why}; in its own log: present"
    assert "pods/proxy" in row.remedy


def test_a_note_is_not_the_claim_that_a_pass_needs() -> None:
    """Without the endpoint's canary after, the replicas' notes stand there, and nothing passes by them."""
    lines = whole()
    lines["attic-b"].remove(runs.POST_NONCE)
    result = run(sent(Phase.PRE, *PODS), sent(Phase.POST, *PODS), lines)
    assert len(found(result, "log-replica-read")) == 2
    assert (result.word(), result.rows()) == ("inconclusive", {MISSING})
    assert "not in the log of the replica" not in found(result, "log-canary-missing")["server-log"].summary


def test_the_only_replica_has_the_endpoints_canary() -> None:
    only = ReplicaCanary(pod="attic-a", uid="u")
    lines = {"attic-a": [runs.PRE_NONCE, runs.POST_NONCE]}
    looks = [ReplicaCanaries(phase=phase, place=PLACE, replicas=(only,)) for phase in (Phase.PRE, Phase.POST)]
    result = run(looks[0], looks[1], lines)
    assert (result.word(), result.rows()) == ("pass", set())
    (row,) = found(result, "log-replica-read").values()
    assert row.summary == f"pre: {ONLY_ONE}; in its own log: present; post: {ONLY_ONE}; in its own log: present"


def test_replicas_come_and_go_as_before() -> None:
    """A new one has the canary after alone. One that went has its canary before, if its log was still to be had."""
    lines = {"attic-a": whole()["attic-a"], "attic-c": [nonce(Phase.POST, 2), runs.POST_NONCE]}
    lines["attic-b"] = [nonce(Phase.PRE, 2)]
    result = run(sent(Phase.PRE, *PODS), sent(Phase.POST, "attic-a", "attic-c"), lines)
    assert (result.word(), result.rows()) == ("pass", set())
    lines["attic-b"] = []
    assert run(sent(Phase.PRE, *PODS), sent(Phase.POST, "attic-a", "attic-c"), lines).rows() == {MISSING}


def test_replicas_that_could_not_be_told_are_a_note() -> None:
    lines = whole()
    trouble = ReplicaCanaries(phase=Phase.POST, place=PLACE, error="the pods of nix-cache/attic: forbidden")
    result = run(sent(Phase.PRE, *PODS), trouble, lines)
    assert (result.word(), result.rows()) == ("pass", set())
    row = found(result, "log-replica-unknown")["replicas post"]
    assert row.summary == "the pods of nix-cache/attic: forbidden"


def test_without_a_log_nothing_is_known_of_any_replica() -> None:
    result = run(sent(Phase.PRE, *PODS), sent(Phase.POST, *PODS), whole())
    files = {name: data for name, data in result.files.items() if name != "server.log"}
    facts = Run(result.records, files).facts()
    assert {row.logged for row in (*facts.pre.replicas, *facts.post.replicas)} == {Truth.UNKNOWN}
    rows = {(row.code, row.status.value) for row in judge(facts)[0] if row.code.startswith("log-")}
    assert rows == {("log-unobservable", "inconclusive"), ("log-replica-unknown", "pass")}


def test_a_log_that_the_policy_lists_as_absent_has_no_replicas() -> None:
    result = run(sent(Phase.PRE, *PODS), sent(Phase.POST, *PODS), whole()).with_policy(absent=("server-log",))
    assert not [row for row in result.judged()[0] if row.code.startswith("log-replica")]


def test_a_replica_whose_clock_is_off_is_told_by_its_own_canary() -> None:
    looks = [sent(Phase.PRE, *PODS), sent(Phase.POST, *PODS)]
    rows = list(looks[0].replicas)
    rows[1] = replace(rows[1], answered_at="2026-11-24T00:02:00.000Z", millis=500)
    result = run(replace(looks[0], replicas=tuple(rows)), looks[1], whole())
    assert (result.word(), result.rows()) == ("inconclusive", {("log-clock-skew", "inconclusive")})
    (row,) = found(result, "log-clock-skew").values()
    assert (row.subject, row.evidence) == ("server-log", ("/pre/replicas",))
    assert row.summary == "the clock of the replica attic-b is -115.0 to -114.5 s off ours: expected at most 60 s"
    skews = [replica.skew for replica in result.facts().pre.replicas]
    assert skews == [(1, 4), (-114999, -114499)]
    rows[1] = replace(rows[1], answered_at=None)
    unknown = run(replace(looks[0], replicas=tuple(rows)), looks[1], whole())
    assert (unknown.word(), unknown.facts().pre.replicas[1].skew) == ("pass", None)


def test_a_canary_record_out_of_order_proves_nothing() -> None:
    late = healthy().with_record(sent(Phase.PRE, *PODS))
    assert late.rows() >= {("run-disordered", "inconclusive")}


def test_pods_of_a_canary_are_those_before_whose_lines_kubectl_wrote_their_name() -> None:
    request = "ERROR a::b: with method=GET uri=/main/NONCE.narinfo version=1\n"
    data = (
        f"[pod/a-1/attic] 2026-11-24T00:00:05Z {request}"
        f"[pod/a-2/attic] [pod/a-3/attic] {request}"  # a line of a-2 that says what it likes
        f"pod/a-6/attic | {request}"
        f"{request}"
        "[pod/a-4/attic] 2026-11-24T00:00:05Z  INFO a::b: with method=GET uri=/main/NONCE.narinfo version=1\n"
        "[pod/a-5/attic] NONCE\n"
    )
    events = parse_server_log(data.encode())
    assert pods_of_canary(events, "NONCE") == {"a-1", "a-2"}
    assert pods_of_canary(events, "other") == pods_of_canary(events, "") == frozenset()


def test_a_replica_whose_lines_are_not_understood_is_no_clean_log() -> None:
    """The nonce is in the bytes of its log, and no event of it is."""
    looks = sent(Phase.PRE, *PODS), sent(Phase.POST, *PODS)
    text = log(whole()).replace(b"] 2026-11-24T00:00:38.000799Z ERROR attic_server", b"] severity=err attic_server")
    result = healthy_with(looks, text)
    assert result.rows() >= {UNREADABLE, MISSING}
    assert result.word() == "inconclusive"
    assert result.facts().server_log.first_unread.startswith("'[pod/attic-a/attic] severity=err attic_server::error: E")
