"""What of the evidence would be unknown with these settings: the claims of a pass, each by the checks it stands on."""

from collections.abc import Iterator, Sequence
from typing import Final

from gate.judge.checks.builders import key_subject
from gate.judge.checks.controls import ABSENT, BIT_FLIP, NO_TOKEN, READ_ONLY
from gate.judge.checks.machine import TOOLS
from gate.judge.checks.push import REPRESENTATIVE
from gate.judge.checks.store_log import SUBJECT as STORE_LOG
from gate.judge.command_verdict import decide, worst
from gate.judge.examining import checks_of, right_name
from gate.judge.finding import RUN
from gate.judge.required import Claim, required_claims
from gate.model.basics import Label, Status
from gate.model.doctor import Check, Examination, Examined, UnknownClaim
from gate.model.operators import Decision

_BODIES: Final[Claim] = ("body", "every published path", RUN)  # nothing is published here, so none has a name yet
_GOOD: Final = (Status.PASS, Status.NOT_APPLICABLE)
_KEY: Final = ("s3-key", "s3-reachable")
# Attic says that a path is absent before it looks at rights; what a cache says of itself it tells only to a reader.
_READING: Final = ("cache-reachable", "cache", "read-token", ABSENT)
_RUN: Final = (
    *("nix", "attic", "kubectl", "cluster-trust", "cluster-reachable"),
    *("clock-cache", "clock-store", "clock-cluster"),
)
_NAMED: Final = 5  # checks that the first line names


def examine(seen: Examined) -> Examination:
    """The checks, the claims that could not be proven, and the verdict: a pass only when there is none of them."""
    checks = tuple(checks_of(seen))
    return Examination(
        profile=seen.facts.policy.profile,
        checks=checks,
        unknown=tuple(_unknown(seen, checks)),
        verdict=_verdict(checks),
    )


def _unknown(seen: Examined, checks: Sequence[Check]) -> Iterator[UnknownClaim]:
    bad = [check for check in checks if check.status not in _GOOD]
    for claim in (*required_claims(seen.facts), _BODIES):
        needs = _needs(seen, claim)
        found = [check for check in bad if any(_meets(check.name, need) for need in needs)]
        if found:
            family, subject, phase = claim
            hints = dict.fromkeys(check.hint for check in found)
            yield UnknownClaim(
                family=family,
                subject=subject,
                phase=phase,
                checks=tuple(check.name for check in found),
                hint="; ".join(hints),
            )


def _meets(name: str, need: str) -> bool:
    """Whether a check is the one that is needed: of that very name, or of that kind whatever its subject."""
    return name in (need, f"{need}:{name.partition(':')[2]}")


def _needs(seen: Examined, claim: Claim) -> tuple[str, ...]:
    """The names, or the kinds, of the checks that a claim stands on."""
    family, subject, _ = claim
    policy = seen.facts.policy
    probe = policy.caches[-1]
    if family == "bucket":
        own = (f"bucket-head:{subject}", f"bucket-get:{subject}", f"bucket:{subject}")
        return (*_KEY, "bucket-list", *own, "markers", *_rights(seen, "markers"))
    if family == "epoch":
        return (f"{subject}-workload", *_rights(seen, f"{subject}-workload"))
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
        return ("store-log", *_rights(seen, "store-log"))
    if family == "tool":
        return ("nix", "attic") if subject == TOOLS else ("nix",)
    if family == "push":
        cache = probe if subject == Label.CANARY.value else policy.attic_cache
        fresh = ("representative",) if subject == REPRESENTATIVE else ()
        return ("nix", "attic", "push-token", f"push-right:{cache}", "disk", *fresh)
    return {
        "run": _RUN,
        "build": ("nix", "substituter", "trusted-key", "flake"),
        "log": ("server-log", "log-canary", "log-replicas", *_rights(seen, "server-log")),
        "reader": ("nix", "substituter", "cache-reachable"),
        "state": (*_KEY, "state-object"),
        "store": ("s3-reachable",),
    }.get(family, _READING)


def _rights(seen: Examined, source: str) -> tuple[str, ...]:
    rights = seen.cluster.rights if seen.cluster else ()
    return tuple(right_name(right) for right in rights if source in right.sources)


def _verdict(checks: Sequence[Check]) -> Decision:
    status = worst(check.status for check in checks if check.status is not Status.NOT_APPLICABLE)
    if status is Status.PASS:
        return decide(
            status, "All that a pass needs can be observed with these settings. Nothing was published or proven."
        )
    names = [check.name for check in checks if check.status is status]
    told = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    if status is Status.FAIL:
        return decide(
            status,
            f"A run would end in quarantine: {told}. Keep trusted writes off; run `publication-gate capture` before "
            "anybody restarts anything.",
        )
    return decide(status, f"Don't run the probe yet, it could not pass: {told}. Set or grant what the hints say.")
