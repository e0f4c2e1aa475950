"""What ``doctor`` observes, and its answer: findings, and the claims of a pass that they decide."""

from collections.abc import Mapping
from typing import Literal

from gate.model.basics import value
from gate.model.document import Facts, Finding
from gate.model.operators import Decision
from gate.model.records import HttpAnswer, PlaceSeen, StateSeen

TokenUse = Literal["read", "push"]
ClockOf = Literal["cache", "store", "cluster"]


@value
class TokenSeen:
    """What one token says of itself, unverified, and nothing else of it.

    ``origin``: given by the settings, minted by ourselves, or missing. ``expires`` is RFC 3339, None for a token that
    names no end; ``error`` says why it can't be read. ``grants`` are the rights on each of ``caches``, in their order.
    """

    use: TokenUse
    origin: Literal["given", "minted", "missing"]
    caches: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    grants: tuple[tuple[str, ...], ...] = ()
    expires: str | None = None
    error: str | None = None


@value
class ClockSeen:
    """A server's ``Date`` between our own two looks at our clock (RFC 3339); None: it sent none, or did not answer."""

    of: ClockOf
    before: str
    after: str
    date: str | None


@value
class RightSeen:
    """One right in a cluster, which ``sources`` need; ``granted`` is None, with ``error``, where it was not told.

    ``object`` is the name of the one object that it is for, empty: for any of them.
    """

    namespace: str
    verb: str
    resource: str
    object: str
    sources: tuple[str, ...]
    granted: bool | None
    error: str = ""


@value
class ClusterSeen:
    """The cluster that some place is in.

    ``distrust`` says why kubectl must not be used; then nothing was asked. ``server`` is the API server's version,
    None with ``error`` when it did not answer.
    """

    client: str | None
    client_error: str
    distrust: str | None
    server: str | None
    error: str
    rights: tuple[RightSeen, ...]


@value
class NixSeen:
    """What Nix makes of the cache under test: whether it is a substituter, and its key trusted; None: not told.

    ``weak`` are effective settings for which a run would be refused. ``trouble`` says what keeps Nix from reading an
    absent path as absent, and a path that the cache has whole; ``known_path`` is that path, where there is one.
    """

    among: bool | None
    trusted: bool | None
    error: str
    weak: tuple[str, ...] = ()
    trouble: str = ""
    known_path: str = ""


@value
class LogSeen:
    """The window on the server's log. ``lacking`` says what is missing of it; ``late``: the canary is not in it.

    ``silent`` are the replicas that answered a canary of their own, which is not in the log.
    """

    lacking: tuple[str, ...]
    late: bool
    silent: tuple[str, ...] = ()


@value
class Examined:
    """Everything that a doctor's visit saw.

    ``facts`` are folded as those of a run are: policy, versions, caches, controls, and one look at buckets, state,
    workloads and log canary. ``keys_given``: both halves of the S3 key. ``missing_tools`` are not on PATH.
    ``refusal`` is why a run would be refused by what the caches say of themselves. ``push`` has the answer to the
    emptiest push question of each cache; it is empty without a push token. ``listing`` are the pages of ListBuckets,
    ``places`` one row for each drive. ``store_log`` says what is missing of the store's log, None where none is named.
    ``tree`` says why the profile's flake is not what a commit has, or why that is unknown; None where it is.
    """

    facts: Facts
    keys_given: bool
    missing_tools: tuple[str, ...]
    nix: NixSeen
    refusal: str | None
    reached: HttpAnswer
    tokens: tuple[TokenSeen, ...]
    push: Mapping[str, HttpAnswer]
    listing: tuple[HttpAnswer, ...]
    heads: Mapping[str, HttpAnswer]
    gets: Mapping[str, HttpAnswer]
    places: tuple[PlaceSeen, ...]
    state: StateSeen | None
    log: LogSeen | None
    cluster: ClusterSeen | None
    clocks: tuple[ClockSeen, ...]
    store_log: tuple[str, ...] | None = None
    tree: str | None = None


@value
class UnknownClaim:
    """A claim that a pass needs and that could not be positively proven.

    ``checks`` are the names of the checks that prevent it, ``remedy`` is what to set or grant.
    """

    family: str
    subject: str
    phase: str
    checks: tuple[str, ...]
    remedy: str


@value
class Examination:
    """The whole answer of ``doctor``: one finding for each check; its code is one of `gate.judge.codes.doctor`."""

    profile: str
    findings: tuple[Finding, ...]
    unknown: tuple[UnknownClaim, ...]
    verdict: Decision
