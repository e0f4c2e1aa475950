"""What an audit comes to: its findings and its verdict from its counts, and what a sample of it proves.

The unit of a sample is the store path. A sample are the paths with the smallest order, so a larger one holds each
smaller one; its bound is exact for a finite population.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from hashlib import sha256
from math import exp, lgamma
from typing import Final

from gate.judge.codes.registry import BY_CODE
from gate.model.audit import AuditFinding, AuditResult, BrokenClaim, ChunkState
from gate.model.basics import Status, VerdictWord

# In the order of harm: the worst of a path's chunks is the path's own state.
HARM: Final = (
    ChunkState.WHOLE,
    ChunkState.COLLECTED,
    ChunkState.SUPERSEDED,
    ChunkState.UNREAD,
    ChunkState.ABSENT,
    ChunkState.FLAPPING,
    ChunkState.INDEX_HIDDEN,
    ChunkState.LOST,
    ChunkState.CORRUPT,
)
HARMLESS: Final = frozenset((ChunkState.WHOLE, ChunkState.COLLECTED, ChunkState.SUPERSEDED))
_CODES: Final = {
    ChunkState.INDEX_HIDDEN: "audit-chunk-hidden",
    ChunkState.LOST: "audit-chunk-lost",
    ChunkState.CORRUPT: "audit-chunk-corrupt",
    ChunkState.ABSENT: "audit-chunk-absent",
    ChunkState.FLAPPING: "audit-chunk-flapping",
    ChunkState.UNREAD: "audit-chunk-unread",
}
# What Attic answers with 404, 500 or 503, or not at all, and so Nix can't read either.
_FATAL_CLAIMS: Final = frozenset((BrokenClaim.CHUNK_MISSING, BrokenClaim.CHUNK_COUNT, BrokenClaim.CHUNK_STATE))

BROKEN: Final = "broken-claim"
INCONSISTENT: Final = "odd-claim"


def claim_word(broken: BrokenClaim) -> str:
    """What a path with such a claim is counted as."""
    return BROKEN if broken in _FATAL_CLAIMS else INCONSISTENT


def joined_state(states: Collection[ChunkState]) -> ChunkState:
    """The state of a chunk that was seen in these, in any order and number.

    What could not be read says nothing beside what was; two different observations are ``flapping``.
    """
    distinct = set(states) - {ChunkState.UNREAD}
    if not distinct:
        return ChunkState.UNREAD
    return next(iter(distinct)) if len(distinct) == 1 else ChunkState.FLAPPING


def worst(states: Collection[ChunkState]) -> ChunkState:
    """The most harmful of a path's chunks; whole for a path without chunks."""
    return max(states, key=HARM.index, default=ChunkState.WHOLE)


def judged(result: AuditResult) -> AuditResult:
    """The same result with its findings, in the order of the registry, and its verdict."""
    counts: Counter[str] = Counter()
    for chunk in result.damaged_chunks:
        if chunk.state in _CODES:
            counts[_CODES[chunk.state]] += 1
    counts["audit-claim-broken"] = result.paths.get(BROKEN, 0)
    counts["audit-claim-odd"] = result.paths.get(INCONSISTENT, 0)
    for row in result.service:
        counts["audit-service-damaged" if row.status == Status.FAIL else "audit-service-unread"] += 1
    counts["audit-shard-missing"] = len(result.missing_shards)
    counts["audit-level-claims"] = int(result.level == 0)
    counts["audit-service-unproved"] = int(result.service_whole == 0)
    counts["audit-service-unread"] += result.service_asked - result.service_whole - len(result.service)
    if not any(counts.values()):
        counts["audit-path-unaudited"] = max((bound.damaged for bound in result.bounds), default=0)
    findings = tuple(
        AuditFinding(code=row.code, status=row.statuses[0].value, count=counts[row.code])
        for row in BY_CODE.values()
        if counts[row.code] > 0
    )
    statuses = {finding.status for finding in findings}
    if not findings:
        findings = (AuditFinding(code="audit-whole", status=Status.PASS.value, count=sum(result.paths.values())),)
    verdict = (
        VerdictWord.QUARANTINE
        if Status.FAIL in statuses
        else VerdictWord.INCONCLUSIVE
        if Status.INCONCLUSIVE in statuses or not _is_proved(result)
        else VerdictWord.PASS
    )
    return replace(result, findings=findings, verdict=verdict)


def _is_proved(result: AuditResult) -> bool:
    """Whether something was positively read, and each look of the plan says what it says."""
    return bool(result.bounds) and result.chunks.get(ChunkState.WHOLE, 0) > 0


_TAG: Final = b"gate-audit-v1\0"


def path_order(seed: bytes, cache: str, store_path_hash: str) -> str:
    """The place of a path in the permutation that the seed fixes, as 64 hexadecimal digits."""
    return sha256(b"%s%s%s\0%s" % (_TAG, seed, cache.encode(), store_path_hash.encode())).hexdigest()


def chance_of_at_most(damaged: int, population: int, marked: int, sample: int) -> float:
    """``P(X <= damaged)`` of a hypergeometric X: ``sample`` drawn of ``population`` with ``marked`` damaged ones."""
    lowest = max(0, sample - (population - marked))
    whole = _choices(population, sample)
    return min(
        1.0,
        sum(
            exp(_choices(marked, drawn) + _choices(population - marked, sample - drawn) - whole)
            for drawn in range(lowest, min(damaged, marked, sample) + 1)
        ),
    )


def largest_damage(damaged: int, population: int, sample: int, confidence: float) -> int:
    """The largest number of damaged paths with which a sample shows so few with a chance over ``1 - confidence``.

    The exact one-sided bound; Clopper and Pearson's is its limit for an endless population. ``damaged`` of ``sample``
    were seen damaged or could not be read.
    """
    low, high = damaged, population - (sample - damaged)  # what was seen is certain, at both ends
    while low < high:
        middle = (low + high + 1) // 2
        if chance_of_at_most(damaged, population, middle, sample) > 1 - confidence:
            low = middle
        else:
            high = middle - 1
    return low


def _choices(things: int, chosen: int) -> float:
    """The logarithm of the number of ways to choose."""
    return lgamma(things + 1) - lgamma(chosen + 1) - lgamma(things - chosen + 1)
