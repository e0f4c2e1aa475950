"""``doctor``: its checks, and the claims of a pass that would be unknown with these settings."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final

from gate import limits
from gate.errors import ForeignTextError
from gate.evidence.origin import of_origin
from gate.judge.checks.buckets import bucket_status, sample_in_words
from gate.judge.checks.build import key_subject
from gate.judge.checks.epochs import ROLES, check_epochs, misnamed
from gate.judge.checks.incident import check_disks
from gate.judge.checks.push import REPRESENTATIVE
from gate.judge.checks.run import ABSENT, BIT_FLIP, NO_TOKEN, READ_ONLY, TOOLS, check_caches, check_controls
from gate.judge.checks.server_log import unreadable_summary
from gate.judge.checks.state import check_state
from gate.judge.checks.store import SUBJECT as STORE_LOG
from gate.judge.checks.store import check_store_log
from gate.judge.codes.doctor import DOCTOR_BY_CODE
from gate.judge.finding import NO_ANSWER, RUN, finding
from gate.judge.verdict import Claim, decide, required_claims, worst
from gate.model.basics import Label, Phase, Status, Truth
from gate.model.doctor import ClockSeen, Examination, Examined, RightSeen, TokenSeen, UnknownClaim
from gate.model.document import Bucket, Facts, Finding
from gate.model.operators import Decision
from gate.model.records import HttpAnswer, PlaceSeen
from gate.model.time import parse_http_date
from gate.parse.attic_json import parse_attic_error, parse_missing_paths
from gate.parse.s3 import parse_fault
from gate.parse.text import excerpt

_OK: Final = 200
_NOT_FOUND: Final = 404
_FORBIDDEN: Final = 403
_LEAST_NIX: Final = (2, 8)  # the oldest that the gate was tried with
_NIX: Final = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})\b.*")
# Cargo's package and version, as clap prints them (attic b7c9056 client/src/cli.rs, client/Cargo.toml).
_ATTIC: Final = re.compile(r"attic(?:-client)? 0\.1\.[0-9]{1,4}\b.*")
_RIGHTS: Final = {"read": frozenset("r"), "push": frozenset("rw")}
# Faults of HTTP 403 that are no lack of a right: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_NOT_RIGHTS: Final = {
    "InvalidAccessKeyId": "the store does not know this key",
    "SignatureDoesNotMatch": "the secret of this key is wrong",
    "RequestTimeTooSkewed": "the clocks differ too much",
}
_NO_CLUSTER: Final = "no place is in a cluster"


def checks_of(observation: Examined) -> Iterator[Finding]:
    """Every check, in the order of `gate.judge.codes.doctor.DOCTOR`."""
    observation = of_origin(observation)
    yield from _tools(observation)
    yield from _cache(observation)
    yield from _store(observation)
    yield from _places(observation)
    yield from _cluster(observation)
    yield from (
        _clock(clock, in_use=clock.of != "cluster" or observation.cluster is not None) for clock in observation.clocks
    )
    yield _representative(observation.facts)


def _rehearsal(facts: Facts) -> Facts:
    """The one look as a run would have it before and after its publication, so that the run's own rules judge it."""
    return replace(facts, post=facts.pre)


def _is_proved(rows: Iterable[Finding]) -> bool:
    return {row.status for row in rows} == {Status.PASS}


def right_name(right: RightSeen) -> str:
    """The name of the check of a right."""
    return ":".join(filter(None, ("right", right.namespace, right.verb, right.resource, right.object)))


def check_name(row: Finding) -> str:
    """The name of a check: its code, and its subject where there are several of its kind."""
    return row.code if row.subject == RUN else f"{row.code}:{row.subject}"


def _row(name: str, summary: str, status: Status) -> Finding:
    code, _, subject = name.partition(":")
    row = finding(code, subject or RUN, summary, phase=Phase.PRE, status=status)
    return row if status in (Status.FAIL, Status.INCONCLUSIVE) else replace(row, remedy="")


def _check(name: str, summary: str, *, good: bool) -> Finding:
    return _row(name, summary, Status.PASS if good else Status.INCONCLUSIVE)


def _bad(name: str, summary: str) -> Finding:
    return _row(name, summary, Status.INCONCLUSIVE)


def _unused(name: str, why: str) -> Finding:
    return _row(name, why, Status.NOT_APPLICABLE)


# --- tools ------------------------------------------------------------------------------------------------------------
def _tools(observation: Examined) -> Iterator[Finding]:
    yield _nix(observation)
    attic = observation.facts.run.versions.get("attic", "unknown")
    if "attic" in observation.missing_tools:
        yield _bad("attic", "the attic client is not on PATH")
    else:
        yield _check("attic", f"it says {excerpt(attic)}", good=_ATTIC.fullmatch(attic) is not None)
    cluster = observation.cluster
    if cluster is None:
        yield _unused("kubectl", _NO_CLUSTER)
    else:
        yield _check("kubectl", cluster.client or cluster.client_error, good=cluster.client is not None)
    nix = observation.nix
    for name, good in (("substituter", nix.among), ("trusted-key", nix.trusted)):
        summary = {True: "it is among them", False: "it is not among them", None: f"unknown: {nix.error}"}[good]
        if name == "substituter" and nix.trouble:
            yield _bad(name, f"{summary}; {nix.trouble}")
        else:
            probe_path = f"; Nix reads {nix.known_path} there" if name == "substituter" and nix.known_path else ""
            yield _check(name, f"{summary}{probe_path}", good=good is True)
    if observation.facts.policy.installable:
        yield _check("flake", observation.tree or "it has no changes that no commit has", good=observation.tree is None)
    else:
        yield _unused("flake", "the profile builds no flake")


def _nix(observation: Examined) -> Finding:
    missing = [name for name in ("nix", "nix-store") if name in observation.missing_tools]
    version = observation.facts.run.versions.get("nix", "unknown")
    match = _NIX.fullmatch(version)
    good = match is not None and (int(match[1]), int(match[2])) >= _LEAST_NIX
    summary = f"{' and '.join(missing)} not on PATH" if missing else f"version {version}"
    if observation.nix.weak:
        weak = "; ".join(observation.nix.weak)
        return _bad("nix", f"{summary}; a run is refused until nix-settings of [nix] in gate.toml states: {weak}")
    return _check("nix", summary, good=good and not missing)


# --- cache ------------------------------------------------------------------------------------------------------------
def _cache(observation: Examined) -> Iterator[Finding]:
    yield _check("cache-reachable", _words(observation.reached), good=observation.reached.status is not None)
    for row in check_caches(observation.facts):
        summary = observation.refusal or row.summary
        yield _check(f"cache:{row.subject}", summary, good=row.status is Status.PASS and observation.refusal is None)
    now = _now(observation)
    yield from (_token(observation, token, now) for token in observation.tokens)
    for name in observation.facts.policy.caches:
        yield _push_right(f"push-right:{name}", observation.push.get(name))
    for row in check_controls(observation.facts):
        if row.subject != BIT_FLIP:  # it takes a published body
            yield _row(row.subject, row.summary.removeprefix(f"{row.subject}: "), row.status)


def _now(observation: Examined) -> datetime:
    """The cache's own time, since it is the one that counts for its tokens; ours where it tells none."""
    clock = next(clock for clock in observation.clocks if clock.of == "cache")
    return parse_http_date(clock.date) or datetime.fromisoformat(clock.after)


def _token(observation: Examined, token: TokenSeen, now: datetime) -> Finding:
    name = f"{token.use}-token"
    if token.origin == "missing":
        return _bad(name, "no token is given")
    if token.error is not None:
        return _bad(name, token.error)
    rights = ", ".join(token.rights) or "none"
    summary = (
        f"{token.origin}; by its own words {rights} on {', '.join(map(excerpt, token.caches))}; {_life(token, now)}"
    )
    minted = token.origin == "minted"  # one each, all alike; this one is the cache's under test
    caches = () if minted else observation.facts.policy.caches
    lacking = [cache for cache in caches if not _RIGHTS[token.use] <= _granted(token, cache)]
    good = not lacking and _RIGHTS[token.use] <= set(token.rights) and not _over(token, now)
    return _check(name, summary + (f"; lacks {', '.join(lacking)}" if lacking else ""), good=good)


def _granted(token: TokenSeen, cache: str) -> frozenset[str]:
    """The rights on one cache: Attic takes the entry of its very name, else that of one pattern that matches.

    Which one, where several match, is chance (attic token/src/lib.rs ``get_permission_for_cache`` goes through a hash
    map), so only what all of them grant is sure.
    """
    grants = dict(zip(token.caches, map(frozenset, token.grants), strict=True))
    if cache in grants:
        return grants[cache]
    patterns = [rights for name, rights in grants.items() if fnmatchcase(cache, name)]
    return frozenset.intersection(*patterns) if patterns else frozenset()


def _over(token: TokenSeen, now: datetime) -> bool:
    return token.expires is not None and datetime.fromisoformat(token.expires) <= now


def _life(token: TokenSeen, now: datetime) -> str:
    if token.expires is None:
        return "it names no end"
    remaining = round((datetime.fromisoformat(token.expires) - now).total_seconds())
    return f"EXPIRED {-remaining} s ago, at {token.expires}" if _over(token, now) else f"expires in {remaining} s"


def _push_right(name: str, answer: HttpAnswer | None) -> Finding:
    if answer is None:
        return _bad(name, "not asked: there is no push token")
    try:
        good = answer.status == _OK and parse_missing_paths(answer.body.encode()) == frozenset()
    except ForeignTextError as error:
        return _bad(name, f"HTTP {answer.status}, and {error}")
    return _check(name, _words(answer), good=good)


# --- store ------------------------------------------------------------------------------------------------------------
def _store(observation: Examined) -> Iterator[Finding]:
    yield _check(
        "s3-key",
        "both are given" if observation.keys_given else "only one of ID and secret is given",
        good=observation.keys_given,
    )
    last = observation.listing[-1]
    yield _check("s3-reachable", _words(last), good=last.status is not None)
    facts = observation.facts
    first = facts.pre.buckets[facts.policy.buckets[0]].samples[0]
    whole = first.listed is not Truth.UNKNOWN
    unread = "; ".join(note for note in first.notes if note.startswith("list: "))
    answered = last.status == _OK and last.error is None
    yield _check("bucket-list", "the list is whole" if whole else unread if answered else _refused(last), good=whole)
    for name in facts.policy.buckets:
        head, get = observation.heads[name], observation.gets[name]
        sample = facts.pre.buckets[name].samples[0]
        yield _check(f"bucket-head:{name}", _refused(head), good=head.status in (_OK, _NOT_FOUND))
        yield _check(f"bucket-get:{name}", _refused(get), good=sample.get is not Truth.UNKNOWN)
        yield _bucket(facts, name)
    yield _state(observation)


def _bucket(facts: Facts, name: str) -> Finding:
    """The class of the one sample, with the status that a run gives to that class (`bucket_status`)."""
    sample = facts.pre.buckets[name].samples[0]
    bucket = Bucket(state=sample.state, index_lost_seen=False, samples=(sample,), places=())
    summary = f"{sample.state.value}: {sample_in_words(sample)}"
    return _row(f"bucket:{name}", summary, bucket_status(bucket))


def _state(observation: Examined) -> Finding:
    policy, state = observation.facts.policy, observation.facts.pre.state
    where = f"{policy.state_bucket}/{policy.state_key}"
    if "state" in policy.absent:
        return _unused("state-object", "gate.toml says that this site keeps no state here")
    if not policy.state_key:
        return _bad("state-object", "no state-key is set")
    if state is None or observation.state is None:
        return _bad("state-object", f"{where} was not looked at")
    if state.truth is not Truth.PRESENT:
        return _bad("state-object", f"{where}: {_refused(observation.state.head)}")
    summary = f"{where}: {state.size} bytes, ETag {state.etag}, lock {state.locked.value}"
    summary += f" ({_refused(observation.state.lock)})" if state.locked is Truth.UNKNOWN else ""
    content = state.contents.content if state.contents else "unread"
    summary += f", content {content}" if policy.state_contents else ""
    return _check("state-object", summary, good=_is_proved(check_state(_rehearsal(observation.facts))))


def _words(answer: HttpAnswer) -> str:
    if answer.error is not None:
        return NO_ANSWER.get(answer.error, f"no whole answer ({answer.error})")
    fault, text = parse_fault(answer.body.encode()), parse_attic_error(answer.body.encode())
    name = fault.code if fault else text[1] if text else ""
    return f"HTTP {answer.status} {name}".rstrip()


def _refused(answer: HttpAnswer) -> str:
    """The words for an S3 answer; a 403 is a missing right unless its fault says otherwise, and never absence."""
    if answer.status != _FORBIDDEN:
        return _words(answer)
    fault = parse_fault(answer.body.encode())
    if fault is None:
        return f"{_words(answer)}: the right is missing, or the key is not accepted"
    return f"{_words(answer)}: {_NOT_RIGHTS.get(fault.code, 'the right is missing')}"


# --- places -----------------------------------------------------------------------------------------------------------
def _places(observation: Examined) -> Iterator[Finding]:
    if not observation.places:
        yield _bad("markers", "no place is set")
    yield from (_markers(place) for place in observation.places)
    disks = tuple(check_disks(observation.facts))
    if not disks:
        yield _unused("disk", "no drive was looked at")
    for row in disks:
        name = f"disk:{row.subject}"
        full = row.status is not Status.PASS
        yield _unused(name, row.summary) if row.code == "disk-use-unknown" else _check(name, row.summary, good=not full)
    absent = observation.facts.policy.absent
    for role in ROLES:
        name = f"{role}-workload"
        yield _unused(name, "gate.toml states it as absent") if name in absent else _workload(observation.facts, role)
    yield from _log(observation)
    yield _replicas(observation)
    yield _store_log(observation)


def _markers(place: PlaceSeen) -> Finding:
    unread = [mark for mark in place.markers if Truth.UNKNOWN in (mark.data, mark.meta)]
    summary = place.error or "; ".join(mark.error or f"{mark.bucket} could not be read" for mark in unread)
    good = place.error is None and not unread
    return _check(f"markers:{place.place}", summary or f"read, of {len(place.markers)} buckets", good=good)


def _workload(facts: Facts, role: str) -> Finding:
    rows = [row for row in facts.pre.workloads if row.role == role]
    unknown = [row for row in rows if row.truth is Truth.UNKNOWN]
    summary = "; ".join(f"{row.identity or row.error} at {row.place or 'no place'}" for row in unknown or rows)
    notes = [row.listening.note for row in rows if row.listening and row.listening.note]
    wrong = misnamed(role, (facts.pre.workloads,))
    summary = "; ".join([*([wrong[1]] if wrong else []), summary or "not looked at", *([] if wrong else notes)])
    judged = [row for row in check_epochs(_rehearsal(facts)) if row.subject == role]
    return _check(f"{role}-workload", summary, good=_is_proved(judged))


def _log(observation: Examined) -> Iterator[Finding]:
    log, canary = observation.log, observation.facts.pre.canary
    if log is None:
        yield _unused("server-log", "gate.toml states it as absent")
        yield _unused("log-canary", "gate.toml states the log as absent")
        return
    server_log = observation.facts.server_log
    unread = [unreadable_summary(server_log)] if server_log.unread_lines else []
    summary = "; ".join([*log.lacking, *unread]) or "it can be read"
    yield _check("server-log", summary, good=not (log.lacking or unread))
    answered = canary is not None and canary.answered is Truth.PRESENT
    logged = canary is not None and canary.logged is Truth.PRESENT
    if log.lacking:
        summary = "the log can't be read"
    elif canary is None:
        summary = "none was sent"
    elif log.late:
        summary = "it is not in the log"
    else:
        summary = "it is in the log" if logged else "its name is in the log, and no event of the log is its"
    summary += "" if answered else ", and the server did not answer it with its 500"
    yield _check("log-canary", summary, good=answered and logged and not log.lacking and not log.late)


def _replicas(observation: Examined) -> Finding:
    """Of the replicas that no canary came to a run can't say that their logs are whole; it may pass all the same."""
    rows, error = observation.facts.pre.replicas, observation.facts.pre.replicas_error
    absent = [row.pod for row in rows if row.answered and row.logged is Truth.ABSENT]
    silent = dict.fromkeys([*(observation.log.silent if observation.log else ()), *absent])
    if silent:
        return _bad("log-replicas", f"not in the log of the replica that answered it: {', '.join(silent)}")
    if error:
        return _unused("log-replicas", f"unknown: {error}")
    if len(rows) < 2:  # noqa: PLR2004  # then the endpoint's canary is the one replica's own
        return _unused("log-replicas", "there are no replicas to tell apart")
    unreached = [f"{row.pod}: {row.note}" for row in rows if not row.answered]
    summary = f"{len(rows) - len(unreached)} of {len(rows)} answered a canary of their own"
    if unreached:
        return _unused("log-replicas", f"{summary}; unknown whether the log is whole of {'; '.join(unreached)}")
    return _check("log-replicas", summary, good=True)


def _store_log(observation: Examined) -> Finding:
    if observation.store_log is None:
        return _unused("store-log", "none is named: what the store logs about its drives would be unknown")
    log = observation.facts.store_log
    if log is not None and log.truth is Truth.PRESENT and not (log.parsed_count or log.unread_lines):
        summary = "it can be read; the store logged nothing during this visit, and in a run that proves nothing"
        return _unused("store-log", summary)
    wrong = list(observation.store_log) or [
        row.summary for row in check_store_log(observation.facts) if row.status is not Status.PASS
    ]
    return _check("store-log", "; ".join(wrong) or "it can be read", good=not wrong)


# --- cluster, clocks, profile -----------------------------------------------------------------------------------------
def _cluster(observation: Examined) -> Iterator[Finding]:
    cluster = observation.cluster
    if cluster is None:
        yield _unused("cluster-trust", _NO_CLUSTER)
        yield _unused("cluster-reachable", _NO_CLUSTER)
        return
    yield _check("cluster-trust", cluster.distrust or "it is the cluster that is named", good=cluster.distrust is None)
    yield _check("cluster-reachable", cluster.server or cluster.error, good=cluster.server is not None)
    for right in cluster.rights:
        summary = {True: "granted", False: "the right is missing", None: f"unknown: {right.error}"}[right.granted]
        yield _check(right_name(right), f"{summary} (for {', '.join(right.sources)})", good=right.granted is True)


def _clock(clock: ClockSeen, *, in_use: bool) -> Finding:
    name = f"clock-{clock.of}"
    if clock.date is None:
        return _unused(name, "no Date was told, so there is nothing to compare" if in_use else _NO_CLUSTER)
    there = parse_http_date(clock.date)
    if there is None:
        return _bad(name, f"its Date is {excerpt(clock.date)}")
    # A Date is cut to its second, and was written at some moment between our two looks.
    least = (there - datetime.fromisoformat(clock.after)).total_seconds()
    most = (there - datetime.fromisoformat(clock.before)).total_seconds() + 1
    skew = least if least > 0 else min(most, 0)
    summary = (
        "it agrees with ours" if skew == 0 else f"{abs(round(skew))} s {'ahead of' if skew > 0 else 'behind'} ours"
    )
    return _check(name, summary, good=abs(skew) <= limits.CLOCK_SKEW_SECONDS)


def _representative(facts: Facts) -> Finding:
    policy = facts.policy
    good = not policy.representative or policy.twin != "never"
    summary = f"profile {policy.profile}, {policy.min_fresh} fresh paths wanted, twin {policy.twin}"
    return _check("representative", summary, good=good)


_BODIES: Final[Claim] = ("body", "every published path", RUN)  # nothing is published here, so none has a name yet
_GOOD: Final = (Status.PASS, Status.NOT_APPLICABLE)
_KEY: Final = ("s3-key", "s3-reachable")
# Attic says that a path is absent before it looks at rights; what a cache says of itself it tells only to a reader.
_READING: Final = ("cache-reachable", "cache", "read-token", ABSENT)
_RUN: Final = (
    *("nix", "attic", "kubectl", "cluster-trust", "cluster-reachable"),
    *("clock-cache", "clock-store", "clock-cluster"),
)
_FIRST_LINE_CHECKS: Final = 5  # checks that the first line names


def examine(observation: Examined) -> Examination:
    """The checks, the claims that could not be proven, and the verdict: a pass only when there is none of them."""
    rows = _with_causes(observation, tuple(checks_of(observation)))
    return Examination(
        profile=observation.facts.policy.profile,
        findings=rows,
        unknown=tuple(_unknown(observation, rows)),
        verdict=_verdict(rows),
    )


def _with_causes(observation: Examined, rows: Sequence[Finding]) -> tuple[Finding, ...]:
    """The checks, where one that could not be made names the check that prevented it, and has no remedy."""
    bad = [row for row in rows if row.status not in _GOOD]
    answered = {"substituter": observation.nix.among is not None, "trusted-key": observation.nix.trusted is not None}
    result: list[Finding] = []
    for row in rows:
        causes = [need for need in DOCTOR_BY_CODE[row.code].needs if any(_prevents(each, row, need) for each in bad)]
        follows = causes and row.status is Status.INCONCLUSIVE and not answered.get(row.code, False)
        result.append(replace(row, because=causes[0], remedy="") if follows else row)
    return tuple(result)


def _prevents(row: Finding, other: Finding, need: str) -> bool:
    """Whether a check that is not good is the one that another needs: of the same bucket where both are of buckets."""
    same_kind = DOCTOR_BY_CODE[need].subject == DOCTOR_BY_CODE[other.code].subject != ""
    return row.code == need and (not same_kind or row.subject == other.subject)


def _unknown(observation: Examined, rows: Sequence[Finding]) -> Iterator[UnknownClaim]:
    bad = [row for row in rows if row.status not in _GOOD]
    for claim in (*required_claims(observation.facts), _BODIES):
        needs = _needs(observation, claim)
        blocking = [row for row in bad if any(_meets(check_name(row), need) for need in needs)]
        if blocking:
            family, subject, phase = claim
            yield UnknownClaim(
                family=family,
                subject=subject,
                phase=phase,
                checks=tuple(map(check_name, blocking)),
                remedy="; ".join(dict.fromkeys(row.remedy for row in blocking if row.remedy)),
            )


def _meets(name: str, need: str) -> bool:
    """Whether a check is the one that is needed: of that very name, or of that kind whatever its subject."""
    return name in (need, f"{need}:{name.partition(':')[2]}")


def _needs(observation: Examined, claim: Claim) -> tuple[str, ...]:
    """The names, or the kinds, of the checks that a claim rests on."""
    family, subject, _ = claim
    policy = observation.facts.policy
    probe = policy.caches[-1]
    if family == "bucket":
        own = (f"bucket-head:{subject}", f"bucket-get:{subject}", f"bucket:{subject}")
        return (*_KEY, "bucket-list", *own, "markers", *_rights(observation, "markers"))
    if family == "epoch":
        return (f"{subject}-workload", *_rights(observation, f"{subject}-workload"))
    if (family, subject) == ("cache", key_subject(policy.attic_cache)):
        return ("nix", "trusted-key")
    if family == "cache":
        return ("cache-reachable", f"cache:{subject}")
    if family == "control":
        return {
            NO_TOKEN: ("cache-reachable", NO_TOKEN),
            READ_ONLY: ("read-token", READ_ONLY),
            BIT_FLIP: (*_READING, "push-token", f"push-right:{probe}"),
        }.get(subject, _READING)
    if (family, subject) == ("log", STORE_LOG):
        return ("store-log", *_rights(observation, "store-log"))
    if family == "tool":
        return ("nix", "attic") if subject == TOOLS else ("nix",)
    if family == "push":
        cache = probe if subject == Label.CANARY.value else policy.attic_cache
        fresh = ("representative",) if subject == REPRESENTATIVE else ()
        return ("nix", "attic", "push-token", f"push-right:{cache}", "disk", *fresh)
    return {
        "run": _RUN,
        "build": ("nix", "substituter", "trusted-key", "flake"),
        "log": ("server-log", "log-canary", "log-replicas", *_rights(observation, "server-log")),
        "reader": ("nix", "substituter", "cache-reachable"),
        "state": (*_KEY, "state-object"),
        "store": ("s3-reachable",),
    }.get(family, _READING)


def _rights(observation: Examined, source: str) -> tuple[str, ...]:
    rights = observation.cluster.rights if observation.cluster else ()
    return tuple(right_name(right) for right in rights if source in right.sources)


def _verdict(rows: Sequence[Finding]) -> Decision:
    status = worst(row.status for row in rows if row.status is not Status.NOT_APPLICABLE)
    if status is Status.PASS:
        return decide(
            status, "All that a pass needs can be observed with these settings. Nothing was published or proven."
        )
    names = [check_name(row) for row in rows if row.status is status and not row.because]
    first = ", ".join(names[:_FIRST_LINE_CHECKS]) + (
        f" and {len(names) - _FIRST_LINE_CHECKS} more" if len(names) > _FIRST_LINE_CHECKS else ""
    )
    if status is Status.FAIL:
        return decide(
            status,
            f"A run would end in quarantine: {first}. Keep trusted writes off; run `publication-gate capture` before "
            "anybody restarts anything.",
        )
    number = "1 thing" if len(names) == 1 else f"{len(names)} things"
    return decide(status, f"Don't run the probe yet, it could not pass. Fix {number} first: {first}.")
