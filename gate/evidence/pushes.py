"""Gives each path of a push one claim, from the plan, the cache's own list of what it lacks, and the client's output.

The client prints no line for cached and upstream paths. These follow from the answer to ``get-missing-paths`` before
the push and from the local signatures, and must match the counts in the client's header.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gate import limits
from gate.errors import ForeignTextError
from gate.evidence.origin import of_origin
from gate.model.basics import Claim, Label, Truth
from gate.model.facts import Counts, Push, PushAttempt, PushPath
from gate.model.parsed import PushLine, PushReport
from gate.model.records import ChildEnded, MissingAsked, PathFacts, PushSetKnown
from gate.parse.attic_json import parse_missing_paths
from gate.parse.narinfo import key_name
from gate.parse.push_log import CONTRADICTED, PushLogParser
from gate.parse.store_path import hash_part


@dataclass(frozen=True, kw_only=True)
class PushSources:
    """The records and the capture of one publication. ``ended`` is None where no push began."""

    push_set: PushSetKnown
    missing_asked: MissingAsked | None
    ended: ChildEnded | None
    log: Iterable[bytes]
    cut: bool


def child_name(label: Label) -> str:
    """The name of a publication's push in the journal."""
    return f"push:{label.value}"


def capture_name(label: Label) -> str:
    """The capture that holds the client's output."""
    return f"push-{label.value}.log"


def fold_push(pushes: Sequence[PushSources]) -> Push:
    """Every publication of the run, in order, with every path in exactly one claim."""
    attempts: list[PushAttempt] = []
    paths: list[PushPath] = []
    for sources in pushes:
        report, failures = _report(sources)
        push_paths = _paths(sources, report, failures) if sources.ended is not None else ()
        attempts.append(_attempt(sources, report, push_paths))
        paths.extend(push_paths)
    return Push(attempts=tuple(attempts), paths=tuple(paths), counts=claim_counts(paths))


def claim_counts(paths: Iterable[PushPath]) -> Counts:
    """How many of these paths have which claim."""
    claims = [path.claim for path in paths]
    return Counts(
        attempted=len(claims),
        uploaded=claims.count(Claim.UPLOADED),
        deduplicated=claims.count(Claim.DEDUPLICATED),
        already_cached=claims.count(Claim.ALREADY_CACHED),
        in_upstream=claims.count(Claim.IN_UPSTREAM),
        failed=claims.count(Claim.FAILED),
        unaccounted=claims.count(Claim.UNACCOUNTED),
    )


def _report(sources: PushSources) -> tuple[PushReport, Mapping[str, int | None]]:
    """The client's output, and for each failed path how long after the client's start its line was whole."""
    parser = PushLogParser(path.store_path for path in sources.push_set.paths)
    failures: dict[str, int | None] = {}
    millis: int | None = None
    for millis, piece in _timed(sources):
        parser.feed(piece)
        failures.update(dict.fromkeys(parser.failures_after(len(failures)), millis))
    report = parser.finish()  # the last line may have no end
    failures.update(dict.fromkeys(parser.failures_after(len(failures)), millis))
    return report, failures


def _timed(sources: PushSources) -> Iterator[tuple[int | None, bytes]]:
    """The client's output in pieces, each with the milliseconds from the client's start (`ChildEnded.output_times`)."""
    times = deque(sources.ended.output_times if sources.ended else ())
    full = len(times) >= limits.OUTPUT_TIMES
    offset, millis = 0, None
    for chunk in sources.log:
        rest = chunk
        while rest:
            while times and times[0][0] <= offset:
                millis = times.popleft()[1]
                if full and not times:
                    millis = None
            piece = rest[: times[0][0] - offset] if times else rest
            yield millis, piece
            rest = rest[len(piece) :]
            offset += len(piece)


def _attempt(sources: PushSources, report: PushReport, paths: Sequence[PushPath]) -> PushAttempt:
    ended, missing_asked = sources.ended, Truth.ABSENT
    if sources.missing_asked is not None:
        missing_asked = Truth.UNKNOWN if missing_hashes(sources.missing_asked) is None else Truth.PRESENT
    return PushAttempt(
        label=sources.push_set.label,
        cache=sources.push_set.cache,
        started=ended is not None,
        exit=ended.exit if ended else None,
        signal=ended.signal if ended else None,
        ended_by=ended.ended_by if ended else None,
        announced=report.announced,
        done=report.done,
        vacuous=report.vacuous,
        fatal=report.fatal,
        contradicted=report.contradicted,
        foreign=report.foreign,
        unread_lines=report.unread_lines,
        cut=sources.cut,
        missing_asked=missing_asked,
        counts=claim_counts(paths),
    )


def missing_hashes(question: MissingAsked | None) -> frozenset[str] | None:
    """The hash parts that the cache says it lacks; None where it gave no such answer."""
    if question is None or not of_origin(question.answer).ok:
        return None
    try:
        return parse_missing_paths(question.answer.body.encode())
    except ForeignTextError:
        return None


def fresh_before(push_set: PushSetKnown, question: MissingAsked | None) -> int | None:
    """How many paths a push has to write: missing in the cache, and no upstream's; None where that is unknown."""
    missing = missing_hashes(question)
    if missing is None:
        return None
    return sum(hash_part(facts.store_path) in missing and not _left_out(push_set, facts) for facts in push_set.paths)


def _paths(sources: PushSources, report: PushReport, failures: Mapping[str, int | None]) -> tuple[PushPath, ...]:
    missing = missing_hashes(sources.missing_asked)
    lines = {line.store_path: line for line in report.lines}
    contradicted = {line.store_path for line in report.lines if line.error and line.error.code == CONTRADICTED}
    doubted = contradicted.union(report.doubted)
    return tuple(
        replace(
            _path(sources, facts, missing, lines),
            doubted=facts.store_path in doubted,
            failure_millis=failures.get(facts.store_path),
        )
        for facts in sources.push_set.paths
    )


def _path(
    sources: PushSources,
    facts: PathFacts,
    missing: frozenset[str] | None,
    lines: Mapping[str, PushLine],
) -> PushPath:
    push_set, before = sources.push_set, Truth.UNKNOWN
    if missing is not None:
        before = Truth.ABSENT if hash_part(facts.store_path) in missing else Truth.PRESENT
    line = lines.get(facts.store_path)
    return PushPath(
        label=push_set.label,
        cache=push_set.cache,
        store_path=facts.store_path,
        nar_hash=facts.nar_hash,
        nar_size=facts.nar_size,
        claimed_before=before,
        claim=line.claim if line else _silent_claim(sources, facts, before),
        error=line.error if line else None,
        doubted=False,
        deduplicated_permille=line.deduplicated_permille if line else None,
    )


def _silent_claim(sources: PushSources, facts: PathFacts, before: Truth) -> Claim:
    """The claim of a path without a line. The client trusts key names of upstreams; here signatures are verified."""
    push_set = sources.push_set
    if facts.store_path in push_set.upstream:
        return Claim.IN_UPSTREAM
    skipped = _left_out(push_set, facts)
    return Claim.ALREADY_CACHED if before is Truth.PRESENT and not skipped else Claim.UNACCOUNTED


def _left_out(push_set: PushSetKnown, facts: PathFacts) -> bool:
    """Whether the client leaves a path to an upstream, which it decides by the key names of the signatures only."""
    return not set(push_set.upstream_key_names).isdisjoint(key_name(signature) for signature in facts.signatures)
