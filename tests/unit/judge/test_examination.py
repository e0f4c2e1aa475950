"""What doctor makes of what it saw: every check good only on something seen, every bad one an unknown claim."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from gate.judge.codes.doctor import DOCTOR, DOCTOR_BY_CODE
from gate.judge.doctor import check_name, examine
from gate.model import records
from gate.model.basics import BucketState, Phase, Status, Truth, VerdictWord
from gate.model.captures import DiskRoom, DiskSeen, ReplicaLog, StoreLog
from gate.model.doctor import (
    ClockSeen,
    ClusterSeen,
    Examination,
    Examined,
    LogSeen,
    NixSeen,
    RightSeen,
    TokenSeen,
)
from gate.model.document import Facts, Finding
from gate.model.parsed import LogEvent
from gate.model.records import Listening
from tests.helpers import runs
from tests.helpers.runs import answer

PRESENT, ABSENT, UNKNOWN = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN
DATE = "Tue, 24 Nov 2026 00:00:10 GMT"
BEFORE, AFTER = "2026-11-24T00:00:10.200Z", "2026-11-24T00:00:10.300Z"
GRANTED = RightSeen(
    namespace="ns", verb="get", resource="pods/log", object="", sources=("server-log", "markers"), granted=True
)
CLUSTER = ClusterSeen(client="v1.35.2", client_error="", distrust=None, server="v1.35.0", error="", rights=(GRANTED,))
READ = TokenSeen(
    use="read",
    origin="given",
    caches=("main", "probe"),
    rights=("r",),
    grants=(("r",), ("r",)),
    expires="2026-11-24T01:00:10.000Z",
)
PUSH = replace(READ, use="push", rights=("r", "w"), grants=(("r", "w"), ("r", "w")))
NO_PATHS = answer(body='{"missing_paths":[]}')


def clock(of: Any, date: str | None = DATE) -> ClockSeen:
    return ClockSeen(of=of, before=BEFORE, after=AFTER, date=date)


@cache
def facts(**policy: Any) -> Facts:
    run = runs.healthy().with_policy(**policy)
    result = run.change(
        records.RunStarted,
        lambda record: replace(
            record, run=replace(record.run, versions={"nix": "2.8.0", "attic": "attic-client 0.1.0"})
        ),
    )
    return result.facts()


def facts_before_a_run() -> Facts:
    """The same facts as doctor has them: nothing was pushed yet."""
    observation = facts()
    return replace(observation, push=replace(observation.push, attempts=(), paths=()), bodies=())


def examined(**changes: Any) -> Examined:
    observation = facts()
    sample = runs.sample(Phase.PRE, 1)
    result = Examined(
        facts=observation,
        keys_given=True,
        missing_tools=(),
        nix=NixSeen(among=True, trusted=True, error=""),
        refusal=None,
        reached=answer(),
        tokens=(READ, PUSH),
        push={"main": NO_PATHS, "probe": NO_PATHS},
        listing=sample.listing,
        heads=sample.heads,
        gets=sample.gets,
        places=sample.places,
        state=records.StateSeen(phase=Phase.PRE, bucket="b", key="k", head=answer(), lock=answer(404)),
        log=LogSeen(lacking=(), late=False),
        cluster=CLUSTER,
        clocks=(clock("cache"), clock("store"), clock("cluster")),
    )
    return replace(result, **changes)


def with_sample(edit: Any) -> dict[str, Any]:
    """What is seen where the first sample is another one."""
    sample = edit(runs.sample(Phase.PRE, 1))
    run = runs.healthy().change(records.BucketSampled, lambda row: replace(sample, phase=row.phase, number=row.number))
    versions = facts().run
    return {
        "facts": replace(run.facts(), run=versions),
        "listing": sample.listing,
        "heads": sample.heads,
        "gets": sample.gets,
        "places": sample.places,
    }


def bad(made: Examination) -> dict[str, Status]:
    good = (Status.PASS, Status.NOT_APPLICABLE)
    return {check_name(check): check.status for check in made.findings if check.status not in good}


def told(made: Examination, name: str) -> str:
    return check(made, name).summary


def check(made: Examination, name: str) -> Finding:
    (result,) = [row for row in made.findings if check_name(row) == name]
    return result


def unknown(made: Examination) -> set[str]:
    return {f"{claim.family}:{claim.subject}:{claim.phase}" for claim in made.unknown}


def test_what_was_seen_whole_is_a_pass() -> None:
    result = examine(examined())
    assert (bad(result), result.unknown, result.profile) == ({}, (), "medium-check")
    assert (result.verdict.word, result.verdict.exit_code, result.verdict.blocks) == (VerdictWord.PASS, 0, False)
    assert [check.remedy for check in result.findings if check.remedy] == []
    assert list(dict.fromkeys(check.code for check in result.findings)) == list(DOCTOR_BY_CODE)


def policy(**changes: Any) -> dict[str, Any]:
    return {"facts": facts(**changes)}


def versions(**changes: str) -> dict[str, Any]:
    observation = facts()
    return {
        "facts": replace(observation, run=replace(observation.run, versions={**observation.run.versions, **changes}))
    }


def controls(name: str, fired: Truth) -> dict[str, Any]:
    observation = facts()
    rows = tuple(replace(row, fired=fired) if row.name == name else row for row in observation.controls)
    return {"facts": replace(observation, controls=rows)}


def one_process() -> dict[str, Any]:
    """Both workloads name one pid file."""
    observation = facts_before_a_run()
    rows = tuple(replace(row, identity="1:2") for row in observation.pre.workloads)
    return {"facts": replace(observation, pre=replace(observation.pre, workloads=rows))}


def not_listening() -> dict[str, Any]:
    observation = facts_before_a_run()
    other = Listening(truth=Truth.ABSENT, note="process 9 listens")
    rows = tuple(replace(row, listening=other) if row.role == "store" else row for row in observation.pre.workloads)
    return {"facts": replace(observation, pre=replace(observation.pre, workloads=rows))}


def drive(space: DiskRoom | None) -> dict[str, Any]:
    observation = facts_before_a_run()
    disk = DiskSeen(place="file:///data", space=space, error=None if space else "Permission denied")
    return {"facts": replace(observation, pre=replace(observation.pre, disks=(disk,)))}


def test_a_drive_that_can_not_be_looked_at_is_a_note_and_a_full_one_blocks_the_push() -> None:
    unknown = examine(examined(**drive(None)))
    (row,) = [row for row in unknown.findings if check_name(row) == "disk:file:///data"]
    assert (row.status, "Permission denied" in row.summary) == (Status.NOT_APPLICABLE, True)
    assert unknown.verdict.word is VerdictWord.PASS
    full = examine(examined(**drive(DiskRoom(total=100, used=99, free=0))))
    assert full.verdict.word is VerdictWord.INCONCLUSIVE
    assert {claim.family for claim in full.unknown} == {"push"}


def workload(role: str, truth: Truth | None) -> dict[str, Any]:
    observation = facts()
    rows = tuple(
        replace(row, truth=truth, identity=None, error="why") if row.role == role and truth else row
        for row in observation.pre.workloads
        if row.role != role or truth
    )
    return {"facts": replace(observation, pre=replace(observation.pre, workloads=rows))}


def state(**changes: Any) -> dict[str, Any]:
    observation = facts()
    assert observation.pre.state is not None
    return {
        "facts": replace(observation, pre=replace(observation.pre, state=replace(observation.pre.state, **changes)))
    }


def unreadable() -> dict[str, Any]:
    observation = facts()
    return {
        "facts": replace(observation, server_log=replace(observation.server_log, unread_lines=1, first_unread="'x'"))
    }


def canary(answered: Truth | None, logged: Truth = PRESENT) -> dict[str, Any]:
    observation = facts()
    assert observation.pre.canary is not None
    result = replace(observation.pre.canary, answered=answered, logged=logged) if answered else None
    return {"facts": replace(observation, pre=replace(observation.pre, canary=result))}


def cluster(**changes: Any) -> dict[str, Any]:
    return {"cluster": replace(CLUSTER, **changes)}


def clocks(of: str, date: str | None) -> dict[str, Any]:
    return {"clocks": tuple(clock(name, date if name == of else DATE) for name in ("cache", "store", "cluster"))}


def nix(**changes: Any) -> dict[str, Any]:
    return {"nix": replace(NixSeen(among=True, trusted=True, error="it said nothing"), **changes)}


def no_answer(error: str) -> records.HttpAnswer:
    return answer(None, error=error)


DENIED = answer(403, "<Error><Code>AccessDenied</Code></Error>")
RUN, PRE, POST = "run:run:run", "pre", "post"
PUSHED = {"push:canary:run", "push:profile:run", "push:representative:run"}
PUSHED_PATHS = {f"push:{path.store_path}:run" for path in (*runs.CANARIES, *runs.SOURCES)}
MARKED = {"bucket:attic", "bucket:tofu-state"}


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"missing_tools": ("nix-store",)}, "nix", "nix-store not on PATH"),
        ({"missing_tools": ("nix", "nix-store")}, "nix", "nix and nix-store not on PATH"),
        (versions(nix="unknown"), "nix", "version unknown"),
        (versions(nix="2.7.9"), "nix", "version 2.7.9"),
        ({"missing_tools": ("attic",)}, "attic", "the attic client is not on PATH"),
        (versions(attic="attic-client 0.2.0"), "attic", "it says 'attic-client 0.2.0'"),
        (versions(attic="unknown"), "attic", "it says 'unknown'"),
        (cluster(client=None, client_error="kubectl is not on PATH"), "kubectl", "kubectl is not on PATH"),
        (nix(among=False), "substituter", "it is not among them"),
        (nix(among=None), "substituter", "unknown: it said nothing"),
        (nix(trusted=False), "trusted-key", "it is not among them"),
        (
            nix(trouble="Nix gets 401 there: run `attic use main`, or add a netrc (e)"),
            "substituter",
            "it is among them; Nix gets 401 there: run `attic use main`, or add a netrc (e)",
        ),
        (
            nix(weak=("sandbox = false",)),
            "nix",
            "version 2.8.0; a run is refused until nix-settings of [nix] in gate.toml states: sandbox = false",
        ),
        (nix(trusted=None), "trusted-key", "unknown: it said nothing"),
        ({"reached": no_answer("tls")}, "cache-reachable", "its certificate can't be trusted"),
        ({"reached": no_answer("cut")}, "cache-reachable", "no whole answer (cut)"),
        ({"tokens": (TokenSeen(use="read", origin="missing"), PUSH)}, "read-token", "no token is given"),
        ({"tokens": (READ, TokenSeen(use="push", origin="given", error="no JWT"))}, "push-token", "no JWT"),
        (
            {"tokens": (READ, replace(PUSH, rights=("r",), grants=(("r",), ("r",))))},
            "push-token",
            "by its own words r on",
        ),
        ({"tokens": (READ, replace(PUSH, rights=(), grants=((), ())))}, "push-token", "by its own words none on"),
        ({"tokens": (replace(READ, caches=("other", "ma*")), PUSH)}, "read-token", "lacks probe"),
        (
            {"tokens": (replace(READ, expires="2026-11-24T00:00:10.000Z"), PUSH)},
            "read-token",
            "EXPIRED 0 s ago, at 2026-11-24T00:00:10.000Z",
        ),
        (
            {"push": {"main": answer(403, '{"code":403,"error":"AccessError"}'), "probe": NO_PATHS}},
            "push-right:main",
            "HTTP 403 AccessError",
        ),
        ({"push": {"main": NO_PATHS}}, "push-right:probe", "not asked: there is no push token"),
        ({"push": {"main": answer(body="<html>"), "probe": NO_PATHS}}, "push-right:main", "HTTP 200, and The list of"),
        (
            {"push": {"main": answer(body=json.dumps({"missing_paths": ["a" * 32]})), "probe": NO_PATHS}},
            "push-right:main",
            "HTTP 200",
        ),
        (controls("no-token-denied", ABSENT), "no-token-denied", "expected e, got g"),
        (controls("read-only-push-denied", UNKNOWN), "read-only-push-denied", "expected e, got g"),
        (controls("absent-path-404", UNKNOWN), "absent-path-404", "expected e, got g"),
        ({"keys_given": False}, "s3-key", "only one of ID and secret is given"),
        ({"listing": (no_answer("timeout"),)}, "s3-reachable", "no answer in time"),
        (
            {"heads": {"attic": DENIED, "tofu-state": answer()}},
            "bucket-head:attic",
            "AccessDenied: the right is missing",
        ),
        (
            {"heads": {"attic": answer(403), "tofu-state": answer()}},
            "bucket-head:attic",
            "HTTP 403: the right is missing, or",
        ),
        ({"heads": {"attic": no_answer("connect"), "tofu-state": answer()}}, "bucket-head:attic", "no connection"),
        (policy(state_key=""), "state-object", "no state-key is set"),
        (state(truth=ABSENT), "state-object", "tofu-state/runners/terraform.tfstate: HTTP 200"),
        (state(locked=PRESENT), "state-object", "lock present"),
        (state(locked=UNKNOWN), "state-object", "lock unknown (HTTP 404)"),
        ({"state": None}, "state-object", "was not looked at"),
        (policy(state_contents=True), "state-object", "content unread"),
        (workload("store", UNKNOWN), "store-workload", "why at file:///s.pid"),
        (workload("cache", ABSENT), "cache-workload", "why at file:///c.pid"),
        (workload("cache", None), "cache-workload", "not looked at"),
        ({"tree": "the flake has changes that no commit has"}, "flake", "the flake has changes that no commit has"),
        (one_process(), "cache-workload", "cache-workload and store-workload name one process (1:2)"),
        (drive(DiskRoom(total=100, used=99, free=0)), "disk:file:///data", "100 % of its bytes taken, 0 bytes free"),
        (one_process(), "store-workload", "store-workload and cache-workload name one process (1:2)"),
        (not_listening(), "store-workload", "another process answers at the endpoint: process 9 listens"),
        ({"log": LogSeen(lacking=("it was rotated",), late=False)}, "server-log", "it was rotated"),
        ({"log": LogSeen(lacking=(), late=True)}, "log-canary", "it is not in the log"),
        (unreadable(), "server-log", "has 2 events, and a line that is not understood, the first: 'x'"),
        (canary(PRESENT, UNKNOWN), "log-canary", "its name is in the log, and no event of the log is its"),
        (canary(ABSENT), "log-canary", "it is in the log, and the server did not answer it with its 500"),
        (canary(None), "log-canary", "none was sent, and the server did not answer it with its 500"),
        (cluster(distrust="another cluster"), "cluster-trust", "another cluster"),
        (cluster(server=None, error="no route"), "cluster-reachable", "no route"),
        (
            cluster(rights=(replace(GRANTED, granted=False),)),
            "right:ns:get:pods/log",
            "the right is missing (for server-log, markers)",
        ),
        (
            cluster(rights=(replace(GRANTED, granted=None, error="no answer"),)),
            "right:ns:get:pods/log",
            "unknown: no answer (for",
        ),
        (clocks("cache", "Tue, 24 Nov 2026 00:02:00 GMT"), "clock-cache", "110 s ahead of ours"),
        (clocks("store", "Mon, 23 Nov 2026 23:58:00 GMT"), "clock-store", "129 s behind ours"),
        (clocks("cluster", "soon"), "clock-cluster", "its Date is 'soon'"),
        (policy(twin="never"), "representative", "10 fresh paths wanted, twin never"),
    ],
)
def test_each_check_and_what_it_tells(changes: dict[str, Any], name: str, words: str) -> None:
    product = examine(examined(**changes))
    result = check(product, name)
    assert result.status is Status.INCONCLUSIVE
    assert words in result.summary
    assert result.remedy == DOCTOR_BY_CODE[name.partition(":")[0]].remedy
    assert (product.verdict.word, product.verdict.exit_code) == (VerdictWord.INCONCLUSIVE, 3)
    assert any(name in claim.checks for claim in product.unknown)
    assert name in product.verdict.headline


def altered(checks: Mapping[str, Any]) -> Any:
    return lambda sample: replace(sample, **{key: edit(getattr(sample, key)) for key, edit in checks.items()})


def test_a_403_is_a_missing_right_and_never_absence() -> None:
    edit = altered(
        {
            "listing": lambda _: (DENIED,),
            "heads": lambda rows: dict.fromkeys(rows, answer(403)),
            "gets": lambda rows: dict.fromkeys(rows, DENIED),
        }
    )
    result = examine(examined(**with_sample(edit)))
    names = {f"{kind}:{name}" for kind in ("bucket-head", "bucket-get", "bucket") for name in ("attic", "tofu-state")}
    assert bad(result) == dict.fromkeys({"bucket-list", *names}, Status.INCONCLUSIVE)
    assert told(result, "bucket-list") == "HTTP 403 AccessDenied: the right is missing"
    assert told(result, "bucket-get:attic") == "HTTP 403 AccessDenied: the right is missing"
    assert told(result, "bucket:attic").startswith(
        "unobservable: list unknown, head unknown, get unknown, marker present"
    )
    assert unknown(result) == {f"bucket:{name}:{phase.value}" for name in ("attic", "tofu-state") for phase in Phase}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("InvalidAccessKeyId", "the store does not know this key"),
        ("SignatureDoesNotMatch", "the secret of this key is wrong"),
        ("RequestTimeTooSkewed", "the clocks differ too much"),
        ("AllAccessDisabled", "the right is missing"),
    ],
)
def test_not_every_403_is_a_missing_right(code: str, words: str) -> None:
    output = answer(403, f"<Error><Code>{code}</Code></Error>")
    result = examine(examined(**with_sample(altered({"listing": lambda _: (output,)}))))
    assert told(result, "bucket-list") == f"HTTP 403 {code}: {words}"


def test_a_list_that_is_none_is_told_by_its_own_words() -> None:
    result = examine(examined(**with_sample(altered({"listing": lambda _: (answer(body="<html></html>"),)}))))
    assert told(result, "bucket-list").startswith("list: The list of buckets is a <'html'>")
    assert check(result, "s3-reachable").status is Status.PASS


def test_a_lost_index_is_the_failure_class_and_a_bucket_that_never_was_is_not() -> None:
    result = examine(examined(**with_sample(runs.lost)))
    assert bad(result) == {"bucket:attic": Status.FAIL}
    assert check(result, "bucket:attic").remedy == DOCTOR_BY_CODE["bucket"].remedy
    assert (result.verdict.word, result.verdict.exit_code) == (VerdictWord.QUARANTINE, 4)
    assert result.verdict.headline.startswith("A run would end in quarantine: bucket:attic. ")
    absent = altered(
        {
            "places": lambda rows: tuple(
                replace(row, markers=tuple(replace(mark, data=ABSENT, meta=ABSENT) for mark in row.markers))
                for row in rows
            )
        }
    )
    result = examine(examined(**with_sample(lambda sample: absent(runs.lost(sample)))))
    assert bad(result)["bucket:attic"] is Status.INCONCLUSIVE
    assert told(result, "bucket:attic").startswith(f"{BucketState.MISSING.value}: ")


def test_a_read_token_that_may_push_would_be_a_quarantine() -> None:
    result = examine(examined(**controls("read-only-push-denied", ABSENT)))
    assert bad(result) == {"read-only-push-denied": Status.FAIL}
    assert check(result, "read-only-push-denied").remedy == DOCTOR_BY_CODE["read-only-push-denied"].remedy
    assert result.verdict.exit_code == 4


def test_places_that_can_not_be_read() -> None:
    place = runs.sample(Phase.PRE, 1).places[0]
    unread = replace(place, error="no such folder")
    outlier = replace(place, place="file:///b", markers=(replace(place.markers[0], meta=UNKNOWN, error="I/O error"),))
    dumb = replace(place, place="file:///c", markers=(replace(place.markers[0], data=UNKNOWN),))
    result = examine(examined(places=(unread, outlier, dumb, replace(place, place="file:///d"))))
    assert bad(result) == dict.fromkeys(
        ("markers:file:///data", "markers:file:///b", "markers:file:///c"), Status.INCONCLUSIVE
    )
    assert told(result, "markers:file:///data") == "no such folder"
    assert told(result, "markers:file:///b") == "I/O error"
    assert told(result, "markers:file:///c") == "attic could not be read"
    assert told(result, "markers:file:///d") == "read, of 2 buckets"
    assert {claim.subject for claim in result.unknown} == {"attic", "tofu-state"}
    assert bad(examine(examined(places=()))) == {"markers": Status.INCONCLUSIVE}


def test_what_the_caches_refuse_stands_in_place_of_their_own_words() -> None:
    result = examine(examined(refusal="cache main sends its clients to evil.example"))
    assert bad(result) == dict.fromkeys(("cache:main", "cache:probe"), Status.INCONCLUSIVE)
    assert told(result, "cache:main") == "cache main sends its clients to evil.example"
    run = runs.healthy().change(records.CacheConfigSeen, lambda row: replace(row, answer=answer(404)))
    result = examine(examined(facts=replace(run.facts(), run=facts().run)))
    assert bad(result) == dict.fromkeys(("cache:main", "cache:probe"), Status.INCONCLUSIVE)
    assert told(result, "cache:main") == "cache main: HTTP 404"


def test_stated_absences_and_unused_tools_are_not_applicable() -> None:
    absent = ("state", "store-workload", "cache-workload", "server-log")
    result = examine(
        examined(
            facts=facts(absent=absent, cache_public=True),
            log=None,
            state=None,
            cluster=None,
            clocks=(clock("cache", None), clock("store", None), clock("cluster", None)),
        )
    )
    unused = {check_name(check): check.summary for check in result.findings if check.status is Status.NOT_APPLICABLE}
    assert set(unused) == {
        *("no-token-denied", "state-object", "store-workload", "cache-workload", "server-log", "log-canary"),
        *("kubectl", "cluster-trust", "cluster-reachable", "clock-cache", "clock-store", "clock-cluster"),
        *("log-replicas", "store-log", "disk"),
    }
    assert unused["clock-cluster"] == unused["kubectl"] == "no place is in a cluster"
    assert unused["clock-cache"] == "no Date was told, so there is nothing to compare"
    assert (bad(result), result.unknown, result.verdict.exit_code) == ({}, (), 0)


def replicas(*rows: ReplicaLog, error: str = "") -> Facts:
    observation = facts()
    return replace(observation, pre=replace(observation.pre, replicas=rows, replicas_error=error))


def replica(pod: str, note: str = "") -> ReplicaLog:
    return ReplicaLog(pod=pod, route=None if note else "proxy", answered=not note, logged=UNKNOWN, note=note)


def test_each_replicas_canary_is_looked_for() -> None:
    both = replicas(replica("a"), replica("b"))
    result = examine(examined(facts=both))
    assert check(result, "log-replicas").status is Status.PASS
    assert told(result, "log-replicas") == "2 of 2 answered a canary of their own"
    silent = examine(examined(facts=both, log=LogSeen(lacking=(), late=False, silent=("b",))))
    assert bad(silent) == {"log-replicas": Status.INCONCLUSIVE}
    assert told(silent, "log-replicas") == "not in the log of the replica that answered it: b"
    assert unknown(silent) == {"log:server-log:run"}
    unparsed = examine(examined(facts=replicas(replica("a"), replace(replica("b"), logged=ABSENT))))
    assert told(unparsed, "log-replicas") == told(silent, "log-replicas")


def test_a_replica_that_can_not_be_reached_is_told_and_does_not_keep_a_run_from_passing() -> None:
    product = examine(examined(facts=replicas(replica("a"), replica("b", "through the API server: forbidden"))))
    result = check(product, "log-replicas")
    assert (result.status, product.unknown, product.verdict.word) == (Status.NOT_APPLICABLE, (), VerdictWord.PASS)
    assert result.summary == (
        "1 of 2 answered a canary of their own; "
        "unknown whether the log is whole of b: through the API server: forbidden"
    )
    product = examine(examined(facts=replicas(error="the pods of n/attic: forbidden")))
    assert told(product, "log-replicas") == "unknown: the pods of n/attic: forbidden"
    product = examine(examined(facts=replicas(replica("a"))))
    assert told(product, "log-replicas") == "there are no replicas to tell apart"


def test_the_stores_log_is_looked_at_where_one_is_named() -> None:
    assert "would be unknown" in told(examine(examined()), "store-log")
    log = StoreLog(
        place="file:///l", truth=PRESENT, events=(), event_count=0, troubles=0, cut=False, notes=(), parsed_count=1
    )
    names = replace(facts(store_log="file:///l"), store_log=log)
    result = examine(examined(facts=names, store_log=()))
    assert (check(result, "store-log").status, result.unknown) == (Status.PASS, ())
    quiet = examine(examined(facts=replace(names, store_log=replace(log, parsed_count=0)), store_log=()))
    assert (check(quiet, "store-log").status, quiet.unknown) == (Status.NOT_APPLICABLE, ())
    assert "in a run that proves nothing" in told(quiet, "store-log")
    event = LogEvent(at=None, level="WARN", target="t", code="timeout", message="m")
    for changed, words in (
        (replace(log, unread_lines=2, first_unread="'x'"), "2 lines that are not understood, the first: 'x'"),
        (replace(log, events=(event,), troubles=1), "the store logged 1 × timeout in the window"),
    ):
        result = examine(examined(facts=replace(names, store_log=changed), store_log=()))
        assert bad(result) == {"store-log": Status.INCONCLUSIVE}
        assert words in told(result, "store-log")
    result = examine(examined(facts=names, store_log=("it can't be read",)))
    assert bad(result) == {"store-log": Status.INCONCLUSIVE}
    assert told(result, "store-log") == "it can't be read"
    assert unknown(result) == {"log:store-log:run"}
    lacking = replace(CLUSTER, rights=(replace(GRANTED, sources=("store-log",), granted=False),))
    result = examine(examined(facts=names, store_log=(), cluster=lacking))
    assert unknown(result) == {"log:store-log:run"}


def test_the_state_is_read_where_the_policy_says_so() -> None:
    observation = facts(state_contents=True)
    assert observation.pre.state is not None
    state = replace(observation.pre.state, contents=records.StateTold(content="state", serial=3, lineage="a" * 64))
    result = examine(examined(facts=replace(observation, pre=replace(observation.pre, state=state))))
    assert (bad(result), told(result, "state-object").endswith("lock absent, content state")) == ({}, True)


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (
            replace(READ, origin="minted", caches=("main",), grants=(("r",),)),
            "minted; by its own words r on 'main'; expires in 3600 s",
        ),
        (replace(READ, expires=None), "given; by its own words r on 'main', 'probe'; it names no end"),
        (replace(READ, caches=("*",), grants=(("r",),)), "given; by its own words r on '*'; expires in 3600 s"),
    ],
)
def test_tokens_that_do(token: TokenSeen, words: str) -> None:
    result = examine(examined(tokens=(token, PUSH)))
    assert (bad(result), told(result, "read-token")) == ({}, words)


def test_tokens_expire_by_the_caches_own_clock_where_it_tells_one() -> None:
    token = replace(READ, expires="2026-11-24T00:00:30.000Z")
    successor = clocks("cache", "Tue, 24 Nov 2026 00:00:40 GMT")
    assert told(examine(examined(tokens=(token, PUSH), **successor)), "read-token").endswith(
        "EXPIRED 10 s ago, at 2026-11-24T00:00:30.000Z"
    )
    unclear = clocks("cache", None)
    assert told(examine(examined(tokens=(token, PUSH), **unclear)), "read-token").endswith("expires in 20 s")


@pytest.mark.parametrize(
    ("date", "words", "good"),
    [
        ("Tue, 24 Nov 2026 00:00:09 GMT", "0 s behind ours", True),
        ("Tue, 24 Nov 2026 00:00:10 GMT", "it agrees with ours", True),
        ("Tue, 24 Nov 2026 00:01:10 GMT", "60 s ahead of ours", True),
        ("Tue, 24 Nov 2026 00:01:11 GMT", "61 s ahead of ours", False),
        ("Mon, 23 Nov 2026 23:59:10 -0000", "59 s behind ours", True),
        ("Mon, 23 Nov 2026 23:59:09 GMT", "60 s behind ours", False),
    ],
)
def test_the_least_difference_of_clocks_that_a_date_allows_counts(date: str, words: str, good: bool) -> None:
    result = check(examine(examined(**clocks("store", date))), "clock-store")
    assert (result.summary, result.status is Status.PASS) == (words, good)


def test_the_first_line_names_five_checks_and_counts_the_others() -> None:
    result = examine(
        examined(push={}, keys_given=False, **nix(among=False, trusted=False), missing_tools=("attic", "nix"))
    )
    assert result.verdict.headline == (
        "Don't run the probe yet, it could not pass. Fix 7 things first: "
        "nix, attic, substituter, trusted-key, push-right:main and 2 more."
    )


@pytest.mark.parametrize(
    ("changes", "claims"),
    [
        (
            {"missing_tools": ("nix-store",)},
            {
                *(RUN, "build:build:run", "cache:key of main:run", *PUSHED, *PUSHED_PATHS),
                *("tool:programs:run", "tool:settings of Nix:run", "reader:builders:run"),
            },
        ),
        (nix(trusted=False), {"build:build:run", "cache:key of main:run"}),
        ({"keys_given": False}, {"state:tofu-state/runners/terraform.tfstate:post", *MARKED}),
        (workload("store", UNKNOWN), {"epoch:store:post"}),
        (cluster(rights=(replace(GRANTED, granted=False),)), {"log:server-log:run", *MARKED}),
        (clocks("cluster", "soon"), {RUN}),
        (policy(twin="never"), {"push:representative:run"}),
        (controls("no-token-denied", ABSENT), {"control:no-token-denied:run"}),
    ],
)
def test_which_claims_stand_on_a_check(changes: dict[str, Any], claims: set[str]) -> None:
    result = unknown(examine(examined(**changes)))
    assert {claim.rpartition(":")[0] if claim.startswith("bucket:") else claim for claim in result} == claims


def test_the_right_to_push_one_cache_is_of_the_publications_that_go_there() -> None:
    result = examine(examined(push={"main": NO_PATHS}))
    assert unknown(result) == {"push:canary:run", "control:bit-flip-caught:run"}
    result = examine(examined(push={"probe": NO_PATHS}))
    assert unknown(result) == {"push:profile:run", "push:representative:run", *PUSHED_PATHS}


def test_the_remedies_of_a_claim_are_said_once_each() -> None:
    result = examine(examined(**nix(among=False, trusted=False), missing_tools=("nix",)))
    (build,) = [claim for claim in result.unknown if claim.family == "build"]
    assert build.checks == ("nix", "substituter", "trusted-key")
    assert build.remedy == "; ".join(DOCTOR_BY_CODE[name.partition(":")[0]].remedy for name in build.checks)


def test_a_check_that_could_not_be_made_names_the_one_that_prevented_it_and_advises_nothing() -> None:
    """look.md S1 8: without a connection nobody is advised to grant rights, or to state that a cache is public."""
    refused = no_answer("connect")
    sample = with_sample(
        altered(
            {
                "listing": lambda _: (refused,),
                "heads": lambda rows: dict.fromkeys(rows, refused),
                "gets": lambda rows: dict.fromkeys(rows, refused),
            }
        )
    )
    state_seen = records.StateSeen(phase=Phase.PRE, bucket="b", key="k", head=refused, lock=refused)
    observation = examined(**sample, state=state_seen)
    unlooked = replace(observation.facts, pre=replace(observation.facts.pre, state=None))
    result = examine(replace(observation, facts=unlooked))
    follows = {check_name(row): (row.because, row.remedy) for row in result.findings if row.because}
    buckets = {f"{kind}:{name}" for kind in ("bucket-head", "bucket-get", "bucket") for name in ("attic", "tofu-state")}
    assert follows == dict.fromkeys({"bucket-list", "state-object", *buckets}, ("s3-reachable", ""))
    assert check(result, "s3-reachable").remedy == DOCTOR_BY_CODE["s3-reachable"].remedy
    assert result.verdict.headline == "Don't run the probe yet, it could not pass. Fix 1 thing first: s3-reachable."
    assert {claim.remedy for claim in result.unknown} == {DOCTOR_BY_CODE["s3-reachable"].remedy}


def test_a_bucket_that_could_not_be_asked_for_says_nothing_of_another_one() -> None:
    """Only attic is denied; tofu-state is nowhere by every source, and keeps its own remedy."""

    def edit(sample: records.BucketSampled) -> records.BucketSampled:
        denied = replace(sample, heads={**sample.heads, "attic": DENIED}, gets={**sample.gets, "attic": DENIED})
        return without_markers(runs.lost(denied, "tofu-state"))

    result = examine(examined(**with_sample(edit)))
    assert check(result, "bucket:attic").because == "bucket-head"
    assert told(result, "bucket:tofu-state").startswith("missing: ")
    assert (check(result, "bucket:tofu-state").because, check(result, "bucket:tofu-state").remedy) == (
        "",
        DOCTOR_BY_CODE["bucket"].remedy,
    )


def without_markers(sample: records.BucketSampled) -> records.BucketSampled:
    """The same, where no drive has a marker of tofu-state."""
    return replace(
        sample,
        places=tuple(
            replace(
                place,
                markers=tuple(
                    replace(mark, data=Truth.ABSENT, meta=Truth.ABSENT) if mark.bucket == "tofu-state" else mark
                    for mark in place.markers
                ),
            )
            for place in sample.places
        ),
    )


def test_what_nix_itself_answered_follows_from_nothing() -> None:
    result = examine(examined(missing_tools=("nix",), nix=NixSeen(among=False, trusted=None, error="no nix")))
    assert (check(result, "substituter").because, check(result, "trusted-key").because) == ("", "nix")


def test_each_check_needs_only_checks_that_there_are_and_no_circle() -> None:
    for row in DOCTOR:
        assert set(row.needs) <= DOCTOR_BY_CODE.keys() - {row.code}
        assert all(row.code not in DOCTOR_BY_CODE[code].needs for code in row.needs)


def test_names_are_each_there_once() -> None:
    assert len(DOCTOR_BY_CODE) == len(DOCTOR)
    assert DOCTOR_BY_CODE["right"].title == "right:NAMESPACE:VERB:RESOURCE[:NAME]"
    assert DOCTOR_BY_CODE["nix"].title == "nix"


def lowered(made: Examined) -> Iterator[dict[str, Any]]:
    """Settings in which one more thing is wrong."""
    yield {"keys_given": False}
    yield {"missing_tools": ("nix",)}
    yield {"reached": no_answer("connect")}
    yield {"log": LogSeen(lacking=("x",), late=True)}
    yield {"places": ()}
    yield {"push": {}}


def test_a_further_fault_never_makes_it_better() -> None:
    faults = list(lowered(examined()))
    order = [VerdictWord.QUARANTINE, VerdictWord.INCONCLUSIVE, VerdictWord.PASS]
    for start in ({}, with_sample(runs.lost), {"keys_given": False}):
        before = examine(examined(**start))
        for fault in faults:
            after = examine(examined(**{**start, **fault}))
            assert order.index(after.verdict.word) <= order.index(before.verdict.word)
            assert unknown(after) >= unknown(before)


READ_RIGHT, PUSH_RIGHT, BOTH_RIGHTS, NO_RIGHTS = ("r",), ("w",), ("r", "w"), ()


@pytest.mark.parametrize(
    ("caches", "grants", "lacks"),
    [
        (("main", "probe"), (BOTH_RIGHTS, BOTH_RIGHTS), None),
        (
            ("*", "main"),
            (BOTH_RIGHTS, READ_RIGHT),
            "main",
        ),  # the very name counts, and no pattern beside it (attic issue 133)
        (("*", "main"), (READ_RIGHT, BOTH_RIGHTS), "probe"),
        (("m*", "p*"), (BOTH_RIGHTS, BOTH_RIGHTS), None),
        (("*", "m*"), (BOTH_RIGHTS, BOTH_RIGHTS), None),
        (("*", "m*"), (BOTH_RIGHTS, READ_RIGHT), "main"),  # which pattern Attic takes is chance
        (("*", "m*"), (READ_RIGHT, PUSH_RIGHT), "main, probe"),
        (("main", "p*"), (NO_RIGHTS, BOTH_RIGHTS), "main"),
        (("other",), (BOTH_RIGHTS,), "main, probe"),
    ],
)
def test_the_rights_on_a_cache_are_those_of_its_name_else_of_each_pattern(
    caches: tuple[str, ...], grants: tuple[tuple[str, ...], ...], lacks: str | None
) -> None:
    push = replace(PUSH, caches=caches, grants=grants)
    result = examine(examined(tokens=(READ, push)))
    assert told(result, "push-token").endswith(f"; lacks {lacks}") == (lacks is not None)
    assert ("push-token" in bad(result)) == (lacks is not None)


def test_a_profile_without_a_flake_has_no_tree() -> None:
    (row,) = [row for row in examine(examined(**policy(installable=""))).findings if check_name(row) == "flake"]
    assert (row.status, row.summary) == (Status.NOT_APPLICABLE, "the profile builds no flake")
