"""What a verdict proves and does not; it travels with every verdict.

`BOUNDARY` holds for every run. A `BlindSpot` holds for the runs that its condition names: something that nobody in the
place of this run could have noticed. Each is shown by a lie of ``tests/liars`` that a run of that kind does not see.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gate.model.basics import Truth
from gate.model.document import Facts

BOUNDARY: Final = (
    "Attic on RustFS is a mutable, cache-forward Nix binary cache: this speaks of one run, on one server epoch.",
    "A pass is no proof of remote execution.",
    "OpenTofu state needs a dedicated HA authority; state beside the cache shares its failures.",
    "Builds need fallback, because cache acceleration must not become build authority.",
)


@dataclass(frozen=True, kw_only=True)
class BlindSpot:
    """Something that a run of a certain kind cannot notice, in a sentence, and which runs those are."""

    name: str
    sentence: str
    applies: Callable[[Facts], bool]


def _is_behind_a_cache(facts: Facts) -> bool:
    """Whether a server without a named origin shows signs of a CDN, or of a proxy that follows Attic's redirects."""
    store, policy = facts.store, facts.policy
    before_s3 = store is not None and store.network is not None
    unnamed = store is not None and store.canary is not None and store.canary.place is None
    before_attic = facts.subject.network is not None or unnamed
    return (before_s3 and not policy.origin_endpoint) or (before_attic and not policy.origin_server)


BLIND_SPOTS: Final = (
    # A split run: the job that ran flake code had no S3 key, and the jobs that observed ran no flake code.
    BlindSpot(
        name="split-publication",
        sentence="The run was split: which paths were published, with which contents, is a claim of the job that ran "
        "flake code.",
        applies=lambda facts: bool(facts.parts),
    ),
    BlindSpot(
        name="split-canaries",
        sentence="Canaries and twin bear a nonce that this job did not choose; that they are served is another job's "
        "observation.",
        applies=lambda facts: bool(facts.parts),
    ),
    BlindSpot(
        name="split-times",
        sentence="That the buckets were watched during the pushes rests on the times that the publishing job gave for "
        "them.",
        applies=lambda facts: bool(facts.parts),
    ),
    # The limits of every run's observations.
    BlindSpot(
        name="log-filtered",
        sentence="The canaries prove that the server's log is followed, and not that nothing is filtered out of it.",
        applies=lambda facts: "server-log" not in facts.policy.absent,
    ),
    BlindSpot(
        name="log-absent",
        sentence="The server's log was not read, since gate.toml says that it cannot be had here: an error that the "
        "server logged and did not answer with is not known.",
        applies=lambda facts: "server-log" in facts.policy.absent,
    ),
    BlindSpot(
        name="store-log-absent",
        sentence="The store's own log was not read, since gate.toml names no place of it: trouble of its drives that "
        "it did not answer with is not known.",
        applies=lambda facts: not facts.policy.store_log,
    ),
    BlindSpot(
        name="state-by-head",
        sentence="The OpenTofu state was looked at by HEAD alone: content that changed under the same ETag, size and "
        "version is not known.",
        applies=lambda facts: "state" not in facts.policy.absent and not facts.policy.state_contents,
    ),
    BlindSpot(
        name="state-absent",
        sentence="No OpenTofu state was looked at, since gate.toml says that this site keeps none in this store.",
        applies=lambda facts: "state" in facts.policy.absent,
    ),
    BlindSpot(
        name="workload-absent",
        sentence="A server's process was not looked at, since gate.toml says that it cannot be: a restart of it is not "
        "known.",
        applies=lambda facts: bool({"store-workload", "cache-workload"} & set(facts.policy.absent)),
    ),
    BlindSpot(
        name="forge",
        sentence="Which runs there are, and when they ran, is GitHub's word: a run that it does not list is not known.",
        applies=lambda facts: facts.run.workflow_run is not None,
    ),
    BlindSpot(
        name="objects-unseen",
        sentence="No object was seen on the disk of the store: that cache, bucket and disk are of one store rests on "
        "what the bucket and the settings say.",
        applies=lambda facts: (
            facts.store is not None and facts.store.canary is not None and facts.store.canary.on_disk is Truth.UNKNOWN
        ),
    ),
    BlindSpot(
        name="cache-without-headers",
        sentence="An HTTP cache is in front of the servers and no origin behind it is named ([cache] origin-server, "
        "[store] origin-endpoint): what it keeps and says nothing of may be gone from the store.",
        applies=_is_behind_a_cache,
    ),
    BlindSpot(
        name="answers-without-date",
        sentence="An answer of the S3 endpoint had neither a Date nor an id of its request, and no [store] "
        "origin-endpoint is named: an old answer that a proxy gives again is not recognized.",
        applies=lambda facts: facts.store is not None and facts.store.undated and not facts.policy.origin_endpoint,
    ),
    BlindSpot(
        name="yardstick",
        sentence="The yardstick of every body is the Nix database of the machine that built it: what that machine "
        "built wrongly is published, and read back as it is.",
        applies=lambda facts: bool(facts.push.paths),
    ),
)
SPOT_BY_NAME: Final = {spot.name: spot for spot in BLIND_SPOTS}


def boundary(facts: Facts) -> tuple[str, ...]:
    """The sentences for this run: those of every run, then those of this run's blind spots."""
    return (*BOUNDARY, *(spot.sentence for spot in BLIND_SPOTS if spot.applies(facts)))
